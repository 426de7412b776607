"""A manifest is written in one way, names only what is on the lists, and reads back."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from stairway.base.errors import DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Refuse
from stairway.models.manifest import (
    SCHEMA_VERSION,
    Blob,
    Family,
    Form,
    Manifest,
    canonical,
    decode,
    is_digest,
    is_name,
    require_sealable,
    version_label,
)
from stairway.testing.models import toy_passport

WHOLE = Manifest(
    schema_version=SCHEMA_VERSION,
    version="v20180102_000000",
    passport=toy_passport(),
    blobs=(Blob(Form.CALIBRATION, 3, "a" * 64),),
)
WRITTEN = canonical(WHOLE)


def edited(**fields: object) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(WRITTEN), **fields}, order="sorted")


def code(content: bytes) -> str:
    answer = decode(content)
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def test_it_reads_back_as_it_was_written() -> None:
    assert decode(WRITTEN) == WHOLE


@pytest.mark.parametrize("version", [0, 1, SCHEMA_VERSION + 1])
def test_one_of_another_version_says_what_to_do(version: int) -> None:
    answer = decode(edited(schema_version=version))
    assert isinstance(answer, Refuse)
    finding = answer.findings[0]
    assert (finding.code, finding.value) == ("artifact.version", version)
    assert "train the model again" in finding.detail


def test_another_version_is_named_even_when_its_fields_are_unknown() -> None:
    assert code(b'{"schema_version": 9, "shape": "new"}') == "artifact.version"


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
        WRITTEN.replace(b'"lightgbm"', b'"catboost"'),
        WRITTEN.replace(b'"trials":1', b'"trials":0'),
        WRITTEN + b" ",
        b" " + WRITTEN,
        WRITTEN.replace(b'"trials":1', b'"trials":1,"trials":1'),
        WRITTEN.replace(b'"trials":1', b'"trials":1.0'),
        WRITTEN.replace(b'"size":3', b'"size":-3'),
    ],
)
def test_one_that_is_not_the_canonical_writing_of_a_manifest_is_refused(
    content: bytes,
) -> None:
    assert code(content) == "artifact.manifest"


def test_a_form_that_is_not_on_the_list_cannot_be_named() -> None:
    assert code(WRITTEN.replace(b"calibration.json", b"model.pickle")) == "artifact.manifest"


def test_forms_are_inert_and_families_are_few() -> None:
    assert {form.value.rpartition(".")[2] for form in Form} == {"json", "safetensors"}
    assert all("/" not in form.value and ".." not in form.value for form in Form)
    assert {family.value for family in Family} == {"lightgbm", "xgboost", "rule", "policy"}


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


# --- passports


def test_a_sound_passport_can_be_sealed() -> None:
    require_sealable(toy_passport())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "../x"}, "use a-z, 0-9"),
        ({"metrics": {"brier": math.nan}}, "use finite metrics"),
        ({"metrics": {"brier": -math.inf}}, "use finite metrics"),
        ({"trials": 0}, "cannot be sealed"),
        ({"feature_names": ["a"]}, "does not read back"),
    ],
)
def test_a_passport_that_would_not_read_back_cannot(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        require_sealable(msgspec.structs.replace(toy_passport(), **fields))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"model": "../x"}, "artifact.name"),
        ({"model": ""}, "artifact.name"),
        ({"model": "<b>"}, "artifact.name"),
        ({"last_data_ns": -5}, "artifact.version"),
        ({"last_data_ns": 2**63 - 1}, "artifact.version"),
        ({"last_data_ns": 1}, "artifact.version"),
    ],
)
def test_what_could_not_be_sealed_is_not_opened_though_it_was_signed(
    changes: dict[str, Any], wanted: str
) -> None:
    passport = msgspec.structs.replace(WHOLE.passport, **changes)
    content = canonical(msgspec.structs.replace(WHOLE, passport=passport))

    assert code(content) == wanted
