"""A canary's vital signs: what counts as an error, and how slow is slow."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.vitals import VirtualClock, VitalRules, Vitals, latency_ms
from stairway.base.units import UtcNs
from stairway.models.prediction import Answer, ExclusionCode
from stairway.testing.bars import random_walk
from stairway.testing.decision import answer, exclusion

RULES = VitalRules(latency_median_ms=0.2, latency_log_sigma=0.5)
NOW = UtcNs(9)


def taken(answers: list[Answer], bars: int = 1, seed: int = 7) -> Vitals:
    vitals = Vitals(UtcNs(0))
    for index in range(bars):
        vitals.take(answers, index, seed, RULES)
    return vitals


def test_what_was_never_measured_is_missing() -> None:
    health = Vitals(UtcNs(0)).health("x", NOW, 0.0)
    assert (health.answers, health.errors, health.latency_p999_ms) == (0, 0, None)
    assert (health.digest, health.time_ns) == ("x", NOW)


def test_answers_are_counted_and_are_no_errors() -> None:
    health = taken([answer("x", 0.6), answer("x", 0.4)], bars=3).health("x", NOW, 0.0)
    assert (health.answers, health.errors) == (6, 0)


@pytest.mark.parametrize(
    "code", [c for c in ExclusionCode if c is not ExclusionCode.WARMING_UP]
)
def test_an_answer_that_did_not_come_is_an_error(code: ExclusionCode) -> None:
    health = taken([exclusion("x", code), answer("x", 0.6)]).health("x", NOW, 0.0)
    assert (health.answers, health.errors) == (2, 1)


def test_while_windows_fill_no_answer_is_due() -> None:
    health = taken([exclusion("x", ExclusionCode.WARMING_UP)], bars=4).health("x", NOW, 0.0)
    assert (health.answers, health.errors) == (4, 0)


def test_the_deepest_drawdown_is_kept() -> None:
    vitals = taken([answer("x", 0.6)])
    falls = [vitals.health("x", NOW, fall).drawdown_frac for fall in (0.0, 0.03, 0.01)]
    assert falls == [0.0, 0.03, 0.03]


def test_latency_is_drawn_from_seed_model_and_bar_and_from_nothing_else() -> None:
    one, same = (taken([answer("x", 0.6)], bars=50).health("x", NOW, 0.0) for _ in range(2))
    assert one == same
    figures = {
        taken([answer(model, 0.6)], bars=50, seed=seed).health("x", NOW, 0.0).latency_p999_ms
        for model, seed in (("x", 7), ("y", 7), ("x", 8))
    }
    assert len(figures) == 3


def test_the_order_of_the_bars_changes_no_latency() -> None:
    forward, backward = Vitals(UtcNs(0)), Vitals(UtcNs(0))
    for index in range(40):
        forward.take([answer("x", 0.6)], index, 7, RULES)
        backward.take([answer("x", 0.6)], 39 - index, 7, RULES)
    assert forward.health("x", NOW, 0.0) == backward.health("x", NOW, 0.0)


def test_half_of_the_latencies_lie_below_the_median() -> None:
    vitals = taken([answer("x", 0.6)], bars=2_000)
    below = sum(ms < RULES.latency_median_ms for ms in vitals._latencies_ms)
    assert 0.45 < below / 2_000 < 0.55
    expected = RULES.latency_median_ms * math.exp(RULES.latency_log_sigma * 3.09)
    p999 = vitals.health("x", NOW, 0.0).latency_p999_ms
    assert p999 is not None
    assert 0.5 * expected < p999 < 2.0 * expected


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=3_000))
def test_the_tail_is_the_smallest_figure_that_999_in_1000_do_not_exceed(
    latencies: list[float],
) -> None:
    vitals = Vitals(UtcNs(0), _latencies_ms=latencies)
    p999 = vitals.health("x", NOW, 0.0).latency_p999_ms
    assert p999 in latencies
    within = sum(ms <= p999 for ms in latencies)
    assert within >= 0.999 * len(latencies)
    below = sum(ms < p999 for ms in latencies)
    assert below < 0.999 * len(latencies)


@pytest.mark.parametrize("name", ["latency_median_ms", "latency_log_sigma"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_latencies_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.structs.replace(RULES, **{name: value})


BAR = random_walk(5, seed=1).at(3)


def after_ns(answers: list[Answer], seed: int = 7, rules: VitalRules = RULES) -> int:
    """How long after the close of the bar the answers were in."""
    return VirtualClock(rules, seed)(BAR, answers) - BAR.time_ns


def test_without_a_question_no_time_passes() -> None:
    assert after_ns([]) == 0


def test_answers_are_in_when_all_their_latencies_have_passed() -> None:
    answers = [answer("x", 0.6), answer("x", 0.4), answer("y", 0.5)]
    drawn = [latency_ms(RULES, 7, name, 3, k) for name, k in (("x", 0), ("x", 1), ("y", 0))]
    assert after_ns(answers) == round(sum(drawn) * 1e6)
    assert len(set(drawn)) == 3


def test_the_clock_and_a_canarys_signs_tell_of_the_same_latency() -> None:
    vitals = Vitals(UtcNs(0))
    vitals.take([answer("x", 0.6), answer("x", 0.4)], BAR.index, 7, RULES)
    assert after_ns([answer("x", 0.6), answer("x", 0.4)]) == round(
        sum(vitals._latencies_ms) * 1e6
    )


def test_an_answer_that_did_not_come_took_its_time_as_well() -> None:
    assert after_ns([exclusion("x", ExclusionCode.RAISED)]) == after_ns([answer("x", 0.6)]) > 0


def test_a_model_that_was_made_anew_keeps_the_luck_of_its_slot() -> None:
    old = msgspec.structs.replace(answer("x", 0.6), digest="a" * 64)
    new = msgspec.structs.replace(answer("x", 0.6), digest="b" * 64)
    assert after_ns([old]) == after_ns([new])
    assert after_ns([old]) != after_ns([old], seed=8)


@given(st.integers(0, 2**31 - 1), st.integers(0, 4))
def test_a_decision_never_falls_before_the_close(seed: int, count: int) -> None:
    assert after_ns([answer("x", 0.6)] * count, seed) >= 0
    assert isinstance(VirtualClock(RULES, seed)(BAR, [answer("x", 0.6)]), int)


def test_no_policy_makes_the_clock_overflow() -> None:
    slowest = VitalRules(latency_median_ms=1e6, latency_log_sigma=5.0)
    for seed in range(50):
        assert after_ns([answer("x", 0.6)] * 4, seed, slowest) > 0
