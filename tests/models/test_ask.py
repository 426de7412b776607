"""Whatever is doubtful becomes an exclusion with its reason, and never a number."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models.ask import Question, action_of, ask, ask_pair, same_schema
from stairway.models.ports import ModelCard
from stairway.models.prediction import Action, Exclusion, ExclusionCode, Prediction

WIDTH = len(FEATURE_NAMES)
CARD = ModelCard("lightgbm", "v20180102_000000", "a" * 64, "s" * 64)
QUESTION = Question("SPX", UtcNs(5), "trend", action_margin=0.05)
WHOLE = np.linspace(-1.0, 1.0, WIDTH)


@dataclass(frozen=True)
class Says:
    """A runtime that answers what it was told to answer."""

    raw: float
    confidence: float
    card: ModelCard = CARD

    def predict(self, row: np.ndarray, regime: str) -> tuple[float, float]:
        del row, regime
        return self.raw, self.confidence


@dataclass(frozen=True)
class MustNotBeAsked:
    card: ModelCard = CARD

    def predict(self, row: np.ndarray, regime: str) -> tuple[float, float]:
        del row, regime
        pytest.fail("a model was asked about a row with a hole")


@dataclass(frozen=True)
class Echo:
    """Answers with what it was asked: the first feature, and a number for the regime."""

    card: ModelCard = CARD

    def predict(self, row: np.ndarray, regime: str) -> tuple[float, float]:
        return float(row[0]), {"trend": 0.6, "range": 0.5, "crisis": 0.4}[regime]


def excluded(answer: Prediction | Exclusion) -> Exclusion:
    assert isinstance(answer, Exclusion)
    return answer


def test_a_sound_answer_carries_who_what_and_when() -> None:
    assert ask(Says(0.7, 0.66), WHOLE, QUESTION) == Prediction(
        model="lightgbm",
        version="v20180102_000000",
        digest="a" * 64,
        symbol="SPX",
        as_of_ns=UtcNs(5),
        regime="trend",
        raw=0.7,
        confidence=0.66,
        action=Action.BUY,
    )


@pytest.mark.parametrize(("regime", "expected"), [("trend", 0.6), ("crisis", 0.4)])
def test_the_model_is_asked_in_the_regime_of_the_question(regime: str, expected: float) -> None:
    answer = ask(Echo(), WHOLE, Question("SPX", UtcNs(5), regime, 0.05))
    assert isinstance(answer, Prediction)
    assert (answer.raw, answer.confidence) == (-1.0, expected)


@pytest.mark.parametrize("feature", range(WIDTH))
def test_a_nan_feature_is_warming_up_and_the_model_is_not_asked(feature: int) -> None:
    row = WHOLE.copy()
    row[feature] = np.nan
    answer = excluded(ask(MustNotBeAsked(), row, QUESTION))
    assert answer.code is ExclusionCode.WARMING_UP
    assert FEATURE_NAMES[feature] in answer.detail


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_infinite_feature_is_never_right_even_while_others_warm_up(bad: float) -> None:
    row = WHOLE.copy()
    row[2], row[3] = bad, np.nan
    answer = excluded(ask(MustNotBeAsked(), row, QUESTION))
    assert answer.code is ExclusionCode.NOT_FINITE
    assert answer.detail == "momentum_long: infinite"


@pytest.mark.parametrize("shape", [(0,), (WIDTH - 1,), (WIDTH + 1,), (1, WIDTH), ()])
def test_a_row_of_another_shape_is_out_of_schema(shape: tuple[int, ...]) -> None:
    answer = excluded(ask(MustNotBeAsked(), np.zeros(shape), QUESTION))
    assert answer.code is ExclusionCode.SCHEMA


@pytest.mark.parametrize(
    ("raw", "confidence"),
    [(math.nan, 0.6), (math.inf, 0.6), (0.1, math.nan), (0.1, math.inf), (0.1, -math.inf)],
)
def test_an_answer_that_is_no_number_excludes(raw: float, confidence: float) -> None:
    answer = excluded(ask(Says(raw, confidence), WHOLE, QUESTION))
    assert answer.code is ExclusionCode.NOT_FINITE


@pytest.mark.parametrize("confidence", [-1e-12, 1.0 + 1e-12, 2.0, -0.5, 1e300])
def test_a_probability_outside_its_range_is_a_violation_and_is_not_clipped(
    confidence: float,
) -> None:
    answer = excluded(ask(Says(0.1, confidence), WHOLE, QUESTION))
    assert answer.code is ExclusionCode.CONTRACT
    assert str(confidence) in answer.detail


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_the_ends_of_the_range_belong_to_it(confidence: float) -> None:
    assert isinstance(ask(Says(0.1, confidence), WHOLE, QUESTION), Prediction)


def test_an_exclusion_says_who_is_missing_where_and_when() -> None:
    answer = excluded(ask(Says(math.nan, 0.5), WHOLE, QUESTION))
    assert (answer.model, answer.version, answer.digest) == CARD_ID
    assert (answer.symbol, answer.as_of_ns) == ("SPX", 5)


CARD_ID = (CARD.model, CARD.version, CARD.digest)


def test_an_exception_is_left_to_the_shell() -> None:
    with pytest.raises(KeyError):
        ask(Echo(), WHOLE, Question("SPX", UtcNs(5), "calm", 0.05))


anything = st.floats(allow_nan=True, allow_infinity=True)


@given(arrays(np.float64, WIDTH, elements=anything), anything, anything)
def test_no_number_that_is_wrong_gets_through(
    row: np.ndarray, raw: float, confidence: float
) -> None:
    answer = ask(Says(raw, confidence), row, QUESTION)
    match answer:
        case Prediction():
            assert np.isfinite(row).all()
            assert answer.honours_contract
            assert (answer.raw, answer.confidence) == (raw, confidence)
        case Exclusion():
            sound = np.isfinite(row).all() and math.isfinite(raw) and 0 <= confidence <= 1
            assert not sound


@given(arrays(np.float64, WIDTH, elements=anything))
def test_asking_leaves_the_row_alone(row: np.ndarray) -> None:
    before = row.copy()
    ask(Says(0.1, 0.5), row, QUESTION)
    np.testing.assert_array_equal(row, before)


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_an_action_lies_at_least_its_margin_from_even(p: float, margin: float) -> None:
    match action_of(p, margin):
        case Action.BUY:
            assert p >= 0.5 + margin
        case Action.SELL:
            assert p <= 0.5 - margin
        case Action.HOLD:
            assert 0.5 - margin < p < 0.5 + margin or p == 0.5


@pytest.mark.parametrize(
    ("p", "margin", "expected"),
    [
        (0.55, 0.05, Action.BUY),
        (0.45, 0.05, Action.SELL),
        (0.5, 0.0, Action.HOLD),
        (0.5000001, 0.0, Action.BUY),
        (0.6, math.nan, Action.HOLD),
        (0.4, math.nan, Action.HOLD),
        (math.nan, 0.0, Action.HOLD),
        (0.5, -0.1, Action.HOLD),
        (0.45, -0.2, Action.SELL),
    ],
)
def test_the_edges_of_an_action(p: float, margin: float, expected: Action) -> None:
    assert action_of(p, margin) is expected


def test_a_model_trained_on_other_features_is_refused_when_it_is_loaded() -> None:
    assert isinstance(same_schema(CARD, "s" * 64), Pass)
    verdict = same_schema(CARD, "t" * 64)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == ExclusionCode.SCHEMA
    assert "train it again" in verdict.findings[0].detail


# -- both instruments at once ----------------------------------------------------------

ABOUT = (QUESTION, Question("NDX", UtcNs(5), "trend", action_margin=0.05))
PAIR = np.vstack([WHOLE, WHOLE[::-1]])


@dataclass(frozen=True)
class SaysBoth:
    """A runtime that answers what it was told to answer, of both."""

    first: tuple[float, float]
    second: tuple[float, float]
    card: ModelCard = CARD

    def predict_pair(
        self, rows: np.ndarray, regime: str
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        del rows, regime
        return self.first, self.second


@dataclass(frozen=True)
class EchoBoth:
    """Answers with what it was asked: the first feature of each, and the regime."""

    card: ModelCard = CARD

    def predict_pair(
        self, rows: np.ndarray, regime: str
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        said = {"trend": 0.6, "range": 0.5, "crisis": 0.4}[regime]
        return (float(rows[0, 0]), said), (float(rows[1, 0]), 1.0 - said)


@dataclass(frozen=True)
class NobodyAsksBoth:
    card: ModelCard = CARD

    def predict_pair(self, rows: np.ndarray, regime: str) -> tuple[tuple[float, float], ...]:
        del rows, regime
        pytest.fail("a model was asked about rows with a hole")


def test_each_instrument_gets_the_answer_about_it() -> None:
    first, second = ask_pair(EchoBoth(), PAIR, ABOUT)
    assert isinstance(first, Prediction)
    assert isinstance(second, Prediction)
    assert (first.symbol, first.raw, first.confidence) == ("SPX", -1.0, 0.6)
    assert (second.symbol, second.raw, second.confidence) == ("NDX", 1.0, 0.4)
    assert (first.action, second.action) == (Action.BUY, Action.SELL)
    for answer in (first, second):
        assert (answer.model, answer.version, answer.digest) == (
            "lightgbm",
            CARD.version,
            CARD.digest,
        )
        assert (answer.as_of_ns, answer.regime) == (5, "trend")


@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize(
    ("hole", "code"),
    [
        (np.nan, ExclusionCode.WARMING_UP),
        (np.inf, ExclusionCode.NOT_FINITE),
        (-np.inf, ExclusionCode.NOT_FINITE),
    ],
)
def test_a_hole_in_either_row_excludes_both_and_is_named(
    k: int, hole: float, code: ExclusionCode
) -> None:
    rows = PAIR.copy()
    rows[k, 3] = hole
    said = ask_pair(NobodyAsksBoth(), rows, ABOUT)
    for answer, question in zip(said, ABOUT, strict=True):
        gone = excluded(answer)
        assert gone.code is code
        assert gone.symbol == question.symbol
        assert gone.detail.startswith(f"{ABOUT[k].symbol}: {FEATURE_NAMES[3]}: ")


@pytest.mark.parametrize("shape", [(WIDTH,), (1, WIDTH), (3, WIDTH), (2, WIDTH - 1), (0,)])
def test_rows_that_are_no_pair_are_out_of_schema(shape: tuple[int, ...]) -> None:
    for answer in ask_pair(NobodyAsksBoth(), np.zeros(shape), ABOUT):
        gone = excluded(answer)
        assert gone.code is ExclusionCode.SCHEMA
        assert str(shape) in gone.detail


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ((math.nan, 0.5), ExclusionCode.NOT_FINITE),
        ((math.inf, 0.5), ExclusionCode.NOT_FINITE),
        ((0.0, math.nan), ExclusionCode.NOT_FINITE),
        ((0.0, 1.0000001), ExclusionCode.CONTRACT),
        ((0.0, -0.1), ExclusionCode.CONTRACT),
    ],
)
def test_one_doubtful_answer_leaves_the_other_standing(
    said: tuple[float, float], code: ExclusionCode
) -> None:
    first, second = ask_pair(SaysBoth(said, (0.1, 0.55)), PAIR, ABOUT)
    assert excluded(first).code is code
    assert isinstance(second, Prediction)
    first, second = ask_pair(SaysBoth((0.1, 0.55), said), PAIR, ABOUT)
    assert isinstance(first, Prediction)
    assert excluded(second).code is code


@pytest.mark.parametrize(
    "other",
    [
        Question("NDX", UtcNs(6), "trend", 0.05),
        Question("NDX", UtcNs(5), "range", 0.05),
    ],
)
def test_both_are_asked_about_one_close_in_one_regime(other: Question) -> None:
    with pytest.raises(InvariantError, match="one close in one regime"):
        ask_pair(NobodyAsksBoth(), PAIR, (QUESTION, other))
