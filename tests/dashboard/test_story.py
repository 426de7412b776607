from __future__ import annotations

from typing import Any

import pytest

from stairway.base.verdict import refuse
from stairway.dashboard import story as stories
from stairway.dashboard.views import RunView


def what_became_of(seen: RunView, kind: str, notes: tuple[str, ...] = ()) -> str:
    found = stories.misfortunes(seen, notes)
    return next(one.became for one in found if one.kind == kind)


def test_moves_and_ramp_steps_stand_in_order_of_time(story: RunView) -> None:
    found = [(one.at, one.way) for one in stories.events(story)]

    assert found == [
        (20, "down"),
        (20, "up"),
        (30, "up"),
        (40, "up"),
        (45, "ramp"),
        (62, "down"),
    ]


def test_a_share_that_comes_with_a_promotion_is_told_once(story: RunView) -> None:
    ramps = [one.what for one in stories.events(story) if one.way == "ramp"]

    assert ramps == ["25 % of full size"]


def test_a_rollback_says_why_and_how_sure_it_is(story: RunView) -> None:
    fall = stories.events(story)[-1]

    assert fall.what == "champion → shadow"
    assert fall.why == "its trades turned for the worse (suspected)"
    assert fall.verdict == "refuse"
    assert fall.lines[0].value == "1,408"


def test_a_promotion_keeps_its_evidence(story: RunView) -> None:
    canary = next(one for one in stories.events(story) if one.what == "shadow → canary")

    assert canary.verdict == "pass"
    assert canary.lines[0].detail == "60 trades"


@pytest.mark.parametrize(
    ("before", "after", "up"),
    [
        ("candidate", "shadow", True),
        ("canary", "champion", True),
        ("champion", "shadow", False),
        ("shadow", "quarantined", False),
        ("retired", "champion", True),
    ],
)
def test_up_is_up(teller: Any, before: str, after: str, *, up: bool) -> None:
    seen = teller.move(30, before, after, "operator").view()

    assert stories.is_up(seen.moves[0]) is up


def test_misfortunes_are_lettered_in_order_of_their_bars(story: RunView) -> None:
    found = stories.misfortunes(story, ())

    assert [(one.letter, one.at) for one in found] == [
        ("A", 0),
        ("B", 0),
        ("C", 40),
        ("D", 50),
        ("E", 55),
        ("F", 60),
    ]


def test_a_leak_is_answered_by_the_column_that_gave_it_away(story: RunView) -> None:
    assert what_became_of(story, "leak").startswith("leaking was refused: column SP500.")


def test_a_planted_edge_says_how_far_somebody_climbed_on_it(story: RunView) -> None:
    assert what_became_of(story, "edge").startswith("lightgbm climbed on it as far as champion")


def test_a_dead_edge_is_found_by_the_next_fall(story: RunView) -> None:
    assert what_became_of(story, "edge_dies") == (
        "2 bars later lightgbm fell from champion to shadow: its trades turned for the worse"
    )


def test_a_collapse_is_found_by_a_gate_and_followed_by_a_fall(story: RunView) -> None:
    assert what_became_of(story, "collapse") == (
        "8 bars later quality_gate refused lightgbm: constant; 12 bars later lightgbm fell "
        "from champion to shadow: its trades turned for the worse"
    )


def test_a_collapse_that_no_model_fell_for_is_still_found_by_its_gate(teller: Any) -> None:
    teller.announce(30, "collapse", "lightgbm answers a constant from here").model()
    teller.gate("quality_gate", refuse("g", "too early"), 25)
    teller.gate("quality_gate", refuse("g", "constant"), 33)

    assert what_became_of(teller.view(), "collapse") == (
        "3 bars later quality_gate refused lightgbm: constant"
    )


def test_another_models_fall_is_no_answer_to_a_collapse(teller: Any, digests: Any) -> None:
    teller.announce(30, "collapse", "lightgbm answers a constant from here")
    worse = refuse("d", "worse")
    teller.move(35, "canary", "shadow", "rollback.drift", worse, "xgboost", digests[1])

    assert what_became_of(teller.view(), "collapse") == "nobody fell after it"


def test_a_frozen_feed_counts_the_orders_it_stopped(story: RunView) -> None:
    assert what_became_of(story, "freeze") == "1 order refused because the feed stood still"


def test_a_kill_is_answered_by_what_the_shell_noted(story: RunView) -> None:
    assert what_became_of(story, "kill", ("resumed", "same hash")) == "resumed; same hash"
    assert what_became_of(story, "kill") == "nothing was noted"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("leak", "nobody was turned away"),
        ("edge", "no model climbed on it"),
        ("edge_dies", "nobody fell after it"),
        ("collapse", "nobody fell after it"),
        ("freeze", "0 orders refused because the feed stood still"),
        ("storm", "this version does not know what to look for"),
    ],
)
def test_where_the_record_shows_nothing_the_page_says_so(
    teller: Any, kind: str, said: str
) -> None:
    assert what_became_of(teller.announce(30, kind, "x").view(), kind) == said


def test_minutes_are_told_to_the_minute(minutes: Any) -> None:
    event = stories.events(minutes.move(30, "shadow", "canary", "operator").view())[0]

    assert len(event.when) == len("2015-07-17 20:00")
