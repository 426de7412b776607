"""Is a made-up market what it is called? Measured on the bars that came out of it.

Bars are looked at in windows of one spell each. A window is as volatile as its returns are
large, in units of each instrument's recorded deviation; it trends as far as the pair went one
way for its size; and its correlation is that of both instruments' returns. The median window
of what was made is held against the windows of what was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, all_of, passed, refuse
from stairway.market.bars import PairBars
from stairway.market.ports import RawBars
from stairway.market.quality import REASONS, faults
from stairway.simulation.scenarios import Scenario, ScenarioRules


@dataclass(frozen=True, slots=True)
class Windows:
    """What a series of bars was like, window by window.

    Attributes
    ----------
    volatility, trend, correlation : (windows,) float64
        The trend has no sign. Correlation is NaN where an instrument stood still.
    """

    volatility: FloatArray
    trend: FloatArray
    correlation: FloatArray

    def __len__(self) -> int:
        return len(self.volatility)


def windows_of(returns: FloatArray, deviation: FloatArray, window_bars: int) -> Windows:
    """Measure log returns of shape (n, 2); what is left over at the end is not looked at.

    Parameters
    ----------
    deviation : (2,) float64
        Of each instrument, as recorded.

    Examples
    --------
    >>> up = np.tile([[0.01, 0.02]], (4, 1))
    >>> windows_of(up, np.array([0.01, 0.02]), 4).trend
    array([2.])
    """
    count = len(returns) // window_bars
    cut = (returns[: count * window_bars] / deviation).reshape(count, window_bars, 2)
    both = cut.mean(axis=2)
    size = np.sqrt(np.square(both).sum(axis=1))
    trend = np.divide(np.abs(both.sum(axis=1)), size, out=np.zeros(count), where=size > 0.0)
    apart = cut - cut.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.square(apart).sum(axis=1).prod(axis=1))
    correlation = np.full(count, np.nan)
    np.divide(apart.prod(axis=2).sum(axis=1), spread, out=correlation, where=spread > 0.0)
    return Windows(np.sqrt(np.square(cut).mean(axis=(1, 2))), trend, correlation)


def is_what_it_says(
    scenario: Scenario, made: Windows, recorded: Windows, rules: ScenarioRules
) -> Verdict:
    """Hold what was made against what was recorded; the first finding says by how much."""
    if not (len(made) > 0 and len(recorded) >= rules.min_windows):
        detail = f"{scenario}: {len(recorded)} of {rules.min_windows} recorded windows"
        return refuse(
            "scenario.too_few_windows", detail, len(recorded), rules.min_windows, len(made)
        )
    high, low = rules.bound_quantile, 1.0 - rules.bound_quantile
    stormy, calm = np.quantile(recorded.volatility, (high, low)).tolist()
    n, usual = len(made), float(np.median(made.volatility))
    match scenario:
        case Scenario.HIGH_VOLATILITY:
            detail = f"volatility of the median window is {usual:.3f}, at least {stormy:.3f}"
            finding = Finding("scenario.high_volatility", detail, usual, stormy, n)
            return _held(finding, holds=usual >= stormy)
        case Scenario.LOW_VOLATILITY:
            detail = f"volatility of the median window is {usual:.3f}, at most {calm:.3f}"
            finding = Finding("scenario.low_volatility", detail, usual, calm, n)
            return _held(finding, holds=usual <= calm)
        case Scenario.TRENDING:
            far, bound = float(np.median(made.trend)), float(np.quantile(recorded.trend, high))
            detail = f"trend of the median window is {far:.3f}, at least {bound:.3f}"
            finding = Finding("scenario.trending", detail, far, bound, n)
            return _held(finding, holds=far >= bound)
        case Scenario.CORRELATION_BREAKDOWN:
            return _broken_down(made, recorded, rules)
        case Scenario.MIXED:
            return _mixed(made.volatility >= stormy, made.volatility <= calm, rules)
        case _:
            assert_never(scenario)


def can_be_traded(bars: PairBars, max_jump_frac: float) -> Verdict:
    """Hold made-up bars against the very checks that recorded ones must pass.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> can_be_traded(random_walk(50, seed=1), 0.5).findings[0].detail
    '100 bars, each as valid as a recorded one must be'
    """
    for k, instrument in enumerate(bars.instruments):
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        one = (np.ascontiguousarray(column[:, k]) for column in columns)
        found = faults(RawBars(instrument, bars.time_ns, *one), max_jump_frac)
        if found.any():
            bar = int(found.argmax())
            detail = f"{instrument.symbol}: bar {bar} is {REASONS[int(found[bar])]}"
            return refuse("scenario.faulty_bar", detail, bar, n=len(bars))
    detail = f"{2 * len(bars)} bars, each as valid as a recorded one must be"
    return passed("scenario.bars", detail, n=2 * len(bars))


def _broken_down(made: Windows, recorded: Windows, rules: ScenarioRules) -> Verdict:
    was = abs(float(np.median(recorded.correlation)))
    if not was >= rules.min_correlation:
        detail = f"the recorded correlation is {was:.2f}: there is nothing to break down"
        return refuse(
            "scenario.no_correlation", detail, was, rules.min_correlation, len(recorded)
        )
    left = float(np.median(np.abs(made.correlation)))
    bound = rules.max_correlation_frac * was
    detail = f"correlation of the median window is {left:.3f}, at most {bound:.3f}"
    finding = Finding("scenario.correlation_breakdown", detail, left, bound, len(made))
    return _held(finding, holds=left <= bound)


def _mixed(stormy: BoolArray, calm: BoolArray, rules: ScenarioRules) -> Verdict:
    bound, n = rules.min_mixed_frac, stormy.size
    verdicts: list[Verdict] = []
    for what, which in (("stormy", stormy), ("calm", calm)):
        share = float(which.mean())
        detail = f"{share:.2f} of the windows are {what}, at least {bound:.2f}"
        finding = Finding("scenario.mixed", detail, share, bound, n)
        verdicts.append(_held(finding, holds=share >= bound))
    return all_of(verdicts)


def _held(finding: Finding, *, holds: bool) -> Verdict:
    return Pass((finding,)) if holds else Refuse((finding,))
