"""What the features put on record."""

from __future__ import annotations

import msgspec

from stairway.base.verdict import Verdict


class Offence(msgspec.Struct, frozen=True):
    """A past value that moved when the future was changed.

    Attributes
    ----------
    column
        Which one.
    row
        Earliest bar whose value moved.
    cut
        First bar that was changed, in the order in which bars became known.
    ahead_bars
        ``cut`` less how many bars were known before ``row``, which is ``cut - row`` where
        rows became known in their order: the value there looks at least so far ahead.
    perturbation
        What was done to the bars from ``cut`` on.
    difference
        Largest change, relative to the column's size; ``None`` where a value appeared,
        disappeared, or became infinite: no number says how far, and JSON has no infinity.
    """

    column: str
    row: int
    cut: int
    ahead_bars: int
    perturbation: str
    difference: float | None


class Proof(msgspec.Struct, frozen=True, tag="causality.proved"):
    """What the causality prover did, and what came of it.

    Attributes
    ----------
    verdict
        Pass, or the reason; one finding per column that looked ahead.
    columns, rows, probes
        How many columns and bars were looked at, and how often the future was changed.
    offences
        The farthest look ahead of each guilty column.
    """

    verdict: Verdict
    columns: int
    rows: int
    probes: int
    seed: int
    offences: tuple[Offence, ...] = ()
