"""Words that are no action are quoted of those answers that are counted as strange alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stairway.supervision.answers import BUY, NO_TIME, UNKNOWN, Names, columns
from stairway.supervision.strange import Strange, code_of

SAID = {"time_ns": 1, "symbol": 0, "action": UNKNOWN, "confidence": 0.6}


def quoted(mark: int, **more: float) -> list[tuple[str, int]]:
    names = Names()
    one = {name: [value] for name, value in (SAID | more).items()}
    strange = Strange()
    chunk = columns(
        **one, model=names.models.codes(["m"]), word=[code_of("LONG", names)], stage=[1]
    )
    strange.add(chunk, np.array([mark], np.uint8))
    return strange.said(0, 1, names.words.names)


@pytest.mark.parametrize(("mark", "n"), [(0, 0), (1, 1), (2, 0), (3, 1), (5, 1)])
def test_a_word_is_counted_where_its_answer_counts(mark: int, n: int) -> None:
    assert quoted(mark) == [("LONG", 1)] * n


@pytest.mark.parametrize(
    "other",
    [{"time_ns": NO_TIME}, {"symbol": -1}, {"confidence": math.nan}, {"action": BUY}],
    ids=["no time", "no instrument", "no confidence", "an action"],
)
def test_an_answer_with_another_fault_is_not_quoted(other: dict[str, float]) -> None:
    assert quoted(1, **other) == []


def test_a_confidence_outside_is_the_lesser_fault() -> None:
    assert quoted(1, confidence=1.5) == [("LONG", 1)]
