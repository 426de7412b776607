"""Sealed folders: all or nothing when written, nothing believed when read."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stairway.adapters.artifacts import directory
from stairway.adapters.artifacts.directory import (
    list_digests,
    new_key,
    open_sealed,
    public_bytes,
    seal,
)
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import digest as sha256
from stairway.base.verdict import Refuse
from stairway.models.families import KINDS
from stairway.models.manifest import Form, canonical
from stairway.models.sealed import Bundle, SealedModel, read_manifest
from stairway.testing.models import toy_bundle, toy_passport, toy_rule

MADE = {"forest": toy_passport(), "rule": toy_rule()}
FILES = {
    kind: ["manifest.json", "manifest.sig", *KINDS[passport.family].forms]
    for kind, passport in MADE.items()
}
EVERY_FILE = pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in FILES.items() for name in names]
)
EVERY_KIND = pytest.mark.parametrize("kind", MADE)
KEY = new_key()
TRUSTED = public_bytes(KEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def bundle(kind: str, seed: int = 7) -> Bundle:
    return toy_bundle(seed, MADE[kind])


@pytest.fixture
def kind() -> str:
    """Trees, unless a test asks for others."""
    return "forest"


@pytest.fixture
def digest(folder: Path, kind: str) -> str:
    return seal(folder, bundle(kind), KEY)


def code(folder: Path, digest: str, trusted: bytes = TRUSTED) -> str:
    answer = open_sealed(folder, digest, trusted)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].detail
    return answer.findings[0].code


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


# --- writing


@EVERY_KIND
def test_what_was_sealed_opens_as_the_same_model(folder: Path, digest: str, kind: str) -> None:
    opened = open_sealed(folder, digest, TRUSTED)
    assert isinstance(opened, SealedModel)
    assert opened.digest == digest
    assert opened.manifest.passport == MADE[kind]
    assert opened.body.blobs() == bundle(kind).body.blobs()


@EVERY_KIND
def test_the_identity_does_not_depend_on_the_key_or_the_folder(
    digest: str, kind: str, tmp_path: Path
) -> None:
    assert seal(tmp_path / "elsewhere", bundle(kind), new_key()) == digest


@EVERY_KIND
def test_files_are_read_only_and_nothing_else_is_left_behind(
    folder: Path, digest: str, kind: str
) -> None:
    assert sorted(entry.name for entry in folder.iterdir()) == [digest]
    assert sorted(entry.name for entry in (folder / digest).iterdir()) == sorted(FILES[kind])
    assert stat.S_IMODE((folder / digest).stat().st_mode) == 0o755
    for name in FILES[kind]:
        assert stat.S_IMODE((folder / digest / name).stat().st_mode) == 0o444


@EVERY_KIND
def test_no_byte_of_the_private_key_is_written(folder: Path, digest: str, kind: str) -> None:
    secret = KEY.private_bytes_raw()
    for name in FILES[kind]:
        content = (folder / digest / name).read_bytes()
        assert secret not in content
        assert secret.hex().encode() not in content


@EVERY_KIND
def test_sealing_again_changes_nothing(folder: Path, digest: str, kind: str) -> None:
    before = {name: (folder / digest / name).stat().st_mtime_ns for name in FILES[kind]}
    assert seal(folder, bundle(kind), KEY) == digest
    assert before == {name: (folder / digest / name).stat().st_mtime_ns for name in FILES[kind]}


def test_sealing_over_a_model_signed_by_somebody_else_is_an_error(
    folder: Path, digest: str
) -> None:
    with pytest.raises(ConfigError, match="use an empty folder"):
        seal(folder, toy_bundle(), new_key())
    assert isinstance(open_sealed(folder, digest, TRUSTED), SealedModel)


def test_sealing_over_a_damaged_model_is_an_error_and_repairs_nothing(
    folder: Path, digest: str
) -> None:
    rewrite(folder / digest / "calibration.json", b"{}")
    with pytest.raises(ConfigError, match="is not what would be written"):
        seal(folder, toy_bundle(), KEY)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="choose another folder"):
        seal(tmp_path / "file", toy_bundle(), KEY)


def test_a_bundle_that_cannot_be_sealed_leaves_no_folder(folder: Path) -> None:
    with pytest.raises(DataError, match="model name"):
        seal(folder, toy_bundle(passport=toy_passport(model="../x")), KEY)
    assert not folder.exists()


def test_a_disk_that_fails_in_the_middle_leaves_nothing_that_looks_like_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def failing(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        os_fsync(handle)

    os_fsync = os.fsync
    monkeypatch.setattr(directory.os, "fsync", failing)
    with pytest.raises(ConfigError, match="No space left"):
        seal(folder, toy_bundle(), KEY)
    assert len(calls) == 3
    assert list(folder.iterdir()) == []


def test_every_file_is_synced_before_the_rename_and_the_folder_after_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    os_fsync, path_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        os_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return path_rename(self, target)

    monkeypatch.setattr(directory.os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    seal(folder, toy_bundle(), KEY)
    assert order == ["file"] * len(FILES["forest"]) + ["folder", "rename", "folder"]


SEALER = """
import sys
from pathlib import Path
from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.testing.models import toy_bundle
folder, key = Path(sys.argv[1]), new_key()
(folder / "trust.pub").write_bytes(public_bytes(key))
print("ready", flush=True)
for seed in range(100_000):
    seal(folder, toy_bundle(seed), key)
"""


def test_a_process_killed_while_sealing_leaves_whole_models_only(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SEALER, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 60
    while len(list_digests(tmp_path)) < 5 and time.monotonic() < deadline:
        time.sleep(0.003)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    trusted = (tmp_path / "trust.pub").read_bytes()
    names = list_digests(tmp_path)
    assert len(names) >= 5
    for name in names:
        assert isinstance(open_sealed(tmp_path, name, trusted), SealedModel)


def test_what_a_crash_left_behind_is_no_model(folder: Path, digest: str) -> None:
    half = folder / ".sealing-abc"
    half.mkdir()
    (half / "manifest.json").write_bytes(b"{")
    assert list_digests(folder) == (digest,)
    assert isinstance(open_sealed(folder, digest, TRUSTED), SealedModel)


def test_digests_are_listed_in_order_and_nothing_else_is(folder: Path, digest: str) -> None:
    other = seal(folder, toy_bundle(seed=8), KEY)
    (folder / "trust.pub").write_bytes(TRUSTED)
    assert list_digests(folder) == tuple(sorted((digest, other)))
    assert list_digests(folder / "nowhere") == ()


# --- reading: names


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc",
        "%2e%2e",
        "%252e",
        "..\\..",
        "a\0b",
        "\u2024\u2024",
        "0" * 63,
        "0" * 64 + "\n",
        "0" * 63 + "/",
        "A" * 64,
    ],
)
def test_a_name_that_is_no_digest_never_becomes_a_path(folder: Path, name: str) -> None:
    assert code(folder, name) == "artifact.name"


@settings(max_examples=500)
@given(st.text(max_size=80))
def test_no_generated_name_reaches_the_disk(name: str) -> None:
    assert code(Path("/proc/self/root"), name) == "artifact.name"


def test_a_model_that_is_not_there_is_refused(folder: Path, digest: str) -> None:
    assert code(folder, "0" * 64) == "artifact.unreadable"
    assert code(folder / "nowhere", digest) == "artifact.unreadable"


# --- reading: bytes


@EVERY_FILE
def test_any_changed_byte_is_refused_wherever_it_is(
    folder: Path, digest: str, name: str
) -> None:
    path = folder / digest / name
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    places = {0, len(content) - 1, *rng.integers(0, len(content), 60).tolist()}
    for at in places:
        flipped = bytearray(content)
        flipped[at] ^= 1 << int(rng.integers(8))
        rewrite(path, bytes(flipped))
        assert code(folder, digest) in {
            "artifact.hash" if name in set(Form) else "artifact.signature",
            "artifact.key",
        }
    rewrite(path, content)
    assert isinstance(open_sealed(folder, digest, TRUSTED), SealedModel)


@EVERY_FILE
def test_a_cut_grown_empty_or_missing_file_is_refused(
    folder: Path, digest: str, name: str
) -> None:
    path = folder / digest / name
    content = path.read_bytes()
    for other in (content[:-1], content[: len(content) // 2], b"", content + b"\0"):
        rewrite(path, other)
        code(folder, digest)
    path.unlink()
    assert code(folder, digest) == "artifact.unreadable"


@EVERY_FILE
def test_a_file_swapped_with_that_of_another_model_is_refused(
    folder: Path, digest: str, kind: str, name: str
) -> None:
    other = seal(folder, bundle(kind, seed=8), KEY)
    theirs = (folder / other / name).read_bytes()
    if theirs == (folder / digest / name).read_bytes():
        assert name == Form.CALIBRATION  # the toy models share their calibration
        return
    rewrite(folder / digest / name, theirs)
    assert code(folder, digest) in {
        "artifact.signature",
        "artifact.hash",
        "artifact.size",
        "artifact.too_large",
    }


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "parity.safetensors"])
def test_a_file_of_a_rule_swapped_with_that_of_trees_is_refused(
    folder: Path, name: str
) -> None:
    rule, trees = (seal(folder, bundle(kind), KEY) for kind in ("rule", "forest"))
    first, second = ((folder / digest / name).read_bytes() for digest in (rule, trees))
    rewrite(folder / rule / name, second)
    rewrite(folder / trees / name, first)
    for digest in (rule, trees):
        assert code(folder, digest).startswith("artifact.")


@EVERY_KIND
def test_a_whole_model_under_another_ones_name_is_refused(folder: Path, digest: str) -> None:
    other = seal(folder, toy_bundle(seed=8), KEY)
    shutil.rmtree(folder / digest)
    shutil.copytree(folder / other, folder / digest)
    assert code(folder, digest) == "artifact.identity"


@EVERY_KIND
def test_no_parser_sees_a_byte_before_the_signature_was_good(
    folder: Path, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parser(*_: object) -> None:
        pytest.fail("a parser ran on bytes that nobody signed")

    monkeypatch.setattr(directory, "read_manifest", parser)
    monkeypatch.setattr(directory, "unpack", parser)
    path = folder / digest / "manifest.json"
    rewrite(path, path.read_bytes().replace(b'"trials":1', b'"trials":9'))
    assert code(folder, digest) == "artifact.signature"
    assert code(folder, digest, public_bytes(new_key())) == "artifact.key"


@EVERY_KIND
def test_no_blob_is_read_before_the_signature_was_good(
    folder: Path, digest: str, kind: str
) -> None:
    """Without any blob it is still the signature that is complained of."""
    for form in KINDS[MADE[kind].family].forms:
        (folder / digest / form.value).unlink()
    path = folder / digest / "manifest.sig"
    rewrite(path, path.read_bytes()[:-1] + b"?")
    assert code(folder, digest) == "artifact.signature"


# --- reading: keys


@EVERY_KIND
def test_a_model_signed_by_anybody_else_is_refused(folder: Path, digest: str) -> None:
    assert code(folder, digest, public_bytes(new_key())) == "artifact.key"


@EVERY_KIND
def test_a_signature_by_another_key_under_the_trusted_ones_id_is_refused(
    folder: Path, digest: str
) -> None:
    manifest = (folder / digest / "manifest.json").read_bytes()
    forged = bytes.fromhex(sha256(TRUSTED)) + new_key().sign(manifest)
    rewrite(folder / digest / "manifest.sig", forged)
    assert code(folder, digest) == "artifact.signature"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(folder: Path, digest: str, size: int) -> None:
    assert code(folder, digest, bytes(size)) == "artifact.key"


def test_32_bytes_that_are_no_key_are_refused(folder: Path, digest: str) -> None:
    no_point = bytes([2]) + bytes(31)
    path = folder / digest / "manifest.sig"
    rewrite(path, bytes.fromhex(sha256(no_point)) + path.read_bytes()[32:])
    assert code(folder, digest, no_point) == "artifact.signature"


def test_a_lying_manifest_with_a_good_signature_is_still_checked(
    folder: Path, digest: str
) -> None:
    home = folder / digest
    manifest = read_manifest((home / "manifest.json").read_bytes())
    assert not isinstance(manifest, Refuse)
    huge = tuple(msgspec.structs.replace(b, size=1 << 40) for b in manifest.blobs)
    lie = canonical(msgspec.structs.replace(manifest, blobs=huge))
    renamed = folder / sha256(lie)
    shutil.copytree(home, renamed)
    rewrite(renamed / "manifest.json", lie)
    rewrite(renamed / "manifest.sig", bytes.fromhex(sha256(TRUSTED)) + KEY.sign(lie))
    assert code(folder, renamed.name) == "artifact.too_large"


# --- reading: things that are not files


@EVERY_FILE
def test_a_link_is_not_followed_even_to_the_right_bytes(
    folder: Path, digest: str, name: str, tmp_path: Path
) -> None:
    path = folder / digest / name
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert code(folder, digest) == "artifact.unreadable"


def test_a_linked_model_folder_is_not_followed(
    folder: Path, digest: str, tmp_path: Path
) -> None:
    (folder / digest).rename(tmp_path / "moved")
    (folder / digest).symlink_to(tmp_path / "moved")
    assert code(folder, digest) == "artifact.unreadable"


@EVERY_FILE
def test_a_pipe_in_place_of_a_file_does_not_hang(folder: Path, digest: str, name: str) -> None:
    path = folder / digest / name
    path.unlink()
    os.mkfifo(path)
    assert code(folder, digest) == "artifact.not_a_file"


def test_a_folder_in_place_of_a_file_is_refused(folder: Path, digest: str) -> None:
    path = folder / digest / "forest.safetensors"
    path.unlink()
    path.mkdir()
    assert code(folder, digest) in {"artifact.not_a_file", "artifact.unreadable"}


def test_a_file_too_large_to_be_a_manifest_is_not_read(folder: Path, digest: str) -> None:
    path = folder / digest / "manifest.json"
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 33)
    assert code(folder, digest) == "artifact.too_large"


def test_files_beside_a_model_are_neither_read_nor_minded(folder: Path, digest: str) -> None:
    (folder / digest / "model.pkl").write_bytes(b"cos\nsystem\n")
    assert isinstance(open_sealed(folder, digest, TRUSTED), SealedModel)


def test_opening_leaves_no_handle_open(folder: Path, digest: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        open_sealed(folder, digest, TRUSTED)
        open_sealed(folder, "0" * 64, TRUSTED)
        open_sealed(folder, digest, bytes(32))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
