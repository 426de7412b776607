"""Answers in columns for tests: three models that are alive, to change one thing about."""

from __future__ import annotations

from typing import Any

import numpy as np

from stairway.supervision.answers import Answers, Names, Stage, columns
from stairway.supervision.tally import Tally

MODELS = ("forest", "mlp", "trend", "ensemble", "intent")
SYMBOLS = ("A", "B", "C")
REASONS = ("fallback", "cap")
REGIMES = ("trend", "range")
START_NS = 1_772_442_000_000_000_000
EVERY_NS = 12 * 10**9


def names() -> Names:
    """Return names with codes in the order of the tuples above."""
    known = Names()
    known.models.codes(MODELS)
    known.symbols.codes(SYMBOLS)
    known.reasons.codes(REASONS)
    known.regimes.codes(REGIMES)
    return known


def lively(events: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return columns of three models that answer every twelve seconds, row by row.

    Confidence is normal around 0.5 with deviation 0.16; an action follows from it.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> len(columns(**lively(4, rng)))
    12
    """
    event = np.repeat(np.arange(events), 3)
    confidence = np.clip(rng.normal(0.5, 0.16, 3 * events), 0.01, 0.99)
    return {
        "time_ns": START_NS + event * EVERY_NS,
        "event": event + 1,
        "model": np.tile(np.arange(3), events),
        "symbol": np.repeat(rng.integers(0, 3, events), 3),
        "action": np.digitize(confidence, [0.42, 0.58]),
        "confidence": confidence,
        "stage": np.full(3 * events, int(Stage.CALIBRATED)),
        "reason": np.full(3 * events, -1),
    }


def tallied(said: Answers | dict[str, Any]) -> Tally:
    """Return the tally of answers, or of their columns."""
    tally = Tally(names())
    tally.add(said if isinstance(said, Answers) else columns(**said))
    return tally


class Lately:
    """What was said lately, as the tables of repeats keep it: of two generations.

    Examples
    --------
    >>> lately = Lately(2)
    >>> for one in "abcd":
    ...     lately.add(one)
    >>> ["a" in lately, "c" in lately, "d" in lately]
    [False, True, True]
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._present, self._before = dict[object, object](), dict[object, object]()

    def __contains__(self, said: object) -> bool:
        return said in self._present or said in self._before

    def __getitem__(self, said: object) -> object:
        """Return what was kept with it."""
        return self._present[said] if said in self._present else self._before[said]

    def add(self, said: object, kept: object = None) -> None:
        """Remember what was said, and something with it, unless it was said lately."""
        if said in self:
            return
        self._present[said] = kept
        if len(self._present) == self._window:
            self._present, self._before = dict[object, object](), self._present
