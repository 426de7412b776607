from __future__ import annotations

import re

import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.battery.battery import battery
from stairway.evaluation.battery.redraw import really_redrawn
from stairway.evaluation.battery.study import BatteryRules
from stairway.evaluation.battery.surrogates import surrogates
from stairway.testing.studies import Leak, MovesStudy, garch_moves, study

MOVES = garch_moves(1_600, 8)


class Same(MovesStudy):
    """Gives the market back as it was."""

    def redrawn(self, market, signs):
        del signs
        return market.copy()


class Sideways(MovesStudy):
    """Redraws what is paid, but features know the market from elsewhere."""

    def features(self, market):
        del market
        return super().features(MOVES)


class Prices(MovesStudy):
    """Is paid in simple returns, which are no mirror images of each other."""

    def profit(self, market, positions):
        return np.expm1(super().profit(market, positions))


class Halves(MovesStudy):
    """Gives only the first half of the market other signs."""

    def redrawn(self, market, signs):
        half = np.arange(market.size) < market.size // 2
        return market * np.where(half, signs, 1)


@pytest.mark.parametrize("given", [study(), Prices(), study(Leak.SAME_BAR_FILL)], ids=range(3))
def test_a_market_that_has_the_signs_asked_for_is_redrawn(given: MovesStudy) -> None:
    assert isinstance(really_redrawn(given, MOVES, 1), Pass)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Same(), "a constant position have"),
        (Halves(), "7[0-9] % of the profits"),
        (Sideways(), "no feature notices"),
    ],
    ids=["same", "half", "features"],
)
def test_one_that_has_not_shows_nothing(given: MovesStudy, words: str) -> None:
    verdict = really_redrawn(given, MOVES, 8)
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].code == "leak.not_redrawn"
    assert re.search(words, verdict.findings[0].detail)


def test_a_market_without_moves_says_nothing_of_its_redrawing() -> None:
    found = really_redrawn(study(), np.zeros(400), 1)
    assert isinstance(found, Inconclusive)
    assert "0 of 30 rows" in found.findings[0].detail


def test_what_was_compared_with_the_same_market_is_open_and_a_refusal_stays_one() -> None:
    rules = BatteryRules(surrogates=8, shuffles=8)
    report = battery(Same(Leak.WHOLE_SERIES), MOVES, rules, 8)
    for one in (report.causality, report.purge):
        assert isinstance(one, Inconclusive)
        assert {finding.code for finding in one.findings} == {"leak.not_redrawn"}
    assert not isinstance(report.surrogates, Pass)
    shuffled = battery(Same(Leak.SHUFFLED_FOLDS), MOVES, rules, 8)
    assert isinstance(shuffled.purge, Refuse)


class Elsewhere(MovesStudy):
    """Gives the signs that are asked for to other moves."""

    def redrawn(self, market, signs):
        return market * np.roll(signs, 7)


def test_surrogates_that_earn_nothing_on_another_market_than_asked_for_stay_open() -> None:
    rules = BatteryRules(surrogates=8, shuffles=8)
    assert isinstance(surrogates(Elsewhere(), MOVES, rules, 8, lambda: None).verdict, Pass)
    report = battery(Elsewhere(), MOVES, rules, 8)
    assert isinstance(report.surrogates, Inconclusive)
    assert report.surrogates.findings[0].code == "leak.not_redrawn"


class Leaving(MovesStudy):
    """Tries to end the process."""

    def positions(self, *given):
        del given
        raise SystemExit(0)


def test_a_study_that_leaves_is_a_refusal_that_says_so() -> None:
    report = battery(Leaving(), MOVES, BatteryRules(surrogates=8, shuffles=8), 8)
    assert set(report.fired) == {"surrogates", "sentinel"}
    assert "SystemExit: 0" in report.sentinel.findings[0].detail
