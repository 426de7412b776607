"""Listening is free: who hears nothing and who does one thing after the other."""

from __future__ import annotations

import inspect

import pytest

from stairway.app.rl.train import RlLines
from stairway.app.rl.live import Live
from stairway.app.rl.meters import Metered
from stairway.testing.journal import practice_result, rollout
from stairway.testing.ears import Deaf, one_by_one
from stairway.training.ear import Ear

ASKED = [name for name, _ in inspect.getmembers(Ear, inspect.isfunction) if name[0] != "_"]


def test_an_ear_hears_six_things() -> None:
    assert ASKED == ["advance", "begin", "cycle", "note", "rollout", "seed_cycle"]


@pytest.mark.parametrize("ear", [Deaf, Live, Metered, RlLines])
def test_every_ear_hears_all_of_them(ear: type) -> None:
    for name in ASKED:
        heard = inspect.signature(getattr(ear, name)).parameters
        assert list(heard) == list(inspect.signature(getattr(Ear, name)).parameters)


def test_the_deaf_one_lets_everything_pass() -> None:
    ear, result = Deaf(), practice_result()
    ear.begin("x", 1)
    ear.advance(1)
    ear.rollout(rollout(1, 0))
    ear.seed_cycle(result.seed_cycles[0])
    ear.cycle(result.cycles[0])


def test_one_after_the_other_is_in_order_and_the_first_error_ends_it() -> None:
    done: list[int] = []

    def work(seed: int) -> int:
        if seed == 3:
            msg = "three"
            raise ValueError(msg)
        done.append(seed)
        return -seed

    assert one_by_one(work, [5, 1]) == [-5, -1]
    with pytest.raises(ValueError, match="three"):
        one_by_one(work, [2, 3, 4])
    assert done == [5, 1, 2]
