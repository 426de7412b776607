"""Rows, and the margins that the training library itself gave for them.

They are sealed with the model and replayed whenever it is opened: a forest that was
exported wrongly, or a kernel that changed since, is refused before it says anything.
Some rows have holes, since a missing value takes a way of its own through a tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from safetensors.numpy import save

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Refuse, Verdict, passed, refuse
from stairway.models import tensors
from stairway.models.forest import Forest

MIN_ROWS = 256
"""Fewer rows than this prove too little."""

LAYOUT: dict[str, tensors.Shape] = {
    "rows": tensors.Shape("F64", 2),
    "margins": tensors.Shape("F64", 1),
}


@dataclass(frozen=True, slots=True, eq=False)
class Parity:
    """What the model must answer, to be the one that was trained.

    Attributes
    ----------
    rows : (n, n_features) float64
        At least 256; some whole, some with NaN, none infinite.
    margins : (n,) float64
        The library's own margins for them.
    """

    rows: FloatArray
    margins: FloatArray


def to_bytes(parity: Parity) -> bytes:
    """Write as safetensors. Equal vectors give equal bytes."""
    rows, margins = np.ascontiguousarray(parity.rows), np.ascontiguousarray(parity.margins)
    return save({"rows": rows, "margins": margins})


def from_bytes(content: bytes, n_features: int) -> Parity | Refuse:
    """Read, and refuse vectors that would prove too little.

    Examples
    --------
    >>> few = Parity(rows=np.zeros((3, 1)), margins=np.zeros(3))
    >>> from_bytes(to_bytes(few), n_features=1).findings[0].code
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
    if np.isinf(rows).any() or not np.isfinite(margins).all():
        return refuse("parity.finite", "a margin is not finite, or a row is infinite")
    holed = int(np.count_nonzero(np.isnan(rows).any(axis=1)))
    if not 0 < holed < n:
        return refuse("parity.holes", "rows with and without NaN are needed", holed, n)
    return Parity(rows, margins)


def replay(forest: Forest, parity: Parity, tolerance: float) -> Verdict:
    """Compare what the forest says with what the library said.

    Parameters
    ----------
    tolerance
        Largest difference of two margins that passes; 0 asks for every bit.

    Examples
    --------
    >>> from stairway.models.forest import stump
    >>> parity = Parity(rows=np.array([[0.0], [1.0]]), margins=np.array([-1.0, 2.5]))
    >>> replay(stump(0, 0.5, -1.0, 2.0), parity, tolerance=1e-5).findings[0].value
    0.5
    """
    worst = float(np.abs(forest.margins(parity.rows) - parity.margins).max())
    n = parity.margins.size
    if not worst <= tolerance:
        detail = "margins are not those of the library that trained the model"
        return refuse("artifact.parity", detail, worst, tolerance, n)
    return passed("artifact.parity", "margins equal those of the library", worst, tolerance, n)
