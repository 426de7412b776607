"""Asking a function that we did not write, and comparing what it answers.

Whatever such a function does, the answer is a value: its columns, or a finding that says
what was wrong with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Finding
from stairway.market.bars import PairBars

_LONGEST = 300
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
    return answered(lambda: pipeline(_own(bars)), _named, f"on {len(bars)} bars ({why})")


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
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody else's code: what it raises is a refusal
        said = " ".join(str(error).split())[:_LONGEST] or "without a word"
        return Finding(
            "causality.raised",
            f"the pipeline raised {type(error).__name__} {doing}: {said}; it must answer "
            "for any beginning of the bars, with NaN where it knows nothing",
        )


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
                f"column {name} has shape {column.shape} for {rows} bars ({why}); it needs "
                "one value for each bar",
                float(column.size),
                float(rows),
            )
    return None


def moved(
    before: FloatArray,
    after: FloatArray,
    tolerance: float,
    whole: tuple[FloatArray, FloatArray] | None = None,
) -> tuple[int, float] | None:
    """First place where two columns differ, and their largest relative difference.

    Differences are relative to the largest finite size in ``before``. NaN equals NaN and
    an infinity itself; a value that appears, disappears or becomes infinite differs
    infinitely. None where all lies within what rounding does: the tolerance of the
    column's usual step from one row to the next, whatever level it stands on, and 64 units
    in the last place of its largest value, over which a Fourier transform spreads its
    rounding. A tolerance of 0 bears no difference at all. A difference that only the
    rounding of a few huge values explains is none here; see :func:`unsure`.

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
    if np.array_equal(before.view(np.int64), after.view(np.int64)):
        return None
    difference, _, most = _differences(before, after, tolerance, whole or (before, after))
    far = np.flatnonzero(~(difference <= most))
    if not far.size:
        return None
    return int(far[0]), float(f"{difference.max() / (_largest(before) or 1.0):.12g}")


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
    if moved(before, after, tolerance, whole) is not None:
        return None
    difference, usual, _ = _differences(before, after, tolerance, whole or (before, after))
    far = np.flatnonzero(~(difference <= usual))
    return int(far[0]) if far.size else None


def _differences(
    before: FloatArray,
    after: FloatArray,
    tolerance: float,
    whole: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, float, float]:
    """Differences, what rounding usually does, and what that of the largest value could."""
    finite = np.isfinite(before) & np.isfinite(after)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    difference = np.where(same, 0.0, np.inf)
    with np.errstate(over="ignore"):
        difference[finite] = np.abs(after[finite] - before[finite])
    if tolerance == 0.0:
        return difference, 0.0, 0.0
    usual, most = (
        _UNITS * float(np.finfo(np.float64).eps) * max(size(one) for one in whole)
        for size in (_usual, _largest)
    )
    step = tolerance * _usual_step(whole[0])
    return difference, step + usual, step + most


def _usual_step(column: FloatArray) -> float:
    """Median size of the steps from row to row that are neither zero nor unknown."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.abs(np.diff(column))
    steps = steps[np.isfinite(steps) & (steps != 0.0)]
    return float(np.median(steps)) if steps.size else 0.0


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
