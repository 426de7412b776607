from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stairway.dashboard.figures.money import equity
from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.figures.stages import stays, timeline
from stairway.dashboard.views import RunView


def test_plotly_understands_it(story: RunView, judge: Callable[[Figure], Any]) -> None:
    assert len(judge(timeline(story)).data) == len(timeline(story)["data"])


def test_stays_follow_one_another_without_gaps(story: RunView) -> None:
    found = [s for s in stays(story) if s.row.startswith("lightgbm")]

    assert [(s.stage, s.start, s.stop) for s in found] == [
        ("shadow", 20, 30),
        ("canary", 30, 40),
        ("champion", 40, 62),
        ("shadow", 62, 79),
    ]


def test_a_model_that_never_moved_stays_a_candidate(teller: Any) -> None:
    found = list(stays(teller.model().view()))

    assert [(s.stage, s.start, s.stop) for s in found] == [("candidate", 20, 79)]


def test_every_model_has_a_row_with_its_name_above(story: RunView) -> None:
    drawn = timeline(story)

    assert [label["text"] for label in drawn["layout"]["annotations"]] == [
        "xgboost bbbbbbbb",
        "lightgbm aaaaaaaa",
    ]
    assert drawn["layout"]["yaxis"]["categoryarray"] == [
        "xgboost bbbbbbbb",
        "lightgbm aaaaaaaa",
    ]


def test_a_bar_is_as_long_as_the_stay(story: RunView) -> None:
    champion = next(t for t in timeline(story)["data"] if t["name"] == "champion")
    start, stop = story.time_ns[[40, 62]].astype("datetime64[ns]").astype("datetime64[D]")

    assert champion["base"] == [str(start)]
    assert champion["x"] == [int((stop - start).astype(int)) * 86_400_000]


def test_stages_that_nobody_stood_on_are_no_part_of_the_legend(story: RunView) -> None:
    names = [trace["name"] for trace in timeline(story)["data"]]

    assert names == ["shadow", "canary", "champion", "retired"]


def test_only_a_long_stay_carries_its_name(teller: Any) -> None:
    teller.model().move(20, "candidate", "shadow", "promotion.shadow")
    teller.move(22, "shadow", "quarantined", "gate.refused")
    drawn = timeline(teller.view())

    texts = {trace["name"]: trace["text"] for trace in drawn["data"]}
    assert texts == {"shadow": [""], "quarantined": ["quarantined"]}


def test_it_lines_up_with_the_money(story: RunView) -> None:
    money, stages = equity(story, ()), timeline(story)

    assert money["layout"]["margin"] == stages["layout"]["margin"]
    assert money["layout"]["xaxis"]["range"] == stages["layout"]["xaxis"]["range"]


def test_minutes_have_lengths_too(minutes: Any) -> None:
    drawn = timeline(minutes.model().view())

    assert drawn["data"][0]["x"][0] >= 59 * 60_000


def test_names_are_escaped(teller: Any) -> None:
    drawn = timeline(teller.model("<i>").view())

    assert drawn["layout"]["annotations"][0]["text"] == "&lt;i&gt; aaaaaaaa"
