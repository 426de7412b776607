"""A rollback always finds a place to go, and never goes in circles."""

from __future__ import annotations

from msgspec.structs import replace

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.lifecycle import rollback
from stairway.lifecycle.probation import Grade
from stairway.lifecycle.registry import Entry, Registry, Slot
from stairway.lifecycle.rollback import Rest, rested, target
from stairway.lifecycle.stage import Stage
from stairway.testing.climbing import climb_rules

RULES = climb_rules().rollback
HOUR = NS_PER_HOUR


def hold(previous_stage: Stage) -> Registry:
    """A slot whose last champion left, and whose previous one stands where told."""
    old = Entry("lightgbm", "v1", "old", None, 1, previous_stage, UtcNs(0))
    return Registry({"old": old}, {"lightgbm": Slot(None, "old")})


def after(*hours: float, rest: Rest | None = None) -> Rest:
    rest = rest or Rest()
    for hour in hours:
        rest = rested(rest, UtcNs(int(hour * HOUR)), RULES)
    return rest


def test_only_proof_quarantines() -> None:
    assert [rollback.landing(g) for g in Grade] == [
        Stage.SHADOW,
        Stage.SHADOW,
        Stage.QUARANTINED,
    ]


def test_it_goes_back_to_the_champion_before() -> None:
    assert target(hold(Stage.RETIRED), "lightgbm", after(0), RULES) == "old"


def test_it_goes_to_the_baseline_where_there_was_none() -> None:
    assert target(Registry(), "lightgbm", after(0), RULES) is None


def test_it_does_not_go_back_to_somebody_who_is_no_longer_fit() -> None:
    for stage in (Stage.QUARANTINED, Stage.SHADOW):
        assert target(hold(stage), "lightgbm", after(0), RULES) is None


def test_a_slot_rests_after_a_rollback() -> None:
    assert after(10).until_ns == (10 + 24) * HOUR


def test_three_a_day_are_borne_and_the_fourth_goes_to_the_baseline_for_longer() -> None:
    thrice = after(0, 1, 2)
    assert not rollback.flaps(thrice, RULES)
    assert target(hold(Stage.RETIRED), "lightgbm", thrice, RULES) == "old"
    often = after(0, 1, 2, 3)
    assert rollback.flaps(often, RULES)
    assert target(hold(Stage.RETIRED), "lightgbm", often, RULES) is None
    assert often.until_ns == (3 + 72) * HOUR


def test_what_is_long_ago_is_forgotten() -> None:
    assert after(0, 1, 2, 30).rollbacks_ns == (30 * HOUR,)


def test_exactly_the_window_is_long_ago() -> None:
    assert after(0, 24).rollbacks_ns == (24 * HOUR,)
    assert len(after(0.001, 24).rollbacks_ns) == 2


def test_a_rest_is_never_shortened() -> None:
    frozen = Rest(UtcNs(1_000 * HOUR))
    assert after(0, rest=frozen).until_ns == 1_000 * HOUR


def test_without_a_cooldown_the_slot_is_free_at_once() -> None:
    quick = replace(RULES, cooldown_hours=0)
    assert rested(Rest(), UtcNs(5), quick).until_ns == 5
