"""What is quoted of a fault is what was demanded of it, or more."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "faults.py"))
DEMANDED = SCRIPT["DEMANDED"]


def test_a_test_that_counts_too_little_fails_and_is_not_quoted(figures, demanded):
    wanted = demanded(1, "the publisher is killed")
    with pytest.raises(AssertionError, match=f"kills is {wanted['kills'] - 1}"):
        figures(1, "the publisher is killed", **wanted | {"kills": wanted["kills"] - 1})


def test_a_count_that_was_forgotten_is_too_little(figures):
    with pytest.raises(AssertionError, match="kills is not counted"):
        figures(1, "the publisher is killed", acknowledged=10**9)


def test_a_fault_of_which_nothing_is_demanded_is_not_quoted(figures):
    with pytest.raises(KeyError, match="it rains"):
        figures(1, "it rains", kills=1)


@pytest.mark.long
def test_what_is_long_is_held_to_the_long_profile(profile):
    assert profile == "long"


def test_the_long_profile_demands_no_less_than_the_short_one():
    for row, faults in DEMANDED.items():
        for fault, wanted in faults.items():
            for name, least in wanted.get("short", {}).items():
                assert wanted["long"][name] >= least, (row, fault)


def test_what_may_not_happen_at_all_is_not_quoted(figures, demanded):
    name = "the publisher is killed"
    for what in SCRIPT["NEVER"]:
        with pytest.raises(AssertionError, match=f"{what} is 1, and it must be 0"):
            figures(1, name, **demanded(1, name) | {what: 1})


def test_of_a_planted_bug_it_is_what_is_counted():
    assert SCRIPT["forbidden"]("planted: no rewind", {"lost": 471}) == []
    assert SCRIPT["forbidden"]("no rewind", {"lost": 471, "found": 1}) != []


@pytest.mark.parametrize(("profile", "said"), [("short", 0), ("long", 1)])
def test_what_takes_too_long_fails_where_nothing_else_runs_beside_it(profile, said):
    wanted = {"short": {"rounds": 1}, "long": {"rounds": 1}, "most": {"waited_s": 1}}
    found = SCRIPT["held_against"]("it waits", {"rounds": 1, "waited_s": 1.1}, wanted, profile)
    assert len(found) == said


def test_every_note_is_about_a_row_of_which_something_is_demanded():
    assert SCRIPT["NOTES"].keys() <= DEMANDED.keys()


def test_a_page_without_a_place_for_the_tables_is_refused():
    with pytest.raises(ValueError, match="0 places for the tables"):
        SCRIPT["filled"]("", {})
