"""The registry is what the record says, or an error."""

from __future__ import annotations

import msgspec
import pytest

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass
from stairway.lifecycle import registry
from stairway.lifecycle.facts import ModelMoved, ModelRegistered, RampChanged
from stairway.lifecycle.registry import Registry, RegistryFact, Slot
from stairway.lifecycle.stage import Stage

C, S, Y, H = Stage.CANDIDATE, Stage.SHADOW, Stage.CANARY, Stage.CHAMPION
R, Q = Stage.RETIRED, Stage.QUARANTINED


def born(digest: str, model: str = "lightgbm") -> ModelRegistered:
    return ModelRegistered(UtcNs(1), model, f"v-{digest}", digest, None, 3)


def moved(
    digest: str, before: Stage, after: Stage, cause: str = "x", at: int = 2
) -> ModelMoved:
    return ModelMoved(UtcNs(at), "lightgbm", digest, before, after, cause, Pass())


def climbed(digest: str) -> list[RegistryFact]:
    return [born(digest), moved(digest, C, S), moved(digest, S, Y), moved(digest, Y, H)]


def fold(*facts: RegistryFact) -> Registry:
    state = Registry()
    for fact in facts:
        state = registry.on(state, fact)
    return state


def handover(old: str, new: str) -> list[RegistryFact]:
    """One champion takes another's place."""
    return [*climbed(old), *climbed(new)[:-1], moved(old, H, R, "superseded"), moved(new, Y, H)]


def test_a_new_model_is_a_candidate_without_capital() -> None:
    entry = fold(born("d1")).entries["d1"]
    assert (entry.stage, entry.share, entry.since_ns, entry.trials) == (C, 0.0, 1, 3)


def test_registering_twice_changes_nothing() -> None:
    once = fold(born("d1"), moved("d1", C, S))
    assert registry.on(once, born("d1")) == once


def test_a_move_changes_the_stage_and_its_date() -> None:
    entry = fold(born("d1"), moved("d1", C, S, at=77)).entries["d1"]
    assert (entry.stage, entry.since_ns) == (S, 77)


def test_a_champion_takes_its_slot() -> None:
    state = fold(*climbed("d1"))
    assert state.slot("lightgbm") == Slot("d1", None)
    assert state.champion("lightgbm").digest == "d1"


def test_an_empty_slot_is_in_the_hands_of_the_baseline() -> None:
    assert Registry().champion("lightgbm") is None
    assert Registry().slot("anything") == Slot()


def test_the_superseded_champion_is_where_a_rollback_goes() -> None:
    assert fold(*handover("old", "new")).slot("lightgbm") == Slot("new", "old")


def test_a_rolled_back_champion_is_not_where_a_rollback_goes() -> None:
    state = fold(*handover("old", "new"), moved("new", H, S))
    assert state.slot("lightgbm") == Slot(None, "old")


def test_a_restored_champion_has_nobody_before_it() -> None:
    state = fold(*handover("old", "new"), moved("new", H, S), moved("old", R, H))
    assert state.slot("lightgbm") == Slot("old", None)


def test_a_champion_that_a_person_retires_is_not_remembered_either() -> None:
    state = fold(*climbed("d1"), moved("d1", H, R, "operator"))
    assert state.slot("lightgbm") == Slot(None, None)


def test_shares_follow_the_ramp_and_end_with_the_stage() -> None:
    ramp = RampChanged(UtcNs(5), "lightgbm", "d1", 0.25)
    state = fold(*climbed("d1"), ramp)
    assert state.entries["d1"].share == 0.25
    gone = registry.on(state, moved("d1", H, S)).entries["d1"]
    assert (gone.share, gone.reached) == (0.0, 0.25)


def test_standing_lists_models_in_order_of_registration() -> None:
    state = fold(born("b"), born("a"), born("c"), moved("a", C, S))
    assert [entry.digest for entry in state.standing(C)] == ["b", "c"]
    assert [entry.digest for entry in state.standing(C, S)] == ["b", "a", "c"]


def test_slots_do_not_know_each_other() -> None:
    other = [
        born("x1", "xgboost"),
        *(
            ModelMoved(UtcNs(2), "xgboost", "x1", a, b, "x", Pass())
            for a, b in ((C, S), (S, Y), (Y, H))
        ),
    ]
    state = fold(*climbed("d1"), *other)
    assert (state.slot("lightgbm").champion, state.slot("xgboost").champion) == ("d1", "x1")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([moved("d1", C, S)], "no model 'd1' is registered"),
        ([RampChanged(UtcNs(0), "m", "d1", 0.5)], "no model 'd1' is registered"),
        ([born("d1"), moved("d1", S, Y)], "recorded to move from shadow; it is a candidate"),
        ([born("d1"), moved("d1", C, H)], "a candidate cannot become champion"),
        ([*climbed("d1"), *climbed("d2")], "cannot be champion beside 'd1'"),
    ],
)
def test_a_record_that_contradicts_itself_is_an_error(facts, message: str) -> None:
    with pytest.raises(InvariantError, match=message):
        fold(*facts)


def test_the_fold_leaves_the_state_it_was_given_alone() -> None:
    before = fold(born("d1"))
    registry.on(before, moved("d1", C, S))
    assert before == fold(born("d1"))


# --- the static rule


def the_rule(stage: Stage = Stage.BASELINE) -> ModelRegistered:
    return ModelRegistered(UtcNs(1), "baseline", "v-r", "r", None, 1, stage)


def test_the_static_rule_is_known_and_stands_on_the_floor() -> None:
    state = fold(the_rule(), *climbed("d1"))
    entry = state.entries["r"]
    assert (entry.model, entry.version, entry.stage, entry.share) == (
        "baseline", "v-r", Stage.BASELINE, 0.0,
    )  # fmt: skip
    assert state.standing(Stage.BASELINE) == (entry,)
    assert state.standing(*(s for s in Stage if s is not Stage.BASELINE)) == (
        state.entries["d1"],
    )
    assert state.slot("baseline") == Slot()


@pytest.mark.parametrize("stage", [S, Y, H, R, Q])
def test_nobody_is_registered_half_way_up(stage: Stage) -> None:
    with pytest.raises(InvariantError, match=f"recorded to begin as {stage}"):
        fold(the_rule(stage))


@pytest.mark.parametrize("after", list(Stage))
def test_the_static_rule_never_moves(after: Stage) -> None:
    move = ModelMoved(UtcNs(2), "baseline", "r", Stage.BASELINE, after, "x", Pass())
    with pytest.raises(InvariantError, match="a baseline cannot become"):
        fold(the_rule(), move)


def test_nobody_becomes_the_static_rule() -> None:
    with pytest.raises(InvariantError, match="cannot become baseline"):
        fold(*climbed("d1"), moved("d1", H, Stage.BASELINE))


def test_a_record_of_before_there_was_a_rule_on_it_reads_as_candidates() -> None:
    old = b'{"time_ns":1,"model":"m","version":"v","digest":"d","parent":null,"trials":1}'
    told = msgspec.json.decode(
        old.replace(b"{", b'{"type":"model.registered",'), type=ModelRegistered
    )
    assert told.stage is C
