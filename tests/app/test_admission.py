"""Nothing in the folder of a training run is believed that can be computed again."""

from __future__ import annotations

import io
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.app.accepted import Accepted, first_judged, opened
from stairway.app.admission import TRAINING_GATE, endorsed, later, verified
from stairway.app.settings import load, plain
from stairway.base.errors import DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, passed
from stairway.evaluation.proof import account_of
from stairway.evaluation.skill import Forecasts
from stairway.models.actor import Actor
from stairway.models.bodies.policy import replayed
from stairway.models.normaliser import Normaliser
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import Policy
from stairway.models.policy_form import to_bytes
from stairway.models.sealed import Bundle
from stairway.testing import planted
from stairway.testing.models import toy_policy, toy_policy_body
from stairway.training.candidate import Candidate, CandidateRules
from stairway.training.material import observe
from stairway.training.oof import OutOfFold
from stairway.training.origin import Origin
from stairway.training.policy_craft import Taught
from stairway.training.trainer_rules import TrainerRules, rules_of

SETTINGS = load("intraday", planted.SETTINGS)
PIPELINE = rules_of(plain(SETTINGS))
OBSERVED = observe(planted.planted().part(0, 7_020), PIPELINE)
HOW = CandidateRules(
    splits=SETTINGS.splits,
    calibration=SETTINGS.calibration,
    evidence=SETTINGS.evidence,
    boosting=SETTINGS.boosting,
)
ORIGIN = Origin(
    causality=passed("causality.clean", "nothing moved"),
    battery=passed("leak.purge", "kept apart"),
    last_data_ns=UtcNs(5),
    schema_hash="s",
    data_fingerprint="d",
    code_fingerprint="c",
    libraries={},
    trials=3,
    seed=7,
)


@pytest.fixture
def copy(accepted_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(accepted_run, tmp_path / "copy")
    return tmp_path / "copy"


def check(policy: Accepted, pipeline: TrainerRules = PIPELINE) -> Taught:
    return verified(policy, OBSERVED, pipeline, seed=7)


# -- what it must be -------------------------------------------------------------------


def test_the_policy_that_was_accepted_is_handed_over_to_the_bit(accepted_run: Path) -> None:
    policy = opened(accepted_run)
    assert to_bytes(check(policy).actor) == policy.written


def test_the_training_library_says_what_it_answers_on_256_rows(accepted_run: Path) -> None:
    taught = check(opened(accepted_run))
    assert len(taught.parity.logits) == MIN_ROWS == 256
    assert isinstance(replayed(taught.actor, taught.parity, 1e-5), Pass)
    whole = OBSERVED.features[np.isfinite(OBSERVED.features).all(axis=(1, 2))]
    known = {row.tobytes() for row in whole}
    assert all(row.tobytes() in known for row in taught.parity.rows)


def rewritten(copy: Path, actor: Actor) -> Accepted:
    """A sound policy, not the one that was accepted, as if the folder had held it."""
    return replace(opened(copy), written=to_bytes(actor), actor=actor)


def test_another_policy_in_its_place_is_refused(copy: Path) -> None:
    actor = opened(copy).actor
    weights = [weight.copy() for weight in actor.policy.weights]
    weights[0][0, 0] = np.nextafter(weights[0][0, 0], np.float32(math.inf))
    other = Policy(tuple(weights), actor.policy.biases)
    with pytest.raises(DataError, match="does not hold the policy that was accepted"):
        check(rewritten(copy, Actor(other, actor.normaliser)))


def test_another_normaliser_in_its_place_is_refused(copy: Path) -> None:
    actor = opened(copy).actor
    was = actor.normaliser
    other = Normaliser(was.mean, was.deviation * 1.01, was.clip)
    with pytest.raises(DataError, match="bars, split and normaliser are not those"):
        check(rewritten(copy, Actor(actor.policy, other)))


def test_features_that_are_computed_otherwise_are_found_out(accepted_run: Path) -> None:
    features = msgspec.structs.replace(PIPELINE.features, rsi_bars=15)
    other = msgspec.structs.replace(PIPELINE, features=features)
    with pytest.raises(DataError, match="its features are computed otherwise"):
        check(opened(accepted_run), other)


def test_other_bars_in_the_folder_are_found_out(copy: Path) -> None:
    with np.load(io.BytesIO((copy / "bars.npz").read_bytes())) as held:
        arrays: dict[str, Any] = dict(held)
    arrays["volume"] = arrays["volume"] + 1.0
    raw = io.BytesIO()
    np.savez(raw, **arrays)
    (copy / "bars.npz").write_bytes(raw.getvalue())
    with pytest.raises(DataError, match=r"bars\.npz does not hold"):
        check(opened(copy))


def test_a_span_that_ends_elsewhere_than_it_says_is_found_out(accepted_run: Path) -> None:
    """An earlier end of validation would let the policy be judged on bars it was chosen on."""
    policy = opened(accepted_run)
    for change in ({"last_ns": policy.seen_ns - 60}, {"bars": 5}):
        spans = tuple(
            msgspec.structs.replace(span, **change) if span.name == "validation" else span
            for span in policy.result.spans
        )
        lying = replace(policy, result=msgspec.structs.replace(policy.result, spans=spans))
        with pytest.raises(DataError, match="bars, split and normaliser are not those"):
            check(lying)


def test_parameters_that_are_not_those_of_the_result_are_found_out(accepted_run: Path) -> None:
    policy = opened(accepted_run)
    other = msgspec.structs.replace(policy.result, policy_digest="0" * 64)
    with pytest.raises(DataError, match="does not hold the parameters that were accepted"):
        check(replace(policy, result=other))


def test_a_checkpoint_that_is_gone_or_damaged_is_refused(copy: Path) -> None:
    policy = opened(copy)
    newest = max((copy / "cycles").glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut off"):
        check(policy)
    shutil.rmtree(copy / "cycles")
    with pytest.raises(DataError, match="checkpoint is gone"):
        check(policy)


# -- how it is judged ------------------------------------------------------------------


def test_it_is_judged_from_the_first_bar_that_it_may_be(accepted_run: Path) -> None:
    policy, bars = opened(accepted_run), OBSERVED.bars
    rules = later(HOW, policy, bars)
    first = math.ceil(len(bars) * rules.splits.first_train_frac - 1e-9)
    assert first == first_judged(policy, bars.time_ns, HOW.splits, 1)
    assert bars.time_ns[first] > policy.seen_ns
    assert msgspec.structs.replace(rules, splits=HOW.splits) == HOW
    assert rules.splits.n_blocks == HOW.splits.n_blocks


def test_each_seed_of_each_cycle_counts_as_a_try(accepted_run: Path) -> None:
    policy = opened(accepted_run)
    assert len(policy.result.cycles) == 2
    assert policy.tries == 1 * 2


def test_its_passport_says_which_training_accepted_it(accepted_run: Path) -> None:
    policy, nothing = opened(accepted_run), np.zeros((1, 2))
    bundle = Bundle(toy_policy("s"), toy_policy_body(3))
    oof = OutOfFold(nothing, nothing, 0)
    none, regime = np.zeros((1, 2), np.int64), np.full(1, "range")
    said = Forecasts(nothing, none, none, none, regime)
    account = account_of(nothing[:, 0], 252.0, 0.95)
    made = Candidate(bundle, passed("x", "y"), oof, nothing[:, 0], {}, said, account)
    passport = endorsed(made, policy).bundle.passport
    (mine,) = (e for e in passport.evidence if e.gate == TRAINING_GATE)
    assert isinstance(mine.verdict, Pass)
    assert policy.run.sha256[:16] in mine.verdict.findings[0].detail
    assert mine.verdict.findings[1:] == policy.cycle.gate.findings
    assert passport.evidence[:-1] == bundle.passport.evidence
