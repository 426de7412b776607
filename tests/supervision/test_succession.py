"""Who came in whose place: by instants alone, and never across slots or stages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import UtcNs
from stairway.supervision.answers import UNKNOWN, Names, Stage, columns
from stairway.supervision.cutover import Sides
from stairway.supervision.succession import Succession, slot_of, succession

CUT = 100
MODELS = ("a/1", "a/2", "a/3", "b/1", "b", "c")
ANSWER = st.tuples(st.integers(0, 2 * CUT), st.sampled_from(MODELS), st.sampled_from([1, 2]))


def found(*said: tuple[int, str, int], settled_ns: int = 10, action: int = 2) -> Succession:
    names = Names()
    n = len(said)
    answers = columns(
        time_ns=[at for at, _, _ in said],
        model=names.models.codes(name for _, name, _ in said),
        symbol=names.symbols.codes(["A"] * n),
        action=[action] * n,
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


def test_who_never_kept_the_contract_replaces_nobody() -> None:
    assert found((1, "a/1", 1), (CUT, "a/2", 1), action=UNKNOWN).replaced == {}
