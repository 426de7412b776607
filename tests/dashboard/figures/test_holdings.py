from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stairway.dashboard.figures.holdings import holdings, weights
from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.views import RunView


def test_plotly_understands_it(story: RunView, judge: Callable[[Figure], Any]) -> None:
    assert len(judge(holdings(story)).data) == len(holdings(story)["data"])


def test_a_vote_has_weight_only_while_its_model_holds_a_seat(story: RunView) -> None:
    (values,) = weights(story).values()

    assert np.flatnonzero(values).tolist() == list(range(40 - 20, 62 - 20))
    assert set(values) == {0.0, 1.0}


def test_weights_of_two_champions_add_up(teller: Any, digests: Any) -> None:
    teller.move(30, "canary", "champion", "promotion.champion").weigh(30, lightgbm=1.0)
    teller.move(40, "canary", "champion", "promotion.champion", None, "xgboost", digests[1])
    teller.weigh(40, lightgbm=0.4, xgboost=0.6)
    found = weights(teller.view())
    total = sum(found.values())

    assert found["xgboost"][20] == 0.6
    assert np.all(total[:10] == 0.0)
    assert total[10:] == pytest.approx(1.0)


def test_one_of_two_leaving_leaves_the_other_its_weight(teller: Any, digests: Any) -> None:
    teller.move(30, "canary", "champion", "promotion.champion").weigh(30, lightgbm=1.0)
    teller.move(30, "canary", "champion", "promotion.champion", None, "xgboost", digests[1])
    teller.weigh(30, lightgbm=0.5, xgboost=0.5)
    teller.move(50, "champion", "shadow", "rollback.drift").weigh(50, xgboost=1.0)
    found = weights(teller.view())

    assert found["lightgbm"][30:].max() == 0.0
    assert found["xgboost"][30:].min() == 1.0


def test_a_change_of_weight_is_drawn_as_a_step(story: RunView) -> None:
    vote = next(t for t in holdings(story)["data"] if t["name"] == "vote of lightgbm")

    assert vote["y"] == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    assert vote["line"]["shape"] == "hv"


def test_without_a_seat_there_are_positions_alone(teller: Any) -> None:
    drawn = holdings(teller.marks("capital", [1.0] * 5).view())

    assert [trace["name"] for trace in drawn["data"]] == list(teller.bars.symbols)
    assert "yaxis" not in drawn["layout"]


def test_a_position_is_its_worth_over_equity_with_its_sign(teller: Any) -> None:
    teller.mark("capital", 20, 1.0, (100, -50))
    seen = teller.view()
    first, second = holdings(seen)["data"]

    assert first["y"] == pytest.approx([100 * seen.close[20, 0] / 1e6], abs=1e-4)
    assert second["y"] == pytest.approx([-50 * seen.close[20, 1] / 1e6], abs=1e-4)


def test_without_equity_there_is_no_share_to_show(teller: Any) -> None:
    first, _ = holdings(teller.mark("capital", 20, 0.0, (100, 0)).view())["data"]

    assert first["y"] == [0.0]


def test_a_record_without_marks_is_drawn_empty(teller: Any) -> None:
    assert all(trace["y"] == [] for trace in holdings(teller.view())["data"])
