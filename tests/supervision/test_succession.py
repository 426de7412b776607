"""Who came in whose place: by instants alone, and never across slots or stages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import UtcNs
from stairway.supervision.answers import NO_TIME, UNKNOWN, Names, Stage, columns
from stairway.supervision.cutover import Sides
from stairway.supervision.succession import Succession, slot_of, succession

CUT = 100
MODELS = ("a/1", "a/2", "a/3", "b/1", "b", "c")
ANSWER = st.tuples(st.integers(0, 2 * CUT), st.sampled_from(MODELS), st.sampled_from([1, 2]))


def found(
    *said: tuple[int, str, int], settled_ns: int = 10, action: int | list[int] = 2
) -> Succession:
    names = Names()
    n = len(said)
    answers = columns(
        time_ns=[at for at, _, _ in said],
        model=names.models.codes(name for _, name, _ in said),
        symbol=names.symbols.codes(["A"] * n),
        action=[action] * n if isinstance(action, int) else action,
        confidence=[0.5] * n,
        stage=[stage for _, _, stage in said],
        event=range(1, n + 1),
    )
    sides = Sides(names, UtcNs(CUT))
    sides.add(answers)
    return succession(sides, settled_ns)


@given(st.lists(ANSWER, max_size=20))
def test_everybody_who_was_heard_before_goes_on_or_is_replaced_or_is_silent(said) -> None:
    told = found(*said)
    before = {(name, Stage(stage)) for at, name, stage in said if at < CUT}
    after = {(name, Stage(stage)) for at, name, stage in said if at >= CUT}
    assert set(told.new) == after - before
    assert set(told.silent) == before - after - set(told.replaced)
    for (model, stage), heirs in told.replaced.items():
        assert heirs
        for heir in heirs:
            assert (heir, stage) in after
            assert (slot_of(heir), heir != model) == (slot_of(model), True)


@given(st.lists(ANSWER, max_size=20))
def test_two_never_replace_each_other(said) -> None:
    told = found(*said).replaced
    for (model, stage), heirs in told.items():
        assert all(model not in told.get((heir, stage), ()) for heir in heirs)


def test_a_stage_at_which_nobody_answers_any_more_is_silent() -> None:
    told = found((1, "a/1", 1), (1, "a/1", 2), (CUT, "a/2", 1))
    assert list(told.replaced) == [("a/1", Stage.CALIBRATED)]
    assert told.silent == (("a/1", Stage.ENSEMBLE),)


def test_the_settled_time_is_reached_exactly() -> None:
    beside = (1, "a/1", 1), (CUT, "a/2", 1), (CUT + 5, "a/1", 1)
    assert found(*beside, (CUT + 14, "a/2", 1)).replaced == {}
    assert list(found(*beside, (CUT + 15, "a/2", 1)).replaced) == [("a/1", Stage.CALIBRATED)]


def test_of_two_new_ones_side_by_side_the_one_that_dies_is_not_replaced() -> None:
    """It would else be gone, and what little it said would not be judged."""
    told = found((1, "a/1", 1), (CUT, "a/2", 1), (CUT, "a/3", 1), (2 * CUT, "a/3", 1))
    assert told.replaced == {("a/1", Stage.CALIBRATED): ("a/2", "a/3")}
    assert [who for who, _ in told.new] == ["a/2", "a/3"]


def test_who_last_answered_as_the_other_began_has_not_come_back() -> None:
    beside = (50, "a/2", 1), (50, "a/1", 1), (99, "a/1", 1)
    told = found(*beside, (CUT, "a/2", 1), (2 * CUT, "a/2", 1))
    assert (told.replaced, told.silent) == ({}, (("a/1", Stage.CALIBRATED),))


def test_who_never_kept_the_contract_replaces_nobody() -> None:
    assert found((1, "a/1", 1), (CUT, "a/2", 1), action=UNKNOWN).replaced == {}


@pytest.mark.parametrize(
    ("said", "replaced"),
    [
        ([(1, "a/1", 1), (2, "a/2", 1), (3, "a/1", 1), (CUT, "a/2", 1)], []),
        ([(1, "a/1", 1), (CUT, "a/2", 1)], ["a/1"]),
        ([(50, "a/1", 1), (1, "a/2", 1), (99, "a/2", 1), (CUT, "a/2", 1)], []),
        ([(1, "a/2", 1), (50, "a/1", 1), (CUT, "a/2", 1)], ["a/1"]),
    ],
    ids=["side by side", "one after the other", "beside", "back again"],
)
def test_who_broke_the_contract_in_every_answer_is_replaced_like_others(said, replaced) -> None:
    """Where its times were not known, anybody would have begun after it."""
    told = found(*said, action=[UNKNOWN if who == "a/1" else 2 for _, who, _ in said])
    assert [who for who, _ in told.replaced] == replaced
    assert [who for who, _ in told.silent] == ([] if replaced else ["a/1"])


def test_whoever_began_beside_it_with_faults_has_not_begun_after_it() -> None:
    said = [(1, "a/2", 1), (2, "a/1", 1), (99, "a/1", 1), (99, "a/2", 1), (CUT, "a/2", 1)]
    told = found(*said, action=[UNKNOWN, 2, 2, UNKNOWN, 2])
    assert (told.replaced, told.silent) == ({}, (("a/1", Stage.CALIBRATED),))


def test_nobody_replaces_one_of_whom_no_time_is_known() -> None:
    said = [(1, "b/1", 1), (1, "a/2", 1), (CUT, "a/2", 1), (NO_TIME, "a/1", 1)]
    assert found(*said).replaced == {}
