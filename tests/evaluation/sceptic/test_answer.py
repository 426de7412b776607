from __future__ import annotations

from stairway.base.verdict import (
    Finding,
    Inconclusive,
    Pass,
    Refuse,
    inconclusive,
    passed,
    refuse,
)
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sceptic.answer import (
    NOT_SHOWN,
    UNJUDGED,
    Question,
    against,
    answer,
    held_against,
    in_order,
    marks_nothing,
    unasked,
    unmeasured,
)


def test_a_question_that_nobody_answered_is_open_and_says_what_would_answer_it() -> None:
    answers = in_order([])
    assert [one.question for one in answers] == list(Question)
    for one in answers:
        assert isinstance(one.verdict, Inconclusive)
        (finding,) = one.verdict.findings
        assert finding.code == f"{NOT_SHOWN}.{one.question.value}"
        assert finding.detail.startswith("not shown: give ")


def test_answers_come_in_the_order_of_the_questions_whatever_order_they_are_given_in() -> None:
    given = [answer(one, {"x": passed("x", "y")}) for one in reversed(Question)]
    assert [one.question for one in in_order(given)] == list(Question)
    assert all(isinstance(one.verdict, Pass) for one in in_order(given))


def test_one_check_that_does_not_pass_keeps_the_question_from_passing() -> None:
    good, open_, bad = passed("a", "a"), inconclusive("b", "b"), refuse("c", "c")
    assert isinstance(answer(Question.TRIES, {"a": good, "b": open_}).verdict, Inconclusive)
    assert isinstance(answer(Question.TRIES, {"a": good, "b": open_, "c": bad}).verdict, Refuse)
    assert isinstance(answer(Question.TRIES, {}).verdict, Inconclusive)


def test_what_is_undefined_is_refused_and_what_is_too_little_stays_open() -> None:
    assert isinstance(unmeasured("x", Undefined("they are constant")), Refuse)
    few = inconclusive("significance.too_few", "3 of 30 returns needed", 3, 30, 3)
    assert unmeasured("x", few) is few


def test_a_comparison_with_nan_is_no_pass() -> None:
    unknown = float("nan")
    assert isinstance(held_against(unknown >= 0.95, Finding("x", "y")), Refuse)


def test_every_question_has_something_to_give() -> None:
    assert len({unasked(one).findings[0].code for one in Question}) == len(Question)


def test_a_probability_and_its_bound_read_the_way_the_verdict_goes() -> None:
    assert against(0.0168, 0.05 / 3) == ("of 0.0168", "0.0167")
    assert against(0.05002, 0.05) == ("of 0.05002", "0.05")
    assert against(0.05, 0.05) == ("of 0.0500", "0.05")
    assert against(1.0, 0.95) == ("over 0.9999", "0.95")
    assert against(0.0, 0.05) == ("under 0.0001", "0.05")


def test_only_a_pass_that_judged_nothing_is_marked_as_such() -> None:
    for verdict, nothing in (
        (passed(UNJUDGED, "too few"), True),
        (inconclusive(UNJUDGED, "too few, of too many"), False),
        (passed("proof.psr", "well"), False),
    ):
        assert marks_nothing(verdict, verdict.findings[0]) is nothing
