from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.features.usual import LIMIT_S, SEED
from stairway.app.validate.asked import Asked

EVERYTHING = Asked(
    target=Path("my returns.csv"),
    policy="my bounds.toml",
    seed=7,
    chosen="a b",
    baseline="it's",
    champion="$HOME",
    costs=("fees", "spread paid"),
    gross="gross",
    position="held",
    market="came",
    probabilities=Path("what I said.csv"),
    periods_per_year=365.2425,
    n_trials=40,
    function="my code.py:make",
    study="own.py:Study",
    bars="bars.csv",
    model="lightgbm",
    limit_s=0.1,
)
"""Nothing is as it is where nobody says."""


def words(asked: Asked) -> list[str]:
    return shlex.split(asked.command)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_number_is_read_back_as_the_same_one(number: float) -> None:
    said = words(Asked(target=Path("a"), periods_per_year=number, limit_s=number))
    assert float(said[said.index("--periods-per-year") + 1]) == number
    if number != LIMIT_S:
        assert float(said[said.index("--limit-s") + 1]) == number


@pytest.mark.parametrize(
    ("number", "written"),
    [(252.0, "252"), (252, "252"), (365.2425, "365.2425"), (31556952.0, "31556952")],
    ids=["days", "whole", "calendar", "seconds"],
)
def test_a_number_is_written_as_people_write_it(number: float, written: str) -> None:
    assert words(Asked(target=Path("a"), periods_per_year=number))[-1] == written


def test_every_option_is_in_the_command_and_names_with_spaces_stay_whole() -> None:
    said = words(EVERYTHING)
    assert said[:3] == ["stairway", "validate", "my returns.csv"]
    pairs = list(zip(said[3::2], said[4::2], strict=True))
    assert [value for option, value in pairs if option == "--cost"] == ["fees", "spread paid"]
    assert ("--probabilities", "what I said.csv") in pairs
    assert ("--seed", "7") in pairs
    # One for each field but the target, and one more for the second of the costs.
    assert len(pairs) == len(fields(Asked))


def test_what_nobody_said_is_left_out() -> None:
    assert Asked(target=Path("a.csv")).command == "stairway validate a.csv"
    assert Asked(target=Path("a.csv"), seed=SEED, limit_s=LIMIT_S).options() == {}


def test_a_file_that_is_called_like_an_option_is_no_option() -> None:
    assert Asked(target=Path("./-a.csv")).command == "stairway validate ./-a.csv"
