"""One entry a family: its blobs, its reader, its tolerance, and the runtime that serves it."""

from __future__ import annotations

import pkgutil

import pytest

from stairway.adapters import runtimes
from stairway.base.verdict import Pass, Refuse
from stairway.models.families import KINDS
from stairway.models.manifest import Family, Form
from stairway.testing.models import TOYS, toy_bundle, toy_passport, toy_rule, toy_sealed

RUNTIMES = {m.name for m in pkgutil.iter_modules(runtimes.__path__)}


def test_trees_and_rules_can_be_opened() -> None:
    assert set(KINDS) >= {Family.LIGHTGBM, Family.XGBOOST, Family.RULE}


def test_how_exactly_a_margin_must_come_back() -> None:
    told = {family: KINDS[family].tolerance for family in KINDS}
    assert told[Family.LIGHTGBM] == told[Family.RULE] == 0.0
    assert told[Family.XGBOOST] == 1e-5
    assert all(0.0 <= tolerance <= 1e-5 for tolerance in told.values())


@pytest.mark.parametrize("family", KINDS)
def test_every_family_proves_what_it_does_and_names_no_blob_twice(family: Family) -> None:
    forms = KINDS[family].forms
    assert Form.PARITY in forms
    assert len(set(forms)) == len(forms)


def test_a_rule_has_nothing_to_calibrate() -> None:
    assert KINDS[Family.RULE].forms == (Form.RULE, Form.PARITY)
    assert Form.CALIBRATION in KINDS[Family.LIGHTGBM].forms


@pytest.mark.parametrize("family", KINDS)
def test_every_family_is_served_by_a_runtime_that_is_there(family: Family) -> None:
    assert KINDS[family].runtime in RUNTIMES


def test_every_runtime_serves_a_family() -> None:
    assert {kind.runtime for kind in KINDS.values()} == RUNTIMES


def test_every_family_has_a_toy_to_test_with() -> None:
    assert set(TOYS) == set(KINDS)


@pytest.mark.parametrize("family", [Family.LIGHTGBM, Family.XGBOOST, Family.RULE])
def test_a_body_writes_exactly_the_blobs_of_its_family_and_replays(family: Family) -> None:
    passport = toy_rule() if family is Family.RULE else toy_passport(family=family)
    body = toy_bundle(passport=passport).body
    assert set(body.blobs()) == set(KINDS[family].forms)
    assert isinstance(body.replay(KINDS[family].tolerance), Pass)
    read = KINDS[family].read(body.blobs(), passport)
    assert not isinstance(read, Refuse)
    assert read.blobs() == body.blobs()


def test_a_toy_is_opened_from_its_bytes() -> None:
    assert toy_sealed(3, toy_rule()).digest != toy_sealed(4, toy_rule()).digest
