"""How large a feature is, as the training rows knew it: frozen, and sealed with its policy.

A policy reads features in standard deviations of the rows that it was trained on, cut at
a bound. The figures are made once, from training rows alone, and never move afterwards:
a normaliser that went on learning would show the policy another market each day.

A column that never moved in training says nothing: it is 0 for ever. What is not finite
stays unknown: NaN comes out, never a number in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError, TooLittleError
from stairway.base.hashing import array_hash
from stairway.base.verdict import Pass, Refuse, Verdict, refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models.neural import kernels

WIDTH = 2 * len(FEATURE_NAMES)
"""Columns: the first instrument's features, then the second's."""

MIN_ROWS = 2
MAX_CLIP = 100.0
"""A bound beyond this cuts nothing and lets one bad bar shout everything else down."""


@dataclass(frozen=True, slots=True, eq=False)
class Normaliser:
    """Mean and deviation of each column, and where a value is cut. Compare fingerprints.

    Attributes
    ----------
    mean, deviation : (24,) float64
        Of the training rows; a deviation of 0 marks a column that never moved.
    clip : float
        Largest size of a normalised value, in deviations; > 0.
    """

    mean: FloatArray
    deviation: FloatArray
    clip: float

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that its answers depend on."""
        return array_hash(self.mean, self.deviation, np.array([self.clip]))

    def apply(self, rows: FloatArray) -> NDArray[np.float32]:
        """Return rows in deviations, cut at the bound, rounded once to float32.

        Parameters
        ----------
        rows : (24,) or (n, 24) float64
            Left alone. NaN and infinite values come out as NaN, in the same place.

        Raises
        ------
        DataError
            If a row has another width.

        Examples
        --------
        >>> rows = np.tile([[0.0], [2.0]], 24)
        >>> fit(rows, clip=5.0).apply(np.full(24, 4.0))[:2]
        array([3., 3.], dtype=float32)
        """
        if rows.ndim == 0 or rows.shape[-1] != WIDTH:
            msg = f"rows are {rows.shape}; a pair's rows have {WIDTH} columns"
            raise DataError(msg)
        table = np.ascontiguousarray(rows, np.float64).reshape(-1, WIDTH)
        said = kernels.normalised(table, self.mean, self.deviation, self.clip)
        return said.reshape(rows.shape)


class NormaliserForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same as JSON can say it; floats are written so that they read back to the bit."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    clip: Annotated[float, Meta(gt=0.0, le=MAX_CLIP)]


def fit(rows: FloatArray, clip: float) -> Normaliser:
    """Measure training rows; nothing later may be among them.

    Parameters
    ----------
    rows : (n, 24) float64
        Rows of both instruments, warm-up left out: finite.
    clip : float
        Where a value is cut, in deviations; in (0, 100].

    Raises
    ------
    DataError
        If a row is not finite, there are fewer than two, or the bound makes no sense.

    Examples
    --------
    >>> made = fit(np.tile([[1.0], [3.0]], 24), clip=5.0)
    >>> float(made.mean[0]), float(made.deviation[0])
    (2.0, 1.0)
    """
    if rows.shape[1:] != (WIDTH,) or rows.shape[0] < MIN_ROWS:
        msg = f"rows are {rows.shape}; needed are at least {MIN_ROWS} rows of {WIDTH} columns"
        if rows.shape[1:] != (WIDTH,):
            raise DataError(msg)
        raise TooLittleError(msg, rows.shape[0], MIN_ROWS)
    if bad := int(np.count_nonzero(~np.isfinite(rows).all(axis=1))):
        msg = f"{bad} of {rows.shape[0]} training rows are not finite; leave the warm-up out"
        raise DataError(msg)
    # The deviation of equal numbers can be a rounding error: compare them instead
    still = rows.max(axis=0) == rows.min(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        mean, deviation = rows.mean(axis=0), np.where(still, 0.0, rows.std(axis=0))
    made = Normaliser(mean, deviation, float(clip))
    verdict = validate(made)
    if not isinstance(verdict, Pass):
        raise DataError(verdict.findings[0].detail)
    return made


def to_form(normaliser: Normaliser) -> NormaliserForm:
    """Return what is written down.

    Examples
    --------
    >>> to_form(fit(np.tile([[1.0], [3.0]], 24), clip=5.0)).mean[:2]
    (2.0, 2.0)
    """
    mean, deviation = normaliser.mean.tolist(), normaliser.deviation.tolist()
    return NormaliserForm(tuple(mean), tuple(deviation), normaliser.clip)


def from_form(form: NormaliserForm) -> Normaliser | Refuse:
    """Read what was written down, and refuse anything but a sound normaliser.

    Examples
    --------
    >>> from_form(NormaliserForm((0.0,), (1.0,), 5.0)).findings[0].code
    'normaliser.shape'
    """
    made = Normaliser(np.array(form.mean), np.array(form.deviation), form.clip)
    verdict = validate(made)
    return made if isinstance(verdict, Pass) else Refuse(verdict.findings)


def validate(normaliser: Normaliser) -> Verdict:
    """Say whether rows may be read through it.

    Examples
    --------
    >>> validate(Normaliser(np.zeros(24), np.full(24, -1.0), 5.0)).findings[0].code
    'normaliser.deviation'
    """
    mean, deviation, clip = normaliser.mean, normaliser.deviation, normaliser.clip
    if mean.shape != (WIDTH,) or deviation.shape != (WIDTH,):
        detail = f"means are {mean.shape} and deviations {deviation.shape}, needed ({WIDTH},)"
        return refuse("normaliser.shape", detail)
    if mean.dtype != np.float64 or deviation.dtype != np.float64:
        detail = f"means are {mean.dtype} and deviations {deviation.dtype}, needed float64"
        return refuse("normaliser.dtype", detail)
    if not np.isfinite(mean).all():
        return refuse("normaliser.mean", "a mean is not finite")
    # Written so that NaN refuses
    if not (np.all(deviation >= 0.0) and np.isfinite(deviation).all()):
        return refuse("normaliser.deviation", "a deviation is negative or not finite")
    if not 0.0 < clip <= MAX_CLIP:
        detail = f"the bound is {clip}; allowed are numbers above 0 up to {MAX_CLIP}"
        return refuse("normaliser.clip", detail, clip, MAX_CLIP)
    return Pass()
