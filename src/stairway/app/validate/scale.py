"""Returns that cannot be returns: per cent, prices, and money are named, not measured.

A simple return of -1 loses everything, and nothing comes after it. Whoever writes 1.2 for
1.2 per cent gets there soon; where he does not, the size of a usual move gives it away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stairway.app.validate.digits import exactly
from stairway.app.validate.given import OR_NAME, Given
from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.beside import short, told_apart
from stairway.evaluation.sceptic.rules import ProofRules

_ALL = -1.0
_TRIED = "column "


def require_returns(found: Given, rules: ProofRules, where: str) -> None:
    """Refuse columns whose numbers are no simple returns.

    Raises
    ------
    DataError
        If a row loses everything or more, or usual moves are larger than ``[proof]`` of the
        policy believes; the message names the column, and the row where there is one.
    """
    for name, returns in _columns(found):
        _require_above(returns, name, where, found)
        moves = np.abs(returns[returns != 0.0])
        if not moves.size:
            continue
        usual = float(np.median(moves))
        most = rules.max_usual_move_frac
        if not usual <= most:
            _refuse(name, where, f"usual moves of {_beyond(usual, most, 'row')}", returns)
        with np.errstate(over="ignore", invalid="ignore"):
            a_year = float(np.std(returns)) * math.sqrt(found.record.periods_per_year)
        most = rules.max_annual_volatility_frac
        if not a_year <= most:
            _refuse(name, where, f"a volatility of {_beyond(a_year, most, 'year')}", returns)


def _columns(found: Given) -> Iterator[tuple[str, FloatArray]]:
    record = found.record
    for column, name in enumerate(record.names):
        yield f"{_TRIED}{name!r}", record.net[:, column]
    for name in ("baseline", "champion", "gross"):
        one: FloatArray | None = getattr(record, name)
        if one is not None:
            yield f"the {name}", one


def _require_above(returns: FloatArray, name: str, where: str, found: Given) -> None:
    lost = np.flatnonzero(~(returns > _ALL))
    if lost.size:
        row = int(lost[0])
        at = str(np.datetime64(int(found.time_ns[row]), "ns"))[:19]
        msg = (
            f"row {row} ({at}) of {where}: {name} is {exactly(float(returns[row]))}, a loss of "
            f"everything or more; give simple returns, 0.01 for one per cent "
            f"({_likely(returns)}){_or_name(name)}"
        )
        raise DataError(msg)


def _beyond(value_frac: float, most_frac: float, each: str) -> str:
    """Write a value, in per cent, with digits enough to be told from the bound it is beyond."""
    value, most = told_apart(100.0 * value_frac, 100.0 * most_frac, 0)
    places = len(value.partition(".")[2])
    return f"{float(value):,.{places}f} % a {each}, and at most {short(most)} % is believed"


def _refuse(name: str, where: str, said: str, returns: FloatArray) -> None:
    msg = (
        f"{name} of {where} has {said}; give simple returns, 0.01 for one per cent "
        f"({_likely(returns)}), or raise max_usual_move_frac and max_annual_volatility_frac "
        f"of [proof] in a policy of yours{_or_name(name)}"
    )
    raise DataError(msg)


def _or_name(name: str) -> str:
    """Say how a column comes to be nothing that was tried."""
    if not name.startswith(_TRIED):
        return ""
    return f"; {OR_NAME}"


def _likely(returns: FloatArray) -> str:
    if bool((returns > 0.0).all()):
        return "are these prices, or an account?"
    return "are these per cent, or money?"
