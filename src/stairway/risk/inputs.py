"""What the clamp was told, looked at before anything is computed from it.

A size is a product of a dozen numbers, and one that is missing would vanish in it: NaN
loses every comparison and ``min`` steps over it. So each is held against the range in
which it means anything, and the first that lies outside is named. The ranges say what is
*possible*; what is *allowed* is in :class:`stairway.risk.limits.RiskLimits`.

Types are looked at as well: the codec guarantees them, a caller in Python does not. What is
counted (money, lots, bars, nanoseconds) must be a whole number; where a range begins with
one, so must the value be.
"""

from __future__ import annotations

import math

from stairway.base.verdict import Refuse, refuse
from stairway.decision.intent import Enter, Route, Vote
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, Sight, Terms

_MAX_USD = 1e12
_MAX_WEIGHT = 1e6
_MAX_MICROS = 2**63 - 1  # and nanoseconds
_TINY = math.ulp(0.0)
_ROUNDING = 1e-9
_NUMBER = (int, float)
_CALLED = {
    str: "text",
    tuple: "a tuple",
    dict: "a dictionary",
    bool: "true or false",
    Route: "a Route",
    Vote: "a Vote",
}

Range = tuple[str, object, float, float]
Kind = tuple[str, object, type]


def unusable(
    wish: Enter, sight: Sight, account: Account, instrument: Instrument, terms: Terms
) -> Refuse | None:
    """Refuse the first input that is missing, not finite, or not possible.

    Examples
    --------
    >>> from msgspec.structs import replace
    >>> from stairway.testing import risk
    >>> wish, sight, account, instrument, terms, _ = risk.some_case()
    >>> unusable(wish, sight, account, instrument, terms) is None
    True
    >>> blind = replace(sight, price_usd=float("nan"))
    >>> unusable(wish, blind, account, instrument, terms).findings[0].code
    'risk.unusable_input'
    """
    mistyped = _mistyped(wish, sight, account)
    if mistyped is not None:
        return mistyped
    if wish.symbol != instrument.symbol:
        detail = f"a wish for {wish.symbol} cannot be sized as {instrument.symbol}"
        return refuse("risk.symbol_mismatch", detail)
    for name, value, low, high in (
        *_of_wish(wish),
        *_of_sight(sight),
        *_of_account(account),
        *_of_terms(terms),
    ):
        if not _within(value, low, high):
            detail = f"{wish.symbol}: {name} is {value!r}; it must lie in [{low:g}, {high:g}]"
            return refuse("risk.unusable_input", detail, _number(value))
    if not round(sight.price_usd / instrument.tick_usd) >= 1:
        detail = f"{wish.symbol}: {sight.price_usd} is less than one tick"
        return refuse("risk.unusable_input", detail, sight.price_usd, instrument.tick_usd)
    return _contradiction(wish)


def _mistyped(wish: Enter, sight: Sight, account: Account) -> Refuse | None:
    """Refuse the first part that is not of the kind that its name promises."""
    for kinds in (_kinds, _parts):  # what is inside of the containers, once they are some
        for name, value, kind in kinds(wish, sight, account):
            if not isinstance(value, kind):
                detail = f"{name} is {value!r}; it must be {_CALLED[kind]}"
                return refuse("risk.unusable_input", detail)
    return None


def _kinds(wish: Enter, sight: Sight, account: Account) -> tuple[Kind, ...]:
    return (
        ("symbol", wish.symbol, str),
        ("route", wish.route, Route),
        ("votes", wish.votes, tuple),
        ("regime", sight.regime, str),
        ("held_micros", account.held_micros, dict),
        ("working_micros", account.working_micros, dict),
        ("last_entry_ns", account.last_entry_ns, dict),
        ("frozen_symbols", account.frozen_symbols, tuple),
        ("halted", account.halted, bool),
    )


def _parts(wish: Enter, _sight: Sight, account: Account) -> tuple[Kind, ...]:
    return (
        *[("votes", vote, Vote) for vote in wish.votes],
        *[("frozen_symbols", symbol, str) for symbol in account.frozen_symbols],
        *[("held_micros", symbol, str) for symbol in account.held_micros],
        *[("working_micros", symbol, str) for symbol in account.working_micros],
        *[("last_entry_ns", symbol, str) for symbol in account.last_entry_ns],
    )


def _within(value: object, low: float, high: float) -> bool:
    if value is True or value is False:  # whole numbers, for Python
        return False
    return isinstance(value, int if isinstance(low, int) else _NUMBER) and low <= value <= high


def _number(value: object) -> float | None:
    """Return what may be put on record: JSON has no NaN and no infinity."""
    if isinstance(value, _NUMBER) and abs(value) <= _MAX_USD:
        return float(value)
    return None


def _contradiction(wish: Enter) -> Refuse | None:
    if wish.side in {1, -1} and (wish.probability - 0.5) * wish.side > 0.0:
        return None
    detail = f"{wish.symbol}: side {wish.side} does not follow from the probability"
    return refuse("risk.side", detail, wish.probability, 0.5)


def _of_wish(wish: Enter) -> tuple[Range, ...]:
    return (
        ("probability", wish.probability, 0.0, 1.0),
        ("caution", wish.caution, _TINY, 1.0),
        ("side", wish.side, -1, 1),
        ("as_of_ns", wish.as_of_ns, -_MAX_MICROS, _MAX_MICROS),
        *[("weight of a vote", vote.weight, 0.0, _MAX_WEIGHT) for vote in wish.votes],
        *[("confidence of a vote", vote.confidence, 0.0, 1.0) for vote in wish.votes],
    )


def _of_sight(sight: Sight) -> tuple[Range, ...]:
    return (
        ("price_usd", sight.price_usd, _TINY, _MAX_USD),
        ("reference_usd", sight.reference_usd, _TINY, _MAX_USD),
        ("volatility_per_bar", sight.volatility_per_bar, _TINY, 100.0),
        ("periods_per_year", sight.periods_per_year, 1.0, 1e9),
        ("correlation", sight.correlation, -1.0 - _ROUNDING, 1.0 + _ROUNDING),
        ("bar_age_ns", sight.bar_age_ns, 0, _MAX_MICROS),
        ("unchanged_bars", sight.unchanged_bars, 0, _MAX_MICROS),
        ("cost_bps", sight.cost_bps, 0.0, 1e4),
        ("var_frac", sight.var_frac, _TINY, 1e4),
    )


def _of_account(account: Account) -> tuple[Range, ...]:
    return (
        ("equity_micros", account.equity_micros, 1, _MAX_MICROS),
        ("day_start_micros", account.day_start_micros, 1, _MAX_MICROS),
        ("peak_micros", account.peak_micros, account.equity_micros, _MAX_MICROS),
        ("heat_micros", account.heat_micros, 0, _MAX_MICROS),
        ("open_orders", account.open_orders, 0, _MAX_MICROS),
        ("messages", account.messages, 0, _MAX_MICROS),
        ("parents", account.parents, 0, _MAX_MICROS),
        ("children", account.children, 0, _MAX_MICROS),
        *[("held_micros", v, -_MAX_MICROS, _MAX_MICROS) for v in account.held_micros.values()],
        *[
            ("working_micros", v, -_MAX_MICROS, _MAX_MICROS)
            for v in account.working_micros.values()
        ],
        *[
            ("last_entry_ns", v, -_MAX_MICROS, _MAX_MICROS)
            for v in account.last_entry_ns.values()
        ],
    )


def _of_terms(terms: Terms) -> tuple[Range, ...]:
    return (
        ("stop_vol", terms.barrier.stop_vol, _TINY, 1e3),
        ("target_vol", terms.barrier.target_vol, _TINY, 1e3),
        ("horizon_bars", terms.barrier.horizon_bars, 1, 1e9),
        ("ramp", terms.ramp, 0.0, 1.0),
    )
