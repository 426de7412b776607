"""The circuit breaker after a promotion, and what a trip is worth.

Act fast, judge slowly. The rule trips on ten trades: average R below -0.3, or fewer wins
than 35 %. In ten trades only a catastrophe can be *proved*, so the rule is often wrong
about healthy models, and is meant to be: a rollback is cheap and can be undone. What may
not be undone, quarantine, waits for evidence, an e-process on R (claim: the mean is at
least 0).

A window that ends with fewer trades than the rule needs proves nothing: probation goes on
until both are reached.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Verdict, all_of, inconclusive, passed, refuse
from stairway.supervision import eprocess
from stairway.supervision.eprocess import BettingRules, Claim, EProcess

_Share = Annotated[float, Meta(gt=0, lt=1)]


class ProbationRules(Config, frozen=True):
    """When the breaker trips, and how a trip is graded.

    Attributes
    ----------
    window_hours
        Least length of probation.
    min_trades
        Trades from which the rule may trip.
    trades_to_pass
        Trades without which probation does not end (0: it ends with the window alone).
    min_average_r, min_win_rate
        Below either of these it trips; exactly at them it does not.
    e_likely, e_confirmed
        Evidence from which a trip is ``likely`` and ``confirmed``; the latter rolls back by
        itself as well, during probation and after it.
    """

    window_hours: Annotated[float, Meta(ge=0, le=87_600)]
    min_trades: Annotated[int, Meta(ge=1, le=1_000)]
    trades_to_pass: Annotated[int, Meta(ge=0, le=10**6)]
    min_average_r: Annotated[float, Meta(ge=-1, lt=0)]
    min_win_rate: _Share
    e_likely: Annotated[float, Meta(gt=1, le=10_000)]
    e_confirmed: Annotated[float, Meta(gt=1, le=10_000)]
    betting: BettingRules


class Status(StrEnum):
    """Where a probation stands."""

    MONITORING = "MONITORING"
    PASSED = "PASSED"
    ROLLED_BACK = "ROLLED_BACK"


class Grade(StrEnum):
    """How sure it is that a rolled-back model is bad."""

    SUSPECTED = "suspected"
    LIKELY = "likely"
    CONFIRMED = "confirmed"


class Tally(msgspec.Struct, frozen=True):
    """All that the rule looks at. R of exactly 0 is neither a win nor a loss."""

    trades_count: int = 0
    wins: int = 0
    losses: int = 0
    total_r: float = 0.0


class Probation(msgspec.Struct, frozen=True):
    """One model's probation.

    Attributes
    ----------
    model_type
        The slot.
    new_version, old_version
        Digests of the model on probation and of the champion it displaced, if any.
    promoted_at, monitoring_until
        Event time, ns.
    trades_count, wins, losses, total_r
        Trades of the capital that it entered since. R of exactly 0 is neither.
    """

    model_type: str
    new_version: str
    old_version: str | None
    promoted_at: UtcNs
    monitoring_until: UtcNs
    trades_count: int = 0
    wins: int = 0
    losses: int = 0
    total_r: float = 0.0
    status: Status = Status.MONITORING

    @property
    def tally(self) -> Tally:
        """Return what the rule looks at."""
        return Tally(self.trades_count, self.wins, self.losses, self.total_r)


class Health(msgspec.Struct, frozen=True):
    """Evidence that a model loses money, from two beginnings.

    ``carried`` runs over all its trades, shadow and canary included; ``fresh`` begins with
    each promotion, so that a long healthy past cannot hide a present decay. Their mean is
    again valid evidence, whatever their dependence. ``peak`` is the most it came to since
    the promotion: the promise of an e-process is about ever reaching a level.
    """

    carried: EProcess
    fresh: EProcess
    peak: float = 1.0


def begin(
    slot: str, new: str, old: str | None, now_ns: UtcNs, rules: ProbationRules
) -> Probation:
    """Put a new champion on probation."""
    until_ns = UtcNs(now_ns + int(rules.window_hours * NS_PER_HOUR))
    return Probation(slot, new, old, now_ns, until_ns)


def closed(probation: Probation, r: float) -> Probation:
    """Count one closed trade of the model on probation."""
    tally = count(probation.tally, r)
    return msgspec.structs.replace(probation, **msgspec.structs.asdict(tally))


def count(tally: Tally, r: float) -> Tally:
    """Count one closed trade.

    Examples
    --------
    >>> count(Tally(), -1.0)
    Tally(trades_count=1, wins=0, losses=1, total_r=-1.0)
    """
    return Tally(
        tally.trades_count + 1, tally.wins + (r > 0), tally.losses + (r < 0), tally.total_r + r
    )


def trips(tally: Tally, rules: ProbationRules) -> bool:
    """Return True where the rule says roll back. Not a number is no reason to stay.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> trips(Tally(10, 3, 7, -1.0), climb_rules().probation)
    True
    """
    if tally.trades_count < rules.min_trades:
        return False
    fine_r = tally.total_r / tally.trades_count >= rules.min_average_r
    fine_wins = tally.wins / tally.trades_count >= rules.min_win_rate
    return not (fine_r and fine_wins)


def judge(probation: Probation, now_ns: UtcNs, rules: ProbationRules) -> Verdict:
    """Pass once window and trades are reached; refuse on a trip; else inconclusive."""
    tally = probation.tally
    n = tally.trades_count
    if trips(tally, rules):
        return _broken(tally, rules)
    hours = (now_ns - probation.promoted_at) / NS_PER_HOUR
    trades = passed("probation.trades", "trades were closed", n, rules.trades_to_pass, n)
    if n < rules.trades_to_pass:
        detail = f"{n} of {rules.trades_to_pass} trades"
        trades = inconclusive("probation.trades", detail, n, rules.trades_to_pass, n)
    window = passed("probation.window", "the window is over", hours, rules.window_hours, n)
    if not now_ns >= probation.monitoring_until:
        detail = f"{hours:.1f} of {rules.window_hours:g} hours"
        window = inconclusive("probation.window", detail, hours, rules.window_hours, n)
    return all_of((trades, window))


def healthy(rules: ProbationRules) -> Health:
    """Begin to watch a model of which nothing is known."""
    return Health(eprocess.start(rules.betting), eprocess.start(rules.betting))


def renewed(health: Health, rules: ProbationRules) -> Health:
    """Begin the second process again: the model was promoted."""
    return _at_peak(Health(health.carried, eprocess.start(rules.betting), 0.0))


def observe(health: Health, r: float, rules: ProbationRules) -> Health:
    """Take one closed trade into account."""
    carried, fresh = (
        eprocess.step(process, r, 0.0, Claim.AT_LEAST, rules.betting)
        for process in (health.carried, health.fresh)
    )
    return _at_peak(Health(carried, fresh, health.peak))


def evidence(health: Health) -> float:
    """Evidence against "on average this model does not lose"."""
    return (eprocess.e_value(health.carried) + eprocess.e_value(health.fresh)) / 2


def grade(e: float, rules: ProbationRules) -> Grade:
    """Say how sure it is, given the evidence. Exactly the bound counts as reached.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> [grade(e, climb_rules().probation).value for e in (4.9, 5.0, 20.0)]
    ['suspected', 'likely', 'confirmed']
    """
    if not e < rules.e_confirmed:
        return Grade.CONFIRMED
    return Grade.LIKELY if e >= rules.e_likely else Grade.SUSPECTED


def bleeds(health: Health, rules: ProbationRules) -> Verdict:
    """Refuse a model that provably loses, however slowly."""
    e, n = evidence(health), health.carried.n
    if not e < rules.e_confirmed:
        detail = "on average this model loses money"
        return refuse("probation.bleeding", detail, e, rules.e_confirmed, n)
    return passed("probation.bleeding", "not proven to lose", e, rules.e_confirmed, n)


def _at_peak(health: Health) -> Health:
    return msgspec.structs.replace(health, peak=max(health.peak, evidence(health)))


def _broken(tally: Tally, rules: ProbationRules) -> Verdict:
    n = tally.trades_count
    average_r, win_rate = tally.total_r / n, tally.wins / n
    checks: list[Verdict] = []
    if not average_r >= rules.min_average_r:
        detail = f"average of {average_r:+.2f} R over {n} trades"
        checks.append(refuse("probation.average_r", detail, average_r, rules.min_average_r, n))
    if not win_rate >= rules.min_win_rate:
        detail = f"{tally.wins} wins in {n} trades"
        checks.append(refuse("probation.win_rate", detail, win_rate, rules.min_win_rate, n))
    return all_of(checks)
