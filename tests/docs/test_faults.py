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
DEMANDED = SCRIPT["DEMANDED"]
ROWS = range(1, 23)
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


def test_the_long_profile_counted_all_that_is_demanded_of_it():
    assert SCRIPT["complaints"](FAULTS, DEMANDED) == []


@pytest.mark.parametrize("row", ROWS)
def test_of_every_row_something_is_demanded_in_both_profiles(row):
    faults = DEMANDED[str(row)]
    assert any(
        not fault.startswith("planted: ") and "short" in d for fault, d in faults.items()
    )
    assert all("long" in d and d.keys() <= {"short", "long", "most"} for d in faults.values())
    counts = [n for d in faults.values() for least in d.values() for n in least.values()]
    assert min(counts) > 0


def counted(profile="long", **figures):
    return {"7": {"a": {profile: {"test": "t", "figures": figures}}}}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (counted(kills=50, ms=9.5), None),
        (counted(kills=49, ms=9.5), "kills is 49, and at least 50 is demanded"),
        (counted(ms=9.5), "kills is not counted"),
        (counted(kills=float("nan"), ms=9.5), "kills is nan"),
        (counted(kills=50, ms=10.5), "ms is 10.5, and at most 10 is allowed"),
        (counted(kills=50, ms=float("nan")), "ms is nan"),
        (counted(kills=50), "ms is not counted"),
        (counted("short", kills=50, ms=9.5), "the long profile did not count it"),
        ({}, "the long profile did not count it"),
        ({"7": counted(kills=50, ms=9.5)["7"] | {"b": {}}}, "demanded.toml does not name it"),
        (counted(kills=50, ms=9.5) | {"8": {"b": {}}}, "demanded.toml does not name it"),
    ],
)
def test_what_the_page_lacks_is_said(rows, said):
    demanded = {"7": {"a": {"long": {"kills": 50}, "most": {"ms": 10}}}}
    found = SCRIPT["complaints"](rows, demanded)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


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
