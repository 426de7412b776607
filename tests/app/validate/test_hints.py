from __future__ import annotations

from stairway.app.validate.hints import HINTS, with_hints
from stairway.base.verdict import Inconclusive, inconclusive, passed, refuse
from stairway.evaluation.sceptic.answer import NOT_SHOWN, Question, answer, in_order


def test_everything_that_was_not_shown_says_what_to_type() -> None:
    open_ = with_hints(in_order([answer(Question.CHANCE, {"x": passed("x", "y")})]))
    for one in open_:
        if one.question not in {Question.CHANCE, Question.TRIES}:
            assert HINTS[one.question.value] in one.verdict.findings[0].detail


def test_what_was_shown_is_left_as_it_is() -> None:
    checks = {
        "bad": refuse(f"{NOT_SHOWN}.costs", "bad"),
        "other": inconclusive("proof.costs", "too few"),
        "unknown": inconclusive(f"{NOT_SHOWN}.luck", "what"),
    }
    asked = answer(Question.COSTS, checks)
    assert with_hints((asked,)) == (asked,)


def test_the_verdict_of_a_question_is_that_of_its_checks_with_the_hint() -> None:
    checks = {
        "costs": inconclusive(f"{NOT_SHOWN}.costs", "not given"),
        "few": inconclusive("few", "too few"),
    }
    (hinted,) = with_hints((answer(Question.COSTS, checks),))
    assert isinstance(hinted.verdict, Inconclusive)
    said = [finding.detail for finding in hinted.verdict.findings]
    assert said == [f"not given ({HINTS['costs']})", "too few"]
    assert hinted.question is Question.COSTS
