"""Stamps of a stream to nanoseconds, in the unit that its first stamps have."""

from __future__ import annotations

import polars as pl

from stairway.base.arrays import IntArray
from stairway.base.errors import DataError
from stairway.supervision.instants import Clock, first_misfit, stray, to_ns, unit_of, usual_unit
from stairway.supervision.ports import Chunk


class Times:
    """Reads the stamps of one stream, in order.

    Parameters
    ----------
    clock
        What is known of them; the unit is learnt from the first that are read.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock, self._is_learnt = clock, clock.unit is None

    def read(self, stamps: pl.Series, chunk: Chunk, rows: IntArray | None = None) -> IntArray:
        """Return (n,) ns, ``NO_TIME`` where a stamp is missing or cannot be read.

        Parameters
        ----------
        rows : (n,) int64
            Of each stamp in the chunk, where not every record has one.

        Raises
        ------
        ConfigError
            If stamps carry no offset and nobody said in which zone they are.
        DataError
            If numbers do not agree on a unit; it names the place.
        """
        row: int | None = None
        if isinstance(stamps.dtype, pl.Decimal):
            stamps = stamps.cast(pl.Float64 if stamps.dtype.scale else pl.Int64, strict=False)
        try:
            if self.clock.unit is None:
                self.clock = Clock(unit_of(stamps), self.clock.tz)
            row = first_misfit(stamps, self.clock.unit, strict=self._is_learnt)
            if row is None:
                return to_ns(stamps, self.clock)
            unit = self.clock.unit
        except DataError as error:
            row = stray(stamps)
            if row is None:
                msg = f"from {self._place(0, chunk, rows)} on: {error}"
                raise DataError(msg) from error
            unit = usual_unit(stamps)
        msg = (
            f"{self._place(row, chunk, rows)}: {stamps[row]} is no instant of our time "
            f"in the unit of the others, which are in {unit}: the stamps of one stream have "
            "one unit; mend that line, split the file, or name the unit under [fields] of a "
            "field map"
        )
        raise DataError(msg)

    @staticmethod
    def _place(row: int, chunk: Chunk, rows: IntArray | None) -> str:
        return chunk.place(int(rows[row]) if rows is not None and len(rows) else row)
