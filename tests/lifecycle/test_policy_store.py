"""After an outage the highest signed generation is in force, and a contradiction freezes."""

from __future__ import annotations

import msgspec
import pytest

from stairway.base.verdict import Pass, Refuse
from stairway.lifecycle.generation import after, sign
from stairway.lifecycle.policy_store import Standing, reconcile
from stairway.lifecycle.stage import Stage
from stairway.testing.policy import (
    KEY,
    OTHER_KEY,
    STRANGER,
    TRUSTED,
    generation,
    signed,
    spoilt,
)

CACHED = Standing(signed(2), (), 5)


def elsewhere(number, word="a"):
    """Signed by the same key, for another store."""
    return signed(number, word, store="elsewhere")


def told(cached, observed, now_ns=9):
    result = reconcile(cached, observed, TRUSTED, now_ns)
    again = reconcile(result.standing, observed, TRUSTED, now_ns)
    assert again.standing == result.standing
    return result, {alarm.code for alarm in result.alarms}


@pytest.mark.parametrize(
    ("observed", "number", "seen_ns", "alarms"),
    [
        ([signed(1), signed(2)], 2, 9, set()),
        ([signed(2), signed(3), signed(1)], 3, 9, set()),
        ([signed(1)], 2, 5, {"policy.older"}),
        ([], 2, 5, {"policy.missing"}),
        (None, 2, 5, set()),
        ([signed(2), spoilt(signed(3), "bit")], 2, 9, {"policy.signature"}),
        ([signed(2), spoilt(signed(9), "stranger")], 2, 9, {"policy.key"}),
        ([spoilt(signed(2), "cut")], 2, 5, {"policy.signature", "policy.missing"}),
        ([signed(2, key=OTHER_KEY)], 2, 9, set()),
        ([signed(1), signed(2, "b"), signed(3, "b")], 3, 9, {"policy.fork"}),
        ([signed(1, key=OTHER_KEY), signed(1), signed(2)], 2, 9, set()),
        ([elsewhere(1), elsewhere(2)], 2, 5, {"policy.store", "policy.missing"}),
        ([signed(1), signed(2), elsewhere(5)], 2, 9, {"policy.store"}),
        ([signed(1), signed(2), *map(elsewhere, range(1, 6))], 2, 9, {"policy.store"}),
    ],
)
def test_the_highest_signed_generation_wins(observed, number, seen_ns, alarms):
    result, said = told(CACHED, observed)
    assert isinstance(result.verdict, Pass)
    assert msgspec.json.decode(result.standing.agreed.body)["number"] == number
    assert (result.standing.seen_ns, said) == (seen_ns, alarms)


@pytest.mark.parametrize("observed", [[signed(2, "b")], [signed(2, "b"), signed(2)]])
def test_the_same_number_saying_two_things_freezes_what_was_agreed(observed):
    result, _ = told(CACHED, observed)
    assert isinstance(result.verdict, Refuse)
    assert result.verdict.findings[0].code == "policy.conflict"
    assert result.standing.agreed == CACHED.agreed
    assert result.standing.is_frozen
    assert result.standing.seen_ns == 5


@pytest.mark.parametrize("later", [None, [], [signed(2)], [signed(2, "b")], [signed(1)]])
def test_a_freeze_does_not_thaw_when_one_side_goes_away(later):
    frozen, _ = told(CACHED, [signed(2, "b")])
    result, _ = told(frozen.standing, later)
    assert result.standing == frozen.standing
    assert isinstance(result.verdict, Refuse)


def test_a_higher_signed_generation_ends_a_freeze():
    frozen, _ = told(CACHED, [signed(2, "b")])
    result, said = told(frozen.standing, [signed(1), signed(2, "b"), signed(3, "b")])
    assert isinstance(result.verdict, Pass)
    assert result.standing == Standing(signed(3, "b"), (), 9)
    assert said == {"policy.fork"}


def test_a_contradiction_that_is_first_seen_in_the_store_leaves_what_was_known():
    result, _ = told(CACHED, [signed(3), signed(3, "b")])
    assert result.standing.agreed == signed(2)
    assert {one.identity for one in result.standing.rivals} == {
        signed(3).identity,
        signed(3, "b").identity,
    }


@pytest.mark.parametrize("observed", [None, [], [spoilt(signed(1), "empty")]])
def test_where_nothing_is_known_nothing_is_assumed(observed):
    result, _ = told(Standing(), observed)
    assert isinstance(result.verdict, Refuse)
    assert result.standing == Standing()


def test_a_cache_that_is_not_believed_counts_for_nothing():
    result, said = told(Standing(spoilt(signed(7), "bit"), (), 5), [signed(1), signed(2)])
    assert result.standing == Standing(signed(2), (), 9)
    assert said == {"policy.signature"}


@pytest.mark.parametrize("cached", [CACHED, Standing(signed(1), (), 5), Standing()])
@pytest.mark.parametrize("shown", [[signed(5)], [signed(1), signed(3), signed(5)]])
def test_a_jump_over_parents_that_nobody_knows_freezes_until_they_are_found(cached, shown):
    result, _ = told(cached, shown)
    assert result.verdict.findings[0].code == "policy.orphan"
    assert result.standing == Standing(cached.agreed, (signed(5),), cached.seen_ns)
    gone, _ = told(result.standing, [signed(1)])
    assert gone.standing == result.standing, "it does not thaw by going away"
    found, said = told(result.standing, [signed(n) for n in (1, 2, 3, 4, 5)])
    assert (found.standing, said) == (Standing(signed(5), (), 9), set())


def test_a_parent_with_another_number_than_the_one_before_is_none():
    skips = signed(4, parent=signed(2).identity)
    result, _ = told(CACHED, [signed(1), signed(2), skips])
    assert result.verdict.findings[0].code == "policy.orphan"


def test_of_two_beginnings_nobody_who_knows_nothing_can_choose():
    both = [signed(1), signed(2), *map(elsewhere, (1, 2, 3))]
    result, _ = told(Standing(), both)
    assert result.verdict.findings[0].code == "policy.conflict"
    assert result.standing.agreed is None
    assert set(result.standing.rivals) == {signed(1), elsewhere(1)}
    later, _ = told(result.standing, [signed(1), signed(2)])
    assert later.standing == result.standing


def test_a_generation_of_another_run_on_equal_settings_counts_for_nothing():
    """Both runs say the same first, each signed by its own trainer; one operator serves both."""
    first, twin = signed(1, key=KEY), signed(1, key=STRANGER)
    says = after((generation(1), twin), "ab" * 32, Stage.CHAMPION, {}, 9, "there")
    result, said = told(Standing(first, (), 5), [first, sign(says, OTHER_KEY)])
    assert (result.standing, said) == (Standing(first, (), 9), {"policy.store"})
