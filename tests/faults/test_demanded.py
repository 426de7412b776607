"""What is quoted of a fault is what was demanded of it, or more."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name("demanded.toml")


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
    for row, faults in tomllib.loads(TABLE.read_text("utf-8")).items():
        for fault, wanted in faults.items():
            for name, least in wanted.get("short", {}).items():
                assert wanted["long"][name] >= least, (row, fault)
