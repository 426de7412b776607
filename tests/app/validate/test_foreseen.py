from __future__ import annotations

from stairway.app.validate.foreseen import foreseen
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, passed, refuse
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.sceptic.answer import Question

STAGES = ("causality", "purge", "surrogates", "sentinel", "verdict")


def battered(**other: object) -> BatteryReport:
    return BatteryReport(**(dict.fromkeys(STAGES, Pass()) | other), fired=())


def test_splits_and_future_are_answered_by_the_battery_and_by_nobody_else() -> None:
    (only,) = foreseen(passed("causality.passed", "well"), None)
    assert only.question is Question.FUTURE
    future, splits = foreseen(None, battered(purge=refuse("leak.purge", "7 touch")))
    assert isinstance(future.verdict, Pass)
    assert isinstance(splits.verdict, Refuse)
    fired = battered(sentinel=refuse("leak.sentinel", "x"))
    assert isinstance(foreseen(passed("a", "b"), fired)[0].verdict, Refuse)


def test_where_nothing_was_tried_nothing_is_answered() -> None:
    assert foreseen(None, None) == ()


def test_the_first_thing_said_of_the_future_is_its_answer() -> None:
    report = battered(causality=passed("causality.clean", "moved"))
    ties = {"tied": passed("proof.tied", "tied"), "covered": passed("proof.covered", "made")}
    future, _ = foreseen(None, report, ties)
    assert next(iter(future.checks)) == "causality"
    assert future.verdict.findings[0].code == "causality.clean"
    (alone,) = foreseen(passed("causality.clean", "moved"), None, ties)
    assert list(alone.checks) == ["causality", "tied", "covered"]


def test_what_the_prover_refused_stays_refused_though_the_battery_did_not_ask() -> None:
    silent = battered(causality=None)
    assert isinstance(foreseen(refuse("causality", "x"), silent)[0].verdict, Refuse)


def test_what_is_not_tied_to_the_returns_keeps_both_questions_open_in_other_words() -> None:
    ties = {"tied": inconclusive("proof.untied", "another study")}
    future, splits = foreseen(passed("a", "b"), battered(), ties)
    assert isinstance(future.verdict, Inconclusive)
    assert isinstance(splits.verdict, Inconclusive)
    assert splits.checks["tied"].findings[0].detail.startswith("not shown: these are not shown")
    assert future.checks["tied"] is ties["tied"]
    tied = {"tied": passed("proof.tied", "tied")}
    assert "tied" not in foreseen(None, battered(), tied)[1].checks


def test_ties_alone_leave_the_splits_to_nobody() -> None:
    (only,) = foreseen(None, None, {"tied": inconclusive("proof.untied", "x")})
    assert only.question is Question.FUTURE
    assert isinstance(only.verdict, Inconclusive)
