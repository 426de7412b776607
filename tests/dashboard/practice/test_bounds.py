from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.dashboard.practice import bounds
from stairway.testing.journal import criteria, practice_result
from stairway.training.measured import Criterion

DRAWDOWN = Criterion(
    "practice.drawdown", "drawdown", 0.13, None, 0.1, 753, holds=False, attainment=0.5
)
SHOWN = practice_result().seed_cycles[-1]
HIGH = SHOWN.scenarios[0]


def told(one: Criterion) -> bounds.Bound:
    (bound,) = bounds.bounds([one])
    return bound


def scenario(measure: str, value: float, low: float | None, high: float | None) -> Criterion:
    what = f"{measure} in high_volatility"
    return Criterion(
        "practice.scenario", what, value, low, high, 100, holds=False, attainment=0.5
    )


def test_bounds_say_what_a_value_must_be_and_what_is_not_known() -> None:
    found = bounds.bounds(criteria())

    assert [b.word for b in found] == ["pass", "refuse", "refuse"]
    assert [b.allowed for b in found] == ["40 to 75 %", "at least +1 %", "at least 0.6"]
    assert found[2].value == "not known"


@pytest.mark.parametrize(
    ("code", "value", "bound", "text"),
    [
        (
            "practice.return",
            -0.0123456,
            0.01,
            "return \N{MINUS SIGN}1.2 %, must be at least +1 %",
        ),
        ("practice.sharpe", 0.13612, 0.6, "annual Sharpe ratio 0.14, must be at least 0.6"),
        ("practice.trades", 0.004612, 0.013, "trades a day 0.0046, must be at least 0.013"),
        ("practice.win_rate", 0.471, 0.65, "round trips won 47.1 %, must be at least 65 %"),
        (
            "practice.episode_length",
            317.4,
            400.0,
            "mean length of an episode, bars 317, must be over 400",
        ),
        ("practice.of_tomorrow", 0.25, 0.5, "of tomorrow 0.25, must be at least 0.5"),
    ],
)
def test_each_code_has_its_unit(code: str, value: float, bound: float, text: str) -> None:
    one = Criterion(code, "of tomorrow", value, bound, None, 7, holds=False, attainment=0.5)

    assert bounds.missed([one]) == (text,)


def test_what_rests_on_how_much_is_said_with_its_noun() -> None:
    assert told(DRAWDOWN).over == "753 bars"
    assert told(replace(DRAWDOWN, code="practice.trades", n=1)).over == "1 day"


def test_a_value_that_misses_its_bound_by_little_does_not_seem_to_meet_it() -> None:
    close = replace(DRAWDOWN, value=0.0200478, high=0.02)

    assert bounds.missed([close]) == ("deepest fall 2.005 %, must be at most 2 %",)


@given(st.floats(0.0, 1.0), st.sampled_from([0.02, 0.1, 0.4]))
def test_no_value_is_written_as_the_bound_it_misses(value: float, bound: float) -> None:
    one = replace(DRAWDOWN, value=value, high=bound)

    said = float(told(one).value.removesuffix(" %"))

    assert said == pytest.approx(100 * value, abs=0.0501)
    assert abs(value - bound) < 1e-5 or (said > 100 * bound) == (value > bound)


def test_a_value_just_outside_a_band_is_told_from_the_end_it_missed() -> None:
    hold = replace(DRAWDOWN, code="practice.hold_rate", value=0.7502, low=0.4, high=0.75)

    assert bounds.missed([hold]) == ("hold rate 75.02 %, must be 40 to 75 %",)


def test_a_value_at_its_bound_is_written_as_it_is() -> None:
    assert told(replace(DRAWDOWN, value=0.1)).value == "10.0 %"


def test_a_bound_that_is_itself_not_allowed_is_over_or_under() -> None:
    early = Criterion(
        "practice.early_end", "x", 0.668, None, 0.4, 500, holds=False, attainment=0.5
    )

    assert told(early).allowed == "under 40 %"
    assert told(DRAWDOWN).allowed == "at most 10 %"


def test_scenarios_have_a_table_of_their_own() -> None:
    both = (DRAWDOWN, scenario("mean drawdown", 0.05, None, 0.04))

    assert [b.code for b in bounds.of_the_span(both)] == ["practice.drawdown"]
    assert bounds.missed(both)[1] == "high volatility: mean fall 5.0 %, must be at most 4 %"


def test_bounds_missed_are_counted() -> None:
    assert bounds.tally(criteria()) == "2 of 3 bounds missed"


def test_a_scenario_stands_beside_its_bounds() -> None:
    given = (
        scenario("mean return", -0.02, -0.01, None),
        scenario("share ended early", 0.7, None, 0.6),
    )
    name = HIGH.episodes.scenario

    (found,) = bounds.weathers([HIGH], given, {name: "refuse"})

    assert (found.scenario, found.episodes, found.length) == ("high volatility", "100", "900")
    assert (found.mean_return.word, found.mean_return.allowed) == (
        "refuse",
        "at least \u22121 %",
    )
    assert found.early.allowed == "at most 60 %"
    assert found.fall.allowed == ""
    assert found.why == ""


@pytest.mark.parametrize(("word", "says"), [("pass", False), ("refuse", True)])
def test_a_scenario_that_nobody_set_bounds_for_says_why_it_failed(
    word: str, *, says: bool
) -> None:
    (found,) = bounds.weathers([HIGH], (), {HIGH.episodes.scenario: word})

    assert bool(found.why) == says
