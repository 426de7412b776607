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
   Where it is known and where not is one of the forms.
4. One that did not change at all depends on time alone. It may be the hour of the day, or
   a table of anything; what the table knew is not seen from here, and that is said.

What a window still holds of the old bars fades within its length; over so few rows chance
is large, and the sums know how few there are. A table that knows little of the future,
mixed with much else, is not found. Where too few bars are left to ask about, that is said:
the question is then open.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, inconclusive
from stairway.features.asking import misfit, moved, varies
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.features.series import TIMES, Futures, Series

_BACK, _AHEAD = 2, 64
_FORMS = 4
_CHANCE, _LEAST = 1e-6, 0.1
_FEWEST_MOVES = 120
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
        A refusal, or a pass that names the columns which depend on time alone; inconclusive
        where it could not be asked. A series with neither a close nor times has no answer
        that could be known by them, and passes.
    """
    if "close" not in part:
        return _without_close(part)
    cut = _cut(futures)
    if cut == 0:
        return _too_few(futures.rows)
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
        if "time_ns" in part and varies(column) and moved(column, after[name], 0.0) is None
    ]
    return Pass(tuple(alone))


def _without_close(part: Series) -> Verdict:
    """Nothing is known by their time of columns that have none."""
    if not any(name in part for name in TIMES):
        return Pass()
    return inconclusive(
        "causality.no_close",
        "the series has times and no close, so nobody can see what is known by time alone: "
        "call the column close whose future must not be known, or leave the times out",
    )


def _cut(futures: Futures) -> int:
    """Where prices begin to stand still: a third on, or where enough are left; 0 if nowhere."""
    latest = max(futures.rows - _FEWEST_MOVES - 1, 0)
    return futures.snap(min(futures.rows // 3, latest)) or futures.snap(latest)


def _too_few(rows: int) -> Verdict:
    least = _FEWEST_MOVES + 2
    if rows < least:
        detail = (
            f"{rows:,} bars of at least {least:,} that it takes to see what is known by their "
            "time alone; bring more bars"
        )
        return inconclusive("causality.too_few_bars", detail, rows, least)
    detail = (
        f"no cut leaves {_FEWEST_MOVES:,} moves behind it, so nobody can see what is known by "
        "time alone; the available_ns of the bars must differ"
    )
    return inconclusive("causality.no_cut", detail, 0.0, 1.0)


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
        forms = (column, _step(column), _step(np.log(np.abs(column))), _known(column))
    for what in filter(varies, forms):
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


def _known(column: FloatArray) -> FloatArray:
    """1 where a column is known and 0 where not, from its first value on."""
    known = np.isfinite(column)
    return np.where(np.logical_or.accumulate(known), known, np.nan)


def _ranked(values: FloatArray) -> FloatArray:
    """Ranks around 0, of size 1; equal values have the mean of theirs, unknown ones 0."""
    known = np.isfinite(values)
    rank: FloatArray = np.zeros(values.size)
    _, place, count = np.unique(values[known], return_inverse=True, return_counts=True)
    if count.size > 1:
        mean = (np.cumsum(count) - (count - 1) / 2.0)[place]
        rank[known] = (mean - mean.mean()) / mean.std()
    return rank
