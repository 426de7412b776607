"""A policy leaves the practice ground only if every figure says so, the bound itself included."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import ConfigError
from stairway.base.verdict import Inconclusive, Pass, Refuse, refuse
from stairway.testing.cycles import (
    SCENARIOS,
    episodes,
    gate_rules,
    near,
    scenario_criteria,
    scenario_reports,
    walked,
)
from stairway.training.measured import DivergenceLevel, ScenarioReport
from stairway.training.training_gate import (
    Judged,
    fingerprint,
    judge,
    judge_scenario,
    over_seeds,
)

RULES = gate_rules()


def answer(walk=None, reports=None, divergence=None, rules=RULES) -> Judged:
    reports = scenario_reports(rules) if reports is None else reports
    return judge(walk or walked(), reports, divergence or near(), rules)


def codes(judged: Judged) -> set[str]:
    return {finding.code for finding in judged.verdict.findings}


def test_a_policy_that_meets_every_bound_passes() -> None:
    found = answer()
    assert isinstance(found.verdict, Pass)
    assert found.attainment == 1.0
    assert all(criterion.holds for criterion in found.criteria)
    assert {"practice.return", "practice.sharpe", "practice.scenario"} <= codes(found)


# -- exactly at the bound ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("return_frac", 0.01, "practice.return"),
        ("drawdown_frac", 0.02, "practice.drawdown"),
        ("fills_per_session", 5.0, "practice.trades"),
        ("fills_per_session", 25.0, "practice.trades"),
        ("sharpe", 0.6, "practice.sharpe"),
        ("win_rate", 0.65, "practice.win_rate"),
        ("hold_rate", 0.40, "practice.hold_rate"),
        ("hold_rate", 0.75, "practice.hold_rate"),
    ],
)
def test_a_figure_at_its_bound_passes_and_the_next_number_beyond_does_not(
    name: str, value: float, code: str
) -> None:
    assert isinstance(answer(replace(walked(), **{name: value})).verdict, Pass)
    low = name in {"return_frac", "sharpe", "win_rate"} or value in {5.0, 0.40}
    beyond = math.nextafter(value, -math.inf if low else math.inf)
    found = answer(replace(walked(), **{name: beyond}))
    assert isinstance(found.verdict, Refuse)
    assert codes(found) == {code}
    assert found.attainment < 1.0


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("length_bars", 400.0, "practice.episode_length"),
        ("early_frac", 0.4, "practice.early_end"),
    ],
)
def test_episode_health_at_its_bound_is_not_enough(name: str, value: float, code: str) -> None:
    inside = value * (1.0 + 1e-9 if name == "length_bars" else 1.0 - 1e-9)
    assert isinstance(answer(reports=scenario_reports(RULES, **{name: inside})).verdict, Pass)
    found = answer(reports=scenario_reports(RULES, **{name: value}))
    assert codes(found) == {code}
    assert found.attainment < 1.0


def test_episode_health_is_over_all_episodes_and_not_over_scenarios() -> None:
    few = [episodes(name, n=10, length_bars=100.0) for name in SCENARIOS[:4]]
    many = episodes(SCENARIOS[4], n=960, length_bars=500.0)
    reports = [ScenarioReport(run, judge_scenario(run, RULES)) for run in (*few, many)]
    found = answer(reports=reports)
    length = next(c for c in found.criteria if c.code == "practice.episode_length")
    assert length.value == pytest.approx((40 * 100 + 960 * 500) / 1000)
    assert length.n == 1000


# -- what cannot be measured ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["return_frac", "drawdown_frac", "fills_per_session", "sharpe", "win_rate", "hold_rate"],
)
def test_nan_refuses(name: str) -> None:
    found = answer(replace(walked(), **{name: math.nan}))
    assert isinstance(found.verdict, Refuse)
    assert "could not be measured" in found.verdict.findings[0].detail
    assert found.attainment <= 1.0 - 1.0 / 14.0


@pytest.mark.parametrize("name", ["length_bars", "early_frac", "return_frac", "drawdown_frac"])
def test_nan_in_one_scenario_refuses(name: str) -> None:
    broken = episodes("mixed", **{name: math.nan})
    others = scenario_reports(RULES)[:4]
    found = answer(reports=[*others, ScenarioReport(broken, judge_scenario(broken, RULES))])
    assert isinstance(found.verdict, Refuse)
    assert found.attainment < 1.0


def test_equity_that_never_moved_has_no_sharpe_and_is_refused() -> None:
    found = answer(replace(walked(), sharpe=None))
    assert codes(found) == {"practice.sharpe"}


def test_a_policy_without_a_round_trip_has_no_win_rate_and_is_refused() -> None:
    found = answer(replace(walked(), win_rate=None, round_trips=0))
    assert codes(found) == {"practice.win_rate"}
    assert found.verdict.findings[0].n == 0


def test_infinite_figures_do_not_pass() -> None:
    for name in ("drawdown_frac", "fills_per_session", "hold_rate"):
        assert isinstance(answer(replace(walked(), **{name: math.inf})).verdict, Refuse)


def test_without_any_episode_the_gate_refuses() -> None:
    found = answer(reports=[])
    assert isinstance(found.verdict, Refuse)
    assert {"practice.episode_length", "practice.early_end", "practice.scenario"} == codes(
        found
    )
    assert found.attainment == pytest.approx(6.0 / 13.0)


# -- scenarios -----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", range(5))
def test_a_scenario_that_was_not_run_refuses(missing: int) -> None:
    reports = [r for i, r in enumerate(scenario_reports(RULES)) if i != missing]
    found = answer(reports=reports)
    assert codes(found) == {"practice.scenario"}
    assert SCENARIOS[missing] in found.verdict.findings[0].detail


def test_a_scenario_without_criteria_is_refused_and_not_passed() -> None:
    stranger = episodes("moon_landing")
    verdict = judge_scenario(stranger, RULES)
    assert isinstance(verdict, Refuse)
    assert "no criteria" in verdict.findings[0].detail
    found = answer(reports=[*scenario_reports(RULES), ScenarioReport(stranger, verdict)])
    assert isinstance(found.verdict, Refuse)
    assert found.attainment < 1.0


@pytest.mark.parametrize(
    ("name", "bound", "worse"),
    [("return_frac", -0.02, -1), ("drawdown_frac", 0.03, 1), ("early_frac", 0.4, 1)],
)
def test_failing_one_scenario_fails_the_candidate(name: str, bound: float, worse: int) -> None:
    at_bound = episodes("trending", **{name: bound})
    assert isinstance(judge_scenario(at_bound, RULES), Pass)
    beyond = episodes("trending", **{name: math.nextafter(bound, worse * math.inf)})
    verdict = judge_scenario(beyond, RULES)
    assert isinstance(verdict, Refuse)
    others = [r for r in scenario_reports(RULES) if r.episodes.scenario != "trending"]
    found = answer(reports=[*others, ScenarioReport(beyond, verdict)])
    assert isinstance(found.verdict, Refuse)


# -- divergence ----------------------------------------------------------------------------


def test_a_policy_that_diverged_is_refused_whatever_it_earned() -> None:
    far = replace(
        near(),
        norm_frac=0.2,
        level=DivergenceLevel.DIVERGED,
        verdict=refuse("practice.divergence", "drift is 0.2", 0.2, 0.15),
    )
    found = answer(divergence=far)
    assert codes(found) == {"practice.divergence"}
    assert found.attainment == 1.0


# -- attainment ----------------------------------------------------------------------------


@given(st.floats(-1.0, 0.0099), st.floats(-1.0, 0.0099))
def test_attainment_never_falls_as_a_figure_comes_nearer(one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert (
        answer(replace(walked(), return_frac=worse)).attainment
        <= answer(replace(walked(), return_frac=better)).attainment
        < 1.0
    )


@given(st.floats(0.0, 1.0), st.floats(0.0, 60.0), st.floats(-5.0, 5.0))
def test_attainment_is_one_exactly_where_the_gate_passes(
    hold: float, fills: float, sharpe: float
) -> None:
    found = answer(walked(hold_rate=hold, fills_per_session=fills, sharpe=sharpe))
    assert 0.0 < found.attainment <= 1.0
    assert (found.attainment == 1.0) == isinstance(found.verdict, Pass)


def test_attainment_halves_at_one_width_beyond_a_bound() -> None:
    found = answer(replace(walked(), drawdown_frac=0.04))
    assert found.attainment == pytest.approx(1.0 - 0.5 / 13.0)


def test_every_criterion_is_told_with_its_bounds() -> None:
    found = answer(replace(walked(), hold_rate=0.9))
    holds = {c.code: c for c in found.criteria}["practice.hold_rate"]
    assert (holds.low, holds.high, holds.value, holds.holds) == (0.40, 0.75, 0.9, False)
    assert len(found.criteria) == 6 + 2 + 3 * 5


def test_the_refusal_says_what_was_measured_and_what_is_allowed() -> None:
    found = answer(replace(walked(), fills_per_session=40.0))
    finding = found.verdict.findings[0]
    assert finding.detail == "trades per day is 40, allowed is at least 5 and at most 25"
    assert (finding.value, finding.bound, finding.n) == (40.0, 25.0, 5)


# -- seeds ---------------------------------------------------------------------------------


def test_the_median_seed_and_the_worst_must_both_pass() -> None:
    good, bad = answer(), answer(replace(walked(), return_frac=-0.1))
    assert isinstance(over_seeds(good, good, 1, 2), Pass)
    for median, worst in ((good, bad), (bad, good)):
        assert isinstance(over_seeds(median, worst, 1, 2), Refuse)
    detail = over_seeds(good, bad, 1, 2).findings[0].detail
    assert detail.startswith("worst seed 2: return is -0.1")


def test_an_inconclusive_seed_blocks_too() -> None:
    good = answer()
    unsure = Judged(Inconclusive(good.verdict.findings[:1]), 1.0, ())
    assert isinstance(over_seeds(unsure, good, 1, 2), Inconclusive)


# -- the rules -----------------------------------------------------------------------------


def test_the_fingerprint_changes_with_every_bound() -> None:
    changes = [
        {"min_return_frac": 0.011},
        {"max_hold_rate": 0.76},
        {"over_episode_bars": 401.0},
        {"scenarios": RULES.scenarios[:4]},
        {"scenarios": (*RULES.scenarios[:4], scenario_criteria("mixed", max_early_frac=0.5))},
    ]
    prints = {fingerprint(gate_rules(**change)) for change in changes}
    assert len(prints | {fingerprint(RULES)}) == len(changes) + 1
    assert fingerprint(gate_rules()) == fingerprint(RULES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_trades_per_day": 25.0}, "min_trades_per_day is 25 and max_trades_per_day is 25"),
        ({"min_hold_rate": 0.9}, "min_hold_rate is 0.9"),
        ({"scenarios": (scenario_criteria("mixed"),) * 2}, "names a scenario twice"),
    ],
)
def test_rules_that_cannot_be_met_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        gate_rules(**change)


def test_a_return_is_missed_by_the_width_of_its_scenario_whatever_its_bound() -> None:
    rules = gate_rules(
        scenarios=tuple(
            scenario_criteria(name, min_return_frac=-0.01, return_width_frac=0.04)
            for name in SCENARIOS
        )
    )
    found = answer(reports=scenario_reports(rules, return_frac=-0.05), rules=rules)
    missed = [c for c in found.criteria if c.what.startswith("mean return in")]
    assert len(missed) == len(SCENARIOS)
    assert [c.attainment for c in missed] == pytest.approx([0.5] * len(missed))
