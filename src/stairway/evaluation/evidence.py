"""The gates on a candidate's out-of-sample record: what it is refused for, and by how much.

Everything is measured and kept as a verdict of its own; the policy says which of them
*bind*. The order of an answer is always the same:

1. Too few independent samples, or too few bars for an interval: ``Inconclusive``,
   whatever the number says.
2. The interval lies wholly on the good side of the bound: ``Pass``.
3. Otherwise ``Refuse``: with enough samples, "cannot be told from nothing" is an answer.

No check passes because a value is missing or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

import numpy as np
from msgspec import Meta

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.config import Config
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse, Verdict, all_of, inconclusive, passed, refuse
from stairway.evaluation.beside import told_apart
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sharpe import sharpe
from stairway.evaluation.skill import Forecasts, Skill, Unscored, brier_skill
from stairway.models.calibration import REGIMES

Level: TypeAlias = Annotated[float, Meta(ge=0.9, lt=1.0)]
Samples: TypeAlias = Annotated[int, Meta(ge=1, le=10**9)]

ALL = "all"
"""Where a measurement is of all bars, and not of one regime."""


class Check(StrEnum):
    """What can be asked of calibrated forecasts.

    ``SKILL_EACH``: skill over climatology is above 0 with confidence in every regime.
    ``SKILL_POOLED``: it is over all bars, and with confidence below 0 in no regime.
    ``BRIER``: the Brier score stays under a fixed bound in every regime, as first specified.
    ``TOO_GOOD``: skill is not, with confidence, so high that a leak is likelier than an edge.
    """

    SKILL_EACH = "skill_each"
    SKILL_POOLED = "skill_pooled"
    BRIER = "brier"
    TOO_GOOD = "too_good"


EVIDENCE_GATES = (
    "causality",
    "calibration_skill",
    "after_cost_sharpe",
    "leak_battery",
    "deflated_sharpe",
)
"""Gates that no policy may leave out: what a candidate must pass to become a shadow."""


class EvidenceRules(Config, frozen=True, kw_only=True):
    """Bounds of the gates on recorded evidence (``[evidence]``).

    Attributes
    ----------
    binding
        Checks that decide; the others are reported. With none, nobody passes.
    level
        Confidence of all two-sided intervals, and probability that PSR and DSR must reach:
        0.9 at least, since half a chance is a coin.
    min_independent
        Independent samples needed over all bars before anything is concluded.
    min_independent_regime
        The same within one regime.
    climatology_prior_n
        Imagined outcomes that climatology starts from. Outcomes overlap, so ten of them
        may be worth one: a small number makes a nervous rival, and gives skill away.
    brier_bound
        Brier score that ``BRIER`` must stay under.
    too_good_skill
        Skill that ``TOO_GOOD`` does not believe, once the whole interval lies above it.
    sharpe_floor
        Annual after-cost Sharpe that the lower end of the interval must exceed.
    too_good_sharpe
        Annual Sharpe above which nothing is believed: such numbers hardly vary, and are
        accruals, marks or a constant with rounding on it.
    min_sharpe_bars
        Returns needed before a Sharpe ratio is judged.
    reliability_bins
        Bins of the reliability diagram and of the calibration error.
    """

    binding: tuple[Check, ...]
    level: Level
    min_independent: Samples
    min_independent_regime: Samples
    climatology_prior_n: Annotated[float, Meta(gt=0.0, le=1e6)]
    brier_bound: Annotated[float, Meta(gt=0.0, le=1.0)]
    too_good_skill: Annotated[float, Meta(gt=0.0, le=1.0)]
    sharpe_floor: Annotated[float, Meta(ge=0.0, le=10.0)]
    too_good_sharpe: Annotated[float, Meta(gt=0.0, le=1_000.0)]
    min_sharpe_bars: Annotated[int, Meta(ge=3, le=10**9)]
    reliability_bins: Annotated[int, Meta(ge=2, le=1_000)]


def calibration_skill(forecasts: Forecasts, rules: EvidenceRules) -> Verdict:
    """Judge calibrated forecasts by the checks that bind.

    Parameters
    ----------
    forecasts
        Each made by a model and a calibration that had seen nothing of its label.

    Examples
    --------
    >>> rules = EvidenceRules(
    ...     binding=(Check.SKILL_POOLED,), level=0.95, min_independent=100,
    ...     min_independent_regime=50, climatology_prior_n=20.0, brier_bound=0.2,
    ...     too_good_skill=0.15, sharpe_floor=0.0, too_good_sharpe=20.0, min_sharpe_bars=250,
    ...     reliability_bins=10,
    ... )
    >>> bar = np.repeat(np.arange(4)[:, None], 2, axis=1)
    >>> few = Forecasts(np.full((4, 2), 0.6), bar % 2, bar + 1, bar + 2, np.full(4, "trend"))
    >>> calibration_skill(few, rules).findings[0].detail
    'over all bars: 4 of 100 independent samples'
    """
    return decide(measures(forecasts, rules), rules)


def decide(measured: Mapping[str, Verdict], rules: EvidenceRules) -> Verdict:
    """Combine what was measured, by the checks that bind.

    Examples
    --------
    Nothing measured is not the same as nothing wrong.

    >>> rules = EvidenceRules(
    ...     binding=(Check.SKILL_EACH,), level=0.95, min_independent=100,
    ...     min_independent_regime=50, climatology_prior_n=20.0, brier_bound=0.2,
    ...     too_good_skill=0.15, sharpe_floor=0.0, too_good_sharpe=20.0, min_sharpe_bars=250,
    ...     reliability_bins=10,
    ... )
    >>> decide({"skill.trend": passed("x", "y")}, rules)
    Pass(findings=(Finding(code='x', detail='y', value=None, bound=None, n=None),))
    >>> decide({"skill.all": passed("x", "y")}, rules).findings[0].code
    'gate.empty'
    """
    return all_of(
        verdict
        for name, verdict in measured.items()
        if any(_binds(check, name) for check in rules.binding)
    )


def measures(forecasts: Forecasts, rules: EvidenceRules) -> dict[str, Verdict]:
    """Measure everything there is to say about forecasts, one verdict and one finding each.

    Returns
    -------
    dict
        ``skill.all``, and ``skill.R``, ``harm.R`` and ``brier.R`` for each regime R, ours
        and those of somebody else's names, and ``too_good.all``. ``harm`` is there only where
        a regime has samples enough, and says nothing where they have no interval.
    """
    every = brier_skill(
        forecasts,
        np.ones(forecasts.regime.size, np.bool_),
        rules.climatology_prior_n,
        rules.level,
    )
    found = {
        "skill.all": _skilled("over all bars", every, rules.min_independent),
        "too_good.all": _too_good(every, rules),
    }
    for regime in (*REGIMES, *own_regimes(forecasts)):
        rows: BoolArray = forecasts.regime == regime
        skill = brier_skill(forecasts, rows, rules.climatology_prior_n, rules.level)
        where, needed = f"in {regime}", rules.min_independent_regime
        found[f"skill.{regime}"] = _skilled(where, skill, needed)
        found[f"brier.{regime}"] = _brier(where, skill, rules)
        if isinstance(skill, Skill) and skill.n_independent >= needed:
            found[f"harm.{regime}"] = _harmless(where, skill)
    return found


def own_regimes(forecasts: Forecasts) -> tuple[str, ...]:
    """Name the regimes that are none of ours and hold a forecast with an outcome.

    Raises
    ------
    DataError
        If one takes the name that stands for all bars: its verdict would take their place.
    """
    there: list[str] = np.unique(forecasts.regime[forecasts.scored.any(axis=1)]).tolist()
    if ALL in there:
        msg = (
            f"no regime may be named {ALL!r}: {ALL!r} stands for all bars; give it another name"
        )
        raise DataError(msg)
    return tuple(name for name in there if name and name not in REGIMES)


def after_cost_sharpe(
    returns: FloatArray, periods_per_year: float, rules: EvidenceRules
) -> Verdict:
    """Judge the returns of an account that traded a candidate's forecasts, costs paid.

    Parameters
    ----------
    returns : (n_bars,) float64
        One for each bar of the evidence, those without a position included.

    Examples
    --------
    >>> rules = EvidenceRules(
    ...     binding=(Check.SKILL_EACH,), level=0.95, min_independent=100,
    ...     min_independent_regime=50, climatology_prior_n=20.0, brier_bound=0.2,
    ...     too_good_skill=0.15, sharpe_floor=0.0, too_good_sharpe=20.0, min_sharpe_bars=250,
    ...     reliability_bins=10,
    ... )
    >>> after_cost_sharpe(np.zeros(500), 252, rules).findings[0].code
    'evidence.sharpe_undefined'
    >>> after_cost_sharpe(np.zeros(20), 252, rules).findings[0].detail
    '20 of 250 bars of returns'
    """
    n = int(returns.size)
    if n < rules.min_sharpe_bars:
        detail = f"{n:,} of {rules.min_sharpe_bars:,} bars of returns"
        return inconclusive("evidence.too_few_bars", detail, n, rules.min_sharpe_bars, n)
    found = sharpe(returns, periods_per_year, rules.level)
    if isinstance(found, Undefined):
        return refuse("evidence.sharpe_undefined", f"no Sharpe ratio: {found.reason}", n=n)
    beyond = too_good_sharpe(found.annual_iid, n, rules)
    if beyond is not None:
        return beyond
    low, _ = told_apart(found.low, rules.sharpe_floor, 2)
    detail = (
        f"annual Sharpe after costs {found.annual:.2f}, {_percent(rules.level)} interval "
        f"{low} to {found.high:.2f}; its low end must exceed {rules.sharpe_floor:g}"
    )
    finding = ("evidence.after_cost_sharpe", detail, found.low, rules.sharpe_floor, n)
    return passed(*finding) if found.low > rules.sharpe_floor else refuse(*finding)


def too_good_sharpe(annual: float, n_bars: int, rules: EvidenceRules) -> Refuse | None:
    """Refuse a ratio that returns do not have; ``None`` where it can be believed.

    Parameters
    ----------
    annual
        Sharpe ratio a year, bars taken as independent. NaN is refused.

    Examples
    --------
    >>> rules = EvidenceRules(
    ...     binding=(Check.SKILL_EACH,), level=0.95, min_independent=100,
    ...     min_independent_regime=50, climatology_prior_n=20.0, brier_bound=0.2,
    ...     too_good_skill=0.15, sharpe_floor=0.0, too_good_sharpe=20.0, min_sharpe_bars=250,
    ...     reliability_bins=10,
    ... )
    >>> too_good_sharpe(2.0, 500, rules) is None
    True
    >>> too_good_sharpe(1.5e10, 500, rules).findings[0].code
    'evidence.too_good_sharpe'
    """
    if annual <= rules.too_good_sharpe:
        return None
    detail = (
        f"an annual Sharpe of {annual:.3g} is too good to be returns, and at most "
        f"{rules.too_good_sharpe:g} is believed: a constant with rounding on it, accruals and "
        "marks hardly vary; give returns at prices that were traded"
    )
    return refuse("evidence.too_good_sharpe", detail, annual, rules.too_good_sharpe, n_bars)


def _binds(check: Check, name: str) -> bool:
    kind, _, where = name.partition(".")
    match check:
        case Check.SKILL_EACH:
            return kind == "skill" and where != ALL
        case Check.SKILL_POOLED:
            return name == "skill.all" or kind == "harm"
        case Check.BRIER:
            return kind == "brier"
        case Check.TOO_GOOD:
            return kind == "too_good"


def _skilled(where: str, skill: Skill | Unscored, needed: int) -> Verdict:
    if not (isinstance(skill, Skill) and skill.n_independent >= needed):
        return _too_few(where, skill, needed)
    if skill.interval is None:
        return _no_interval(where, skill)
    low, high = skill.interval
    detail = _told(where, skill, low, high)
    finding = ("evidence.skill", detail, low, 0.0, int(skill.n_independent))
    return passed(*finding) if low > 0.0 else refuse(*finding)


def _harmless(where: str, skill: Skill) -> Verdict:
    if skill.interval is None:
        return _no_interval(where, skill)
    low, high = skill.interval
    detail = _told(where, skill, low, high)
    finding = ("evidence.harm", detail, high, 0.0, int(skill.n_independent))
    return passed(*finding) if high >= 0.0 else refuse(*finding)


def _brier(where: str, skill: Skill | Unscored, rules: EvidenceRules) -> Verdict:
    needed = rules.min_independent_regime
    if not (isinstance(skill, Skill) and skill.n_independent >= needed):
        return _too_few(where, skill, needed)
    detail = (
        f"{where}: Brier score {skill.brier:.4f} must be under {rules.brier_bound:g} "
        f"(climatology {skill.brier_climatology:.4f})"
    )
    finding = (
        "evidence.brier",
        detail,
        skill.brier,
        rules.brier_bound,
        int(skill.n_independent),
    )
    return passed(*finding) if skill.brier < rules.brier_bound else refuse(*finding)


def _too_good(skill: Skill | Unscored, rules: EvidenceRules) -> Verdict:
    needed = rules.min_independent
    if not (isinstance(skill, Skill) and skill.n_independent >= needed):
        return _too_few("over all bars", skill, needed)
    if skill.interval is None:
        return _no_interval("over all bars", skill)
    low, high = skill.interval
    detail = (
        f"{_told('over all bars', skill, low, high)}; all of it above "
        f"{rules.too_good_skill:g} would be likelier a leak than an edge: run the causality "
        "prover on the features"
    )
    n = int(skill.n_independent)
    finding = ("evidence.too_good_to_be_true", detail, low, rules.too_good_skill, n)
    return passed(*finding) if low <= rules.too_good_skill else refuse(*finding)


def _too_few(where: str, skill: Skill | Unscored, needed: int) -> Verdict:
    if isinstance(skill, Unscored) and skill.n > 0:
        detail = f"{where}: {skill.reason}"
        return inconclusive("evidence.one_outcome", detail, 0, 1, skill.n)
    n = 0 if isinstance(skill, Unscored) else int(skill.n_independent)
    detail = f"{where}: {n:,} of {needed:,} independent samples"
    return inconclusive("evidence.too_few", detail, n, needed, n)


def _no_interval(where: str, skill: Skill) -> Verdict:
    detail = f"{where}: skill over climatology {skill.skill:+.4f}, {skill.missing}"
    n = int(skill.n_independent)
    return inconclusive("evidence.no_interval", detail, skill.n_bars, skill.needed_bars, n)


def _told(where: str, skill: Skill, low: float, high: float) -> str:
    return (
        f"{where}: skill over climatology {skill.skill:+.4f}, interval "
        f"{low:+.4f} to {high:+.4f}, {skill.n:,} forecasts"
    )


def _percent(level: float) -> str:
    return f"{100.0 * level:g} %"
