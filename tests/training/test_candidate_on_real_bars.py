"""Twenty years of indices: what a candidate is refused for, and that a leak is caught twice."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from stairway.adapters.sources import sample
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Refuse, passed
from stairway.features.spec import FEATURE_NAMES
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.market.quality import BarRules
from stairway.models.manifest import Family
from stairway.models.sealed import pack
from stairway.training.candidate import (
    Candidate,
    CandidateRules,
    Backtest,
    make_candidate,
)
from stairway.training.leak import LEAKING
from stairway.training.material import material_of, observe
from stairway.training.trainer_rules import TrainerRules, rules_of
from stairway.training.material import Material
from stairway.training.origin import Origin

import msgspec

N_TRAIN = 2_600
ORIGIN = Origin(
    causality=passed("causality.clean", "proved elsewhere"),
    battery=passed("leak.purge", "kept apart"),
    last_data_ns=UtcNs(0),
    schema_hash="schema",
    data_fingerprint="bars",
    code_fingerprint="code",
    libraries={},
    trials=2,
    seed=7,
)


def policy() -> dict[str, Any]:
    text = files("stairway").joinpath("policies", "daily.toml").read_text("utf-8")
    return tomllib.loads(text)


@pytest.fixture(scope="module")
def rules() -> TrainerRules:
    return rules_of(policy())


@pytest.fixture(scope="module")
def bars() -> PairBars:
    tables = policy()
    found, _ = align(
        sample.read(sample.Config()),
        msgspec.convert(tables["bars"], BarRules),
        msgspec.convert(tables["session"], SessionRules),
    )
    return found.part(0, N_TRAIN)


@pytest.fixture(scope="module")
def material(bars: PairBars, rules: TrainerRules) -> Material:
    return material_of(observe(bars, rules), rules)


def made(family: Family, data: Material, bars: PairBars, rules: TrainerRules) -> Candidate:
    how = CandidateRules(
        splits=rules.splits,
        boosting=rules.boosting,
        calibration=rules.calibration,
        evidence=rules.evidence,
    )
    returns = np.zeros((len(bars), 2))
    returns[1:] = np.diff(np.log(bars.close), axis=0)

    def returns_of(confidence: np.ndarray) -> np.ndarray:
        side = np.nan_to_num(np.sign(confidence - 0.5))
        held = np.vstack([np.zeros((1, 2)), side[:-1]])
        return (held * returns - 0.0001 * np.abs(np.diff(held, axis=0, prepend=0))).mean(axis=1)

    return make_candidate(
        family, data, how, ORIGIN, Backtest(returns_of, returns_of, 252.0), lambda *_: None
    )


@pytest.mark.parametrize("family", [Family.LIGHTGBM, Family.XGBOOST])
def test_nothing_passes_on_real_bars_and_the_reasons_are_numbers(
    family: Family, material: Material, bars: PairBars, rules: TrainerRules
) -> None:
    candidate = made(family, material, bars, rules)

    assert isinstance(candidate.verdict, Refuse)
    for finding in candidate.verdict.findings:
        assert finding.value is not None
        assert finding.bound is not None
        assert finding.n
    assert pack(candidate.bundle).digest


def test_labels_of_real_bars_are_worth_far_less_than_their_number(
    material: Material, bars: PairBars, rules: TrainerRules
) -> None:
    figures = made(Family.LIGHTGBM, material, bars, rules).bundle.passport.metrics

    assert figures["forecasts"] > 2_000
    assert figures["independent_forecasts"] < figures["forecasts"] / 6.0


def test_calibrated_claims_on_real_bars_stay_near_even(
    material: Material, bars: PairBars, rules: TrainerRules
) -> None:
    candidate = made(Family.XGBOOST, material, bars, rules)

    for table in candidate.bundle.body.calibration.maps.values():
        assert 0.35 < table.y[0] <= table.y[-1] < 0.75


def test_a_leak_on_real_bars_shows_far_more_than_any_honest_feature(
    material: Material, bars: PairBars, rules: TrainerRules
) -> None:
    features = material.features.copy()
    features[:-1, :, FEATURE_NAMES.index(LEAKING)] = np.diff(np.log(bars.close), axis=0)
    leaked = replace(material, features=features)

    honest = made(Family.LIGHTGBM, material, bars, rules).bundle.passport.metrics
    leaking = made(Family.LIGHTGBM, leaked, bars, rules).bundle.passport.metrics

    assert leaking["brier_skill"] > honest["brier_skill"] + 0.05
    assert leaking["sharpe"] > 3.0
    assert not honest["sharpe_low"] > 0.0


def test_the_answer_itself_as_a_feature_rings_the_alarm(
    material: Material, bars: PairBars, rules: TrainerRules
) -> None:
    features = material.features.copy()
    told = np.where(material.labels.labelled, material.labels.outcome, 0.5)
    features[:, :, 6] = np.where(np.isnan(features[:, :, 6]), np.nan, told)

    candidate = made(Family.LIGHTGBM, replace(material, features=features), bars, rules)

    gates = {item.gate: item.verdict for item in candidate.bundle.passport.evidence}
    assert isinstance(gates["measured.skill.all"], Pass)
    assert isinstance(gates["measured.too_good.all"], Refuse)
    assert isinstance(candidate.verdict, Refuse)
