"""Time is asked for in one place, in nanoseconds."""

from __future__ import annotations

import time

from stairway.app.clock import now_ns, tick_ns


def test_the_wall_clock_is_utc_in_nanoseconds() -> None:
    before, now, after = time.time_ns(), now_ns(), time.time_ns()
    assert before <= now <= after
    assert isinstance(now, int)


def test_the_counter_never_goes_back() -> None:
    ticks = [tick_ns() for _ in range(100)]
    assert ticks == sorted(ticks)
    assert isinstance(ticks[0], int)
