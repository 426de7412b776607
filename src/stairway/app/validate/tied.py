"""Whether what was proved is what earned the returns that are judged.

1. A study earns something before costs from each bar that a fold of it tests, on the bars
   as they are.
2. The returns of the chosen column, with their costs put back, must be these numbers: at
   the same instants, none left out and none added, but for rounding. A row may carry the
   time of the bar at whose close the position was taken, or of the next, at whose close it
   was earned; days alone stand for the one bar of that day.
3. Where they are not, nothing that was shown of the study is shown of the returns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stairway.app.proof.told import StudyAnswer
from stairway.app.validate.digits import told_both
from stairway.app.validate.given import Given
from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.verdict import Verdict, inconclusive, passed

_DAY_NS = 86_400_000_000_000
_OF_USUAL, _LEAST = 1e-4, 1e-12
_NOT_IT = "not shown: what was proved is not what earned these returns"


def tied(found: Given, answer: StudyAnswer) -> Verdict:
    """Hold what a study earns against the returns that are to be proved."""
    gross = found.record.gross
    if gross is None:
        detail = (
            "not shown: a study earns before costs, and only returns after costs are given; "
            "give --cost or --gross, so that they can be held against each other"
        )
        return inconclusive("proof.untied", detail)
    if not answer.earned:
        return inconclusive("proof.untied", f"{_NOT_IT}: it could not be asked what it earns")
    odd = np.flatnonzero(~(gross - found.record.returns >= -_LEAST))
    if odd.size:
        at = _said(int(found.time_ns[odd[0]]))
        detail = f"{_NOT_IT}: at {at} they are more after costs than before"
        return inconclusive("proof.untied", detail, float(odd[0]))
    many, how = min(_apart(found, gross, answer))
    if many:
        return inconclusive("proof.untied", f"{_NOT_IT}: {how}", many, 0.0)
    n = found.record.n_rows
    return passed("proof.tied", f"the study earns these returns at each of {n:,} rows", n=n)


def unshown(what: str) -> Verdict:
    """Say that something was proved that nothing ties to the returns."""
    return inconclusive("proof.untied", f"not shown: {what}")


def _apart(found: Given, gross: FloatArray, answer: StudyAnswer) -> Iterator[tuple[float, str]]:
    """First instant at which they differ, and how, for either meaning of a row's time."""
    bars: IntArray = np.array(answer.time_ns, np.int64)
    earned: FloatArray = np.array(answer.earned, np.float64)
    if found.time_ns.size and not bool((found.time_ns % _DAY_NS).any()):
        bars = bars - bars % _DAY_NS
    yield _difference((bars, earned), (found.time_ns, gross))
    if bars.size > 1:
        yield _difference((bars[1:], earned[:-1]), (found.time_ns, gross))


def _difference(
    study: tuple[IntArray, FloatArray], returns: tuple[IntArray, FloatArray]
) -> tuple[int, str]:
    (bars, earned), (times, gross) = study, returns
    twice = np.flatnonzero(np.diff(bars) <= 0)
    if twice.size:
        day = _said(int(bars[twice[0]]))[:10]
        return times.size, f"there are several bars on {day}; give the time of each row"
    row: IntArray = np.minimum(np.searchsorted(bars, times), bars.size - 1)
    there: BoolArray = bars[row] == times
    held: BoolArray = ~np.isnan(earned)
    value: FloatArray = np.where(held, earned, 0.0)
    known = np.abs(value[value != 0.0])
    rounding = max(_OF_USUAL * float(np.median(known)) if known.size else 0.0, _LEAST)
    other = there & ~(np.abs(value[row] - gross) <= rounding)
    left_out = held.copy()
    left_out[row[there]] = False
    k = int(np.argmax(other))
    own, theirs = told_both(float(value[row[k]]), float(gross[k]))
    both = f"it earns {own} before costs, and they are {theirs}"
    first = [
        *_at(times[~there], "there is no bar at {}"),
        *_at(times[other], "at {} " + both),
        *_at(bars[left_out], "it was tested at {}, and they leave that out"),
    ]
    many = int((~there).sum() + other.sum() + left_out.sum())
    return many, min(first, default=(0, ""))[1]


def _at(times: IntArray, said: str) -> list[tuple[int, str]]:
    """Say it of the first of some instants."""
    return [(at, said.format(_said(at))) for at in times[:1].tolist()]


def _said(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns"))[:19]
