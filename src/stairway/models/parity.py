"""Rows, and the margins that the model gave for them when it was made.

They are sealed with the model and replayed whenever it is opened: a model that was
exported wrongly, or code that changed since, is refused before it says anything. Some
rows have holes: in a tree a missing value takes a way of its own, a rule is silent there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

import numpy as np
from safetensors.numpy import save

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.verdict import Refuse, Verdict, passed, refuse
from stairway.models import tensors

MIN_ROWS = 256
"""Fewer rows than this prove too little."""

MIN_ANSWERED = MIN_ROWS // 4
"""So do fewer answers than this, from a model that may be silent."""

LAYOUT: dict[str, tensors.Shape] = {
    "rows": tensors.Shape("F64", 2),
    "margins": tensors.Shape("F64", 1),
}

Margins: TypeAlias = Callable[[FloatArray], FloatArray]
"""From (n, n_features) rows to their (n,) margins."""


class Holes(Enum):
    """What a model does with a row in which a value is missing.

    ``ANSWERED``: it gives a finite margin, as for any row. ``SILENT``: its margin is NaN
    there, and may be NaN elsewhere.
    """

    ANSWERED = auto()
    SILENT = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Parity:
    """What the model must answer, to be the one that was made.

    Attributes
    ----------
    rows : (n, n_features) float64
        At least 256; some whole, some with NaN, none infinite.
    margins : (n,) float64
        What whoever made the model says of them: the library itself, for trees.
    """

    rows: FloatArray
    margins: FloatArray


def to_bytes(parity: Parity) -> bytes:
    """Write as safetensors. Equal vectors give equal bytes."""
    rows, margins = np.ascontiguousarray(parity.rows), np.ascontiguousarray(parity.margins)
    return save({"rows": rows, "margins": margins})


def from_bytes(content: bytes, n_features: int, holes: Holes) -> Parity | Refuse:
    """Read, and refuse vectors that would prove too little.

    Examples
    --------
    >>> few = Parity(rows=np.zeros((3, 1)), margins=np.zeros(3))
    >>> from_bytes(to_bytes(few), n_features=1, holes=Holes.ANSWERED).findings[0].code
    'parity.too_few'
    """
    read = tensors.parse(content, LAYOUT)
    if isinstance(read, Refuse):
        return read
    rows, margins = read["rows"], read["margins"]
    n = margins.size
    if rows.shape != (n, n_features):
        return refuse("parity.shape", f"rows are {rows.shape}, needed ({n}, {n_features})")
    if not n >= MIN_ROWS:
        return refuse("parity.too_few", "too few rows to prove anything", n, MIN_ROWS)
    if np.isinf(rows).any() or np.isinf(margins).any():
        return refuse("parity.finite", "a margin or a row is infinite")
    holed = np.logical_or.reduce(np.isnan(rows), axis=1, dtype=np.bool_)
    if not 0 < int(np.count_nonzero(holed)) < n:
        detail = "rows with and without NaN are needed"
        return refuse("parity.holes", detail, int(np.count_nonzero(holed)), n)
    bad = _unanswered(np.isnan(margins), holed, holes)
    return Parity(rows, margins) if bad is None else bad


def replay(margins_of: Margins, parity: Parity, tolerance: float) -> Verdict:
    """Compare what the model says now with what was said when it was made.

    Parameters
    ----------
    tolerance
        Largest difference of two margins that passes; 0 asks for every bit. Where one of
        them is NaN the other must be too.

    Examples
    --------
    >>> from stairway.models.forest import stump
    >>> parity = Parity(rows=np.array([[0.0], [1.0]]), margins=np.array([-1.0, 2.5]))
    >>> replay(stump(0, 0.5, -1.0, 2.0).margins, parity, tolerance=1e-5).findings[0].value
    0.5
    """
    said, recorded = margins_of(parity.rows), parity.margins
    silent = np.isnan(said) & np.isnan(recorded)
    worst = float(np.where(silent, 0.0, np.abs(said - recorded)).max())
    n = recorded.size
    if not worst <= tolerance:
        detail = "margins are not those that were recorded when the model was made"
        return refuse("artifact.parity", detail, worst, tolerance, n)
    return passed("artifact.parity", "margins equal those recorded", worst, tolerance, n)


def _unanswered(silent: BoolArray, holed: BoolArray, holes: Holes) -> Refuse | None:
    """Refuse where margins are missing that this kind of model gives, or are there."""
    if holes is Holes.ANSWERED:
        return refuse("parity.finite", "a margin is not finite") if silent.any() else None
    if not silent[holed].all():
        return refuse("parity.silent", "a row with a hole has a margin, and must have none")
    answered = int(np.count_nonzero(~silent))
    if not answered >= MIN_ANSWERED:
        return refuse("parity.too_few", "too few answers prove nothing", answered, MIN_ANSWERED)
    return None
