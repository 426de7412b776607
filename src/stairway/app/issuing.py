"""An operator says which policy is in force, in a store that several machines share.

It is done on a machine that does not trade, with a key that no process which trades ever
sees. Runs and workers believe its public half, which they were given by hand.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stairway.adapters.artifacts.directory import public_bytes
from stairway.app import settings as policies
from stairway.app.attesting import read_key
from stairway.app.environment import overrides
from stairway.app.policy_store import Change, Observed, PolicyStore, Signer
from stairway.app.record.engine import unsent
from stairway.app.record.place import EMBEDDED, lies_in, scheme, shipped, shown
from stairway.app.record.wiring import wired
from stairway.base.errors import ConfigError, ConflictError, NoLogError
from stairway.base.units import UtcNs
from stairway.lifecycle.generation import Generation
from stairway.lifecycle.stage import Stage

_REDIS = "redis"
_PUBLIC = ".pub"
_STAGES = tuple(one.value for one in Stage if one is not Stage.BASELINE)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the next generation is to say; what is ``None`` stays as it is.

    Attributes
    ----------
    policy
        Name of a shipped policy, or the path of a TOML file.
    settles
        Identity of the one of two contradicting generations that this one follows.
    """

    policy: str | None = None
    stage: Stage | None = None
    why: str
    settles: str | None = None

    @classmethod
    def of(cls, policy: str | None, stage: str | None, why: str, settles: str | None) -> Wish:
        """Take the words of a person.

        Raises
        ------
        ConfigError
            If there is no such stage of a policy.
        """
        if stage is not None and stage not in _STAGES:
            msg = f"--stage {stage} is none; a policy is at one of: {', '.join(_STAGES)}"
            raise ConfigError(msg)
        return cls(
            policy=policy,
            stage=None if stage is None else Stage(stage),
            why=why,
            settles=settles,
        )

    def change(self) -> Change:
        """Say it with digests; the environment overrides a policy as it does for a run."""
        digest = None
        if self.policy is not None:
            digest = policies.fingerprint(policies.load(self.policy, overrides()))
        return Change(policy=digest, stage=self.stage, why=self.why, settles=self.settles)


class Issued(msgspec.Struct, frozen=True):
    """A generation that was signed, or would be.

    Attributes
    ----------
    done
        False where it was only asked.
    parent
        Identity of the generation that it follows.
    waits
        Why it is not in the store yet, and so not in force; ``None`` where it is.
    """

    store: str
    done: bool
    number: int
    parent: str
    policy: str
    stage: Stage
    why: str
    waits: str | None = None

    @property
    def exit_code(self) -> int:
        """0 where it is in force, or was only asked, else 1."""
        return 0 if self.waits is None else 1

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a line, and in a second one where it is not in force yet."""
        what = "signed" if self.done else "would be signed"
        line = (
            f"{self.store}: generation {self.number} {what}: policy {self.policy[:12]} at "
            f"stage {self.stage.value}, {self.why}\n"
        )
        if self.waits is None:
            return line
        return (
            f"{line}  NOT IN FORCE: it lies in the outbox, and the store has not got it "
            f"({self.waits}); see to it, and give the same command again: it is sent then, and "
            "not signed twice\n"
        )


def make_key(private: Path) -> Path:
    """Make an operator's key: the private half in ``private``, the public one beside it.

    Where either cannot be written, neither is left.

    Raises
    ------
    ConfigError
        If either is there already, cannot be written, or both would be one file.
    """
    if not private.name or private.suffix == _PUBLIC:
        msg = (
            f"{private} is no name for the private half: the public one gets the same name "
            f"with {_PUBLIC}; give a name such as operator.pem"
        )
        raise ConfigError(msg)
    public = private.with_suffix(_PUBLIC)
    for path in (private, public):
        if path.exists():
            msg = f"{path} exists already: give another name, or go on using it"
            raise ConfigError(msg)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with ExitStack() as undo:
        for path, content, mode in ((private, pem, 0o600), (public, public_bytes(key), 0o644)):
            try:
                _write_new(path, content, mode, undo)
            except OSError as error:
                msg = (
                    f"the key {path} cannot be written ({error.strerror}): nothing was made; "
                    "name another place"
                )
                raise ConfigError(msg) from error
        undo.pop_all()
    return public


def _write_new(path: Path, content: bytes, mode: int, undo: ExitStack) -> None:
    """Write a file that is not there yet; ``undo`` takes it away."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        undo.callback(path.unlink, missing_ok=True)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def would_issue(store: str, key_file: Path, wish: Wish) -> Issued:
    """Say what ``issue`` would sign; changes nothing.

    Raises
    ------
    ConfigError
        If the store cannot be read, the key cannot be used, or the store holds what this key
        cannot go on from.
    DamagedLogError
        If the store is not what was written.
    """
    signer = _signer(key_file)
    return _issued(store, signer.following(_shown(store), wish.change(), _now_ns()))


def issue(
    store: str,
    key_file: Path,
    wish: Wish,
    outbox: Path | None = None,
    told: Issued | None = None,
) -> Issued:
    """Sign what is wished for, and put it into force.

    Parameters
    ----------
    outbox
        Folder on this machine that a store in Redis is sent from; always the same one.
    told
        What ``would_issue`` foretold, and a person has agreed to: nothing else is signed.
        Where it is not given, the store is asked just before.

    Raises
    ------
    ConfigError
        As ``would_issue`` does, or if the store cannot be written to.
    ConflictError
        If somebody else issued one meanwhile, or the outbox is not the one that the store is
        sent from. Nothing was changed.
    """
    signer = _signer(key_file)
    _require_outbox(store, outbox)
    told = told or would_issue(store, key_file, wish)
    if outbox is not None and told.number > 1 and not lies_in(outbox):
        msg = (
            f"{shown(store)} has generations already, and {outbox} never sent any: name the "
            "folder that they were sent from with --outbox; where it is lost, begin a store of "
            "another name (?log=NAME)"
        )
        raise ConfigError(msg)
    plugin, config = wired(_engine(store), shipped())
    with closing(plugin.open_log(outbox, config, url=store)) as log:
        there, change, now_ns = PolicyStore(log), wish.change(), _now_ns()
        seen = there.observe()
        _require_same(told, _issued(store, signer.following(seen, change, now_ns)), outbox)
        says = signer.issue_upon(there, seen, change, now_ns)
        waits = unsent(log)
    return msgspec.structs.replace(_issued(store, says), done=True, waits=waits)


def send_rest(store: str, key_file: Path, wish: Wish, outbox: Path | None) -> Issued | None:
    """Send on what was signed before and did not arrive.

    Returns it, if it says what is wished for: then there is nothing more to sign.

    Raises
    ------
    ConfigError
        If it cannot be sent on: nothing is signed upon what is not in force.
    """
    _require_outbox(store, outbox)
    if outbox is None or not lies_in(outbox):
        return None
    position = _shown(store).position
    plugin, config = wired(_engine(store), shipped())
    with closing(plugin.open_log(outbox, config, url=store)) as log:
        there = PolicyStore(log)
        if there.observe().position <= position:
            return None
        why = unsent(log)
        if why is not None:
            msg = (
                f"{there.observe().position - position} generations that were signed wait in "
                f"{outbox}, and {shown(store)} does not take them ({why}): nothing more was "
                "signed; see to it, and give the same command again"
            )
            raise ConfigError(msg)
        found = _signer(key_file).in_force(there)
    if found is None:
        return None
    last, policy = found[0], wish.change().policy
    wished = (policy or last.policy, wish.stage or last.stage, wish.why)
    is_wished = (last.policy, last.stage, last.why) == wished
    return msgspec.structs.replace(_issued(store, last), done=True) if is_wished else None


def _shown(store: str) -> Observed:
    """Ask the store itself, whatever an outbox has; it shows nothing where nobody began it."""
    plugin, config = wired(_engine(store), shipped())
    try:
        log = plugin.open_log(None, config, url=store, read_only=True)
    except NoLogError:
        return Observed((), ())
    with closing(PolicyStore(log)) as there:
        return there.observe()


def _require_outbox(store: str, outbox: Path | None) -> None:
    if (_engine(store) == _REDIS) != (outbox is not None):
        msg = (
            "a store in Redis is sent from a folder on this machine: name it with --outbox "
            "FOLDER, the same each time; no other store has one"
        )
        raise ConfigError(msg)


def _require_same(told: Issued, now: Issued, outbox: Path | None) -> None:
    """Refuse to sign anything but what was agreed to."""
    if told == now:
        return
    what = (
        f"generation {told.number} of policy {told.policy[:12]} at stage {told.stage.value} "
        f"upon {told.parent[:12]} was to be signed, and now it would be generation "
        f"{now.number} of policy {now.policy[:12]} at stage {now.stage.value} upon "
        f"{now.parent[:12]}"
    )
    cause = "somebody else signed meanwhile"
    if outbox is not None:
        cause += f", or {outbox} is not the folder that this store is sent from"
    msg = f"{what}: {cause}; nothing was signed, give the same command again"
    raise ConflictError(msg)


def _issued(store: str, says: Generation) -> Issued:
    return Issued(
        store=shown(store),
        done=False,
        number=says.number,
        parent=says.parent,
        policy=says.policy,
        stage=says.stage,
        why=says.why,
    )


def _signer(key_file: Path) -> Signer:
    key = read_key(key_file)
    # Nobody is put in charge here, so no folder of models is opened.
    return Signer(key, key_file.parent, public_bytes(key))


def _now_ns() -> UtcNs:
    return UtcNs(time.time_ns())


def _engine(url: str) -> str:
    engine = scheme(url)
    if engine == EMBEDDED:
        msg = f"{url} is no store that machines share: name postgresql://... or redis://..."
        raise ConfigError(msg)
    return engine
