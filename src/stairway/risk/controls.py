"""Pre-trade controls: reasons to send nothing at all.

They stand behind the sizing ladder and do not trust it. Each answers with a verdict and
a stable code; all are asked, so a refusal names everything that is wrong. None shrinks
an order. Comparisons are written so that NaN refuses.
"""

from __future__ import annotations

from stairway.base.units import MICROS_PER_UNIT, NS_PER_SECOND
from stairway.base.verdict import Pass, Verdict, all_of, refuse
from stairway.decision.intent import Enter
from stairway.risk.account import Account, Sight, gross_micros, net_micros, symbol_micros
from stairway.risk.limits import RiskLimits

_FINE = Pass()
_ROUNDING = 1.0 + 1e-15
"""The ladder fills a cap to the last lot; its float and ours may differ in the last digit."""


def may_enter(wish: Enter, sight: Sight, account: Account, limits: RiskLimits) -> Verdict:
    """Whether any order at all may be thought of, whatever its size.

    Examples
    --------
    >>> from msgspec.structs import replace
    >>> from stairway.testing import risk
    >>> wish, sight, account, _, _, rules = risk.some_case()
    >>> may_enter(wish, sight, account, rules.limits)
    Pass(findings=())
    >>> halted = replace(account, halted=True)
    >>> may_enter(wish, sight, halted, rules.limits).findings[0].code
    'risk.halted'
    """
    return all_of(
        (
            not_halted(account),
            not_restricted(wish.symbol, account, limits),
            fresh(sight, limits),
            inside_collar(sight, limits),
            daily_loss(account, limits),
            drawdown(account, limits),
            open_orders(account, limits),
            no_duplicate(wish, account, limits),
            message_rate(account, limits),
            child_ratio(account, limits),
        )
    )


def may_send(
    wish: Enter,
    lots: int,
    notional_micros: int,
    risk_micros: int,
    account: Account,
    limits: RiskLimits,
) -> Verdict:
    """Whether an order of this size may leave.

    Parameters
    ----------
    notional_micros, risk_micros
        Worth of the order at the decision price, and what is lost at its stop.

    Examples
    --------
    >>> from stairway.testing import risk
    >>> wish, _, account, _, _, rules = risk.some_case()
    >>> may_send(wish, 1, 10**9, 10**7, account, rules.limits)
    Pass(findings=())
    >>> may_send(wish, 1, 10**12, 10**7, account, rules.limits).findings[0].code
    'risk.symbol_share'
    """
    return all_of(
        (
            order_size(lots, notional_micros, limits),
            symbol_share(wish.symbol, notional_micros, account, limits),
            gross(notional_micros, account, limits),
            net(wish.side * notional_micros, account, limits),
            heat(risk_micros, account, limits),
        )
    )


def not_halted(account: Account) -> Verdict:
    """Refuse everything while the kill switch is latched."""
    if account.halted is False:
        return _FINE
    return refuse("risk.halted", "trading is halted; it must be re-armed by a person")


def not_restricted(symbol: str, account: Account, limits: RiskLimits) -> Verdict:
    """Refuse symbols never traded, and those whose order state is not known."""
    if symbol in limits.restricted_symbols:
        return refuse("risk.restricted_symbol", f"{symbol} is on the restricted list")
    if symbol in account.frozen_symbols:
        return refuse("risk.frozen_symbol", f"an order in {symbol} is in an unknown state")
    return _FINE


def fresh(sight: Sight, limits: RiskLimits) -> Verdict:
    """Refuse a bar that is old, or a feed that repeats itself."""
    age_s = sight.bar_age_ns / NS_PER_SECOND
    if not 0.0 <= age_s <= limits.max_bar_age_s:
        detail = f"the bar closed {age_s:.9g} s ago"
        return refuse("risk.stale_bar", detail, age_s, limits.max_bar_age_s)
    if not sight.unchanged_bars <= limits.max_unchanged_bars:
        detail = f"{sight.unchanged_bars} bars in a row repeat the one before them"
        return refuse(
            "risk.frozen_feed", detail, sight.unchanged_bars, limits.max_unchanged_bars
        )
    return _FINE


def inside_collar(sight: Sight, limits: RiskLimits) -> Verdict:
    """Refuse a price too far from the one before it."""
    away_usd = abs(sight.price_usd - sight.reference_usd)
    if away_usd <= limits.price_collar_frac * sight.reference_usd:
        return _FINE
    detail = (
        f"{sight.price_usd:g} lies too far from the reference price {sight.reference_usd:g}"
    )
    return refuse(
        "risk.price_collar", detail, away_usd / sight.reference_usd, limits.price_collar_frac
    )


def daily_loss(account: Account, limits: RiskLimits) -> Verdict:
    """Refuse once the day has cost as much as it may."""
    lost = (account.day_start_micros - account.equity_micros) / account.day_start_micros
    if lost < limits.max_daily_loss_frac:
        return _FINE
    detail = "the loss of the day has reached its limit; entries stop until tomorrow"
    return refuse("risk.daily_loss", detail, lost, limits.max_daily_loss_frac)


def drawdown(account: Account, limits: RiskLimits) -> Verdict:
    """Refuse once the loss from the peak is as large as it may be."""
    lost = (account.peak_micros - account.equity_micros) / account.peak_micros
    if lost < limits.max_drawdown_frac:
        return _FINE
    detail = "the loss from the peak has reached its limit; a person must look at it"
    return refuse("risk.drawdown", detail, lost, limits.max_drawdown_frac)


def open_orders(account: Account, limits: RiskLimits) -> Verdict:
    """Refuse where one more working entry would be too many."""
    if account.open_orders + 1 <= limits.max_open_orders:
        return _FINE
    detail = f"{account.open_orders} entries are working"
    return refuse("risk.open_orders", detail, account.open_orders, limits.max_open_orders)


def no_duplicate(wish: Enter, account: Account, limits: RiskLimits) -> Verdict:
    """Refuse a second entry in the same symbol shortly after the first."""
    last_ns = account.last_entry_ns.get(wish.symbol)
    if last_ns is None:
        return _FINE
    since_s = (wish.as_of_ns - last_ns) / NS_PER_SECOND
    # Exactly the same instant is a duplicate even where the window is zero.
    if since_s > 0.0 and since_s >= limits.duplicate_window_s:
        return _FINE
    detail = f"{wish.symbol} was entered {since_s:g} s ago"
    return refuse("risk.duplicate", detail, since_s, limits.duplicate_window_s)


def message_rate(account: Account, limits: RiskLimits) -> Verdict:
    """Refuse where one more message within the window would be too many."""
    if account.messages + 1 <= limits.max_messages:
        return _FINE
    detail = f"{account.messages} messages within {limits.message_window_s:g} s"
    return refuse("risk.message_rate", detail, account.messages, limits.max_messages)


def child_ratio(account: Account, limits: RiskLimits) -> Verdict:
    """Refuse too many messages per parent: a loop of children shows here first."""
    if account.children <= limits.max_child_ratio * max(1, account.parents):
        return _FINE
    ratio = account.children / max(1, account.parents)
    detail = f"{account.children} messages for {account.parents} parent orders"
    return refuse("risk.child_ratio", detail, ratio, limits.max_child_ratio)


def order_size(lots: int, notional_micros: int, limits: RiskLimits) -> Verdict:
    """Refuse an order too large in lots or in money."""
    if not 1 <= lots <= limits.max_lots:
        return refuse("risk.max_lots", f"an order of {lots} lots", lots, limits.max_lots)
    worth_usd = notional_micros / MICROS_PER_UNIT
    if not 0.0 < worth_usd <= limits.max_notional_usd:
        detail = f"an order worth {worth_usd:.2f} USD"
        return refuse("risk.max_notional", detail, worth_usd, limits.max_notional_usd)
    return _FINE


def symbol_share(
    symbol: str, notional_micros: int, account: Account, limits: RiskLimits
) -> Verdict:
    """Refuse where the symbol's share would be too large after the order."""
    share = (symbol_micros(account, symbol) + notional_micros) / account.equity_micros
    if share <= limits.max_symbol_frac * _ROUNDING:
        return _FINE
    detail = f"{symbol} would be {share:.4f} of equity"
    return refuse("risk.symbol_share", detail, share, limits.max_symbol_frac)


def gross(notional_micros: int, account: Account, limits: RiskLimits) -> Verdict:
    """Refuse where gross exposure would be too large after the order."""
    share = (gross_micros(account) + notional_micros) / account.equity_micros
    if share <= limits.max_gross_frac * _ROUNDING:
        return _FINE
    detail = f"gross exposure would be {share:.4f} of equity"
    return refuse("risk.gross", detail, share, limits.max_gross_frac)


def net(signed_micros: int, account: Account, limits: RiskLimits) -> Verdict:
    """Refuse where net exposure would be too large after the order."""
    share = abs(net_micros(account) + signed_micros) / account.equity_micros
    if share <= limits.max_net_frac * _ROUNDING:
        return _FINE
    detail = f"net exposure would be {share:.4f} of equity"
    return refuse("risk.net", detail, share, limits.max_net_frac)


def heat(risk_micros: int, account: Account, limits: RiskLimits) -> Verdict:
    """Refuse where open risk would be too large after the order."""
    share = (account.heat_micros + risk_micros) / account.equity_micros
    if risk_micros > 0 and share <= limits.max_heat_frac * _ROUNDING:
        return _FINE
    detail = f"open risk would be {share:.4f} of equity"
    return refuse("risk.heat", detail, share, limits.max_heat_frac)
