"""Tables of a proof, in words: each figure with its band, or with what it is held against.

Miscalibration and discrimination stand alone: resamples of forecasts repeat them, an
isotonic fit follows what is repeated, and both come out larger than they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from stairway.dashboard import words
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.calibration import Estimate, Measures
from stairway.evaluation.moments import Undefined
from stairway.evaluation.proof_of_returns import Figures
from stairway.evaluation.sceptic.answer import of
from stairway.evaluation.sceptic.costs import Account
from stairway.evaluation.sceptic.honesty import ALL, Honesty

_MOST_STANDING = 12


class Fact(NamedTuple):
    """One figure beside the verdict."""

    what: str
    value: str
    note: str


class AccountRow(NamedTuple):
    """What one account came to."""

    who: str
    sharpe: str
    robust: str
    iid: str
    total: str
    fall: str


Cell: TypeAlias = tuple[str, str]
"""A figure, and its band or what else belongs to it."""


class HonestRow(NamedTuple):
    """One measure, by regime."""

    what: str
    meaning: str
    cells: tuple[Cell, ...]


class HonestTable(NamedTuple):
    """What was measured of forecasts, and of which regimes there were too few."""

    regimes: tuple[str, ...]
    rows: tuple[HonestRow, ...]
    missing: tuple[str, ...]


class StandingRow(NamedTuple):
    """One of those that were compared."""

    who: str
    p_value: str
    inside: bool
    own: bool


class FoldRow(NamedTuple):
    """How the training of one fold touches its test."""

    number: int
    n_train: str
    n_test: str
    overlapping: int
    near: int
    in_both: int


def aside(found: Figures) -> tuple[Fact, ...]:
    """Figures that stand beside the verdict."""
    ratio = found.net.sharpe
    facts = [
        Fact(
            "annual Sharpe, after costs",
            words.ratio(None if ratio is None else ratio.annual),
            "" if ratio is None else f"{words.ratio(ratio.low)} to {words.ratio(ratio.high)}",
        )
    ]
    if found.deflated is not None:
        n = found.trials.n
        what = "more than luck, 1 try" if n == 1 else f"more than the best of {n:,} tries"
        facts.append(Fact(what, _probability(found.deflated.probability), "with a probability"))
    facts.append(
        Fact("deepest fall", words.percent(found.net.max_drawdown_frac), "from its peak")
    )
    return tuple(facts)


def confidence(level: float) -> str:
    """Write a level as per cent, with every digit that it has: 99.9 % is not certainty.

    Examples
    --------
    >>> confidence(0.95), confidence(0.975), confidence(0.999)
    ('95 %', '97.5 %', '99.9 %')
    """
    return f"{(100 * Decimal(repr(float(level)))).normalize():f} %"


def account_rows(found: Figures) -> tuple[AccountRow, ...]:
    """Accounts before and after costs."""
    rows = [_account("after costs", found.net)]
    if found.gross is not None:
        rows.insert(0, _account("before costs", found.gross))
    return tuple(rows)


def honest_table(honesty: Sequence[Honesty]) -> HonestTable:
    """Measures down, regimes across; those with too little are told below."""
    shown = [(one, one.measures) for one in honesty if one.measures is not None]
    rows = tuple(
        HonestRow(what, meaning, tuple(cell(one, found) for one, found in shown))
        for what, meaning, cell in _MEASURES
    )
    missing = tuple(
        f"{words.capital(_regime(one))}: {one.missing}" for one in honesty if one.missing
    )
    return HonestTable(tuple(_regime(one) for one, _ in shown), rows, missing)


def standing_rows(found: Figures) -> tuple[StandingRow, ...]:
    """Order those that were compared by how near they come to the best."""
    place = found.standing
    if place is None:
        return ()
    own = found.names[found.chosen]
    pairs = sorted(zip(place.p_values, place.names, strict=True), key=lambda pair: -pair[0])
    rows = [
        StandingRow(
            who, "1.0000" if p == 1.0 else _probability(p), who in place.members, who == own
        )
        for p, who in pairs
    ]
    return tuple(row for k, row in enumerate(rows) if k < _MOST_STANDING or row.own)


def fold_rows(battery: BatteryReport) -> tuple[FoldRow, ...]:
    """Purge counts of each fold."""
    return tuple(
        FoldRow(
            number=number,
            n_train=words.count(fold.n_train),
            n_test=words.count(fold.n_test),
            overlapping=fold.overlapping,
            near=fold.in_gap + fold.in_embargo,
            in_both=fold.in_both,
        )
        for number, fold in enumerate(battery.folds, start=1)
    )


def _account(who: str, one: Account) -> AccountRow:
    ratio = one.sharpe
    if ratio is None:
        sharpe, robust, iid = "undefined", "", ""
    else:
        sharpe = words.ratio(ratio.annual)
        robust = f"{words.ratio(ratio.low)} to {words.ratio(ratio.high)}"
        iid = f"{words.ratio(ratio.low_iid)} to {words.ratio(ratio.high_iid)}"
    total, fall = words.percent(one.total_return_frac), words.percent(one.max_drawdown_frac)
    return AccountRow(who, sharpe, robust, iid, total, fall)


def _regime(one: Honesty) -> str:
    return "all regimes" if one.regime == ALL else one.regime


def _skill(one: Honesty) -> Cell:
    found = one.skill
    if found is None:
        return "undefined", ""
    if found.interval is None:
        return _signed(found.skill), found.missing
    low, high = found.interval
    return _signed(found.skill), f"{_signed(low)} to {_signed(high)}"


def _chance(found: Measures) -> Cell:
    diagram = found.reliability
    return (
        f"{diagram.ece_corrected:.4f}",
        f"plain {diagram.ece:.3f}, an honest forecaster under {diagram.ece_bound:.3f}",
    )


def _straying(found: Measures) -> Cell:
    p = found.spiegelhalter_p
    return (
        ("undefined", "")
        if isinstance(p, Undefined)
        else (_probability(p), _z(found.spiegelhalter_z))
    )


def _lost(found: Measures) -> Cell:
    value, band = _banded(found.log_loss)
    return value, f"{band}, {words.count(found.clipped)} clipped" if found.clipped else band


_MEASURES: tuple[tuple[str, str, Callable[[Honesty, Measures], Cell]], ...] = (
    (
        "forecasts",
        "and what they are worth where labels overlap",
        lambda _, found: (words.count(found.n), f"worth {found.n_independent:,.0f}"),
    ),
    ("skill", "over what anybody could have said at the time", lambda one, _: _skill(one)),
    ("Brier score", "", lambda _, found: _banded(found.murphy.brier)),
    ("reliability", "less is better", lambda _, found: _banded(found.murphy.reliability)),
    ("resolution", "more is better", lambda _, found: _banded(found.murphy.resolution)),
    (
        "miscalibration",
        "MCB, without bins or a band; less is better",
        lambda _, found: (f"{found.corp.miscalibration:.4f}", ""),
    ),
    (
        "discrimination",
        "DSC, without bins or a band; more is better",
        lambda _, found: (f"{found.corp.discrimination:.4f}", ""),
    ),
    ("log loss", "", lambda _, found: _lost(found)),
    ("calibration error", "corrected for chance", lambda _, found: _chance(found)),
    (
        "Spiegelhalter p",
        "of an honest forecaster straying as far",
        lambda _, found: _straying(found),
    ),
)


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", words.MINUS)


def _z(z: float | Undefined) -> str:
    return "" if isinstance(z, Undefined) else f"z {z:+.2f}".replace("-", words.MINUS)


def _banded(one: Estimate) -> tuple[str, str]:
    return f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}"


def _probability(p: float) -> str:
    return of(p).removeprefix("of ")
