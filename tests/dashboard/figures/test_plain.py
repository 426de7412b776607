from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stairway.dashboard.figures import plain
from stairway.dashboard.views import RunView

series = npst.arrays(
    np.float64, st.integers(1, 400), elements=st.floats(-1e6, 1e6, allow_nan=False)
)


@given(series, st.integers(4, 60))
def test_thinning_keeps_both_ends_and_every_extreme(values: np.ndarray, most: int) -> None:
    rows = plain.thin(values, most)

    assert rows[0] == 0
    assert rows[-1] == values.size - 1
    assert values[rows].min() == values.min()
    assert values[rows].max() == values.max()


@given(series, st.integers(4, 60))
def test_thinning_keeps_order_and_draws_no_more_than_asked(
    values: np.ndarray, most: int
) -> None:
    rows = plain.thin(values, most)

    assert np.all(np.diff(rows) > 0)
    assert rows.size <= most


def test_a_short_series_is_drawn_whole() -> None:
    assert plain.thin(np.arange(5.0), 10).tolist() == [0, 1, 2, 3, 4]


def test_the_deepest_drawdown_of_a_long_series_is_drawn() -> None:
    fall = np.zeros(100_000)
    fall[77_777] = -0.9

    assert 77_777 in plain.thin(fall)


def test_a_name_cannot_become_a_link() -> None:
    found: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            del attrs
            found.append(tag)

    Tags().feed(plain.name('<a href="http://x">me</a><script>'))

    assert found == []


def test_daily_bars_are_dated_and_minutes_are_timed(teller: Any, minutes: Any) -> None:
    index = np.array([0, 1])

    assert all(len(text) == 10 for text in plain.dates(teller.view(), index))
    assert all(len(text) == 19 for text in plain.dates(minutes.view(), index))


def test_every_figure_has_the_climb_as_its_axis(story: RunView) -> None:
    first, last = plain.time_axis(story)["range"]

    assert [first, last] == plain.dates(story, np.array([20, 79]))


def test_values_are_shortened_for_slow_lines() -> None:
    assert plain.rounded(np.array([1 / 3]), 3) == [0.333]


def test_what_a_figure_says_outweighs_the_common_shape() -> None:
    layout = plain.figure([], 100, {}, showlegend=False)["layout"]

    assert layout["height"] == 100
    assert layout["showlegend"] is False
