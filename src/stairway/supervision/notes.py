"""What was noticed while records were read, for whoever has to believe the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from stairway.base.arrays import FloatArray, IntArray
from stairway.supervision.answers import NO_TIME
from stairway.supervision.pages import Page


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
    page
        What was read last, to quote from.
    """

    records: int = 0
    passed_over: Counter[str] = field(default_factory=Counter[str])
    silent: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    reprs: int = 0
    from_ids: int = 0
    cut: int = 0
    page: Page = field(default_factory=Page, compare=False)

    def quote_times(self, stamps: pl.Series, time_ns: IntArray, place: IntArray) -> None:
        """Keep on the page what stands where a time should and is not understood."""
        rows = np.flatnonzero(time_ns == NO_TIME)
        if len(rows):
            self.page.quote_time(place[rows], stamps.gather(rows).to_list)

    def quote(
        self, found: Callable[[], Sequence[Any]], said: FloatArray, place: IntArray
    ) -> None:
        """Keep on the page what stands where a confidence should and is no number."""
        rows = np.flatnonzero(np.isnan(said))
        if len(rows):
            self.page.quote_confidence(place[rows], lambda: _some(found(), rows))

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


def _some(values: Sequence[Any], rows: IntArray) -> list[Any]:
    return [values[row] for row in rows.tolist()]


def _of(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
