"""A plain, valid case for the clamp, to be bent in tests.

The numbers are round and have no other merit; they are not a policy.
"""

from __future__ import annotations

import msgspec

from stairway.base.units import Micros, UtcNs
from stairway.decision.intent import Enter, Route, Vote
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, Barrier, Sight, Terms, one_day_var_frac, opened
from stairway.risk.clamp import ClampedOrder
from stairway.risk.limits import RiskLimits
from stairway.risk.sizing import RiskRules, SizingRules

Case = tuple[Enter, Sight, Account, Instrument, Terms, RiskRules]


def some_limits() -> RiskLimits:
    """Limits with room for :func:`some_case`."""
    return RiskLimits(
        max_symbol_frac=0.2,
        max_leverage=1.0,
        max_var_frac=0.02,
        max_heat_frac=0.06,
        max_gross_frac=1.0,
        max_net_frac=1.0,
        max_lots=10_000,
        max_notional_usd=1e6,
        max_open_orders=4,
        max_daily_loss_frac=0.02,
        max_drawdown_frac=0.2,
        price_collar_frac=0.25,
        max_bar_age_s=60.0,
        max_unchanged_bars=3,
        duplicate_window_s=30.0,
        message_window_s=60.0,
        max_messages=60,
        max_child_ratio=20.0,
        restricted_symbols=("NEVER",),
    )


def some_rules() -> RiskRules:
    """Limits and sizing for :func:`some_case`."""
    sizing = SizingRules(
        target_volatility_frac=0.1,
        kelly_fraction=0.25,
        var_confidence=0.99,
        stress_correlation=0.8,
        stress_factor=0.5,
        regime_factor={"trend": 1.0, "range": 1.0, "crisis": 1.0},
        min_lots=1,
    )
    return RiskRules(limits=some_limits(), sizing=sizing)


def some_wish(probability: float = 0.625) -> Enter:
    """Wish to trade ``A`` on the side that the probability is on."""
    side = 1 if probability > 0.5 else -1  # noqa: PLR2004 - even odds
    vote = Vote("model", "d" * 64, "champion", 1.0, probability)
    return Enter("A", UtcNs(10**18), side, probability, Route.ENSEMBLE, (vote,))


def some_case(probability: float = 0.625) -> Case:
    """Arguments of :func:`stairway.risk.clamp.clamp`.

    One million USD, a price of 100 USD in ticks of a cent, lots of ten units, and a
    volatility of one percent a bar with 256 bars a year (16 % a year).

    Examples
    --------
    >>> from stairway.risk.clamp import clamp
    >>> clamp(*some_case()).lots
    156
    """
    sight = Sight(
        price_usd=100.0,
        reference_usd=99.0,
        volatility_per_bar=0.01,
        periods_per_year=256.0,
        correlation=0.3,
        regime="trend",
        bar_age_ns=0,
        unchanged_bars=0,
        cost_bps=5.0,
        var_frac=one_day_var_frac(0.01, 1.0, 0.99),
    )
    instrument = Instrument(symbol="A", tick_usd=0.01, lot_units=10.0)
    terms = Terms(Barrier(2.0, 2.0, 10), ramp=1.0)
    account = opened(Micros(1_000_000_000_000))
    return some_wish(probability), sight, account, instrument, terms, some_rules()


def committed(
    account: Account, order: ClampedOrder, instrument: Instrument, as_of_ns: UtcNs
) -> Account:
    """Account once ``order`` has left, for stories of the clamp alone.

    The trader tells its account anew from its book: :func:`stairway.trader.book.exposed`.

    Examples
    --------
    >>> from stairway.risk.clamp import clamp
    >>> wish, sight, account, instrument, terms, rules = some_case()
    >>> order = clamp(wish, sight, account, instrument, terms, rules)
    >>> after = committed(account, order, instrument, wish.as_of_ns)
    >>> after.working_micros["A"], after.heat_micros, after.open_orders
    (156000000000, 3120000000, 1)
    >>> clamp(wish, sight, after, instrument, terms, rules).findings[0].code
    'risk.duplicate'
    """
    unit = order.lots * instrument.micros_per_tick_lot
    symbol, working = order.symbol, account.working_micros
    worth = working.get(symbol, 0) + order.side * unit * order.reference_ticks
    return msgspec.structs.replace(
        account,
        heat_micros=Micros(account.heat_micros + unit * order.stop_ticks),
        working_micros={**working, symbol: worth},
        open_orders=account.open_orders + 1,
        last_entry_ns={**account.last_entry_ns, symbol: as_of_ns},
        messages=account.messages + 1,
        parents=account.parents + 1,
        children=account.children + 1,
    )
