from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.validate.report import (
    ModelProof,
    Report,
    Sealed,
    curve,
    headline,
    thinned,
    told_once,
)
from stairway.base.verdict import (
    Inconclusive,
    all_of,
    inconclusive,
    passed,
    refuse,
)
from stairway.evaluation.sceptic.answer import UNJUDGED, Question, answer, in_order


def proof(*bad: Question, given_all: bool = True) -> ModelProof:
    answers = in_order(
        answer(one, {"x": refuse("x", "too bad") if one in bad else passed("x", "well")})
        for one in (Question if given_all else bad)
    )
    verdict = all_of(one.verdict for one in answers)
    return ModelProof(name="a", verdict=verdict, answers=answers, figures=None, curves={})


def report(*proofs: ModelProof) -> Report:
    return Report(
        subject="returns.csv",
        command="stairway validate returns.csv",
        version="0",
        policy="daily",
        policy_digest="0",
        periods_per_year=252.0,
        level=0.95,
        seed=1,
        read={},
        verdict=all_of(one.verdict for one in proofs),
        proofs=proofs,
    )


def test_only_a_pass_of_every_question_of_every_model_exits_0() -> None:
    assert report(proof()).exit_code == 0
    assert report(proof(), proof(Question.COSTS)).exit_code == 2
    assert report(proof(Question.COSTS, given_all=False)).exit_code == 2
    assert report().exit_code == 2


def test_the_verdict_comes_first_and_every_question_after_it() -> None:
    text = report(proof(Question.TRIES)).as_text(80)
    assert text.startswith("a: not proved, 1 of 8 refused.\n")
    assert "REFUSED Than the best of so many tries?\n          - too bad" in text
    assert headline(proof(Question.COSTS, given_all=False)) == (
        "a: not proved, 1 of 8 refused, 7 open."
    )
    assert all(len(line) <= 80 for line in text.splitlines())


def test_where_every_answer_passes_and_the_seal_does_not_the_headline_names_the_seal() -> None:
    said = refuse("proof.entry", "forged")
    sealed = Sealed(sha256=None, trials=0, registered=3, checks={"entry": said})
    one = msgspec.structs.replace(proof(), verdict=said, sealed=sealed)
    assert headline(one) == "a: not proved, what was sealed with it does not bear it out."
    assert "REFUSED Sealed with it: nothing; registered: 3" in report(one).as_text(80)


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=3_000))
def test_no_peak_and_no_trough_is_lost_where_a_curve_is_thinned(values: list[float]) -> None:
    worth = np.array(values)
    kept = thinned(worth)
    assert kept.size <= 900
    assert {0, worth.size - 1} <= set(kept.tolist())
    assert worth[kept].min() == worth.min()
    assert worth[kept].max() == worth.max()


def test_a_curve_begins_at_one_and_may_be_empty() -> None:
    assert curve(np.array([7, 8]), np.array([0.1, 0.1])).time_ns == (7, 7, 8)
    assert curve(np.array([], np.int64), np.array([])).worth == ()


@pytest.mark.parametrize("question", Question)
def test_one_open_question_is_enough_to_prove_nothing(question: Question) -> None:
    answers = in_order(
        answer(one, {"x": passed("x", "y")}) for one in Question if one is not question
    )
    assert isinstance(all_of(one.verdict for one in answers), Inconclusive)


def test_what_was_not_judged_bears_no_mark_of_a_pass() -> None:
    checks = {"skill": passed("x", "well"), "rare": passed(UNJUDGED, "in crisis: not judged")}
    answers = in_order([answer(Question.HONEST, checks)])
    one = msgspec.structs.replace(proof(), answers=answers)
    lines = [line.strip() for line in report(one).as_text(80).splitlines()]
    assert "+ well" in lines
    assert ". in crisis: not judged" in lines


def test_what_was_sealed_is_counted_where_it_is_refused_or_open() -> None:
    bad = refuse("x", "no")
    sealed = Sealed(sha256="0" * 64, trials=1, registered=1, checks={"x": bad})
    text = report(msgspec.structs.replace(proof(Question.COSTS), sealed=sealed)).as_text(80)
    assert text.count("REFUSED") == 2
    assert text.startswith("a: not proved, 2 of 9 refused.")
    unseen = msgspec.structs.replace(sealed, checks={"x": inconclusive("x", "what")})
    one = proof(Question.COSTS, given_all=False)
    assert headline(msgspec.structs.replace(one, sealed=unseen)) == (
        "a: not proved, 1 of 9 refused, 8 open."
    )
    one = msgspec.structs.replace(proof(given_all=False), sealed=unseen)
    assert headline(one) == "a: not proved, 9 of 9 headings are open."


def test_no_sentence_stands_for_one_of_another_verdict() -> None:
    checks = {"bad": refuse("x", "same"), "good": passed("y", "same"), "open": open_("same")}
    assert [verdict for verdict, _ in told_once(checks)] == list(checks.values())
    checks = {"bad": refuse("x", "7 touch"), "good": passed("y", "7 touch; all is well")}
    assert [finding.detail for _, finding in told_once(checks)] == [
        "7 touch",
        "7 touch; all is well",
    ]


def test_of_one_verdict_a_sentence_is_told_once_by_the_one_that_says_most() -> None:
    said = {"a": "7 touch", "b": "7 touch; the first is 3", "c": "7 touch", "d": "other"}
    checks = {name: refuse("x", detail) for name, detail in said.items()}
    assert [finding.detail for _, finding in told_once(checks)] == [
        "7 touch; the first is 3",
        "other",
    ]


def test_what_was_not_judged_hides_nothing_that_was() -> None:
    checks = {"a": passed("x", "in crisis"), "b": passed(UNJUDGED, "in crisis: not judged")}
    assert len(told_once(checks)) == 2


def open_(detail: str) -> Inconclusive:
    return inconclusive("x", detail)
