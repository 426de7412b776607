from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.decision.cadence import CadenceRules, Pace, Weather, interval, predicted

RULES = CadenceRules(
    calm_predictions=200,
    volatile_predictions=10,
    volatile_ratio=1.5,
    divided_predictions=20,
    divided_dispersion=0.15,
)
CALM = Weather(1.0, 0.0, news=False)
weathers = st.builds(
    Weather,
    volatility_ratio=st.floats(0.0, 5.0) | st.just(math.nan),
    dispersion=st.none() | st.floats(0.0, 0.5) | st.just(math.nan),
    news=st.booleans(),
)


def predictions_until_due(weather: Weather, pace: Pace | None = None) -> int:
    pace, count, due = pace or Pace(), 0, False
    while not due:
        pace, due = predicted(pace, weather, RULES)
        count += 1
    return count


@pytest.mark.parametrize(
    ("weather", "expected"),
    [
        (CALM, 200),
        (Weather(1.5, 0.0, news=False), 10),
        (Weather(math.nextafter(1.5, 0), 0.0, news=False), 200),
        (Weather(1.0, 0.16, news=False), 20),
        (Weather(1.0, 0.15, news=False), 200),
        (Weather(1.0, None, news=False), 200),
        (Weather(2.0, 0.16, news=False), 10),
        (Weather(1.0, 0.0, news=True), 1),
        (Weather(2.0, 0.3, news=True), 1),
    ],
)
def test_the_fastest_pace_that_applies_is_kept(weather, expected) -> None:
    assert interval(weather, RULES) == expected
    assert predictions_until_due(weather) == expected


@pytest.mark.parametrize(
    ("weather", "expected"),
    [(Weather(math.nan, 0.0, news=False), 10), (Weather(1.0, math.nan, news=False), 20)],
)
def test_weather_that_is_not_known_is_no_calm_weather(weather, expected) -> None:
    assert interval(weather, RULES) == expected


def test_weighing_starts_the_count_again() -> None:
    pace, due = predicted(Pace(199), CALM, RULES)
    assert due
    assert predictions_until_due(CALM, pace) == 200


def test_a_storm_after_a_long_calm_weighs_the_members_at_the_next_prediction() -> None:
    pace = Pace()
    for _ in range(150):
        pace, due = predicted(pace, CALM, RULES)
        assert not due
    assert predicted(pace, Weather(3.0, 0.0, news=False), RULES) == (Pace(0), True)


@given(st.lists(weathers, min_size=1, max_size=60))
def test_no_more_predictions_pass_than_the_weather_allows(days) -> None:
    pace = Pace()
    for weather in days:
        pace, due = predicted(pace, weather, RULES)
        assert due == (pace.predictions == 0)
        assert pace.predictions < interval(weather, RULES)


@given(weathers)
def test_worse_weather_never_slows_the_pace(weather) -> None:
    for worse in (
        msgspec.structs.replace(weather, news=True),
        msgspec.structs.replace(weather, volatility_ratio=9.0),
        msgspec.structs.replace(weather, dispersion=0.4),
    ):
        assert interval(worse, RULES) <= interval(weather, RULES)


@pytest.mark.parametrize("key", ["calm_predictions", "volatile_predictions"])
def test_a_pace_of_no_predictions_is_no_setting(key) -> None:
    with pytest.raises(msgspec.ValidationError, match=">= 1"):
        msgspec.structs.replace(RULES, **{key: 0})
