from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from stairway.app.validate.report import Curve, ModelProof, curve
from stairway.base.verdict import Pass
from stairway.dashboard.proof import figures
from stairway.evaluation.proof_of_returns import Figures, proof_of_returns
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.timing import Shifts
from stairway.evaluation.significance.deflated import expected_best
from stairway.testing.sceptic import evidence_rules, proof_rules

N, YEAR, DAY_NS = 300, 252.0, 86_400_000_000_000
DAYS = np.arange(N) * DAY_NS


@pytest.fixture(scope="module")
def found() -> Figures:
    net = np.random.default_rng(0).normal(0.001, 0.01, (N, 3))
    record = Record(
        net=net, names=("a", "<b>", "c"), chosen=1, n_trials=40, periods_per_year=YEAR
    )
    rules = (evidence_rules(), proof_rules(pbo_blocks=4, resamples=99))
    return proof_of_returns(record, None, rules, np.random.default_rng(0)).figures


def proof(**curves: Curve) -> ModelProof:
    return ModelProof(name="a", verdict=Pass(), answers=(), figures=None, curves=curves)


def lost() -> Curve:
    return curve(DAYS[:4], np.array([0.5, -0.5, 0.1, 0.0]))


def test_worth_stands_above_and_its_fall_below() -> None:
    drawn = figures.equity(proof(net=lost(), baseline=curve(DAYS[:2], np.array([0.1, 0.1]))))
    assert drawn is not None
    above = [one for one in drawn["data"] if one.get("yaxis", "y") == "y"]
    below = [one for one in drawn["data"] if one.get("yaxis") == "y2"]
    worth = {one["name"]: one["y"] for one in above}
    fall = {one["name"]: one["y"] for one in below}
    assert worth["after costs"] == [1.0, 1.5, 0.75, 0.825, 0.825]
    assert fall["after costs"] == [0.0, 0.0, -0.5, -0.45, -0.45]
    assert fall["baseline"] == [0.0, 0.0, 0.0]
    assert [one["name"] for one in below if one.get("fill") == "tozeroy"] == ["after costs"]


def test_days_are_drawn_as_days_and_hours_as_hours() -> None:
    for at, length in ((DAYS[:2], 10), (DAYS[:2] + 3_600_000_000_000, 19)):
        drawn = figures.equity(proof(net=curve(at, np.array([0.1, 0.1]))))
        assert drawn is not None
        assert {len(one) for one in drawn["data"][0]["x"]} == {length}


def test_where_there_is_no_curve_nothing_is_drawn() -> None:
    assert figures.equity(proof()) is None
    assert figures.equity(proof(net=Curve((), (), ()))) is None


@pytest.mark.parametrize(
    ("moves", "kind"), [([0.1, 0.1], "linear"), ([3.0, 0.1], "log"), ([3.0, -1.0], "linear")]
)
def test_the_axis_is_a_ruler_of_ratios_where_worth_goes_far_and_stays_above_nothing(
    moves: list[float], kind: str
) -> None:
    drawn = figures.equity(proof(net=curve(DAYS[:2], np.array(moves))))
    assert drawn is not None
    assert drawn["layout"]["yaxis"]["type"] == kind


def test_what_luck_shows_is_annual_like_the_ratios_beside_it(found: Figures) -> None:
    luck, others, own = figures.tries(found, YEAR)["data"]
    spread = math.sqrt(found.trials.sharpe_variance * YEAR)
    assert luck["y"] == [round(spread * expected_best(n), 4) for n in luck["x"]]
    assert luck["x"][-1] >= 3 * found.trials.n
    assert own["y"] == [round(found.sharpes[1] or 0.0, 4)]
    assert others["y"] == [round(found.sharpes[k] or 0.0, 4) for k in (0, 2)]
    assert set(own["x"] + others["x"]) == {40}


def test_names_are_text_in_a_figure_too(found: Figures) -> None:
    *_, own = figures.tries(found, YEAR)["data"]
    assert "<" not in own["name"] + own["text"][0]


def test_a_column_without_a_ratio_is_not_drawn(found: Figures) -> None:
    bare = msgspec.structs.replace(found, sharpes=(None, None, 1.0))
    luck, others = figures.tries(bare, YEAR)["data"]
    assert luck["mode"] == "lines"
    assert others["y"] == [1.0]


def test_an_honest_strategy_lies_on_the_line_of_the_surrogates() -> None:
    drawn = figures.surrogates([0.5, -4.0, 1.0])
    line, points = drawn["data"]
    assert line["x"] == line["y"]
    assert points["y"] == [-4.0, 0.5, 1.0]
    assert points["x"] == [-0.967, 0.0, 0.967]
    low, high = drawn["layout"]["yaxis"]["range"]
    assert low < -4.0
    assert line["y"] == [low, high]


def test_the_link_as_it_was_is_marked_and_lies_within_the_axis() -> None:
    found = Shifts("", 0.9, 0.01, 3, (-0.2, 0.0, 0.2), (1, 2))
    drawn = figures.timing(found)
    (bars,) = drawn["data"]
    assert (bars["x"], bars["y"], bars["width"]) == ([-0.1, 0.1], [1, 2], 0.2)
    assert drawn["layout"]["shapes"][0]["x0"] == 0.9
    low, high = drawn["layout"]["xaxis"]["range"]
    assert (low, high) == (-high, pytest.approx(0.9 * 1.12))
