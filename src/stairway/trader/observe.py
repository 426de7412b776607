"""The first half of a bar: what has been seen, and what may be known from it.

Pure: the watch that comes in is not changed. Nothing here knows which models exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.features import engine, regime
from stairway.features.engine import FeatureState
from stairway.features.regime import Regime, RegimeRules, RegimeState
from stairway.features.spec import VOLATILITY_LONG, FeatureRules
from stairway.market.bars import PairBar
from stairway.market.calendar import SessionRules, bars_left


class WatchRules(Config, frozen=True, kw_only=True):
    """How a bar is looked at."""

    features: FeatureRules
    regime: RegimeRules
    session: SessionRules


@dataclass(frozen=True, slots=True)
class Watch:
    """Everything remembered from the bars so far.

    ``unchanged_bars`` counts, per instrument, how many bars in a row repeated the bar
    before them to the last digit: a feed that hangs looks like a market that sleeps.
    """

    features: FeatureState
    regime: RegimeState
    session: SessionRules
    last: PairBar | None = None
    unchanged_bars: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at the close of ``bar``, and not a nanosecond before.

    Attributes
    ----------
    rows : (2, 12) float64
        Features of each instrument; NaN while the windows fill.
    volatility_per_bar : (2,)
        Standard deviation of one bar's log return; NaN while its window fills.
    unchanged_bars
        Age of the information, in bars, per instrument.
    previous_close_usd
        Close before this one, per instrument; NaN at the first bar.
    closing
        True where, by the calendar, the session ends within ``lead_out_bars``.
    """

    bar: PairBar
    rows: FloatArray
    regime: Regime
    unchanged_bars: tuple[int, int]
    previous_close_usd: tuple[float, float]
    closing: bool

    @property
    def volatility_per_bar(self) -> tuple[float, float]:
        """Return both instruments' volatility."""
        return float(self.rows[0, VOLATILITY_LONG]), float(self.rows[1, VOLATILITY_LONG])

    @property
    def warm(self) -> bool:
        """True when every feature of both instruments is known."""
        return bool(np.isfinite(self.rows).all()) and self.regime.warm


def start(rules: WatchRules) -> Watch:
    """Begin with nothing seen."""
    return Watch(engine.start(rules.features), regime.start(rules.regime), rules.session)


def observe(watch: Watch, bar: PairBar) -> tuple[Watch, Seen]:
    """Take in one bar."""
    features, rows = engine.step(watch.features, bar)
    regimes, now = regime.step(watch.regime, bar)
    unchanged = (_unchanged(watch, bar, 0), _unchanged(watch, bar, 1))
    before = (_close_before(watch, 0), _close_before(watch, 1))
    seen = Seen(bar, rows, now, unchanged, before, is_closing(bar, watch.session))
    return Watch(features, regimes, watch.session, bar, unchanged), seen


def _close_before(watch: Watch, k: int) -> float:
    return float("nan") if watch.last is None else watch.last.bars[k].close


def is_closing(bar: PairBar, session: SessionRules) -> bool:
    """Say whether it is time to lead out, by the clock and the calendar alone."""
    left = bars_left(bar.time_ns, session)
    return left is not None and left <= session.lead_out_bars


def _unchanged(watch: Watch, bar: PairBar, k: int) -> int:
    same = watch.last is not None and watch.last.bars[k] == bar.bars[k]
    return watch.unchanged_bars[k] + 1 if same else 0
