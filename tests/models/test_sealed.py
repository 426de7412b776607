"""A bundle packs into bytes that unpack into the same model, or into a refusal."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stairway.base.errors import DataError, InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, passed
from stairway.features.spec import FEATURE_NAMES
from stairway.models import calibration as calibrations
from stairway.models import forest as forests
from stairway.models import parity as parities
from stairway.models.forest import stump
from stairway.models.parity import Parity
from stairway.models.sealed import (
    PARITY_TOLERANCE,
    SCHEMA_VERSION,
    Bundle,
    Family,
    Form,
    GateEvidence,
    Manifest,
    SealedModel,
    canonical,
    is_digest,
    is_name,
    pack,
    read_manifest,
    unpack,
    version_label,
)
from stairway.testing.models import toy_bundle, toy_passport

PACKED = pack(toy_bundle())


def manifest() -> Manifest:
    read = read_manifest(PACKED.manifest)
    assert isinstance(read, Manifest)
    return read


def code(answer: SealedModel | Manifest | Refuse) -> str:
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def with_blob(form: Form, content: bytes) -> tuple[bytes, dict[Form, bytes]]:
    """Return a manifest that agrees with a replaced blob, as a careless signer would."""
    blobs = {**PACKED.blobs, form: content}
    told = tuple(
        msgspec.structs.replace(
            blob,
            size=len(blobs[blob.form]),
            sha256=hashlib.sha256(blobs[blob.form]).hexdigest(),
        )
        for blob in manifest().blobs
    )
    return canonical(msgspec.structs.replace(manifest(), blobs=told)), blobs


# --- the road there and back


def test_what_was_packed_unpacks_to_the_same_model() -> None:
    bundle = toy_bundle()
    opened = unpack(PACKED.manifest, PACKED.blobs)
    assert isinstance(opened, SealedModel)
    assert opened.digest == PACKED.digest
    assert opened.manifest.passport == bundle.passport
    assert opened.calibration == bundle.calibration
    rows = np.random.default_rng(0).standard_normal((100, len(FEATURE_NAMES)))
    np.testing.assert_array_equal(opened.forest.margins(rows), bundle.forest.margins(rows))


def test_the_digest_is_the_hash_of_the_manifest() -> None:
    assert hashlib.sha256(PACKED.manifest).hexdigest() == PACKED.digest


def test_the_same_bundle_always_has_the_same_digest() -> None:
    assert pack(toy_bundle()).digest == PACKED.digest
    assert pack(toy_bundle()).blobs == PACKED.blobs


@pytest.mark.parametrize(
    "other",
    [
        {"model": "xgboost"},
        {"schema_hash": "6" * 64},
        {"data_fingerprint": "e" * 64},
        {"code_fingerprint": "e" * 64},
        {"trials": 2},
        {"parent": "b" * 64},
        {"metrics": {"brier": 0.2500001}},
        {"evidence": ()},
        {"libraries": {"numpy": "0"}},
        {"last_data_ns": UtcNs(0)},
        {"family": Family.XGBOOST},
    ],
)
def test_anything_told_about_a_model_is_part_of_its_identity(other: dict[str, object]) -> None:
    passport = msgspec.structs.replace(toy_passport(), **other)
    assert pack(toy_bundle(passport=passport)).digest != PACKED.digest


def test_the_order_of_metrics_is_not_part_of_it() -> None:
    one, two = (
        msgspec.structs.replace(toy_passport(), metrics=metrics)
        for metrics in ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    )
    assert pack(toy_bundle(passport=one)).digest == pack(toy_bundle(passport=two)).digest


def test_every_verdict_is_kept_refusals_too() -> None:
    finding = Finding("skill", "too little", 0.1, 0.2, 40)
    evidence = (
        GateEvidence("causality", passed("causality.clean", "nothing moved")),
        GateEvidence("calibration_skill", Refuse((finding,))),
        GateEvidence("after_cost_sharpe", Inconclusive((finding,))),
    )
    packed = pack(
        toy_bundle(passport=msgspec.structs.replace(toy_passport(), evidence=evidence))
    )
    opened = unpack(packed.manifest, packed.blobs)
    assert isinstance(opened, SealedModel)
    assert opened.manifest.passport.evidence == evidence


def test_what_could_not_be_measured_reads_back_as_not_measured() -> None:
    nan = GateEvidence("skill", Refuse((Finding("skill", "nothing to measure", math.nan),)))
    packed = pack(toy_bundle(passport=msgspec.structs.replace(toy_passport(), evidence=(nan,))))
    opened = unpack(packed.manifest, packed.blobs)
    assert isinstance(opened, SealedModel)
    assert opened.manifest.passport.evidence[0].verdict.findings[0].value is None


# --- what cannot be sealed


@pytest.mark.parametrize("name", ["", "../x", "Light", "a b", "a..b", "-a", "x" * 65, "a\n"])
def test_a_model_needs_a_name_that_cannot_be_a_path(name: str) -> None:
    with pytest.raises(DataError, match="model name"):
        pack(toy_bundle(passport=toy_passport(model=name)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_that_is_no_number_cannot_be_sealed(value: float) -> None:
    passport = msgspec.structs.replace(toy_passport(), metrics={"brier": value})
    with pytest.raises(DataError, match="finite metrics"):
        pack(toy_bundle(passport=passport))


def test_a_model_that_was_never_tried_cannot_be_sealed() -> None:
    with pytest.raises(DataError, match="trials"):
        pack(toy_bundle(passport=msgspec.structs.replace(toy_passport(), trials=0)))


def test_a_bundle_that_would_be_refused_later_is_not_sealed_now() -> None:
    good = toy_bundle()
    short = Parity(good.parity.rows[1:], good.parity.margins[1:])
    wrong_rows = Parity(good.parity.rows, good.parity.margins + 1.0)
    stranger = stump(feature=99, threshold=0.0, below=-1.0, above=1.0)
    for bad, reason in (
        (replace(good, parity=short), "parity.too_few"),
        (replace(good, parity=wrong_rows), "artifact.parity"),
        (replace(good, forest=stranger), "forest.feature"),
    ):
        with pytest.raises(InvariantError, match=reason):
            pack(bad)


# --- bytes that are not what the manifest says


@pytest.mark.parametrize("form", list(Form))
def test_a_changed_cut_or_missing_blob_is_refused(form: Form) -> None:
    blob = PACKED.blobs[form]
    flipped = bytes([blob[0] ^ 1]) + blob[1:]
    rest = {other: content for other, content in PACKED.blobs.items() if other is not form}
    assert code(unpack(PACKED.manifest, {**PACKED.blobs, form: flipped})) == "artifact.hash"
    assert code(unpack(PACKED.manifest, {**PACKED.blobs, form: blob[:-1]})) == "artifact.size"
    assert code(unpack(PACKED.manifest, rest)) == "artifact.size"


def test_blobs_of_another_model_are_refused() -> None:
    other = pack(toy_bundle(seed=8)).blobs
    mixed = {**PACKED.blobs, Form.FOREST: other[Form.FOREST]}
    assert code(unpack(PACKED.manifest, mixed)) == "artifact.hash"


@pytest.mark.parametrize(
    ("form", "content", "expected"),
    [
        (Form.FOREST, forests.to_bytes(stump(99, 0.0, 1.0, 2.0)), "forest.feature"),
        (Form.FOREST, b"no tensors here", "tensors.header"),
        (Form.CALIBRATION, b"{}", "calibration.unreadable"),
        (Form.PARITY, b"", "tensors.header"),
    ],
)
def test_a_signed_blob_is_still_validated(form: Form, content: bytes, expected: str) -> None:
    assert code(unpack(*with_blob(form, content))) == expected


def test_a_signed_forest_that_answers_differently_is_refused() -> None:
    other = forests.to_bytes(toy_bundle(seed=8).forest)
    assert code(unpack(*with_blob(Form.FOREST, other))) == "artifact.parity"


@pytest.mark.parametrize("form", list(Form))
def test_a_blob_that_was_damaged_before_it_was_signed_is_refused_or_harmless(
    form: Form,
) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        content = bytearray(PACKED.blobs[form])
        for at in rng.integers(0, len(content), rng.integers(1, 4)):
            content[at] = rng.integers(256)
        opened = unpack(*with_blob(form, bytes(content)))
        refused += isinstance(opened, Refuse)
        if isinstance(opened, SealedModel):
            answer = opened.forest.margin(np.zeros(len(FEATURE_NAMES)))
            assert math.isfinite(answer)
    assert refused > 20


def test_a_margin_off_by_less_than_the_tolerance_passes_for_xgboost_only() -> None:
    good = toy_bundle()
    nearly = Parity(good.parity.rows, good.parity.margins + 5e-6)
    assert PARITY_TOLERANCE == {Family.LIGHTGBM: 0.0, Family.XGBOOST: 1e-5}
    xgboost = msgspec.structs.replace(toy_passport(), family=Family.XGBOOST)
    opened = unpack_of(replace(good, parity=nearly, passport=xgboost))
    assert isinstance(opened, SealedModel)
    with pytest.raises(InvariantError, match=r"artifact\.parity"):
        pack(replace(good, parity=nearly))


def unpack_of(bundle: Bundle) -> SealedModel | Refuse:
    packed = pack(bundle)
    return unpack(packed.manifest, packed.blobs)


# --- manifests


def edited(**fields: object) -> bytes:
    raw = msgspec.json.decode(PACKED.manifest)
    return msgspec.json.encode({**raw, **fields}, order="sorted")


def test_a_manifest_of_another_version_says_what_to_do() -> None:
    answer = read_manifest(edited(schema_version=SCHEMA_VERSION + 1))
    assert code(answer) == "artifact.version"
    assert isinstance(answer, Refuse)
    assert "train the model again" in answer.findings[0].detail


def test_another_version_is_named_even_when_its_fields_are_unknown() -> None:
    assert code(read_manifest(b'{"schema_version": 9, "shape": "new"}')) == "artifact.version"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"{" * 50_000,
        edited(extra=1),
        edited(version=3),
        edited(passport={}),
        PACKED.manifest.replace(b'"lightgbm"', b'"catboost"'),
        PACKED.manifest.replace(b'"trials":1', b'"trials":0'),
        PACKED.manifest + b" ",
        b" " + PACKED.manifest,
        PACKED.manifest.replace(b'"trials":1', b'"trials":1,"trials":1'),
        PACKED.manifest.replace(b'"trials":1', b'"trials":1.0'),
    ],
)
def test_a_manifest_that_is_not_the_canonical_writing_of_one_is_refused(
    content: bytes,
) -> None:
    assert code(read_manifest(content)) == "artifact.manifest"


def test_blobs_are_exactly_those_on_the_list() -> None:
    told = manifest().blobs
    twice = canonical(msgspec.structs.replace(manifest(), blobs=(*told, told[0])))
    fewer = canonical(msgspec.structs.replace(manifest(), blobs=told[:-1]))
    assert code(read_manifest(twice)) == "artifact.blobs"
    assert code(read_manifest(fewer)) == "artifact.blobs"


def test_a_form_that_is_not_on_the_list_cannot_be_named() -> None:
    pickled = PACKED.manifest.replace(b"calibration.json", b"model.pickle")
    assert code(read_manifest(pickled)) == "artifact.manifest"


@settings(max_examples=200)
@given(st.data())
def test_one_changed_byte_of_a_manifest_never_raises(data: st.DataObject) -> None:
    content = bytearray(PACKED.manifest)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    opened = unpack(bytes(content), PACKED.blobs)
    assert isinstance(opened, Refuse) or opened.digest != PACKED.digest


# --- names


@given(st.text(max_size=80))
def test_a_name_never_leads_anywhere(text: str) -> None:
    if is_name(text):
        assert text.isascii()
        assert not set(text) & set("/\\\0\n%~: ")
        assert ".." not in text
        assert 1 <= len(text) <= 64


@pytest.mark.parametrize("name", ["lightgbm", "a", "0", "xg-boost_2.1", "a" * 64])
def test_ordinary_names_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 63,
        "a" * 65,
        "A" * 64,
        "g" * 64,
        "a" * 63 + "\n",
        "a" * 64 + "\n",
        "\u0661" * 64,
    ],
)
def test_what_is_no_digest(text: str) -> None:
    assert not is_digest(text)


def test_a_version_is_named_after_the_last_instant_of_the_data() -> None:
    assert version_label(UtcNs(0)) == "v19700101_000000"
    assert version_label(UtcNs(1_514_851_199_999_999_999)) == "v20180101_235959"


def test_the_blobs_are_written_by_the_modules_that_read_them() -> None:
    bundle = toy_bundle()
    assert PACKED.blobs == {
        Form.FOREST: forests.to_bytes(bundle.forest),
        Form.CALIBRATION: calibrations.to_bytes(bundle.calibration),
        Form.PARITY: parities.to_bytes(bundle.parity),
    }


def test_a_pass_is_what_the_toy_model_carries() -> None:
    assert isinstance(toy_passport().evidence[0].verdict, Pass)
