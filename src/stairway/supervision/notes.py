"""What was noticed while records were read, for whoever has to believe the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from stairway.base.arrays import FloatArray, IntArray
from stairway.supervision.answers import NO_TIME

_QUOTED, _LONGEST = 64, 40


@dataclass(slots=True)
class Notes:
    """What was noticed on the way, for the report.

    Attributes
    ----------
    records
        How many were read.
    passed_over
        Records without answers, by what they are.
    silent
        Rows in which a model of several said nothing at all, by model.
    failures
        Answers that did not come, as the record itself says, by model and cause.
    reprs
        Records or payloads that were Python and no JSON.
    from_ids
        Events that took their time from the id of their entry, for want of another.
    cut
        1 where the last line has no end and was left out.
    places, quoted
        Of the first records with an answer at fault: how a person finds them, and what stands
        where a confidence should. By the number of the record, from 0.
    stamps
        What stands there for a time and is none.
    strange
        Words that are no action, by model; the first that were met.
    """

    records: int = 0
    passed_over: Counter[str] = field(default_factory=Counter[str])
    silent: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    reprs: int = 0
    from_ids: int = 0
    cut: int = 0
    places: dict[int, str] = field(default_factory=dict[int, str])
    quoted: dict[int, str] = field(default_factory=dict[int, str])
    stamps: dict[int, str] = field(default_factory=dict[int, str])
    strange: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def quote_times(self, stamps: pl.Series, time_ns: IntArray, place: IntArray) -> None:
        """Keep the first stamps that are there and are not understood."""
        rows = np.flatnonzero(time_ns == NO_TIME)
        if not len(rows) or len(self.stamps) >= _QUOTED:
            return
        for row in rows[:_QUOTED].tolist():
            said_so = "" if stamps[row] is None else str(stamps[row]).strip()
            if said_so:
                self.stamps.setdefault(int(place[row]), said_so[:_LONGEST])

    def count_strange(self, said: Iterable[tuple[str, str]]) -> None:
        """Count words that are no action, each with the model that said it."""
        for model, word in said:
            if len(self.strange) < _QUOTED or (model, word) in self.strange:
                self.strange[model, word] += 1

    def quote(
        self, found: Callable[[], Sequence[Any]], said: FloatArray, place: IntArray
    ) -> None:
        """Keep the first things that stand where a confidence should and are no numbers."""
        rows = np.flatnonzero(np.isnan(said))
        if not len(rows) or len(self.quoted) >= _QUOTED:
            return
        values = found()
        for row in rows[:_QUOTED].tolist():
            said_so = "" if values[row] is None else str(values[row]).strip()
            if said_so:
                self.quoted.setdefault(int(place[row]), said_so[:_LONGEST])

    def sentences(self) -> tuple[str, ...]:
        """Say it, one sentence each; nothing where nothing was noticed."""
        said = [
            *(
                f"{_of(n, 'record')} of {what} {'holds' if n == 1 else 'hold'} no answers"
                for what, n in self.passed_over.items()
            ),
            *(f"{model} said nothing in {_of(n, 'row')}" for model, n in self.silent.items()),
            *(f"{_of(n, 'answer')} failed to come: {why}" for why, n in self.failures.items()),
        ]
        if self.reprs:
            said.append(f"Python values instead of JSON in {_of(self.reprs, 'record')}")
        if self.from_ids:
            whose = "takes its" if self.from_ids == 1 else "take their"
            events = _of(self.from_ids, "event")
            said.append(f"{events} {whose} time from the id of their entry")
        if self.cut:
            said.append("the last line is not complete yet and was left out")
        return tuple(said)


def _of(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
