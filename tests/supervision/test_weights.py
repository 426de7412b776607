"""Weights are fair, bounded, and sum to exactly one in any order."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.supervision.performance import Record
from stairway.supervision.weights import (
    NOTHING_SPECIAL,
    Merit,
    merit,
    recommend,
    water_fill,
)
from stairway.testing.climbing import weight_rules

RULES = weight_rules()
MERITS = st.builds(Merit, st.floats(-3, 3), st.floats(0, 1))
MEMBERS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), MERITS, min_size=1)


def outcomes(win_rate: float, trades: int, seed: int = 0) -> Record:
    wins = np.random.default_rng(seed).permutation(trades) < round(win_rate * trades)
    return Record(recent=tuple(np.where(wins, 1.0, -1.0).tolist()))


def weigh(records: dict[str, Record]) -> dict[str, float]:
    return recommend(
        {name: merit(r, NOTHING_SPECIAL, RULES) for name, r in records.items()}, RULES
    )


@given(merits=MEMBERS)
def test_weights_sum_to_exactly_one_in_any_order(merits) -> None:
    weights = list(recommend(merits, RULES).values())
    assert sum(weights) == sum(reversed(weights)) == sum(sorted(weights)) == 1.0


@given(merits=MEMBERS)
def test_every_weight_lies_between_floor_and_cap(merits) -> None:
    weights = recommend(merits, RULES)
    n = len(weights)
    assert set(weights) == set(merits)
    floor, cap = min(0.05, 1 / n), min(max(0.40, 1.5 / n), 1.0)
    assert all(floor - 1e-6 <= w <= cap + 1e-6 for w in weights.values())


@given(merits=MEMBERS)
def test_a_better_model_never_weighs_less(merits) -> None:
    weights = recommend(merits, RULES)
    for a, b in itertools.combinations(merits, 2):
        if (
            merits[a].average_r >= merits[b].average_r
            and merits[a].win_rate >= merits[b].win_rate
        ):
            assert weights[a] >= weights[b] - 2e-6


@given(merits=MEMBERS)
def test_the_order_of_naming_does_not_matter(merits) -> None:
    assert recommend(merits, RULES) == recommend(dict(reversed(merits.items())), RULES)


@given(merits=st.dictionaries(st.sampled_from("abcd"), MERITS, min_size=4, max_size=4))
def test_water_filling_keeps_the_proportions_of_those_it_does_not_hold(merits) -> None:
    weights = recommend(merits, RULES)
    free = [d for d, w in weights.items() if 0.0501 < w < 0.3999]
    for a, b in itertools.combinations(free, 2):
        ratio = math.exp(
            3 * (merits[a].average_r - merits[b].average_r)
            + 2 * (merits[a].win_rate - merits[b].win_rate)
        )
        assert weights[a] / weights[b] == pytest.approx(ratio, rel=1e-3)


def test_nobody_to_weigh_gives_no_weights() -> None:
    assert recommend({}, RULES) == {}


def test_one_model_alone_weighs_everything() -> None:
    assert recommend({"a": Merit(-3.0, 0.0)}, RULES) == {"a": 1.0}


def test_two_models_are_capped_at_three_quarters() -> None:
    weights = recommend({"a": Merit(3.0, 1.0), "b": Merit(-3.0, 0.0)}, RULES)
    assert weights["a"] == pytest.approx(0.75, abs=1e-6)


def test_equals_weigh_the_same() -> None:
    weights = recommend(dict.fromkeys("abc", NOTHING_SPECIAL), RULES)
    assert max(weights.values()) - min(weights.values()) < 2e-6


def test_thirty_models_still_sum_to_one() -> None:
    weights = recommend({f"m{i}": Merit(0.1 * i, 0.5) for i in range(30)}, RULES)
    assert sum(weights.values()) == 1.0
    assert min(weights.values()) > 0.0


def test_a_bad_member_falls_to_a_tenth_within_twenty_trades() -> None:
    """SPEC.md: from 25 % to 5-10 % within 20 trades, a good one to 35-40 %."""
    records = {
        "bad": outcomes(0.30, 20),
        "good": outcomes(0.70, 20),
        "usual": outcomes(0.50, 20),
        "other": outcomes(0.50, 20),
    }
    assert weigh(dict.fromkeys(records, Record()))["bad"] == 0.25
    weights = weigh(records)
    assert 0.05 <= weights["bad"] <= 0.10
    assert 0.35 <= weights["good"] <= 0.40


def test_a_few_trades_move_a_weight_only_a_little() -> None:
    records = {name: Record() for name in "abcd"} | {"a": Record(recent=(-1.0, -1.0))}
    assert 0.12 < weigh(records)["a"] < 0.25


def test_shrinkage_is_as_though_trades_without_an_edge_were_mixed_in() -> None:
    figures = merit(Record(recent=(2.0,) * 5), NOTHING_SPECIAL, RULES)
    assert figures.average_r == pytest.approx((5 * 2.0 + 10 * 0.0) / 15)
    assert figures.win_rate == pytest.approx((5 + 10 * 0.5) / 15)


def test_a_regime_without_trades_is_the_model_overall() -> None:
    overall = Merit(0.3, 0.6)
    regime = merit(Record(), overall, RULES)
    assert regime.average_r == pytest.approx(0.3)
    assert regime.win_rate == pytest.approx(0.6)


def test_only_the_last_trades_count() -> None:
    long_ago = Record(recent=(-1.0,) * 30 + (1.0,) * 20)
    assert merit(long_ago, NOTHING_SPECIAL, RULES) == merit(
        Record(recent=(1.0,) * 20), NOTHING_SPECIAL, RULES
    )


def test_a_hopeless_score_is_held_at_the_floor() -> None:
    weights = water_fill({"a": 0.0, "b": -5_000.0, "c": 0.0}, RULES)
    assert weights["b"] == pytest.approx(0.05, abs=1e-6)
    assert sum(weights.values()) == 1.0


def test_without_a_floor_a_hopeless_score_is_almost_nothing() -> None:
    weights = water_fill({"a": 0.0, "b": -5_000.0, "c": 0.0}, replace(RULES, floor=0.0))
    assert weights["b"] < 1e-5
    assert sum(weights.values()) == 1.0
