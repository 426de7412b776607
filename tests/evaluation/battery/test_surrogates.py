from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.battery.study import BatteryRules, Fold, Labelled
from stairway.evaluation.battery.surrogates import (
    Surrogates,
    counted,
    judged,
    rebuilt,
    surrogates,
    t_of_mean,
    rows_tested,
)
from stairway.evaluation.moments import Undefined
from stairway.testing.studies import Folding, Leak, MovesStudy, garch_moves, study

RULES = BatteryRules()
MOVES = garch_moves(1_600, 3, drift_frac=0.1)
TESTED = rows_tested(study().folds(study().labels(MOVES)), MOVES.size)


def found(given: MovesStudy, moves: np.ndarray = MOVES) -> Surrogates:
    return surrogates(given, moves, RULES, 3, lambda: None)


def earned(t: list[float], rows: int = 1_000, rules: BatteryRules = RULES) -> Surrogates:
    return judged([(one, 0.01 * one) for one in t], rows, rules)


@pytest.mark.parametrize("folding", list(Folding))
def test_an_honest_study_earns_nothing_though_its_market_drifts(folding: Folding) -> None:
    answer = found(study(None, folding))

    assert isinstance(answer.verdict, Pass)
    assert answer.figures is not None
    assert len(answer.figures.t) == RULES.surrogates
    assert abs(answer.figures.mean_t) < 0.6


def test_a_true_edge_is_gone_from_every_surrogate() -> None:
    moves = garch_moves(1_600, 4, momentum_frac=0.4)
    honest = study()

    assert t_of_mean(rebuilt(honest, moves, 1)) > 4.0
    assert isinstance(found(honest, moves).verdict, Pass)


def test_a_leak_that_is_learnt_earns_on_average() -> None:
    answer = found(study(Leak.CHOSEN_ON_TEST))

    assert isinstance(answer.verdict, Refuse)
    assert "earns or loses where nothing can be foretold" in answer.verdict.findings[0].detail


def test_a_fill_that_knew_the_move_earns_much_or_loses_much() -> None:
    answer = found(study(Leak.SAME_BAR_FILL))

    assert isinstance(answer.verdict, Refuse)
    assert answer.figures is not None
    assert answer.figures.beyond > answer.figures.beyond_bound
    assert min(answer.figures.t) < -3.0
    assert max(answer.figures.t) > 3.0


def test_the_same_seed_gives_the_same_answer_and_another_another() -> None:
    assert found(study()) == found(study())
    assert surrogates(study(), MOVES, RULES, 4, lambda: None) != found(study())


def test_each_surrogate_has_signs_of_its_own() -> None:
    answer = found(study())

    assert answer.figures is not None
    assert len(set(answer.figures.t)) == RULES.surrogates


def test_a_steady_loss_is_an_alarm_too() -> None:
    rng = np.random.default_rng(1)
    t = rng.standard_normal(40)

    assert isinstance(earned((t - 1.0).tolist()).verdict, Refuse)
    assert isinstance(earned((t + 1.0).tolist()).verdict, Refuse)
    assert isinstance(earned((t - t.mean()).tolist()).verdict, Pass)


@pytest.mark.parametrize(("mean", "answer"), [(0.44, Pass), (0.50, Refuse)], ids=["in", "out"])
def test_half_of_the_level_belongs_to_the_mean(mean: float, answer: type) -> None:
    found = earned((np.tile([1.0, -1.0], 20) + mean).tolist())

    assert isinstance(found.verdict, answer)
    assert found.figures is not None
    assert found.figures.beyond == 0
    assert 0.2 * RULES.level < found.figures.p_mean < RULES.level


def test_four_of_forty_far_out_are_an_alarm_and_three_are_not() -> None:
    near = [0.1, -0.1] * 18
    three = earned([*near, 9.0, -9.0, 9.0, 0.0])
    four = earned([*near, 9.0, -9.0, 9.0, -9.0])

    assert isinstance(three.verdict, Pass)
    assert isinstance(four.verdict, Refuse)
    assert "what it held knew the moves it was paid by" in four.verdict.findings[0].detail


def test_too_few_rows_say_how_many_are_needed() -> None:
    verdict = earned([0.0] * 40, rows=249).verdict

    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].detail == "249 of 250 tested rows needed for surrogates"
    assert verdict.findings[0].bound == 250


def test_positions_of_nothing_are_too_few_and_no_pass() -> None:
    @dataclass(frozen=True, slots=True)
    class Idle(MovesStudy):
        def positions(self, *_given: object) -> np.ndarray:
            return np.where(TESTED, 0.0, np.nan)

    answer = found(Idle())

    assert isinstance(answer.verdict, Inconclusive)
    assert answer.verdict.findings[0].code == "leak.too_few"
    assert "0 of 8 surrogates" in answer.verdict.findings[0].detail


def test_a_mean_of_profit_that_is_no_number_refuses() -> None:
    assert isinstance(judged([(0.1, math.nan)] * 40, 1_000, RULES).verdict, Refuse)


def test_untested_rows_and_the_last_do_not_count() -> None:
    positions = np.array([np.nan, 1.0, 0.0, 1.0])
    profit = np.array([np.nan, 0.1, 0.0, np.nan])
    tested = np.array([False, True, True, True])

    assert counted(positions, profit, tested).tolist() == [False, True, True, False]
    assert tested.tolist() == [False, True, True, True]
    tested[-1] = False
    assert counted(positions, profit, tested).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("row", "held", "said"),
    [
        (0, 1.0, "row 0 holds 1, and no fold tests it"),
        (0, 0.0, "row 0 holds 0, and no fold tests it"),
        (3, np.nan, "row 3 is tested, and its position is NaN"),
    ],
)
def test_what_is_held_is_what_is_tested(row: int, held: float, said: str) -> None:
    tested = np.array([False, True, True, True, True])
    positions = np.where(tested, 1.0, np.nan)
    positions[row] = held
    with pytest.raises(DataError, match=said):
        counted(positions, np.zeros(5), tested)


@pytest.mark.parametrize("row", [20, 900], ids=["untested", "tested"])
def test_a_study_that_holds_other_rows_than_it_tests_is_not_counted(row: int) -> None:
    @dataclass(frozen=True, slots=True)
    class Strays(MovesStudy):
        def positions(self, *given: Any) -> np.ndarray:
            held = MovesStudy.positions(self, *given)
            held[row] = 1.0 if np.isnan(held[row]) else np.nan
            return held

    with pytest.raises(DataError, match=f"row {row} "):
        found(Strays())


def test_folds_that_are_emptied_are_those_that_were_given() -> None:
    @dataclass(frozen=True, slots=True)
    class Clears(MovesStudy):
        def folds(self, labels: Labelled) -> Sequence[Fold]:
            return list(MovesStudy.folds(self, labels))

        def positions(self, features: Any, labels: Any, folds: Any, seed: int) -> np.ndarray:
            held = MovesStudy.positions(self, features, labels, folds, seed)
            folds.clear()
            return held

    assert rebuilt(Clears(), MOVES, 1).tolist() == rebuilt(study(), MOVES, 1).tolist()


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_hole_in_what_was_earned_is_named(hole: float) -> None:
    with pytest.raises(DataError, match=r"row 1 was tested, but holds 1 and earns (nan|inf)"):
        counted(np.array([1.0, 1.0, 1.0]), np.array([0.0, hole, 0.0]), np.ones(3, np.bool_))
    with pytest.raises(DataError, match="row 0 was tested, but holds inf"):
        counted(np.array([np.inf, 1.0]), np.array([0.0, 0.0]), np.ones(2, np.bool_))


def test_another_number_of_positions_is_refused() -> None:
    with pytest.raises(DataError, match="give 3 of each"):
        counted(np.zeros(2), np.zeros(3), np.ones(3, np.bool_))


def test_the_error_knows_that_returns_follow_each_other() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(2_004) + 0.5
    smooth = np.convolve(noise, np.ones(5) / 5.0, mode="valid")

    plain = smooth.mean() / smooth.std(ddof=1) * math.sqrt(smooth.size)
    robust = t_of_mean(smooth)

    assert isinstance(robust, float)
    assert 0.3 * plain < robust < 0.7 * plain


def test_returns_that_have_no_t_say_why() -> None:
    assert isinstance(t_of_mean(np.full(100, 0.01)), Undefined)
    assert isinstance(t_of_mean(np.array([0.0, np.nan, 1.0])), Undefined)


def test_the_surrogate_that_tests_fewest_rows_says_whether_they_are_enough() -> None:
    # Given a study of 1,600 rows that tests 100 of them where the label of row 71 is 0
    tested: list[int] = []

    @dataclass(frozen=True, slots=True)
    class Sparing(MovesStudy):
        def folds(self, labels: Labelled) -> Sequence[Fold]:
            folds = MovesStudy.folds(self, labels)
            train, test = folds[0]
            folds = [(train, test[:100])] if labels.value[71] == 0 else folds
            tested.append(sum(rows.size for _, rows in folds))
            return folds

    verdict = found(Sparing()).verdict

    assert len(tested) == RULES.surrogates
    assert tested[-1] > 250 > tested.count(100) > 0
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].detail == "100 of 250 tested rows needed for surrogates"


@pytest.mark.parametrize(
    "test",
    [np.array([0.0, 1.0]), np.array([True, False, True]), [5], [-1], ["a"]],
    ids=["floats", "a mask", "too far", "before the first", "words"],
)
def test_a_fold_tests_row_numbers_and_nothing_else(test: object) -> None:
    rows: Any = test
    with pytest.raises(DataError, match="row numbers from 0 to 4"):
        rows_tested([(np.arange(2), np.array([3])), (np.arange(2), rows)], 5)
    assert rows_tested([(np.arange(2), [])], 5).sum() == 0  # type: ignore[list-item]
