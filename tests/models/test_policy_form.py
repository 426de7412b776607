"""Two files make a policy; whatever is not exactly such a pair is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import load, save

from stairway.base.verdict import Refuse
from stairway.models import policy_form
from stairway.models.actor import Actor
from stairway.models.policy import MAX_WEIGHT
from stairway.models.policy_form import MAX_BYTES, Written, from_bytes, to_bytes
from stairway.testing.models import toy_actor

ACTOR = toy_actor(3)
WRITTEN = to_bytes(ACTOR)


def refusal(written: Written) -> tuple[str, str]:
    read = from_bytes(written)
    assert isinstance(read, Refuse)
    return read.findings[0].code, read.findings[0].detail


def with_tensors(change: dict[str, Any]) -> Written:
    """The file with some tensors changed; ``None`` leaves one out."""
    named = load(WRITTEN.tensors) | change
    return WRITTEN._replace(tensors=save({k: v for k, v in named.items() if v is not None}))


def with_architecture(**change: Any) -> Written:
    told = json.loads(WRITTEN.architecture) | change
    return WRITTEN._replace(architecture=msgspec.json.encode(told, order="sorted"))


def tampered(name: str, value: float) -> Written:
    array = load(WRITTEN.tensors)[name].copy()
    array.flat[array.size // 2] = value
    return with_tensors({name: array})


# -- there and back --------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 40), max_size=3).map(tuple))
def test_it_reads_back_to_the_bit(seed: int, hidden: tuple[int, ...]) -> None:
    actor = toy_actor(seed, hidden)
    read = from_bytes(to_bytes(actor))
    assert isinstance(read, Actor)
    assert read.policy.hidden == hidden
    np.testing.assert_array_equal(read.policy.flat, actor.policy.flat)
    assert read.normaliser.fingerprint == actor.normaliser.fingerprint
    assert to_bytes(read) == to_bytes(actor)


def test_equal_policies_give_equal_bytes_and_others_do_not() -> None:
    assert to_bytes(toy_actor(3)) == WRITTEN
    assert to_bytes(toy_actor(4)).tensors != WRITTEN.tensors
    assert to_bytes(toy_actor(4)).architecture != WRITTEN.architecture


def test_the_numbers_are_plain_safetensors_under_plain_names() -> None:
    named = load(WRITTEN.tensors)
    assert sorted(named) == [
        "action.bias",
        "action.weight",
        "hidden.0.bias",
        "hidden.0.weight",
        "hidden.1.bias",
        "hidden.1.weight",
    ]
    assert {str(array.dtype) for array in named.values()} == {"float32"}
    np.testing.assert_array_equal(named["hidden.1.weight"], ACTOR.policy.weights[1])


def test_the_architecture_can_be_read_by_anybody() -> None:
    told = json.loads(WRITTEN.architecture)
    assert told["hidden"] == [16, 16]
    assert (told["form"], told["activation"]) == ("mlp", "tanh")
    assert (told["observation"], told["actions"]) == (26, 9)
    assert len(told["normaliser"]["mean"]) == 24


# -- numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["hidden.0.weight", "hidden.1.bias", "action.weight"])
def test_a_tampered_tensor_that_is_not_finite_is_refused(name: str, bad: float) -> None:
    code, detail = refusal(tampered(name, bad))
    assert code == "policy.finite"
    assert name in detail


def test_too_large_a_weight_is_refused() -> None:
    code, detail = refusal(tampered("hidden.0.weight", -1.5 * MAX_WEIGHT))
    assert code == "policy.weight"
    assert "150" in detail


def test_a_renamed_tensor_is_refused() -> None:
    first = load(WRITTEN.tensors)["hidden.0.weight"]
    code, detail = refusal(
        with_tensors({"hidden.0.weight": None, "mlp_extractor.policy_net.0.weight": first})
    )
    assert code == "tensors.names"
    assert "mlp_extractor.policy_net.0.weight" in detail


def test_a_tensor_too_many_or_too_few_is_refused() -> None:
    for change in ({"value.bias": np.zeros(1, np.float32)}, {"action.bias": None}):
        assert refusal(with_tensors(change))[0] == "tensors.names"


@pytest.mark.parametrize("name", ["hidden.0.weight", "action.bias"])
def test_float64_tensors_are_refused(name: str) -> None:
    wide = load(WRITTEN.tensors)[name].astype(np.float64)
    code, detail = refusal(with_tensors({name: wide}))
    assert code == "tensors.layout"
    assert name in detail
    assert "F32" in detail


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("hidden.0.weight", (16, 25)),
        ("hidden.0.weight", (25, 16)),
        ("hidden.1.weight", (16, 17)),
        ("action.weight", (8, 16)),
        ("action.weight", (10, 16)),
        ("action.bias", (8,)),
        ("hidden.1.bias", (17,)),
    ],
)
def test_a_tensor_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    assert refusal(with_tensors({name: np.zeros(shape, np.float32)}))[0] == "policy.shape"


def test_a_matrix_in_place_of_a_vector_is_refused() -> None:
    code, _ = refusal(with_tensors({"action.bias": np.zeros((9, 1), np.float32)}))
    assert code == "tensors.layout"


def test_a_transposed_square_layer_is_found_by_the_parity_rows_only() -> None:
    # Its structure is sound, and so is every number: no validator could tell.
    square = load(WRITTEN.tensors)["hidden.1.weight"].T
    read = from_bytes(with_tensors({"hidden.1.weight": np.ascontiguousarray(square)}))
    assert isinstance(read, Actor)


# -- architecture ----------------------------------------------------------------------


def test_the_numbers_of_another_architecture_are_refused() -> None:
    for hidden in ((16,), (16, 16, 16), (32, 16), (16, 17), ()):
        other = to_bytes(toy_actor(3, hidden))
        mixed = (
            Written(other.tensors, WRITTEN.architecture),
            Written(WRITTEN.tensors, other.architecture),
        )
        for written in mixed:
            assert refusal(written)[0] in {
                "tensors.names",
                "policy.architecture",
                "policy.shape",
            }


@pytest.mark.parametrize(
    "change",
    [
        {"form": "lstm"},
        {"activation": "relu"},
        {"observation": 27},
        {"actions": 3},
        {"hidden": [16, 0]},
        {"hidden": [16, 5000]},
        {"hidden": [16] * 9},
        {"hidden": ["16", "16"]},
        {"hidden": None},
        {"normaliser": None},
        {"squash": True},
    ],
)
def test_what_no_policy_is_is_refused(change: dict[str, Any]) -> None:
    assert refusal(with_architecture(**change))[0] == "policy.architecture"


def test_another_writing_of_the_same_is_refused() -> None:
    spaced = json.dumps(json.loads(WRITTEN.architecture)).encode()
    code, detail = refusal(WRITTEN._replace(architecture=spaced))
    assert code == "policy.architecture"
    assert "canonical" in detail


def test_an_unsound_normaliser_is_refused() -> None:
    form = json.loads(WRITTEN.architecture)["normaliser"]
    negative = form | {"deviation": [-1.0, *form["deviation"][1:]]}
    assert refusal(with_architecture(normaliser=negative))[0] == "normaliser.deviation"
    short = form | {"mean": form["mean"][:12]}
    assert refusal(with_architecture(normaliser=short))[0] == "normaliser.shape"
    loose = form | {"clip": 1e6}
    assert refusal(with_architecture(normaliser=loose))[0] == "policy.architecture"


# -- bytes -----------------------------------------------------------------------------


@given(st.binary(max_size=200), st.sampled_from(Written._fields))
def test_no_bytes_raise(junk: bytes, field: str) -> None:
    assert isinstance(from_bytes(WRITTEN._replace(**{field: junk})), Refuse)


@settings(max_examples=60)
@given(st.data())
def test_no_changed_byte_raises_and_what_is_read_is_sound(data: st.DataObject) -> None:
    for field in Written._fields:
        content = bytearray(getattr(WRITTEN, field))
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        read = from_bytes(WRITTEN._replace(**{field: bytes(content)}))
        if isinstance(read, Actor):
            assert np.abs(read.policy.flat).max() <= MAX_WEIGHT


@pytest.mark.parametrize("field", Written._fields)
def test_every_truncation_is_refused(field: str) -> None:
    content: bytes = getattr(WRITTEN, field)
    for stop in range(0, len(content), 97):
        assert isinstance(from_bytes(WRITTEN._replace(**{field: content[:stop]})), Refuse)


def test_a_file_that_is_too_large_is_not_even_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MAX_BYTES == 64 * 2**20
    monkeypatch.setattr(policy_form, "MAX_BYTES", len(WRITTEN.tensors) - 1)
    code, detail = refusal(WRITTEN)
    assert code == "policy.size"
    assert "tensors" in detail


def test_replaced_normaliser_means_another_file() -> None:
    other = ACTOR._replace(normaliser=replace(ACTOR.normaliser, clip=4.0))
    assert to_bytes(other).tensors == WRITTEN.tensors
    assert to_bytes(other).architecture != WRITTEN.architecture
