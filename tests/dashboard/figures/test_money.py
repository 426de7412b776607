from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stairway.dashboard.accounts import real_money
from stairway.dashboard.figures.money import equity
from stairway.dashboard.figures.plain import MOST_POINTS, Figure
from stairway.dashboard.story import misfortunes
from stairway.dashboard.views import RunView


@pytest.fixture(scope="module")
def drawn(story: RunView) -> Figure:
    return equity(story, misfortunes(story, ()))


def traces(figure: Figure, name: str, axis: str | None = None) -> list[dict[str, Any]]:
    return [t for t in figure["data"] if t["name"] == name and t.get("yaxis") == axis]


def test_plotly_understands_it(drawn: Figure, judge: Callable[[Figure], Any]) -> None:
    assert len(judge(drawn).data) == len(drawn["data"])


def test_real_money_is_drawn_beside_the_rule_and_holding(drawn: Figure) -> None:
    for name in ("capital (paper)", "static rule's twin", "buy and hold (no costs)"):
        assert len(traces(drawn, name)) == 1


def test_worth_is_on_a_log_axis(drawn: Figure) -> None:
    assert drawn["layout"]["yaxis"]["type"] == "log"


def test_what_is_drawn_is_what_was_made(drawn: Figure, story: RunView) -> None:
    (real,) = traces(drawn, "capital (paper)")

    assert real["y"] == pytest.approx(real_money(story).worth.tolist(), abs=1e-5)
    assert len(real["x"]) == len(real["y"]) == 60


def test_the_fall_from_the_peak_lies_below_and_is_never_above_zero(drawn: Figure) -> None:
    (fall,) = traces(drawn, "static rule's twin", "y2")

    assert max(fall["y"]) <= 0.0
    assert min(fall["y"]) == pytest.approx(-0.0295, abs=1e-4)


def test_promotions_and_rollbacks_of_money_are_marked_on_the_curve(
    drawn: Figure, story: RunView
) -> None:
    (up,), (down,) = traces(drawn, "promotion"), traces(drawn, "rollback")

    assert len(up["x"]) == 2
    assert len(down["x"]) == 1
    assert "champion to shadow" in down["text"][0]
    assert down["marker"]["symbol"] == "triangle-down"
    assert down["x"][0] == str(
        story.time_ns[62].astype("datetime64[ns]").astype("datetime64[D]")
    )


def test_steps_that_touch_no_money_are_not_marked(teller: Any) -> None:
    teller.marks("capital", [1.0] * 30).marks("twin:baseline", [1.0] * 30)
    seen = teller.model().move(25, "candidate", "shadow", "promotion.shadow").view()

    assert not traces(equity(seen, ()), "promotion")


def test_announcements_of_the_climb_are_walls_with_letters(drawn: Figure) -> None:
    letters = [flag["text"] for flag in drawn["layout"]["annotations"]]

    assert letters == ["<b>C</b>", "<b>D</b>", "<b>E</b>", "<b>F</b>"]
    assert len(drawn["layout"]["shapes"]) == 4


def test_a_long_run_is_thinned(teller: Any) -> None:
    long = type(teller)(bars=3_000)
    long.marks("capital", [1.0 + 0.001 * (k % 7) for k in range(2_980)])
    long.marks("twin:baseline", [1.0] * 2_980)
    (real,) = traces(equity(long.view(), ()), "capital (paper)")

    assert 100 < len(real["x"]) <= MOST_POINTS


def test_a_name_is_escaped_where_plotly_would_read_it(teller: Any) -> None:
    teller.marks("capital", [1.0] * 30).marks("twin:baseline", [1.0] * 30)
    teller.model("<b>x</b>").move(25, "shadow", "canary", "promotion.canary", model="<b>x</b>")
    (up,) = traces(equity(teller.view(), ()), "promotion")

    assert up["text"][0].startswith("&lt;b&gt;x&lt;/b&gt;")
