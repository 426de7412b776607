"""One line says which policy was in force, and whether it ever held anything back."""

from __future__ import annotations

import pytest

from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.dashboard.policy import in_force
from stairway.lifecycle.facts import PolicyHeld
from stairway.lifecycle.leash import LOOSE, Leash

NAME = "ab" * 32


def held(number: int = 1, frac: float = 1.0, cause: str = "fresh", *alarms: str) -> PolicyHeld:
    leash = LOOSE if cause == "fresh" else Leash(frac, f"policy.{cause}")
    said = tuple(Finding(f"policy.{code}", "x") for code in alarms)
    return PolicyHeld(UtcNs(5), number, NAME if number else "", leash, said)


def test_a_run_that_was_never_held_back_says_so() -> None:
    told = in_force([held()])
    assert (told.generation, told.identity, told.alarms) == (1, NAME, 0)
    assert (told.stale, told.frozen, told.causes) == (False, False, ())
    assert told.sentence == "generation 1 (abababababab), never stale or frozen"


@pytest.mark.parametrize(
    ("cause", "stale", "frozen"),
    [("stale", True, False), ("closed", True, False), ("conflict", False, True),
     ("superseded", False, False)],
)  # fmt: skip
def test_what_ever_held_it_back_is_kept(cause: str, stale: bool, frozen: bool) -> None:  # noqa: FBT001 - a row of the table
    told = in_force([held(), held(1, 0.5, cause, "unreachable"), held(2)])
    assert (told.generation, told.stale, told.frozen) == (2, stale, frozen)
    assert (told.causes, told.alarms) == ((f"policy.{cause}",), 1)
    assert (
        told.sentence == f"generation 2 (abababababab); held back for a while: policy.{cause}"
    )


def test_a_run_without_a_generation_has_none_in_force() -> None:
    told = in_force([held(0, 0.0, "none", "none")])
    assert (told.generation, told.identity) == (None, None)
    assert told.sentence == "no generation in force; held back for a while: policy.none"
