"""What a practising policy walks over: bars with what may be known at each of them.

A course is made once (:func:`course`) and walked many times. Whoever holds one knows that
it can be walked: columns of one length, prices finite and positive, features known from
``first`` on. Anything else is refused when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, Float32Array, FloatArray, IntArray
from stairway.base.errors import DataError, TooLittleError
from stairway.base.hashing import array_hash, content_hash
from stairway.features import engine, regime
from stairway.features.pipeline import PipelineRules
from stairway.features.spec import FEATURE_NAMES
from stairway.features.weather.kernels import SCORE
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.models.normaliser import MAX_CLIP, WIDTH, Normaliser


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A pair's bars, ready to be walked. Compare fingerprints.

    Attributes
    ----------
    symbols
        First and second instrument.
    time_ns : (n,) int64
        Close times, strictly increasing.
    features : (n, 24) float32
        Normalised: the first instrument's twelve, then the second's. Finite from ``first``
        on, anything before.
    open, close : (n, 2) float64
        USD; finite and positive.
    value_usd : (n, 2) float64
        Worth of what was traded in the bar; at least 0.
    session : (n,) int64
        Session numbers, non-decreasing.
    last_of_session : (n,) bool
    score : (n,) float64
        Regime score; never shown to a policy.
    regime : (n,) int64
        Regime as its place in ``features.regime.LABELS``; never shown to a policy either.
    first
        First row at which a step may be decided.
    bars_per_session, periods_per_year
        Of the calendar, for figures per day and per year.
    lot_units
        Smallest quantity of each instrument.

    Raises
    ------
    DataError
        If a column breaks what is said above; the sentence names it.
    """

    symbols: tuple[str, str]
    time_ns: IntArray
    features: Float32Array
    open: FloatArray
    close: FloatArray
    value_usd: FloatArray
    session: IntArray
    last_of_session: BoolArray
    score: FloatArray
    regime: IntArray
    first: int
    bars_per_session: int
    periods_per_year: float
    lot_units: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        _require_shapes(self)
        _require_columns(self)
        _require_features(self)

    def __len__(self) -> int:
        return int(self.time_ns.size)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in it."""
        columns = array_hash(
            self.time_ns,
            self.features[self.first :],
            self.open,
            self.close,
            self.value_usd,
            self.session,
            self.last_of_session,
            self.score,
            self.regime,
        )
        rest = (self.first, self.bars_per_session, self.periods_per_year, self.lot_units)
        return content_hash((columns, self.symbols, rest))

    def part(self, start: int, stop: int) -> Course:
        """Rows ``[start, stop)``; features keep what the bars before ``start`` told them.

        Raises
        ------
        DataError
            If there are no such rows, or none of them can be decided at.
        """
        if not 0 <= start < stop <= len(self):
            msg = f"bars {start} to {stop} of a course of {len(self)} bars: there are none"
            raise DataError(msg)
        rows = slice(start, stop)
        return replace(
            self,
            time_ns=self.time_ns[rows],
            features=self.features[rows],
            open=self.open[rows],
            close=self.close[rows],
            value_usd=self.value_usd[rows],
            session=self.session[rows],
            last_of_session=self.last_of_session[rows],
            score=self.score[rows],
            regime=self.regime[rows],
            first=max(self.first - start, 0),
        )


def course(
    bars: PairBars, rules: PipelineRules, session: SessionRules, normaliser: Normaliser
) -> Course:
    """Make bars ready to be walked, with the features and regimes that trading sees.

    Parameters
    ----------
    bars
        Whole, as ``market.align`` gives them.
    rules
        Of the features and the regime; ``trader.observe.WatchRules`` is one.
    normaliser
        Fitted on training rows, and not on later ones (:func:`raw_rows` gives them).

    Raises
    ------
    DataError
        If a bar cannot be believed, the columns do not fit together, no row has all of its
        features, or a feature is lost again later.

    Examples
    --------
    >>> from stairway.testing.practice import made_course
    >>> walk = made_course(400, seed=7)
    >>> len(walk), walk.first, walk.features.shape, walk.features.dtype.name
    (400, 60, (400, 24), 'float32')
    """
    _require_pair(bars)
    rows, weather = raw_rows(bars, rules), regime.batch(bars, rules.regime)
    return Course(
        symbols=bars.symbols,
        time_ns=bars.time_ns,
        features=normaliser.apply(rows),
        open=bars.open,
        close=bars.close,
        value_usd=bars.close * bars.volume,
        session=bars.session,
        last_of_session=bars.last_of_session,
        score=weather.table[:, SCORE],
        regime=weather.codes,
        first=first_known(rows, bars.symbols, rules.features.warm_up_bars),
        bars_per_session=session.bars_per_session,
        periods_per_year=session.periods_per_year,
        lot_units=(bars.instruments[0].lot_units, bars.instruments[1].lot_units),
    )


def raw_rows(bars: PairBars, rules: PipelineRules) -> FloatArray:
    """Features of every bar as a normaliser is fitted on them, (n, 24); NaN while warming up.

    Raises
    ------
    DataError
        If a bar cannot be believed.
    """
    return engine.batch(bars, rules.features).reshape(len(bars), WIDTH)


def first_known(
    rows: FloatArray, symbols: Sequence[str] = (), needed_bars: int | None = None
) -> int:
    """First row in which every feature is known.

    Parameters
    ----------
    rows
        As :func:`raw_rows` gives them.
    symbols, needed_bars
        Of both instruments, and after how many bars all is known: for the sentence.

    Raises
    ------
    TooLittleError
        If there is none.

    Examples
    --------
    >>> first_known(np.array([[np.nan, 1.0], [2.0, 3.0]]))
    1
    """
    there = np.isfinite(rows)
    known = there.all(axis=1)
    if not known.any():
        msg = f"none of {len(rows)} bars has all of its features: "
        raise TooLittleError(msg + _unknown(there, symbols, needed_bars))
    return int(known.argmax())


def _unknown(there: BoolArray, symbols: Sequence[str], needed_bars: int | None) -> str:
    """Say why no row is whole, and what is to be done about it."""
    n, each = len(there), len(FEATURE_NAMES)
    if needed_bars is not None and n < needed_bars:
        return f"the windows of [features] need {needed_bars}; give more bars"
    never = np.flatnonzero(~there.any(axis=0)).tolist()
    whose = [s for i, s in enumerate(symbols) if any(c // each == i for c in never)]
    if whose:
        names = [FEATURE_NAMES[c % each] for c in never if symbols[c // each] == whose[0]]
        return (
            f"{' and '.join(whose)} never has {', '.join(names)}, as an instrument that stands "
            "still has none; give bars in which both move"
        )
    return (
        "the windows need more bars than there are, or one instrument never moves; give more "
        "bars"
    )


def _require_pair(bars: PairBars) -> None:
    """Refuse columns that do not belong together before anything is computed from them."""
    n = len(bars)
    names = ("open", "high", "low", "close", "volume")
    _require_shape(
        {name: (getattr(bars, name), (n, 2)) for name in names}
        | {"session": (bars.session, (n,)), "last_of_session": (bars.last_of_session, (n,))}
    )


def _require_shapes(course: Course) -> None:
    n = len(course)
    pair = {name: (getattr(course, name), (n, 2)) for name in ("open", "close", "value_usd")}
    flat = ("session", "last_of_session", "score", "regime")
    _require_shape(
        pair
        | {name: (getattr(course, name), (n,)) for name in flat}
        | {"features": (course.features, (n, WIDTH))}
    )
    if course.features.dtype != np.float32:
        msg = f"features are {course.features.dtype}; a policy reads float32"
        raise DataError(msg)


def _require_shape(columns: Mapping[str, tuple[NDArray[Any], tuple[int, ...]]]) -> None:
    for name, (column, shape) in columns.items():
        if column.shape != shape:
            msg = (
                f"{name} is {column.shape} where {shape[0]} bars of a pair need {shape}; "
                "align both instruments first (market.align)"
            )
            raise DataError(msg)


def _require_columns(course: Course) -> None:
    if course.symbols[0] == course.symbols[1]:
        msg = f"both instruments are named {course.symbols[0]!r}; a pair has two"
        raise DataError(msg)
    rises = np.diff(course.time_ns, prepend=course.time_ns[:1] - 1) > 0
    _require_rows(rises, "time_ns", "does not come after the bar before")
    stays = np.diff(course.session, prepend=course.session[:1]) >= 0
    _require_rows(stays, "session", "is an earlier one than of the bar before")
    for name in ("open", "close"):
        prices: FloatArray = getattr(course, name)
        good = np.isfinite(prices) & (prices > 0.0)
        _require_rows(good.all(axis=1), name, "is not finite and positive")
    value = course.value_usd
    good = np.isfinite(value) & (value >= 0.0)
    _require_rows(good.all(axis=1), "value_usd", "is not finite and at least 0")
    _require_rows(np.isfinite(course.score), "score", "is not finite")
    known = np.isin(course.regime, range(len(regime.LABELS)))
    _require_rows(known, "regime", f"is none of the {len(regime.LABELS)} that there are")
    sizes = (*course.lot_units, float(course.bars_per_session), course.periods_per_year)
    if not all(0.0 < size < np.inf for size in sizes):
        msg = f"lot_units, bars_per_session, periods_per_year are {sizes}; all must be over 0"
        raise DataError(msg)


def _require_rows(good: Any, name: str, what: str) -> None:
    """``good`` says of each row, (n,) bool, whether it is what it should be."""
    if not good.all():
        bar = int((~good).argmax())
        msg = f"{name} of bar {bar} {what}; mend the bars first (market.quality says how)"
        raise DataError(msg)


def _require_features(course: Course) -> None:
    n, first = len(course), course.first
    if not 0 <= first < n:
        msg = f"first is {first}, which is none of the {n} bars"
        raise DataError(msg)
    # Written so that NaN refuses
    known = np.abs(course.features[first:]) <= MAX_CLIP
    if not known.all():
        row, column = (int(place) for place in np.argwhere(~known)[0])
        symbol = course.symbols[column // len(FEATURE_NAMES)]
        name = FEATURE_NAMES[column % len(FEATURE_NAMES)]
        msg = (
            f"{symbol}.{name} is {course.features[first + row, column]} at bar {first + row}, "
            f"after all features were known at bar {first}; allowed are -{MAX_CLIP:g} to "
            f"{MAX_CLIP:g}. An instrument that stands still has none: leave such bars out"
        )
        raise DataError(msg)
