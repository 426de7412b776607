from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, passed, refuse
from stairway.evaluation.evidence import Check
from stairway.evaluation.splits import SplitRules
from stairway.features.labels import UNLABELLED, Labels
from stairway.features.spec import FEATURE_NAMES
from stairway.models import forest as forests
from stairway.models.calibration_fit import CalibrationRules, CurveFamily
from stairway.models.manifest import Family, GateEvidence
from stairway.models.sealed import pack
from stairway.testing.sceptic import evidence_rules
from stairway.training.boosting import BoostingRules
from stairway.training.candidate import (
    BINDING_GATES,
    Candidate,
    CandidateRules,
    Backtest,
    binding_verdict,
    diagrams,
    make_candidate,
)
from stairway.training.material import Material
from stairway.training.oof import forecasts
from stairway.training.origin import Origin

N = 1_500
TREES = (Family.LIGHTGBM, Family.XGBOOST)
RULES = CandidateRules(
    splits=SplitRules(n_blocks=4, first_train_frac=0.3, gap_bars=10, embargo_frac=0.01),
    boosting=BoostingRules(
        rounds=25,
        learning_rate=0.1,
        max_depth=2,
        min_leaf_samples=20.0,
        l2=1.0,
        row_frac=0.8,
        column_frac=0.8,
    ),
    calibration=CalibrationRules(
        min_samples=20,
        shrink_samples=100.0,
        isotonic_min_samples=5_000,
        prior_samples=10.0,
        probability_floor=0.01,
        curve=CurveFamily.PLATT,
    ),
    evidence=evidence_rules(
        binding=(Check.SKILL_POOLED, Check.TOO_GOOD),
        min_independent_regime=30,
        climatology_prior_n=50.0,
        too_good_skill=0.3,
        reliability_bins=8,
    ),
)
ORIGIN = Origin(
    causality=passed("causality.proved", "nothing moved"),
    battery=passed("leak.purge", "kept apart"),
    last_data_ns=UtcNs(1_514_851_200_000_000_000),
    schema_hash="schema",
    data_fingerprint="bars",
    code_fingerprint="code",
    libraries={"numpy": "2"},
    trials=2,
    seed=7,
)


def material(edge: float, seed: int = 0) -> Material:
    """Twelve features, the third of which moves the odds of up by ``edge``."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N, 2, len(FEATURE_NAMES)))
    features[:30] = math.nan
    odds = 0.5 + edge * np.sign(features[:, :, 2])
    outcome = (rng.uniform(size=(N, 2)) < np.nan_to_num(odds, nan=0.5)).astype(np.int64)
    bar = np.repeat(np.arange(N)[:, None], 2, axis=1)
    end = bar + rng.integers(2, 4, (N, 2))
    late = end > N
    outcome[late], end[late] = UNLABELLED, bar[late]
    regime = np.array(["range", "range", "trend", "crisis"])[rng.integers(0, 4, N)]
    return Material(features, Labels(outcome, bar, end, np.zeros((N, 2))), regime)


def backtest(data: Material) -> Backtest:
    """An account that wins a hundredth where it is right, and pays a little for trying."""
    came = np.where(data.labels.labelled, 2.0 * data.labels.outcome - 1.0, 0.0)

    def returns_of(confidence: np.ndarray) -> np.ndarray:
        side = np.nan_to_num(np.sign(confidence - 0.5))
        return np.mean(0.01 * side * came - 0.0005 * np.abs(side), axis=1)

    return Backtest(returns_of, returns_of, 252.0)


def made(
    edge: float, family: Family = Family.LIGHTGBM, data: Material | None = None
) -> Candidate:
    lesson = material(edge) if data is None else data
    return make_candidate(family, lesson, RULES, ORIGIN, backtest(lesson), lambda *_: None)


@pytest.fixture(scope="module")
def skilled() -> Candidate:
    return made(0.15)


@pytest.fixture(scope="module")
def unskilled() -> Candidate:
    return made(0.0)


def gates(candidate: Candidate) -> dict[str, GateEvidence]:
    return {item.gate: item for item in candidate.bundle.passport.evidence}


@pytest.mark.parametrize("family", TREES)
def test_a_true_edge_passes_every_gate(family: Family) -> None:
    candidate = made(0.15, family)

    assert isinstance(candidate.verdict, Pass)
    assert candidate.bundle.passport.model == family.value
    assert all(isinstance(gates(candidate)[name].verdict, Pass) for name in BINDING_GATES)


@pytest.mark.parametrize("family", TREES)
def test_no_edge_is_refused_and_bundled_with_its_refusal(family: Family) -> None:
    candidate = made(0.0, family)

    assert isinstance(candidate.verdict, Refuse)
    codes = {finding.code for finding in candidate.verdict.findings}
    assert codes >= {"evidence.skill", "evidence.after_cost_sharpe"}
    sealed = pack(candidate.bundle)
    assert b"evidence.skill" in sealed.manifest


def test_everything_measured_is_on_record_beside_what_binds(skilled: Candidate) -> None:
    names = list(gates(skilled))

    assert names[: len(BINDING_GATES)] == list(BINDING_GATES)
    assert {"measured.skill.all", "measured.brier.range", "measured.too_good.all"} <= set(names)


def test_the_passport_says_where_the_model_comes_from(skilled: Candidate) -> None:
    passport = skilled.bundle.passport

    assert passport.feature_names == FEATURE_NAMES
    assert passport.trials == 2
    assert (passport.schema_hash, passport.data_fingerprint) == ("schema", "bars")
    assert all(math.isfinite(figure) for figure in passport.metrics.values())
    assert passport.metrics["brier_skill"] > 0.03
    assert 0.55 < passport.metrics["hit_frac"] < 0.75
    assert {"sharpe", "ece_corrected", "max_drawdown_frac"} <= set(passport.metrics)


def test_the_same_lesson_gives_the_same_digest(skilled: Candidate) -> None:
    assert pack(made(0.15).bundle).digest == pack(skilled.bundle).digest


def test_another_seed_gives_another_model(skilled: Candidate) -> None:
    data = material(0.15)
    other = make_candidate(
        Family.LIGHTGBM, data, RULES, replace(ORIGIN, seed=8), backtest(data), lambda *_: None
    )

    assert pack(other.bundle).digest != pack(skilled.bundle).digest


def test_a_pipeline_that_was_not_proved_keeps_the_best_candidate_out() -> None:
    data = material(0.15)
    caught = replace(ORIGIN, causality=refuse("causality.looks_ahead", "momentum_short"))

    candidate = make_candidate(
        Family.LIGHTGBM, data, RULES, caught, backtest(data), lambda *_: None
    )

    assert isinstance(candidate.verdict, Refuse)
    assert candidate.verdict.findings[0].detail == "momentum_short"


def test_a_planted_leak_is_too_good_to_be_true() -> None:
    # Given a feature that holds the outcome itself
    data = material(0.0)
    data.features[:, :, 5] = np.where(data.labels.labelled, data.labels.outcome, 0.5)

    candidate = made(0.0, data=data)

    assert isinstance(candidate.verdict, Refuse)
    assert "evidence.too_good_to_be_true" in {f.code for f in candidate.verdict.findings}


def test_returns_count_only_where_there_is_evidence(skilled: Candidate) -> None:
    first = skilled.oof.first_bar

    assert np.isnan(skilled.returns[:first]).all()
    assert np.isfinite(skilled.returns[first:]).all()
    finding = gates(skilled)["after_cost_sharpe"].verdict.findings[0]
    assert finding.n == N - first


def test_a_back_test_of_other_bars_is_our_own_mistake() -> None:
    data = material(0.0)

    with pytest.raises(InvariantError, match="back-test gave"):
        make_candidate(
            Family.LIGHTGBM,
            data,
            RULES,
            ORIGIN,
            Backtest(lambda _: np.zeros(N - 1), np.zeros_like, 252.0),
            lambda *_: None,
        )


def test_a_back_test_with_a_hole_is_refused() -> None:
    data = material(0.15)

    candidate = make_candidate(
        Family.LIGHTGBM,
        data,
        RULES,
        ORIGIN,
        Backtest(lambda _: np.full(N, math.nan), np.zeros_like, 252.0),
        lambda *_: None,
    )

    assert isinstance(candidate.verdict, Refuse)
    assert candidate.verdict.findings[0].code == "evidence.sharpe_undefined"
    assert "sharpe" not in candidate.bundle.passport.metrics


def test_the_last_fit_leaves_out_the_rows_just_before_the_climb(skilled: Candidate) -> None:
    # Given other features in the rows that the gap before the climb takes out
    data = material(0.15)
    left_out = data.split(RULES.splits).left_out_rows
    data.features[N - left_out :] = 0.0

    # Then the served forest is the same, and its calibration too
    other = made(0.15, data=data)
    assert forests.to_bytes(other.bundle.body.forest) == forests.to_bytes(
        skilled.bundle.body.forest
    )
    assert other.bundle.body.calibration == skilled.bundle.body.calibration
    assert left_out == 25


def test_the_last_fit_learns_from_the_rows_before_them(skilled: Candidate) -> None:
    data = material(0.15)
    left_out = data.split(RULES.splits).left_out_rows
    data.features[N - left_out - 40 : N - left_out] = 0.0

    other = made(0.15, data=data)

    assert forests.to_bytes(other.bundle.body.forest) != forests.to_bytes(
        skilled.bundle.body.forest
    )


def test_the_calibration_is_made_of_margins_out_of_fold(skilled: Candidate) -> None:
    maps = skilled.bundle.body.calibration.maps

    seen = int(np.isfinite(skilled.oof.margin[: N - 25]).sum())
    assert sum(table.n for table in maps.values()) <= seen
    assert sum(table.n for table in maps.values()) > 0.97 * seen


def test_there_is_a_diagram_for_every_regime_that_was_met(skilled: Candidate) -> None:
    assert set(skilled.reliability) == {"all", "range", "trend", "crisis"}
    by_regime = [skilled.reliability[r] for r in ("range", "trend", "crisis")]
    total = sum(b.n for b in skilled.reliability["all"].bins)
    assert total == sum(b.n for diagram in by_regime for b in diagram.bins)
    assert total == int(skilled.bundle.passport.metrics["forecasts"])


def test_no_forecasts_make_no_diagram() -> None:
    data = material(0.0)

    assert diagrams(forecasts(data, np.full((N, 2), math.nan)), RULES.evidence) == {}


def test_diagrams_are_as_sure_as_the_rules_say() -> None:
    data = material(0.15)
    surer = msgspec.structs.replace(RULES.evidence, level=0.999)
    said = forecasts(data, np.random.default_rng(1).uniform(0.3, 0.7, (N, 2)))
    plain, sure = (diagrams(said, rules)["all"] for rules in (RULES.evidence, surer))
    assert sure.ece_bound > plain.ece_bound
    assert sure.bins[0].high > plain.bins[0].high


def test_a_skill_without_an_interval_claims_none_in_its_passport() -> None:
    data = material(0.15)
    data.labels.end[40, 0] = N
    metrics = made(0.15, data=data).bundle.passport.metrics
    assert "brier_skill" in metrics
    assert {"brier_skill_low", "brier_skill_high"}.isdisjoint(metrics)


def test_a_gate_that_never_answered_is_not_a_gate_that_passed() -> None:
    for missing in BINDING_GATES:
        seen = tuple(
            GateEvidence(gate, passed("x", "y")) for gate in BINDING_GATES if gate != missing
        )
        assert isinstance(binding_verdict(seen), Inconclusive)


def test_what_does_not_bind_neither_helps_nor_harms() -> None:
    binding = tuple(GateEvidence(gate, passed("x", "y")) for gate in BINDING_GATES)
    extra = GateEvidence("measured.brier.range", refuse("evidence.brier", "0.25"))

    assert isinstance(binding_verdict((*binding, extra)), Pass)
    doubtful = GateEvidence("causality", inconclusive("x", "too few bars"))
    assert isinstance(binding_verdict((*binding[1:], doubtful)), Inconclusive)


def test_the_unskilled_one_claims_little(unskilled: Candidate) -> None:
    maps = unskilled.bundle.body.calibration.maps.values()

    assert max(abs(p - 0.5) for table in maps for p in table.y) < 0.2
