"""New bars from old ones: blocks of real bars in a new order, their insides untouched.

1. A bar is written as what it did to the close before it: open, high, low and close over
   that close, and the volume. Only whole sessions whose last close before is known count.
2. The bars are cut into blocks. Within sessions a block keeps its place of the day (the
   block of 10:00 is replaced by that of 10:00 of another day), so the daily pattern of
   volatility and volume stays. Daily bars have no such places: a block may begin anywhere.
3. Each block knows how volatile it was and how far it went one way.
4. Blocks are drawn, all or those of one regime, and walked one after the other from a price.

Both instruments move together, since a block is taken of both; drawn *apart*, each takes
its own from different days, and what they had in common is gone. Multiplying by a positive
number never turns an order around, not even by rounding, so a walked bar is as valid as the
bar that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.market.instrument import Instrument
from stairway.simulation.timetable import timetable

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


@dataclass(frozen=True, slots=True)
class Moves:
    """Whole sessions of bars, each bar relative to the close before it.

    Attributes
    ----------
    table : (n, 2, 5) float64
        Open, high, low and close of each instrument over its close before (positive), and
        its volume.
    per_session
        Bars of a session; n is a multiple of it.
    """

    table: FloatArray
    per_session: int

    def __len__(self) -> int:
        return len(self.table)

    def taken(self, rows: IntArray) -> Moves:
        """Rows of each instrument, (m, 2), one after the other."""
        return Moves(self.table[rows, np.arange(2)], self.per_session)


def moves_of(bars: PairBars, rules: SessionRules) -> Moves:
    """Take the whole sessions out of a series; what is no whole session is left out.

    The first session goes as well: no close is known before it.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> from stairway.testing.source import intraday_session
    >>> len(moves_of(random_walk(3 * 390 + 50, 1, bar_seconds=60), intraday_session()))
    780
    """
    _, start, count = np.unique(bars.session, return_index=True, return_counts=True)
    first = start[(count == rules.bars_per_session) & (start > 0)].astype(np.int64)
    rows = (first[:, None] + np.arange(rules.bars_per_session)).ravel()
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    table = np.stack([column[rows] for column in columns], axis=2)
    table[:, :, :VOLUME] /= bars.close[rows - 1][:, :, None]
    return Moves(table, rules.bars_per_session)


def returns_of(moves: Moves, rules: SessionRules) -> FloatArray:
    """Log return of each bar, (n, 2); nights are left out where sessions lie within a day."""
    moved = np.log(moves.table[:, :, CLOSE])
    if rules.kind == "intraday":
        first = slice(None, None, moves.per_session)
        moved[first] -= np.log(moves.table[first, :, OPEN])
    return moved


def returns_of_bars(bars: PairBars, before_usd: FloatArray, rules: SessionRules) -> FloatArray:
    """Log return of each bar, as :func:`returns_of`, seen from the prices themselves."""
    close = np.log(bars.close)
    moved = np.diff(close, axis=0, prepend=np.log(before_usd)[None, :])
    if rules.kind == "intraday":
        first = np.diff(bars.session, prepend=-1) > 0
        moved[first] = close[first] - np.log(bars.open[first])
    return moved


def walk(
    moves: Moves,
    start_usd: FloatArray,
    instruments: tuple[Instrument, Instrument],
    after_ns: int,
    rules: SessionRules,
) -> PairBars:
    """Let prices of shape (2,) go through moves, on days after ``after_ns``.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> from stairway.testing.source import DAILY
    >>> real = random_walk(50, seed=1)
    >>> again = walk(moves_of(real, DAILY), real.close[0], real.instruments, 0, DAILY)
    >>> bool(np.allclose(again.close, real.close[1:], rtol=1e-12))
    True
    """
    steps = moves.table[:, :, CLOSE].copy()
    steps[:1] *= start_usd
    close: FloatArray = np.cumprod(steps, axis=0, dtype=np.float64)
    before = np.concatenate((start_usd[None, :], close[:-1]))
    table = timetable(after_ns, len(moves) // moves.per_session, rules)
    return PairBars(
        instruments,
        table.time_ns,
        table.session,
        table.last_of_session,
        before * moves.table[:, :, OPEN],
        before * moves.table[:, :, HIGH],
        before * moves.table[:, :, LOW],
        close,
        moves.table[:, :, VOLUME],
    )


class Kind(StrEnum):
    """Which blocks a spell of bars is made of."""

    ANY = "any"
    CALM = "calm"
    STORMY = "stormy"
    RISING = "rising"
    FALLING = "falling"


@dataclass(frozen=True, slots=True)
class Blocks:
    """Where blocks can be cut out of moves, and what they are like.

    Attributes
    ----------
    length : (slots,) int64
        Bars of a block, by its place in the session. Daily bars have one place.
    start : (slots, m) int64
        First rows of the m blocks that fit each place.
    volatility, trend : (slots, m) float64
        Size of their returns, and how far they went one way; both in deviations.
    """

    length: IntArray
    start: IntArray
    volatility: FloatArray
    trend: FloatArray

    def of(self, kind: Kind, frac: float) -> list[IntArray]:
        """Numbers of the blocks of a kind, by place: the most so ``frac`` of all."""
        count = round(frac * self.start.shape[1])
        match kind:
            case Kind.ANY:
                return [np.arange(self.start.shape[1])] * len(self.length)
            case Kind.CALM:
                rank = -self.volatility
            case Kind.STORMY:
                rank = self.volatility
            case Kind.RISING:
                rank = self.trend
            case Kind.FALLING:
                rank = -self.trend
        order = np.argsort(-rank, axis=1, kind="stable")[:, :count]
        return list(order)


def cut(moves: Moves, returns: FloatArray, block_bars: int) -> Blocks:
    """Cut moves into blocks of about ``block_bars``: the parts of each session are equal.

    Parameters
    ----------
    returns : (n, 2) float64
        Of each bar, in deviations of its instrument.
    """
    if moves.per_session == 1:
        length = np.array([min(block_bars, len(moves))])
        start = np.arange(len(moves) - int(length[0]) + 1)[None, :]
    else:
        slots = max(1, round(moves.per_session / block_bars))
        bounds = np.linspace(0, moves.per_session, slots + 1).astype(np.int64)
        length = np.diff(bounds)
        sessions = np.arange(len(moves) // moves.per_session)
        start = bounds[:-1, None] + moves.per_session * sessions
    energy = np.square(returns).mean(axis=1)
    way = returns.mean(axis=1)
    stop = start + length[:, None]
    # Rounding may leave a stretch without a move a hair below nothing.
    volatility = np.sqrt(np.maximum(_sums(energy, start, stop), 0.0) / length[:, None])
    size = np.sqrt(np.maximum(_sums(np.square(way), start, stop), 0.0))
    far = _sums(way, start, stop)
    trend = np.divide(far, size, out=np.zeros_like(far), where=size > 0.0)
    return Blocks(length, start, volatility, trend)


@dataclass(frozen=True, slots=True)
class Spell:
    """A run of bars of one kind; ``apart``: each instrument takes blocks of its own."""

    kind: Kind
    apart: bool = False


def draw_rows(
    blocks: Blocks,
    spells: Sequence[Spell],
    spell_bars: int,
    frac_of: Callable[[Kind], float],
    rng: np.random.Generator,
) -> IntArray:
    """Draw blocks for one spell after the other.

    Parameters
    ----------
    frac_of
        Share of the blocks that spells of a kind choose from.

    Returns
    -------
    (len(spells) * spell_bars, 2) int64
        Row that each bar of each instrument is taken from. A block that does not end with
        its spell is cut off there.
    """
    pools = {kind: blocks.of(kind, frac_of(kind)) for kind in Kind}
    drawn = [_spell_rows(blocks, pools[s.kind], s.apart, spell_bars, rng) for s in spells]
    return np.concatenate(drawn)


def _spell_rows(
    blocks: Blocks,
    pools: Sequence[IntArray],
    apart: bool,  # noqa: FBT001 - a flag of the spell
    spell_bars: int,
    rng: np.random.Generator,
) -> IntArray:
    drawn: list[IntArray] = []
    for part in range(-(-spell_bars // int(blocks.length.sum())) * len(pools)):
        slot = part % len(pools)
        start: IntArray = blocks.start[slot][pools[slot]]
        length = int(blocks.length[slot])
        first = second = int(rng.choice(start))
        if apart:
            second = int(rng.choice(start[np.abs(start - first) >= length]))
        drawn.append(np.array([first, second]) + np.arange(length)[:, None])
    return np.concatenate(drawn)[:spell_bars]


def _sums(values: FloatArray, start: IntArray, stop: IntArray) -> FloatArray:
    """Add up each ``[start, stop)``; the differences may overlap."""
    upto = np.concatenate(([0.0], np.cumsum(values)))
    return upto[stop] - upto[start]
