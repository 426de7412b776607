"""From returns and probabilities to findings: an edge, or luck.

1. One :class:`Record` holds every configuration at the same rows, the chosen one among
   them, and how many were tried in all.
2. Figures are measured once; where there is none, the reason stands in its verdict.
3. Answers follow in the order in which a sceptic asks. What was not given is not shown,
   and nothing passes because a figure is missing or undefined.

What needs more than returns, whether the future was seen and whether splits touch, comes
from the causality prover and the leak battery.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Verdict
from stairway.evaluation.evidence import EvidenceRules, too_good_sharpe
from stairway.evaluation.metrics import equity
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sceptic import luck, rivals
from stairway.evaluation.sceptic.answer import Answer, Question, answer
from stairway.evaluation.sceptic.costs import Account, account, after_costs
from stairway.evaluation.sceptic.honesty import Honesty, honest
from stairway.evaluation.sceptic.luck import Choice, MeanInterval
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rivals import Lead, Standing
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.sceptic.timing import Shifts, Timed, in_time, timed
from stairway.evaluation.sharpe import Measured, sharpe
from stairway.evaluation.significance.deflated import Deflated, Trials
from stairway.evaluation.significance.psr import Psr
from stairway.evaluation.significance.track_record import TrackRecord
from stairway.evaluation.skill import Forecasts

Rules: TypeAlias = tuple[EvidenceRules, ProofRules]
"""Confidence and samples, and how hard to ask."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; ``None`` where there is no number.

    Attributes
    ----------
    n_rows, years
        Length of the record.
    names, chosen, trials
        Columns, which of them is to be proved, and what the tries showed.
    net, gross
        What the chosen one came to, after and before costs.
    psr, track, mean, shifts
        Better than chance: probability of skill, returns needed, mean return a year, and
        the timing of each instrument.
    deflated, backtest_years, choice, sharpes
        Better than the best of N tries: probability of that, years needed, overfitting, and
        the annual ratio of each column.
    baseline, champion, standing
        Lead over each, and who cannot be told from the best.
    honesty
        Probabilities, over all bars first, then by regime.
    """

    n_rows: int
    years: float
    names: tuple[str, ...]
    chosen: int
    trials: Trials
    net: Account
    gross: Account | None
    psr: Psr | None
    track: TrackRecord | None
    mean: MeanInterval | None
    shifts: tuple[Shifts, ...]
    deflated: Deflated | None
    backtest_years: float | None
    choice: Choice | None
    sharpes: tuple[float | None, ...]
    baseline: Lead | None
    champion: Lead | None
    standing: Standing | None
    honesty: tuple[Honesty, ...]


class ReturnsProof(msgspec.Struct, frozen=True):
    """Figures, and the answers that follow from them, in order."""

    figures: Figures
    answers: tuple[Answer, ...]


def proof_of_returns(
    record: Record,
    forecasts: Forecasts | None,
    rules: Rules,
    rng: np.random.Generator,
    positions: tuple[Timed, ...] = (),
) -> ReturnsProof:
    """Measure a record, and answer what it can answer.

    Parameters
    ----------
    record
        Everything that was tried.
    forecasts
        What was said at each bar and what came; ``None`` where nothing was.
    rules
        Confidence and samples, and how hard to ask.
    rng
        Of the resamples.
    positions
        What was held and what came of it. Where there are none, the probabilities are
        taken for them.

    Returns
    -------
    ReturnsProof
        With the answers from ``chance`` to ``costs``.

    Examples
    --------
    >>> from stairway.evaluation.evidence import Check
    >>> evidence = EvidenceRules(
    ...     binding=(Check.SKILL_POOLED,), level=0.95, min_independent=100,
    ...     min_independent_regime=50, climatology_prior_n=20.0, brier_bound=0.2,
    ...     too_good_skill=0.15, sharpe_floor=0.0, too_good_sharpe=20.0, min_sharpe_bars=250,
    ...     reliability_bins=10,
    ... )
    >>> proof = ProofRules(
    ...     resamples=199, resample_rows=20_000, pbo_blocks=8, max_pbo=0.2, clip=1e-6,
    ...     max_usual_move_frac=0.2, max_annual_volatility_frac=10.0, max_unjudged_frac=0.05,
    ... )
    >>> rng = np.random.default_rng(0)
    >>> net = rng.normal(0.001, 0.01, (4_000, 1))
    >>> record = Record(net=net, names=("a",), chosen=0, n_trials=1, periods_per_year=252.0)
    >>> found = proof_of_returns(record, None, (evidence, proof), rng)
    >>> [(name, type(one).__name__) for name, one in found.answers[0].checks.items()]
    [('psr', 'Pass'), ('track_record', 'Pass'), ('mean', 'Pass'), ('timing', 'Inconclusive')]
    """
    if not positions and forecasts is not None:
        positions = timed(forecasts)
    found: dict[str, Any] = {}
    chance = _chance(record, rules, rng, positions, found)
    tries = _tries(record, rules, found)
    baseline, champion = _rivals(record, rules, rng, found)
    found["honesty"], honest_checks = honest(forecasts, *rules)
    gross = record.gross
    figures = Figures(
        n_rows=record.n_rows,
        years=record.years,
        names=record.names,
        chosen=record.chosen,
        trials=luck.trials_of(record),
        sharpes=luck.annual_sharpes(record),
        gross=None if gross is None else account(gross, _ratio(record, gross, rules)),
        **found,
    )
    return ReturnsProof(
        figures,
        (
            answer(Question.CHANCE, chance),
            answer(Question.TRIES, tries),
            answer(Question.BASELINE, baseline),
            answer(Question.CHAMPION, champion),
            answer(Question.HONEST, honest_checks),
            answer(Question.COSTS, after_costs(record, rules[0])),
        ),
    )


def _chance(
    record: Record,
    rules: Rules,
    rng: np.random.Generator,
    positions: tuple[Timed, ...],
    found: dict[str, Any],
) -> dict[str, Verdict]:
    checks: dict[str, Verdict] = {}
    found["psr"], checks["psr"] = luck.skilled(record, rules[0])
    found["track"], checks["track_record"] = luck.long_enough(record, rules[0])
    found["mean"], checks["mean"] = luck.earning(record, *rules, rng)
    found["shifts"], checks["timing"] = in_time(positions, rules[0])
    return checks


def _tries(record: Record, rules: Rules, found: dict[str, Any]) -> dict[str, Verdict]:
    checks: dict[str, Verdict] = {}
    ratio = _ratio(record, record.returns, rules)
    found["net"] = account(record.returns, ratio)
    found["deflated"], checks["deflated"] = luck.more_than_luck(record, rules[0])
    years, checks["backtest_years"] = luck.years_enough(record, ratio, rules[0])
    found["backtest_years"] = years
    found["choice"], checks["pbo"] = luck.choice(record, *rules)
    return checks


def _rivals(
    record: Record, rules: Rules, rng: np.random.Generator, found: dict[str, Any]
) -> tuple[dict[str, Verdict], dict[str, Verdict]]:
    rule, in_charge = record.baseline, record.champion
    found["baseline"], over_rule = rivals.ahead_of(Question.BASELINE, rule, record, rules, rng)
    found["champion"], over_champion = rivals.ahead_of(
        Question.CHAMPION, in_charge, record, rules, rng
    )
    found["standing"], place = rivals.standing(record, *rules, rng)
    return {"spa": over_rule}, {"spa": over_champion, "confidence_set": place}


def _ratio(record: Record, returns: FloatArray, rules: Rules) -> Measured:
    found = sharpe(returns, record.periods_per_year, rules[0].level)
    if isinstance(found, Undefined):
        return found
    beyond = too_good_sharpe(found.annual_iid, returns.size, rules[0])
    return found if beyond is None else Undefined(beyond.findings[0].detail)


def wealth(returns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Worth of 1 after each bar, and its distance from the peak, each (n + 1,) float64.

    Examples
    --------
    >>> wealth(np.array([0.25, -0.5]))
    (array([1.   , 1.25 , 0.625]), array([ 0. ,  0. , -0.5]))
    """
    worth = equity(returns)
    return worth, worth / np.maximum.accumulate(worth) - 1.0
