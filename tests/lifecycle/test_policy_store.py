"""After an outage the highest signed generation is in force, and a contradiction freezes."""

from __future__ import annotations

import msgspec
import pytest

from stairway.base.verdict import Pass, Refuse
from stairway.lifecycle.policy_store import Standing, reconcile
from stairway.testing.policy import OTHER_KEY, TRUSTED, signed, spoilt

CACHED = Standing(signed(2), (), 5)


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
        ([signed(1, "b"), signed(2, "b"), signed(3, "b")], 3, 9, {"policy.fork"}),
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
    result, said = told(frozen.standing, [signed(2, "b"), signed(3, "b")])
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
    result, said = told(Standing(spoilt(signed(7), "bit"), (), 5), [signed(2)])
    assert result.standing == Standing(signed(2), (), 9)
    assert said == {"policy.signature"}
