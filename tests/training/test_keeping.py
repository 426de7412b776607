"""Roll-outs are kept in one order, whichever thread was faster."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stairway.testing.journal import rollout
from stairway.training.keeping import ordered

MANY = [
    rollout(seed, number, cycle=cycle)
    for seed in (1, 2)
    for cycle in (1, 2)
    for number in (0, 1)
]


@given(st.permutations(MANY))
def test_the_order_in_which_they_ended_does_not_matter(ended: list) -> None:
    found = ordered(ended)
    assert found == ordered(MANY)
    assert [(r.cycle, r.seed) for r in found] == sorted((r.cycle, r.seed) for r in MANY)


def test_roll_outs_of_one_seed_stay_in_the_order_of_its_steps() -> None:
    mine = [r.steps for r in ordered(MANY[::-1]) if (r.seed, r.cycle) == (1, 2)]
    assert mine == sorted(mine)
