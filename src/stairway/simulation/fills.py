"""What a bar does to an order: whether it trades, how much of it, and at what price.

Pure functions, in ticks and lots. Where a bar leaves room for doubt the answer is the
worse one, because a back-test that flatters is of no use:

- A taking order pays half the spread and its own impact, rounded to a tick against it.
- A stop trades at its trigger, or at the open where the bar opened beyond it: worse.
- A limit trades at its price once the bar went ``limit_through_ticks`` beyond it (others
  were in the queue before us). An open is held to the same: one that only touches the limit
  fills nothing. Where the bar *opened* that far beyond, it trades at the open, less the costs
  of taking, but never beyond its limit.
- No order is a larger share of the bar's volume than the rules allow.

What it may still get wrong: bars say nothing about the order of prices inside them, and
volume that we trade does not move the bars that follow.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.hashing import keyed_uniform
from stairway.base.units import Lots, Ticks
from stairway.execution.costs import BPS, CostRules, slip_bps
from stairway.market.bars import Bar
from stairway.market.instrument import Instrument

_EXACT = 1e-6  # of a tick: what dividing by the tick size may get wrong

Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Natural = Annotated[int, Meta(ge=0, le=10_000)]


class PaperRules(Config, frozen=True, kw_only=True):
    """Settings under ``[paper]``.

    Attributes
    ----------
    partial_fill_prob
        Probability that a fill is cut short by something other than volume.
    reject_prob
        Probability that a new order is refused.
    limit_through_ticks
        How far beyond a resting limit the bar, or its open, must go for it to fill.
    """

    partial_fill_prob: Probability
    reject_prob: Probability
    limit_through_ticks: Natural


class Tape(msgspec.Struct, frozen=True):
    """A bar of one instrument in its own steps: prices in ticks, volume in lots."""

    open: float
    high: float
    low: float
    lots: float


def tape(bar: Bar, instrument: Instrument) -> Tape:
    """Read ``bar`` in ticks and lots. A volume that is no number trades nothing.

    Examples
    --------
    >>> spy = Instrument(symbol="SPY", tick_usd=0.5, lot_units=10.0)
    >>> tape(Bar(100.0, 101.0, 99.5, 100.5, 5_000.0), spy)
    Tape(open=200.0, high=202.0, low=199.0, lots=500.0)
    """
    tick = instrument.tick_usd
    lots = bar.volume / instrument.lot_units
    known = math.isfinite(lots) and lots > 0.0
    return Tape(bar.open / tick, bar.high / tick, bar.low / tick, lots if known else 0.0)


def fillable(wanted: Lots, bar: Tape, max_participation_frac: float) -> Lots:
    """How many of ``wanted`` lots one bar can take.

    Examples
    --------
    >>> fillable(Lots(50), Tape(100.0, 101.0, 99.0, lots=99.0), 0.1)
    9
    """
    return Lots(min(wanted, math.floor(bar.lots * max_participation_frac + _EXACT)))


class Luck(msgspec.Struct, frozen=True):
    """Chance, as it meets one account.

    A draw belongs to its account, to the *place* of the order (which instrument and leg,
    sent at which bar, as the how-manieth of these), to the bar and to what is drawn for. The
    id of an order is not asked: it is made of the model's digest, so that any edit of the
    program would draw another history.

    Attributes
    ----------
    seed
        Of the run.
    account
        Name of the book, by its slot and not by its model: ``shadow:lightgbm``.
    """

    seed: int
    account: str

    def draw(self, place: str, bar_index: int, purpose: str) -> float:
        """Draw from [0, 1).

        Examples
        --------
        >>> one, other = Luck(7, "capital"), Luck(7, "twin:baseline")
        >>> one.draw("SPY/entry/3/0", 4, "partial") == one.draw("SPY/entry/3/0", 4, "partial")
        True
        >>> one.draw("SPY/entry/3/0", 4, "partial") == other.draw("SPY/entry/3/0", 4, "partial")
        False
        """
        return keyed_uniform(self.seed, self.account, place, bar_index, purpose)


def cut_short(lots: Lots, prob: float, luck: Luck, place: str, bar_index: int) -> Lots:
    """Apply the draw of this order on this bar: all of ``lots``, or a part of at least one.

    Examples
    --------
    >>> luck = Luck(7, "capital")
    >>> cut_short(Lots(10), 0.0, luck, "a", 3), cut_short(Lots(1), 1.0, luck, "a", 3)
    (10, 1)
    """
    if lots < 2 or not luck.draw(place, bar_index, "partial") < prob:  # noqa: PLR2004 - one lot cannot be cut
        return lots
    share = luck.draw(place, bar_index, "share")
    return Lots(1 + math.floor(share * (lots - 1)))


def taking_price(side: int, at_ticks: float, lots: Lots, bar: Tape, costs: CostRules) -> Ticks:
    """Price of an order that takes: from ``at_ticks``, worse by spread and impact.

    Examples
    --------
    >>> costs = CostRules(
    ...     fee_bps=0.0, half_spread_bps=10.0, impact_coef_bps=0.0, max_participation_frac=1.0
    ... )
    >>> bar = Tape(10_000.0, 10_100.0, 9_900.0, lots=100.0)
    >>> taking_price(1, 10_000.0, Lots(5), bar, costs)
    10010
    >>> taking_price(-1, 10_000.0, Lots(5), bar, costs)
    9990
    """
    bps = slip_bps(lots / bar.lots, costs.half_spread_bps, costs.impact_coef_bps)
    exact = at_ticks * (1.0 + side * bps / BPS)
    if side > 0:
        return Ticks(math.ceil(exact - _EXACT))
    return Ticks(max(1, math.floor(exact + _EXACT)))


def stop_trades_at(side: int, trigger: Ticks, bar: Tape) -> float | None:
    """Price, before costs, at which a stop goes off in this bar; None where it rests.

    Examples
    --------
    >>> bar = Tape(100.0, 103.0, 95.0, lots=10.0)
    >>> stop_trades_at(-1, Ticks(97), bar), stop_trades_at(-1, Ticks(101), bar)
    (97.0, 100.0)
    >>> stop_trades_at(-1, Ticks(94), bar) is None
    True
    """
    worst = bar.high if side > 0 else bar.low
    if not side * (worst - trigger) >= -_EXACT:
        return None
    return max(float(trigger), bar.open) if side > 0 else min(float(trigger), bar.open)


def is_gap(side: int, trigger: Ticks, bar: Tape) -> bool:
    """Say whether the bar opened at or beyond the trigger of a stop.

    Examples
    --------
    >>> is_gap(-1, Ticks(97), Tape(96.0, 98.0, 95.0, lots=10.0))
    True
    """
    return side * (bar.open - trigger) >= -_EXACT


def limit_is_reached(side: int, limit: Ticks, bar: Tape, through: int) -> bool:
    """Say whether the bar went ``through`` ticks beyond a resting limit.

    Examples
    --------
    >>> bar = Tape(100.0, 103.0, 95.0, lots=10.0)
    >>> limit_is_reached(-1, Ticks(103), bar, 0), limit_is_reached(-1, Ticks(103), bar, 1)
    (True, False)
    """
    return _is_through(side, limit, bar.low if side > 0 else bar.high, through)


def limit_opens_beyond(side: int, limit: Ticks, bar: Tape, through: int) -> bool:
    """Say whether the bar opened ``through`` ticks beyond a resting limit.

    Examples
    --------
    >>> bar = Tape(100.0, 103.0, 95.0, lots=10.0)
    >>> limit_opens_beyond(-1, Ticks(100), bar, 1), limit_opens_beyond(-1, Ticks(99), bar, 1)
    (False, True)
    """
    return _is_through(side, limit, bar.open, through)


def limit_price(side: int, limit: Ticks, taken: Ticks) -> Ticks:
    """Price of a limit that could have been taken at ``taken``: never beyond the limit.

    Examples
    --------
    >>> limit_price(-1, Ticks(103), Ticks(105)), limit_price(-1, Ticks(103), Ticks(102))
    (105, 103)
    """
    return min(limit, taken) if side > 0 else max(limit, taken)


def _is_through(side: int, limit: Ticks, price: float, through: int) -> bool:
    return -side * (price - limit) >= through - _EXACT
