"""The clamp: the only place an order can be born.

Execution accepts :class:`ClampedOrder` and nothing else, so there is no path to the
market that skips this module. ``tests/architecture`` proves that nobody else calls
the constructor.

1. Refuse what is missing, not finite or impossible (``inputs``).
2. Ask the controls that do not depend on size (``controls.may_enter``).
3. Walk down the sizing ladder (``sizing.ladder``).
4. Put the exits in whole ticks, each rounded towards the entry.
5. Ask the controls that do depend on size (``controls.may_send``).
"""

from __future__ import annotations

import math

import msgspec

from stairway.base.units import Lots, Ticks
from stairway.base.verdict import Inconclusive, Pass, Refuse, refuse
from stairway.decision.intent import Enter
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, Sight, Terms, stop_frac, target_frac
from stairway.risk.controls import may_enter, may_send
from stairway.risk.inputs import unusable
from stairway.risk.sizing import RiskRules, Rung, ladder

__all__ = ["ClampedOrder", "Rung", "clamp"]

_ROUNDING = 1e-9


class ClampedOrder(msgspec.Struct, frozen=True, tag="risk.clamped"):
    """An order within limits. Made by :func:`clamp` only.

    Attributes
    ----------
    side
        +1 long, -1 short.
    reference_ticks
        Price that the size was computed from: the close of the decision bar.
    stop_ticks, target_ticks
        *Distances* of the exits from the weighted entry, positive.
    ladder
        The whole audit, in order; ``binding`` names the cap that bound, or "none".
    """

    symbol: str
    side: int
    lots: Lots
    reference_ticks: Ticks
    stop_ticks: Ticks
    target_ticks: Ticks
    ladder: tuple[Rung, ...]
    binding: str


def clamp(
    wish: Enter,
    sight: Sight,
    account: Account,
    instrument: Instrument,
    terms: Terms,
    rules: RiskRules,
) -> ClampedOrder | Refuse:
    """Turn a wish into an order that fits, or refuse. Never enlarges.

    Examples
    --------
    >>> from msgspec.structs import replace
    >>> from stairway.testing import risk
    >>> wish, sight, account, instrument, terms, rules = risk.some_case()
    >>> order = clamp(wish, sight, account, instrument, terms, rules)
    >>> order.side, order.lots, order.stop_ticks
    (1, 156, 200)
    >>> late = replace(sight, bar_age_ns=10**15)
    >>> clamp(wish, late, account, instrument, terms, rules).findings[0].code
    'risk.stale_bar'
    """
    wrong = unusable(wish, sight, account, instrument, terms)
    if wrong is not None:
        return wrong
    stopped = _stopped(may_enter(wish, sight, account, rules.limits))
    if stopped is not None:
        return stopped
    sized = ladder(wish, sight, account, instrument, terms, rules)
    if isinstance(sized, Refuse):
        return sized
    reference = instrument.ticks(sight.price_usd)
    stop = _inward_ticks(stop_frac(sight, terms.barrier, wish.side), reference)
    target = _inward_ticks(target_frac(sight, terms.barrier, wish.side), reference)
    order = ClampedOrder(
        symbol=wish.symbol,
        side=wish.side,
        lots=sized.lots,
        reference_ticks=reference,
        stop_ticks=stop,
        target_ticks=target,
        ladder=sized.ladder,
        binding=sized.binding,
    )
    wrong = _exits(order)
    if wrong is None:
        wrong = _last_look(order, wish, account, instrument, rules)
    return order if wrong is None else wrong


def _inward_ticks(distance_frac: float, reference: int) -> Ticks:
    """Round towards the entry: less is at risk at the stop, and the target is nearer."""
    return Ticks(math.floor(distance_frac * reference * (1.0 + _ROUNDING)))


def _exits(order: ClampedOrder) -> Refuse | None:
    """Both exits must lie at least a tick away, and at a price that exists."""
    nearest = min(order.stop_ticks, order.target_ticks)
    if not nearest >= 1:
        detail = f"{order.symbol}: a barrier lies less than a tick from the entry"
        return refuse("risk.barrier_too_near", detail, nearest, 1)
    below = order.stop_ticks if order.side > 0 else order.target_ticks
    if not below < order.reference_ticks:
        detail = f"{order.symbol}: the lower barrier lies at or below a price of zero"
        return refuse("risk.barrier_below_zero", detail, below, order.reference_ticks)
    return None


def _last_look(
    order: ClampedOrder, wish: Enter, account: Account, instrument: Instrument, rules: RiskRules
) -> Refuse | None:
    unit = order.lots * instrument.micros_per_tick_lot
    notional, risk = unit * order.reference_ticks, unit * order.stop_ticks
    return _stopped(may_send(wish, order.lots, notional, risk, account, rules.limits))


def _stopped(verdict: Pass | Refuse | Inconclusive) -> Refuse | None:
    """Only a pass goes on; not knowing blocks exactly as a refusal does."""
    match verdict:
        case Pass():
            return None
        case Refuse(findings) | Inconclusive(findings):
            return Refuse(findings)
