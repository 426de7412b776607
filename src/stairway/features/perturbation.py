"""Other futures for the same past.

Each keeps the bars before ``cut`` to the last bit and gives, from there on, bars that are
valid but different: whoever tells the two apart before ``cut`` has looked ahead.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Literal, TypeAlias, assert_never

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.market.bars import PairBars

_LEAST_SCALE = 1e-3
_FACTOR = 10.0
_CHANCE = 0.3


class Perturbation(StrEnum):
    """What is done to the bars from the cut on."""

    TRUNCATE = "truncated"
    NOISE = "replaced by noise"
    SCALE = "scaled"
    SIGN = "mirrored"
    SHUFFLE = "shuffled"
    CONSTANT = "frozen"
    DELETE = "partly deleted"
    CLOCK = "moved in time"


def disturb(bars: PairBars, cut: int, kind: Perturbation, rng: np.random.Generator) -> PairBars:
    """Return the bars with another future from row ``cut`` (1 to n - 1) on.

    Examples
    --------
    >>> import numpy as np
    >>> from stairway.testing.bars import random_walk
    >>> bars = random_walk(50, seed=7)
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> other = disturb(bars, 30, Perturbation.SIGN, rng)
    >>> past, future = slice(0, 30), slice(30, None)
    >>> bool((other.close[past] == bars.close[past]).all())
    True
    >>> bool((other.close[future] == bars.close[future]).any())
    False
    """
    match kind:
        case Perturbation.TRUNCATE:
            return bars.part(0, cut)
        case Perturbation.DELETE:
            return _deleted(bars, cut, int(rng.integers(1, len(bars) - cut + 1)))
        case Perturbation.CLOCK:
            return _clock(bars, cut, rng)
        case (
            Perturbation.NOISE
            | Perturbation.SCALE
            | Perturbation.SIGN
            | Perturbation.SHUFFLE
            | Perturbation.CONSTANT
        ):
            return _with_prices(bars, other_prices(_prices(bars), cut, kind, rng))
        case _:
            assert_never(kind)


OfPrices: TypeAlias = Literal[
    Perturbation.NOISE,
    Perturbation.SCALE,
    Perturbation.SIGN,
    Perturbation.SHUFFLE,
    Perturbation.CONSTANT,
]
"""What is done to prices and volumes; the other kinds take bars away or move them in time."""


def other_prices(
    table: FloatArray, cut: int, kind: OfPrices, rng: np.random.Generator
) -> FloatArray:
    """Give prices another future from row ``cut`` on, valid as those that came in.

    Parameters
    ----------
    table : (5, n, k) float64
        Open, high, low, close (positive) and volume of k instruments; not changed.
    """
    table = table.copy()
    match kind:
        case Perturbation.NOISE:
            table[:, cut:] = _noise(table, cut, rng)
        case Perturbation.SCALE:
            table[:, cut:] *= factor(rng)
        case Perturbation.SIGN:
            table[:, cut:] = _mirrored(table, cut)
        case Perturbation.SHUFFLE:
            table[:, cut:] = table[:, cut + rng.permutation(table.shape[1] - cut)]
        case Perturbation.CONSTANT:
            table[:, cut:] = table[[3, 3, 3, 3, 4], cut - 1][:, None]
        case _:
            assert_never(kind)
    return table


def factor(rng: np.random.Generator) -> float:
    """Ten or a tenth, by a coin."""
    return _FACTOR if rng.random() < 0.5 else 1.0 / _FACTOR  # noqa: PLR2004 - a coin


def _prices(bars: PairBars) -> FloatArray:
    return np.stack((bars.open, bars.high, bars.low, bars.close, bars.volume))


def _with_prices(bars: PairBars, table: FloatArray) -> PairBars:
    """Put a (5, n, 2) table of open, high, low, close, volume in place of the bars' own."""
    open_, high, low, close, volume = table
    return replace(bars, open=open_, high=high, low=low, close=close, volume=volume)


def _noise(table: FloatArray, cut: int, rng: np.random.Generator) -> FloatArray:
    known, volumes = table[3], table[4]
    shape = (known.shape[0] - cut, known.shape[1])
    moves = np.abs(np.diff(np.log(known[:cut]), axis=0))
    scale = max(float(moves.mean()) if cut > 1 else 0.0, _LEAST_SCALE)
    steps = 3.0 * scale * rng.standard_normal(shape)
    close = known[cut - 1] * np.exp(np.cumsum(steps, axis=0))
    open_ = close * np.exp(scale * rng.standard_normal(shape))
    reach = np.exp(scale * np.abs(rng.standard_normal((2, *shape))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    volume = (1.0 + volumes[cut - 1]) * np.exp(rng.standard_normal(shape))
    return np.stack((open_, high, low, close, volume))


def _mirrored(table: FloatArray, cut: int) -> FloatArray:
    future = table[:, cut:]
    turned = table[3, cut - 1] ** 2 / future[:4]
    most = future[4].max(axis=0)
    return np.stack((turned[0], turned[2], turned[1], turned[3], most - future[4]))


def _deleted(bars: PairBars, cut: int, gone: int) -> PairBars:
    keep = np.concatenate((np.arange(cut), np.arange(cut + gone, len(bars))))
    moved = _with_prices(bars, _prices(bars)[:, keep])
    return replace(
        moved,
        time_ns=bars.time_ns[keep],
        session=bars.session[keep],
        last_of_session=bars.last_of_session[keep],
    )


def _clock(bars: PairBars, cut: int, rng: np.random.Generator) -> PairBars:
    n = len(bars) - cut
    time_ns, session, last = (
        bars.time_ns.copy(),
        bars.session.copy(),
        bars.last_of_session.copy(),
    )
    anchor = time_ns[cut - 1]
    time_ns[cut:] = anchor + 3 * (time_ns[cut:] - anchor)
    session[cut:] = session[cut - 1] + np.cumsum(rng.random(n) < _CHANCE)
    last[cut:] = rng.random(n) < _CHANCE
    return replace(bars, time_ns=time_ns, session=session, last_of_session=last)
