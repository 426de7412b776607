from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.evidence import (
    Check,
    EvidenceRules,
    after_cost_sharpe,
    calibration_skill,
    decide,
    measures,
    too_good_sharpe,
)
from stairway.evaluation.skill import Forecasts, Skill, brier_skill
from stairway.testing.sceptic import evidence_rules

REGIME_NAMES = ("trend", "range", "crisis")


def rules(*binding: Check, **changes: float) -> EvidenceRules:
    return evidence_rules(binding=binding or (Check.SKILL_EACH,), **changes)


def forecaster(edge: dict[str, float], n: int = 3_000, seed: int = 0) -> Forecasts:
    """Outcomes that follow a coin of 0.5 +- edge, and a forecaster who knows the coin.

    A negative edge is a forecaster who has it the wrong way round.
    """
    rng = np.random.default_rng(seed)
    regime = np.array(REGIME_NAMES)[rng.integers(0, 3, n)]
    size = np.array([edge[name] for name in regime])[:, None]
    side = rng.choice([-1.0, 1.0], (n, 2))
    outcome = (rng.uniform(size=(n, 2)) < 0.5 + size * side).astype(np.int64)
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    return Forecasts(0.5 + np.abs(size) * side, outcome, bar, bar + 1, regime)


def everywhere(edge: float) -> dict[str, float]:
    return dict.fromkeys(REGIME_NAMES, edge)


def test_a_true_edge_in_every_regime_passes() -> None:
    verdict = calibration_skill(forecaster(everywhere(0.12)), rules())

    assert isinstance(verdict, Pass)
    assert {f.code for f in verdict.findings} == {"evidence.skill"}
    assert len(verdict.findings) == 3
    assert all(f.value is not None and f.value > 0.0 and f.n for f in verdict.findings)


def test_no_edge_is_refused_and_the_finding_says_by_how_much() -> None:
    said = replace(forecaster(everywhere(0.0)), confidence=np.full((3_000, 2), 0.55))

    verdict = calibration_skill(said, rules())

    assert isinstance(verdict, Refuse)
    finding = verdict.findings[0]
    assert finding.bound == 0.0
    assert finding.value is not None
    assert finding.value < 0.0
    assert "skill over climatology -0." in finding.detail


@given(st.sampled_from([0.02, 0.03, 0.04, 0.06]), st.integers(0, 30))
def test_skill_passes_only_where_all_of_its_interval_is_above_zero(
    edge: float, seed: int
) -> None:
    said = forecaster(everywhere(edge), n=600, seed=seed)
    skill = brier_skill(said, np.ones(600, bool), 20.0, 0.95)
    assert isinstance(skill, Skill)

    verdict = measures(said, rules())["skill.all"]

    assert isinstance(verdict, Pass) is (skill.low > 0.0)
    assert verdict.findings[0].value == skill.low


def test_an_edge_that_cannot_be_told_from_nothing_is_refused() -> None:
    said = forecaster(everywhere(0.04), n=600, seed=2)
    skill = brier_skill(said, np.ones(600, bool), 20.0, 0.95)

    verdict = calibration_skill(said, rules(Check.SKILL_POOLED))

    assert isinstance(skill, Skill)
    assert skill.low < 0.0 < skill.skill
    assert isinstance(verdict, Refuse)


def test_one_regime_without_an_edge_refuses_when_each_must_have_one() -> None:
    said = forecaster({"trend": 0.12, "range": 0.12, "crisis": -0.05})

    verdict = calibration_skill(said, rules())

    assert isinstance(verdict, Refuse)
    assert [f.detail[:9] for f in verdict.findings] == ["in crisis"]


def test_a_regime_that_was_never_met_is_not_a_regime_that_was_passed() -> None:
    said = forecaster(everywhere(0.12))
    calm = replace(said, regime=np.where(said.regime == "crisis", "range", said.regime))

    verdict = calibration_skill(calm, rules())

    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].detail == "in crisis: 0 of 50 independent samples"


def test_pooled_skill_bears_a_regime_with_too_few_samples() -> None:
    said = forecaster(everywhere(0.12))
    calm = replace(said, regime=np.where(said.regime == "crisis", "range", said.regime))

    assert isinstance(calibration_skill(calm, rules(Check.SKILL_POOLED)), Pass)


def test_pooled_skill_does_not_bear_a_regime_that_is_harmful_with_confidence() -> None:
    said = forecaster({"trend": 0.3, "range": 0.3, "crisis": -0.1})

    verdict = calibration_skill(said, rules(Check.SKILL_POOLED, too_good_skill=1.0))

    assert isinstance(verdict, Refuse)
    assert [f.code for f in verdict.findings] == ["evidence.harm"]


@pytest.mark.parametrize("edge", [0.4, -0.4])
def test_too_few_samples_are_inconclusive_whatever_they_say(edge: float) -> None:
    said = forecaster(everywhere(edge), n=90)

    for check in Check:
        assert isinstance(calibration_skill(said, rules(check)), Inconclusive)


@pytest.mark.parametrize("edge", [0.4, -0.4])
def test_of_one_outcome_alone_nothing_is_concluded_and_it_is_named(edge: float) -> None:
    said = forecaster(everywhere(edge))
    alone = replace(said, outcome=np.ones_like(said.outcome))

    for check in Check:
        verdict = calibration_skill(alone, rules(check))
        assert isinstance(verdict, Inconclusive)
        assert {one.code for one in verdict.findings} == {"evidence.one_outcome"}
        assert "outcomes are 1; at least 1 that is 0 is needed" in verdict.findings[0].detail


def test_skill_beyond_belief_is_refused_as_a_leak() -> None:
    said = forecaster(everywhere(0.45))

    verdict = calibration_skill(said, rules(Check.SKILL_EACH, Check.TOO_GOOD))

    assert isinstance(verdict, Refuse)
    assert [f.code for f in verdict.findings] == ["evidence.too_good_to_be_true"]
    assert "leak" in verdict.findings[0].detail


def test_the_alarm_is_measured_also_where_it_does_not_bind() -> None:
    said = forecaster(everywhere(0.45))

    assert isinstance(measures(said, rules())["too_good.all"], Refuse)
    assert isinstance(calibration_skill(said, rules(Check.SKILL_EACH)), Pass)


@pytest.mark.parametrize(("edge", "kind"), [(0.45, Pass), (0.1, Refuse)])
def test_the_original_bound_asks_for_a_brier_score_in_every_regime(
    edge: float, kind: type
) -> None:
    verdict = calibration_skill(forecaster(everywhere(edge)), rules(Check.BRIER))

    assert isinstance(verdict, kind)
    assert all(f.code == "evidence.brier" and f.bound == 0.2 for f in verdict.findings)


def test_a_policy_that_binds_nothing_passes_nobody() -> None:
    nothing = msgspec.structs.replace(rules(), binding=())

    assert isinstance(calibration_skill(forecaster(everywhere(0.2)), nothing), Inconclusive)


def test_no_forecasts_at_all_pass_nothing() -> None:
    silent = replace(forecaster(everywhere(0.2)), confidence=np.full((3_000, 2), math.nan))

    for check in Check:
        assert isinstance(calibration_skill(silent, rules(check)), Inconclusive)


def test_everything_measured_carries_exactly_one_finding() -> None:
    found = measures(forecaster(everywhere(0.12)), rules())

    assert set(found) == {
        "skill.all",
        "too_good.all",
        *(f"{kind}.{name}" for kind in ("skill", "brier", "harm") for name in REGIME_NAMES),
    }
    assert all(len(verdict.findings) == 1 for verdict in found.values())


@given(st.floats(0.55, 0.95), st.integers(0, 50))
def test_a_mirrored_forecaster_never_passes_where_the_right_one_does(
    confidence: float, seed: int
) -> None:
    said = forecaster(everywhere(0.15), n=600, seed=seed)
    lean = replace(said, confidence=np.where(said.confidence > 0.5, confidence, 1 - confidence))
    mirrored = replace(lean, confidence=1.0 - lean.confidence)
    pooled = rules(Check.SKILL_POOLED)

    if isinstance(calibration_skill(lean, pooled), Pass):
        assert isinstance(calibration_skill(mirrored, pooled), Refuse)


def test_deciding_leaves_out_what_does_not_bind() -> None:
    found = measures(forecaster(everywhere(0.12)), rules())

    assert isinstance(found["brier.trend"], Refuse)
    assert isinstance(decide(found, rules(Check.SKILL_EACH)), Pass)
    assert isinstance(decide(found, rules(Check.SKILL_EACH, Check.BRIER)), Refuse)


@pytest.mark.parametrize(
    ("mean", "kind"), [(0.0015, Pass), (0.0002, Refuse), (0.0, Refuse), (-0.002, Refuse)]
)
def test_a_sharpe_ratio_passes_only_when_its_whole_interval_does(
    mean: float, kind: type
) -> None:
    noise = np.random.default_rng(2).standard_normal(1_000) * 0.01
    verdict = after_cost_sharpe(mean + noise - noise.mean(), 252.0, rules())

    assert isinstance(verdict, kind)
    finding = verdict.findings[0]
    assert finding.code == "evidence.after_cost_sharpe"
    assert (finding.value > finding.bound) is (kind is Pass)
    assert finding.n == 1_000


def test_the_floor_can_be_raised() -> None:
    noise = np.random.default_rng(2).standard_normal(1_000) * 0.01
    returns = 0.0015 + noise - noise.mean()

    assert isinstance(after_cost_sharpe(returns, 252.0, rules(sharpe_floor=2.0)), Refuse)


def test_a_short_record_is_inconclusive_however_good() -> None:
    good = 0.01 + 0.001 * np.random.default_rng(2).standard_normal(249)

    assert isinstance(after_cost_sharpe(good, 252.0, rules()), Inconclusive)


@pytest.mark.parametrize(
    "returns",
    [np.zeros(500), np.full(500, 0.001), np.r_[np.full(499, 0.001), math.nan]],
)
def test_an_undefined_sharpe_ratio_refuses(returns: np.ndarray) -> None:
    verdict = after_cost_sharpe(returns, 252.0, rules())

    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "evidence.sharpe_undefined"


def test_the_rules_know_only_checks_that_exist() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            msgspec.to_builtins(rules()) | {"binding": ["skilll_each"]}, EvidenceRules
        )


@pytest.mark.parametrize(
    "bad",
    [
        {"level": 1.0},
        {"level": 0.89},
        {"level": math.nan},
        {"min_independent": 0},
        {"too_good_skill": 0.0},
    ],
)
def test_impossible_bounds_cannot_be_made(bad: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rules(**bad)


@pytest.mark.parametrize(("bars", "kind"), [(249, Inconclusive), (250, Pass)])
def test_exactly_enough_bars_are_enough(bars: int, kind: type) -> None:
    good = 0.002 + 0.001 * np.random.default_rng(2).standard_normal(bars)

    assert isinstance(after_cost_sharpe(good, 252.0, rules()), kind)


@pytest.mark.parametrize(("needed", "kind"), [(599, Pass), (600, Pass), (601, Inconclusive)])
def test_exactly_enough_independent_samples_are_enough(needed: int, kind: type) -> None:
    # Given 600 bars whose labels stand alone: worth 600, both instruments of a bar as one
    said = forecaster(everywhere(0.2), n=600)

    verdict = measures(said, rules(min_independent=needed))["skill.all"]

    assert isinstance(verdict, kind)
    assert verdict.findings[0].n == 600


def test_a_brier_score_exactly_at_the_bound_is_not_under_it() -> None:
    # Given outcomes that give every regime a score of exactly one quarter
    said = replace(forecaster(everywhere(0.2)), confidence=np.full((3_000, 2), 0.5))

    at, above = (
        measures(said, rules(brier_bound=bound))["brier.range"] for bound in (0.25, 0.2500001)
    )

    assert isinstance(at, Refuse)
    assert isinstance(above, Pass)


def test_a_sharpe_ratio_exactly_at_the_floor_does_not_exceed_it() -> None:
    returns = 0.0015 + 0.01 * np.random.default_rng(2).standard_normal(1_000)
    low = after_cost_sharpe(returns, 252.0, rules()).findings[0].value
    assert low is not None

    assert isinstance(after_cost_sharpe(returns, 252.0, rules(sharpe_floor=low)), Refuse)
    assert isinstance(after_cost_sharpe(returns, 252.0, rules(sharpe_floor=low - 1e-9)), Pass)


@pytest.mark.parametrize("noise", [1e-12, 1e-8, 1e-5])
def test_a_constant_with_rounding_on_it_is_too_good_to_be_returns(noise: float) -> None:
    nearly = 0.001 + noise * np.random.default_rng(3).standard_normal(1_500)
    verdict = after_cost_sharpe(nearly, 252.0, rules())
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "evidence.too_good_sharpe"
    assert verdict.findings[0].bound == 50.0


def test_a_ratio_at_the_bound_of_belief_is_believed_and_nan_is_not() -> None:
    assert too_good_sharpe(50.0, 500, rules()) is None
    assert isinstance(too_good_sharpe(np.nextafter(50.0, 51.0), 500, rules()), Refuse)
    assert isinstance(too_good_sharpe(math.nan, 500, rules()), Refuse)


def test_harm_is_looked_for_in_a_regime_of_somebody_elses_name() -> None:
    said = forecaster(everywhere(0.2))
    strange = said.regime == "crisis"
    confidence = np.where(strange[:, None], 1.0 - said.confidence, said.confidence)
    named = np.where(strange, "my storm", said.regime)
    found = measures(replace(said, confidence=confidence, regime=named), rules())
    assert isinstance(found["harm.my storm"], Refuse)
    assert isinstance(decide(found, rules(Check.SKILL_POOLED)), Refuse)


@given(st.sampled_from(list(Check)), st.integers(0, 20))
def test_a_forecaster_who_falls_silent_passes_nothing(check: Check, seed: int) -> None:
    said = forecaster(everywhere(0.15), n=900, seed=seed)
    confidence = said.confidence.copy()
    confidence[60:] = math.nan
    fewer = replace(said, confidence=confidence)

    assert isinstance(calibration_skill(fewer, rules(check)), Inconclusive)


def wrong_in_a_crisis(bars: int) -> Forecasts:
    """A good forecaster, utterly wrong on so many scattered bars; labels reach over 30."""
    said = forecaster(everywhere(0.2))
    crisis = np.zeros(3_000, bool)
    crisis[300 + 9 * np.arange(bars)] = True
    wrong = np.where(said.outcome == 1, 0.1, 0.9)
    end = said.end.copy()
    end[100] = 130
    return replace(
        said,
        confidence=np.where(crisis[:, None], wrong, said.confidence),
        end=end,
        regime=np.where(crisis, "crisis", "trend"),
    )


def test_a_regime_without_an_interval_is_open_and_says_how_many_bars_it_needs() -> None:
    found = measures(wrong_in_a_crisis(61), rules())

    for name in ("harm.crisis", "skill.crisis"):
        verdict = found[name]
        assert isinstance(verdict, Inconclusive)
        (said,) = verdict.findings
        assert (said.code, said.value, said.bound) == ("evidence.no_interval", 61.0, 62.0)
        assert "no interval: 62 bars are needed, 61 were judged" in said.detail
        assert "inf" not in said.detail
    assert isinstance(decide(found, rules(Check.SKILL_POOLED)), Inconclusive)


def test_one_bar_more_and_the_harm_is_found() -> None:
    found = measures(wrong_in_a_crisis(62), rules())

    assert isinstance(found["harm.crisis"], Refuse)
    assert isinstance(decide(found, rules(Check.SKILL_POOLED)), Refuse)


def test_without_an_interval_over_all_bars_nothing_is_concluded() -> None:
    said = forecaster(everywhere(0.2), n=600)
    far = replace(said, end=said.end + np.where(np.arange(600) == 5, 400, 0)[:, None])

    for check in (Check.SKILL_POOLED, Check.TOO_GOOD):
        verdict = calibration_skill(far, rules(check))
        assert isinstance(verdict, Inconclusive)
        assert verdict.findings[0].code == "evidence.no_interval"


def test_skill_is_believed_while_part_of_its_interval_can_be() -> None:
    said = forecaster(everywhere(0.2), n=600)
    skill = brier_skill(said, np.ones(600, bool), 20.0, 0.95)
    assert isinstance(skill, Skill)
    assert skill.low is not None

    # Given a bound that the skill itself exceeds
    between = (skill.low + skill.skill) / 2.0
    assert between < skill.skill

    # Then only a bound under the whole interval refuses
    alarms = [
        measures(said, rules(too_good_skill=bound))["too_good.all"]
        for bound in (between, skill.low, skill.low - 1e-9)
    ]
    assert [type(one) for one in alarms] == [Pass, Pass, Refuse]
    assert alarms[0].findings[0].value == skill.low


def test_a_regime_may_not_take_the_name_of_all_bars() -> None:
    said = forecaster(everywhere(0.2))
    named = replace(said, regime=np.where(said.regime == "crisis", "all", said.regime))

    with pytest.raises(DataError, match="'all' stands for all bars"):
        calibration_skill(named, rules())
