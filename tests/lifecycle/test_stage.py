"""Legal moves are data; nothing else can happen."""

from __future__ import annotations

import itertools

import pytest

from stairway.base.errors import InvariantError
from stairway.lifecycle.stage import MOVES, Stage, require_legal


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Stage, Stage)))
def test_a_move_is_legal_exactly_if_it_is_listed(before: Stage, after: Stage) -> None:
    if after in MOVES[before]:
        require_legal(before, after)
    else:
        with pytest.raises(InvariantError, match=f"a {before} cannot become {after}"):
            require_legal(before, after)


def test_every_stage_says_where_it_may_go() -> None:
    assert set(MOVES) == set(Stage)


def test_nothing_leaves_quarantine() -> None:
    assert MOVES[Stage.QUARANTINED] == frozenset()


def test_the_floor_is_neither_left_nor_reached() -> None:
    assert MOVES[Stage.BASELINE] == frozenset()
    assert not any(Stage.BASELINE in after for after in MOVES.values())


def test_nobody_skips_a_stair_on_the_way_up() -> None:
    up = [Stage.CANDIDATE, Stage.SHADOW, Stage.CANARY, Stage.CHAMPION]
    for i, before in enumerate(up):
        assert set(up[i + 1 :]) & MOVES[before] <= {*up[i + 1 : i + 2]}


def test_everybody_can_be_taken_out() -> None:
    living = [Stage.CANDIDATE, Stage.SHADOW, Stage.CANARY, Stage.CHAMPION]
    assert all(Stage.QUARANTINED in MOVES[stage] for stage in living)


def test_the_error_says_what_is_allowed() -> None:
    with pytest.raises(InvariantError, match="it may become nothing"):
        require_legal(Stage.QUARANTINED, Stage.SHADOW)
