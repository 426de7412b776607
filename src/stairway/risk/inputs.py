"""What the clamp was told, looked at before anything is computed from it.

A size is a product of a dozen numbers, and one that is missing would vanish in it: NaN
loses every comparison and ``min`` steps over it. So each is held against the range in
which it means anything, and the first that lies outside is named. The ranges say what is
*possible*; what is *allowed* is in :class:`stairway.risk.limits.RiskLimits`.
"""

from __future__ import annotations

import math

from stairway.base.verdict import Refuse, refuse
from stairway.decision.intent import Enter
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, Sight, Terms

_MAX_USD = 1e12
_MAX_MICROS = 2**63 - 1
_TINY = math.ulp(0.0)
_ROUNDING = 1e-9
_NUMBER = (int, float)

Range = tuple[str, object, float, float]


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


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, _NUMBER) and low <= value <= high


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
    )


def _of_sight(sight: Sight) -> tuple[Range, ...]:
    return (
        ("price_usd", sight.price_usd, _TINY, _MAX_USD),
        ("reference_usd", sight.reference_usd, _TINY, _MAX_USD),
        ("volatility_per_bar", sight.volatility_per_bar, _TINY, 100.0),
        ("periods_per_year", sight.periods_per_year, 1.0, 1e9),
        ("correlation", sight.correlation, -1.0 - _ROUNDING, 1.0 + _ROUNDING),
        ("bar_age_s", sight.bar_age_s, 0.0, 1e12),
        ("unchanged_bars", sight.unchanged_bars, 0, 1e12),
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
        *(("held_micros", v, -_MAX_MICROS, _MAX_MICROS) for v in account.held_micros.values()),
        *(
            ("working_micros", v, -_MAX_MICROS, _MAX_MICROS)
            for v in account.working_micros.values()
        ),
    )


def _of_terms(terms: Terms) -> tuple[Range, ...]:
    return (
        ("stop_vol", terms.barrier.stop_vol, _TINY, 1e3),
        ("target_vol", terms.barrier.target_vol, _TINY, 1e3),
        ("horizon_bars", terms.barrier.horizon_bars, 1, 1e9),
        ("ramp", terms.ramp, 0.0, 1.0),
    )
