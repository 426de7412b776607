"""The training gate: whether a trained policy may leave the practice ground.

It is held over the whole validation span, walked once, and not per episode: an episode of a
few sessions has no Sharpe ratio worth the name. Around it stand the health of the
validation episodes and the criteria of each scenario; failing one fails the candidate.

At the bound: return, Sharpe, win rate, trades per day and hold rate pass *at* their bounds,
and so do drawdowns; mean episode length must be *over* its bound and the share of episodes
that ended early *under* it. What is not a number, or could not be measured, refuses.

Attainment says how near the gate is: for each criterion ``1 / (1 + shortfall / width)`` with
the width of its bound (1 where it holds, 0 where it is not a number), and the mean over all
of them. It is 1 exactly where every criterion holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Verdict, all_of, passed, refuse
from stairway.training.measured import (
    Criterion,
    DivergenceReport,
    Episodes,
    ScenarioReport,
    Walked,
)

_Share = Annotated[float, Meta(ge=0.0, le=1.0)]
_Positive = Annotated[float, Meta(gt=0.0)]
_Trades = Annotated[float, Meta(ge=0.0)]


class ScenarioCriteria(Config, frozen=True, kw_only=True):
    """What a policy must show over the episodes of one scenario.

    Attributes
    ----------
    name
        Of the scenario.
    min_return_frac
        Least mean return of an episode; may be negative.
    return_width_frac
        Shortfall of return that halves its attainment.
    max_drawdown_frac
        Deepest mean drawdown of an episode.
    max_early_frac
        Share of episodes that may end early by their drawdown, at most.
    """

    name: str
    min_return_frac: Annotated[float, Meta(gt=-1.0)]
    return_width_frac: _Positive
    max_drawdown_frac: _Positive
    max_early_frac: Annotated[float, Meta(gt=0.0, le=1.0)]


class TrainingGateRules(Config, frozen=True, kw_only=True):
    """Bounds of the gate.

    Attributes
    ----------
    min_return_frac, max_drawdown_frac, min_sharpe, min_win_rate
        Over the validation span. Sharpe is annual.
    min_trades_per_day, max_trades_per_day
        Position changes of both instruments per session.
    min_hold_rate, max_hold_rate
        Share of steps whose action is hold both.
    over_episode_bars, under_early_frac
        Mean length of the validation episodes must be over, and the share of them that
        ended early under this.
    scenarios
        One for each scenario, by name.
    """

    min_return_frac: _Positive
    max_drawdown_frac: _Positive
    min_trades_per_day: _Trades
    max_trades_per_day: _Trades
    min_sharpe: _Positive
    min_win_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    min_hold_rate: _Share
    max_hold_rate: _Share
    over_episode_bars: _Positive
    under_early_frac: Annotated[float, Meta(gt=0.0, le=1.0)]
    scenarios: Annotated[tuple[ScenarioCriteria, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("trades_per_day", self.min_trades_per_day, self.max_trades_per_day)
        _require_order("hold_rate", self.min_hold_rate, self.max_hold_rate)
        names = [criteria.name for criteria in self.scenarios]
        if len(set(names)) != len(names):
            msg = f"[training_gate] names a scenario twice: {', '.join(names)}; leave one out"
            raise ConfigError(msg)


class Judged(NamedTuple):
    """The gate's answer, how near it was, and every criterion that it looked at."""

    verdict: Verdict
    attainment: float
    criteria: tuple[Criterion, ...]

    def degrees(self, codes: Sequence[str]) -> list[float]:
        """Attainment of each criterion of these codes, in their order."""
        return [c.attainment for c in self.criteria if c.code in codes]


class _Check(NamedTuple):
    """One measured value and where it must lie; ``strict``: the bounds do not suffice."""

    code: str
    what: str
    value: float
    low: float
    high: float
    width: float
    n: int
    strict: bool = False

    @property
    def holds(self) -> bool:
        """Written so that NaN does not hold."""
        if self.strict:
            return self.low < self.value < self.high
        return self.low <= self.value <= self.high

    @property
    def attainment(self) -> float:
        """1 where it holds, less the further outside the value lies, 0 for NaN."""
        if self.holds:
            return 1.0
        if not math.isfinite(self.value):
            return 0.0
        shortfall = max(self.low - self.value, self.value - self.high, 0.0)
        return 1.0 / (1.0 + shortfall / self.width)


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
            *(_answer(check) for check in health),
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
    criteria = tuple(_criterion(check) for checks in (health, *inside) for check in checks)
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
    return all_of(_answer(check) for check in checks)


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


def _span_checks(walked: Walked, rules: TrainingGateRules) -> list[_Check]:
    n, trips = walked.bars, walked.round_trips
    sharpe = math.nan if walked.sharpe is None else walked.sharpe
    wins = math.nan if walked.win_rate is None else walked.win_rate
    annual = f"Sharpe, annual at {walked.periods_per_year:g} bars a year"
    return [
        _at_least("return", "return", walked.return_frac, rules.min_return_frac, n),
        _at_most("drawdown", "drawdown", walked.drawdown_frac, rules.max_drawdown_frac, n),
        _within(
            "trades",
            "trades per day",
            walked.fills_per_session,
            (rules.min_trades_per_day, rules.max_trades_per_day),
            walked.sessions,
        ),
        _at_least("sharpe", annual, sharpe, rules.min_sharpe, n),
        _at_least("win_rate", "win rate of round trips", wins, rules.min_win_rate, trips),
        _within(
            "hold_rate",
            "hold rate",
            walked.hold_rate,
            (rules.min_hold_rate, rules.max_hold_rate),
            n,
        ),
    ]


def _episode_checks(
    scenarios: Sequence[ScenarioReport], rules: TrainingGateRules
) -> list[_Check]:
    """Health of all validation episodes together."""
    runs = [report.episodes for report in scenarios]
    n = sum(run.n for run in runs)
    length = _mean([(run.length_bars, run.n) for run in runs])
    early = _mean([(run.early_frac, run.n) for run in runs])
    over, under = rules.over_episode_bars, rules.under_early_frac
    return [
        _Check("practice.episode_length", "mean length of an episode, bars", length,
               over, math.inf, over, n, strict=True),
        _Check("practice.early_end", "share of episodes that ended early", early,
               -math.inf, under, under, n, strict=True),
    ]  # fmt: skip


def _scenario_checks(episodes: Episodes, rules: TrainingGateRules) -> list[_Check]:
    found = [c for c in rules.scenarios if c.name == episodes.scenario]
    if not found:
        return []
    criteria, n, where = found[0], episodes.n, f"in {episodes.scenario}"
    least = criteria.min_return_frac
    deepest, early = criteria.max_drawdown_frac, criteria.max_early_frac
    return [
        _Check("practice.scenario", f"mean return {where}", episodes.return_frac,
               least, math.inf, criteria.return_width_frac, n),
        _Check("practice.scenario", f"mean drawdown {where}", episodes.drawdown_frac,
               -math.inf, deepest, deepest, n),
        _Check("practice.scenario", f"share ended early {where}", episodes.early_frac,
               -math.inf, early, early, n),
    ]  # fmt: skip


def _missing(scenarios: Sequence[ScenarioReport], rules: TrainingGateRules) -> list[Verdict]:
    seen = {report.episodes.scenario for report in scenarios}
    return [
        refuse("practice.scenario", f"scenario {criteria.name!r} was not run", n=0)
        for criteria in rules.scenarios
        if criteria.name not in seen
    ]


def _at_least(name: str, what: str, value: float, bound: float, n: int) -> _Check:
    return _Check(f"practice.{name}", what, value, bound, math.inf, abs(bound), n)


def _at_most(name: str, what: str, value: float, bound: float, n: int) -> _Check:
    return _Check(f"practice.{name}", what, value, -math.inf, bound, abs(bound), n)


def _within(name: str, what: str, value: float, band: tuple[float, float], n: int) -> _Check:
    return _Check(f"practice.{name}", what, value, *band, max(band[1], math.ulp(1.0)), n)


def _answer(check: _Check) -> Verdict:
    bound = check.high if check.value > check.high or check.low == -math.inf else check.low
    if check.holds:
        return passed(
            check.code, f"{check.what} is {check.value:g}", check.value, bound, check.n
        )
    if math.isnan(check.value):
        detail = f"{check.what} could not be measured ({check.n} samples)"
        return refuse(check.code, detail, None, bound, check.n)
    return refuse(check.code, _complaint(check), check.value, bound, check.n)


def _complaint(check: _Check) -> str:
    words = ("over", "under") if check.strict else ("at least", "at most")
    allowed = [
        f"{word} {bound:g}"
        for word, bound in zip(words, (check.low, check.high), strict=True)
        if math.isfinite(bound)
    ]
    return f"{check.what} is {check.value:g}, allowed is {' and '.join(allowed)}"


def _named(verdict: Verdict, who: str) -> Verdict:
    findings = tuple(
        type(f)(f.code, f"{who}: {f.detail}", f.value, f.bound, f.n) for f in verdict.findings
    )
    return type(verdict)(findings)


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    """Weighted mean; of nothing it is not a number."""
    total = sum(n for _, n in weighted)
    return math.fsum(value * n for value, n in weighted) / total if total else math.nan


def _criterion(check: _Check) -> Criterion:
    return Criterion(
        code=check.code,
        what=check.what,
        value=_finite(check.value),
        low=_finite(check.low),
        high=_finite(check.high),
        n=check.n,
        holds=check.holds,
        attainment=check.attainment,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _require_order(name: str, low: float, high: float) -> None:
    if not low < high:
        msg = (
            f"[training_gate] min_{name} is {low:g} and max_{name} is {high:g}; "
            "the first must be under the second"
        )
        raise ConfigError(msg)
