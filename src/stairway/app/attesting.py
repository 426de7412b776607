"""An operator signs what a run has decided: who was in charge, change by change.

It is done on a machine that has the run's folder and does not trade, with a key that the
process which trades never sees. The run believes it once its public half lies in the run's
folder as ``operator.pub``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stairway.adapters.artifacts.directory import public_bytes
from stairway.app.authority import keys_of
from stairway.app.folder import Ask, RunFolder, open_existing
from stairway.app.notary import attest, unsigned
from stairway.app.plain_file import read_plain
from stairway.app.policy_store import PolicyStore, Signer
from stairway.app.record.engine import open_run, require_whole
from stairway.app.settings import decode
from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.events.ports import EventLog
from stairway.lifecycle.generation import key_id

_MOST_BYTES = 1 << 14
_MAKE = (
    "make one with: stairway log key operator.pem; its public half, operator.pub beside it, "
    "goes into the run's folder"
)


class Change(msgspec.Struct, frozen=True):
    """Who was in charge after one change, by slot; the baseline has the others."""

    champions: Mapping[str, str]
    why: str
    number: int | None = None
    """Of the generation that says so; ``None`` where nobody has signed it."""


class Attested(msgspec.Struct, frozen=True):
    """What was signed, or would be.

    Attributes
    ----------
    done
        False where it was only asked what would be signed.
    repeats
        Events of the store that repeat an earlier one; they change nothing.
    """

    run: str
    done: bool
    changes: tuple[Change, ...]
    repeats: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it, a line for each change."""
        what = "signed" if self.done else "would be signed"
        lines = [f"{self.run}: {len(self.changes)} changes of champions {what}"]
        for one in self.changes:
            names = [f"{slot} {digest[:12]}" for slot, digest in one.champions.items()]
            number = "" if one.number is None else f"{one.number}. "
            lines.append(f"  {number}{', '.join(names) or 'the baseline'}: {one.why}")
        return "\n".join([*lines, *(f"  note: {said}" for said in self.repeats), ""])


def would_sign(root: Path, key_file: Path) -> Attested:
    """Say what ``sign_changes`` would do; changes nothing.

    Raises
    ------
    ConfigError
        If there is no such run, nobody signed its policy, or the run does not believe the key.
    DamagedLogError
        If its record is not what was written.
    """
    folder, ask, signer = _ready(root, key_file)
    with closing(_log(folder, ask, read_only=True)) as log:
        store = PolicyStore(log)
        changes = tuple(
            Change(one.champions, one.why) for one in unsigned(log, store, signer.keys)
        )
        repeats = tuple(finding.detail for finding in store.observe().repeats)
    return Attested(str(root), done=False, changes=changes, repeats=repeats)


def sign_changes(root: Path, key_file: Path) -> Attested:
    """Sign each change of champions that nobody has signed yet, and record that.

    Doing it again signs nothing.

    Raises
    ------
    ConfigError
        As ``would_sign`` does, or if a model is not whole, or the run is still at work.
    """
    folder, ask, signer = _ready(root, key_file)
    with closing(_log(folder, ask, read_only=False)) as log:
        store = PolicyStore(log)
        issued = attest(log, store, signer, UtcNs(time.time_ns()))
        repeats = tuple(finding.detail for finding in store.observe().repeats)
    changes = tuple(Change(one.champions, one.why, one.number) for one in issued)
    return Attested(str(root), done=True, changes=changes, repeats=repeats)


def _ready(root: Path, key_file: Path) -> tuple[RunFolder, Ask, Signer]:
    folder, ask = open_existing(root)
    if ask.models is not None:
        msg = (
            f"nobody signed the policy of {root}, since its models were given: there is "
            "nothing to go on with"
        )
        raise ConfigError(msg)
    key, trusted = read_key(key_file), keys_of(folder)
    if key_id(public_bytes(key)) not in trusted:
        msg = (
            f"{root} does not believe {key_file}: put its public half into {folder.operator} "
            f"(stairway log key wrote it beside the key, {key_file.with_suffix('.pub')})"
        )
        raise ConfigError(msg)
    require_whole(folder.log, ask.log)
    return folder, ask, Signer(key, folder.models, read_plain(folder.trust), trusted)


def _log(folder: RunFolder, ask: Ask, *, read_only: bool) -> EventLog:
    settings = decode(ask.policy, ask.policy_name).log
    return open_run(folder.log, settings, ask.log, read_only=read_only)


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read an operator's key: Ed25519 as PEM, which nobody else may read.

    Raises
    ------
    ConfigError
        If it is missing, is none, or others may read it. What it holds is never repeated.
    """
    try:
        with path.open("rb") as file:
            is_shared = bool(os.fstat(file.fileno()).st_mode & 0o077)
            content = file.read(_MOST_BYTES)
    except OSError as error:
        msg = f"the key {path} cannot be read ({error.strerror}): {_MAKE}"
        raise ConfigError(msg) from error
    key = _key_in(content)
    if key is None:
        msg = f"{path} holds no Ed25519 key as PEM without a password: {_MAKE}"
        raise ConfigError(msg)
    if is_shared:
        msg = f"{path} may be read by others than its owner: chmod 600 {path}"
        raise ConfigError(msg)
    return key


def _key_in(content: bytes) -> Ed25519PrivateKey | None:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None
