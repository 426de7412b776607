"""What is left after costs, and what was there before them."""

from __future__ import annotations

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.evaluation.evidence import EvidenceRules, after_cost_sharpe
from stairway.evaluation.metrics import max_drawdown, total_return
from stairway.evaluation.sceptic.answer import Question, percent, unasked
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sharpe import Measured, Sharpe


class Account(msgspec.Struct, frozen=True):
    """What a series of returns came to.

    Attributes
    ----------
    sharpe
        With both intervals, or ``None`` where there is no ratio.
    total_return_frac
        Compounded.
    max_drawdown_frac
        Deepest fall from a peak, from -1 to 0.
    """

    sharpe: Sharpe | None
    total_return_frac: float
    max_drawdown_frac: float


def account(returns: FloatArray, ratio: Measured) -> Account:
    """Measure a series of returns whose Sharpe ratio is known.

    Examples
    --------
    >>> from stairway.evaluation.sharpe import sharpe
    >>> none = sharpe(np.array([0.5, -0.5]), 252.0, 0.95)
    >>> account(np.array([0.5, -0.5, 0.0]), none)
    Account(sharpe=None, total_return_frac=-0.25, max_drawdown_frac=-0.5)
    """
    return Account(
        sharpe=ratio if isinstance(ratio, Sharpe) else None,
        total_return_frac=total_return(returns),
        max_drawdown_frac=max_drawdown(returns),
    )


def after_costs(record: Record, rules: EvidenceRules) -> dict[str, Verdict]:
    """Ask what is left of the ratio, and whether costs were taken at all."""
    left = after_cost_sharpe(record.returns, record.periods_per_year, rules)
    return {"sharpe": left, "taken": _taken(record)}


def _taken(record: Record) -> Verdict:
    code, n = "proof.costs", record.n_rows
    if record.gross is None or n == 0:
        return unasked(Question.COSTS)
    paid = float(np.mean(record.gross - record.returns)) * record.periods_per_year
    if np.array_equal(record.gross, record.returns):
        detail = (
            "not shown: returns before and after costs are the same at every row; "
            "give those before costs, or the costs"
        )
        return inconclusive(code, detail, 0.0, None, n)
    if not paid > 0.0:
        detail = (
            f"costs of {percent(paid)} a year would have been paid to the account; are gross "
            "and net the wrong way round?"
        )
        return refuse(code, detail, paid, 0.0, n)
    return passed(code, f"costs took {100.0 * paid:.2f} % of wealth a year", paid, 0.0, n)
