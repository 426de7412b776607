"""Sealed models as folders: one folder a model, its name the hash of its manifest.

::

    <folder>/<digest>/manifest.json
                      manifest.sig            32 bytes: SHA-256 of the public key
                                              64 bytes: Ed25519 over the manifest
                      and the blobs of its family, such as
                      forest.safetensors, calibration.json, parity.safetensors

Writing is all or nothing: files are written into a hidden folder, synced, and the folder
is renamed. Reading believes nothing: names are checked before a path is made of them,
links are not followed, sizes are capped, each file is read once, and no parser sees a
byte before the signature and the hash were found good.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from stairway.base.errors import ConfigError
from stairway.base.hashing import digest as sha256
from stairway.base.verdict import Refuse, refuse
from stairway.models.manifest import Blob, Form, is_digest
from stairway.models.sealed import Bundle, Packed, SealedModel, pack, read_manifest, unpack

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
KEY_ID_BYTES, SIGNATURE_BYTES, PUBLIC_KEY_BYTES = 32, 64, 32
MAX_MANIFEST_BYTES = 1 << 20
MAX_BLOB_BYTES = 64 << 20
HIDDEN = ".sealing-"
"""Then the id of the process that writes there, and what makes the name unique."""

Step: TypeAlias = Callable[[str], None]


def untold(_name: str) -> None:
    """Tell nobody which step is taken next."""


def new_key() -> Ed25519PrivateKey:
    """Make the key of one training run; it must never be written down."""
    return Ed25519PrivateKey.generate()


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes that a trader needs to believe what ``key`` signed.

    Examples
    --------
    >>> len(public_bytes(new_key()))
    32
    """
    return key.public_key().public_bytes_raw()


def seal(folder: Path, bundle: Bundle, key: Ed25519PrivateKey, at: Step = untold) -> str:
    """Pack, sign and write a model; return its digest.

    Sealing the same bundle again changes nothing and returns the same digest. ``at`` is
    told the name of every step just before it is taken.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or holds this model under another signature.
    DataError, InvariantError
        If the bundle cannot be sealed: see :func:`stairway.models.sealed.pack`.
    """
    packed = pack(bundle)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / packed.digest).exists():
            _write(folder, packed, _signed(packed.manifest, key), at)
    except OSError as error:
        msg = f"cannot seal a model into {folder}: {error.strerror}; choose another folder"
        raise ConfigError(msg) from error
    opened = open_sealed(folder, packed.digest, public_bytes(key))
    if isinstance(opened, Refuse):
        msg = (
            f"{folder / packed.digest} exists and is not what would be written there "
            f"({opened.findings[0].detail}): use an empty folder"
        )
        raise ConfigError(msg)
    return packed.digest


def open_sealed(folder: Path, digest: str, public_key: bytes) -> SealedModel | Refuse:
    """Read a model, or refuse with the first thing that is wrong.

    Parameters
    ----------
    public_key : 32 bytes
        Whom to believe. A model that anybody else signed is refused.

    Examples
    --------
    >>> open_sealed(Path("models"), "../../etc", bytes(32)).findings[0].code
    'artifact.name'
    """
    if not is_digest(digest):
        detail = f"{digest[:80]!r} does not name a model: 64 hexadecimal digits do"
        return refuse("artifact.name", detail)
    if len(public_key) != PUBLIC_KEY_BYTES:
        return refuse("artifact.key", "a public key has 32 bytes", len(public_key), 32)
    try:
        with ExitStack() as stack:
            home = _open_folder(folder, digest, stack)
            return _open(home, digest, public_key)
    except OSError as error:
        detail = f"model {digest[:12]} in {folder} cannot be read: {error.strerror or error}"
        return refuse("artifact.unreadable", detail)


def list_digests(folder: Path) -> tuple[str, ...]:
    """Names of the models in a folder, sorted; whether they open is another question."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in folder.iterdir() if is_digest(entry.name)))


def _signed(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    return bytes.fromhex(sha256(public_bytes(key))) + key.sign(manifest)


def sweep(folder: Path) -> tuple[str, ...]:
    """Take away what processes of this machine left half sealed when they died.

    Whole models are never touched. Returns the names of what was taken away.
    """
    if not folder.is_dir():
        return ()
    halves = sorted(entry for entry in folder.iterdir() if entry.name.startswith(HIDDEN))
    dead = [entry for entry in halves if not _is_being_sealed(entry.name)]
    try:
        for entry in dead:
            shutil.rmtree(entry)
    except OSError as error:
        msg = f"cannot clear {folder}: {error.strerror}; check who may write there"
        raise ConfigError(msg) from error
    return tuple(entry.name for entry in dead)


def _is_being_sealed(name: str) -> bool:
    """Tell whether the process that a hidden folder is named after is alive."""
    pid = name.removeprefix(HIDDEN).partition("-")[0]
    if not (pid.isascii() and pid.isdigit()):
        return False
    return Path("/proc", pid).exists()


def _write(folder: Path, packed: Packed, signature: bytes, at: Step) -> None:
    at("seal.begin")
    hidden = Path(tempfile.mkdtemp(prefix=f"{HIDDEN}{os.getpid()}-", dir=folder))
    files = {MANIFEST: packed.manifest, SIGNATURE: signature, **packed.blobs}
    try:
        for name, content in files.items():
            at(f"seal.{name}")
            _write_file(hidden / name, content)
        hidden.chmod(0o755)
        _sync_folder(hidden)
        at("seal.rename")
        hidden.rename(folder / packed.digest)
    except OSError:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    at("seal.sync")
    _sync_folder(folder)


def _write_file(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_folder(folder: Path, digest: str, stack: ExitStack) -> int:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, root)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    home = os.open(digest, flags, dir_fd=root)
    stack.callback(os.close, home)
    return home


def _open(home: int, digest: str, public_key: bytes) -> SealedModel | Refuse:
    manifest = _read_manifest(home, digest, public_key)
    if isinstance(manifest, Refuse):
        return manifest
    decoded = read_manifest(manifest)
    if isinstance(decoded, Refuse):
        return decoded
    blobs: dict[Form, bytes] = {}
    for blob in decoded.blobs:
        content = _read_blob(home, blob)
        if isinstance(content, Refuse):
            return content
        blobs[blob.form] = content
    return unpack(manifest, blobs)


def _read_manifest(home: int, digest: str, public_key: bytes) -> bytes | Refuse:
    """Return the manifest's bytes once they are known to be signed, and the right ones."""
    manifest = _read_once(home, MANIFEST, MAX_MANIFEST_BYTES)
    if isinstance(manifest, Refuse):
        return manifest
    signature = _read_once(home, SIGNATURE, KEY_ID_BYTES + SIGNATURE_BYTES)
    if isinstance(signature, Refuse):
        return signature
    if (bad := _unsigned(manifest, signature, public_key)) is not None:
        return bad
    if sha256(manifest) != digest:
        return refuse("artifact.identity", "the folder holds another model than its name says")
    return manifest


def _unsigned(manifest: bytes, signature: bytes, public_key: bytes) -> Refuse | None:
    if len(signature) != KEY_ID_BYTES + SIGNATURE_BYTES:
        return refuse("artifact.signature", "the signature is cut", len(signature), 96)
    if signature[:KEY_ID_BYTES] != bytes.fromhex(sha256(public_key)):
        return refuse("artifact.key", "signed by another key than the one that is trusted")
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(signature[KEY_ID_BYTES:], manifest)
    except (InvalidSignature, ValueError):
        detail = "the manifest, or its signature, was changed after it was signed"
        return refuse("artifact.signature", detail)
    return None


def _read_blob(home: int, blob: Blob) -> bytes | Refuse:
    if blob.size > MAX_BLOB_BYTES:
        return refuse("artifact.too_large", f"{blob.form}", blob.size, MAX_BLOB_BYTES)
    return _read_once(home, blob.form.value, blob.size)


def _read_once(home: int, name: str, max_bytes: int) -> bytes | Refuse:
    """Read a plain file without following links; longer than allowed is refused."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(name, flags, dir_fd=home)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return refuse("artifact.not_a_file", f"{name} is not a plain file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        return refuse("artifact.too_large", f"{name} is longer than it may be", None, max_bytes)
    return content
