"""What the strategy earns where nothing can be earned.

1. A surrogate is the market with a random sign for each move: its sizes stay, its drift
   and every edge are gone. Features, labels, folds, fits, positions and profit are made
   anew from it.
2. Before costs the profit of each is then 0 on average, whatever is held. Its ``t`` is the
   mean over a standard error that survives serial correlation (:mod:`..hac`).
3. Two questions, each at half the level. Is the profit 0 on average *over the surrogates*,
   by its own spread? A model that learns to use a leak earns everywhere. Are more of the t
   values far from 0, either way, than chance puts there? A model that holds what it has
   seen, with the sign it happens to learn, earns much or loses much.

The first is asked of profit and not of t: folds that train on each other's rows (K-fold,
CPCV) lose often and little, and gain seldom and much, with a larger error when they gain.
Their profit is 0 on average, their t is not. For their sake the second takes t values
beyond the 0.1 % bound, and allows for ten times as many as independent bars would bring.

Losing counts as earning does: where no move can be foretold, a steady loss says that what
was held knew the move.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.errors import DataError
from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.evaluation.battery.chance import fewest_beyond, student_two_sided
from stairway.evaluation.battery.study import BatteryRules, Fold, Study, SurrogateFigures
from stairway.evaluation.hac import critical_value, newey_west_lags, standard_error_of_sum
from stairway.evaluation.moments import Undefined, moments

M = TypeVar("M")

_FAR = 0.001
"""Share of t values beyond the bound, for independent bars."""
_ALLOWED = 0.01
"""Share that is allowed for: folds that train on each other's rows show more of them."""
_FEWEST_T = 8


class Surrogates(msgspec.Struct, frozen=True):
    """The answer, and its figures where there are any."""

    verdict: Verdict
    figures: SurrogateFigures | None = None


def surrogates(
    study: Study[M], market: M, rules: BatteryRules, seed: int, heard: Callable[[], None]
) -> Surrogates:
    """Run the whole study on markets that have no edge.

    Parameters
    ----------
    heard
        Called when a surrogate is done.

    Raises
    ------
    DataError
        If positions or profit are not one for each row, or not finite where they count, or
        something else is held than what is tested.
    """
    n = study.labels(market).value.size
    found: list[tuple[float, float]] = []
    fewest = n
    for turn in range(rules.surrogates):
        rng = np.random.Generator(np.random.PCG64((seed, 2, turn)))
        signs = 1 - 2 * rng.integers(0, 2, n, dtype=np.int8)
        profit = rebuilt(study, study.redrawn(market, signs), seed + turn)
        fewest = min(fewest, profit.size)
        t = t_of_mean(profit)
        if not isinstance(t, Undefined):
            found.append((t, float(profit.mean())))
        heard()
    return judged(found, fewest, rules)


def rebuilt(study: Study[M], market: M, seed: int) -> FloatArray:
    """Everything anew, and the profit of each row that was tested and had an outcome."""
    labels = study.labels(market)
    features, folds = study.features(market), study.folds(labels)
    # Asked before the study is handed its folds, which it may change.
    tested = rows_tested(folds, labels.value.size)
    positions = study.positions(features, labels, folds, seed)
    profit = study.profit(market, positions)
    return profit[counted(positions, profit, tested)]


def rows_tested(folds: Sequence[Fold], n: int) -> BoolArray:
    """Whether any fold tests each row, (n,).

    Raises
    ------
    DataError
        If what a fold tests is no row numbers from 0 to n - 1.

    Examples
    --------
    >>> row = np.arange(5)
    >>> rows_tested([(row[:1], row[2:3]), (row[:2], row[3:])], 5).tolist()
    [False, False, True, True, True]
    """
    tested = np.zeros(n, np.bool_)
    tests = [rows for _, test in folds if (rows := np.asarray(test)).size]
    if not tests:
        return tested
    rows = np.concatenate(tests)
    whole = all(one.dtype.kind in "iu" for one in tests)
    if not (whole and rows.min() >= 0 and rows.max() < n):
        msg = f"a fold tests something else than row numbers from 0 to {n - 1}; give these"
        raise DataError(msg)
    tested[rows] = True
    return tested


def counted(positions: FloatArray, profit: FloatArray, tested: BoolArray) -> BoolArray:
    """Rows that count: tested, and with an outcome, which the last row has not.

    Raises
    ------
    DataError
        If one is not (n,), something else is held than what is tested, or a row that was
        tested has no finite profit.
    """
    n = tested.size
    if not positions.shape == profit.shape == (n,):
        msg = f"positions {positions.shape} and profit {profit.shape}; give {n} of each"
        raise DataError(msg)
    other = strayed(positions, tested)
    if other is not None:
        raise DataError(other)
    rows = tested.copy()
    rows[-1:] = False
    odd = np.flatnonzero(rows & ~(np.isfinite(positions) & np.isfinite(profit)))
    if odd.size:
        row = int(odd[0])
        msg = (
            f"row {row} was tested, but holds {positions[row]:.6g} and earns {profit[row]:.6g};"
            " both must be finite, and a position is NaN only where no fold tests"
        )
        raise DataError(msg)
    return rows


def strayed(positions: FloatArray, tested: BoolArray) -> str | None:
    """Say which row is held and not tested, or tested and not held; the last may be either.

    What is earned on rows that nobody tests is not out of sample, and rows that are left
    out by their position are a choice that nobody has asked about.

    Examples
    --------
    >>> tested = np.array([False, True, True, True])
    >>> print(strayed(np.array([1.0, 0.0, 1.0, 1.0]), tested))
    row 0 holds 1, and no fold tests it (1 such row): give NaN there, or test it
    >>> print(strayed(np.array([np.nan, np.nan, 1.0, np.nan]), tested))
    row 1 is tested, and its position is NaN (1 such row): hold 0 there, or test it in no fold
    >>> print(strayed(np.array([np.nan, 0.0, 1.0, np.nan]), tested))
    None
    """
    held: BoolArray = ~np.isnan(positions)
    outside, missing = np.flatnonzero(held & ~tested), np.flatnonzero(tested & ~held)
    for rows, said, what in (
        (outside, "holds {:.6g}, and no fold tests it", "give NaN there, or test it"),
        (missing, "is tested, and its position is NaN", "hold 0 there, or test it in no fold"),
    ):
        some = rows[rows < positions.size - 1]
        if some.size:
            row, how = int(some[0]), "row" if some.size == 1 else "rows"
            found = said.format(positions[row])
            return f"row {row} {found} ({some.size:,} such {how}): {what}"
    return None


def t_of_mean(profit: FloatArray) -> float | Undefined:
    """Mean over its robust standard error: Sharpe per bar times ``sqrt(n)``, made honest.

    Examples
    --------
    >>> noise = np.random.Generator(np.random.PCG64(1)).standard_normal(10_000)
    >>> round(t_of_mean(noise - noise.mean() + 0.03), 1)
    3.1
    >>> t_of_mean(np.zeros(50))
    Undefined(reason='the 50 returns are constant')
    """
    known = moments(profit)
    if isinstance(known, Undefined):
        return known
    n = profit.size
    error = standard_error_of_sum((profit - known.mean) / known.deviation, newey_west_lags(n))
    if not error > 0.0:
        return Undefined(f"the {n} returns undo each other exactly")
    return n * known.ratio(0.0) / error


def judged(
    found: Sequence[tuple[float, float]], n_rows: int, rules: BatteryRules
) -> Surrogates:
    """Hold what the surrogates earned against chance.

    Parameters
    ----------
    found
        Of each surrogate its t and its mean profit per bar.
    n_rows
        Fewest rows that one of them rests on.
    """
    if n_rows < rules.min_rows:
        detail = f"{n_rows} of {rules.min_rows} tested rows needed for surrogates"
        return Surrogates(inconclusive("leak.too_few", detail, n_rows, rules.min_rows, n_rows))
    if len(found) < _FEWEST_T:
        detail = (
            f"{len(found)} of {_FEWEST_T} surrogates needed have a profit that varies; "
            f"positions of 0 say nothing"
        )
        few = inconclusive("leak.too_few", detail, len(found), _FEWEST_T, len(found))
        return Surrogates(few)
    figures = _figures(np.array(found), n_rows, rules.level)
    return Surrogates(_verdict(figures, n_rows, rules.level), figures)


def _figures(found: FloatArray, n_rows: int, level: float) -> SurrogateFigures:
    (t, earned), count = found.T, found.shape[0]
    far = critical_value(1.0 - _FAR, n_rows, newey_west_lags(n_rows))
    error = float(earned.std(ddof=1)) / math.sqrt(count)
    return SurrogateFigures(
        t=tuple(t.tolist()),
        mean_t=float(t.mean()),
        p_mean=student_two_sided(float(earned.mean()), error, count - 1),
        beyond=int((np.abs(t) > far).sum()),
        beyond_bound=fewest_beyond(count, _ALLOWED, level / 2.0),
        beyond_t=far,
    )


def _verdict(figures: SurrogateFigures, n_rows: int, level: float) -> Verdict:
    count = len(figures.t)
    said = (
        f"{count} markets with random signs: mean t {figures.mean_t:+.2f} (p "
        f"{figures.p_mean:.2g}), {figures.beyond} beyond {figures.beyond_t:.2f} (alarm from "
        f"{figures.beyond_bound})"
    )
    if not figures.p_mean >= level / 2.0:
        detail = f"{said}: it earns or loses where nothing can be foretold"
        return refuse("leak.surrogates", detail, figures.mean_t, 0.0, n_rows)
    if not figures.beyond < figures.beyond_bound:
        detail = f"{said}: what it held knew the moves it was paid by"
        bound = figures.beyond_bound
        return refuse("leak.surrogates", detail, figures.beyond, bound, n_rows)
    return passed("leak.surrogates", said, figures.mean_t, 0.0, n_rows)
