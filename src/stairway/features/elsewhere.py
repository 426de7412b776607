"""Columns that know the bars from elsewhere: a table of the whole history, joined by time.

Such a column looks causal, because no change of the bars that it is given reaches it. So
prices stand still from a third of the series on, *with the times as they were*, and the
answer is held against the moves that are no longer there:

1. Column and moves become ranks, and one Fourier transform gives the sum of their products
   at every distance in rows.
2. A sum is counted in deviations: the root of the sum of the same products squared. Whose
   signs are chance exceeds ``d`` of them, whatever sizes follow each other, no more often
   than ``2 exp(-d * d / 2)``. Moves that follow each other exceed more: what the sums of all
   other distances do is the measure then.
3. One that goes with a later move of the old bars, more than with any earlier one and more
   than chance does with all leads, forms and columns tried, knows the future of the source.
4. One that did not change at all depends on time alone. It may be the hour of the day, or
   a table of anything; what the table knew is not seen from here, and that is said.

What a window still holds of the old bars fades within its length; over so few rows chance
is large, and the sums know how few there are. A table that knows little of the future,
mixed with much else, is not found.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.verdict import Finding, Pass, Refuse, Verdict
from stairway.features.asking import misfit, moved, varies
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.features.series import Futures, Series

_BACK, _AHEAD = 2, 64
_FORMS = 3
_CHANCE, _LEAST = 1e-6, 0.1
_FEWEST = 100
_NOTHING = 1e-9
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
    moves = _Moves(np.diff(part["close"])[cut:])
    most = _deviations(len(after))
    known = [
        said
        for name, column in after.items()
        if (said := _follows(name, column[cut + 1 :], moves, most)) is not None
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
        if varies(column) and moved(column, after[name], 0.0) is None
    ]
    return Pass(tuple(alone))


class _Moves:
    """Moves as ranks, on a ring so wide that no lead reaches round it."""

    def __init__(self, moves: FloatArray) -> None:
        self.rank = _ranked(moves)
        self._width: int = 1 << (moves.size + _AHEAD).bit_length()
        self._spectra = [np.fft.rfft(one, self._width) for one in (self.rank, self.rank**2)]
        distance = np.arange(self._width)
        self._asked: BoolArray = (distance <= _AHEAD) | (distance >= self._width - _BACK)

    def links(self, column: FloatArray) -> tuple[FloatArray, float]:
        """Deviations at each distance, (rows,) and those behind from the end; chance's own."""
        rank = _ranked(column)
        sums, squares = (
            np.fft.irfft(np.conj(np.fft.rfft(one, self._width)) * other, self._width)
            for one, other in zip((rank, rank**2), self._spectra, strict=True)
        )
        squares = np.maximum(squares, _NOTHING * rank.size)
        others = ~self._asked
        chance = math.sqrt(float((sums[others] ** 2).sum() / squares[others].sum()))
        return sums / np.sqrt(squares), max(chance, 1.0)

    def link(self, column: FloatArray, ahead: int) -> tuple[float, int]:
        """Correlation of the ranks with those so many rows later, and of how many rows."""
        known = np.flatnonzero(np.isfinite(column[: column.size - ahead]))
        x, y = _ranked(column[known]), self.rank[known + ahead]
        size = math.sqrt(float(x @ x) * float(y @ y))
        return (float(x @ y) / size if size > 0.0 else 0.0), known.size


def _deviations(columns: int) -> float:
    """How many deviations chance reaches once in a million proofs, whatever it is tried on."""
    return math.sqrt(2.0 * math.log(2.0 * columns * _FORMS * _AHEAD / _CHANCE))


def _follows(name: str, column: FloatArray, moves: _Moves, most: float) -> Finding | None:
    """Say that a column goes with later moves of bars that it was not given."""
    with np.errstate(divide="ignore", invalid="ignore"):
        forms = (column, _step(column), _step(np.log(np.abs(column))))
    for what in forms:
        links, chance = moves.links(what)
        behind = max(abs(float(links[-k])) for k in range(_BACK + 1))
        ahead = 1 + int(np.argmax(np.abs(links[1 : _AHEAD + 1])))
        far, bound = abs(float(links[ahead])), max(most * chance, behind)
        if not far > bound:
            continue
        link, rows = moves.link(what, ahead)
        if abs(link) > _LEAST:
            return Finding(
                "causality.elsewhere",
                f"column {name} goes with the move {ahead} ahead of the bars as they were by "
                f"{link:+.2f} over {rows:,} rows, though it was given prices that stand still "
                "at these times: it knows the future from elsewhere, a file or a memory",
                far,
                bound,
                rows,
            )
    return None


def _step(column: FloatArray) -> FloatArray:
    return np.concatenate(([np.nan], np.diff(column)))


def _ranked(values: FloatArray) -> FloatArray:
    """Ranks around 0, of size 1; equal values have the mean of theirs, unknown ones 0."""
    known = np.isfinite(values)
    rank: FloatArray = np.zeros(values.size)
    _, place, count = np.unique(values[known], return_inverse=True, return_counts=True)
    if count.size > 1:
        mean = (np.cumsum(count) - (count - 1) / 2.0)[place]
        rank[known] = (mean - mean.mean()) / mean.std()
    return rank
