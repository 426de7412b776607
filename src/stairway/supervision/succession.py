"""Who came in whose place at a cutover, and who fell silent.

A deployment that changes the version of a model changes its name, slot ``"/"`` version, and
nobody is heard of the old name again. That is no silence: the slot answers. Of each model that
was heard before the cutover:

1. It is *replaced* where another version of its slot, at the same stage, began after its last
   answer, or came back after it. Where both answered side by side for a while, as they do
   while a deployment rolls, the one that came must have gone on for a settled time.
   Answers that break the contract tell too when somebody spoke; only who keeps it replaces.
2. It is *silent* where no answer came since and nobody replaced it. Two versions that had
   always answered side by side do not replace each other: one of them died.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from stairway.supervision.answers import Stage
from stairway.supervision.cutover import Sides
from stairway.supervision.tally import Tally

Who: TypeAlias = tuple[str, Stage]
"""A model, by its whole name, at a stage."""


@dataclass(frozen=True, slots=True)
class Succession:
    """What became of everybody.

    Attributes
    ----------
    replaced
        Who is gone, and who answers in that place. Some answers may have come since.
    new
        Who was not heard before.
    silent
        Who was heard before and not since, and was replaced by nobody.
    """

    replaced: dict[Who, tuple[str, ...]]
    new: tuple[Who, ...]
    silent: tuple[Who, ...]


@dataclass(frozen=True, slots=True)
class _Life:
    """First and last answer on each side, of any kind; ``None`` where none there has a time.

    ``kept_ns`` is the last one since the cutover that kept the contract.
    """

    before_ns: tuple[int, int] | None
    after_ns: tuple[int, int] | None
    kept_ns: int | None
    is_new: bool
    is_there: bool


def succession(sides: Sides, settled_ns: int) -> Succession:
    """Tell who was replaced, who is new and who is silent since the cutover.

    Parameters
    ----------
    settled_ns
        For how long a new version must go on after the last answer of one that it answered
        beside.

    Examples
    --------
    >>> from stairway.base.units import UtcNs
    >>> from stairway.supervision.answers import Names, columns
    >>> names = Names()
    >>> sides = Sides(names, UtcNs(10))
    >>> sides.add(columns(time_ns=[9, 11], model=names.models.codes(["mlp/v1", "mlp/v2"]),
    ...                   symbol=names.symbols.codes(["A", "A"]), action=[2, 2],
    ...                   confidence=[0.6, 0.4]))
    >>> found = succession(sides, settled_ns=5)
    >>> [who[0] for who in found.replaced], [who[0] for who in found.new], found.silent
    (['mlp/v1'], ['mlp/v2'], ())
    """
    lives = dict(_lives(sides))
    replaced = {who: _heirs(who, lives, settled_ns) for who in lives}
    return Succession(
        replaced={who: heirs for who, heirs in replaced.items() if heirs},
        new=tuple(who for who, life in lives.items() if life.is_new),
        silent=tuple(w for w, life in lives.items() if not (life.is_there or replaced[w])),
    )


def _heirs(who: Who, lives: dict[Who, _Life], settled_ns: int) -> tuple[str, ...]:
    """Name the versions of the same slot that answer in this one's place."""
    mine, (model, stage) = lives[who], who
    return tuple(
        other
        for (other, where), life in lives.items()
        if where is stage and other != model and slot_of(other) == slot_of(model)
        if _follows(life, mine, settled_ns)
    )


def _follows(heir: _Life, mine: _Life, settled_ns: int) -> bool:
    """Whether one began when the other had ended, be it for the second time (a way back)."""
    ours, theirs = mine.before_ns or mine.after_ns, heir.before_ns or heir.after_ns
    if heir.kept_ns is None or heir.after_ns is None or ours is None or theirs is None:
        return False  # it does not answer, or nobody knows when which of them did
    last_ns = (mine.after_ns or ours)[1]
    comes = heir.is_new or (heir.before_ns is not None and heir.before_ns[1] < ours[0])
    if (heir.after_ns if comes else theirs)[0] > last_ns:
        return True
    return comes and not mine.is_new and heir.kept_ns - last_ns >= settled_ns


def slot_of(model: str) -> str:
    """Return the slot in a name: what stands before the first stroke.

    Examples
    --------
    >>> slot_of("mlp/v2"), slot_of("mlp")
    ('mlp', 'mlp')
    """
    return model.partition("/")[0]


def _lives(sides: Sides) -> Iterator[tuple[Who, _Life]]:
    for who in dict.fromkeys([*sides.before.heard(), *sides.after.heard()]):
        was, now = _told(sides.before, who), _told(sides.after, who)
        if was or now:
            times = sides.before.spoke_between(*who), sides.after.spoke_between(*who)
            kept_ns = _kept_ns(sides.after, who)
            yield who, _Life(*times, kept_ns, is_new=not was, is_there=bool(now))


def _told(tally: Tally, who: Who) -> int:
    """Count answers, repeats of an earlier one left out."""
    counted = tally.measured(*who)
    return counted.events + counted.violations


def _kept_ns(tally: Tally, who: Who) -> int | None:
    return tally.heard_between(*who)[1] if tally.measured(*who).events else None
