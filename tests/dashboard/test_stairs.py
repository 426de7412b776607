from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from stairway.base.verdict import inconclusive, passed, refuse
from stairway.dashboard.stairs import Step, headline, record, stairs, standing, title
from stairway.dashboard.views import RunView

STEP = Step("m", "v1", "d" * 64, "shadow", "pass", (), "2015-07-17", "shadow", 0.0, 0, None)


def step_of(seen: RunView, model: str) -> Step:
    return next(step for step in stairs(seen) if step.model == model)


def test_the_highest_stands_first_and_the_static_rule_last(teller: Any, digests: Any) -> None:
    climber, other, _ = digests
    teller.gate("causality", refuse("c", "d"), model="leaking", digest="")
    teller.model("low", other).model("high", climber)
    teller.move(20, "candidate", "shadow", "promotion.shadow", model="high")

    assert [s.model for s in stairs(teller.view())] == ["high", "low", "leaking", "baseline"]


def test_a_model_that_never_moved_is_a_candidate(teller: Any) -> None:
    step = step_of(teller.model().view(), "lightgbm")

    assert step.stage == step.reached == "candidate"
    assert step.since == ""


def test_a_model_that_fell_says_what_felled_it_first(story: RunView) -> None:
    step = step_of(story, "lightgbm")

    assert step.stage == "shadow"
    assert step.reached == "champion"
    assert step.verdict == "refuse"
    assert step.why[0] == "e_detector rang after 10 recent trades (1,408 against 1,000)"


def test_a_fallen_model_also_says_what_has_kept_it_there_since(teller: Any) -> None:
    worse = refuse("drift.detected", "rang")
    teller.model().gate("quality_gate", inconclusive("q", "before the fall"), 25)
    teller.move(30, "canary", "shadow", "rollback.drift", worse)
    teller.gate("promotion.canary", inconclusive("p", "33 of 50 trades"), 35)

    assert step_of(teller.view(), "lightgbm").why == ("rang", "33 of 50 trades")


def test_a_reason_is_given_once_though_two_gates_gave_it(teller: Any) -> None:
    constant = refuse("gate.constant", "the output is constant")
    teller.model().move(30, "champion", "shadow", "rollback.guardrail", constant)
    teller.gate("quality_gate", constant, 30).gate("promotion.canary", constant, 35)

    assert step_of(teller.view(), "lightgbm").why == ("the output is constant",)


def test_a_model_moved_by_hand_says_so(teller: Any) -> None:
    by_hand = passed("operator", "promoted by ann: trying it out")
    teller.model().move(30, "candidate", "champion", "operator", by_hand).ramp(30, 1.0)
    step = step_of(teller.view(), "lightgbm")

    assert step.why == ("promoted by ann: trying it out",)
    assert step.may_touch_money


def test_the_static_rule_has_the_record_of_its_twin(story: RunView) -> None:
    rule = step_of(story, "baseline")

    assert (rule.trades, rule.average_r) == (1, 0.25)
    assert not rule.is_model


def test_a_refused_model_names_the_gate_that_refused_it(story: RunView) -> None:
    step = step_of(story, "xgboost")

    assert step.stage == "retired"
    assert step.why == ("over all bars: no skill (low end -0.03 against 0, n 298)",)


def test_a_model_turned_away_before_training_names_its_column(story: RunView) -> None:
    step = step_of(story, "leaking")

    assert step.stage == "refused"
    assert step.digest == ""
    assert "SP500.momentum_short" in step.why[0]


def test_of_several_gates_a_turned_away_model_names_one_that_said_no(teller: Any) -> None:
    teller.gate("causality", refuse("c", "it looks ahead"), model="leaking", digest="")
    teller.gate("format", passed("f", "well-formed"), model="leaking", digest="")

    assert step_of(teller.view(), "leaking").why == ("it looks ahead",)


def test_only_the_last_word_of_a_gate_counts(teller: Any) -> None:
    teller.model().move(20, "candidate", "shadow", "promotion.shadow")
    teller.gate("quality_gate", refuse("q", "constant"), 25)
    teller.gate("quality_gate", passed("q", "lively"), 30)
    teller.gate("promotion.canary", inconclusive("p", "41 of 50 trades"), 31)

    step = step_of(teller.view(), "lightgbm")

    assert step.why == ("41 of 50 trades",)
    assert step.verdict == "inconclusive"


def test_measurements_decide_nothing(teller: Any) -> None:
    teller.model().move(20, "candidate", "shadow", "promotion.shadow")
    teller.gate("measured.skill.trend", refuse("m", "no skill in trend"), 25)

    assert step_of(teller.view(), "lightgbm").verdict == "pass"


def test_a_whole_digest_in_a_reason_becomes_a_name(teller: Any, digests: Any) -> None:
    other = digests[1]
    teller.model("old", other).model()
    beaten = refuse("superseded", f"beaten by {other}")
    teller.move(30, "champion", "retired", "superseded", beaten)

    assert step_of(teller.view(), "lightgbm").why == ("beaten by old bbbbbbbb",)


def test_trades_are_those_of_its_own_vote_alone(story: RunView) -> None:
    step = step_of(story, "lightgbm")

    # The trade of the capital is credited to it as well, but others had a say there.
    assert step.trades == 2
    assert step.average_r == pytest.approx(0.5)


def test_the_static_rule_is_in_charge_while_nobody_is_champion(teller: Any) -> None:
    teller.model().move(20, "candidate", "shadow", "promotion.shadow")
    assert stairs(teller.view())[-1].share == 1.0

    teller.move(30, "shadow", "canary", "promotion.canary").ramp(30, 0.01)
    assert stairs(teller.view())[-1].share == 1.0

    teller.move(40, "canary", "champion", "promotion.champion").ramp(40, 0.05)
    assert stairs(teller.view())[-1].share == 0.0


def test_only_canaries_and_champions_have_a_share(teller: Any) -> None:
    teller.model().move(30, "shadow", "canary", "promotion.canary").ramp(30, 0.01)
    assert step_of(teller.view(), "lightgbm").share == 0.01
    assert step_of(teller.view(), "lightgbm").may_touch_money

    teller.move(40, "canary", "shadow", "rollback.drift", refuse("d", "worse"))
    assert step_of(teller.view(), "lightgbm").share == 0.0
    assert not step_of(teller.view(), "lightgbm").may_touch_money


def test_a_headline_names_everybody_who_may_touch_money() -> None:
    rule = replace(STEP, model="baseline", stage="baseline", share=1.0)
    champion = replace(STEP, model="tree", stage="champion", share=1.0)
    canary = replace(STEP, model="bird", stage="canary", share=0.01)

    assert headline([STEP, rule]) == "No model may touch money. The static rule trades."
    assert headline([champion, rule]) == "tree may trade the capital."
    assert headline([canary, rule]) == (
        "bird may trade a small share of the capital, as a canary. "
        "The static rule trades the rest."
    )
    assert headline([champion, canary, rule]) == (
        "tree may trade the capital. bird may trade a small share of it, as a canary."
    )
    assert headline([canary, replace(canary, model="wren"), rule]).startswith(
        "bird and wren may trade a small share of the capital, as canaries."
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stage": "champion", "share": 0.25}, "may trade 25 % of full size since 2015-07-17"),
        ({"stage": "canary", "share": 0.01}, "may trade 1 % of the capital since 2015-07-17"),
        ({}, "may not: it answers on virtual money only since 2015-07-17"),
        (
            {"reached": "canary"},
            "may not: it was canary, and fell back to shadow on 2015-07-17",
        ),
        ({"stage": "candidate", "since": ""}, "may not: no evidence carried it off the ground"),
        ({"stage": "refused"}, "may not: it was turned away before it was trained"),
        (
            {"stage": "retired", "reached": "candidate"},
            "may not: a gate refused its evidence on 2015-07-17",
        ),
        (
            {"stage": "retired", "reached": "champion"},
            "may not: it was champion, and was retired on 2015-07-17",
        ),
        (
            {"stage": "quarantined", "reached": "shadow"},
            "may not: it was quarantined on 2015-07-17",
        ),
        ({"stage": "baseline", "share": 1.0}, "trades the capital"),
        ({"stage": "baseline", "share": 0.0}, "stands by, should every model fall"),
    ],
)
def test_everybody_has_one_sentence(change: dict[str, Any], said: str) -> None:
    assert standing(replace(STEP, **change)) == said


def test_a_record_counts_trades_and_averages_them() -> None:
    assert record(STEP) == "no trades"
    assert record(replace(STEP, trades=1, average_r=0.5)) == "1 trade, +0.50 R on average"


def test_a_title_is_a_name_and_a_short_digest() -> None:
    assert title(STEP) == "m dddddddd"
    assert title(replace(STEP, digest="")) == "m"


# --- the static rule


def test_the_static_rule_stands_on_the_floor_with_version_and_digest(
    story: RunView, digests: Any
) -> None:
    *models, rule = stairs(story)

    assert (rule.model, rule.version, rule.digest) == ("baseline", "v2018", digests[2])
    assert (rule.stage, rule.verdict, rule.share) == ("baseline", "pass", 1.0)
    assert rule.why == (
        "a static rule that needs no evidence; trades while no model is in charge",
    )
    assert all(step.is_model for step in models), "and nowhere else"


def test_it_is_registered_and_not_among_those_that_climb(story: RunView) -> None:
    assert story.rule is not None
    assert story.rule.model == "baseline"
    assert [r.model for r in story.registered] == ["lightgbm", "xgboost"]


def test_an_order_to_move_it_is_refused_and_leaves_it_in_charge(
    teller: Any, digests: Any
) -> None:
    no = refuse("operator.illegal", "ann: a baseline cannot be moved to champion")
    teller.rule().gate("operator", no, 30, "baseline", digests[2])
    *_, rule = stairs(teller.view())

    assert (rule.verdict, rule.share) == ("pass", 1.0)


def test_a_rule_that_is_not_whole_touches_no_money_and_neither_does_anybody(
    teller: Any, digests: Any
) -> None:
    damaged = refuse("artifact.hash", "rule.json is not the file that was signed")
    teller.model().rule().move(30, "candidate", "champion", "operator").ramp(30, 1.0)
    teller.gate("artifact", damaged, 40, "baseline", digests[2])
    steps = stairs(teller.view())
    rule = steps[-1]

    assert (rule.verdict, rule.share) == ("refuse", 0.0)
    assert rule.why == ("rule.json is not the file that was signed",)
    assert standing(rule) == "may not: its sealed file is no longer what was signed"
    assert headline(steps).startswith("Nobody may enter: the sealed rule")


def test_a_rule_that_is_not_whole_has_no_share_where_no_model_is_in_charge(
    teller: Any, digests: Any
) -> None:
    damaged = refuse("artifact.hash", "rule.json is not the file that was signed")
    teller.rule().gate("artifact", damaged, 40, "baseline", digests[2])
    *_, rule = stairs(teller.view())

    assert (rule.share, rule.may_touch_money) == (0.0, False)


def test_a_rule_that_was_found_whole_again_is_in_charge_again(
    teller: Any, digests: Any
) -> None:
    gone = refuse("artifact.unreadable", "it cannot be read")
    teller.rule().gate("artifact", gone, 40, "baseline", digests[2])
    teller.gate("artifact", passed("artifact.whole", "it is whole"), 50, "baseline", digests[2])
    *_, rule = stairs(teller.view())

    assert (rule.verdict, rule.share) == ("pass", 1.0)
    assert headline([rule]) == "No model may touch money. The static rule trades."
