"""The rule is made ready to be sealed from the policy alone, whatever the bars were."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, passed
from stairway.features.spec import FEATURE_NAMES
from stairway.models.baseline import VOLATILITY, BaselineRules
from stairway.models.manifest import Family, GateEvidence
from stairway.models.parity import MIN_ANSWERED, MIN_ROWS
from stairway.models.sealed import SealedModel, pack, unpack
from stairway.training.origin import Origin
from stairway.training.rule import rule_body, rule_bundle

RULES = BaselineRules(max_edge=0.1, scale_sigmas=2.0)
CLEAN = passed("causality.clean", "nothing moved")
ORIGIN = Origin(
    causality=CLEAN,
    battery=passed("leak.purge", "kept apart"),
    last_data_ns=UtcNs(1_514_851_200_000_000_000),
    schema_hash="5" * 64,
    data_fingerprint="d" * 64,
    code_fingerprint="c" * 64,
    libraries={"numpy": "2"},
    trials=4,
    seed=7,
)


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_its_passport_says_where_it_comes_from_and_claims_nothing() -> None:
    passport = rule_bundle(RULES, ORIGIN).passport
    assert (passport.model, passport.family) == ("baseline", Family.RULE)
    assert passport.last_data_ns == ORIGIN.last_data_ns
    assert passport.schema_hash == ORIGIN.schema_hash
    assert (passport.data_fingerprint, passport.code_fingerprint) == ("d" * 64, "c" * 64)
    assert passport.feature_names == FEATURE_NAMES
    assert (passport.trials, passport.parent, passport.metrics) == (1, None, {})
    assert passport.evidence == (GateEvidence("causality", CLEAN),)


def test_it_is_sealed_and_opened_like_any_other() -> None:
    packed = pack(rule_bundle(RULES, ORIGIN))
    opened = unpack(packed.manifest, packed.blobs)
    assert isinstance(opened, SealedModel)
    assert opened.body.rules == RULES
    assert opened.manifest.version == "v20180102_000000"
    assert pack(rule_bundle(RULES, ORIGIN)).digest == packed.digest


@pytest.mark.parametrize(
    "fields", [{"seed": 8}, {"schema_hash": "6" * 64}, {"data_fingerprint": "e" * 64}]
)
def test_another_origin_is_another_artifact(fields: dict[str, object]) -> None:
    other = Origin(**({f: getattr(ORIGIN, f) for f in Origin.__slots__} | fields))
    assert pack(rule_bundle(RULES, other)).digest != pack(rule_bundle(RULES, ORIGIN)).digest


@settings(max_examples=30)
@given(st.floats(1e-6, 0.499), st.floats(1e-3, 1e3), st.integers(0, 2**32))
def test_any_rule_that_a_policy_may_hold_can_be_sealed(
    max_edge: float, scale_sigmas: float, seed: int
) -> None:
    rules = BaselineRules(max_edge=max_edge, scale_sigmas=scale_sigmas)
    origin = Origin(**({f: getattr(ORIGIN, f) for f in Origin.__slots__} | {"seed": seed}))
    packed = pack(rule_bundle(rules, origin))
    assert isinstance(unpack(packed.manifest, packed.blobs), SealedModel)


def test_its_rows_are_whole_and_holed_calm_wild_and_flat() -> None:
    body = rule_body(RULES, rng())
    rows, said = body.parity.rows, body.parity.margins
    holed = np.isnan(rows).any(axis=1)
    assert rows.shape == (MIN_ROWS, len(FEATURE_NAMES))
    assert 0 < holed.sum() < MIN_ROWS
    assert np.isnan(said[holed]).all()
    assert (rows[~holed, VOLATILITY] == 0.0).any(), "a flat market is asked about too"
    answered = said[np.isfinite(said)]
    assert answered.size > MIN_ANSWERED
    assert answered.min() < -0.2 < 0.2 < answered.max(), "both sides, far and near"
    assert np.abs(answered).min() < 0.05
    assert np.unique(answered).size > 0.9 * answered.size


def test_its_rows_follow_the_generator_alone() -> None:
    one, two, other = rule_body(RULES, rng()), rule_body(RULES, rng()), rule_body(RULES, rng(8))
    assert one.blobs() == two.blobs()
    assert one.blobs() != other.blobs()
    assert isinstance(other.replay(0.0), Pass)


def test_another_rule_is_told_apart_by_the_same_rows() -> None:
    body = rule_body(RULES, rng())
    near = msgspec.structs.replace(RULES, max_edge=0.1000001)
    assert not isinstance(type(body)(near, body.parity).replay(0.0), Pass)
