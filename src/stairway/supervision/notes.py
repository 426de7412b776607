"""What was noticed while records were read, for whoever has to believe the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stairway.base.arrays import FloatArray, IntArray

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
                f"{n:,} records of {what} hold no answers"
                for what, n in self.passed_over.items()
            ),
            *(f"{model} said nothing in {n:,} rows" for model, n in self.silent.items()),
            *(f"{n:,} answers failed to come: {why}" for why, n in self.failures.items()),
        ]
        if self.reprs:
            said.append(f"{self.reprs:,} records hold Python values instead of JSON")
        if self.from_ids:
            said.append(f"{self.from_ids:,} events take their time from the id of their entry")
        if self.cut:
            said.append("the last line is not complete yet and was left out")
        return tuple(said)
