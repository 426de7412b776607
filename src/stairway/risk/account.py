"""What the clamp must know: the account, the market, and the terms of the trade.

Money is integer micros, so what is held adds up exactly. Estimates are floats; NaN in
any of them means *not known*, and what is not known is refused by the clamp.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec

from stairway.base.units import Micros

_NORMAL = NormalDist()


class Account(msgspec.Struct, frozen=True):
    """One book, as of the instant of the decision.

    Attributes
    ----------
    equity_micros, day_start_micros, peak_micros
        Worth now, at the start of the trading day, and at its highest.
    heat_micros
        Open risk: money between entries and stops, of everything held or working.
    held_micros
        Signed notional by symbol, marked at the last close; + is long.
    working_micros
        Signed notional by symbol of entries that may still fill.
    open_orders
        Entries that may still fill.
    last_entry_ns
        When the last entry in each symbol was decided.
    messages
        Messages sent to the venue within ``RiskLimits.message_window_s``.
    parents, children
        Parent orders of this session, and all messages sent for them.
    frozen_symbols
        Symbols with an order whose state is not known: no entry until it is proven.
    halted
        Kill switch. No entry at all.
    """

    equity_micros: Micros
    day_start_micros: Micros
    peak_micros: Micros
    heat_micros: Micros
    held_micros: dict[str, int]
    working_micros: dict[str, int]
    open_orders: int
    last_entry_ns: dict[str, int]
    messages: int
    parents: int
    children: int
    frozen_symbols: tuple[str, ...]
    halted: bool


def opened(equity_micros: Micros) -> Account:
    """Account that holds nothing and has done nothing yet.

    Examples
    --------
    >>> opened(Micros(5_000_000)).peak_micros
    5000000
    """
    money = equity_micros
    return Account(money, money, money, Micros(0), {}, {}, 0, {}, 0, 0, 0, (), halted=False)


def marked(account: Account, equity_micros: Micros) -> Account:
    """Account after its worth was measured anew; the peak only ever rises.

    Examples
    --------
    >>> marked(opened(Micros(100)), Micros(90)).peak_micros
    100
    """
    peak = max(account.peak_micros, equity_micros)
    return msgspec.structs.replace(account, equity_micros=equity_micros, peak_micros=peak)


def new_day(account: Account) -> Account:
    """Account at the start of a trading day: the day's loss and messages count from here.

    Examples
    --------
    >>> new_day(marked(opened(Micros(100)), Micros(90))).day_start_micros
    90
    """
    money = account.equity_micros
    return msgspec.structs.replace(account, day_start_micros=money, parents=0, children=0)


def symbol_micros(account: Account, symbol: str) -> int:
    """Notional in ``symbol``, with held and working added without regard to sign.

    An entry that works against a position does not make it smaller: it may fill after
    the position is gone.

    Examples
    --------
    >>> book = msgspec.structs.replace(
    ...     opened(Micros(100)), held_micros={"A": -30}, working_micros={"A": 20}
    ... )
    >>> symbol_micros(book, "A")
    50
    """
    return abs(account.held_micros.get(symbol, 0)) + abs(account.working_micros.get(symbol, 0))


def gross_micros(account: Account) -> int:
    """Notional of everything held or working, without regard to sign.

    Examples
    --------
    >>> gross_micros(opened(Micros(100)))
    0
    """
    held = sum(map(abs, account.held_micros.values()))
    return held + sum(map(abs, account.working_micros.values()))


def net_micros(account: Account) -> int:
    """Notional of everything held or working, longs less shorts.

    Examples
    --------
    >>> net_micros(opened(Micros(100)))
    0
    """
    return sum(account.held_micros.values()) + sum(account.working_micros.values())


class Sight(msgspec.Struct, frozen=True):
    """What is seen of one instrument at the close of the decision bar.

    Attributes
    ----------
    price_usd
        Close of the decision bar; sizes are computed from it.
    reference_usd
        Price that it must not lie far from: the close before.
    volatility_per_bar
        Standard deviation of one bar's log return.
    periods_per_year
        Bars in a year, by which volatility is annualised.
    correlation
        Of the pair's returns, over one session.
    regime
        ``trend``, ``range`` or ``crisis``.
    bar_age_ns
        Time since the bar closed; negative where it has not closed yet.
    unchanged_bars
        Bars in a row that repeated the one before them to the last digit.
    cost_bps
        Expected cost of going in *and* out, of notional.
    var_frac
        One-day value at risk of a position worth the whole equity, over equity: see
        :func:`one_day_var_frac`.
    """

    price_usd: float
    reference_usd: float
    volatility_per_bar: float
    periods_per_year: float
    correlation: float
    regime: str
    bar_age_ns: int
    unchanged_bars: int
    cost_bps: float
    var_frac: float


class Barrier(msgspec.Struct, frozen=True):
    """Where the label that the model learnt had its barriers.

    Attributes
    ----------
    stop_vol, target_vol
        Distance of the lower and the upper barrier, in ``volatility_per_bar``. A short
        takes its profit at the lower one and is stopped at the upper one, since the
        probability speaks of these two prices and of no others.
    horizon_bars
        When the trade ends if neither was met.
    """

    stop_vol: float
    target_vol: float
    horizon_bars: int


class Terms(msgspec.Struct, frozen=True):
    """How a trade will be run.

    Attributes
    ----------
    ramp
        Share of full size that the model in charge has earned so far, in [0, 1].
    """

    barrier: Barrier
    ramp: float


def one_day_var_frac(
    volatility_per_bar: float, bars_per_day: float, confidence: float
) -> float:
    """One-day value at risk of a position worth the whole equity, over equity.

    Normal with zero mean: 2.326 daily volatilities at 99 %. NaN in, NaN out.

    Parameters
    ----------
    confidence
        In (0.5, 1): ``SizingRules.var_confidence``.

    Examples
    --------
    >>> round(one_day_var_frac(0.01, 1.0, 0.99), 5)
    0.02326
    """
    return _NORMAL.inv_cdf(confidence) * volatility_per_bar * math.sqrt(bars_per_day)


def stop_frac(sight: Sight, barrier: Barrier, side: int) -> float:
    """Distance of the stop from the entry, over the price.

    Examples
    --------
    >>> seen = Sight(100.0, 99.0, 0.01, 252.0, 0.0, "range", 0, 0, 10.0, 0.02)
    >>> stop_frac(seen, Barrier(2.0, 3.0, 10), 1), stop_frac(seen, Barrier(2.0, 3.0, 10), -1)
    (0.02, 0.03)
    """
    return sight.volatility_per_bar * (barrier.stop_vol if side > 0 else barrier.target_vol)


def target_frac(sight: Sight, barrier: Barrier, side: int) -> float:
    """Distance of the target from the entry, over the price.

    Examples
    --------
    >>> seen = Sight(100.0, 99.0, 0.01, 252.0, 0.0, "range", 0, 0, 10.0, 0.02)
    >>> target_frac(seen, Barrier(2.0, 3.0, 10), 1)
    0.03
    """
    return stop_frac(sight, barrier, -side)
