"""How the leak battery of a run rebuilds its pipeline (``[battery]``)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.evaluation.battery.study import BatteryRules


class RebuildRules(Config, frozen=True, kw_only=True):
    """How hard the battery looks, and on how much. A policy must say all of it.

    Attributes
    ----------
    cuts, tolerance, surrogates, shuffles, block_rows, level, mean_sharpe_bound
        As in :class:`stairway.evaluation.battery.study.BatteryRules`.
    gap_rows, embargo_rows, min_rows
        The same.
    max_bars
        The last so many bars that training sees are rebuilt.
    rounds
        Trees of the one learner that is fitted anew each time.
    """

    cuts: Annotated[int, Meta(ge=1, le=1_000)]
    tolerance: Annotated[float, Meta(ge=0.0, le=1e-3)]
    surrogates: Annotated[int, Meta(ge=8, le=10_000)]
    shuffles: Annotated[int, Meta(ge=8, le=10_000)]
    block_rows: Annotated[int, Meta(ge=1, le=10**6)]
    level: Annotated[float, Meta(ge=0.001, le=0.2)]
    mean_sharpe_bound: Annotated[float, Meta(gt=0.0, le=1.0)]
    gap_rows: Annotated[int, Meta(ge=0, le=10**6)]
    embargo_rows: Annotated[int, Meta(ge=0, le=10**6)]
    min_rows: Annotated[int, Meta(ge=30, le=10**6)]
    max_bars: Annotated[int, Meta(ge=500, le=10**6)]
    rounds: Annotated[int, Meta(ge=1, le=1_000)]

    @property
    def asked(self) -> BatteryRules:
        """Return the rules of the battery itself."""
        names = BatteryRules.__struct_fields__
        return BatteryRules(**{name: getattr(self, name) for name in names})
