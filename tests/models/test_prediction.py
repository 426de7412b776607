"""The contract of one answer."""

from __future__ import annotations

import math

import msgspec
import pytest

from stairway.base.units import UtcNs
from stairway.models.prediction import Action, Answer, Exclusion, ExclusionCode, Prediction

GOOD = Prediction("m", "v1", "d" * 64, "SPX", UtcNs(1), "trend", 0.3, 0.55, Action.BUY)


@pytest.mark.parametrize(
    ("raw", "confidence", "honoured"),
    [
        (0.0, 0.0, True),
        (-9e9, 1.0, True),
        (0.0, math.nextafter(1.0, 2.0), False),
        (0.0, -5e-324, False),
        (0.0, math.nan, False),
        (math.nan, 0.5, False),
        (math.inf, 0.5, False),
    ],
)
def test_only_a_finite_margin_and_a_probability_honour_the_contract(
    raw: float, confidence: float, *, honoured: bool
) -> None:
    answer = msgspec.structs.replace(GOOD, raw=raw, confidence=confidence)
    assert answer.honours_contract is honoured


def test_an_answer_reads_back_as_what_it_was() -> None:
    missing = Exclusion("m", "v1", "d", "SPX", UtcNs(1), ExclusionCode.RAISED, "KeyError")
    for answer in (GOOD, missing):
        assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_codes_of_exclusion_are_dotted_and_distinct() -> None:
    codes = [code.value for code in ExclusionCode]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("member.") for code in codes)
