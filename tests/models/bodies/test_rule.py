"""A rule is two numbers and what they say of 256 rows: exactly that, or nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from stairway.base.verdict import Pass, Refuse
from stairway.models.baseline import BaselineRules, margins
from stairway.models.bodies.rule import RuleBody, from_blobs, from_bytes, to_bytes
from stairway.models.manifest import Form
from stairway.models.parity import MIN_ROWS, Parity
from stairway.testing.models import toy_rule, toy_rule_body

BODY = toy_rule_body(7)
WRITTEN = to_bytes(BODY.rules)
edges = st.floats(1e-6, 0.499)
scales = st.floats(1e-3, 1e3)


def code(content: bytes) -> str:
    answer = from_bytes(content)
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


# --- the numbers


@given(edges, scales)
def test_numbers_read_back_to_the_last_bit(max_edge: float, scale_sigmas: float) -> None:
    rules = BaselineRules(max_edge=max_edge, scale_sigmas=scale_sigmas)
    assert from_bytes(to_bytes(rules)) == rules


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"{" * 50_000,
        WRITTEN[:-1],
        WRITTEN.replace(b"trend_v1", b"trend_v2"),
        WRITTEN.replace(b"0.1", b"0.5"),
        WRITTEN.replace(b"0.1", b"-0.1"),
        WRITTEN.replace(b"0.1", b"NaN"),
        WRITTEN.replace(b"0.1", b"null"),
        WRITTEN.replace(b"2.0", b"0.0"),
        WRITTEN.replace(b"2.0", b'"2.0"'),
        WRITTEN.replace(b'"max_edge":0.1,', b""),
        WRITTEN.replace(b'"max_edge"', b'"leverage":9,"max_edge"'),
        WRITTEN.replace(b'"rules"', b'"code":"import os","rules"'),
    ],
)
def test_what_is_no_rule_that_we_know_is_refused(content: bytes) -> None:
    assert code(content) == "rule.unreadable"


@pytest.mark.parametrize(
    "content",
    [
        WRITTEN + b" ",
        b" " + WRITTEN,
        WRITTEN.replace(b"0.1", b"0.10"),
        WRITTEN.replace(b"0.1", b"1e-1"),
        WRITTEN.replace(b"2.0", b"2"),
        WRITTEN.replace(b'"max_edge":0.1', b'"max_edge":0.2,"max_edge":0.1'),
        b'{"rules":{"max_edge":0.1,"scale_sigmas":2.0},"formula":"trend_v1"}',
    ],
)
def test_another_writing_of_the_same_rule_is_refused(content: bytes) -> None:
    assert code(content) == "rule.writing"


@given(st.data())
def test_a_changed_byte_is_refused_or_another_allowed_rule(data: st.DataObject) -> None:
    content = bytearray(WRITTEN)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    read = from_bytes(bytes(content))
    if isinstance(read, BaselineRules):
        assert read != BODY.rules
        assert 0.0 < read.max_edge < 0.5
        assert read.scale_sigmas > 0.0


# --- the body


def test_what_was_written_is_read_back() -> None:
    read = from_blobs(BODY.blobs(), toy_rule())
    assert isinstance(read, RuleBody)
    assert read.rules == BODY.rules
    assert read.blobs() == BODY.blobs()
    assert set(read.blobs()) == {Form.RULE, Form.PARITY}


def test_a_rule_that_would_read_other_features_is_refused() -> None:
    names = toy_rule().feature_names
    for wrong in (names[::-1], names[:-1], (*names, "more"), ()):
        passport = msgspec.structs.replace(toy_rule(), feature_names=wrong)
        answer = from_blobs(BODY.blobs(), passport)
        assert isinstance(answer, Refuse)
        assert answer.findings[0].code == "rule.features"


@pytest.mark.parametrize("form", [Form.RULE, Form.PARITY])
def test_one_unsound_blob_is_enough_to_refuse(form: Form) -> None:
    assert isinstance(from_blobs({**BODY.blobs(), form: b""}, toy_rule()), Refuse)


def test_it_gives_the_margins_it_gave_to_the_last_bit() -> None:
    verdict = BODY.replay(0.0)
    assert isinstance(verdict, Pass)
    assert (verdict.findings[0].value, verdict.findings[0].n) == (0.0, MIN_ROWS)


@pytest.mark.parametrize("fields", [{"max_edge": 0.1 + 1e-16}, {"scale_sigmas": 2.0 + 1e-15}])
def test_the_smallest_change_of_a_number_is_noticed(fields: dict[str, float]) -> None:
    changed = msgspec.structs.replace(BODY.rules, **fields)
    assert changed != BODY.rules
    assert isinstance(replace(BODY, rules=changed).replay(0.0), Refuse)


def test_one_margin_that_differs_is_enough() -> None:
    said = BODY.parity.margins.copy()
    at = int(np.flatnonzero(np.isfinite(said))[0])
    said[at] = math.nextafter(said[at], math.inf)
    assert isinstance(replace(BODY, parity=Parity(BODY.parity.rows, said)).replay(0.0), Refuse)


def test_an_answer_where_there_was_none_and_none_where_there_was_one_are_refused() -> None:
    silent = np.isnan(BODY.parity.margins)
    assert silent.any()
    for at, value in ((np.flatnonzero(silent)[0], 0.0), (np.flatnonzero(~silent)[0], np.nan)):
        said = BODY.parity.margins.copy()
        said[at] = value
        verdict = replace(BODY, parity=Parity(BODY.parity.rows, said)).replay(1e9)
        assert isinstance(verdict, Refuse)


def test_rows_that_the_rule_is_silent_about_prove_nothing() -> None:
    rows = BODY.parity.rows.copy()
    rows[:, :] = 0.0
    rows[0, 0] = np.nan
    flat = replace(BODY, parity=Parity(rows, margins(BODY.rules, rows)))
    answer = from_blobs(flat.blobs(), toy_rule())
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "parity.too_few"
