"""Calibration of a live model, one outcome at a time, per regime, in memory that never grows.

1. A forecast is kept beside the climatology of its moment: ``climatology(state, ...)``.
2. When its outcome is known, :func:`add` puts both into the tally of its regime.
3. :func:`read` takes the same measures as over the whole history at once, over bins of
   equal width, each with a band.

Labels overlap, so neighbouring errors are not independent. Each run of ``block_outcomes``
outcomes is one sample (batch means): its sum is kept, not its parts. The bands hold where
a block is several times longer than labels overlap.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.verdict import Inconclusive, Refuse, inconclusive, refuse
from stairway.evaluation import bins
from stairway.evaluation.calibration import (
    Estimate,
    Murphy,
    murphy,
    normal_quantile,
    two_sided,
)
from stairway.evaluation.metrics import Reliability, one_outcome, reliability_of, z_score
from stairway.evaluation.moments import Undefined
from stairway.evaluation.skill import share_up
from stairway.models.calibration import REGIMES

_ERROR, _RIVAL, _LOST = 0, 1, 2


class TrackRules(Config, frozen=True, kw_only=True):
    """How calibration is tracked.

    Attributes
    ----------
    n_bins
        Bins of equal width.
    eps
        Forecasts nearer to 0 or 1 are clipped for the log loss, and counted.
    prior_n
        Imagined outcomes, half of them up, that climatology starts from.
    block_outcomes
        Consecutive outcomes of a regime that count as one sample.
    min_blocks
        Blocks below which nothing is said.
    level
        Confidence of the two-sided bands, those of the diagram included, and one-sided that
        of its bound.
    """

    n_bins: Annotated[int, Meta(ge=2, le=100)]
    eps: Annotated[float, Meta(gt=0, lt=0.5)]
    prior_n: Annotated[float, Meta(gt=0, le=1e9)]
    block_outcomes: Annotated[int, Meta(ge=1, le=10**6)]
    min_blocks: Annotated[int, Meta(ge=10, le=10**6)]
    level: Annotated[float, Meta(ge=0.5, lt=1.0)]


class Outcome(msgspec.Struct, frozen=True):
    """A forecast whose outcome is known.

    Attributes
    ----------
    regime
        In which the forecast was made.
    confidence
        P(up) that was said, in [0, 1].
    climatology
        Of the moment of the forecast, in (0, 1).
    up
        1 where it went up, else 0.
    """

    regime: str
    confidence: float
    climatology: float
    up: int


class Tally(msgspec.Struct, frozen=True):
    """All that is kept of one regime.

    Attributes
    ----------
    bins
        Five sums for each bin: see :mod:`stairway.evaluation.bins`.
    sums
        Squared error, that of climatology, log loss, over all outcomes.
    quartic
        Sum of the squared squared errors.
    lean, spread
        The two sums of Spiegelhalter's statistic.
    clipped
        Forecasts clipped for the log loss.
    filled
        Outcomes in the open block.
    open
        Its three sums.
    n_blocks, closed
        Blocks that are full, and their three sums.
    products
        Sums over full blocks of error x error, error x rival, rival x rival, loss x loss.
    """

    bins: tuple[tuple[float, float, float, float, float], ...]
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quartic: float = 0.0
    lean: float = 0.0
    spread: float = 0.0
    clipped: int = 0
    filled: int = 0
    open: tuple[float, float, float] = (0.0, 0.0, 0.0)
    n_blocks: int = 0
    closed: tuple[float, float, float] = (0.0, 0.0, 0.0)
    products: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def n(self) -> int:
        """Outcomes seen."""
        return round(sum(row[bins.N] for row in self.bins))


class CalibrationState(msgspec.Struct, frozen=True):
    """Tallies of all regimes, and what climatology has learnt from all of them.

    Attributes
    ----------
    rules
        Of the whole history: other rules need a state of their own.
    known, ups
        Outcomes seen in any regime, and those that went up.
    tallies
        By regime.
    """

    rules: TrackRules
    known: int
    ups: int
    tallies: dict[str, Tally]


class Tracked(msgspec.Struct, frozen=True):
    """Calibration of one regime so far.

    Attributes
    ----------
    n, n_blocks
        Outcomes, and the blocks that the bands rest on.
    independent_frac
        Independent samples per outcome, as the blocks show it; at most 1.
    murphy
        The Brier score with its band, and its parts.
    skill
        Share of climatology's squared error that the forecasts save.
    log_loss, clipped
        Mean negative log likelihood, and how many forecasts were clipped for it.
    reliability
        Diagram with bands, calibration error and the bound that depends on n.
    spiegelhalter_z, spiegelhalter_p
        Statistic on independent samples, and its two-sided probability under calibration.
    """

    n: int
    n_blocks: int
    independent_frac: float
    murphy: Murphy
    skill: Estimate
    log_loss: Estimate
    clipped: int
    reliability: Reliability
    spiegelhalter_z: float | Undefined
    spiegelhalter_p: float | Undefined


def empty(rules: TrackRules) -> CalibrationState:
    """Make the state before the first outcome."""
    tally = Tally(((0.0, 0.0, 0.0, 0.0, 0.0),) * rules.n_bins)
    return CalibrationState(rules, 0, 0, dict.fromkeys(REGIMES, tally))


def climatology(state: CalibrationState) -> float:
    """Share of "up" among the outcomes known by now, in (0, 1).

    Examples
    --------
    >>> rules = TrackRules(
    ...     n_bins=10, eps=1e-6, prior_n=2.0, block_outcomes=20, min_blocks=20, level=0.95
    ... )
    >>> state = add(empty(rules), Outcome("trend", 0.6, 0.5, 1))
    >>> climatology(empty(rules)), round(climatology(state), 3)
    (0.5, 0.667)
    """
    return share_up(state.known, state.ups, state.rules.prior_n)


def add(state: CalibrationState, outcome: Outcome) -> CalibrationState | Refuse:
    """Count one outcome; one that cannot be is refused, and nothing is counted.

    Examples
    --------
    >>> rules = TrackRules(
    ...     n_bins=10, eps=1e-6, prior_n=2.0, block_outcomes=20, min_blocks=20, level=0.95
    ... )
    >>> add(empty(rules), Outcome("trend", 1.2, 0.5, 1)).findings[0].code
    'calibration.forecast'
    """
    if (fault := _fault(outcome)) is not None:
        return fault
    tally = _added(state.tallies[outcome.regime], outcome, state.rules)
    tallies = state.tallies | {outcome.regime: tally}
    return CalibrationState(state.rules, state.known + 1, state.ups + outcome.up, tallies)


def read(state: CalibrationState) -> dict[str, Tracked | Inconclusive]:
    """Take all measures of each regime, or say how many outcomes it is short of.

    Examples
    --------
    >>> rules = TrackRules(
    ...     n_bins=10, eps=1e-6, prior_n=2.0, block_outcomes=20, min_blocks=20, level=0.95
    ... )
    >>> read(empty(rules))["trend"].findings[0].detail
    '0 of 400 outcomes'
    """
    return {regime: _read(tally, state.rules) for regime, tally in state.tallies.items()}


def _read(tally: Tally, rules: TrackRules) -> Tracked | Inconclusive:
    n = tally.n
    if not tally.n_blocks >= rules.min_blocks:
        needed = rules.min_blocks * rules.block_outcomes
        detail = f"{n} of {needed} outcomes"
        return inconclusive("calibration.too_few", detail, n, needed, tally.n_blocks)
    ups = sum(row[bins.Y] for row in tally.bins)
    alone = one_outcome(round(ups), n)
    if alone is not None:
        return inconclusive("calibration.one_outcome", alone.reason, 0, 1, n)
    table, frac = np.array(tally.bins), _independent_frac(tally, rules)
    squared, _, lost, _ = _scatter(tally)
    z = z_score(tally.lean, tally.spread)
    z = z if isinstance(z, Undefined) else z * math.sqrt(frac)
    score = _mean(tally, _ERROR, squared, rules)
    return Tracked(
        n=n,
        n_blocks=tally.n_blocks,
        independent_frac=frac,
        murphy=murphy(table, score, rules.level, frac),
        skill=_skill(tally, rules),
        log_loss=_mean(tally, _LOST, lost, rules),
        clipped=tally.clipped,
        reliability=reliability_of(table, frac, rules.level),
        spiegelhalter_z=z,
        spiegelhalter_p=two_sided(z),
    )


def _fault(outcome: Outcome) -> Refuse | None:
    rival = outcome.climatology
    checks = (
        (
            outcome.regime in REGIMES,
            "calibration.regime",
            f"regime {outcome.regime!r} is unknown; allowed are {', '.join(REGIMES)}",
        ),
        (
            0.0 <= outcome.confidence <= 1.0,
            "calibration.forecast",
            f"a forecast of {outcome.confidence} lies outside [0, 1]",
        ),
        (
            0.0 < rival < 1.0 and rival * rival > 0.0,
            "calibration.climatology",
            f"a climatology of {rival} lies outside (0, 1)",
        ),
        (
            outcome.up in (0, 1),
            "calibration.outcome",
            f"an outcome of {outcome.up} is neither 0 nor 1",
        ),
    )
    faults = (refuse(code, detail) for sound, code, detail in checks if not sound)
    return next(faults, None)


def _added(tally: Tally, outcome: Outcome, rules: TrackRules) -> Tally:
    p, y = outcome.confidence, float(outcome.up)
    inside = min(max(p, rules.eps), 1.0 - rules.eps)
    error, lean = (p - y) ** 2, 1.0 - 2.0 * p
    step = (
        error,
        (outcome.climatology - y) ** 2,
        -math.log(inside if outcome.up else 1.0 - inside),
    )
    at = bins.place_of(p, rules.n_bins)
    n, sum_p, sum_pp, sum_y, sum_py = tally.bins[at]
    row = (n + 1.0, sum_p + p, sum_pp + p * p, sum_y + y, sum_py + p * y)
    grown = msgspec.structs.replace(
        tally,
        bins=(*tally.bins[:at], row, *tally.bins[at + 1 :]),
        sums=_plus(tally.sums, step),
        quartic=tally.quartic + error * error,
        lean=tally.lean + (y - p) * lean,
        spread=tally.spread + lean * lean * p * (1.0 - p),
        clipped=tally.clipped + (inside != p),
        filled=tally.filled + 1,
        open=_plus(tally.open, step),
    )
    return grown if grown.filled < rules.block_outcomes else _shut(grown)


def _shut(tally: Tally) -> Tally:
    """Put the open block, which is full, to the others."""
    error, rival, lost = tally.open
    ee, er, rr, ll = tally.products
    return msgspec.structs.replace(
        tally,
        filled=0,
        open=(0.0, 0.0, 0.0),
        n_blocks=tally.n_blocks + 1,
        closed=_plus(tally.closed, tally.open),
        products=(
            ee + error * error,
            er + error * rival,
            rr + rival * rival,
            ll + lost * lost,
        ),
    )


def _plus(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> tuple[float, float, float]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _scatter(tally: Tally) -> tuple[float, float, float, float]:
    """Variances of block sums: error, rival, loss; and covariance of error and rival."""
    error, rival, lost = tally.closed
    ee, er, rr, ll = tally.products
    k = float(tally.n_blocks)
    pairs = ((ee, error, error), (rr, rival, rival), (ll, lost, lost), (er, error, rival))
    squared, rivals, losses, joint = ((p - a * b / k) / (k - 1.0) for p, a, b in pairs)
    return max(squared, 0.0), max(rivals, 0.0), max(losses, 0.0), joint


def _mean(tally: Tally, which: int, block_variance: float, rules: TrackRules) -> Estimate:
    value = tally.sums[which] / tally.n
    deviation = math.sqrt(block_variance / tally.n_blocks) / rules.block_outcomes
    half = critical(rules.level, tally.n_blocks) * deviation
    return Estimate(value, max(value - half, 0.0), value + half)


def _skill(tally: Tally, rules: TrackRules) -> Estimate:
    """``1 - error / rival``, by the delta method for a ratio of two sums."""
    skill = 1.0 - tally.sums[_ERROR] / tally.sums[_RIVAL]
    squared, rivals, _, joint = _scatter(tally)
    ratio = 1.0 - skill
    variance = max(squared - 2.0 * ratio * joint + ratio**2 * rivals, 0.0)
    deviation = math.sqrt(variance * tally.n_blocks) / tally.closed[_RIVAL]
    half = critical(rules.level, tally.n_blocks) * deviation
    return Estimate(skill, skill - half, skill + half)


def _independent_frac(tally: Tally, rules: TrackRules) -> float:
    """Variance that block sums would have without overlap, over the one they have."""
    n, block_variance = tally.n, _scatter(tally)[0]
    alone = rules.block_outcomes * max(tally.quartic / n - (tally.sums[_ERROR] / n) ** 2, 0.0)
    if not block_variance > alone:
        return 1.0
    return max(alone / block_variance, 1.0 / rules.block_outcomes)


def critical(level: float, n_blocks: int) -> float:
    """Two-sided critical value of Student's t with ``n_blocks - 1`` degrees of freedom.

    Four terms of its expansion. They fall short of it: from ten blocks on by less than
    0.1 % for levels up to 0.99 and by less than 1 % up to 0.9999, and with fewer blocks or
    at higher levels by more.

    Examples
    --------
    >>> round(critical(0.95, 10), 3), round(critical(0.95, 100_001), 3)
    (2.262, 1.96)
    """
    z, v = normal_quantile(level), n_blocks - 1.0
    one = (z**3 + z) / (4.0 * v)
    two = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / (96.0 * v**2)
    three = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / (384.0 * v**3)
    return z + one + two + three
