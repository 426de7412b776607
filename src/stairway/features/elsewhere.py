"""Columns that know the bars from elsewhere: a table of the whole history, joined by time.

Such a column looks causal, because no change of the bars that it is given reaches it. So
prices stand still from a third of the series on, *with the times as they were*, and the
answer is held against the moves that are no longer there:

1. One that goes with a later move of the old bars, more than with any earlier one and far
   more than chance, knows the future of the source.
2. One that did not change at all depends on time alone. It may be the hour of the day, or
   a table of anything; what the table knew is not seen from here, and that is said.

A table that knows little of the future, mixed with much else, is not found.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Finding, Pass, Refuse, Verdict
from stairway.features.asking import misfit, moved
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.features.series import Futures, Series

_BACK, _AHEAD = 2, 64
_DEVIATIONS, _LEAST = 6.0, 0.1
_FEWEST = 100
_WHY = "given prices that stand still at the same times"


def judged_by_time(
    ask: Callable[[Series, str], dict[str, FloatArray] | Finding],
    part: Series,
    futures: Futures,
    seed: int,
) -> Verdict:
    """Ask with prices that stand still, of a function that was found causal.

    Returns
    -------
    Verdict
        A refusal, or a pass that names the columns which depend on time alone.
    """
    if "close" not in part or "time_ns" not in part:
        return Pass()
    cut = futures.snap(max(futures.rows // 3, 1))
    if not 0 < cut < futures.rows - _FEWEST:
        return Pass()
    still, noise = (
        futures.changed(part, cut, kind, Probe(cut, kind, seed).rng).bars
        for kind in (Perturbation.CONSTANT, Perturbation.NOISE)
    )
    other = dict(still) | {name: noise[name] for name in ("labels",) if name in part}
    before, after = ask(part, "as they are"), ask(other, _WHY)
    if isinstance(before, Finding) or isinstance(after, Finding):
        return Refuse(tuple(one for one in (before, after) if isinstance(one, Finding)))
    wrong = misfit(after, before, futures.rows, _WHY)
    if wrong is not None:
        return Refuse((wrong,))
    moves = np.diff(part["close"])[cut:]
    known = [
        said
        for name, column in after.items()
        if (said := _follows(name, column[cut + 1 :], moves)) is not None
    ]
    if known:
        return Refuse(tuple(known))
    alone = [
        Finding(
            "causality.time_only",
            f"column {name} depends on time_ns alone: whether a table that it is read from "
            "knew the future cannot be seen from here",
        )
        for name, column in before.items()
        if _varies(column) and moved(column, after[name], 0.0) is None
    ]
    return Pass(tuple(alone))


def _follows(name: str, column: FloatArray, moves: FloatArray) -> Finding | None:
    """Say that a column goes with later moves of bars that it was not given."""
    with np.errstate(divide="ignore", invalid="ignore"):
        forms = (column, _step(column), _step(np.log(np.abs(column))))
    for what in forms:
        links = {k: _link(what, moves, k) for k in range(-_BACK, _AHEAD + 1)}
        behind = max(abs(links[k]) for k in range(-_BACK, 1))
        ahead = max(range(1, _AHEAD + 1), key=lambda k: abs(links[k]))
        bound = max(_LEAST, _DEVIATIONS / math.sqrt(moves.size), behind)
        if abs(links[ahead]) > bound:
            return Finding(
                "causality.elsewhere",
                f"column {name} goes with the move {ahead} ahead of the bars as they were by "
                f"{links[ahead]:+.2f}, though it was given prices that stand still at these "
                "times: it knows the future from elsewhere, a file or a memory",
                links[ahead],
                bound,
                moves.size,
            )
    return None


def _step(column: FloatArray) -> FloatArray:
    return np.concatenate(([np.nan], np.diff(column)))


def _link(column: FloatArray, moves: FloatArray, ahead: int) -> float:
    """Rank correlation of a column with the moves so many rows later; 0 where unknown."""
    n = moves.size - abs(ahead)
    one = column[:n] if ahead >= 0 else column[-ahead:]
    other = moves[ahead:] if ahead >= 0 else moves[:n]
    known = np.isfinite(one)
    if int(known.sum()) < _FEWEST:
        return 0.0
    x, y = _ranked(one[known]), _ranked(other[known])
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size > 0.0 else 0.0


def _ranked(values: FloatArray) -> FloatArray:
    """Ranks around 0; equal values have the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank: FloatArray = (last - (count - 1) / 2.0)[place]
    return rank - rank.mean()


def _varies(column: FloatArray) -> bool:
    known = column[~np.isnan(column)]
    return bool((known != known[:1]).any())
