"""A canary's guardrails: one percent of the capital, and out at the first real harm.

The published rule watches the Sharpe ratio for a fall of 20 % below the champion's. As a
raw figure that fires 45 % of the time on nothing, so the default is a paired test on the
same events: an e-process against "the canary earns at least 80 % of what the incumbent
earned so far". ``raw`` is the rule as first written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, assert_never

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.verdict import Pass, Verdict, all_of, inconclusive, passed, refuse
from stairway.lifecycle.facts import CanaryHealth
from stairway.supervision import eprocess
from stairway.supervision.credit import FULL_LOSS_R
from stairway.supervision.eprocess import BettingRules, Claim, EProcess

_MIN_FOR_SPREAD = 2

_Share = Annotated[float, Meta(gt=0, le=1)]


class SharpeTest(StrEnum):
    """How a fall of the Sharpe ratio is shown."""

    PAIRED = "paired"
    RAW = "raw"


class CanaryRules(Config, frozen=True):
    """What a canary may use, and what ends it.

    Attributes
    ----------
    share
        Part of the capital.
    ramp_shares, ramp_hours, ramp_trades
        Shares of a new champion, and the stay on each but the last.
    max_latency_p999_ms, max_error_rate, max_drawdown_frac
        Above any of these it is rolled back; exactly at them it is not.
    max_sharpe_degradation
        Fall below the incumbent's, as a fraction of it.
    sharpe_test, sharpe_trades, e_degraded
        How that is shown; trades the raw figure needs; evidence the paired test needs.
    silent_clocks
        Bars without a sign of life after which silence counts as failure.
    """

    share: _Share
    ramp_shares: Annotated[tuple[_Share, ...], Meta(min_length=1)]
    ramp_hours: Annotated[float, Meta(ge=0, le=87_600)]
    ramp_trades: Annotated[int, Meta(ge=0, le=10**6)]
    max_latency_p999_ms: Annotated[float, Meta(gt=0, le=1_000)]
    max_error_rate: Annotated[float, Meta(ge=0, lt=1)]
    max_drawdown_frac: Annotated[float, Meta(gt=0, lt=1)]
    max_sharpe_degradation: Annotated[float, Meta(gt=0, lt=1)]
    sharpe_test: SharpeTest
    sharpe_trades: Annotated[int, Meta(ge=2, le=10_000)]
    e_degraded: Annotated[float, Meta(gt=1, le=10_000)]
    silent_clocks: Annotated[int, Meta(ge=1, le=1_000)]


class Beside(msgspec.Struct, frozen=True):
    """A canary's trades beside the incumbent's: evidence, and sums for the raw figure."""

    process: EProcess
    total_r: float = 0.0
    squares_r: float = 0.0
    incumbent_total_r: float = 0.0
    incumbent_squares_r: float = 0.0


def beside(betting: BettingRules) -> Beside:
    """Begin the comparison."""
    return Beside(eprocess.start(betting))


def compare(
    before: Beside, r: float, incumbent_r: float, rules: CanaryRules, betting: BettingRules
) -> Beside:
    """Take one trade into account. What cannot be read counts as the worst.

    The claimed difference is known before the trade is: the allowed fraction of what the
    incumbent earned per trade *so far*, and nothing where it earned nothing.
    """
    if not (math.isfinite(r) and math.isfinite(incumbent_r)):
        r, incumbent_r = FULL_LOSS_R, -FULL_LOSS_R
    n = before.process.n
    earned = max(before.incumbent_total_r / n, 0.0) if n else 0.0
    claimed = -rules.max_sharpe_degradation * min(earned, betting.bound_r)
    return Beside(
        eprocess.step(before.process, r - incumbent_r, claimed, Claim.AT_LEAST, betting),
        before.total_r + r,
        before.squares_r + r * r,
        before.incumbent_total_r + incumbent_r,
        before.incumbent_squares_r + incumbent_r * incumbent_r,
    )


def degraded(seen: Beside, rules: CanaryRules) -> Verdict:
    """Refuse a canary that is shown to earn less than the incumbent."""
    n = seen.process.n
    match rules.sharpe_test:
        case SharpeTest.PAIRED:
            e = eprocess.e_value(seen.process)
            if not e < rules.e_degraded:
                detail = "it earns less than the incumbent"
                return refuse("canary.sharpe", detail, e, rules.e_degraded, n)
            if n > 0:
                return passed("canary.sharpe", "not shown to earn less", e, rules.e_degraded, n)
            return inconclusive("canary.sharpe", "no trade to compare yet", n=0)
        case SharpeTest.RAW:
            return _raw(seen, n, rules)
        case _:
            assert_never(rules.sharpe_test)


def vital(health: CanaryHealth, rules: CanaryRules) -> Verdict:
    """Hold vital signs against the guardrails. A missing metric is a failure.

    Examples
    --------
    >>> from stairway.base.units import UtcNs
    >>> from stairway.testing.climbing import climb_rules
    >>> silent = CanaryHealth(UtcNs(0), "d1", 100, 0, None, 0.0)
    >>> vital(silent, climb_rules().canary).findings[0].code
    'canary.metric_missing'
    """
    return all_of(_vitals(health, rules))


def alive(quiet_clocks: int, rules: CanaryRules) -> Verdict:
    """Refuse a canary of which nothing was heard for too long."""
    most = rules.silent_clocks
    if not quiet_clocks <= most:
        detail = f"no sign of life for {quiet_clocks} bars"
        return refuse("canary.silent", detail, quiet_clocks, most)
    return Pass()


def _vitals(health: CanaryHealth, rules: CanaryRules) -> Iterator[Verdict]:
    answers, errors = health.answers, health.errors
    rate = errors / answers if answers and errors is not None else None
    yield _at_most("canary.error_rate", "share of errors", rate, rules.max_error_rate)
    slow, most_ms = health.latency_p999_ms, rules.max_latency_p999_ms
    yield _at_most("canary.latency", "ms at the 99.9th percentile", slow, most_ms)
    fall, most_fall = health.drawdown_frac, rules.max_drawdown_frac
    yield _at_most("canary.drawdown", "of drawdown", fall, most_fall)


def _at_most(code: str, what: str, value: float | None, bound: float) -> Verdict:
    if value is None:
        return refuse("canary.metric_missing", f"{what} is missing", bound=bound)
    if 0 <= value <= bound:
        return passed(code, f"{value:g} {what}", value, bound)
    return refuse(code, f"{value:g} {what}", value, bound)


def _raw(seen: Beside, n: int, rules: CanaryRules) -> Verdict:
    if n < rules.sharpe_trades:
        detail = f"{n} of {rules.sharpe_trades} trades"
        return inconclusive("canary.sharpe", detail, n, rules.sharpe_trades, n)
    own = _sharpe(n, seen.total_r, seen.squares_r)
    theirs = _sharpe(n, seen.incumbent_total_r, seen.incumbent_squares_r)
    if own is None or theirs is None:
        return inconclusive("canary.sharpe", "a Sharpe ratio is undefined", n=n)
    least = (1 - rules.max_sharpe_degradation) * theirs
    if theirs > 0 and not own >= least:
        return refuse("canary.sharpe", "Sharpe ratio fell too far", own, least, n)
    return passed("canary.sharpe", "Sharpe ratio beside the incumbent's", own, least, n)


def _sharpe(n: int, total: float, squares: float) -> float | None:
    """Per trade; ``None`` where returns are constant, and it has no meaning."""
    variance = (squares - total * total / n) / (n - 1) if n >= _MIN_FOR_SPREAD else 0.0
    return total / n / math.sqrt(variance) if variance > 0 else None
