"""Hard limits. Nothing above this package may widen them.

None has a default: the operator says every number in the policy file, and a limit that
is left out stops the program before it starts. Two kinds live here. The first four shrink
an order (they are caps of the sizing ladder); the rest are pre-trade controls, which
never shrink and only refuse: they stand for *something is wrong*, and an order made
smaller would still be wrong.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.verdict import Pass, Refuse, Verdict, all_of, refuse

Fraction = Annotated[float, Meta(gt=0.0, le=1.0)]
Multiple = Annotated[float, Meta(gt=0.0, le=100.0)]
PositiveInt = Annotated[int, Meta(gt=0, le=10**12)]
Usd = Annotated[float, Meta(gt=0.0, le=1e12)]
Seconds = Annotated[float, Meta(ge=0.0, le=31_622_400.0)]  # a year
Few = Annotated[int, Meta(gt=0, le=1_000)]


class RiskLimits(Config, frozen=True, kw_only=True):
    """What may be at stake, and when an order is stopped outright.

    Attributes
    ----------
    max_symbol_frac
        Notional of one symbol over equity, held and working included.
    max_leverage
        Gross notional over equity to which an order is shrunk.
    max_var_frac
        One-day value at risk over equity.
    max_heat_frac
        Money between all entries and their stops, over equity.
    max_gross_frac, max_net_frac
        Notional over equity, gross and net, past which an order is refused.
    max_lots, max_notional_usd
        Largest order.
    max_open_orders
        Entries that may work at once.
    max_daily_loss_frac
        Fraction of start-of-day equity that may be lost before entries stop.
    max_drawdown_frac
        Fraction of peak equity that may be lost before entries stop.
    price_collar_frac
        Furthest that a decision price may lie from the reference price.
    max_bar_age_s
        Oldest bar, counted from its close, that may be traded on.
    max_unchanged_bars
        Bars in a row that may repeat the one before to the last digit.
    duplicate_window_s
        Least time between two entries in the same symbol.
    message_window_s, max_messages
        Messages to the venue that may have left within the window.
    max_child_ratio
        Messages sent per parent order in this session.
    restricted_symbols
        Never traded.
    """

    max_symbol_frac: Fraction
    max_leverage: Multiple
    max_var_frac: Fraction
    max_heat_frac: Fraction
    max_gross_frac: Multiple
    max_net_frac: Multiple
    max_lots: PositiveInt
    max_notional_usd: Usd
    max_open_orders: Few
    max_daily_loss_frac: Fraction
    max_drawdown_frac: Fraction
    price_collar_frac: Fraction
    max_bar_age_s: Annotated[float, Meta(ge=0.0, le=2_678_400.0)]  # a month
    max_unchanged_bars: Annotated[int, Meta(ge=0, le=100)]
    duplicate_window_s: Seconds
    message_window_s: Seconds
    max_messages: Annotated[int, Meta(gt=0, le=10**6)]
    max_child_ratio: Annotated[float, Meta(ge=1.0, le=1_000.0)]
    restricted_symbols: tuple[str, ...]


_MAXIMA = (
    "max_symbol_frac",
    "max_leverage",
    "max_var_frac",
    "max_heat_frac",
    "max_gross_frac",
    "max_net_frac",
    "max_lots",
    "max_notional_usd",
    "max_open_orders",
    "max_daily_loss_frac",
    "max_drawdown_frac",
    "price_collar_frac",
    "max_bar_age_s",
    "max_unchanged_bars",
    "max_messages",
    "max_child_ratio",
)
_MINIMA = ("duplicate_window_s", "message_window_s")


def tightened(present: RiskLimits, proposed: RiskLimits) -> RiskLimits | Refuse:
    """Take ``proposed`` into force if no limit in it is wider than at present.

    Examples
    --------
    >>> from stairway.testing.risk import some_limits
    >>> now = some_limits()
    >>> import msgspec
    >>> tightened(now, msgspec.structs.replace(now, max_leverage=0.5)).max_leverage
    0.5
    >>> tightened(now, msgspec.structs.replace(now, max_leverage=2.0)).findings[0].code
    'risk.limit_widened'
    """
    checks = [_not_above(name, present, proposed) for name in _MAXIMA]
    checks += [_not_above(name, proposed, present) for name in _MINIMA]
    freed = set(present.restricted_symbols) - set(proposed.restricted_symbols)
    if freed:
        checks.append(
            refuse("risk.limit_widened", f"{sorted(freed)} would no longer be restricted")
        )
    verdict = all_of(checks)
    return verdict if isinstance(verdict, Refuse) else proposed


def _not_above(name: str, wide: RiskLimits, narrow: RiskLimits) -> Verdict:
    ceiling, value = float(getattr(wide, name)), float(getattr(narrow, name))
    if value <= ceiling:
        return Pass()
    detail = f"{name}: limits may be tightened while running, never widened"
    return refuse("risk.limit_widened", detail, value, ceiling)
