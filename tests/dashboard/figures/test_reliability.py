from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.figures.reliability import Diagram, diagram, diagrams
from stairway.evaluation.metrics import Bin, Reliability, reliability


@pytest.fixture
def shown(training: Any) -> tuple[Diagram, ...]:
    (one,) = diagrams(training())
    return one.diagrams


def test_plotly_understands_it(
    shown: tuple[Diagram, ...], judge: Callable[[Figure], Any]
) -> None:
    for one in shown:
        assert len(judge(one.figure).data) == 3


def test_only_candidates_that_were_trained_have_diagrams(training: Any) -> None:
    assert [one.model for one in diagrams(training())] == ["lightgbm"]


def test_the_whole_comes_first_and_an_empty_regime_is_left_out(
    shown: tuple[Diagram, ...],
) -> None:
    assert [diagram.regime for diagram in shown] == ["all regimes", "trend"]


def test_an_error_is_told_beside_what_chance_would_make(shown: tuple[Diagram, ...]) -> None:
    whole, trend = shown

    assert whole.error == "error 0.020, chance up to 0.080"
    assert (whole.said, whole.word) == ("within chance", "pass")
    assert (trend.said, trend.word) == ("beyond chance", "refuse")


def test_forecasts_are_counted(shown: tuple[Diagram, ...]) -> None:
    assert [diagram.n for diagram in shown] == ["800 forecasts", "300 forecasts"]


def test_points_lie_inside_their_band(shown: tuple[Diagram, ...]) -> None:
    band, _, points = shown[0].figure["data"]
    n = len(points["x"])
    high, low = band["y"][:n], band["y"][n:][::-1]

    assert band["x"][:n] == points["x"]
    assert all(a <= y <= b for a, y, b in zip(low, points["y"], high, strict=True))


def test_a_perfect_forecaster_lies_on_the_dotted_line(shown: tuple[Diagram, ...]) -> None:
    _, line, points = shown[0].figure["data"]

    assert line["x"] == line["y"] == [0, 1]
    assert points["x"] == points["y"]


def test_both_axes_are_probabilities_of_the_same_scale(shown: tuple[Diagram, ...]) -> None:
    layout = shown[0].figure["layout"]

    assert layout["xaxis"]["range"] == layout["yaxis"]["range"]
    assert layout["yaxis"]["scaleanchor"] == "x"


@pytest.mark.parametrize(
    ("bins", "shown"),
    [
        ([Bin(90, 0.48, 0.5, 0.46, 0.54), Bin(90, 0.52, 0.5, 0.44, 0.57)], [0.4, 0.6]),
        ([Bin(90, 0.5, 0.5, 0.5, 0.5)], [0.4, 0.6]),
        ([Bin(90, 0.01, 0.0, 0.0, 0.04)], [0.0, 0.2]),
        ([Bin(90, 0.99, 1.0, 0.96, 1.0)], [0.8, 1.0]),
        ([Bin(9, 0.02, 0.0, 0.0, 0.3), Bin(9, 0.97, 1.0, 0.7, 1.0)], [0.0, 1.0]),
    ],
    ids=["middle", "point", "bottom", "top", "all"],
)
def test_the_stretch_that_is_shown_is_where_forecasts_and_bands_lie(
    bins: list[Bin], shown: list[float]
) -> None:
    drawn = diagram("trend", Reliability(tuple(bins), 0.1, 0.06, 0.08))
    assert drawn is not None
    assert drawn.figure["layout"]["xaxis"]["range"] == shown


def test_a_diagram_is_drawn_of_any_forecasts(judge: Callable[[Figure], Any]) -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0.2, 0.8, 2_000)
    found = reliability(said, (rng.random(2_000) < said).astype(float), 10)
    drawn = diagram("crisis", found)

    assert drawn is not None
    assert (drawn.regime, drawn.n, drawn.word) == ("crisis", "2,000 forecasts", "pass")
    assert len(judge(drawn.figure).data[2].x) == 10


def test_nothing_said_is_nothing_drawn() -> None:
    assert diagram("crisis", Reliability((), 0.0, 0.0, 0.0)) is None


def test_an_error_within_chance_does_not_read_as_what_chance_makes() -> None:
    bins = (Bin(90, 0.6, 0.7, 0.6, 0.8),)

    near = diagram("range", Reliability(bins, 0.0986, 0.06, 0.0994))
    same = diagram("range", Reliability(bins, 0.1, 0.06, 0.1))

    assert near is not None
    assert same is not None
    assert (near.error, near.said) == ("error 0.0986, chance up to 0.0994", "within chance")
    assert (same.error, same.said) == ("error 0.100, chance up to 0.100", "within chance")
