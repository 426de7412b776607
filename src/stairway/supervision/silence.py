"""Who stopped answering while others went on.

No clock decides it: where nobody answers, at night or while the stream pauses, nobody is
silent. Of each model that has answered:

1. Answers are counted in the minutes of :class:`~.extent.Extent`. Its *witnesses* are the
   others who answered after it, however new: for each time at which one of them began, those
   who had begun by then. Their *events* are the answers of the busiest of them in a minute.
2. It has a *pace* once it has answered in ``min_effective_events`` different minutes, and two
   clocks measure it: answers to each event since they began, of which it must have as many,
   and answers to each active minute. That is one in which somebody answers, or has answered
   no longer ago than this one's own median interval.
3. Since its last answer it is *due* as many answers as its pace gives by the slower of both
   clocks, and never more than there were events. The longest silence before that is what is
   *usual*, and is taken off; what was silence before they began counts in full, minute by
   minute, since nobody knows what they would have said.
4. Where by any witnesses ``min_events`` answers or more are missing, and the silence is half
   as long again as what is usual, it died. Another version of its slot that came in its place
   is no death: see :func:`silences`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.units import NS_PER_HOUR
from stairway.supervision.extent import Extent
from stairway.supervision.quality_gate import QualityRules
from stairway.supervision.succession import Who, slot_of
from stairway.supervision.tally import Tally

_MINUTE_NS = NS_PER_HOUR // 60


@dataclass(frozen=True, slots=True)
class Silence:
    """What is missing of a model since its last answer.

    Attributes
    ----------
    last_ns
        When it last answered.
    events
        How many events others answered since.
    due, usual
        Answers that it would have given in them at its own pace, by the slower of two clocks,
        and in the longest silence before; 0 where it answered too rarely to have a pace.
    heirs
        Versions of its slot that answer in its place.
    """

    last_ns: int
    events: int
    due: int
    usual: int
    heirs: tuple[str, ...]

    @property
    def missing(self) -> int:
        """Answers that are missing beyond what was ever missing before."""
        return max(self.due - self.usual, 0)

    def is_death(self, rules: QualityRules) -> bool:
        """Whether as much is missing as it takes to be judged, and nobody follows."""
        is_long = _is_long(self.due, self.usual)
        return not self.heirs and is_long and self.missing >= rules.min_events

    def is_noted(self, rules: QualityRules) -> bool:
        """Whether it is worth a word: some answers are missing, or it has no pace."""
        return self.missing >= rules.min_effective_events or (
            self.due == 0 and self.events >= rules.min_events
        )


@dataclass(frozen=True, slots=True)
class _Minutes:
    """Answers by bin and who gave them, (n,) each, the earliest bin first."""

    at: IntArray
    who: IntArray
    often: IntArray
    width_ns: int


@dataclass(frozen=True, slots=True)
class _Witnesses:
    """Others who had all begun by a bin: those in which there are any, (n,), and their events.

    ``up_to`` has one more: how many events there are before each of the bins, and in all.
    """

    began: int
    at: IntArray
    up_to: IntArray

    def through(self, bins: IntArray | int) -> IntArray:
        """Return how many events there are up to a bin, and in it."""
        return self.up_to[np.searchsorted(self.at, bins, side="right")]

    @property
    def events(self) -> int:
        """Events in all."""
        return int(self.up_to[-1])


@dataclass(frozen=True, slots=True)
class _Due:
    """Events since the last answer, what was due in them, and what is usual."""

    events: int
    due: int = 0
    usual: int = 0
    has_pace: bool = False

    def order(self) -> tuple[bool, bool, int]:
        """Tell by how much it is beyond what is usual."""
        return self.has_pace, _is_long(self.due, self.usual), self.due - self.usual


def silences(
    tally: Tally, rules: QualityRules, before: Tally | None = None, *, own: bool = False
) -> dict[Who, Silence]:
    """Tell who has been silent in the latest minutes of a stream, and how much is missing.

    A version of a slot is followed by another one that goes on, where that began by the least
    span later than itself, or answered in fewer than half of its minutes. Two that had always
    answered side by side do not follow each other: one of them died.

    Parameters
    ----------
    before
        What was said before a cutover, where one was asked for. It tells of pace and of
        silences too; less is due where the pace has become slower since.
    own
        True for a log of Stairway's own, in which versions of a slot are retired on purpose:
        any that goes on then answers for all.

    Examples
    --------
    >>> from stairway.supervision.answers import Names, columns
    >>> from stairway.testing.climbing import quality_rules
    >>> names, minute = Names(), 60 * 10**9
    >>> tally = Tally(names)
    >>> a, b = [*range(900)], [*range(600)]
    >>> tally.add(columns(time_ns=[minute * t for t in (*a, *b)],
    ...                   model=names.models.codes(["a"] * 900 + ["b"] * 600),
    ...                   symbol=names.symbols.codes(["A"] * 1_500), action=[2] * 1_500,
    ...                   confidence=[0.6] * 1_500))
    >>> found = silences(tally, quality_rules())
    >>> [(who[0], one.due, one.usual) for who, one in found.items()]
    [('b', 300, 1)]
    """
    extents = [one.extent for one in (before, tally) if one is not None]
    whole = _minutes(extents)
    now = whole if before is None else _minutes(extents[-1:])
    found = dict[Who, Silence]()
    for who in tally.heard():
        spoke = tally.spoke_between(*who)
        last = -1 if spoke is None else spoke[1] // whole.width_ns
        if spoke is None or not len(whole.at) or last >= whole.at[-1]:
            continue
        code = 4 * tally.names.models.names.index(who[0]) + int(who[1])
        heirs = tuple(_heirs(who, tally, whole, rules, own=own))
        parts = [_missing(code, last, one, rules) for one in (whole, now)]
        # Since a cutover somebody may have said too little to have a pace of its own.
        least = min((p for p in parts if p.has_pace), key=_Due.order, default=parts[0])
        if least.events > 0:
            found[who] = Silence(spoke[1], least.events, least.due, least.usual, heirs)
    return found


def _is_long(due: int, usual: int) -> bool:
    """Whether a silence is half as long again as what is usual."""
    return 2 * due >= 3 * usual


def _minutes(extents: Sequence[Extent]) -> _Minutes:
    width = max(one.width for one in extents)
    parts = [one.counted(width) for one in extents]
    at, who, often = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((who, at))
    at, who, often = at[order], who[order], often[order]
    first = np.flatnonzero(np.diff(at, prepend=at[:1] - 1) | np.diff(who, prepend=who[:1]))
    joined = np.add.reduceat(often, first) if len(first) else often
    return _Minutes(at[first], who[first], joined, width * _MINUTE_NS)


def _missing(code: int, last: int, minutes: _Minutes, rules: QualityRules) -> _Due:
    """Return what is due of one by those witnesses who miss it most."""
    mine = minutes.who == code
    own = _Own(minutes.at[mine], minutes.often[mine], last)
    told = (_due(own, one, rules) for one in _witnesses(code, last, minutes))
    return max(told, key=_Due.order, default=_Due(0))


@dataclass(frozen=True, slots=True)
class _Own:
    """In which bins one answered, and how often, (n,) each; the bin of its last answer."""

    at: IntArray
    often: IntArray
    last: int


def _witnesses(code: int, last: int, minutes: _Minutes) -> Iterator[_Witnesses]:
    """Yield those who answered after one, for each of the times by which some had begun.

    All who began after its last answer are taken together: none of them ever heard it.
    """
    whose, first = np.unique(minutes.who, return_index=True)
    there = np.isin(whose, minutes.who[minutes.at > last]) & (whose != code)
    whose, began = whose[there], np.minimum(minutes.at[first][there], last)
    for start in np.unique(began):
        known = np.isin(minutes.who, whose[began <= start])
        at, often = minutes.at[known], minutes.often[known]
        starts = np.flatnonzero(np.diff(at, prepend=at[:1] - 1))
        events = np.cumsum(np.maximum.reduceat(often, starts))
        yield _Witnesses(int(start), at[starts], np.concatenate([events[:1] * 0, events]))


def _due(own: _Own, others: _Witnesses, rules: QualityRules) -> _Due:
    """Return what is due by the slower of both clocks, and no more than there are events."""
    events = others.events - int(others.through(own.last))
    if len(own.at) < rules.min_effective_events:
        return _Due(events)
    since = own.at >= others.began
    start = max(others.began, int(own.at[0]))
    during = int(others.through(own.last) - others.through(start - 1))
    clocks = [_by_time(own, others, events)]
    if since.sum() >= rules.min_effective_events:
        n, up_to = int(own.often[since].sum()), others.through(own.at[since])
        longest = int(np.diff(up_to).max(initial=0))
        clocks.append(_at_pace(n, during, (events, longest), events))
    return min(clocks, key=_Due.order)


def _by_time(own: _Own, others: _Witnesses, events: int) -> _Due:
    """Return what is due by active time; of a silence before the others, each minute counts."""
    most = max(int(np.median(np.diff(own.at))), 1)
    both = np.union1d(own.at, others.at)
    during = int(_active(both, own.last, most) - _active(both, int(own.at[0]) - 1, most))
    passed = np.maximum(own.at, others.began)
    passed = _active(others.at, passed, most) + np.minimum(own.at, others.began)
    longest = int(np.diff(passed).max(initial=0))
    end = int(others.at[-1])
    since = int(_active(others.at, end, most) - _active(others.at, own.last, most))
    return _at_pace(int(own.often.sum()), during, (since, longest), events)


def _at_pace(n: int, during: int, spans: tuple[int, int], events: int) -> _Due:
    """Return what a pace of ``n`` answers comes to, but never of more than one to an event."""
    most = max(n * spans[0], events * during)
    due, usual = (n * span * events // most for span in spans)
    return _Due(events, due, usual, has_pace=True)


def _active(at: IntArray, bins: IntArray | int, most: int) -> IntArray:
    """Count bins up to some, and in them, that lie in an answer or less than ``most`` after."""
    lasts = np.minimum(np.diff(at, append=at[-1] + most), most)
    up_to = np.concatenate([[0], np.cumsum(lasts)])
    met = np.searchsorted(at, bins, side="right")
    ends = (at + lasts)[np.maximum(met - 1, 0)]
    return up_to[met] - np.where(met > 0, np.maximum(ends - bins - 1, 0), 0)


def _heirs(
    who: Who, tally: Tally, minutes: _Minutes, rules: QualityRules, *, own: bool
) -> Iterator[str]:
    """Name the versions of the same slot that go on in the place of one."""
    names, (model, stage) = tally.names.models.names, who
    mine = minutes.at[minutes.who == 4 * names.index(model) + stage]
    settled = round(rules.min_span_hours * NS_PER_HOUR) // minutes.width_ns
    for other, where in tally.heard():
        if where is not stage or other == model or slot_of(other) != slot_of(model):
            continue
        theirs = minutes.at[minutes.who == 4 * names.index(other) + stage]
        if not len(theirs) or not len(mine) or theirs[-1] <= mine[-1]:
            continue
        beside = np.isin(mine, theirs).sum()
        if own or theirs[0] - mine[0] >= max(settled, 1) or 2 * beside < len(mine):
            yield other
