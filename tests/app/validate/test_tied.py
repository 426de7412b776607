from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stairway.app.proof.told import StudyAnswer
from stairway.app.validate.given import Given
from stairway.app.validate.tied import tied
from stairway.base.verdict import Inconclusive, Pass, passed
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.sceptic.record import Record

N, DAY_NS = 8, 86_400_000_000_000
CLOSES = np.arange(N) * DAY_NS + 21 * 3_600_000_000_000
EARNED = (None, None, 0.01, -0.02, 0.0, 0.03, 0.01, None)
FINE = passed("fine", "")


def answer(**given: Any) -> StudyAnswer:
    report = BatteryReport(
        causality=None, purge=FINE, surrogates=FINE, sentinel=FINE, fired=(), verdict=FINE
    )
    usual = {"time_ns": tuple(CLOSES.tolist()), "earned": EARNED}
    return StudyAnswer(report=report, covered=None, files=(), **(usual | given))


def returns(
    gross: list[float], time_ns: np.ndarray, cost: float | list[float] = 0.0001
) -> Given:
    """Returns of which these are what was there before costs."""
    before = np.array(gross)
    net = (before - cost)[:, None]
    record = Record(
        net=net, names=("a",), chosen=0, n_trials=1, periods_per_year=252.0, gross=before
    )
    return Given(time_ns, record, ())


@pytest.mark.parametrize("shift", [0, 1], ids=["taken", "earned"])
def test_what_the_study_earns_is_what_was_earned_at_either_close(shift: int) -> None:
    found = returns([0.01, -0.02, 0.0, 0.03, 0.01], CLOSES[2 + shift : 7 + shift])
    assert isinstance(tied(found, answer()), Pass)


def test_days_stand_for_the_bar_of_the_day_and_bars_without_a_position_for_0() -> None:
    days = CLOSES - CLOSES % DAY_NS
    found = returns([0.0, 0.01, -0.02, 0.0, 0.03, 0.01, 0.0], days[1:8])
    assert isinstance(tied(found, answer()), Pass)
    twice = answer(time_ns=tuple((CLOSES // 2).tolist()))
    assert "several bars on 1970-01-01" in tied(found, twice).findings[0].detail


@pytest.mark.parametrize(
    ("gross", "times", "sentence"),
    [
        ([0.01, -0.02, 0.0, 0.031, 0.01], CLOSES[2:7], "at 1970-01-06T21:00:00 it earns 0.03 "),
        ([0.01, -0.02, 0.0, 0.03], CLOSES[2:6], "tested at 1970-01-07T21:00:00"),
        ([-0.02, 0.0, 0.03, 0.01], CLOSES[3:7], "tested at 1970-01-03T21:00:00"),
        ([0.01, -0.02, 0.03, 0.01], CLOSES[[2, 3, 5, 6]], "tested at 1970-01-05T21:00:00"),
        ([0.01, -0.02, 0.0, 0.03, 0.01], CLOSES[2:7] - 10**18, "there is no bar at 1938-04"),
        (
            [0.01, 0.01, -0.02, 0.0, 0.03, 0.01],
            CLOSES[1:7],
            "at 1970-01-02T21:00:00 it earns 0",
        ),
    ],
    ids=["other", "end", "begin", "hole", "elsewhere", "added"],
)
def test_the_first_instant_at_which_they_differ_is_named(
    gross: list[float], times: np.ndarray, sentence: str
) -> None:
    verdict = tied(returns(gross, times), answer())
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].code == "proof.untied"
    said = verdict.findings[0].detail
    assert said.startswith("not shown: what was proved is not what earned these returns: ")
    assert sentence in said


@pytest.mark.parametrize(
    ("off", "kind"), [(0.5e-6, Pass), (2e-6, Inconclusive)], ids=["rounding", "other"]
)
def test_a_ten_thousandth_of_a_usual_return_is_rounding_and_no_more(
    off: float, kind: type
) -> None:
    # Given that the usual size of what it earns is 0.01
    found = returns([0.01 + off, -0.02, 0.0, 0.03, 0.01], CLOSES[2:7])
    assert isinstance(tied(found, answer()), kind)


def test_nobody_earns_by_paying_costs() -> None:
    costs = [0.0001, -0.01, 0.0001, 0.0001, 0.0001]
    found = returns([0.01, -0.02, 0.0, 0.03, 0.01], CLOSES[2:7], np.array(costs))
    said = tied(found, answer()).findings[0].detail
    assert "at 1970-01-04T21:00:00 they are more after costs than before" in said


def test_without_costs_or_an_answer_nothing_is_tied() -> None:
    found = returns([0.01], CLOSES[2:3])
    bare = Record(
        net=found.record.net, names=("a",), chosen=0, n_trials=1, periods_per_year=252.0
    )
    assert (
        "--cost or --gross" in tied(Given(CLOSES[2:3], bare, ()), answer()).findings[0].detail
    )
    assert isinstance(tied(found, answer(earned=())), Inconclusive)


@pytest.mark.parametrize("value", [0.01, None], ids=["held", "untested"])
def test_one_bar_is_enough_to_be_told_that_it_is_not_that_of_the_returns(
    value: float | None,
) -> None:
    alone = answer(time_ns=(int(CLOSES[2]),), earned=(value,))
    said = tied(returns([0.01, -0.02], CLOSES[2:4]), alone)
    assert isinstance(said, Inconclusive)
    assert "at 1970-01-04T21:00:00" in said.findings[0].detail or value is None
    same = tied(returns([value or 0.0], CLOSES[2:3]), alone)
    assert isinstance(same, Pass)


def test_one_row_at_midnight_does_not_make_days_of_the_others() -> None:
    # Given that one bar ends with its day, and the others at 21:00
    bars = CLOSES.copy()
    bars[2] -= bars[2] % DAY_NS
    found = returns([0.01, -0.02, 0.0, 0.03, 0.01], bars[2:7])
    assert isinstance(tied(found, answer(time_ns=tuple(bars.tolist()))), Pass)
