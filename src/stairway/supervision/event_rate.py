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

    @property
    def count(self) -> int:
        """How many events there are."""
        return int(self._pace.counters[k.GROUPS])

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
        """Events a minute of the ten minutes up to the latest event, and its own minute.

        The latest events are among them, so that those who answer in bursts, each of them
        enough, are never slow between two.
        """
        now = self.latest_ns // _NS_PER_MINUTE
        if now - self.earliest_ns // _NS_PER_MINUTE < _RECENT_MINUTES:
            return self.per_minute
        minutes = self._pace.minutes
        recent = (minutes[:, 0] >= now - _RECENT_MINUTES) & (minutes[:, 0] <= now)
        span = self.latest_ns - (now - _RECENT_MINUTES) * _NS_PER_MINUTE
        return float(minutes[recent, 1].sum()) * _NS_PER_MINUTE / span

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
    """Say whether events come fast enough, on the whole and of late: exactly the bound does.

    Examples
    --------
    >>> judge_rate(Events()).findings[0].detail
    '0 events: too few to know how fast they come'
    """
    code, rate, lately = "gate.event_rate", events.per_minute, events.lately
    if rate is None or lately is None:
        detail = f"{events.count} events: too few to know how fast they come"
        return inconclusive(code, detail, None, least_per_minute, events.count)
    if rate >= least_per_minute and not lately >= least_per_minute:
        detail = f"{lately:.3g} events a minute of late, {rate:.3g} on the whole"
        return refuse(code, detail, lately, least_per_minute, events.count)
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
