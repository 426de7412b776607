"""Evidence that may be looked at after every trade, without paying for looking.

A betting e-process (Waudby-Smith and Ramdas) is the wealth of a gambler who bets against
a claim about the mean. If the claim is true, wealth is a non-negative supermartingale, so
the chance that it *ever* reaches ``1 / alpha`` is at most ``alpha`` (Ville), however often
one looks and whenever one stops.

1. A claim is "the mean is at least m" (losses feed the evidence against it) or "at most m"
   (gains feed it).
2. Each bet g in the mixture stakes ``lambda = g / (distance from m to the hard bound)``.
3. Wealth of a bet is multiplied by ``1 + lambda * (surprise)``; the e-value is the mean.

Only values that *feed* the evidence are clipped, which weakens the test and is safe. Values
that speak for the claim are never clipped: cutting wins below their true maximum turns a
healthy trend follower into a loser (38 % false rejections, measured). A value so far out
that a bet would go below nothing ruins that bet, and only that bet.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, assert_never

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import InvariantError

_LARGEST_EXPONENT = 700.0


class BettingRules(Config, frozen=True):
    """How the mixture bets.

    Attributes
    ----------
    bets
        Share of the largest safe stake that each gambler puts up.
    bound_r
        Hard bound, in R, of values that speak *for* the claim. At least the reward of a
        target fill over the risk to the stop.
    clip_r
        A value that feeds the evidence counts as at most this many R.
    """

    bets: Annotated[tuple[Annotated[float, Meta(gt=0, lt=1)], ...], Meta(min_length=1)]
    bound_r: Annotated[float, Meta(gt=0, le=100)]
    clip_r: Annotated[float, Meta(gt=0, le=100)]


class Claim(StrEnum):
    """What is claimed about the mean, and so what counts against it."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class EProcess(msgspec.Struct, frozen=True):
    """Logarithm of each gambler's wealth, and how many values it rests on."""

    log_wealth: tuple[float, ...]
    n: int = 0


def start(rules: BettingRules) -> EProcess:
    """Begin with wealth one for every gambler.

    Examples
    --------
    >>> e_value(start(BettingRules(bets=(0.2, 0.8), bound_r=1.0, clip_r=1.5)))
    1.0
    """
    return EProcess((0.0,) * len(rules.bets))


def step(
    process: EProcess, x_r: float, null_r: float, claim: Claim, rules: BettingRules
) -> EProcess:
    """Take one more value into account.

    Parameters
    ----------
    x_r
        R-multiple, or a difference of two. What is not finite counts as the worst a model
        could have done.
    null_r
        The claimed mean. May change from step to step if it is known before ``x_r`` is.

    Raises
    ------
    InvariantError
        If ``null_r`` does not lie inside the bound.

    Examples
    --------
    >>> rules = BettingRules(bets=(0.5,), bound_r=1.0, clip_r=1.0)
    >>> e_value(step(start(rules), -1.0, 0.0, Claim.AT_LEAST, rules))
    1.5
    """
    if not abs(null_r) < rules.bound_r:
        msg = f"the claimed mean {null_r} R must lie inside the bound of {rules.bound_r} R"
        raise InvariantError(msg)
    match claim:
        case Claim.AT_LEAST:
            worst = -rules.clip_r
            surprise = null_r - max(x_r if math.isfinite(x_r) else worst, -rules.clip_r)
            room = rules.bound_r - null_r
        case Claim.AT_MOST:
            worst = -rules.bound_r
            surprise = min(x_r if math.isfinite(x_r) else worst, rules.clip_r) - null_r
            room = rules.bound_r + null_r
        case _:
            assert_never(claim)
    wealth = tuple(
        _grow(log_wealth, bet * surprise / room)
        for log_wealth, bet in zip(process.log_wealth, rules.bets, strict=True)
    )
    return EProcess(wealth, process.n + 1)


def e_value(process: EProcess) -> float:
    """Mean wealth of the gamblers: the evidence against the claim.

    Examples
    --------
    >>> e_value(EProcess((0.0, -math.inf)))
    0.5
    """
    top = max(process.log_wealth)
    if top == -math.inf:
        return 0.0
    if top > _LARGEST_EXPONENT:
        return math.inf
    total = sum(math.exp(w - top) for w in process.log_wealth)
    return math.exp(top) * total / len(process.log_wealth)


def _grow(log_wealth: float, gain: float) -> float:
    return log_wealth + math.log1p(gain) if gain > -1.0 else -math.inf
