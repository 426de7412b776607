"""The policy store in a log: one generation an event.

Issuing is a compare-and-set on what was read, so of those who race for a number one wins,
and what lost may look again and decide anew. An event that says again what an earlier one
says changes nothing, and is named. A model is put in charge only after its
artifact was opened once more, and taken out of charge the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stairway.adapters.artifacts.directory import Step, open_sealed, untold
from stairway.app.catalog import CODEC, stream_of
from stairway.base.errors import ConfigError, ConflictError, DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Refuse
from stairway.events.envelope import Head
from stairway.events.ports import EventLog
from stairway.lifecycle.generation import (
    Generation,
    Keys,
    SignedGeneration,
    after,
    key_id,
    opened,
    sign,
)
from stairway.lifecycle.policy_store import Standing, reconcile
from stairway.lifecycle.stage import Stage

STREAM = "policy.generation"

_SHOWN = 12
"""Characters of a key's SHA-256 that tell it from others."""

_NOBODYS = frozenset(
    {"policy.key", "policy.signature", "policy.repeat", "policy.store", "policy.fork"}
)
"""What nobody who is believed has said of this store, and what was settled already."""


class Shown(Protocol):
    """Somewhere that generations can be seen."""

    def observe(self) -> Observed:
        """Return everything that was ever issued.

        Raises
        ------
        RecordError
            If it cannot be reached.
        DamagedLogError
            If it is not what was written.
        """
        ...


class Observed(msgspec.Struct, frozen=True):
    """What a store shows, and what in it is no generation; ``None`` where it shows nothing."""

    statements: tuple[SignedGeneration, ...] | None
    alarms: tuple[Finding, ...]
    position: int = 0
    """Last event that was read."""

    repeats: tuple[Finding, ...] = ()
    """Events that say what an earlier one says, under the same signature: not in
    ``statements``, and no cause for alarm."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What the next generation is to say; what is ``None`` stays as it is."""

    policy: str | None = None
    stage: Stage | None = None
    champions: Mapping[str, str | None] = {}
    """Digest by slot; ``None`` hands the slot to the baseline. Slots not named stay."""

    why: str
    settles: str | None = None
    """Identity of the one of two contradicting generations that this one follows."""


class PolicyStore:
    """Generations in a log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._read: tuple[Head, Observed] | None = None

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()

    def observe(self) -> Observed:
        """Return everything that was ever issued; it is read again where the log went on."""
        head = self._log.head(STREAM)
        if self._read is None or self._read[0] != head:
            self._read = (head, self._upto(head.position))
        return self._read[1]

    def _upto(self, position: int) -> Observed:
        places: dict[SignedGeneration, int] = {}
        alarms: list[Finding] = []
        repeats: list[Finding] = []
        for envelope in islice(self._log.read(STREAM), position):
            try:
                fact = CODEC.read(envelope)
            except DataError as error:
                alarms.append(Finding("policy.form", str(error)))
                continue
            if not isinstance(fact, SignedGeneration):
                detail = f"event {envelope.position} is a {type(fact).__name__}"
                alarms.append(Finding("policy.form", detail))
            elif fact in places:
                detail = f"event {envelope.position} of {STREAM} repeats event {places[fact]}"
                repeats.append(Finding("policy.repeat", detail))
            else:
                places[fact] = envelope.position
        return Observed(tuple(places), tuple(alarms), position, tuple(repeats))

    def append(self, signed: SignedGeneration, expected: int) -> None:
        """Record a generation behind position ``expected``, which is what its issuer saw.

        Raises
        ------
        ConflictError
            If somebody else issued one meanwhile.
        """
        self._log.append(stream_of(signed), [CODEC.encode(signed)], expected=expected)
        self._log.flush()


class Signer:
    """Whoever may decide: holds the private key, and the folder of sealed models.

    Parameters
    ----------
    models_key
        Public key that the models must be signed with, 32 bytes.
    others
        Whom it believes besides itself: a run's trainer signs the first generation.
    """

    def __init__(
        self,
        key: Ed25519PrivateKey,
        models: Path,
        models_key: bytes,
        others: Keys | None = None,
    ) -> None:
        self._key = key
        self._models = models
        self._models_key = models_key
        public = key.public_key().public_bytes_raw()
        self.keys: Keys = {**(others or {}), key_id(public): public}

    def issue(
        self, store: PolicyStore, change: Change, now_ns: UtcNs, at: Step = untold
    ) -> Generation:
        """Put ``change`` into force; ``at`` is told each step just before it is taken.

        Raises
        ------
        ConflictError
            If somebody else issued a generation meanwhile. Nothing was changed.
        ConfigError
            If a model that is to be in charge cannot be opened, or generations contradict
            each other.
        """
        at("issue.observe")
        return self.issue_upon(store, store.observe(), change, now_ns, at)

    def issue_upon(
        self,
        store: PolicyStore,
        shown: Observed,
        change: Change,
        now_ns: UtcNs,
        at: Step = untold,
    ) -> Generation:
        """Put ``change`` into force upon what was ``shown``, and upon nothing else.

        Raises
        ------
        ConflictError
            If the store has gone on since. Nothing was changed.
        ConfigError
            As ``issue`` does.
        """
        before = self._in_force(shown, change.settles)
        at("issue.verify")
        self._require_whole(change)
        following = self._following(before, change, now_ns)
        at("issue.sign")
        signed = sign(following, self._key)
        at("issue.append")
        store.append(signed, shown.position)
        at("issue.appended")
        return following

    def following(self, shown: Observed, change: Change, now_ns: UtcNs) -> Generation:
        """Return what ``issue`` would sign upon what is ``shown``; signs nothing.

        Raises
        ------
        ConfigError
            As ``issue`` does, but for models, which are not opened.
        """
        return self._following(self._in_force(shown, change.settles), change, now_ns)

    def settle(
        self, store: PolicyStore, change: Change, now_ns: UtcNs, tries: int = 16
    ) -> Generation:
        """Issue, and look again whenever somebody else was first."""
        for _ in range(tries - 1):
            try:
                return self.issue(store, change, now_ns)
            except ConflictError:
                continue
        return self.issue(store, change, now_ns)

    def in_force(self, store: PolicyStore) -> tuple[Generation, SignedGeneration] | None:
        """Return the generation in force, and how it is signed; ``None`` before the first.

        Raises
        ------
        ConfigError
            If generations contradict each other, or none of those issued is believed.
        """
        return self._in_force(store.observe())

    def _in_force(
        self, shown: Observed, settles: str | None = None
    ) -> tuple[Generation, SignedGeneration] | None:
        """Return what to build upon.

        What nobody who is believed has signed stops nothing once there is a generation in
        force: else one forged event would keep every rollback from being signed.
        """
        if not shown.statements and not shown.alarms:
            return None
        result = reconcile(Standing(), shown.statements, self.keys, UtcNs(0))
        rivals = {one.identity: one for one in result.standing.rivals}
        signed = result.standing.agreed if settles is None else rivals.get(settles)
        says = result.verdict if signed is None else opened(signed, self.keys)
        believed = [one for one in result.alarms if one.code not in _NOBODYS]
        if signed is None or not isinstance(says, Generation) or believed:
            found = (*believed, *result.verdict.findings, *shown.alarms)
            raise _not_built_upon(found, rivals, signed_by_others(shown, self.keys))
        return says, signed

    def _require_whole(self, change: Change) -> None:
        for slot, digest in change.champions.items():
            if digest is None:
                continue
            answer = open_sealed(self._models, digest, self._models_key)
            if isinstance(answer, Refuse):
                msg = (
                    f"model {digest[:12]} cannot be put in charge of {slot!r}: "
                    f"{answer.findings[0].detail}"
                )
                raise ConfigError(msg)

    def _following(
        self,
        before: tuple[Generation, SignedGeneration] | None,
        change: Change,
        now_ns: UtcNs,
    ) -> Generation:
        if before is None and (change.policy is None or change.stage is None):
            msg = "the first generation has to name a policy and its stage"
            raise ConfigError(msg)
        said = None if before is None else before[0]
        slots = dict(said.champions) if said else {}
        slots |= dict(change.champions)
        champions = {slot: digest for slot, digest in slots.items() if digest is not None}
        policy = change.policy if change.policy is not None else (said.policy if said else "")
        stage = change.stage if change.stage is not None else (said.stage if said else None)
        return after(before, policy, stage or Stage.CANDIDATE, champions, now_ns, change.why)


def signed_by_others(shown: Observed, keys: Keys) -> str | None:
    """Say whose key signed what a store shows, where none of it is of a key in ``keys``.

    Keys are named as ``sha256sum`` names their public halves. ``None`` where the store shows
    nothing, or anything that a key in ``keys`` is said to have signed.
    """
    signers = {one.key_id for one in shown.statements or ()}
    if not signers or signers & set(keys):
        return None
    first, *others = sorted(signers)
    more = f" and {len(others)} others" if others else ""
    trusted = " or ".join(repr(one[:_SHOWN]) for one in sorted(keys)) or "none"
    return (
        f"every generation in it was signed by key {first[:_SHOWN]!r}{more}, and the key that "
        f"is trusted here is {trusted}"
    )


def _not_built_upon(
    findings: Sequence[Finding], rivals: Collection[str], others: str | None
) -> ConfigError:
    if others is not None:
        remedy = (
            "sign with the private half of the former (sha256sum operator.pub says which key "
            "that is), or begin a store of another name (?log=NAME)"
        )
        return ConfigError(f"the policy store cannot be built upon: {others}; {remedy}")
    found = (
        findings[0].detail if findings else "that generation is none of those that contradict"
    )
    remedy = (
        f"follow one of them, by settles = {' or '.join(repr(one) for one in sorted(rivals))}"
        if len(rivals) > 1
        else f"look at stream {STREAM}, and issue nothing before it is understood"
    )
    return ConfigError(f"the policy store cannot be built upon: {found}; {remedy}")


def rolled_back(store: PolicyStore, keys: Keys, slot: str, why: str) -> Change:
    """Return the change that hands a slot back to who had it before.

    One that was handed back already has nobody before it any more, so going back twice
    goes further down, and the baseline is the floor.
    """
    line: list[str | None] = []
    for signed in store.observe().statements or ():
        says = opened(signed, keys)
        holder = None if isinstance(says, Refuse) else says.champions.get(slot)
        if isinstance(says, Refuse) or line[-1:] == [holder]:
            continue
        if line[-2:-1] == [holder]:
            line.pop()
        else:
            line.append(holder)
    return Change(champions={slot: line[-2] if len(line) > 1 else None}, why=why)


def champion_of(standing: Standing, keys: Keys, slot: str) -> str | None:
    """Return the digest of the model in charge of a slot; ``None`` is the baseline."""
    says = None if standing.agreed is None else opened(standing.agreed, keys)
    return None if says is None or isinstance(says, Refuse) else says.champions.get(slot)
