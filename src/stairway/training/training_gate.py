"""The training gate: whether a trained policy may leave the practice ground.

It is held over the whole validation span, walked once, and not per episode: an episode of a
few sessions has no Sharpe ratio worth the name. Around it stand the health of the
validation episodes and the criteria of each scenario; failing one fails the candidate.

At the bound: return, Sharpe, win rate, trades per day and hold rate pass *at* their bounds,
and so do drawdowns; mean episode length must be *over* its bound and the share of episodes
that ended early *under* it. What is not a number, or could not be measured, refuses.

Attainment says how near the gate is: the mean of what each criterion attained
(:mod:`stairway.training.check`). It is 1 exactly where every criterion holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from stairway.base.hashing import content_hash
from stairway.base.verdict import Verdict, all_of, refuse
from stairway.training.check import Check, at_least, at_most, within
from stairway.training.measured import (
    Criterion,
    DivergenceReport,
    Episodes,
    ScenarioReport,
    Walked,
)
from stairway.training.training_gate_rules import TrainingGateRules


class Judged(NamedTuple):
    """The gate's answer, how near it was, and every criterion that it looked at."""

    verdict: Verdict
    attainment: float
    criteria: tuple[Criterion, ...]

    def degrees(self, codes: Sequence[str]) -> list[float]:
        """Attainment of each criterion of these codes, in their order."""
        return [c.attainment for c in self.criteria if c.code in codes]


def judge(
    walked: Walked,
    scenarios: Sequence[ScenarioReport],
    divergence: DivergenceReport,
    rules: TrainingGateRules,
) -> Judged:
    """Hold one seed's figures against every bound.

    Parameters
    ----------
    walked
        The whole validation span, walked once.
    scenarios
        Each scenario's episodes with its own answer, of :func:`judge_scenario`.
    divergence
        Its verdict counts as it stands.
    """
    health = [*_span_checks(walked, rules), *_episode_checks(scenarios, rules)]
    inside = [_scenario_checks(report.episodes, rules) for report in scenarios]
    missing = _missing(scenarios, rules)
    verdict = all_of(
        [
            *(check.verdict for check in health),
            *(report.verdict for report in scenarios),
            *missing,
            divergence.verdict,
        ]
    )
    # A scenario weighs as much as one criterion of the span, however many of its own it has.
    degrees = [check.attainment for check in health]
    degrees += [
        _mean([(c.attainment, 1) for c in checks]) if checks else 0.0 for checks in inside
    ]
    degrees += [0.0 for _ in missing]
    criteria = tuple(check.criterion for checks in (health, *inside) for check in checks)
    attainment = math.fsum(degrees) / len(degrees)
    if not all(criterion.holds for criterion in criteria):
        # At a strict bound, or a rounding error away from one, nothing is missing but it.
        attainment = min(attainment, math.nextafter(1.0, 0.0))
    return Judged(verdict, attainment, criteria)


def judge_scenario(episodes: Episodes, rules: TrainingGateRules) -> Verdict:
    """Hold the episodes of one scenario against its own criteria.

    A scenario that the rules do not name is refused: it was run, and nobody said what
    would have been good.
    """
    checks = _scenario_checks(episodes, rules)
    if not checks:
        names = ", ".join(criteria.name for criteria in rules.scenarios)
        detail = f"no criteria for scenario {episodes.scenario!r}; there are some for {names}"
        return refuse("practice.scenario", detail, n=episodes.n)
    return all_of(check.verdict for check in checks)


def over_seeds(median: Judged, worst: Judged, median_seed: int, worst_seed: int) -> Verdict:
    """Answer for all seeds: the median seed and the worst one must both pass."""
    return all_of(
        [
            _named(median.verdict, f"median seed {median_seed}"),
            _named(worst.verdict, f"worst seed {worst_seed}"),
        ]
    )


def fingerprint(rules: TrainingGateRules) -> str:
    """Identity of the gate: recorded when a run starts, and compared at every cycle."""
    return content_hash(rules)


def _span_checks(walked: Walked, rules: TrainingGateRules) -> list[Check]:
    n, trips = walked.bars, walked.round_trips
    sharpe = math.nan if walked.sharpe is None else walked.sharpe
    wins = math.nan if walked.win_rate is None else walked.win_rate
    annual = f"Sharpe, annual at {walked.periods_per_year:g} bars a year"
    return [
        at_least("practice.return", "return", walked.return_frac, rules.min_return_frac, n),
        at_most(
            "practice.drawdown", "drawdown", walked.drawdown_frac, rules.max_drawdown_frac, n
        ),
        within(
            "practice.trades",
            "trades per day",
            walked.fills_per_session,
            (rules.min_trades_per_day, rules.max_trades_per_day),
            walked.sessions,
        ),
        at_least("practice.sharpe", annual, sharpe, rules.min_sharpe, n),
        at_least(
            "practice.win_rate", "win rate of round trips", wins, rules.min_win_rate, trips
        ),
        within(
            "practice.hold_rate",
            "hold rate",
            walked.hold_rate,
            (rules.min_hold_rate, rules.max_hold_rate),
            n,
        ),
    ]


def _episode_checks(
    scenarios: Sequence[ScenarioReport], rules: TrainingGateRules
) -> list[Check]:
    """Health of all validation episodes together."""
    runs = [report.episodes for report in scenarios]
    n = sum(run.n for run in runs)
    length = _mean([(run.length_bars, run.n) for run in runs])
    early = _mean([(run.early_frac, run.n) for run in runs])
    over, under = rules.over_episode_bars, rules.under_early_frac
    return [
        Check("practice.episode_length", "mean length of an episode, bars", length,
               over, math.inf, over, n, strict=True),
        Check("practice.early_end", "share of episodes that ended early", early,
               -math.inf, under, under, n, strict=True),
    ]  # fmt: skip


def _scenario_checks(episodes: Episodes, rules: TrainingGateRules) -> list[Check]:
    found = [c for c in rules.scenarios if c.name == episodes.scenario]
    if not found:
        return []
    criteria, n, where = found[0], episodes.n, f"in {episodes.scenario}"
    least = criteria.min_return_frac
    deepest, early = criteria.max_drawdown_frac, criteria.max_early_frac
    return [
        Check("practice.scenario", f"mean return {where}", episodes.return_frac,
               least, math.inf, criteria.return_width_frac, n),
        Check("practice.scenario", f"mean drawdown {where}", episodes.drawdown_frac,
               -math.inf, deepest, deepest, n),
        Check("practice.scenario", f"share ended early {where}", episodes.early_frac,
               -math.inf, early, early, n),
    ]  # fmt: skip


def _missing(scenarios: Sequence[ScenarioReport], rules: TrainingGateRules) -> list[Verdict]:
    seen = {report.episodes.scenario for report in scenarios}
    return [
        refuse("practice.scenario", f"scenario {criteria.name!r} was not run", n=0)
        for criteria in rules.scenarios
        if criteria.name not in seen
    ]


def _named(verdict: Verdict, who: str) -> Verdict:
    findings = tuple(
        type(f)(f.code, f"{who}: {f.detail}", f.value, f.bound, f.n) for f in verdict.findings
    )
    return type(verdict)(findings)


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    """Weighted mean; of nothing it is not a number."""
    total = sum(n for _, n in weighted)
    return math.fsum(value * n for value, n in weighted) / total if total else math.nan
