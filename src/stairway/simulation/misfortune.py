"""Misfortune on order: an edge that dies, and a feed that hangs.

A drill must show that a dying model is caught, and real bars may hold no edge that could
die. So one is planted, announced as such, and switched off at a known bar. The pattern
that betrayed it goes on, so a model trained on it keeps trading, with nothing behind it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import keyed_uniform
from stairway.market.bars import PairBars

_EVEN = 0.5


class EdgeRules(Config, frozen=True, kw_only=True):
    """How strong a planted edge is.

    Attributes
    ----------
    block_bars
        Length of a spell of one sign.
    training_drift_sigmas, climb_drift_sigmas
        Drift of a bar inside a spell, in standard deviations of the bar's log return: in
        the bars that training sees, where a strong edge would be taken for a leak, and
        in those after them, where a strong one dies the more visibly.
    volume_log_shift
        By how much the log of volume is moved to betray the spell's sign.
    """

    block_bars: Annotated[int, Meta(ge=1, le=100_000)]
    training_drift_sigmas: Annotated[float, Meta(ge=0.0, le=2.0)]
    climb_drift_sigmas: Annotated[float, Meta(ge=0.0, le=2.0)]
    volume_log_shift: Annotated[float, Meta(ge=0.0, le=5.0)]


def plant_edge(
    bars: PairBars, rules: EdgeRules, seed: int, climb_index: int, off_index: int
) -> PairBars:
    """Bars with an edge up to ``off_index``: volume now betrays the drift of the next bars.

    Each instrument has spells of its own. A bar's drift is decided by the spell of the bar
    *before* it, so whoever reads the volume at a close may profit from the next open on.

    Raises
    ------
    ConfigError
        If the edge would end before it begins or after the last bar.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> rules = EdgeRules(
    ...     block_bars=10, training_drift_sigmas=0.2, climb_drift_sigmas=0.4,
    ...     volume_log_shift=0.5,
    ... )
    >>> planted = plant_edge(random_walk(300, seed=1), rules, 7, climb_index=100, off_index=200)
    >>> len(planted)
    300
    """
    n = len(bars)
    if not 0 <= climb_index <= off_index <= n:
        msg = (
            f"the planted edge must end within the {n} bars and after training, which ends "
            f"at bar {climb_index}; not at bar {off_index}"
        )
        raise ConfigError(msg)
    strength = np.zeros(n)
    strength[:climb_index] = rules.training_drift_sigmas
    strength[climb_index:off_index] = rules.climb_drift_sigmas
    shift = rules.volume_log_shift
    columns = [_planted(bars, k, _spells(n, rules, seed, k), strength, shift) for k in (0, 1)]
    names = ("open", "high", "low", "close", "volume")
    stacked = {m: np.column_stack([c[m] for c in columns]) for m in names}
    return replace(bars, **stacked)


def freeze_feed(bars: PairBars, start: int, count: int) -> PairBars:
    """Bars in which both instruments repeat bar ``start`` for ``count`` more bars.

    The feed hangs at its last message: every column stands still, volume too.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> frozen = freeze_feed(random_walk(50, seed=1), start=10, count=5)
    >>> bool((frozen.close[10:16] == frozen.close[10]).all())
    True
    """
    if not 0 <= start < start + count < len(bars):
        msg = f"cannot freeze bars {start} to {start + count} of {len(bars)}"
        raise ConfigError(msg)
    held: dict[str, FloatArray] = {}
    for name in ("open", "high", "low", "close", "volume"):
        column: FloatArray = getattr(bars, name).copy()
        column[start + 1 : start + count + 1] = column[start]
        held[name] = column
    return replace(bars, **held)


def _spells(n: int, rules: EdgeRules, seed: int, k: int) -> FloatArray:
    """Sign of the spell that each bar belongs to, (n,), +1 or -1."""
    blocks = -(-n // rules.block_bars)
    signs = [1.0 if keyed_uniform(seed, "spell", k, b) < _EVEN else -1.0 for b in range(blocks)]
    return np.repeat(np.array(signs), rules.block_bars)[:n]


def _planted(
    bars: PairBars, k: int, spell: FloatArray, strength: FloatArray, volume_log_shift: float
) -> dict[str, FloatArray]:
    log_return = np.diff(np.log(bars.close[:, k]), prepend=np.log(bars.close[0, k]))
    drift = np.zeros_like(spell)
    drift[1:] = strength[1:] * float(log_return.std()) * spell[:-1]
    after = np.exp(np.cumsum(drift))
    before = np.concatenate(([1.0], after[:-1]))
    return {
        "open": bars.open[:, k] * before,
        "high": bars.high[:, k] * np.maximum(before, after),
        "low": bars.low[:, k] * np.minimum(before, after),
        "close": bars.close[:, k] * after,
        "volume": bars.volume[:, k] * np.exp(volume_log_shift * spell),
    }
