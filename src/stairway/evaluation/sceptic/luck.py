"""Better than chance, and than the best of N tries? Each answer with its figure.

Every function returns what was measured, or ``None``, and the verdict on it. Fewer returns
than the evidence asks for are ``Inconclusive``, whatever they show.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Finding, Inconclusive, Pass, Verdict, inconclusive, passed
from stairway.evaluation.beside import short, told_apart
from stairway.evaluation.evidence import EvidenceRules, too_good_sharpe
from stairway.evaluation.moments import Moments, Undefined, moments
from stairway.evaluation.sceptic.answer import against, held_against, percent, unmeasured
from stairway.evaluation.sceptic.record import Record, first_of
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.sharpe import Measured
from stairway.evaluation.significance.bootstrap import Resampling, block_for, resampled_means
from stairway.evaluation.significance.deflated import (
    Deflated,
    Trials,
    chance_variance,
    deflated_sharpe,
)
from stairway.evaluation.significance.pbo import Overfitting, overfitting
from stairway.evaluation.significance.psr import Psr, probabilistic_sharpe
from stairway.evaluation.significance.sample import Unmeasured
from stairway.evaluation.significance.track_record import (
    TrackRecord,
    min_backtest_years,
    min_track_record,
)

_FEWEST_RATIOS = 2


class MeanInterval(msgspec.Struct, frozen=True):
    """Mean return a year, and where it falls when history is drawn anew.

    Attributes
    ----------
    annual, low, high
        As fractions of wealth a year, not compounded.
    block_rows
        Mean length of a resampled block, in rows of the record.
    n_resamples
        Histories drawn.
    """

    annual: float
    low: float
    high: float
    block_rows: float
    n_resamples: int


class Choice(msgspec.Struct, frozen=True):
    """How the best of one half of a history did in the other.

    Attributes
    ----------
    n_configurations, n_splits
        Columns that were chosen among, and ways to take half of the blocks.
    pbo, loss_frac
        Share of splits whose best was no better than the median there, and that lost.
    logits, counts
        Histogram: logits of the best one's rank in the other half, and splits with each.
    """

    n_configurations: int
    n_splits: int
    pbo: float
    loss_frac: float
    logits: tuple[float, ...]
    counts: tuple[int, ...]


def skilled(record: Record, rules: EvidenceRules) -> tuple[Psr | None, Verdict]:
    """Tell how probable it is that the true Sharpe ratio lies above 0."""
    beyond = _beyond_belief(record, rules)
    if beyond is not None:
        return None, beyond
    found = probabilistic_sharpe(record.returns, 0.0)
    if isinstance(found, Unmeasured):
        return None, _missing("proof.psr", found, record, rules)
    chance, needed = against(found.probability, rules.level)
    said = Finding(
        "proof.psr",
        f"the true Sharpe ratio lies above 0 with a probability {chance} "
        f"(skew {found.shape.skew:+.2f}, kurtosis {found.shape.kurtosis:.1f}); "
        f"{needed} is needed",
        found.probability,
        rules.level,
        record.n_rows,
    )
    return found, enough(record, rules, held_against(found.probability >= rules.level, said))


def long_enough(record: Record, rules: EvidenceRules) -> tuple[TrackRecord | None, Verdict]:
    """Tell whether the record is long enough for a ratio of its size to mean anything."""
    beyond = _beyond_belief(record, rules)
    if beyond is not None:
        return None, beyond
    found = min_track_record(record.returns, 0.0, rules.level)
    if isinstance(found, Unmeasured):
        return None, _missing("proof.track_record", found, record, rules)
    code, needed = "proof.track_record", math.ceil(found.needed_bars)
    n = record.n_rows
    if not found.long_enough:
        detail = f"{n:,} of {needed:,} returns that a ratio of this size needs to mean anything"
        return found, inconclusive(code, detail, n, needed, n)
    detail = f"a ratio of this size needs {needed:,} returns, and there are {n:,}"
    return found, enough(record, rules, passed(code, detail, n, needed, n))


def earning(
    record: Record, rules: EvidenceRules, proof: ProofRules, rng: np.random.Generator
) -> tuple[MeanInterval | None, Verdict]:
    """Put an interval about the mean return, by a stationary bootstrap."""
    found = mean_interval(record.returns, record.periods_per_year, rules.level, proof, rng)
    if isinstance(found, Unmeasured):
        return None, _missing("proof.mean", found, record, rules)
    low, _ = told_apart(100.0 * found.low, 0.0, 2, "+")
    said = Finding(
        "proof.mean",
        f"{percent(found.annual)} a year, {100.0 * rules.level:g} % of histories drawn anew "
        f"lie from {low} % to {percent(found.high)}; the low end must exceed 0",
        found.low,
        0.0,
        record.n_rows,
    )
    return found, enough(record, rules, held_against(found.low > 0.0, said))


def mean_interval(
    returns: FloatArray,
    periods_per_year: float,
    level: float,
    proof: ProofRules,
    rng: np.random.Generator,
) -> MeanInterval | Unmeasured:
    """Mean return a year with its interval.

    Examples
    --------
    >>> rules = ProofRules(
    ...     resamples=499, resample_rows=1_000, pbo_blocks=16, max_pbo=0.2, clip=1e-6,
    ...     max_usual_move_frac=0.2, max_annual_volatility_frac=10.0, max_unjudged_frac=0.05,
    ... )
    >>> rng = np.random.default_rng(0)
    >>> found = mean_interval(rng.normal(0.001, 0.01, 4_000), 250.0, 0.95, rules, rng)
    >>> round(found.annual, 2), found.low < found.annual < found.high
    (0.21, True)
    """
    sums, rows = together(returns[:, None], proof.resample_rows)
    block = block_for(sums, Resampling(n_resamples=proof.resamples, block_rows=None))
    if isinstance(block, Unmeasured):
        return block
    varies = moments(returns)
    if isinstance(varies, Undefined):
        return varies
    drawn = resampled_means(sums, block, proof.resamples, rng)[:, 0]
    year = periods_per_year * sums.shape[0] / returns.size
    tail = (1.0 - level) / 2.0
    low, high = (float(end) * year for end in np.quantile(drawn, [tail, 1.0 - tail]))
    annual = varies.mean * periods_per_year
    return MeanInterval(annual, low, high, block * rows, proof.resamples)


def together(table: FloatArray, most_rows: int) -> tuple[FloatArray, int]:
    """Sum neighbouring rows, as few as it takes for at most so many; say how many.

    Parameters
    ----------
    table : (n, k) float64

    Returns
    -------
    (ceil(n / rows), k) float64, int
        The last may be of fewer rows. What depends on its neighbours still does.

    Examples
    --------
    >>> together(np.arange(5.0)[:, None], 3)
    (array([[1.],
           [5.],
           [4.]]), 2)
    """
    rows = max(1, math.ceil(table.shape[0] / most_rows))
    if rows == 1:
        return table, 1
    n: int = table.shape[0]
    begin = np.arange(0, n, rows, dtype=np.int64)
    sums: FloatArray = np.add.reduceat(table, begin, axis=0)
    return sums, rows


def annual_sharpes(record: Record) -> tuple[float | None, ...]:
    """Annual ratio of each column, as if bars were independent; ``None`` where undefined."""
    per_year = math.sqrt(record.periods_per_year)
    found = (moments(np.ascontiguousarray(column)) for column in record.net.T)
    return tuple(
        one.ratio(0.0) * per_year if isinstance(one, Moments) else None for one in found
    )


def trials_of(record: Record) -> Trials:
    """Count the tries, and how far apart their ratios lie.

    Tries that are alike have ratios that lie near each other, which says nothing about
    those that are not shown, nor about luck: the ratios are taken to lie as far apart as
    those of tries without skill, at least.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((101, 1))
    >>> alike = np.hstack([noise, noise])
    >>> more = Record(net=alike, names=("a", "b"), chosen=0, n_trials=9, periods_per_year=252)
    >>> trials_of(more)
    Trials(n=9, sharpe_variance=0.01)
    """
    chance = chance_variance(max(record.n_rows, 2))
    per_year = math.sqrt(record.periods_per_year)
    # A copy says nothing of how far apart tries lie; it must not bring them nearer.
    ratios = [one / per_year for one in set(annual_sharpes(record)) if one is not None]
    if len(ratios) < _FEWEST_RATIOS:
        return Trials(record.n_trials, chance)
    apart = float(np.var(ratios, ddof=1))
    return Trials(record.n_trials, max(apart, chance))


def more_than_luck(record: Record, rules: EvidenceRules) -> tuple[Deflated | None, Verdict]:
    """Hold the ratio against what the best of so many tries shows without skill."""
    beyond = _beyond_belief(record, rules)
    if beyond is not None:
        return None, beyond
    found = deflated_sharpe(record.returns, trials_of(record))
    if isinstance(found, Unmeasured):
        return None, _missing("proof.deflated", found, record, rules)
    per_year = math.sqrt(record.periods_per_year)
    chance, needed = against(found.probability, rules.level)
    ratio, expected = told_apart(
        found.psr.shape.per_bar * per_year, found.psr.benchmark_per_bar * per_year, 2
    )
    said = Finding(
        "proof.deflated",
        f"annual Sharpe {ratio}, bars taken as independent; "
        f"the best of "
        f"{_tries(record.n_trials)} without skill is expected to show "
        f"{expected}; it is more than that with a "
        f"probability {chance}, and {needed} is needed",
        found.probability,
        rules.level,
        record.n_trials,
    )
    return found, enough(record, rules, held_against(found.probability >= rules.level, said))


def years_enough(
    record: Record, ratio: Measured, rules: EvidenceRules
) -> tuple[float | None, Verdict]:
    """Tell whether the record outlasts the luck of so many tries; ``ratio`` is its own."""
    code, had = "proof.backtest_years", record.years
    beyond = _beyond_belief(record, rules)
    if beyond is not None:
        return None, beyond
    if isinstance(ratio, Undefined):
        return None, _missing(code, ratio, record, rules)
    found = min_backtest_years(record.n_trials, ratio.annual)
    if isinstance(found, Undefined):
        return None, _missing(code, found, record, rules)
    tries = _tries(record.n_trials)
    is_, must = told_apart(had, found, 1)
    if not had >= found:
        detail = (
            f"{is_} of {must} years: in fewer, the best of {tries} shows this much "
            "without skill"
        )
        return found, inconclusive(code, detail, had, found, record.n_trials)
    detail = f"{is_} years; the best of {tries} needs no skill to show this much in {must}"
    said = passed(code, detail, had, found, record.n_trials)
    return found, enough(record, rules, said)


def choice(
    record: Record, rules: EvidenceRules, proof: ProofRules
) -> tuple[Choice | None, Verdict]:
    """Choose in one half of the history, look at the other; in every way to halve it."""
    code, n_columns = "proof.pbo", len(record.names)
    if record.n_trials == 1:
        return None, passed(code, "1 try: nothing was chosen among others", 0.0, None, 1)
    if n_columns == 1:
        return None, _untold(code, record)
    apart, left_out = _apart(record)
    own = moments(record.returns)
    if not apart and isinstance(own, Undefined):
        return None, _missing(code, own, record, rules)
    if len(apart) == 1:
        detail = f"not shown: {left_out}, so nothing was chosen among others; give other tries"
        return None, inconclusive(code, detail, 1, 2, record.n_trials)
    found = overfitting(record.net[:, apart], proof.pbo_blocks)
    if isinstance(found, Unmeasured):
        return None, _missing(code, found, record, rules)
    luck, at_most = told_apart(100.0 * found.pbo, 100.0 * proof.max_pbo, 0)
    said = Finding(
        code,
        f"the best of {len(apart)} columns ({first_of([record.names[k] for k in apart])}) in "
        "one half of the history is no better than the "
        f"median of the other in {luck} % of {found.logits.size:,} ways to halve it; "
        f"at most {short(at_most)} % is allowed" + (f" ({left_out})" if left_out else ""),
        found.pbo,
        proof.max_pbo,
        found.n_rows,
    )
    verdict = held_against(found.pbo <= proof.max_pbo, said)
    if isinstance(verdict, Pass) and n_columns < record.n_trials:
        verdict = _untold(code, record)
    return _histogram(found), enough(record, rules, verdict)


def _apart(record: Record) -> tuple[list[int], str]:
    """Columns that differ and have a ratio, and why the others are left out.

    One that is constant cannot be chosen; one that earns what another earns ranks as it
    does. Both count as tries all the same.
    """
    apart: list[int] = []
    left_out: list[str] = []
    for k, column in enumerate(record.net.T):
        same = [j for j in apart if np.array_equal(record.net[:, j], column)]
        if not isinstance(moments(np.ascontiguousarray(column)), Moments):
            left_out.append(f"{record.names[k]} is constant")
        elif same:
            left_out.append(f"{record.names[k]} is a copy of {record.names[same[0]]}")
        else:
            apart.append(k)
    return apart, " and ".join(left_out)


def _histogram(found: Overfitting) -> Choice:
    values, counts = np.unique(found.logits.round(9), return_counts=True)
    return Choice(
        n_configurations=found.n_configurations,
        n_splits=int(found.logits.size),
        pbo=found.pbo,
        loss_frac=found.loss_frac,
        logits=tuple(values.tolist()),
        counts=tuple(counts.tolist()),
    )


def _untold(code: str, record: Record) -> Inconclusive:
    n, given = record.n_trials, len(record.names)
    detail = (
        f"not shown: returns of {given} of {n} tries are there ({first_of(record.names)}); "
        "give a column for each, the abandoned ones too"
    )
    return inconclusive(code, detail, given, n, given)


def _beyond_belief(record: Record, rules: EvidenceRules) -> Verdict | None:
    """Refuse numbers that are too good to be returns, whatever would follow from them."""
    found = moments(record.returns)
    if isinstance(found, Undefined):
        return None
    annual = found.ratio(0.0) * math.sqrt(record.periods_per_year)
    beyond = too_good_sharpe(annual, record.n_rows, rules)
    return None if beyond is None else enough(record, rules, beyond)


def _missing(code: str, why: Unmeasured, record: Record, rules: EvidenceRules) -> Verdict:
    """Tell what there is no figure of; among too few returns that means nothing yet."""
    return enough(record, rules, unmeasured(code, why))


def enough(record: Record, rules: EvidenceRules, verdict: Verdict) -> Verdict:
    """Keep a verdict, unless it rests on too few returns."""
    n, needed = record.n_rows, rules.min_sharpe_bars
    if n >= needed or isinstance(verdict, Inconclusive):
        return verdict
    return inconclusive("proof.too_few", f"{n:,} of {needed:,} returns needed", n, needed, n)


def _tries(n: int) -> str:
    return "1 try" if n == 1 else f"{n:,} tries"
