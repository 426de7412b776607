"""Whether events still come, how fast, and when there will be enough.

An event is a run of neighbouring answers about one instrument at one instant, in which no
model answers twice at one stage. What its members said is counted with it
(:mod:`~stairway.supervision.agreement`), as is the hour of day and the regime.
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.units import NS_PER_HOUR
from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.supervision import kernels as k

LEAST_PER_MINUTE = 2
"""Events a minute under which the stream itself is ailing."""

_NS_PER_MINUTE = NS_PER_HOUR // 60
_RECENT_MINUTES = 10
_LEAST_FOR_RATE = 2


class Events:
    """Counts of events, carried from chunk to chunk."""

    def __init__(self) -> None:
        self.rows = 0
        self._pace = k.Pace(
            counters=np.zeros(k.EVENT_COUNTERS, np.int64),
            votes=np.zeros((k.MEMBERS, k.MEMBERS), np.int64),
            hours=np.zeros(24, np.int64),
            regimes=np.zeros(33, np.int64),
            minutes=np.zeros((k.MINUTES, 2), np.int64),
            heard=np.full(4 * 256, -1, np.int64),
        )

    def add(self, rows: k.Rows) -> None:
        """Count the events of a chunk."""
        self.rows += len(rows.take)
        k.count_events(rows, self._pace)

    def merge(self, later: Events) -> None:
        """Add what ``later`` counted, as if its events had followed these.

        ``later`` is left as it was. The last event here is taken to be complete.
        """
        mine, theirs = self._pace, later._pace
        self.rows += later.rows
        if later.count == 0:
            return
        if self.count == 0:
            for own, other in zip(mine, theirs, strict=True):
                own[:] = other
            return
        k.close_event(mine.counters, mine.votes)
        _join(mine.counters, theirs.counters, later.first_ns_met)
        mine.votes[:] += theirs.votes
        mine.hours[:] += theirs.hours
        mine.regimes[:] += theirs.regimes
        mine.heard[:] = np.where(theirs.heard == later.count, self.count, -1)
        newer = theirs.minutes[:, 0] > mine.minutes[:, 0]
        same = theirs.minutes[:, 0] == mine.minutes[:, 0]
        mine.minutes[same, 1] += theirs.minutes[same, 1]
        mine.minutes[newer] = theirs.minutes[newer]

    @property
    def count(self) -> int:
        """How many events there are."""
        return int(self._pace.counters[k.GROUPS])

    @property
    def first_ns_met(self) -> int:
        """Instant of the event that came first, whether or not it is the earliest."""
        return int(self._pace.counters[k.FIRST_MET])

    @property
    def earliest_ns(self) -> int:
        """Instant of the earliest event; 0 where there is none."""
        return int(self._pace.counters[k.EARLIEST])

    @property
    def latest_ns(self) -> int:
        """Instant of the latest event; 0 where there is none."""
        return int(self._pace.counters[k.LATEST])

    @property
    def backwards(self) -> int:
        """Events that are earlier than the one before them."""
        return int(self._pace.counters[k.BACKWARDS])

    @property
    def largest_gap(self) -> tuple[int, int]:
        """Length of the largest gap between two events, and when it began, in ns."""
        return int(self._pace.counters[k.GAP_NS]), int(self._pace.counters[k.GAP_START_NS])

    @property
    def hours(self) -> IntArray:
        """Events in each hour of the day in UTC, (24,)."""
        return self._pace.hours.copy()

    @property
    def regimes(self) -> IntArray:
        """Events without a regime, then in each by its code, (33,)."""
        return self._pace.regimes.copy()

    @property
    def per_minute(self) -> float | None:
        """Events a minute from the first to the last; ``None`` where that is no time."""
        span = self.latest_ns - self.earliest_ns
        if self.count < _LEAST_FOR_RATE or span <= 0:
            return None
        return (self.count - 1) * _NS_PER_MINUTE / span

    @property
    def lately(self) -> float | None:
        """Events a minute over the last ten whole minutes before the latest event's."""
        now = self.latest_ns // _NS_PER_MINUTE
        if now - self.earliest_ns // _NS_PER_MINUTE < _RECENT_MINUTES:
            return self.per_minute
        minutes = self._pace.minutes
        recent = (minutes[:, 0] >= now - _RECENT_MINUTES) & (minutes[:, 0] < now)
        return float(minutes[recent, 1].sum()) / _RECENT_MINUTES

    @property
    def votes(self) -> tuple[IntArray, int]:
        """Events by members that voted and votes for the commonest action, and the hard ones.

        The first is (65, 65): row, members; column, votes of the commonest. The second counts
        events with a BUY against a SELL. The event that is still open is counted.
        """
        now = k.Pace(*(part.copy() for part in self._pace))
        if now.counters[k.OPEN] == 1:
            k.close_event(now.counters, now.votes)
        return now.votes, int(now.counters[k.HARD])


def judge_rate(events: Events, least_per_minute: float = LEAST_PER_MINUTE) -> Verdict:
    """Say whether events come fast enough: exactly the bound does.

    Examples
    --------
    >>> judge_rate(Events()).findings[0].detail
    '0 events: too few to know how fast they come'
    """
    code, rate = "gate.event_rate", events.per_minute
    if rate is None:
        detail = f"{events.count} events: too few to know how fast they come"
        return inconclusive(code, detail, None, least_per_minute, events.count)
    gap_ns, _ = events.largest_gap
    detail = f"{rate:.3g} events a minute, at most {gap_ns / _NS_PER_MINUTE:.3g} minutes apart"
    if rate >= least_per_minute:
        return passed(code, detail, rate, least_per_minute, events.count)
    return refuse(code, detail, rate, least_per_minute, events.count)


def eta_ns(have: int, wanted: int, per_minute: float | None) -> int | None:
    """Return how long until ``wanted`` have come; ``None`` if they do not come.

    Examples
    --------
    >>> eta_ns(150, 200, 5.0) == 10 * 60 * 10**9, eta_ns(200, 200, None), eta_ns(1, 2, 0.0)
    (True, 0, None)
    """
    if have >= wanted:
        return 0
    if per_minute is None or not per_minute > 0:
        return None
    return int((wanted - have) / per_minute * _NS_PER_MINUTE)


def _join(mine: IntArray, theirs: IntArray, next_ns: int) -> None:
    """Add the counters of what follows, with the gap between the two."""
    between = next_ns - mine[k.AT_NS]
    mine[k.BACKWARDS] += theirs[k.BACKWARDS] + (between < 0)
    if between > mine[k.GAP_NS]:
        mine[k.GAP_NS], mine[k.GAP_START_NS] = between, mine[k.AT_NS]
    if theirs[k.GAP_NS] > mine[k.GAP_NS]:
        mine[[k.GAP_NS, k.GAP_START_NS]] = theirs[[k.GAP_NS, k.GAP_START_NS]]
    mine[k.EARLIEST] = min(mine[k.EARLIEST], theirs[k.EARLIEST])
    mine[k.LATEST] = max(mine[k.LATEST], theirs[k.LATEST])
    mine[[k.GROUPS, k.HARD]] += theirs[[k.GROUPS, k.HARD]]
    still_open = [k.AT_NS, k.SYMBOL, k.OPEN, k.VOTES, k.VOTES + 1, k.VOTES + 2]
    mine[still_open] = theirs[still_open]
