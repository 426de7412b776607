"""Other futures for the same past.

Each keeps the bars before ``cut`` to the last bit and gives, from there on, bars that are
valid but different: whoever tells the two apart before ``cut`` has looked ahead.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import assert_never

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


def disturb(  # noqa: C901 - one flat case for each kind
    bars: PairBars, cut: int, kind: Perturbation, rng: np.random.Generator
) -> PairBars:
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
            other = bars.part(0, cut)
        case Perturbation.NOISE:
            other = _noise(bars, cut, rng)
        case Perturbation.SCALE:
            other = _scaled(bars, cut, rng)
        case Perturbation.SIGN:
            other = _mirrored(bars, cut)
        case Perturbation.SHUFFLE:
            other = _shuffled(bars, cut, rng)
        case Perturbation.CONSTANT:
            other = _frozen(bars, cut)
        case Perturbation.DELETE:
            other = _deleted(bars, cut, int(rng.integers(1, len(bars) - cut + 1)))
        case Perturbation.CLOCK:
            other = _clock(bars, cut, rng)
        case _:
            assert_never(kind)
    return other


def _prices(bars: PairBars) -> FloatArray:
    return np.stack((bars.open, bars.high, bars.low, bars.close, bars.volume))


def _with_prices(bars: PairBars, table: FloatArray) -> PairBars:
    """Put a (5, n, 2) table of open, high, low, close, volume in place of the bars' own."""
    open_, high, low, close, volume = table
    return replace(bars, open=open_, high=high, low=low, close=close, volume=volume)


def _noise(bars: PairBars, cut: int, rng: np.random.Generator) -> PairBars:
    table = _prices(bars)
    n = len(bars) - cut
    moves = np.abs(np.diff(np.log(bars.close[:cut]), axis=0))
    scale = max(float(moves.mean()) if cut > 1 else 0.0, _LEAST_SCALE)
    steps = 3.0 * scale * rng.standard_normal((n, 2))
    close = bars.close[cut - 1] * np.exp(np.cumsum(steps, axis=0))
    open_ = close * np.exp(scale * rng.standard_normal((n, 2)))
    reach = np.exp(scale * np.abs(rng.standard_normal((2, n, 2))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    volume = (1.0 + bars.volume[cut - 1]) * np.exp(rng.standard_normal((n, 2)))
    table[:, cut:] = np.stack((open_, high, low, close, volume))
    return _with_prices(bars, table)


def _scaled(bars: PairBars, cut: int, rng: np.random.Generator) -> PairBars:
    table = _prices(bars)
    factor = _FACTOR if rng.random() < 0.5 else 1.0 / _FACTOR  # noqa: PLR2004 - a coin
    table[:, cut:] *= factor
    return _with_prices(bars, table)


def _mirrored(bars: PairBars, cut: int) -> PairBars:
    table = _prices(bars)
    future = table[:, cut:].copy()
    turned = bars.close[cut - 1] ** 2 / future[:4]
    most = future[4].max(axis=0)
    table[:, cut:] = np.stack((turned[0], turned[2], turned[1], turned[3], most - future[4]))
    return _with_prices(bars, table)


def _shuffled(bars: PairBars, cut: int, rng: np.random.Generator) -> PairBars:
    rows = np.concatenate((np.arange(cut), cut + rng.permutation(len(bars) - cut)))
    return _with_prices(bars, _prices(bars)[:, rows])


def _frozen(bars: PairBars, cut: int) -> PairBars:
    table = _prices(bars)
    table[:4, cut:] = bars.close[cut - 1]
    table[4, cut:] = bars.volume[cut - 1]
    return _with_prices(bars, table)


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
