"""From a margin to a probability that can be staked on, one map per regime.

A map is a table: thresholds on the margin, probabilities beside them, a straight line in
between, and the end values outside. Nothing is extrapolated, and no value is 0 or 1: a
model that claims certainty would be given all of the capital by any Kelly rule. How the
table came about is declared in it (:class:`CalibrationForm`).
:mod:`stairway.models.calibration_fit` makes tables; trading only reads them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Pass, Refuse, Verdict, refuse
from stairway.features.regime import RegimeLabel

REGIMES: tuple[str, ...] = tuple(label.value for label in RegimeLabel)
"""Every regime has a map of its own."""

MIN_KNOTS, MAX_KNOTS = 2, 1_024
"""Rows of a table: far more than any fit makes, few enough to read in a file."""


class CalibrationForm(StrEnum):
    """How a map was made.

    ``platt`` is the pooled logistic map, for a regime that was never seen;
    ``shrunk_platt`` the regime's own logistic map, drawn towards the pooled one by
    sample size; ``beta`` and ``shrunk_beta`` are the same with a curve that may bend at
    even odds; ``isotonic`` a monotone map without a formula, for large samples.
    """

    ISOTONIC = "isotonic"
    PLATT = "platt"
    SHRUNK_PLATT = "shrunk_platt"
    BETA = "beta"
    SHRUNK_BETA = "shrunk_beta"


class RegimeMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table of one regime.

    Attributes
    ----------
    form
        How the table was made.
    n
        Out-of-fold samples seen in this regime.
    n_effective
        The same, as independent samples: labels overlap.
    x, y
        Margins, strictly increasing, and probabilities of the upper barrier beside them,
        in (0, 1) and never falling.
    """

    form: CalibrationForm
    n: int
    n_effective: float
    x: tuple[float, ...]
    y: tuple[float, ...]


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All maps of one model.

    Examples
    --------
    >>> table = RegimeMap(CalibrationForm.PLATT, 0, 0.0, x=(-1.0, 1.0), y=(0.4, 0.6))
    >>> apply(Calibration({regime: table for regime in REGIMES}), 0.5, "trend")
    0.55
    """

    maps: dict[str, RegimeMap]


def apply(calibration: Calibration, margin: float, regime: str) -> float:
    """Probability of the upper barrier; NaN for a NaN margin and for an unknown regime.

    Margins outside the table, infinite ones too, get its first or last value.

    Examples
    --------
    >>> table = RegimeMap(CalibrationForm.PLATT, 0, 0.0, x=(-1.0, 1.0), y=(0.4, 0.6))
    >>> calibration = Calibration({regime: table for regime in REGIMES})
    >>> apply(calibration, 9.0, "range"), apply(calibration, 9.0, "unheard of")
    (0.6, nan)
    """
    table = calibration.maps.get(regime)
    if table is None or math.isnan(margin):
        return math.nan
    x, y = table.x, table.y
    i = bisect_right(x, margin)
    if i == 0:
        return y[0]
    if i == len(x):
        return y[-1]
    share = (margin - x[i - 1]) / (x[i] - x[i - 1])
    return min(y[i - 1] + (y[i] - y[i - 1]) * share, y[i])


def apply_many(
    calibration: Calibration, margins: FloatArray, regimes: Sequence[str]
) -> FloatArray:
    """Return :func:`apply` of each margin in its own regime, as (n,) float64.

    Examples
    --------
    >>> table = RegimeMap(CalibrationForm.PLATT, 0, 0.0, x=(-1.0, 1.0), y=(0.4, 0.6))
    >>> calibration = Calibration({regime: table for regime in REGIMES})
    >>> apply_many(calibration, np.array([-1.0, 2.0]), ["trend", "crisis"]).tolist()
    [0.4, 0.6]
    """
    pairs = zip(margins.tolist(), regimes, strict=True)
    return np.array(
        [apply(calibration, margin, regime) for margin, regime in pairs], np.float64
    )


def to_bytes(calibration: Calibration) -> bytes:
    """Write as canonical JSON: equal tables give equal bytes."""
    return msgspec.json.encode(calibration, order="sorted")


def from_bytes(content: bytes) -> Calibration | Refuse:
    """Read and validate; anything but sound tables is refused.

    Examples
    --------
    >>> from_bytes(b'{"maps": {}}').findings[0].code
    'calibration.regimes'
    """
    try:
        calibration = msgspec.json.decode(content, type=Calibration)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return refuse("calibration.unreadable", f"not a calibration: {error}")
    verdict = validate(calibration)
    return calibration if isinstance(verdict, Pass) else Refuse(verdict.findings)


def validate(calibration: Calibration) -> Verdict:
    """Say whether every regime has a table that is sorted, monotone, and inside (0, 1).

    Examples
    --------
    >>> table = RegimeMap(CalibrationForm.PLATT, 0, 0.0, x=(-1.0, 1.0), y=(0.4, 1.0))
    >>> validate(Calibration({regime: table for regime in REGIMES})).findings[0].code
    'calibration.probability'
    """
    if set(calibration.maps) != set(REGIMES):
        detail = f"maps for {sorted(calibration.maps)}, needed for {sorted(REGIMES)}"
        return refuse("calibration.regimes", detail)
    for regime, table in calibration.maps.items():
        if (fault := _fault(table)) is not None:
            return refuse(fault[0], f"map of {regime!r}: {fault[1]}")
    return Pass()


def _fault(table: RegimeMap) -> tuple[str, str] | None:
    x, y = table.x, table.y
    checks = (
        (
            MIN_KNOTS <= len(x) == len(y) <= MAX_KNOTS,
            "calibration.length",
            f"{len(x)} margins, {len(y)} probabilities",
        ),
        (
            all(math.isfinite(value) for value in x) and all(a < b for a, b in pairwise(x)),
            "calibration.margin",
            "margins must be finite and strictly increase",
        ),
        (
            all(0.0 < value < 1.0 for value in y),
            "calibration.probability",
            "a probability is not strictly inside (0, 1)",
        ),
        (
            all(a <= b for a, b in pairwise(y)),
            "calibration.monotone",
            "a higher margin means a lower probability",
        ),
        (
            0.0 <= table.n_effective <= table.n,
            "calibration.count",
            f"{table.n_effective} independent of {table.n} samples",
        ),
    )
    return next(((code, detail) for sound, code, detail in checks if not sound), None)
