"""Answers of models in columns: what every source is read into, and all that is counted.

One row says that one model answered about one event. Names are kept once and stand in the
columns as codes, so that ten million answers are a few hundred megabytes of plain arrays,
handed on a chunk at a time and counted by compiled loops.

A fault is kept as it was said, never mended: a confidence of 1.05 stays 1.05, a label that
nobody knows is :data:`UNKNOWN`, and what is not there is NaN, :data:`MISSING`, :data:`NO_TIME`
or -1. The counters refuse each of them by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import DataError, InvariantError
from stairway.market import ports
from stairway.models.prediction import Action

SELL, HOLD, BUY, UNKNOWN, MISSING, NAMELESS = range(6)
"""Codes of actions: three that are known, a label that is not, none given, one of nobody."""

ACTIONS = (Action.SELL, Action.HOLD, Action.BUY)
"""The known actions in the order of their codes."""

NO_TIME = ports.NO_TIME
"""Time of an answer that does not say when it was given."""

ENSEMBLE, INTENT = "ensemble", "intent"
"""Names under which the stages after the members answer."""


class Stage(IntEnum):
    """Where on its way from a score to an order an answer was heard.

    A score that is a margin (unbounded) is squashed by :func:`from_margin` first, so that
    every stage speaks in [0, 1].
    """

    RAW = 0
    CALIBRATED = 1
    ENSEMBLE = 2
    INTENT = 3


class Codes:
    """Names in the order in which they were first met. A code is an index into ``names``.

    Parameters
    ----------
    what
        What is named, for the error.
    most
        Names taken. One more is an error, or becomes ``rest`` where that is given.

    Examples
    --------
    >>> symbols = Codes("symbols", most=10)
    >>> symbols.code("BTC"), symbols.code("ETH"), symbols.code("BTC"), symbols.names
    (0, 1, 0, ['BTC', 'ETH'])
    """

    __slots__ = ("_code", "_most", "_rest", "_what", "names")

    def __init__(self, what: str, most: int, rest: str | None = None) -> None:
        self.names: list[str] = []
        self._what, self._most, self._rest = what, most, rest
        self._code: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def code(self, name: str) -> int:
        """Return the code of a name, which is given one if it is new.

        Raises
        ------
        DataError
            If there are more names than anybody has models or instruments.
        """
        known = self._code.get(name)
        if known is not None:
            return known
        if len(self.names) >= self._most and name != self._rest:
            if self._rest is None:
                msg = (
                    f"more than {self._most:,} {self._what} (the next is {name!r}): "
                    "does the field map name the right field?"
                )
                raise DataError(msg)
            return self.code(self._rest)
        self._code[name] = len(self.names)
        self.names.append(name)
        return self._code[name]

    def codes(self, names: Iterable[str]) -> NDArray[np.int32]:
        """Return the code of each name, in order."""
        return np.fromiter((self.code(name) for name in names), np.int32)


@dataclass(frozen=True, slots=True)
class Names:
    """What the codes in the columns stand for. They only grow.

    Attributes
    ----------
    models
        Slot, or slot ``"/"`` inner model where both are known; at most 256.
    symbols, regimes
        Instruments (at most 10,000) and regime labels (at most 32).
    reasons
        Reason codes; beyond 1,000 they become ``"(other reasons)"``.
    words
        What was said for an action and is none; beyond 1,000 it becomes ``"(other words)"``.
    """

    models: Codes = field(default_factory=lambda: Codes("models", 256))
    symbols: Codes = field(default_factory=lambda: Codes("symbols", 10_000))
    reasons: Codes = field(
        default_factory=lambda: Codes("reasons", 1_000, rest="(other reasons)")
    )
    regimes: Codes = field(default_factory=lambda: Codes("regimes", 32))
    words: Codes = field(default_factory=lambda: Codes("words", 1_000, rest="(other words)"))


@dataclass(frozen=True, slots=True)
class Answers:
    """A chunk of answers, in the order in which they were heard. Columns of equal length.

    Attributes
    ----------
    time_ns : (n,) int64
        UTC. :data:`NO_TIME` where it is not said.
    event : (n,) uint64
        Hash of the event's id; 0 where it has none. A model that gives the same answer twice
        at one stage about one event repeats itself, and counts once.
    model : (n,) int32
        Code into ``Names.models``; never negative.
    symbol : (n,) int32
        Code into ``Names.symbols``; -1 where it is missing.
    action : (n,) int8
        :data:`SELL`, :data:`HOLD`, :data:`BUY`, :data:`UNKNOWN` or :data:`MISSING`.
    confidence : (n,) float64
        As said: NaN where missing or no number, and out of [0, 1] where it was.
    stage : (n,) int8
        A :class:`Stage`.
    reason : (n,) int32
        Code into ``Names.reasons``; -1 for none.
    regime : (n,) int32
        Code into ``Names.regimes``; -1 for none.
    place : (n,) int64
        Number of the record in its source, from 0, to name the place of a fault; -1 for none.
    word : (n,) int16
        Code into ``Names.words`` where the action is :data:`UNKNOWN`; -1 elsewhere.
    dated : (n,) bool
        Whether the event says its time itself. Where not, it is that at which it came.
    """

    time_ns: IntArray
    event: NDArray[np.uint64]
    model: NDArray[np.int32]
    symbol: NDArray[np.int32]
    action: NDArray[np.int8]
    confidence: FloatArray
    stage: NDArray[np.int8]
    reason: NDArray[np.int32]
    regime: NDArray[np.int32]
    place: IntArray
    word: NDArray[np.int16]
    dated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shapes = {f.name: getattr(self, f.name).shape for f in fields(self)}
        if any(shape != (len(self.time_ns),) for shape in shapes.values()):
            msg = f"columns of answers must be of one length: {shapes}"
            raise InvariantError(msg)

    def __len__(self) -> int:
        return len(self.time_ns)

    def where(self, rows: BoolArray | IntArray | slice) -> Answers:
        """Return some of the rows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


_TYPES = {
    "time_ns": np.int64,
    "event": np.uint64,
    "model": np.int32,
    "symbol": np.int32,
    "action": np.int8,
    "confidence": np.float64,
    "stage": np.int8,
    "reason": np.int32,
    "regime": np.int32,
    "place": np.int64,
    "word": np.int16,
    "dated": np.bool_,
}
_LEFT_OUT = {
    "event": 0,
    "stage": int(Stage.CALIBRATED),
    "reason": -1,
    "regime": -1,
    "place": -1,
    "word": -1,
    "dated": True,
}


def columns(**given: object) -> Answers:
    """Return answers from columns of any kind; ``event`` and what follows ``stage`` may miss.

    Examples
    --------
    >>> chunk = columns(time_ns=[1, 2], model=[0, 0], symbol=[0, 1], action=[BUY, SELL],
    ...                 confidence=[0.6, 0.4])
    >>> len(chunk), chunk.stage.tolist(), chunk.event.tolist()
    (2, [1, 1], [0, 0])

    Raises
    ------
    InvariantError
        If columns differ in length, or one has an unknown name.
    """
    unknown = given.keys() - _TYPES.keys()
    if unknown:
        msg = f"no columns of answers are called {sorted(unknown)}"
        raise InvariantError(msg)
    n = len(np.asarray(given["time_ns"]))
    filled: dict[str, Any] = {
        name: np.full(n, value, _TYPES[name]) for name, value in _LEFT_OUT.items()
    }
    said: dict[str, Any] = {
        name: np.ascontiguousarray(value, _TYPES[name]) for name, value in given.items()
    }
    return Answers(**(filled | said))


def from_margin(margin: FloatArray) -> FloatArray:
    """Squash unbounded scores into [0, 1] by the logistic function. NaN stays NaN.

    Examples
    --------
    >>> from_margin(np.array([0.0, 800.0, -800.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    shrunk = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0, shrunk) / (1.0 + shrunk)
