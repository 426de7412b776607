"""Sign who is in charge: the record of a run goes in, generations come out.

The process that trades decides promotions and rollbacks from evidence, and holds no private
key. So whoever holds one, elsewhere, reads what it put on record and signs that:

1. Every change of champions is one generation, however many moves it was made of.
2. What the store holds already is compared with the record, and never signed twice.
3. A model is opened once more before it is signed for; one that is not whole is refused.

Doing it again signs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stairway.app.catalog import CODEC
from stairway.app.policy_store import Change, PolicyStore, Signer
from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.events.fold import in_order
from stairway.events.ports import EventLog
from stairway.lifecycle.facts import ModelMoved
from stairway.lifecycle.generation import Generation, Keys, opened
from stairway.lifecycle.stage import Stage

MOVES = ("model.moved", "model.promoted", "model.rolled_back")
_MOST_WORDS = 1_000


class Handover(msgspec.Struct, frozen=True):
    """Who was in charge after one close, by slot, and which moves made it so."""

    time_ns: UtcNs
    champions: Mapping[str, str]
    why: str


def handovers(log: EventLog) -> tuple[Handover, ...]:
    """Read every change of champions from a record, oldest first.

    Moves of one close are one change: a slot is never without its owner in between.
    """
    found: list[Handover] = []
    champions: dict[str, str] = {}
    moves = [*map(CODEC.read, in_order(log, MOVES))]
    for fact in moves:
        if not isinstance(fact, ModelMoved) or Stage.CHAMPION not in {fact.before, fact.after}:
            continue
        if fact.after is Stage.CHAMPION:
            champions[fact.model] = fact.digest
        elif champions.get(fact.model) == fact.digest:
            del champions[fact.model]
        here, why = dict(champions), f"{fact.model}: {fact.cause}"
        if found and found[-1].time_ns == fact.time_ns:
            why = f"{found.pop().why}; {why}"
        found.append(Handover(fact.time_ns, here, why))
    return _changes(found)


def _changes(found: Sequence[Handover]) -> tuple[Handover, ...]:
    """Leave out what came to the same as before."""
    kept: list[Handover] = []
    for one in found:
        before: Mapping[str, str] = kept[-1].champions if kept else {}
        if one.champions != before:
            kept.append(one)
    return tuple(kept)


def unsigned(log: EventLog, store: PolicyStore, keys: Keys) -> tuple[Handover, ...]:
    """Return the handovers of ``log`` that ``store`` does not hold yet, oldest first.

    Raises
    ------
    ConfigError
        If the store tells another history than the record.
    """
    line, signed = handovers(log), _signed(store, keys)
    if tuple(one.champions for one in line[: len(signed)]) != signed:
        msg = (
            f"the store holds {len(signed)} handovers that are not those of this record "
            f"({len(line)}): it is another run's store, or somebody else decided; nothing "
            "was signed"
        )
        raise ConfigError(msg)
    return line[len(signed) :]


def attest(
    log: EventLog, store: PolicyStore, signer: Signer, now_ns: UtcNs
) -> tuple[Generation, ...]:
    """Issue a generation for each handover of ``log`` that ``store`` does not hold yet.

    Raises
    ------
    ConfigError
        If the store tells another history than the record, or a model is not whole.
    """
    issued: list[Generation] = []
    rest = unsigned(log, store, signer.keys)
    held: Mapping[str, str] = (_signed(store, signer.keys) or ({},))[-1]
    for one in rest:
        gone = {slot: None for slot in held if slot not in one.champions}
        change = Change(champions={**gone, **one.champions}, why=one.why[:_MOST_WORDS])
        issued.append(signer.issue(store, change, now_ns))
        held = one.champions
    return tuple(issued)


def _signed(store: PolicyStore, keys: Keys) -> tuple[Mapping[str, str], ...]:
    """Every change of champions that was signed already."""
    line: list[Mapping[str, str]] = []
    for statement in store.observe().statements or ():
        says = opened(statement, keys)
        if isinstance(says, Generation) and says.champions != (line[-1] if line else {}):
            line.append(says.champions)
    return tuple(line)
