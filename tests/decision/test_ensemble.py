from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.adapters.runtimes.rule import load
from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.decision.ensemble import (
    CHAMPION,
    EnsembleRules,
    Routes,
    Seat,
    decide,
    decide_alone,
    decide_baseline,
    decide_polled,
    poll,
    side_of,
)
from stairway.decision.facts import Polled
from stairway.decision.intent import Abstain, Enter, Intent, Route
from stairway.features.spec import FEATURE_NAMES
from stairway.lifecycle.stage import Stage
from stairway.models.ask import Question, ask
from stairway.models.prediction import Action, ExclusionCode
from stairway.testing import decision as some
from stairway.testing.models import toy_rule, toy_sealed

RULES = some.rules()
NOW = some.NOW_NS
probabilities = st.floats(0.0, 1.0)
anything = st.floats(allow_nan=True, allow_infinity=True)


def decided(said: dict[str, float], seats=None, routes=None, rules=RULES) -> Intent:
    answers = [some.answer(model, p) for model, p in said.items()]
    table = some.seats(*said) if seats is None else seats
    return decide(answers, table, routes or some.routes(), rules, some.SYMBOL, NOW)


def codes(intent: Intent) -> list[str]:
    assert isinstance(intent, Abstain)
    return [finding.code for finding in intent.findings]


def weighted(**weights: float) -> dict[str, Seat]:
    return {m: Seat(m, m, CHAMPION, w) for m, w in weights.items()}


# --- agreement ------------------------------------------------------------------------


def test_members_that_agree_enter_on_their_side() -> None:
    wish = decided({"x": 0.60, "y": 0.56})
    assert isinstance(wish, Enter)
    assert (wish.side, wish.route, wish.caution) == (1, Route.ENSEMBLE, 1.0)
    assert wish.probability == pytest.approx(0.58)


def test_a_low_probability_is_a_wish_to_sell() -> None:
    wish = decided({"x": 0.40, "y": 0.44})
    assert isinstance(wish, Enter)
    assert (wish.side, wish.probability) == (-1, pytest.approx(0.42))


def test_the_heavier_member_pulls_harder() -> None:
    wish = decided({"x": 0.60, "y": 0.50}, weighted(x=3.0, y=1.0))
    assert wish.probability == pytest.approx(0.575)


def test_a_probability_near_even_odds_is_held_and_says_how_near() -> None:
    intent = decided({"x": 0.51, "y": 0.51})
    assert codes(intent) == ["decision.hold"]
    assert intent.findings[0].value == pytest.approx(0.51)
    assert intent.findings[0].bound == RULES.action_margin


def test_exactly_on_the_margin_acts() -> None:
    assert isinstance(decided({"x": 0.52, "y": 0.52}), Enter)
    assert isinstance(decided({"x": 0.5199, "y": 0.5199}), Abstain)


def test_the_votes_are_those_who_would_have_gone_there_alone_heaviest_first() -> None:
    said = {"a": 0.62, "b": 0.51, "c": 0.70, "d": 0.45}
    wish = decided(said, weighted(a=1.0, b=5.0, c=2.0, d=1.0))
    assert [(v.model, v.weight, v.confidence) for v in wish.votes] == [
        ("c", 2.0, 0.70),
        ("a", 1.0, 0.62),
    ]
    assert {v.stage for v in wish.votes} == {CHAMPION}


def test_the_order_of_the_answers_does_not_matter() -> None:
    said = {"a": 0.61, "b": 0.57, "c": 0.53}
    outcomes = {decided(dict(p)) for p in itertools.permutations(said.items())}
    assert len(outcomes) == 1


def test_a_champion_here_is_a_champion_of_the_lifecycle() -> None:
    assert Stage.CHAMPION.value == CHAMPION


# --- who has a say --------------------------------------------------------------------


@pytest.mark.parametrize("stage", [s for s in Stage if s is not Stage.CHAMPION])
def test_only_champions_have_a_say(stage) -> None:
    seats = some.seats("x", "y") | {"z": Seat("z", "z", stage, 10.0)}
    with_it = decided({"x": 0.6, "y": 0.6, "z": 0.01}, seats)
    assert with_it == decided({"x": 0.6, "y": 0.6})


def test_an_answer_of_somebody_without_a_seat_is_not_heard() -> None:
    seats = some.seats("x", "y")
    assert decided({"x": 0.6, "y": 0.6, "stranger": 0.01}, seats) == decided(
        {"x": 0.6, "y": 0.6}
    )


def test_with_no_champion_the_baseline_decides() -> None:
    wish = decided({}, {}, some.routes(0.7))
    assert (wish.route, wish.side, wish.votes[0].stage) == (Route.BASELINE, 1, "baseline")


def test_one_champion_alone_is_a_quorum_of_one() -> None:
    wish = decided({"x": 0.6})
    assert (wish.route, wish.probability) == (Route.ENSEMBLE, 0.6)


def test_two_of_three_equal_members_are_a_quorum() -> None:
    assert isinstance(decided({"x": 0.6, "y": 0.6}, some.seats("x", "y", "z")), Enter)


def test_one_of_two_members_is_half_the_weight_and_yet_no_quorum() -> None:
    assert codes(decided({"x": 0.9}, some.seats("x", "y"))) == [
        "ensemble.quorum_members",
        "member.absent",
    ]


def test_exactly_half_the_weight_is_enough() -> None:
    seats = weighted(a=0.1, b=0.2, c=0.15, d=0.15)
    assert isinstance(decided({"a": 0.6, "b": 0.6}, seats), Enter)


def test_two_light_members_are_no_quorum() -> None:
    seats = weighted(a=0.2, b=0.2, c=0.6)
    assert codes(decided({"a": 0.6, "b": 0.6}, seats)) == [
        "ensemble.quorum_weight",
        "member.absent",
    ]


def test_below_quorum_the_baseline_does_not_step_in() -> None:
    seats = some.seats("x", "y")
    assert isinstance(decided({"x": 0.9}, seats, some.routes(0.9, fallback=0.9)), Abstain)


def test_a_lost_quorum_says_who_was_missing_and_why() -> None:
    answers = [some.exclusion("x", ExclusionCode.STALE), some.exclusion("y")]
    intent = decide(answers, some.seats("x", "y"), some.routes(), RULES, some.SYMBOL, NOW)
    assert codes(intent) == [
        "ensemble.quorum_weight",
        "ensemble.quorum_members",
        "member.stale_features",
        "member.not_finite",
    ]


@pytest.mark.parametrize("weight", [0.0, -0.5, math.nan, math.inf, -math.inf])
def test_a_weight_that_makes_no_sense_stops_the_ensemble(weight) -> None:
    seats = some.seats("x", "y") | {"z": Seat("z", "z", CHAMPION, weight)}
    said = {"x": 0.6, "y": 0.6, "z": 0.6}
    assert "ensemble.quorum_weight" in codes(decided(said, seats))


# --- failing closed -------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [math.nan, math.inf, -0.01, 1.01, -math.inf])
def test_a_confidence_that_is_none_excludes_its_member_and_is_not_clipped(confidence) -> None:
    said = {"x": 0.6, "y": 0.6, "z": confidence}
    polled = poll(
        [some.answer(m, p) for m, p in said.items()], some.seats(*said), RULES, "A", NOW
    )
    assert [f.code for f in polled.excluded] == ["member.contract_violation"]
    assert polled.probability == 0.6


@pytest.mark.parametrize("raw", [math.nan, math.inf])
def test_a_margin_that_is_no_number_excludes_its_member(raw) -> None:
    answers = [replace(some.answer("x", 0.6), raw=raw)]
    polled = poll(answers, some.seats("x"), RULES, "A", NOW)
    assert [f.code for f in polled.excluded] == ["member.contract_violation"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "B"}, "member.contract_violation"),
        ({"model": "y"}, "member.contract_violation"),
        ({"as_of_ns": UtcNs(NOW - 1)}, "member.stale_features"),
        ({"as_of_ns": UtcNs(NOW + 1)}, "member.stale_features"),
    ],
)
def test_an_answer_to_another_question_is_none(change, code) -> None:
    answers = [replace(some.answer("x", 0.9), **change)]
    polled = poll(answers, some.seats("x"), RULES, "A", NOW)
    assert [f.code for f in polled.excluded] == [code]
    assert (polled.probability, polled.dispersion, polled.share) == (None, None, 0.0)


def test_an_answer_given_twice_counts_once() -> None:
    answers = [some.answer("x", 0.9), some.answer("x", 0.9), some.answer("y", 0.6)]
    polled = poll(answers, some.seats("x", "y"), RULES, "A", NOW)
    assert polled.probability == pytest.approx(0.75)
    assert len(polled.votes) == 2


def test_a_member_that_contradicts_itself_has_no_say() -> None:
    answers = [some.answer("x", 0.9), some.answer("x", 0.1), some.answer("y", 0.6)]
    polled = poll(answers, some.seats("x", "y"), RULES, "A", NOW)
    assert [f.code for f in polled.excluded] == ["member.contract_violation"]
    assert polled.probability == 0.6


def test_certainty_is_held_back_as_a_sign_of_a_leak() -> None:
    assert codes(decided({"x": 1.0, "y": 1.0})) == ["decision.certain"]
    assert codes(decided({"x": 0.0, "y": 0.0})) == ["decision.certain"]


@given(
    st.dictionaries(st.sampled_from("abcdef"), anything, max_size=6),
    st.dictionaries(st.sampled_from("abcdef"), anything, max_size=6),
    anything,
)
def test_an_entry_is_always_whole_whatever_comes_in(said, weights, baseline_says) -> None:
    intent = decided(said, weighted(**weights), some.routes(baseline_says))
    if isinstance(intent, Abstain):
        assert intent.findings
        return
    assert intent.side in {1, -1}
    assert 0.0 < intent.probability < 1.0
    assert (intent.probability - 0.5) * intent.side >= RULES.action_margin - 1e-12
    assert 0.0 < intent.caution <= 1.0
    assert intent.votes
    assert all(side_of(v.confidence, RULES.action_margin) == intent.side for v in intent.votes)


@pytest.mark.parametrize(
    "weights",
    [
        {"a": 9e307, "b": 9e307},
        {"a": 1.0, "b": -0.5},
        {"a": 1.0, "b": 0.0},
        {"a": 1.0, "b": 2e6},
    ],
)
def test_a_weight_that_makes_no_sense_leaves_nobody_a_say(weights) -> None:
    polled = poll(
        [some.answer("a", 0.7), some.answer("b", 0.2)], weighted(**weights), RULES, "A", NOW
    )
    assert (polled.share, polled.probability, polled.dispersion) == (0.0, None, None)
    assert isinstance(decided({"a": 0.7, "b": 0.2}, weighted(**weights)), Abstain)


@given(st.dictionaries(st.sampled_from("abcdef"), probabilities, min_size=1, max_size=6))
def test_the_mean_lies_among_the_members(said) -> None:
    answers = [some.answer(m, p) for m, p in said.items()]
    polled = poll(answers, some.seats(*said), RULES, "A", NOW)
    assert min(said.values()) <= polled.probability <= max(said.values())


@given(
    st.dictionaries(st.sampled_from("abcd"), probabilities, min_size=2, max_size=4),
    st.sampled_from("abcd"),
)
def test_a_member_that_falls_silent_never_turns_into_an_opinion(said, silent) -> None:
    assume(silent in said)
    seats = some.seats(*said)
    rest = {m: p for m, p in said.items() if m != silent}
    polled = poll([some.answer(m, p) for m, p in rest.items()], seats, RULES, "A", NOW)
    alone = poll(
        [some.answer(m, p) for m, p in rest.items()], some.seats(*rest), RULES, "A", NOW
    )
    assert polled.probability == pytest.approx(alone.probability)
    assert polled.share < alone.share


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0.001, 0.999), min_size=1))
def test_buying_and_selling_mirror_each_other(said) -> None:
    assume(all(abs(abs(p - 0.5) - 0.02) > 1e-9 for p in said.values()))
    up = decided(said, routes=some.routes(0.7))
    down = decided({m: 1.0 - p for m, p in said.items()}, routes=some.routes(0.3))
    assert type(up) is type(down)
    if isinstance(up, Enter):
        assert (up.side, up.route, up.caution) == (-down.side, down.route, down.caution)
        assert up.probability == pytest.approx(1.0 - down.probability)


# --- disagreement ---------------------------------------------------------------------

APART = {"x": 0.90, "y": 0.50}  # spread 0.20: above the warning
TORN = {"x": 0.99, "y": 0.41}  # spread 0.29: above the critical level


def test_members_that_stand_apart_leave_it_to_the_fallback() -> None:
    wish = decided(APART, routes=some.routes(0.3, fallback=0.6))
    assert (wish.route, wish.side, wish.caution) == (Route.FALLBACK, 1, 1.0)
    assert [(v.model, v.stage) for v in wish.votes] == [("fallback", "fallback")]


def test_without_a_fallback_the_baseline_decides() -> None:
    wish = decided(APART, routes=some.routes(0.3))
    assert (wish.route, wish.side, wish.probability) == (Route.BASELINE, -1, 0.3)


def test_a_fallback_that_has_no_say_is_no_fallback() -> None:
    routes = Routes(some.answer("baseline", 0.3), some.exclusion("fallback"))
    assert decided(APART, routes=routes).route is Route.BASELINE


def test_a_fallback_that_breaks_its_contract_stops_the_decision() -> None:
    routes = some.routes(0.7, fallback=math.nan)
    assert codes(decided(APART, routes=routes))[0] == "member.contract_violation"


def test_members_that_are_torn_are_followed_by_nobody_and_in_half_the_size() -> None:
    wish = decided(TORN, routes=some.routes(0.3, fallback=0.6))
    assert (wish.route, wish.caution) == (Route.FALLBACK, 0.5)


def test_a_fallback_that_holds_is_obeyed_and_the_disagreement_told() -> None:
    intent = decided(APART, routes=some.routes(0.9, fallback=0.5))
    assert codes(intent) == ["decision.hold", "ensemble.disagreement"]
    assert intent.findings[1].value == pytest.approx(0.20)


def test_the_spread_may_be_measured_without_weights() -> None:
    seats = weighted(x=97.0, y=3.0)
    literal = replace(RULES, dispersion="unweighted")
    assert decided(APART, seats).route is Route.ENSEMBLE
    assert decided(APART, seats, some.routes(0.6), literal).route is Route.BASELINE


@given(st.floats(0.0, 0.49), st.floats(0.0, 0.49))
def test_standing_further_apart_is_never_bolder(a, b) -> None:
    near, far = sorted((a, b))
    order = [Route.ENSEMBLE, Route.FALLBACK]
    bold = [
        decided({"x": 0.5 + d, "y": 0.5 - d}, routes=some.routes(0.5, fallback=0.9))
        for d in (near, far)
    ]
    routes = [Route.ENSEMBLE if isinstance(i, Abstain) else i.route for i in bold]
    cautions = [1.0 if isinstance(i, Abstain) else i.caution for i in bold]
    assert order.index(routes[0]) <= order.index(routes[1])
    assert cautions[0] >= cautions[1]


# --- one voice ------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shadow", "canary", "candidate"])
def test_a_model_alone_decides_for_its_own_book(stage) -> None:
    seat = Seat("x", "x", stage, 0.0)
    wish = decide_alone(some.answer("x", 0.4), seat, RULES)
    assert (wish.route, wish.side) == (Route.MEMBER, -1)
    assert [(v.stage, v.weight) for v in wish.votes] == [(stage, 1.0)]


def test_a_model_without_an_answer_enters_nothing() -> None:
    seat = Seat("x", "x", "shadow", 1.0)
    assert codes(decide_alone(some.exclusion("x"), seat, RULES)) == ["member.not_finite"]


def test_a_model_does_not_decide_in_anothers_book() -> None:
    seat = Seat("x", "x", "shadow", 1.0)
    assert codes(decide_alone(some.answer("y", 0.9), seat, RULES)) == ["member.absent"]


def test_a_model_alone_holds_near_even_odds() -> None:
    seat = Seat("x", "x", "shadow", 1.0)
    assert codes(decide_alone(some.answer("x", 0.5), seat, RULES)) == ["decision.hold"]


def test_the_baseline_alone_enters_on_its_own_route() -> None:
    wish = decide_baseline(some.answer("baseline", 0.6), RULES)
    assert (wish.route, wish.side, wish.votes[0].model) == (Route.BASELINE, 1, "baseline")


def test_a_baseline_that_is_warming_up_enters_nothing() -> None:
    cold = some.exclusion("baseline", ExclusionCode.WARMING_UP)
    assert codes(decide_baseline(cold, RULES)) == ["member.warming_up"]


def test_a_baseline_that_speaks_of_another_close_is_not_followed() -> None:
    routes = Routes(replace(some.answer("baseline", 0.9), as_of_ns=UtcNs(NOW - 1)))
    assert codes(decided({}, {}, routes)) == ["member.stale_features"]


def test_the_shipped_baseline_is_understood() -> None:
    runtime = load(toy_sealed(passport=toy_rule()))
    question = Question("A", NOW, "trend", RULES.action_margin)
    row = np.full(len(FEATURE_NAMES), 0.01)
    row[FEATURE_NAMES.index("ema_distance")] = 0.05
    up = decide_baseline(ask(runtime, row, question), RULES)
    assert (up.symbol, up.route, up.side) == ("A", Route.BASELINE, 1)
    unknown = decide_baseline(ask(runtime, np.full_like(row, np.nan), question), RULES)
    assert codes(unknown) == ["member.warming_up"]


# --- rules and records ----------------------------------------------------------------


@given(st.floats(0.0, 1.0), st.floats(0.001, 0.499))
def test_a_probability_and_its_complement_take_opposite_sides(probability, margin) -> None:
    assume(abs(abs(probability - 0.5) - margin) > 1e-9)
    assert side_of(probability, margin) == -side_of(1.0 - probability, margin)


def test_the_side_is_the_action_a_model_alone_would_take() -> None:
    sides = {Action.BUY: 1, Action.HOLD: 0, Action.SELL: -1}
    for p in (0.1, 0.479, 0.48, 0.5, 0.52, 0.521, 0.9, math.nan):
        seat = Seat("x", "x", "shadow", 1.0)
        intent = decide_alone(some.answer("x", p), seat, RULES)
        taken = intent.side if isinstance(intent, Enter) else 0
        assert taken == side_of(p, RULES.action_margin)
        assert taken in sides.values()


@pytest.mark.parametrize("key", list(EnsembleRules.__struct_fields__))
def test_no_rule_has_a_default(key) -> None:
    given_rules = {k: getattr(RULES, k) for k in EnsembleRules.__struct_fields__ if k != key}
    with pytest.raises(TypeError, match=key):
        EnsembleRules(**given_rules)


@pytest.mark.parametrize(
    "change",
    [
        {"quorum_weight": 0.0},
        {"quorum_weight": math.nan},
        {"quorum_members": 0},
        {"action_margin": 0.0},
        {"action_margin": 0.5},
        {"reduce_factor": 1.5},
        {"reduce_factor": 0.0},
        {"dispersion": "loud"},
    ],
)
def test_a_rule_that_would_disarm_the_ensemble_is_refused(change) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(RULES, **change)


def test_the_warning_comes_before_the_critical_level() -> None:
    with pytest.raises(ConfigError, match="the warning comes first"):
        replace(RULES, dispersion_warning=0.3)


@given(st.dictionaries(st.sampled_from("abc"), anything, max_size=3))
def test_a_poll_survives_the_record_and_decides_the_same_again(said) -> None:
    answers = [some.answer(m, p) for m, p in said.items()]
    polled = poll(answers, some.seats("a", "b"), RULES, "A", NOW)
    again = msgspec.json.decode(msgspec.json.encode(polled), type=Polled)
    assert again == polled
    assert decide_polled(again, some.routes(0.6), RULES) == decide_polled(
        polled, some.routes(0.6), RULES
    )
