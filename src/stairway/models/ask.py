"""Ask one model about one instrument, and let nothing doubtful through.

A row with a hole, an answer that is no number, a probability outside [0, 1]: each
becomes an exclusion with its reason, and never a value in place of the one that is
missing. Exceptions and time-outs are turned into exclusions by the shell, which is the
only place that sees them.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Verdict, refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models.ports import ModelCard, ModelRuntime, PairRuntime
from stairway.models.prediction import Action, Answer, Exclusion, ExclusionCode, Prediction

EVEN = 0.5


class Question(msgspec.Struct, frozen=True):
    """What is asked about, and what was known.

    Attributes
    ----------
    symbol, as_of_ns, regime
        Instrument, close time of the bar, and regime label at that instant.
    action_margin
        How far from even a probability must lie before a model would act, >= 0.
    """

    symbol: str
    as_of_ns: UtcNs
    regime: str
    action_margin: float


def ask(runtime: ModelRuntime, row: FloatArray, question: Question) -> Answer:
    """Return what the model believes, or why it has no say.

    Parameters
    ----------
    row : (n_features,) float64
        The instrument's features, in the order of the schema. NaN means that a feature
        is still warming up; infinite values are never right.

    Examples
    --------
    >>> from stairway.adapters.runtimes.rule import load
    >>> from stairway.testing.models import toy_rule, toy_sealed
    >>> runtime = load(toy_sealed(passport=toy_rule()))
    >>> question = Question("SPX", UtcNs(0), "trend", action_margin=0.02)
    >>> ask(runtime, np.full(12, np.nan), question).code
    <ExclusionCode.WARMING_UP: 'member.warming_up'>
    """
    if row.shape != (len(FEATURE_NAMES),):
        detail = f"{row.shape} features given, ({len(FEATURE_NAMES)},) needed"
        return _excluded(runtime.card, question, ExclusionCode.SCHEMA, detail)
    if not np.isfinite(row).all():
        return _hole(runtime.card, row, question)
    raw, confidence = runtime.predict(row, question.regime)
    return _answer(runtime.card, question, raw, confidence)


def ask_pair(
    runtime: PairRuntime, rows: FloatArray, questions: tuple[Question, Question]
) -> tuple[Answer, Answer]:
    """Return what the model believes of both instruments, or why it has no say.

    What it says of one is made of both rows: a hole in either excludes it from both.

    Parameters
    ----------
    rows : (2, n_features) float64
        Features of each instrument, as for :func:`ask`.
    questions
        About each instrument, at one close.

    Raises
    ------
    InvariantError
        If the two are not of one close and one regime.

    Examples
    --------
    >>> from stairway.adapters.runtimes.policy import load
    >>> from stairway.testing.models import toy_policy, toy_sealed
    >>> runtime = load(toy_sealed(passport=toy_policy()))
    >>> about = tuple(Question(one, UtcNs(0), "trend", 0.02) for one in ("SPX", "NDX"))
    >>> rows = np.zeros((2, 12))
    >>> rows[1, 2] = np.nan
    >>> [answer.detail for answer in ask_pair(runtime, rows, about)]
    ['NDX: momentum_long: not known yet', 'NDX: momentum_long: not known yet']
    """
    first, second = questions
    if (first.as_of_ns, first.regime) != (second.as_of_ns, second.regime):
        msg = f"a pair is asked about one close in one regime, not {first} and {second}"
        raise InvariantError(msg)
    card = runtime.card
    if rows.shape != (2, len(FEATURE_NAMES)):
        detail = f"{rows.shape} features given, (2, {len(FEATURE_NAMES)}) needed"
        return _both(card, questions, ExclusionCode.SCHEMA, detail)
    for row, question in zip(rows, questions, strict=True):
        if not np.isfinite(row).all():
            hole = _hole(card, row, question)
            return _both(card, questions, hole.code, f"{question.symbol}: {hole.detail}")
    said = runtime.predict_pair(rows, first.regime)
    return _answer(card, first, *said[0]), _answer(card, second, *said[1])


def action_of(confidence: float, action_margin: float) -> Action:
    """Say what a probability alone asks for; NaN on either side holds.

    Examples
    --------
    >>> [action_of(p, 0.05).value for p in (0.45, 0.5, 0.549, 0.55)]
    ['SELL', 'HOLD', 'HOLD', 'BUY']
    """
    if confidence > EVEN and confidence >= EVEN + action_margin:
        return Action.BUY
    if confidence < EVEN and confidence <= EVEN - action_margin:
        return Action.SELL
    return Action.HOLD


def same_schema(card: ModelCard, schema_hash: str) -> Verdict:
    """Say whether a model was trained on the features it is about to be shown.

    Asked once, when a model is loaded.

    Examples
    --------
    >>> same_schema(ModelCard("lightgbm", "v1", "d", "old"), "new").findings[0].code
    'member.out_of_schema'
    """
    if card.schema_hash == schema_hash:
        return Pass()
    detail = (
        f"{card.model} was taught on {card.schema_hash[:12]} and would climb on "
        f"{schema_hash[:12]}: another policy, other instruments or another order of them, or "
        "the bars of a drill; train it again on these bars under this policy"
    )
    return refuse(ExclusionCode.SCHEMA.value, detail)


def _hole(card: ModelCard, row: FloatArray, question: Question) -> Exclusion:
    infinite = np.isinf(row)
    if infinite.any():
        return _excluded(card, question, ExclusionCode.NOT_FINITE, _named(infinite, "infinite"))
    detail = _named(np.isnan(row), "not known yet")
    return _excluded(card, question, ExclusionCode.WARMING_UP, detail)


def _both(
    card: ModelCard, questions: tuple[Question, Question], code: ExclusionCode, detail: str
) -> tuple[Answer, Answer]:
    first, second = questions
    return _excluded(card, first, code, detail), _excluded(card, second, code, detail)


def _named(where: np.ndarray[tuple[int], np.dtype[np.bool_]], what: str) -> str:
    return f"{', '.join(FEATURE_NAMES[i] for i in np.flatnonzero(where))}: {what}"


def _answer(card: ModelCard, question: Question, raw: float, confidence: float) -> Answer:
    if not (math.isfinite(raw) and math.isfinite(confidence)):
        detail = f"margin {raw}, probability {confidence} in regime {question.regime!r}"
        return _excluded(card, question, ExclusionCode.NOT_FINITE, detail)
    prediction = Prediction(
        model=card.model,
        version=card.version,
        digest=card.digest,
        symbol=question.symbol,
        as_of_ns=question.as_of_ns,
        regime=question.regime,
        raw=raw,
        confidence=confidence,
        action=action_of(confidence, question.action_margin),
    )
    if not prediction.honours_contract:
        detail = f"probability {confidence} is outside [0, 1]"
        return _excluded(card, question, ExclusionCode.CONTRACT, detail)
    return prediction


def _excluded(
    card: ModelCard, question: Question, code: ExclusionCode, detail: str
) -> Exclusion:
    return Exclusion(
        model=card.model,
        version=card.version,
        digest=card.digest,
        symbol=question.symbol,
        as_of_ns=question.as_of_ns,
        code=code,
        detail=detail,
    )
