"""How long each stage takes, in histograms that keep the tail.

Every value is kept to three digits from a nanosecond-scale floor to a minute, so p99.9
is counted and not interpolated from a mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import msgspec
from hdrh.histogram import HdrHistogram

from stairway.app.machine import Machine, describe, peak_memory_mib
from stairway.base.errors import InvariantError

_MAX_NS = 60_000_000_000
_DIGITS = 3
_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
_WHOLE = "decision"


class _Histogram(Protocol):
    """What is used of a histogram; the library says less about its types."""

    total_count: int

    def record_value(self, value: int) -> bool: ...

    def get_value_at_percentile(self, percentile: float) -> int: ...

    def get_max_value(self) -> int: ...


class Stage(msgspec.Struct, frozen=True):
    """One stage's percentiles, in microseconds."""

    n: int
    p50_us: float
    p95_us: float
    p99_us: float
    p999_us: float
    max_us: float


class Manifest(msgspec.Struct, frozen=True):
    """A machine, and what was measured on it."""

    machine: Machine
    stages: dict[str, Stage]
    peak_memory_mib: float


class Latencies:
    """Histograms by stage. ``decision`` is the whole, and no stage may exceed it."""

    def __init__(self) -> None:
        self._by_stage: dict[str, _Histogram] = {}

    def record(self, stages_ns: Mapping[str, int]) -> None:
        """Add one decision's stages."""
        for stage, ns in stages_ns.items():
            histogram = self._by_stage.get(stage)
            if histogram is None:
                histogram = cast("_Histogram", HdrHistogram(1, _MAX_NS, _DIGITS))
                self._by_stage[stage] = histogram
            histogram.record_value(max(1, min(ns, _MAX_NS)))

    def manifest(self) -> Manifest:
        """Sum up, refusing figures that cannot be.

        Raises
        ------
        InvariantError
            If percentiles are out of order, or a stage takes longer than the whole.
        """
        stages = {name: _stage(h) for name, h in sorted(self._by_stage.items())}
        whole = stages.get(_WHOLE)
        for name, stage in stages.items():
            ordered = (stage.p50_us, stage.p95_us, stage.p99_us, stage.p999_us)
            if tuple(sorted(ordered)) != ordered:
                msg = f"latency of {name}: percentiles out of order: {ordered}"
                raise InvariantError(msg)
            if whole is not None and stage.p50_us > whole.p50_us:
                msg = f"latency of {name} exceeds the whole decision"
                raise InvariantError(msg)
        return Manifest(describe(), stages, round(peak_memory_mib(), 1))


def _stage(histogram: _Histogram) -> Stage:
    at = {k: histogram.get_value_at_percentile(p) / 1e3 for k, p in _PERCENTILES.items()}
    return Stage(
        n=histogram.total_count,
        p50_us=at["p50"],
        p95_us=at["p95"],
        p99_us=at["p99"],
        p999_us=at["p999"],
        max_us=histogram.get_max_value() / 1e3,
    )
