from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.validate.foreseen import foreseen
from stairway.app.validate.hints import HINTS, with_hints
from stairway.app.validate.report import ModelProof, Report, Sealed, curve, headline, thinned
from stairway.base.verdict import (
    Inconclusive,
    Pass,
    Refuse,
    all_of,
    inconclusive,
    passed,
    refuse,
)
from stairway.evaluation.battery.study import BatteryReport
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


def test_everything_that_was_not_shown_says_what_to_type() -> None:
    open_ = with_hints(in_order([answer(Question.CHANCE, {"x": passed("x", "y")})]))
    for one in open_:
        if one.question not in {Question.CHANCE, Question.TRIES}:
            assert HINTS[one.question.value] in one.verdict.findings[0].detail
    again = with_hints((answer(Question.COSTS, {"x": refuse("proof.costs", "bad")}),))
    assert again[0].verdict.findings[0].detail == "bad"


def test_splits_and_future_are_answered_by_the_battery_and_by_nobody_else() -> None:
    known = dict.fromkeys(("causality", "purge", "surrogates", "sentinel", "verdict"), Pass())
    (only,) = foreseen(passed("causality.passed", "well"), None)
    assert only.question is Question.FUTURE
    touched = BatteryReport(**(known | {"purge": refuse("leak.purge", "7 touch")}), fired=())
    future, splits = foreseen(None, touched)
    assert isinstance(future.verdict, Pass)
    assert isinstance(splits.verdict, Refuse)
    fired = BatteryReport(**(known | {"sentinel": refuse("leak.sentinel", "x")}), fired=())
    assert isinstance(foreseen(passed("a", "b"), fired)[0].verdict, Refuse)


def test_the_first_thing_said_of_the_future_is_its_answer() -> None:
    known = dict.fromkeys(("purge", "surrogates", "sentinel", "verdict"), Pass())
    report = BatteryReport(causality=passed("causality.clean", "moved"), fired=(), **known)
    ties = {"tied": passed("proof.tied", "tied"), "covered": passed("proof.covered", "made")}
    future, _ = foreseen(None, report, ties)
    assert next(iter(future.checks)) == "causality"
    assert future.verdict.findings[0].code == "causality.clean"
    (alone,) = foreseen(passed("causality.clean", "moved"), None, ties)
    assert list(alone.checks) == ["causality", "tied", "covered"]


def test_what_the_prover_refused_stays_refused_though_the_battery_did_not_ask() -> None:
    known = dict.fromkeys(("purge", "surrogates", "sentinel", "verdict"), Pass())
    silent = BatteryReport(causality=None, fired=(), **known)
    assert isinstance(foreseen(refuse("causality", "x"), silent)[0].verdict, Refuse)


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
