from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict
from stairway.evaluation.battery.sentinel import (
    Sentinel,
    Timed,
    evened,
    judged,
    longest,
    sentinel,
    shuffled,
)
from stairway.evaluation.battery.study import BatteryRules, Labelled
from stairway.evaluation.battery.surrogates import rows_tested
from stairway.testing.studies import MovesStudy, garch_moves, study

RULES = BatteryRules()
MOVES = garch_moves(1_600, 5, drift_frac=0.1)


def found(
    given: MovesStudy, moves: np.ndarray = MOVES, rules: BatteryRules = RULES
) -> Sentinel:
    return sentinel(given, moves, rules, 5, lambda: None)


def code(verdict: Verdict) -> str:
    return verdict.findings[0].code


@dataclass(frozen=True, slots=True)
class Knowing(MovesStudy):
    """Holds the next move under much noise, whatever it is taught, and some of what it is."""

    known_frac: float = 0.3

    def positions(
        self, features: np.ndarray, labels: Labelled, folds: object, seed: int
    ) -> np.ndarray:
        taught = MovesStudy.positions(self, features, labels, folds, seed)
        return taught + self.known_frac * np.sign(np.append(MOVES[1:], 0.0))


@dataclass(frozen=True, slots=True)
class Fixed(MovesStudy):
    """Holds one rule, whatever it is taught."""

    constant: bool = False

    def positions(self, features: np.ndarray, *given: Any) -> np.ndarray:
        held = np.ones(MOVES.size) if self.constant else np.clip(features[:, 1], -1.0, 1.0)
        return np.where(rows_tested(given[1], MOVES.size), held, np.nan)


def test_an_honest_study_earns_nothing_by_nonsense_though_its_market_drifts() -> None:
    answer = found(study())

    assert isinstance(answer.verdict, Pass)
    assert answer.figures is not None
    assert len(answer.figures.sharpe) == RULES.shuffles
    assert abs(answer.figures.mean_sharpe) < 0.1


def test_a_true_edge_is_no_alarm() -> None:
    for seed in range(5):
        moves = garch_moves(1_600, seed, momentum_frac=0.4)
        assert isinstance(sentinel(study(), moves, RULES, seed, lambda: None).verdict, Pass)


def test_what_earns_without_its_labels_is_found() -> None:
    answer = found(Knowing())

    assert isinstance(answer.verdict, Refuse)
    assert code(answer.verdict) == "leak.sentinel"
    assert answer.figures is not None
    assert answer.figures.p_shift < RULES.level
    assert answer.figures.p_spread < RULES.level


def test_the_bound_on_the_mean_sharpe_holds_by_itself() -> None:
    answer = found(Knowing(known_frac=0.3))
    wide = found(Knowing(known_frac=0.3), rules=BatteryRules(mean_sharpe_bound=1.0))

    assert isinstance(answer.verdict, Refuse)
    assert isinstance(wide.verdict, Refuse)
    assert len(answer.verdict.findings) == 2
    assert len(wide.verdict.findings) == 1


def test_a_rule_that_learns_nothing_gives_the_sentinel_nothing_to_judge() -> None:
    answer = found(Fixed())

    assert isinstance(answer.verdict, Inconclusive)
    assert code(answer.verdict) == "leak.no_labels"


def test_constant_positions_have_no_timing() -> None:
    answer = found(Fixed(constant=True))

    assert isinstance(answer.verdict, Inconclusive)
    assert code(answer.verdict) == "leak.no_timing"


def test_a_single_class_leaves_nothing_to_shuffle() -> None:
    answer = found(study(), np.abs(MOVES) + 0.01)

    assert isinstance(answer.verdict, Inconclusive)
    assert answer.verdict.findings[0].detail.startswith("1 of 2 classes needed")


@pytest.mark.parametrize(
    ("rows", "horizon", "needed"), [(600, 5, 664), (700, 10, 1_020), (200, 1, 664)]
)
def test_too_few_rows_say_how_many_are_needed(rows: int, horizon: int, needed: int) -> None:
    rng = np.random.default_rng(1)
    held = rng.standard_normal((20, rows))
    came = rng.standard_normal(rows)

    verdict = judged(Timed(held, held * came, came), horizon, RULES).verdict

    assert isinstance(verdict, Inconclusive)
    assert (
        verdict.findings[0].detail == f"{rows} of {needed} tested rows needed for the sentinel"
    )


def test_holding_on_in_a_rising_market_is_no_timing() -> None:
    rng = np.random.default_rng(2)
    came = rng.standard_normal(2_000) + 0.5
    held = 1.0 + 0.1 * rng.standard_normal((20, 2_000))

    answer = judged(Timed(held, held * came, came), 5, RULES)

    assert isinstance(answer.verdict, Pass)
    assert answer.figures is not None
    assert abs(answer.figures.mean_sharpe) < 0.02


def test_an_edge_learnt_with_random_signs_passes_by_its_spread() -> None:
    rng = np.random.default_rng(3)
    came = rng.standard_normal(2_000)
    knows = 0.3 * came + rng.standard_normal(2_000)
    signs = np.array([1.0, -1.0] * 9 + [1.0, 1.0])
    held = signs[:, None] * knows

    answer = judged(Timed(held, held * came, came), 5, RULES)

    assert answer.figures is not None
    assert answer.figures.p_shift < RULES.level
    assert answer.figures.p_spread > 0.3
    assert isinstance(answer.verdict, Pass)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60), st.integers(1, 9))
def test_a_shuffle_keeps_the_labels_and_where_there_are_none(
    value: list[int], block: int
) -> None:
    given_ = np.array(value)
    mixed = shuffled(given_, block, np.random.default_rng(1))

    assert Counter(mixed.tolist()) == Counter(value)
    assert np.array_equal(mixed < 0, given_ < 0)


def test_a_shuffle_moves_whole_blocks() -> None:
    value = np.repeat(np.arange(2), 50)  # one change in all
    mixed = shuffled(np.concatenate([value, value]), 25, np.random.default_rng(4))

    assert int(np.abs(np.diff(mixed)).sum()) <= 7
    assert not np.array_equal(mixed[:100], value)


def test_a_market_that_is_wild_at_times_is_evened_out() -> None:
    rng = np.random.default_rng(6)
    wild = np.where(np.arange(2_000) // 200 % 2 == 0, 1.0, 9.0)
    steady = evened(wild * rng.standard_normal(2_000) + 4.0)

    assert abs(steady.mean()) < 0.1
    calm, rough = steady[wild == 1.0], steady[wild == 9.0]
    assert 0.75 < calm.std() / rough.std() < 1.25


def test_outcomes_of_nothing_stay_nothing() -> None:
    assert evened(np.zeros(100)).tolist() == [0.0] * 100


@pytest.mark.parametrize(("sign", "answer"), [(1.0, Refuse), (-1.0, Pass)])
def test_nonsense_that_earns_is_an_alarm_and_nonsense_that_loses_is_none(
    sign: float, answer: type
) -> None:
    rng = np.random.default_rng(7)
    came = rng.standard_normal(2_000)
    held = sign * 0.05 * came + rng.standard_normal((20, 2_000))

    found = judged(Timed(held, held * came, came), 5, RULES)

    assert isinstance(found.verdict, answer)
    assert found.figures is not None
    chances = (found.figures.p_shift, found.figures.p_spread)
    assert max(chances) < 0.01 if sign > 0.0 else min(chances) > 0.99


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_bound_on_the_mean_sharpe_holds_either_way(sign: float) -> None:
    rng = np.random.default_rng(8)
    came = rng.standard_normal(2_000)
    held = sign * 0.3 * came + rng.standard_normal((20, 2_000))

    assert isinstance(judged(Timed(held, held * came, came), 5, RULES).verdict, Refuse)


def some_that_hold_on(varying: int, known_frac: float) -> Sentinel:
    rng = np.random.default_rng(8)
    came = rng.standard_normal(2_000)
    held = known_frac * came + rng.standard_normal((20, 2_000))
    held[varying:] = 1.0
    return judged(Timed(held, held * came, came), 5, RULES)


def test_a_shuffle_without_timing_is_no_sharpe_of_0_in_the_mean() -> None:
    answer = some_that_hold_on(9, 0.15)

    assert answer.figures is not None
    assert len(answer.figures.sharpe) == 9
    assert answer.figures.mean_sharpe > RULES.mean_sharpe_bound
    assert isinstance(answer.verdict, Refuse)


def test_too_few_shuffles_with_a_sharpe_conclude_nothing() -> None:
    verdict = some_that_hold_on(7, 0.0).verdict

    assert isinstance(verdict, Inconclusive)
    assert code(verdict) == "leak.no_timing"
    assert "7 of 8 shuffles needed have a Sharpe ratio" in verdict.findings[0].detail


def test_what_earns_by_nonsense_is_an_alarm_however_few_have_a_sharpe() -> None:
    assert isinstance(some_that_hold_on(7, 0.5).verdict, Refuse)


def test_blocks_are_as_long_as_the_longest_label_at_least() -> None:
    rows = np.arange(5)
    labels = Labelled(np.array([1, 0, 1, 1, -1]), rows, rows + np.array([2, 7, 3, 1, 50]))

    assert longest(labels) == 7
    assert longest(replace(labels, value=np.full(5, -1))) == 1


@pytest.mark.parametrize(("block", "whole"), [(1, 5), (40, 40)])
def test_what_is_taught_is_the_labels_in_whole_blocks(block: int, whole: int) -> None:
    taught: list[np.ndarray] = []

    @dataclass(frozen=True, slots=True)
    class Listening(MovesStudy):
        def labels(self, market: np.ndarray) -> Labelled:
            made = MovesStudy.labels(self, market)
            numbers = np.arange(made.value.size) // whole % 2
            return replace(made, value=np.where(made.value < 0, -1, numbers))

        def positions(
            self, features: np.ndarray, labels: Labelled, folds: object, seed: int
        ) -> np.ndarray:
            taught.append(labels.value)
            return MovesStudy.positions(self, features, labels, folds, seed)

    found(Listening(), rules=BatteryRules(block_rows=block))

    assert len(taught) == RULES.shuffles
    assert len({values.tobytes() for values in taught}) == RULES.shuffles
    for values in taught:
        changes = np.flatnonzero(np.diff(values[values >= 0])) + 1
        short = int((values >= 0).sum()) % whole  # the last block, wherever it went
        assert set((changes % whole).tolist()) <= {0, short}


@pytest.mark.parametrize("turn", [0, 13])
def test_a_shuffle_that_leaves_out_what_its_folds_test_is_refused_by_its_row(turn: int) -> None:
    @dataclass(frozen=True, slots=True)
    class Choosy(MovesStudy):
        def positions(
            self, features: np.ndarray, labels: Labelled, folds: object, seed: int
        ) -> np.ndarray:
            held = MovesStudy.positions(self, features, labels, folds, seed)
            if seed == 5 + turn:
                held[900] = np.nan
            return held

    with pytest.raises(DataError, match="row 900 is tested, and its position is NaN"):
        found(Choosy())
