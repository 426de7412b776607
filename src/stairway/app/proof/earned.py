"""Whether ``profit`` earns what was held, and nothing that it chose by what came.

Positions may be made of the past, and a profit still forget those that turned out ill. So
what each held row earns must be its position times a move of the bars, of one kind for all
rows. Whatever else it is, nobody has shown that it is blind, and the question stays open.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stairway.app.proof.handed import Handed
from stairway.app.proof.steps import AtFaultError, Earns, Steps
from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.verdict import Refuse, Verdict, inconclusive, passed
from stairway.features.series import Series, checked

_ROUNDING_OF_MOVE = 1e-9
_ROUNDING = 1e-12
_KINDS = (
    "of the close to the next, of the next open to the one behind it, or of the next open to "
    "its close, each simple: a fraction of wealth"
)


def profit_shown(study: Earns, market: Series, seed: int) -> Verdict:
    """Hold what each row earns against its position times a move of the bars.

    Returns
    -------
    Verdict
        A pass names the move, and how many rows were held. Where none of those that are
        known is earned at every held row the question is open; what the study raises is a
        refusal.

    Raises
    ------
    DataError
        If the market is no series of bars; see :func:`stairway.features.series.checked`.
    """
    series = checked(market)
    steps = Steps(study, next(iter(series.values())).size)
    try:
        made = steps.made(series)
        folds = Handed(steps.folds(made.labels), made.labels.value.size)
        held = steps.positions(made, folds.copies(), seed)
        rows = np.unique(folds.tested()[1])
        rows = rows[rows < held.size - 1]
        return _judged(rows, held, steps.profit(study, series, held), moves_of(series))
    except AtFaultError as error:
        return Refuse((error.finding,))


def moves_of(series: Series) -> Mapping[str, FloatArray]:
    """Give the moves that a position may earn, by name, (n,) each; 0 where none follows.

    Examples
    --------
    >>> bars = {"open": np.array([1.0, 2.0, 4.0]), "close": np.array([2.0, 4.0, 4.0])}
    >>> moves = moves_of(bars)
    >>> moves["close to close"].tolist(), moves["open to close"].tolist()
    ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    """
    if not {"open", "close"} <= set(series):
        return {}
    opens, close = series["open"], series["close"]
    moves: dict[str, FloatArray] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {
            "close to close": close[1:] / close[:-1],
            "open to open": opens[2:] / opens[1:-1],
            "open to close": close[1:] / opens[1:],
        }
        for name, ratio in ratios.items():
            behind = np.zeros(close.size - ratio.size)
            moves[name] = np.append(ratio - 1.0, behind)
    return moves


def _judged(
    rows: IntArray, held: FloatArray, profit: FloatArray, moves: Mapping[str, FloatArray]
) -> Verdict:
    if not rows.size or not moves:
        what = "no row is tested" if moves else "the bars have no open and close"
        return inconclusive("causality.profit_unknown", f"not shown what is earned: {what}")
    same: dict[str, BoolArray] = {
        name: _same(held[rows], profit[rows], move[rows]) for name, move in moves.items()
    }
    name = max(same, key=lambda one: int(same[one].sum()))
    odd = rows[~same[name]]
    if not odd.size:
        detail = f"each of {rows.size:,} held rows earns its position times its move, {name}"
        return passed("causality.profit", detail, 0, None, rows.size)
    row = int(odd[0])
    log = next(
        (one for one in moves if _is_log(held[rows], profit[rows], moves[one][rows])), ""
    )
    if log:
        detail = (
            f"not shown: profit is a logarithm, {profit[row]:.6g} at row {row} for a position "
            f"of {held[row]:.6g} and a move, {log}, of {moves[log][row]:.6g}; a logarithm is "
            "no fraction of wealth, and turns what a short loses into a gain: give simple "
            "moves, exp(x) - 1"
        )
        return inconclusive("causality.profit_unknown", detail, odd.size, 0, rows.size)
    detail = (
        f"not shown: profit earns {profit[row]:.6g} at row {row} for a position of "
        f"{held[row]:.6g}, and the move, {name}, is {moves[name][row]:.6g} ({odd.size:,} of "
        f"{rows.size:,} held rows); at every row it must be the position times one move: "
        f"{_KINDS}"
    )
    return inconclusive("causality.profit_unknown", detail, odd.size, 0, rows.size)


def _is_log(held: FloatArray, profit: FloatArray, move: FloatArray) -> bool:
    """Whether profit is position times the logarithm of a move, or that of their product."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return bool(
            _same(held, profit, np.log1p(move)).all()
            or _same(np.ones(held.size), profit, np.log1p(held * move)).all()
        )


def _same(held: FloatArray, profit: FloatArray, move: FloatArray) -> BoolArray:
    """Rows at which profit is position times move, but for rounding; NaN is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        borne = np.abs(held) * (_ROUNDING_OF_MOVE * np.abs(move) + _ROUNDING)
        return np.abs(profit - held * move) <= borne
