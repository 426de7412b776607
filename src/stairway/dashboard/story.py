"""What happened: every move on the stairs, and what became of each announced misfortune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stairway.app.facts import DrillAnnounced
from stairway.base.verdict import Pass, Refuse
from stairway.dashboard.gates import Line, lines
from stairway.dashboard.stairs import RISE
from stairway.dashboard.views import RunView
from stairway.dashboard.words import cause, counted, instant, percent, short, word
from stairway.lifecycle.facts import ModelMoved, RampChanged

_FROZEN_FEED = "risk.frozen_feed"
_NOBODY = "nobody fell after it"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a model.

    ``way`` is ``up``, ``down`` or ``ramp``; ``at`` the bar.
    """

    at: int
    when: str
    model: str
    digest: str
    way: str
    what: str
    why: str
    verdict: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Misfortune:
    """One announced misfortune and what the record shows of it."""

    letter: str
    at: int
    when: str
    kind: str
    announced: str
    became: str


def events(seen: RunView) -> tuple[Event, ...]:
    """List promotions, rollbacks and ramp steps, in order of time."""
    ramps = [_ramp(seen, r) for r in seen.ramps if not _is_first_share(seen, r)]
    found = [*(_move(seen, m) for m in seen.moves), *ramps]
    return tuple(sorted(found, key=lambda event: event.at))


def is_up(move: ModelMoved) -> bool:
    """Tell a step up the stairs from one down or aside."""
    rise = {stage: height for height, stage in enumerate(RISE)}
    return rise.get(move.after.value, -1) > rise.get(move.before.value, -1)


def misfortunes(seen: RunView, notes: Sequence[str]) -> tuple[Misfortune, ...]:
    """List the announcements of a drill, lettered in order of their bars."""
    ordered = sorted(seen.announced, key=lambda a: a.index)
    return tuple(
        Misfortune(
            _LETTERS[i % len(_LETTERS)],
            one.index,
            _when(seen, one.index),
            one.kind,
            one.detail,
            became(seen, one, notes),
        )
        for i, one in enumerate(ordered)
    )


def became(seen: RunView, one: DrillAnnounced, notes: Sequence[str]) -> str:
    """Say what the record shows of a misfortune, or that it shows nothing."""
    match one.kind:
        case "leak":
            found = _leak(seen)
        case "edge":
            found = _climbed(seen)
        case "edge_dies":
            found = _next_fall(seen, one.index, "")
        case "collapse":
            found = _found_out(seen, one.index, one.detail.partition(" ")[0])
        case "freeze":
            times = sum(c[_FROZEN_FEED] for c in seen.refusals.values())
            found = f"{counted(times, 'order')} refused because the feed stood still"
        case "kill":
            found = "; ".join(notes) or "nothing was noted"
        case _:
            found = "this version does not know what to look for"
    return found


def _leak(seen: RunView) -> str:
    for gate in seen.gates:
        if not gate.digest and isinstance(gate.verdict, Refuse):
            return f"{gate.model} was refused: {gate.verdict.findings[0].detail}"
    return "nobody was turned away"


def _climbed(seen: RunView) -> str:
    top = max(seen.moves, key=_height, default=None)
    if top is None:
        return "no model climbed on it"
    when = _when(seen, seen.index_at(top.time_ns))
    return f"{top.model} climbed on it as far as {top.after.value}, on {when}"


def _height(move: ModelMoved) -> int:
    return RISE.index(move.after.value) if move.after.value in RISE else -1


def _next_fall(seen: RunView, index: int, model: str) -> str:
    for move in seen.moves:
        at = seen.index_at(move.time_ns)
        if at >= index and not is_up(move) and model in {"", move.model}:
            after = counted(at - index, "bar")
            return (
                f"{after} later {move.model} fell from {move.before.value} to "
                f"{move.after.value}: {cause(move.cause)}"
            )
    return _NOBODY


def _found_out(seen: RunView, index: int, model: str) -> str:
    """Find the first refusal of a model by a live gate, and its fall if it fell."""
    for gate in seen.gates:
        at = seen.index_at(gate.time_ns)
        if at >= index and gate.model == model and isinstance(gate.verdict, Refuse):
            detail = gate.verdict.findings[0].detail
            found = f"{counted(at - index, 'bar')} later {gate.gate} refused {model}: {detail}"
            fell = _next_fall(seen, index, model)
            return found if fell == _NOBODY else f"{found}; {fell}"
    return _next_fall(seen, index, model)


def _move(seen: RunView, move: ModelMoved) -> Event:
    at = seen.index_at(move.time_ns)
    grade = f" ({move.grade})" if move.grade else ""
    return Event(
        at=at,
        when=_when(seen, at),
        model=move.model,
        digest=short(move.digest),
        way="up" if is_up(move) else "down",
        what=f"{move.before.value} → {move.after.value}",
        why=cause(move.cause) + grade,
        verdict=word(move.verdict),
        lines=lines(move.verdict, seen.names),
    )


def _ramp(seen: RunView, ramp: RampChanged) -> Event:
    at = seen.index_at(ramp.time_ns)
    share = percent(ramp.share, 0, signed=False)
    return Event(
        at=at,
        when=_when(seen, at),
        model=ramp.model,
        digest=short(ramp.digest),
        way="ramp",
        what=f"{share} of full size",
        why="probation went well so far; its share grows",
        verdict=word(Pass()),
        lines=(),
    )


def _is_first_share(seen: RunView, ramp: RampChanged) -> bool:
    """Tell whether the share came with a move, which says so already."""
    return any(m.time_ns == ramp.time_ns and m.digest == ramp.digest for m in seen.moves)


def _when(seen: RunView, index: int) -> str:
    return instant(seen.bars[min(index, len(seen.bars) - 1)].time_ns, seen.bar_seconds)
