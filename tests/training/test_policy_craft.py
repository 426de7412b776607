"""A policy is judged as trees are: on bars that its training did not see."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Refuse, passed
from stairway.evaluation.evidence import Check
from stairway.evaluation.splits import SplitRules
from stairway.features.labels import UNLABELLED, Labels
from stairway.features.spec import FEATURE_NAMES
from stairway.models.actor import Actor, margins
from stairway.models.bodies.policy import PolicyBody, PolicyParity
from stairway.models.calibration import REGIMES, apply
from stairway.models.calibration_fit import CalibrationRules, CurveFamily
from stairway.models.manifest import Family
from stairway.models.normaliser import Normaliser
from stairway.models.policy import Policy, observations
from stairway.models.sealed import SealedModel, pack, unpack
from stairway.testing.models import toy_calibration
from stairway.testing.sceptic import evidence_rules
from stairway.training.candidate import BINDING_GATES, Candidate, JudgeRules, Backtest, judged
from stairway.training.material import Material
from stairway.training.oof import calibration_of
from stairway.training.origin import Origin
from stairway.training.policy_craft import Policies, Taught, already, judged_from, unbroken

N, WARM_UP, SIGNAL, GAP = 1_500, 30, 2, 10
RULES = JudgeRules(
    splits=SplitRules(n_blocks=4, first_train_frac=0.3, gap_bars=GAP, embargo_frac=0.01),
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
    trials=3,
    seed=7,
)


def material(edge: float, seed: int = 0) -> Material:
    """Twelve features, one of which moves the odds of up by ``edge``."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N, 2, len(FEATURE_NAMES)))
    features[:WARM_UP] = math.nan
    odds = 0.5 + edge * np.sign(features[:, :, SIGNAL])
    outcome = (rng.uniform(size=(N, 2)) < np.nan_to_num(odds, nan=0.5)).astype(np.int64)
    bar = np.repeat(np.arange(N)[:, None], 2, axis=1)
    end = bar + rng.integers(2, 4, (N, 2))
    late = end > N
    outcome[late], end[late] = UNLABELLED, bar[late]
    regime = np.array(["range", "range", "trend", "crisis"])[rng.integers(0, 4, N)]
    return Material(features, Labels(outcome, bar, end, np.zeros((N, 2))), regime)


def backtest(data: Material) -> Backtest:
    came = np.where(data.labels.labelled, 2.0 * data.labels.outcome - 1.0, 0.0)

    def returns_of(confidence: np.ndarray) -> np.ndarray:
        side = np.nan_to_num(np.sign(confidence - 0.5))
        return np.mean(0.01 * side * came - 0.0005 * np.abs(side), axis=1)

    return Backtest(returns_of, returns_of, 252.0)


class Teacher:
    """Learns one slope for each feature from what came, of the bars that it is given."""

    def __init__(self, data: Material) -> None:
        self.data = data
        self.asked: list[int] = []

    def __call__(self, count: int) -> Taught:
        self.asked.append(count)
        rows, came = self.data.features[WARM_UP:count], self.data.labels.outcome[WARM_UP:count]
        slopes = np.mean(rows * (2.0 * came - 1.0)[:, :, None], axis=(0, 1))
        return taught(slopes.astype(np.float32))


def taught(slopes: np.ndarray) -> Taught:
    """A policy that buys an instrument where its own features, so weighed, are high."""
    head = np.zeros((9, 26), np.float32)
    for action in range(9):
        head[action, :12] = slopes * (action // 3 - 1)
        head[action, 13:25] = slopes * (action % 3 - 1)
    policy = Policy((head,), (np.zeros(9, np.float32),))
    normaliser = Normaliser(np.zeros(24), np.ones(24), clip=5.0)
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((256, 2, 12))
    held = rng.integers(-1, 2, (256, 2)).astype(np.int32)
    logits = policy.logits(observations(rows, held, normaliser))
    return Taught(Actor(policy, normaliser), PolicyParity(rows, held, logits))


def made(data: Material, teacher: Teacher | None = None) -> Candidate:
    craft = Policies(teacher or Teacher(data))
    return judged(craft, data, RULES, ORIGIN, backtest(data), lambda *_: None)


@pytest.fixture(scope="module")
def skilled() -> Candidate:
    return made(material(0.15))


def test_a_policy_with_an_edge_passes_the_gates_that_trees_pass(skilled: Candidate) -> None:
    assert isinstance(skilled.verdict, Pass)
    gates = {item.gate: item.verdict for item in skilled.bundle.passport.evidence}
    assert set(BINDING_GATES) <= set(gates)
    assert isinstance(gates["calibration_skill"], Pass)


def test_a_policy_without_one_is_refused_and_bundled_all_the_same() -> None:
    candidate = made(material(0.0))
    assert not isinstance(candidate.verdict, Pass)
    packed = pack(candidate.bundle)
    assert isinstance(unpack(packed.manifest, packed.blobs), SealedModel)


def test_it_fills_the_slot_of_a_policy(skilled: Candidate) -> None:
    passport = skilled.bundle.passport
    assert (passport.model, passport.family) == ("policy", Family.POLICY)
    assert passport.feature_names == FEATURE_NAMES
    assert passport.trials == 3


def test_it_is_taught_before_each_block_and_once_for_good() -> None:
    data = material(0.1)
    teacher = Teacher(data)
    made(data, teacher)
    splitter = data.split(RULES.splits)
    starts = [int(test[0]) for _, test in splitter.split()]
    assert len(teacher.asked) == len(starts) + 1
    for count, start in zip(teacher.asked, starts, strict=False):
        assert count <= start - GAP
        assert int(data.ends[:count].max()) <= start
    assert teacher.asked[-1] == unbroken(splitter.final_rows())


def test_what_comes_after_the_bars_taught_on_changes_nothing_before() -> None:
    data = material(0.15)
    block = data.split(RULES.splits).blocks()[2]
    came = data.labels.outcome.copy()
    later = data.labels.labelled & (np.arange(N) >= block[0])[:, None]
    came[later] = 1 - came[later]
    other = Material(data.features, replace(data.labels, outcome=came), data.regime)
    one, two = made(data), made(other)
    stop = int(block[-1]) + 1
    np.testing.assert_array_equal(one.oof.margin[:stop], two.oof.margin[:stop])
    np.testing.assert_array_equal(one.oof.confidence[:stop], two.oof.confidence[:stop])
    assert not np.array_equal(one.oof.margin, two.oof.margin, equal_nan=True)


def test_margins_out_of_fold_are_those_of_the_policy_taught_before_the_block() -> None:
    data = material(0.15)
    candidate = made(data)
    splitter = data.split(RULES.splits)
    for train, test in splitter.split():
        actor = Teacher(data)(unbroken(train)).actor
        expected = margins(actor, data.features[test])
        np.testing.assert_array_equal(candidate.oof.margin[test], expected)


def test_the_sealed_body_is_the_last_lesson_with_its_calibration(skilled: Candidate) -> None:
    body = skilled.bundle.body
    assert isinstance(body, PolicyBody)
    data = material(0.15)
    last = Teacher(data)(unbroken(data.split(RULES.splits).final_rows()))
    np.testing.assert_array_equal(body.actor.policy.flat, last.actor.policy.flat)
    bars = data.split(RULES.splits).final_rows()
    expected = calibration_of(data, skilled.oof.margin, bars, RULES.calibration)
    assert body.calibration == expected
    assert isinstance(body.replay(1e-5), Pass)


def test_the_sealed_calibration_leans_as_the_margins_did(skilled: Candidate) -> None:
    body = skilled.bundle.body
    assert isinstance(body, PolicyBody)
    for regime in REGIMES:
        low, high = (apply(body.calibration, margin, regime) for margin in (-0.5, 0.5))
        assert low < 0.45
        assert high > 0.55


def test_a_policy_that_practised_before_is_judged_as_it_is() -> None:
    """It is not taught again before each block, nor once for good."""
    data = material(0.15)
    slopes = np.zeros(len(FEATURE_NAMES), np.float32)
    slopes[SIGNAL] = 0.3
    finished = taught(slopes)
    later = msgspec.structs.replace(RULES, splits=judged_from(700, N, RULES.splits))
    craft = Policies(already(finished))
    made = judged(craft, data, later, ORIGIN, backtest(data), lambda *_: None)
    assert isinstance(made.verdict, Pass)
    assert np.isnan(made.oof.margin[:700]).all()
    expected = margins(finished.actor, data.features[700:])
    np.testing.assert_array_equal(made.oof.margin[700:], expected)
    body = made.bundle.body
    assert isinstance(body, PolicyBody)
    assert (body.actor, body.parity) == (finished.actor, finished.parity)


@pytest.mark.parametrize(
    ("first", "begins"), [(0, 450), (450, 450), (451, 451), (1_499, 1_499)]
)
def test_blocks_begin_no_earlier_than_they_did(first: int, begins: int) -> None:
    splits = judged_from(first, N, RULES.splits)
    assert math.ceil(splits.first_train_frac * N - 1e-9) == begins
    assert splits.n_blocks == RULES.splits.n_blocks


def test_blocks_cannot_begin_where_no_bar_is_left() -> None:
    with pytest.raises(msgspec.ValidationError):
        judged_from(N, N, RULES.splits)


def test_a_policy_that_lies_in_its_vectors_cannot_be_sealed() -> None:
    data = material(0.15)

    def liar(count: int) -> Taught:
        honest = Teacher(data)(count)
        return honest._replace(parity=taught(np.zeros(12, np.float32)).parity)

    body = Policies(liar).body(np.arange(900), toy_calibration())
    assert isinstance(body.replay(1e-5), Refuse)


@pytest.mark.parametrize(
    ("bars", "count"),
    [([0], 1), ([0, 1, 2], 3), ([0, 1, 3], 2), ([0, 2, 3], 1), (list(range(50)), 50)],
)
def test_practice_ends_where_a_bar_is_missing(bars: list[int], count: int) -> None:
    assert unbroken(np.array(bars)) == count


@pytest.mark.parametrize("bars", [[], [1], [1, 2, 3]])
def test_practice_begins_at_the_first_bar(bars: list[int]) -> None:
    with pytest.raises(DataError, match="the first bar is not among"):
        unbroken(np.array(bars, np.int64))
