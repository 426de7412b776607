"""Trees are a forest, a calibration and the library's own margins; all three must be sound."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stairway.base.verdict import Pass, Refuse
from stairway.models import calibration as calibrations
from stairway.models import forest as forests
from stairway.models import parity as parities
from stairway.models.bodies.forest import ForestBody, from_blobs
from stairway.models.manifest import Form
from stairway.models.parity import Parity
from stairway.testing.models import toy_forest_body, toy_passport

BODY = toy_forest_body(7)
PASSPORT = toy_passport()


def code(blobs: dict[Form, bytes]) -> str:
    answer = from_blobs(blobs, PASSPORT)
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def test_the_blobs_are_written_by_the_modules_that_read_them() -> None:
    assert BODY.blobs() == {
        Form.FOREST: forests.to_bytes(BODY.forest),
        Form.CALIBRATION: calibrations.to_bytes(BODY.calibration),
        Form.PARITY: parities.to_bytes(BODY.parity),
    }


def test_what_was_written_is_read_back() -> None:
    read = from_blobs(BODY.blobs(), PASSPORT)
    assert isinstance(read, ForestBody)
    assert read.blobs() == BODY.blobs()
    assert read.calibration == BODY.calibration
    np.testing.assert_array_equal(read.parity.rows, BODY.parity.rows)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (Form.FOREST, "tensors.header"),
        (Form.CALIBRATION, "calibration.unreadable"),
        (Form.PARITY, "tensors.header"),
    ],
)
def test_one_unsound_blob_is_enough_to_refuse(form: Form, expected: str) -> None:
    assert code({**BODY.blobs(), form: b""}) == expected


def test_trees_of_more_features_than_the_passport_has_are_refused() -> None:
    few = msgspec.structs.replace(PASSPORT, feature_names=("a", "b"))
    answer = from_blobs(BODY.blobs(), few)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "forest.feature"


def test_the_margins_are_the_librarys_and_not_its_own() -> None:
    assert isinstance(BODY.replay(0.0), Pass)
    other = Parity(BODY.parity.rows, BODY.parity.margins + 1e-9)
    assert isinstance(replace(BODY, parity=other).replay(0.0), Refuse)
    assert isinstance(replace(BODY, parity=other).replay(1e-8), Pass)


def test_trees_that_are_silent_at_a_hole_prove_too_little() -> None:
    margins = BODY.parity.margins.copy()
    margins[np.isnan(BODY.parity.rows).any(axis=1)] = np.nan
    silent = replace(BODY, parity=Parity(BODY.parity.rows, margins))
    assert code(silent.blobs()) == "parity.finite"
