"""A bundle packs into bytes that unpack into the same model, or into a refusal."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stairway.base.errors import DataError, InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, Verdict, passed
from stairway.features.spec import FEATURE_NAMES
from stairway.models import forest as forests
from stairway.models.baseline import BaselineRules
from stairway.models.bodies import rule as rules
from stairway.models.families import KINDS
from stairway.models.forest import stump
from stairway.models.manifest import (
    SCHEMA_VERSION,
    Family,
    Form,
    GateEvidence,
    Manifest,
    Passport,
    canonical,
)
from stairway.models.parity import Parity
from stairway.models.sealed import Bundle, Packed, SealedModel, pack, read_manifest, unpack
from stairway.testing.models import toy_bundle, toy_passport, toy_rule, toy_rule_body
from stairway.training.rule import rule_body

FOREST, RULE = pack(toy_bundle()), pack(toy_bundle(passport=toy_rule()))
SEALED = {"forest": FOREST, "rule": RULE}
EVERY_BLOB = [(name, form) for name, packed in SEALED.items() for form in packed.blobs]


def manifest(packed: Packed = FOREST) -> Manifest:
    read = read_manifest(packed.manifest)
    assert isinstance(read, Manifest)
    return read


def code(answer: SealedModel | Manifest | Refuse) -> str:
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def with_blob(packed: Packed, form: Form, content: bytes) -> tuple[bytes, dict[Form, bytes]]:
    """Return a manifest that agrees with a replaced blob, as a careless signer would."""
    blobs = {**packed.blobs, form: content}
    told = tuple(
        msgspec.structs.replace(
            blob,
            size=len(blobs[blob.form]),
            sha256=hashlib.sha256(blobs[blob.form]).hexdigest(),
        )
        for blob in manifest(packed).blobs
    )
    return canonical(msgspec.structs.replace(manifest(packed), blobs=told)), blobs


def opened(bundle: Bundle) -> SealedModel:
    packed = pack(bundle)
    found = unpack(packed.manifest, packed.blobs)
    assert isinstance(found, SealedModel)
    return found


def passport(**fields: object) -> Passport:
    return msgspec.structs.replace(toy_passport(), **fields)


# --- the road there and back


def test_what_was_packed_unpacks_to_the_same_trees() -> None:
    bundle = toy_bundle()
    found = opened(bundle)
    assert found.digest == FOREST.digest
    assert found.manifest.passport == bundle.passport
    assert found.body.calibration == bundle.body.calibration
    rows = np.random.default_rng(0).standard_normal((100, len(FEATURE_NAMES)))
    np.testing.assert_array_equal(
        found.body.forest.margins(rows), bundle.body.forest.margins(rows)
    )


def test_what_was_packed_unpacks_to_the_same_rule() -> None:
    found = opened(toy_bundle(passport=toy_rule()))
    assert found.digest == RULE.digest
    assert found.manifest.passport == toy_rule()
    assert found.body.rules == BaselineRules(max_edge=0.1, scale_sigmas=2.0)


@pytest.mark.parametrize("name", SEALED)
def test_the_digest_is_the_hash_of_the_manifest(name: str) -> None:
    assert hashlib.sha256(SEALED[name].manifest).hexdigest() == SEALED[name].digest


def test_the_same_bundle_always_has_the_same_digest() -> None:
    for packed, passport in ((FOREST, toy_passport()), (RULE, toy_rule())):
        assert pack(toy_bundle(passport=passport)).digest == packed.digest
        assert pack(toy_bundle(passport=passport)).blobs == packed.blobs


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
    assert pack(toy_bundle(passport=passport(**other))).digest != FOREST.digest


@pytest.mark.parametrize("fields", [{"max_edge": 0.11}, {"scale_sigmas": 2.5}])
def test_the_numbers_of_a_rule_are_its_identity(fields: dict[str, float]) -> None:
    other = BaselineRules(**({"max_edge": 0.1, "scale_sigmas": 2.0} | fields))
    body = rule_body(other, np.random.Generator(np.random.PCG64(7)))
    assert pack(Bundle(toy_rule(), body)).digest != RULE.digest
    with pytest.raises(InvariantError, match=r"artifact\.parity"):
        pack(Bundle(toy_rule(), replace(body, parity=toy_rule_body(7).parity)))


def test_the_order_of_metrics_is_not_part_of_it() -> None:
    one, two = (
        pack(toy_bundle(passport=passport(metrics=metrics))).digest
        for metrics in ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    )
    assert one == two


def test_every_verdict_is_kept_refusals_too() -> None:
    finding = Finding("skill", "too little", 0.1, 0.2, 40)
    evidence = (
        GateEvidence("causality", passed("causality.clean", "nothing moved")),
        GateEvidence("calibration_skill", Refuse((finding,))),
        GateEvidence("after_cost_sharpe", Inconclusive((finding,))),
    )
    found = opened(toy_bundle(passport=passport(evidence=evidence)))
    assert found.manifest.passport.evidence == evidence


def test_what_could_not_be_measured_reads_back_as_not_measured() -> None:
    nan = GateEvidence("skill", Refuse((Finding("skill", "nothing to measure", math.nan),)))
    found = opened(toy_bundle(passport=passport(evidence=(nan,))))
    assert found.manifest.passport.evidence[0].verdict.findings[0].value is None


# --- what cannot be sealed


@pytest.mark.parametrize("name", ["", "../x", "Light", "a b", "a..b", "-a", "x" * 65, "a\n"])
def test_a_model_needs_a_name_that_cannot_be_a_path(name: str) -> None:
    with pytest.raises(DataError, match="model name"):
        pack(toy_bundle(passport=toy_passport(model=name)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_that_is_no_number_cannot_be_sealed(value: float) -> None:
    with pytest.raises(DataError, match="finite metrics"):
        pack(toy_bundle(passport=passport(metrics={"brier": value})))


def test_a_model_that_was_never_tried_cannot_be_sealed() -> None:
    with pytest.raises(DataError, match="trials"):
        pack(toy_bundle(passport=passport(trials=0)))


def test_trees_that_would_be_refused_later_are_not_sealed_now() -> None:
    good = toy_bundle()
    parity = good.body.parity
    short = Parity(parity.rows[1:], parity.margins[1:])
    wrong_rows = Parity(parity.rows, parity.margins + 1.0)
    stranger = stump(feature=99, threshold=0.0, below=-1.0, above=1.0)
    for bad, reason in (
        ({"parity": short}, "parity.too_few"),
        ({"parity": wrong_rows}, "artifact.parity"),
        ({"forest": stranger}, "forest.feature"),
    ):
        with pytest.raises(InvariantError, match=reason):
            pack(replace(good, body=replace(good.body, **bad)))


@pytest.mark.parametrize(
    ("family", "reason"),
    [(Family.RULE, r"artifact\.blobs"), (Family.POLICY, r"artifact\.blobs")],
)
def test_a_body_of_another_family_than_its_passport_says_is_not_sealed(
    family: Family, reason: str
) -> None:
    with pytest.raises(InvariantError, match=reason):
        pack(replace(toy_bundle(), passport=passport(family=family)))
    with pytest.raises(InvariantError, match=r"artifact\.blobs"):
        pack(replace(toy_bundle(passport=toy_rule()), passport=toy_passport()))


@dataclass(frozen=True)
class Doubtful:
    """A body that says whatever it is told to say of itself."""

    body: rules.RuleBody
    verdict: Verdict

    def blobs(self) -> dict[Form, bytes]:
        return self.body.blobs()

    def replay(self, tolerance: float) -> Verdict:
        assert tolerance == 0.0
        return self.verdict


def test_only_a_replay_that_passed_opens_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    body = toy_bundle(passport=toy_rule()).body
    findings = (Finding("artifact.parity", "cannot tell"),)
    for verdict in (Inconclusive(findings), Refuse(findings)):
        kind = replace(KINDS[Family.RULE], read=lambda *_, v=verdict: Doubtful(body, v))
        monkeypatch.setitem(KINDS, Family.RULE, kind)
        assert code(unpack(RULE.manifest, RULE.blobs)) == "artifact.parity"


# --- bytes that are not what the manifest says


@pytest.mark.parametrize(("name", "form"), EVERY_BLOB)
def test_a_changed_cut_or_missing_blob_is_refused(name: str, form: Form) -> None:
    packed = SEALED[name]
    blob = packed.blobs[form]
    flipped = bytes([blob[0] ^ 1]) + blob[1:]
    rest = {other: content for other, content in packed.blobs.items() if other is not form}
    assert code(unpack(packed.manifest, {**packed.blobs, form: flipped})) == "artifact.hash"
    assert code(unpack(packed.manifest, {**packed.blobs, form: blob[:-1]})) == "artifact.size"
    assert code(unpack(packed.manifest, rest)) == "artifact.size"


@pytest.mark.parametrize(("name", "form"), EVERY_BLOB)
def test_no_reader_sees_a_blob_before_every_hash_was_good(
    name: str, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reader(*_: object) -> None:
        pytest.fail("a reader ran on bytes that are not those of the manifest")

    for family, kind in tuple(KINDS.items()):
        monkeypatch.setitem(KINDS, family, replace(kind, read=reader))
    packed = SEALED[name]
    bad = {**packed.blobs, form: packed.blobs[form][:-1] + b"?"}
    assert code(unpack(packed.manifest, bad)) == "artifact.hash"


@pytest.mark.parametrize(
    ("name", "form"), [("forest", Form.FOREST), ("rule", Form.RULE), ("rule", Form.PARITY)]
)
def test_blobs_of_another_model_are_refused(name: str, form: Form) -> None:
    packed = SEALED[name]
    other = pack(toy_bundle(8, manifest(packed).passport)).blobs
    mixed = {**packed.blobs, form: other[form]}
    assert code(unpack(packed.manifest, mixed)) in {"artifact.hash", "artifact.size"}


@pytest.mark.parametrize(
    ("name", "form", "content", "expected"),
    [
        ("forest", Form.FOREST, forests.to_bytes(stump(99, 0.0, 1.0, 2.0)), "forest.feature"),
        ("forest", Form.FOREST, b"no tensors here", "tensors.header"),
        ("forest", Form.CALIBRATION, b"{}", "calibration.unreadable"),
        ("forest", Form.PARITY, b"", "tensors.header"),
        ("rule", Form.RULE, b"{}", "rule.unreadable"),
        ("rule", Form.RULE, b"no rule", "rule.unreadable"),
        ("rule", Form.PARITY, b"", "tensors.header"),
        ("rule", Form.PARITY, FOREST.blobs[Form.PARITY], "parity.silent"),
        ("forest", Form.PARITY, RULE.blobs[Form.PARITY], "parity.finite"),
    ],
)
def test_a_signed_blob_is_still_validated(
    name: str, form: Form, content: bytes, expected: str
) -> None:
    assert code(unpack(*with_blob(SEALED[name], form, content))) == expected


@pytest.mark.parametrize(("name", "form"), [("forest", Form.FOREST), ("rule", Form.RULE)])
def test_a_signed_model_that_answers_differently_is_refused(name: str, form: Form) -> None:
    packed = SEALED[name]
    other = pack(toy_bundle(8, manifest(packed).passport)).blobs[form]
    assert code(unpack(*with_blob(packed, form, other))) == "artifact.parity"


@pytest.mark.parametrize(("name", "form"), EVERY_BLOB)
def test_a_blob_that_was_damaged_before_it_was_signed_is_refused_or_harmless(
    name: str, form: Form
) -> None:
    rng = np.random.default_rng(0)
    packed = SEALED[name]
    refused = 0
    for _ in range(200):
        content = bytearray(packed.blobs[form])
        for at in rng.integers(0, len(content), rng.integers(1, 4)):
            content[at] = rng.integers(256)
        found = unpack(*with_blob(packed, form, bytes(content)))
        refused += isinstance(found, Refuse)
        if isinstance(found, SealedModel):
            assert isinstance(found.body.replay(1e-5), Pass)
    assert refused > 20


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda parity: Parity(parity.rows, parity.margins + 5e-6), "artifact.parity"),
        (
            lambda parity: Parity(parity.rows, np.nextafter(parity.margins, 9.0)),
            "artifact.parity",
        ),
    ],
)
@pytest.mark.parametrize("passport", [toy_passport(), toy_rule()])
def test_a_margin_off_by_the_last_bit_is_refused(
    make: Callable[[Parity], Parity], expected: str, passport: Passport
) -> None:
    good = toy_bundle(passport=passport)
    with pytest.raises(InvariantError, match=expected):
        pack(replace(good, body=replace(good.body, parity=make(good.body.parity))))


def test_a_margin_off_by_less_than_its_tolerance_passes_for_xgboost() -> None:
    good = toy_bundle(passport=passport(family=Family.XGBOOST))
    parity = good.body.parity
    nearly, far = (Parity(parity.rows, parity.margins + gap) for gap in (5e-6, 2e-5))
    assert opened(replace(good, body=replace(good.body, parity=nearly)))
    with pytest.raises(InvariantError, match=r"artifact\.parity"):
        pack(replace(good, body=replace(good.body, parity=far)))


# --- manifests


def edited(packed: Packed = FOREST, **fields: object) -> bytes:
    raw = msgspec.json.decode(packed.manifest)
    return msgspec.json.encode({**raw, **fields}, order="sorted")


def test_a_manifest_of_another_version_says_what_to_do() -> None:
    for version in (1, SCHEMA_VERSION + 1):
        answer = read_manifest(edited(schema_version=version))
        assert code(answer) == "artifact.version"
        assert isinstance(answer, Refuse)
        assert "train the model again" in answer.findings[0].detail


@pytest.mark.parametrize("name", SEALED)
def test_blobs_are_exactly_those_of_the_family(name: str) -> None:
    packed = SEALED[name]
    told = manifest(packed).blobs
    for wrong in ((*told, told[0]), told[:-1], told[1:], ()):
        lie = canonical(msgspec.structs.replace(manifest(packed), blobs=wrong))
        assert code(read_manifest(lie)) == "artifact.blobs"


def test_a_rule_may_not_bring_a_calibration_that_it_does_not_have() -> None:
    told = manifest(RULE)
    more = next(b for b in manifest().blobs if b.form is Form.CALIBRATION)
    lie = canonical(msgspec.structs.replace(told, blobs=(*told.blobs, more)))
    answer = read_manifest(lie)
    assert code(answer) == "artifact.blobs"
    assert isinstance(answer, Refuse)
    assert answer.findings[0].detail == (
        "the blobs of rule must be exactly parity.safetensors, rule.json"
    )


def test_a_family_without_an_entry_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(KINDS, Family.RULE)
    answer = unpack(RULE.manifest, RULE.blobs)
    assert code(answer) == "artifact.family"
    assert isinstance(answer, Refuse)
    assert "the family rule cannot be opened" in answer.findings[0].detail


@pytest.mark.parametrize("name", SEALED)
def test_trees_that_say_they_are_a_rule_are_not_opened_as_one(name: str) -> None:
    other = {"forest": "rule", "rule": "lightgbm"}[name]
    packed = SEALED[name]
    raw = msgspec.json.decode(packed.manifest)
    raw["passport"]["family"] = other
    lie = msgspec.json.encode(raw, order="sorted")
    assert code(unpack(lie, packed.blobs)) == "artifact.blobs"


@pytest.mark.parametrize(
    "wrong", [toy_passport("lightgbm", family=Family.RULE), toy_passport("baseline")]
)
def test_a_rule_fills_the_slot_of_the_baseline_and_nobody_else_does(wrong: Passport) -> None:
    with pytest.raises(InvariantError, match=r"artifact\.slot: a rule fills the slot"):
        pack(toy_bundle(passport=wrong))


@settings(max_examples=200)
@given(st.data())
def test_one_changed_byte_of_a_manifest_never_raises(data: st.DataObject) -> None:
    packed = data.draw(st.sampled_from(list(SEALED.values())))
    content = bytearray(packed.manifest)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    found = unpack(bytes(content), packed.blobs)
    assert isinstance(found, Refuse) or found.digest != packed.digest


def test_a_pass_is_what_the_toy_model_carries() -> None:
    assert isinstance(toy_passport().evidence[0].verdict, Pass)


# --- a proof beside the body


def proved(content: bytes = b'{"trials":3}') -> Bundle:
    return replace(toy_bundle(), proof=content)


def test_a_proof_is_sealed_with_the_model_and_is_part_of_its_identity() -> None:
    found = opened(proved())
    assert found.proof == b'{"trials":3}'
    assert found.proof_hash == hashlib.sha256(b'{"trials":3}').hexdigest()
    assert found.digest not in {FOREST.digest, opened(proved(b"{}")).digest}


def test_a_model_without_a_proof_is_opened_and_has_none() -> None:
    found = opened(toy_bundle())
    assert (found.proof, found.proof_hash) == (None, None)


@pytest.mark.parametrize("content", [b"", b'{"trials":4}', b'{"trials":30}'])
def test_another_proof_than_the_signed_one_is_refused(content: bytes) -> None:
    packed = pack(proved())
    answer = unpack(packed.manifest, {**packed.blobs, Form.PROOF: content})
    assert code(answer) in {"artifact.size", "artifact.hash"}


def test_a_proof_cannot_be_left_away_nor_put_beside() -> None:
    packed = pack(proved())
    assert code(unpack(packed.manifest, dict(FOREST.blobs))) == "artifact.size"
    added = unpack(FOREST.manifest, {**FOREST.blobs, Form.PROOF: b"{}"})
    assert isinstance(added, SealedModel)
    assert added.proof is None


def test_a_rule_has_nothing_to_prove() -> None:
    with pytest.raises(InvariantError, match="blobs of rule must be exactly"):
        pack(Bundle(toy_rule(), toy_rule_body(1), b"{}"))
