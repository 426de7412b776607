"""From bars to pure returns, and from a model's returns back to bars.

A model of volatility should not have to learn that the market opens with a bang, nor that
some days are wild from beginning to end. So returns are *stripped* first: divided by what is
usual at that place of the session, and by the level of their day (Engle and Sokalska 2012).

What a model then makes of pure returns is *dressed*: each made-up session takes the level of
a real one, each bar the usual size of its place and the looks of the real bar of that place
whose move was most like it in size: its gap, its shadows, its volume. Where the move goes
the other way the bar is mirrored. The night before a session is that of a real one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.verdict import Refuse, refuse
from stairway.market.calendar import SessionRules
from stairway.simulation.bootstrap import CLOSE, HIGH, LOW, OPEN, VOLUME, Moves, returns_of


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """Real bars, and what is usual about them.

    Attributes
    ----------
    moves
        The real bars.
    returns : (n, 2) float64
        Their log returns.
    usual : (per_session, 2) float64
        Size of a return by its place in the session.
    level : (sessions, 2) float64
        How much larger than usual each session was; 1 on daily bars.
    intraday
        Whether sessions lie within a day, with nights between them.
    """

    moves: Moves
    returns: FloatArray
    usual: FloatArray
    level: FloatArray
    intraday: bool

    @property
    def pure(self) -> FloatArray:
        """Returns stripped of place and day, (n, 2): about 1 in size."""
        return (self._by_session / (self.usual * self.level[:, None, :])).reshape(-1, 2)

    @property
    def _by_session(self) -> FloatArray:
        return self.returns.reshape(-1, self.moves.per_session, 2)


def strip(moves: Moves, rules: SessionRules, smooth_bars: int) -> Wardrobe | Refuse:
    """Find what is usual, with a running mean over ``smooth_bars`` places of the session.

    Examples
    --------
    >>> from stairway.simulation.bootstrap import moves_of
    >>> from stairway.testing.bars import random_walk
    >>> from stairway.testing.source import DAILY
    >>> found = strip(moves_of(random_walk(500, seed=1), DAILY), DAILY, 1)
    >>> bool(np.allclose(np.square(found.pure).mean(axis=0), 1.0))
    True
    """
    returns = returns_of(moves, rules)
    if len(returns) == 0:
        detail = (
            "no whole session with a close before it: scenarios need sessions of "
            f"[session] bars_per_session = {rules.bars_per_session} bars"
        )
        return refuse("scenario.no_sessions", detail, 0, 1, 0)
    by_session = returns.reshape(-1, moves.per_session, 2)
    usual = np.sqrt(_smoothed(np.square(by_session).mean(axis=0), smooth_bars))
    level = np.ones((len(by_session), 2))
    if rules.kind == "intraday" and bool((usual > 0.0).all()):
        level = np.sqrt(np.square(by_session / usual).mean(axis=1))
    least = float(min(usual.min(), level.min()))
    if not (least > 0.0 and np.isfinite(returns).all()):
        detail = "the market stands still for a place of the session or a whole day"
        return refuse("scenario.flat_source", detail, least, 0.0, len(returns))
    return Wardrobe(moves, returns, usual, level, rules.kind == "intraday")


def dress(pure: FloatArray, wardrobe: Wardrobe, rng: np.random.Generator) -> Moves:
    """Make bars of a model's returns.

    Parameters
    ----------
    pure : (n, 2) float64
        In the unit of ``Wardrobe.pure``; what goes beyond whole sessions is left out.
    """
    per_session = wardrobe.moves.per_session
    sessions = len(pure) // per_session
    days = rng.integers(len(wardrobe.level), size=sessions)
    scale = wardrobe.usual * wardrobe.level[days][:, None, :]
    returns = (pure[: sessions * per_session].reshape(scale.shape) * scale).reshape(-1, 2)
    lender = _most_alike(returns, wardrobe)
    lent = wardrobe.moves.table[lender]
    same_way = np.sign(returns) == np.sign(wardrobe.returns[lender])
    gap = np.log(lent[:, :, OPEN])
    gap = np.where(same_way, gap, -gap)
    moved = returns.copy()
    if wardrobe.intraday:
        first = slice(None, None, per_session)
        gap[first] = np.log(wardrobe.moves.table[days * per_session, :, OPEN])
        moved[first] += gap[first]
    return Moves(_bars(gap, moved, same_way, lent), per_session)


def _bars(
    gap: FloatArray, moved: FloatArray, same_way: np.ndarray, lent: FloatArray
) -> FloatArray:
    above = lent[:, :, HIGH] / np.maximum(lent[:, :, OPEN], lent[:, :, CLOSE])
    below = np.minimum(lent[:, :, OPEN], lent[:, :, CLOSE]) / lent[:, :, LOW]
    made = np.empty_like(lent)
    made[:, :, OPEN], made[:, :, CLOSE] = np.exp(gap), np.exp(moved)
    top = np.maximum(made[:, :, OPEN], made[:, :, CLOSE])
    bottom = np.minimum(made[:, :, OPEN], made[:, :, CLOSE])
    made[:, :, HIGH] = top * np.where(same_way, above, below)
    made[:, :, LOW] = bottom / np.where(same_way, below, above)
    made[:, :, VOLUME] = lent[:, :, VOLUME]
    return made


def _most_alike(returns: FloatArray, wardrobe: Wardrobe) -> IntArray:
    """Row of the real bar at the same place whose move was most like each in size."""
    per_session = wardrobe.moves.per_session
    wanted = _size(returns, wardrobe)
    offered = _size(wardrobe.returns, wardrobe)
    rows = np.empty(wanted.shape, dtype=np.int64)
    for place in range(per_session):
        order = np.argsort(offered[:, place], kind="stable")
        ranked = offered[order, place]
        middle = 0.5 * (ranked[1:] + ranked[:-1])
        nearest = order[np.searchsorted(middle, wanted[:, place])]
        rows[:, place] = nearest * per_session + place
    return rows.ravel()


def _size(returns: FloatArray, wardrobe: Wardrobe) -> FloatArray:
    by_session = returns.reshape(-1, wardrobe.moves.per_session, 2)
    return np.abs(by_session / wardrobe.usual).mean(axis=2)


def _smoothed(values: FloatArray, width: int) -> FloatArray:
    """Average ``width`` rows around each; fewer at both ends."""
    n = len(values)
    upto = np.concatenate((np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)))
    first = np.maximum(np.arange(n) - width // 2, 0)
    stop = np.minimum(np.arange(n) + (width + 1) // 2, n)
    stop = np.maximum(stop, first + 1)
    return (upto[stop] - upto[first]) / (stop - first)[:, None]
