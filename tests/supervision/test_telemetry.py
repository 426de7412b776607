"""What a model said lately, without repeats and without waiting."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from stairway.base.units import UtcNs
from stairway.models.prediction import Action, Exclusion, ExclusionCode
from stairway.supervision.telemetry import Telemetry, hear
from stairway.testing.climbing import predicted


def excluded(code: ExclusionCode, at_ns: int = 0) -> Exclusion:
    return Exclusion("lightgbm", "v1", "d1", "A", UtcNs(at_ns), code, "why")


def heard(*answers, keep: int = 100) -> Telemetry:
    telemetry = Telemetry()
    for answer in answers:
        telemetry = hear(telemetry, answer, keep)
    return telemetry


def test_an_answer_is_remembered_in_whole_millionths() -> None:
    sample = heard(predicted("d1", 0.1234567, at_ns=5, action=Action.SELL)).window[0]
    assert sample == (5, "A", Action.SELL, 123457)


def test_only_the_last_answers_are_kept() -> None:
    telemetry = heard(*(predicted("d1", 0.5, at_ns=i) for i in range(20)), keep=7)
    assert [sample.as_of_ns for sample in telemetry.window] == list(range(13, 20))
    assert telemetry.answers == 20


def test_a_repeat_counts_once() -> None:
    telemetry = heard(*[predicted("d1", 0.5, at_ns=3)] * 4)
    assert len(telemetry.window) == telemetry.answers == 1
    assert telemetry.repeats == 3


def test_going_back_in_time_is_a_repeat() -> None:
    telemetry = heard(predicted("d1", 0.5, at_ns=3), predicted("d1", 0.6, at_ns=2))
    assert telemetry.repeats == 1


def test_two_instruments_answer_at_the_same_instant() -> None:
    telemetry = heard(predicted("d1", 0.5, symbol="A"), predicted("d1", 0.6, symbol="B"))
    assert len(telemetry.window) == 2


def test_warming_up_is_no_answer() -> None:
    assert heard(excluded(ExclusionCode.WARMING_UP)) == Telemetry()


@pytest.mark.parametrize("confidence", [math.nan, 1.01, -0.01, math.inf])
def test_a_broken_contract_is_seen_by_the_gate(confidence: float) -> None:
    telemetry = heard(predicted("d1", confidence))
    assert telemetry.window[0].confidence_ppm is None
    assert telemetry.failures == 1


def test_a_margin_that_is_no_number_breaks_the_contract_too() -> None:
    telemetry = heard(replace(predicted("d1", 0.5), raw=math.nan))
    assert telemetry.window[0].confidence_ppm is None


@pytest.mark.parametrize("code", [ExclusionCode.CONTRACT, ExclusionCode.NOT_FINITE])
def test_an_answer_that_was_excluded_for_its_contract_is_seen_too(code) -> None:
    assert heard(excluded(code)).window[0].confidence_ppm is None


@pytest.mark.parametrize("code", [ExclusionCode.RAISED, ExclusionCode.TIMED_OUT])
def test_an_answer_that_never_came_is_a_failure_but_no_sample(code) -> None:
    telemetry = heard(excluded(code))
    assert telemetry.window == ()
    assert (telemetry.answers, telemetry.failures) == (1, 1)


def test_hearing_leaves_the_past_as_it_was() -> None:
    before = heard(predicted("d1", 0.5, at_ns=1))
    hear(before, predicted("d1", 0.6, at_ns=2), 100)
    assert before == heard(predicted("d1", 0.5, at_ns=1))
    assert Telemetry().last_ns == {}
