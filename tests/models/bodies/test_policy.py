"""A sealed policy is opened only if it still says what its trainer said."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load, save

from stairway.base.verdict import Pass, Refuse
from stairway.models.bodies.policy import (
    PolicyBody,
    PolicyParity,
    from_blobs,
    parity_from_bytes,
    parity_to_bytes,
)
from stairway.models.families import KINDS
from stairway.models.manifest import Family, Form
from stairway.models.sealed import Bundle, SealedModel, pack, unpack
from stairway.testing.models import toy_actor, toy_policy, toy_policy_body

BODY = toy_policy_body(3)
PASSPORT = toy_policy()
TOLERANCE = KINDS[Family.POLICY].tolerance
PARITY = parity_to_bytes(BODY.parity)


def code(body: PolicyBody) -> str:
    verdict = body.replay(TOLERANCE)
    assert isinstance(verdict, Refuse)
    return verdict.findings[0].code


def parity_code(change: dict[str, Any]) -> str:
    read = parity_from_bytes(save(load(PARITY) | change))
    assert isinstance(read, Refuse)
    return read.findings[0].code


def resealed(blobs: dict[Form, bytes]) -> SealedModel | Refuse:
    """Open altered blobs under a manifest that was made for them."""
    packed = pack(Bundle(PASSPORT, BODY))
    manifest = json.loads(packed.manifest)
    from stairway.base.hashing import digest  # noqa: PLC0415 - a forger's tool, for here alone

    for blob in manifest["blobs"]:
        content = blobs[Form(blob["form"])]
        blob["size"], blob["sha256"] = len(content), digest(content)
    return unpack(msgspec.json.encode(manifest, order="sorted"), blobs)


def test_what_is_sealed_is_opened_and_equal() -> None:
    packed = pack(Bundle(PASSPORT, BODY))
    opened = unpack(packed.manifest, packed.blobs)
    assert isinstance(opened, SealedModel)
    assert isinstance(opened.body, PolicyBody)
    assert opened.body.blobs() == BODY.blobs()
    assert set(packed.blobs) == set(KINDS[Family.POLICY].forms)


def test_its_tolerance_is_that_of_the_specification() -> None:
    assert TOLERANCE == 1e-5


def test_equal_bodies_give_equal_bytes() -> None:
    assert toy_policy_body(3).blobs() == BODY.blobs()
    assert toy_policy_body(4).blobs() != BODY.blobs()


def test_a_replay_passes_within_the_tolerance_only() -> None:
    assert isinstance(BODY.replay(TOLERANCE), Pass)
    for delta, passes in ((0.5e-5, True), (3e-5, False)):
        logits = BODY.parity.logits.copy()
        logits[200, 4] += np.float32(delta)
        moved = replace(BODY, parity=replace(BODY.parity, logits=logits))
        assert isinstance(moved.replay(TOLERANCE), Pass) == passes


def test_a_replay_with_nan_is_refused() -> None:
    logits = BODY.parity.logits.copy()
    logits[0, 0] = np.nan
    assert code(replace(BODY, parity=replace(BODY.parity, logits=logits))) == "artifact.parity"


def test_too_few_vectors_prove_nothing() -> None:
    parity = BODY.parity
    few = PolicyParity(parity.rows[:255], parity.positions[:255], parity.logits[:255])
    assert code(replace(BODY, parity=few)) == "artifact.parity"
    read = parity_from_bytes(parity_to_bytes(few))
    assert isinstance(read, Refuse)
    assert read.findings[0].code == "parity.too_few"


@pytest.mark.parametrize("change", ["policy", "normaliser"])
def test_another_policy_or_normaliser_under_the_same_vectors_is_refused(change: str) -> None:
    other = toy_actor(4)
    actor = BODY.actor._replace(**{change: getattr(other, change)})
    assert code(replace(BODY, actor=actor)) == "artifact.parity"


def test_a_transposed_layer_is_found_when_the_model_is_opened() -> None:
    blobs = BODY.blobs()
    named = load(blobs[Form.POLICY])
    named["hidden.1.weight"] = np.ascontiguousarray(named["hidden.1.weight"].T)
    opened = resealed(blobs | {Form.POLICY: save(named)})
    assert isinstance(opened, Refuse)
    assert opened.findings[0].code == "artifact.parity"


def test_exchanged_instruments_are_found_when_the_model_is_opened() -> None:
    blobs = BODY.blobs()
    vectors = load(blobs[Form.PARITY])
    vectors["rows"] = np.ascontiguousarray(vectors["rows"][:, ::-1])
    opened = resealed(blobs | {Form.PARITY: save(vectors)})
    assert isinstance(opened, Refuse)
    assert opened.findings[0].code == "artifact.parity"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rows": np.zeros((256, 2, 11))}, "parity.shape"),
        ({"rows": np.zeros((255, 2, 12))}, "parity.shape"),
        ({"positions": np.zeros((256, 3), np.int32)}, "parity.shape"),
        ({"logits": np.zeros((256, 8), np.float32)}, "parity.shape"),
        ({"rows": np.full((256, 2, 12), np.nan)}, "parity.finite"),
        ({"logits": np.full((256, 9), np.inf, np.float32)}, "parity.finite"),
        ({"positions": np.full((256, 2), 2, np.int32)}, "parity.position"),
        ({"positions": np.zeros((256, 2))}, "tensors.layout"),
        ({"more": np.zeros(1)}, "tensors.names"),
    ],
)
def test_vectors_that_are_not_sound_are_refused(change: dict[str, Any], expected: str) -> None:
    assert parity_code(change) == expected


def test_a_policy_that_reads_other_features_is_refused() -> None:
    odd = msgspec.structs.replace(
        PASSPORT, feature_names=tuple(reversed(PASSPORT.feature_names))
    )
    read = from_blobs(BODY.blobs(), odd)
    assert isinstance(read, Refuse)
    assert read.findings[0].code == "policy.features"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (Form.POLICY, "tensors.header"),
        (Form.ARCHITECTURE, "policy.architecture"),
        (Form.CALIBRATION, "calibration.unreadable"),
        (Form.PARITY, "tensors.header"),
    ],
)
def test_each_blob_is_looked_into(form: Form, expected: str) -> None:
    read = from_blobs(BODY.blobs() | {form: b"\x00"}, PASSPORT)
    assert isinstance(read, Refuse)
    assert read.findings[0].code == expected
