"""Who stands where: a fold over what the lifecycle put on record, and nothing else.

A slot is a kind of model (``"lightgbm"``). It has at most one champion, and remembers the
champion before it, which is where a rollback goes. A slot without a champion is in the
hands of the static baseline, which is registered like any other and never moves.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

import msgspec

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.lifecycle.facts import ModelMoved, ModelRegistered, RampChanged
from stairway.lifecycle.stage import Stage, require_legal

SUPERSEDED = "superseded"
"""Cause of the move that makes a champion the one a rollback goes back to."""

_BEGINNINGS = frozenset({Stage.CANDIDATE, Stage.BASELINE})

RegistryFact: TypeAlias = ModelRegistered | ModelMoved | RampChanged


class Entry(msgspec.Struct, frozen=True):
    """One model.

    Attributes
    ----------
    since_ns
        When it came to its present stage.
    share
        Part of the capital it may use now, in [0, 1].
    reached
        Largest share it had when it was last champion: where a restored one goes on.
    proof
        Hash of its proof; ``None`` where it has none.
    """

    model: str
    version: str
    digest: str
    parent: str | None
    trials: int
    stage: Stage
    since_ns: UtcNs
    share: float = 0.0
    reached: float = 0.0
    proof: str | None = None


class Slot(msgspec.Struct, frozen=True):
    """Digests of the champion and of the one before it, where there are any."""

    champion: str | None = None
    previous: str | None = None


class Registry(msgspec.Struct, frozen=True):
    """All models by digest, and all slots by name."""

    entries: dict[str, Entry] = {}
    slots: dict[str, Slot] = {}

    def standing(self, *stages: Stage) -> tuple[Entry, ...]:
        """Return the models on any of these steps, in order of registration."""
        return tuple(entry for entry in self.entries.values() if entry.stage in stages)

    def slot(self, model: str) -> Slot:
        """Return the slot of that name; one that was never filled is empty."""
        return self.slots.get(model, Slot())

    @property
    def trials(self) -> int:
        """How many were tried so far, abandoned ones included; the static rule is no try.

        A registration carries the count up to itself, so the highest is the count.
        """
        tried = (e.trials for e in self.entries.values() if e.stage is not Stage.BASELINE)
        return max(tried, default=0)

    def champion(self, model: str) -> Entry | None:
        """Return who is in charge of a slot; ``None`` is the static baseline."""
        digest = self.slot(model).champion
        return None if digest is None else self.entries[digest]


def on(registry: Registry, fact: RegistryFact) -> Registry:
    """Take one recorded fact into account.

    Raises
    ------
    InvariantError
        If the record contradicts itself: an unknown model, one that begins further up than
        on the ground, a move from where it does not stand, an illegal move, or a second
        champion in a slot.

    Examples
    --------
    >>> born = ModelRegistered(UtcNs(0), "lightgbm", "v1", "d1", None, 1)
    >>> on(Registry(), born).entries["d1"].stage
    <Stage.CANDIDATE: 'candidate'>
    """
    match fact:
        case ModelRegistered():
            return _registered(registry, fact)
        case ModelMoved():
            return _moved(registry, fact)
        case RampChanged():
            entry = known(registry, fact.digest)
            return _put(registry, msgspec.structs.replace(entry, share=fact.share))
        case _:
            assert_never(fact)


def known(registry: Registry, digest: str) -> Entry:
    """Return the entry of a digest, which must be registered."""
    if digest not in registry.entries:
        msg = f"no model {digest!r} is registered; a model is registered before it moves"
        raise InvariantError(msg)
    return registry.entries[digest]


def _registered(registry: Registry, fact: ModelRegistered) -> Registry:
    if fact.digest in registry.entries:
        return registry
    if fact.stage not in _BEGINNINGS:
        msg = f"{fact.digest!r} is recorded to begin as {fact.stage}; models begin as candidate"
        raise InvariantError(msg)
    entry = Entry(
        model=fact.model,
        version=fact.version,
        digest=fact.digest,
        parent=fact.parent,
        trials=fact.trials,
        stage=fact.stage,
        since_ns=fact.time_ns,
        proof=fact.proof,
    )
    return _put(registry, entry)


def _moved(registry: Registry, fact: ModelMoved) -> Registry:
    entry = known(registry, fact.digest)
    if fact.before is not entry.stage:
        msg = f"{fact.digest!r} is recorded to move from {fact.before}; it is a {entry.stage}"
        raise InvariantError(msg)
    require_legal(fact.before, fact.after)
    reached = entry.share if fact.before is Stage.CHAMPION else entry.reached
    moved = msgspec.structs.replace(
        entry, stage=fact.after, since_ns=fact.time_ns, share=0.0, reached=reached
    )
    slots = registry.slots | {entry.model: _slot_after(registry.slot(entry.model), fact)}
    return msgspec.structs.replace(_put(registry, moved), slots=slots)


def _slot_after(slot: Slot, fact: ModelMoved) -> Slot:
    """Return the slot once a model came into charge of it, or left."""
    if fact.after is Stage.CHAMPION:
        if slot.champion is not None:
            msg = f"{fact.digest!r} cannot be champion beside {slot.champion!r}"
            raise InvariantError(msg)
        restored = fact.before is Stage.RETIRED
        return Slot(fact.digest, None if restored else slot.previous)
    if fact.before is Stage.CHAMPION:
        superseded = fact.cause == SUPERSEDED
        return Slot(None, fact.digest if superseded else slot.previous)
    return slot


def _put(registry: Registry, entry: Entry) -> Registry:
    return msgspec.structs.replace(registry, entries=registry.entries | {entry.digest: entry})
