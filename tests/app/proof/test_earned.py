"""What is earned is what was held, times a move of the bars, at every held row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pytest

from stairway.app.progress import Silent
from stairway.app.proof.aside import asked_aside
from stairway.app.proof.earned import moves_of, profit_shown
from stairway.app.proof.told import StudyAnswer, StudyJob
from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict
from stairway.evaluation.battery.study import BatteryRules, Fold, Labelled
from stairway.features.prover import ProverRules
from stairway.testing.leaks import series

N = 300
BARS = series(N, seed=3)
ROW = np.arange(N)
Earn: TypeAlias = Callable[[Any, np.ndarray], np.ndarray]


class Study:
    def __init__(self, earn: Earn) -> None:
        self.earn = earn

    def features(self, market: Any) -> np.ndarray:
        return np.diff(np.log(market["close"]), prepend=0.0)[:, None]

    def labels(self, _: Any) -> Labelled:
        return Labelled(ROW % 2, ROW, ROW + 1)

    def folds(self, _: Labelled) -> list[Fold]:
        return [(ROW[:98], ROW[100:])]

    def positions(self, features: Any, _: Any, folds: Any, __: int) -> np.ndarray:
        held = np.full(N, np.nan)
        for _, test in folds:
            held[test] = np.where(test % 7 == 0, 0.0, 300.0 * features[test, 0])
        return held

    def profit(self, market: Any, positions: np.ndarray) -> np.ndarray:
        return self.earn(market, positions)


def shown(earn: Earn) -> Verdict:
    return profit_shown(Study(earn), BARS, seed=1)


def move(bars: Any) -> np.ndarray:
    return np.append(np.diff(bars["close"]) / bars["close"][:-1], 0.0)


def opened(bars: Any) -> np.ndarray:
    return np.append(bars["open"][2:] / bars["open"][1:-1] - 1.0, [0.0, 0.0])


HONEST: dict[str, Earn] = {
    "close to close": lambda bars, held: held * move(bars),
    "open to open": lambda bars, held: held * opened(bars),
    "open to close": lambda bars, held: (
        held * np.append((bars["close"] / bars["open"] - 1.0)[1:], 0.0)
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_a_position_times_one_move_of_the_bars_is_shown_and_named(name: str) -> None:
    verdict = shown(HONEST[name])
    assert isinstance(verdict, Pass)
    (finding,) = verdict.findings
    assert finding.detail == (
        f"each of 199 held rows earns its position times its move, {name}"
    )


LOGS: dict[str, tuple[str, Earn]] = {
    "of the close": ("close to close", lambda bars, held: held * np.log1p(move(bars))),
    "of the open": ("open to open", lambda bars, held: held * np.log1p(opened(bars))),
    "inside a bar": (
        "open to close",
        lambda bars, held: held * np.append(np.log(bars["close"] / bars["open"])[1:], 0.0),
    ),
    "of wealth": ("close to close", lambda bars, held: np.log1p(held * move(bars))),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_profit_that_is_a_logarithm_is_left_open_and_told_what_to_give(name: str) -> None:
    which, earn = LOGS[name]
    verdict = shown(earn)
    assert isinstance(verdict, Inconclusive)
    (finding,) = verdict.findings
    assert finding.code == "causality.profit_unknown"
    assert finding.detail.startswith("not shown: profit is a logarithm, ")
    assert f" and a move, {which}, of " in finding.detail
    assert finding.detail.endswith(": give simple moves, exp(x) - 1")


def test_rows_that_no_fold_tests_are_not_looked_at_and_tested_ones_without_position_are() -> (
    None
):
    def positions(which: int) -> Verdict:
        study: Any = Study(lambda bars, held: held * move(bars) + (ROW == 90))
        honest = study.positions

        def held(*given: Any) -> np.ndarray:
            made = honest(*given)
            made[which] = 1.0 if which < 100 else np.nan
            return made

        study.positions = held
        return profit_shown(study, BARS, seed=1)

    assert isinstance(positions(90), Pass)
    assert "profit earns nan at row 150" in positions(150).findings[0].detail


def test_a_study_that_writes_into_its_folds_is_judged_by_those_that_it_gave() -> None:
    study: Any = Study(lambda bars, held: held * move(bars))
    honest, test = study.positions, ROW[100:].copy()

    def scribbles(features: Any, labels: Any, folds: Any, seed: int) -> np.ndarray:
        made = honest(features, labels, list(folds), seed)
        folds[0][1][:] = 100
        folds.clear()
        return made

    study.folds = lambda _: [(ROW[:98], test)]
    study.positions = scribbles
    verdict = profit_shown(study, BARS, seed=1)
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].n == 199


LEAKS: dict[str, Earn] = {
    "forgets small moves": lambda bars, held: np.where(
        np.abs(move(bars)) < np.median(np.abs(move(bars))), 0.0, held * move(bars)
    ),
    "forgets one large loss": lambda bars, held: np.where(
        100 + np.argmin((held * move(bars))[100:]) == ROW, 0.0, held * move(bars)
    ),
    "stops at the low": lambda bars, held: np.maximum(held * move(bars), -1e-4),
    "earns where nothing is held": lambda bars, held: (held + (held == 0.0)) * move(bars),
    "the better of two moves": lambda bars, held: np.fmax(
        held * move(bars), held * opened(bars)
    ),
    "the move that led there": lambda bars, held: held * np.roll(move(bars), 1),
    "double when it wins": lambda bars, held: (
        held * move(bars) * (1.0 + (held * move(bars) > 0.0))
    ),
    "nothing": lambda _, held: 0.0 * held,
    "NaN at a loss": lambda bars, held: np.where(
        held * move(bars) < 0.0, np.nan, held * move(bars)
    ),
    "honest with a constant position alone": lambda bars, held: (
        held * move(bars) * (1.0 if np.ptp(held[100:]) == 0.0 else (move(bars) > 0.0))
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_whatever_else_is_earned_is_left_open(name: str) -> None:
    verdict = shown(LEAKS[name])
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].code == "causality.profit_unknown"


def test_the_first_row_is_named_with_what_it_should_earn_and_what_is_allowed() -> None:
    def once(bars: Any, held: np.ndarray) -> np.ndarray:
        return np.where(ROW == 151, 0.25, held * move(bars))

    detail = shown(once).findings[0].detail
    assert detail.startswith("not shown: profit earns 0.25 at row 151 for a position of ")
    assert "the move, close to close, is " in detail
    assert "(1 of 199 held rows)" in detail
    assert "of the close to the next" in detail


def test_the_last_row_has_no_outcome_and_is_not_looked_at() -> None:
    def last(bars: Any, held: np.ndarray) -> np.ndarray:
        return np.where(ROW == N - 1, 7.0, held * move(bars))

    assert isinstance(shown(last), Pass)


def test_a_study_that_holds_nothing_has_not_been_asked() -> None:
    study: Any = Study(lambda bars, held: held * move(bars))
    study.folds = lambda _: []
    verdict = profit_shown(study, BARS, seed=1)
    assert isinstance(verdict, Inconclusive)
    assert "no row is tested" in verdict.findings[0].detail


def test_bars_without_prices_leave_it_open() -> None:
    bars = {"close": BARS["close"]}
    verdict = profit_shown(Study(lambda it, held: held * move(it)), bars, seed=1)
    assert isinstance(verdict, Inconclusive)
    assert moves_of(bars) == {}


@pytest.mark.parametrize("wrong", ["raises", "shape"])
def test_a_profit_that_does_not_answer_is_refused(wrong: str) -> None:
    def earn(_: Any, held: np.ndarray) -> np.ndarray:
        if wrong == "raises":
            raise ValueError
        return held[1:]

    verdict = shown(earn)
    assert isinstance(verdict, Refuse)
    assert "profit" in verdict.findings[0].detail


def test_a_profit_that_writes_into_what_it_is_handed_changes_nothing() -> None:
    def scribbles(bars: Any, held: np.ndarray) -> np.ndarray:
        earned = np.where(move(bars) < 0.0, 0.0, held * move(bars))
        held[:], bars["close"][:] = 0.0, 1.0
        return earned

    assert isinstance(shown(scribbles), Inconclusive)


def test_a_series_that_is_none_is_an_error_of_the_caller() -> None:
    with pytest.raises(DataError, match="no column of values"):
        profit_shown(Study(lambda _, held: held), {"time_ns": ROW}, seed=1)


FORGETS = """
import numpy as np

from stairway.testing.studies import study


def moves(bars):
    return np.diff(np.log(bars["close"]), prepend=np.log(bars["close"][0]))


class Study:
    def redrawn(self, bars, signs):
        other = bars["close"][0] * np.exp(np.cumsum(moves(bars) * signs))
        names = ("open", "high", "low", "close")
        return bars | {name: bars[name] * other / bars["close"] for name in names}

    def features(self, bars):
        return study().features(moves(bars))

    def labels(self, bars):
        return study().labels(moves(bars))

    def folds(self, labels):
        return study().folds(labels)

    def positions(self, *given):
        return study().positions(*given)

    def profit(self, bars, positions):
        came = np.append(np.expm1(moves(bars))[1:], 0.0)
        return np.where(np.abs(came) < np.median(np.abs(came)), 0.0, positions * came)
"""


def test_a_study_that_is_rebuilt_is_asked_what_it_earns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(FORGETS)
    pl.DataFrame(series(700, seed=1)).drop("labels", "label_end_ns").write_csv("bars.csv")
    job = StudyJob(
        study="own.py:Study",
        function=None,
        bars="bars.csv",
        prover=ProverRules(
            cuts=8, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9
        ),
        rules=BatteryRules(cuts=2, surrogates=8, shuffles=8, min_rows=100),
        seed=1,
        limit_s=30.0,
        causality=None,
    )
    answer = asked_aside(job, Silent())
    assert isinstance(answer, StudyAnswer)
    assert isinstance(answer.report.causality, Inconclusive)
    codes = [finding.code for finding in answer.report.causality.findings]
    assert "causality.profit_unknown" in codes
