"""The page of faults says what the fault tests have counted, and nothing was lost."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
FAULTS = json.loads((REFERENCE / "faults.json").read_text("utf-8"))
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "faults.py"))
ROWS = [*range(1, 21), 22]
MUST_BE_NONE = ("lost", "doubled", "altered", "damaged", "leases_ended_early", "out_of_order")

COUNTED = [
    (row, fault, measured["figures"], measured["test"])
    for row, faults in FAULTS.items()
    for fault, profiles in faults.items()
    for measured in profiles.values()
]


def test_the_page_quotes_what_was_counted():
    page = (REFERENCE / "faults.md").read_text("utf-8")
    assert SCRIPT["filled"](page, FAULTS) == page


@pytest.mark.parametrize("row", ROWS)
def test_every_row_was_measured_and_its_checker_tried_on_a_planted_bug(row):
    assert {fault.startswith("planted: ") for fault in FAULTS[str(row)]} == {True, False}


def test_nothing_was_lost_where_nothing_was_planted_and_every_planted_bug_was_noticed():
    planted = 0
    for row, fault, figures, _ in COUNTED:
        if fault.startswith("planted: "):
            planted += 1
            counts = [count for count in figures.values() if not isinstance(count, str)]
            assert max(counts) > 0, (row, fault)
        else:
            assert not any(figures.get(name) for name in MUST_BE_NONE), (row, fault)
    assert planted > 0


def test_every_test_that_is_quoted_is_there():
    for _, _, _, test in COUNTED:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0].rpartition('::')[2]}(" in (ROOT / path).read_text()


def test_new_figures_take_the_place_of_old_ones_and_leave_the_rest(tmp_path):
    def measured(count):
        return {"short": {"test": "t", "figures": {"lost": count}}}

    found = {"row": 7, "faults": {"b": measured(0)}}
    (tmp_path / "7.json").write_text(json.dumps(found))
    known = {"7": {"a": measured(0), "b": measured(9)}, "12": {"c": measured(0)}}
    rows = SCRIPT["gathered"](known, tmp_path)
    assert [*rows] == ["7", "12"]
    assert rows["7"] == {"a": measured(0), "b": measured(0)}
    assert known["7"]["b"] == measured(9)
