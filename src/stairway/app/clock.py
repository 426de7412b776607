"""The only place that asks what time it is."""

from __future__ import annotations

import time

from stairway.base.units import UtcNs


def now_ns() -> UtcNs:
    """Wall clock, UTC, in nanoseconds."""
    return UtcNs(time.time_ns())


def tick_ns() -> int:
    """Monotonic counter for measuring durations, in nanoseconds."""
    return time.perf_counter_ns()
