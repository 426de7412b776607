"""Which weather the market is in: one detector, a score and a label.

With both instruments' log returns of one bar, and the *session* and *history* windows of
the rules:

1. momentum = mean of the two instruments' returns over the session, divergence = size of
   their difference, volatility ratio = sum of their per-bar deviations over the session /
   the same over the history (as much of it as there is; 1 where nothing has ever moved).
2. z(x) = (x - mean) / deviation (ddof 1) of x over the trailing history window.
3. score = clip(0.4 z(momentum) + 0.3 z(volatility ratio - 1) + 0.3 z(divergence), -3, 3)
   with the weights of the rules (the 1 falls out of the z).
4. label: ``crisis`` when the ratio is at least 2 (until it is below 1.5) or z(divergence)
   is over 3; else ``trend`` when the t-statistic of the mean return over the session is
   at least 2 in size (until it is below 1); else ``range``.

Before ``min_samples`` samples, and whenever a z is not defined because nothing moves, the
detector knows nothing: score 0, label ``range``, ``warm`` False.

Each update costs the same however long the windows are. The values inside the windows
lie in a chain of small blocks that states share and never change, so a state is a value
and keeps no more than the history window.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError, DataError
from stairway.features.engine import columns_of, unbelievable
from stairway.features.weather import kernels
from stairway.market.bars import PairBar, PairBars

_NOTHING = np.zeros((kernels.BLOCK, kernels.ROW))

AtLeastTwo = Annotated[int, Meta(ge=2, le=10**6)]
NotNegative = Annotated[float, Meta(ge=0.0, le=10.0)]
Positive = Annotated[float, Meta(gt=0.0, le=20.0)]


class RegimeLabel(StrEnum):
    """The three kinds of weather."""

    RANGE = "range"
    TREND = "trend"
    CRISIS = "crisis"


LABELS = (RegimeLabel.RANGE, RegimeLabel.TREND, RegimeLabel.CRISIS)
"""By the codes that kernels use."""


class RegimeRules(Config, frozen=True, kw_only=True):
    """Windows, weights and bounds of the detector.

    Attributes
    ----------
    session_bars, history_bars
        Trailing windows: one session, and what it is compared with.
    min_samples
        Below so many momentum samples nothing is said.
    weight_momentum, weight_volatility, weight_divergence, max_score
        Of the score.
    crisis_enter, crisis_leave
        Volatility ratio at which crisis begins, and below which it ends.
    crisis_divergence
        Divergence z over which it is crisis.
    trend_enter, trend_leave
        Size of the t-statistic at which trend begins, and below which it ends.
    count_session_gaps
        As in the feature rules.
    """

    session_bars: AtLeastTwo
    history_bars: AtLeastTwo
    min_samples: AtLeastTwo
    weight_momentum: NotNegative
    weight_volatility: NotNegative
    weight_divergence: NotNegative
    max_score: Positive
    crisis_enter: Positive
    crisis_leave: Positive
    crisis_divergence: Positive
    trend_enter: Positive
    trend_leave: Positive
    count_session_gaps: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.session_bars < self.history_bars, "session_bars under history_bars")
        _require(self.min_samples <= self.history_bars, "min_samples up to history_bars")
        _require(self.crisis_leave <= self.crisis_enter, "crisis_leave up to crisis_enter")
        _require(self.trend_leave <= self.trend_enter, "trend_leave up to trend_enter")

    @property
    def warm_up_bars(self) -> int:
        """How many bars pass before the detector can say anything."""
        return self.session_bars + self.min_samples


class Regime(msgspec.Struct, frozen=True):
    """What the detector says at one close.

    Attributes
    ----------
    score
        In [-3, 3] (``max_score``); 0 until warm.
    label
        ``range`` until warm.
    momentum
        Mean log return of both instruments over the session; NaN while it fills.
    volatility_ratio
        Volatility over the usual one; NaN while the session window fills.
    divergence_z
        NaN until warm.
    correlation
        Of both instruments' returns over the session, in [-1, 1]; NaN while it fills or
        where one of them does not move.
    warm
        False: score and label are not evidence of anything.
    """

    score: float
    label: RegimeLabel
    momentum: float
    volatility_ratio: float
    divergence_z: float
    correlation: float
    warm: bool

    @property
    def opportunity(self) -> float:
        """A third of the score: in [-1, 1] when ``max_score`` is 3."""
        return self.score / 3.0


@dataclass(frozen=True, slots=True)
class Regimes:
    """What the detector says at every close, as columns.

    Attributes
    ----------
    table : (n, 7) float64
        In the order of :class:`Regime`; the label as its place in :data:`LABELS`.
    """

    table: FloatArray

    def __len__(self) -> int:
        return int(self.table.shape[0])

    def at(self, index: int) -> Regime:
        """Return what was said at one close."""
        return _regime(self.table[index])

    @property
    def codes(self) -> IntArray:
        """Labels as their places in :data:`LABELS`, (n,)."""
        codes: IntArray = self.table[:, kernels.CODE].astype(np.int64)
        return codes

    @property
    def labels(self) -> tuple[RegimeLabel, ...]:
        """Labels, one per bar."""
        return tuple(LABELS[int(code)] for code in self.codes)

    @property
    def warm(self) -> BoolArray:
        """Where the detector knew anything, (n,)."""
        return self.table[:, kernels.WARM] == 1.0


class RegimeState(msgspec.Struct, frozen=True):
    """Everything remembered from the bars so far.

    Attributes
    ----------
    memory : (358,) float64
        Window sums, then both last closes, marks, and the block being filled.
    window : (653,) float64
        The rules as numbers, and the rows that leave while that block fills. Shared by
        the states of one block.
    blocks
        Full blocks of rows (returns and samples), oldest first; shared, never changed.
    dropped
        How many blocks have left the history window.
    """

    memory: FloatArray
    window: FloatArray
    blocks: tuple[FloatArray, ...]
    dropped: int

    @property
    def sums(self) -> FloatArray:
        """Window sums, then both last closes, (34,)."""
        return self.memory[: kernels.MARKS]

    @property
    def marks(self) -> IntArray:
        """Bars seen, session, last close time, label before, (4,)."""
        return self.memory[kernels.MARKS : kernels.TAIL].view(np.int64)

    @property
    def knobs(self) -> FloatArray:
        """The rules as numbers, (13,)."""
        return self.window[: kernels.KNOBS]

    @property
    def tail(self) -> FloatArray:
        """The block being filled, (64, 5); NaN where nothing has come yet."""
        return self.memory[kernels.TAIL :].reshape(kernels.BLOCK, kernels.ROW)


def start(rules: RegimeRules) -> RegimeState:
    """Begin with nothing seen."""
    memory = np.zeros(kernels.MEMORY)
    memory[kernels.TAIL :] = np.nan
    return RegimeState(memory, _window((), _knobs(rules)), (), 0)


def step(state: RegimeState, bar: PairBar) -> tuple[RegimeState, Regime]:
    """Take in one bar.

    Raises
    ------
    DataError
        If a price is not finite and positive, or the bar does not come after the last.

    Examples
    --------
    >>> from stairway.features import regime
    >>> from stairway.testing.bars import random_walk
    >>> rules = regime.RegimeRules(
    ...     session_bars=20, history_bars=250, min_samples=100, weight_momentum=0.4,
    ...     weight_volatility=0.3, weight_divergence=0.3, max_score=3.0, crisis_enter=2.0,
    ...     crisis_leave=1.5, crisis_divergence=3.0, trend_enter=2.0, trend_leave=1.0,
    ...     count_session_gaps=True,
    ... )
    >>> state = regime.start(rules)
    >>> for bar in random_walk(120, seed=7):
    ...     state, now = regime.step(state, bar)
    >>> now.warm, -3.0 <= now.score <= 3.0
    (True, True)
    """
    memory = state.memory.copy()
    a, b = bar.bars
    score, code, momentum, ratio, divergence_z, correlation, warm, done = kernels.step_regime(
        memory, state.window, bar.time_ns, bar.session,
        a.open, a.high, a.low, a.close, a.volume, b.open, b.high, b.low, b.close, b.volume,
    )  # fmt: skip
    if done == kernels.TAKEN:
        after = RegimeState(memory, state.window, state.blocks, state.dropped)
    elif done == kernels.FILLED:
        after = _filled(state, memory)
    else:
        seen, _, last_ns, _ = state.marks.tolist()
        raise DataError(unbelievable(bar, last_ns, seen))
    label = LABELS[code]
    return after, Regime(score, label, momentum, ratio, divergence_z, correlation, warm)


def batch(bars: PairBars, rules: RegimeRules) -> Regimes:
    """Detect at every close; to the last bit what stepping gives."""
    return run(bars, rules)[1]


def run(bars: PairBars, rules: RegimeRules) -> tuple[RegimeState, Regimes]:
    """Detect at every close, and give the state behind the last one.

    Raises
    ------
    DataError
        As :func:`step`, naming the first bar that cannot be believed.
    """
    knobs = _knobs(rules)
    sums, marks, rows, told, refused = kernels.run_regime(knobs, *columns_of(bars))
    if refused >= 0:
        raise DataError(unbelievable(bars.at(refused), int(marks[kernels.LAST]), refused))
    size, rows = kernels.BLOCK, rows[1:]
    full = len(rows) // size
    blocks = tuple(rows[i * size : (i + 1) * size].copy() for i in range(full))
    blocks, dropped = _shifted(blocks, 0, knobs)
    window = _window(blocks, knobs)
    state = RegimeState(np.empty(kernels.MEMORY), window, blocks, dropped)
    state.sums[:], state.marks[:], state.tail[:] = sums, marks, np.nan
    state.tail[: len(rows) - full * size] = rows[full * size :]
    return state, Regimes(told)


def _regime(told: FloatArray) -> Regime:
    score, code, momentum, ratio, divergence, correlation, warm = told.tolist()
    label = LABELS[int(code)]
    return Regime(score, label, momentum, ratio, divergence, correlation, warm == 1.0)


def _knobs(rules: RegimeRules) -> FloatArray:
    windows = (rules.session_bars, rules.history_bars, rules.min_samples)
    weights = (rules.weight_momentum, rules.weight_volatility, rules.weight_divergence)
    crisis = (rules.crisis_enter, rules.crisis_leave, rules.crisis_divergence)
    trend = (rules.trend_enter, rules.trend_leave)
    gaps = float(rules.count_session_gaps)
    return np.array((*windows, gaps, *weights, rules.max_score, *crisis, *trend), np.float64)


def _filled(before: RegimeState, memory: FloatArray) -> RegimeState:
    """Put the block that is full now beside the others, and begin the next."""
    full = memory[kernels.TAIL :].reshape(kernels.BLOCK, kernels.ROW).copy()
    memory[kernels.TAIL :] = np.nan
    blocks, dropped = _shifted((*before.blocks, full), before.dropped, before.knobs)
    return RegimeState(memory, _window(blocks, before.knobs), blocks, dropped)


def _shifted(
    blocks: tuple[FloatArray, ...], dropped: int, knobs: FloatArray
) -> tuple[tuple[FloatArray, ...], int]:
    """Let go of blocks that end before the history window of the next bar."""
    rows = (dropped + len(blocks)) * kernels.BLOCK
    oldest = max(rows - int(knobs[kernels.HISTORY_BARS]), 0) // kernels.BLOCK
    return blocks[oldest - dropped :], max(oldest, dropped)


def _window(blocks: tuple[FloatArray, ...], knobs: FloatArray) -> FloatArray:
    """Lay out the rows that leave both windows while the block after ``blocks`` fills."""
    size = kernels.BLOCK
    parts = [knobs]
    for length in (kernels.SESSION_BARS, kernels.HISTORY_BARS):
        number, offset = divmod(len(blocks) * size - int(knobs[length]), size)
        older, newer = _block(blocks, number), _block(blocks, number + 1)
        parts += older[offset:].ravel(), newer[:offset].ravel()
    return np.concatenate(parts)


def _block(blocks: tuple[FloatArray, ...], number: int) -> FloatArray:
    """Block ``number``; zeros where nothing has come yet, or it is still being filled."""
    return blocks[number] if 0 <= number < len(blocks) else _NOTHING


def _require(good: bool, what: str) -> None:  # noqa: FBT001 - the answer of a comparison
    if not good:
        msg = f"[regime] needs {what}; change one of the two"
        raise ConfigError(msg)
