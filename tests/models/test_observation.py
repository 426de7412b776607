"""What a policy is shown has one layout: practice, training, trading and compiled code."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

import stairway
from stairway.features import kernels as feature_kernels
from stairway.features.spec import FEATURE_NAMES
from stairway.models import observation
from stairway.models.normaliser import WIDTH, Normaliser
from stairway.models.observation import (
    ACTIONS,
    BUY,
    FEATURES,
    FIRST_HELD,
    HOLD,
    HOLD_BOTH,
    OBSERVATION,
    SECOND,
    SECOND_HELD,
    SELL,
    laid_out,
)
from stairway.models.policy import observations
from stairway.models.policy_form import Architecture
from stairway.simulation import kernels
from stairway.simulation.tables import rows_of
from stairway.testing.cycles import made_ground
from stairway.testing.practice import made_course

PACKAGE = Path(stairway.__file__).parent
NUMBERS = {"FEATURES", "OBSERVATION", "ACTIONS", "HOLD_BOTH"}
KNOWN = np.arange(WIDTH, dtype=np.float32)[None] / 10.0


def test_it_is_twelve_features_and_a_position_twice() -> None:
    assert len(FEATURE_NAMES) == FEATURES == feature_kernels.FEATURES == 12
    assert (FIRST_HELD, SECOND, SECOND_HELD, OBSERVATION) == (12, 13, 25, WIDTH + 2)
    assert OBSERVATION == 26


def test_an_action_is_one_of_three_for_each_of_two() -> None:
    pairs = list(product((SELL, HOLD, BUY), repeat=2))
    assert len(pairs) == ACTIONS == 9
    assert [first * 3 + second for first, second in pairs] == list(range(ACTIONS))
    assert pairs[HOLD_BOTH] == (HOLD, HOLD)


def test_the_form_on_disk_says_the_same() -> None:
    written = get_type_hints(Architecture)
    assert get_args(written["observation"]) == (OBSERVATION,)
    assert get_args(written["actions"]) == (ACTIONS,)


@pytest.mark.parametrize("held", [(0, 0), (1, -1), (-1, 0)])
def test_trading_shows_what_practice_shows(held: tuple[int, int]) -> None:
    # Given the same features, as a course keeps them and as the feature engine gives them
    rows = laid_out(KNOWN, np.zeros((1, 2)))
    books, practised = np.zeros((1, kernels.BOOK)), np.empty((1, OBSERVATION), np.float32)
    books[0, [kernels.FIRST_POSITION, kernels.SECOND_POSITION]] = held

    # When compiled practice shows them, and trading does
    kernels.show(practised, 0, rows, books)
    as_is = Normaliser(np.zeros(WIDTH), np.ones(WIDTH), clip=5.0)
    traded = observations(KNOWN.reshape(1, 2, 12).astype(np.float64), np.array([held]), as_is)

    # Then it is one row
    assert (
        practised.tobytes() == traded.tobytes() == laid_out(KNOWN, np.array([held])).tobytes()
    )


def test_noise_leaves_the_positions_alone_and_nothing_else() -> None:
    seen = np.zeros((1, OBSERVATION), np.float32)
    kernels.blur(seen, 0, np.uint64(7), (0.0, 0.0), 1.0)
    assert np.flatnonzero(seen[0] == 0.0).tolist() == [FIRST_HELD, SECOND_HELD]


def test_rows_of_a_course_hold_nothing() -> None:
    course = made_course(200, seed=1)
    rows = rows_of(course)
    assert not rows[:, [FIRST_HELD, SECOND_HELD]].any()
    assert np.delete(rows, [FIRST_HELD, SECOND_HELD], 1).tobytes() == course.features.tobytes()


def test_probes_are_rows_that_practice_could_have_shown() -> None:
    made = made_ground()
    known = {row.tobytes() for row in rows_of(made.training)}
    bare = made.probes.copy()
    bare[:, [FIRST_HELD, SECOND_HELD]] = 0.0
    assert {row.tobytes() for row in bare} <= known


def test_no_other_file_says_these_numbers_again() -> None:
    # The feature engine lies below and says its own width; the first test holds them equal.
    spared = {Path(observation.__file__), PACKAGE / "features" / "kernels.py"}
    again = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path not in spared
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assign) and _names(node) & NUMBERS and _says_a_number(node)
    ]
    assert again == []


def _names(node: ast.Assign) -> set[str]:
    named = (name for target in node.targets for name in ast.walk(target))
    return {name.id for name in named if isinstance(name, ast.Name)}


def _says_a_number(node: ast.Assign) -> bool:
    said = (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
    return any(isinstance(value, int) for value in said)
