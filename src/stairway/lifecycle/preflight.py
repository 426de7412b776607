"""Before a promotion, ask how often the breaker would trip if nothing changed.

The model's own R-multiples, in blocks so that winning and losing streaks survive, are
drawn again and run through the *very same* breaker. The share of paths that trip is the
chance of a false rollback. It is kept in the promotion's record; above a budget a person
has to decide. This is where a trend follower that wins 40 % of the time shows up (the
breaker trips on 6 in 10 such models) before it costs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.hashing import keyed_uniform
from stairway.base.verdict import Verdict, inconclusive, passed
from stairway.lifecycle.probation import ProbationRules, Tally, count, trips

_Count = Annotated[int, Meta(ge=1, le=10**6)]


class PreflightRules(Config, frozen=True):
    """How the bootstrap is drawn, and what it may find.

    Attributes
    ----------
    paths, trades, block_trades
        Number of paths, length of each, and length of the blocks they are drawn in.
    min_trades
        Trades of its own without which nothing can be said.
    max_false_rollback
        Budget: above this chance the promotion waits for a person (1: it never does).
    seed
        Of the draws; they are keyed on the model as well.
    """

    paths: _Count
    trades: _Count
    block_trades: _Count
    min_trades: _Count
    max_false_rollback: Annotated[float, Meta(ge=0, le=1)]
    seed: Annotated[int, Meta(ge=0, lt=2**31)]


def preflight(
    own_r: Sequence[float], digest: str, rules: PreflightRules, breaker: ProbationRules
) -> Verdict:
    """Estimate the chance of a false rollback; pass within the budget.

    Parameters
    ----------
    own_r
        R of the model's own trades, oldest first.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> rules = climb_rules()
    >>> winner = preflight([1.0] * 50, "d1", rules.promotion.preflight, rules.probation)
    >>> winner.findings[0].value
    0.0
    """
    n = len(own_r)
    if n < rules.min_trades:
        detail = f"{n} of {rules.min_trades} trades to draw from"
        return inconclusive("promotion.preflight", detail, n, rules.min_trades, n)
    hits = sum(_trips(own_r, digest, path, rules, breaker) for path in range(rules.paths))
    chance, most = hits / rules.paths, rules.max_false_rollback
    detail = f"if nothing changes, the breaker trips with probability {chance:.2f}"
    if chance <= most:
        return passed("promotion.preflight", detail, chance, most, n)
    detail += "; promote by hand if that is meant"
    return inconclusive("promotion.preflight", detail, chance, most, n)


def _trips(
    own_r: Sequence[float],
    digest: str,
    path: int,
    rules: PreflightRules,
    breaker: ProbationRules,
) -> bool:
    tally, n, start = Tally(), len(own_r), 0
    for i in range(rules.trades):
        if i % rules.block_trades == 0:
            start = int(keyed_uniform(rules.seed, digest, path, i) * n)
        tally = count(tally, own_r[(start + i % rules.block_trades) % n])
        if trips(tally, breaker):
            return True
    return False
