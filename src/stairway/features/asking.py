"""Asking a function that we did not write, and comparing what it answers.

Whatever such a function does, the answer is a value: its columns, or a finding that says
what was wrong with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.attempted import Raised, attempted
from stairway.base.verdict import Finding
from stairway.market.bars import PairBars

_UNITS = 64
_USUAL = 0.99

T = TypeVar("T")
Columns: TypeAlias = Mapping[str, FloatArray]
Pipeline: TypeAlias = Callable[[PairBars], Columns]


def ask(pipeline: Pipeline, bars: PairBars, why: str) -> dict[str, FloatArray] | Finding:
    """Return the pipeline's columns, (n,) float64 each, or what is wrong with them.

    The pipeline gets arrays of its own, so changing them in place harms nobody.

    Parameters
    ----------
    why
        What was done to the bars, for the finding.
    """
    return answered(lambda: pipeline(_own(bars)), _named, f"on {len(bars):,} bars ({why})")


def answered(
    call: Callable[[], Any], read: Callable[[Any], dict[str, FloatArray]], doing: str
) -> dict[str, FloatArray] | Finding:
    """Call, and read columns from what comes back; a finding where either goes wrong."""
    answer = guarded(call, doing)
    if isinstance(answer, Finding):
        return answer
    return guarded(lambda: read(answer), "answering with columns of numbers") or Finding(
        "causality.no_columns", "the pipeline gave no column at all; nothing can be proved"
    )


def guarded(call: Callable[[], T], doing: str) -> T | Finding:
    """Call, and turn whatever is raised into a finding; only an interrupt goes through."""
    got = attempted(call)
    if not isinstance(got, Raised):
        return got
    said = f"the pipeline raised {got.name} {doing}: {got.said}"
    if not got.advised:
        said += (
            "; it must answer for any beginning of the bars, with NaN where it knows nothing"
        )
    return Finding("causality.raised", said)


def misfit(answer: Columns, base: Columns, rows: int, why: str) -> Finding | None:
    """Say what is wrong with the columns or lengths of an answer about ``rows`` bars."""
    if list(answer) != list(base):
        odd = sorted(set(answer) ^ set(base)) or list(answer)
        return Finding(
            "causality.columns",
            f"with bars {why} the columns are others: {', '.join(odd[:3])}; names and order "
            "must not depend on the bars",
        )
    for name, column in answer.items():
        if column.shape != (rows,):
            return Finding(
                "causality.length",
                f"column {name} has shape {column.shape} for {rows:,} bars ({why}); it needs "
                "one value for each bar",
                float(column.size),
                float(rows),
            )
    return None


@dataclass(frozen=True, slots=True)
class Grain:
    """What the rounding of a column is measured by.

    Attributes
    ----------
    step
        Median size of the steps from row to row that are neither zero nor unknown.
    usual
        Size that one in a hundred of the values exceeds which are neither zero nor unknown.
    largest
        Largest finite size.
    """

    step: float
    usual: float
    largest: float


def grain(column: FloatArray) -> Grain:
    """Measure a column once, to compare others with it.

    Examples
    --------
    >>> import numpy as np
    >>> grain(np.array([0.0, 1.0, 1.0, -4.0, np.nan]))
    Grain(step=3.0, usual=1.0, largest=4.0)
    """
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.abs(np.diff(column))
    steps = steps[np.isfinite(steps) & (steps != 0.0)]
    # Halves, since the mean of the two in the middle may be larger than a number can be.
    step = 2.0 * float(np.median(0.5 * steps)) if steps.size else 0.0
    return Grain(step, _usual(column), _largest(column))


@dataclass(frozen=True, slots=True)
class Change:
    """First place where two columns differ, and by how much.

    Attributes
    ----------
    row
        That place.
    difference
        Largest difference, relative to the largest finite size of the first column.
    sure
        False where the rounding of a few huge values explains every difference.
    """

    row: int
    difference: float
    sure: bool


def compared(
    before: FloatArray,
    after: FloatArray,
    tolerance: float,
    measured: Grain,
    whole: FloatArray,
) -> Change | None:
    """Say whether the parts of two answers differ, by more than what rounding does.

    NaN equals NaN and an infinity itself; a value that appears, disappears or becomes
    infinite differs infinitely. Rounding does the tolerance of the column's usual step from
    one row to the next, whatever level it stands on, and 64 units in the last place of a
    value, over which a Fourier transform spreads its rounding: of one that 99 in 100 do not
    exceed where nothing is left open, of the largest where a difference is not sure to be
    none. A tolerance of 0 bears no difference at all.

    Parameters
    ----------
    before, after : (k,) float64
        Parts of the two answers.
    measured, whole
        Grain of the whole first answer, and the whole second one.
    """
    if np.array_equal(before.view(np.int64), after.view(np.int64)):
        return None
    difference = _differences(before, after)
    largest = float(difference.max())
    unit = _UNITS * float(np.finfo(np.float64).eps) if tolerance else 0.0
    step = tolerance * measured.step
    # What the second answer may round only adds to it, so it is measured where it must be.
    if largest <= step + unit * measured.usual:
        return None
    usual = step + unit * max(measured.usual, _usual(whole))
    if largest <= usual:
        return None
    most = step + unit * max(measured.largest, _largest(whole))
    sure = not largest <= most
    row = int(np.argmax(~(difference <= (most if sure else usual))))
    return Change(row, float(f"{largest / (_largest(before) or 1.0):.12g}"), sure)


def moved(
    before: FloatArray,
    after: FloatArray,
    tolerance: float,
    whole: tuple[FloatArray, FloatArray] | None = None,
) -> tuple[int, float] | None:
    """First place where two columns differ, and their largest relative difference.

    A difference that only the rounding of a few huge values explains is none here; see
    :func:`unsure`, and :func:`compared` for what rounding is.

    Parameters
    ----------
    whole
        The whole answers that the two are parts of, for step and size; the two themselves
        where it is not given.

    Examples
    --------
    >>> import numpy as np
    >>> moved(np.array([1.0, 2.0]), np.array([1.0, 2.2]), 1e-9)
    (1, 0.1)
    >>> moved(np.array([np.nan, 2.0]), np.array([np.nan, 2.0]), 1e-9) is None
    True
    >>> level = np.array([1e6, 1e6 + 0.01])
    >>> moved(level, level + 1e-6, 1e-9) is None
    False
    """
    change = _change(before, after, tolerance, whole)
    return (change.row, change.difference) if change is not None and change.sure else None


def unsure(
    before: FloatArray,
    after: FloatArray,
    tolerance: float,
    whole: tuple[FloatArray, FloatArray] | None = None,
) -> int | None:
    """First row whose difference may be the rounding of a huge value, or may be foresight.

    A transform of the whole column spreads the rounding of its largest value over all
    rows. Where that is more than 99 in 100 of the values would round, a difference between
    the two shows neither guilt nor innocence.

    Parameters
    ----------
    before, after, tolerance, whole
        As in :func:`moved`.

    Examples
    --------
    >>> import numpy as np
    >>> column = np.array([1.0, 2.0, 1.0, 2.0, 1e18])
    >>> unsure(column, column + 100.0, 1e-9), moved(column, column + 100.0, 1e-9)
    (0, None)
    """
    change = _change(before, after, tolerance, whole)
    return change.row if change is not None and not change.sure else None


def varies(column: FloatArray) -> bool:
    """Whether a column has two values that differ, or a hole behind its first one.

    Where a column knows nothing says something; that it warms up says nothing.

    Examples
    --------
    >>> import numpy as np
    >>> varies(np.array([np.nan, 1.0, 1.0])), varies(np.array([1.0, np.nan, 1.0]))
    (False, True)
    """
    hole = np.isnan(column)
    known = column[~hole]
    return bool((known != known[:1]).any() or (known.size and hole[hole.argmin() :].any()))


def _change(
    before: FloatArray,
    after: FloatArray,
    tolerance: float,
    whole: tuple[FloatArray, FloatArray] | None,
) -> Change | None:
    first, second = whole or (before, after)
    if np.array_equal(before.view(np.int64), after.view(np.int64)):
        return None
    return compared(before, after, tolerance, grain(first), second)


def _differences(before: FloatArray, after: FloatArray) -> FloatArray:
    """Sizes of the differences, infinite where only one is known."""
    with np.errstate(invalid="ignore", over="ignore"):
        difference: FloatArray = np.subtract(after, before)
    np.abs(difference, out=difference)
    odd = np.flatnonzero(np.isnan(difference))
    one, other = before[odd], after[odd]
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    difference[odd] = np.where(same, 0.0, np.inf)
    return difference


def _usual(column: FloatArray) -> float:
    """Size that one in a hundred of the values exceeds which are neither zero nor unknown."""
    sizes = np.abs(column[np.isfinite(column) & (column != 0.0)])
    return float(np.quantile(sizes, _USUAL, method="lower")) if sizes.size else 0.0


def _largest(column: FloatArray) -> float:
    return float(np.abs(column[np.isfinite(column)]).max(initial=0.0))


def _named(answer: Any) -> dict[str, FloatArray]:
    return {str(name): np.array(column, np.float64) for name, column in answer.items()}


def _own(bars: PairBars) -> PairBars:
    return replace(
        bars,
        time_ns=bars.time_ns.copy(),
        session=bars.session.copy(),
        last_of_session=bars.last_of_session.copy(),
        open=bars.open.copy(),
        high=bars.high.copy(),
        low=bars.low.copy(),
        close=bars.close.copy(),
        volume=bars.volume.copy(),
    )
