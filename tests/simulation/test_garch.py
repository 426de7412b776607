"""GARCH with fat tails and one correlation: found again where it was planted."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Refuse
from stairway.simulation import garch
from stairway.simulation.garch import Garch, Leg
from stairway.simulation.scenarios import GarchRules

RULES = GarchRules(min_bars=500, max_persistence=0.9995)
PLANTED = Garch(Leg(0.05, 0.10, 0.85), Leg(0.02, 0.05, 0.93), 6.0, 0.6)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def refusal(returns: FloatArray, rules: GarchRules = RULES) -> str:
    answer = garch.fit(returns, rules)
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def kurtosis(values: FloatArray) -> float:
    return float(np.mean((values - values.mean()) ** 4) / values.var() ** 2)


@pytest.fixture(scope="module")
def planted() -> FloatArray:
    return garch.simulate(PLANTED, 20_000, generator(1))


def test_what_was_planted_is_found(planted: FloatArray) -> None:
    found = garch.fit(planted, RULES)
    assert isinstance(found, Garch)
    for leg, true in ((found.first, PLANTED.first), (found.second, PLANTED.second)):
        assert leg.alpha == pytest.approx(true.alpha, abs=0.02)
        assert leg.persistence == pytest.approx(true.persistence, abs=0.02)
        assert leg.level == pytest.approx(true.level, rel=0.25)
    assert found.correlation == pytest.approx(0.6, abs=0.03)
    assert found.freedom == pytest.approx(6.0, abs=1.0)


def test_the_fatter_of_both_tails_is_the_one_of_the_pair() -> None:
    fat = garch.simulate(msgspec.structs.replace(PLANTED, freedom=4.0), 8_000, generator(4))
    thin = garch.simulate(msgspec.structs.replace(PLANTED, freedom=40.0), 8_000, generator(5))
    for columns in ((fat[:, 0], thin[:, 1]), (thin[:, 0], fat[:, 1])):
        found = garch.fit(np.column_stack(columns), RULES)
        assert isinstance(found, Garch)
        assert found.freedom < 6.0


def test_simulated_returns_have_the_level_and_correlation_of_the_model(
    planted: FloatArray,
) -> None:
    assert planted.shape == (20_000, 2)
    assert planted.var(axis=0) == pytest.approx([1.0, 1.0], rel=0.2)
    assert np.corrcoef(planted.T)[0, 1] == pytest.approx(0.6, abs=0.05)
    assert abs(planted.mean(axis=0)).max() < 0.03, "nobody is paid for being long"


def test_volatility_comes_in_clusters_and_tails_are_fat(planted: FloatArray) -> None:
    size = np.abs(planted[:, 0])
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1
    assert abs(np.corrcoef(planted[1:, 0], planted[:-1, 0])[0, 1]) < 0.05
    assert kurtosis(planted[:, 0]) > 4.0


def test_the_variance_follows_its_own_recursion() -> None:
    drawn = garch.simulate(PLANTED, 50, generator(3))
    again = generator(3)
    shocks = again.standard_normal((50, 2))
    shocks[:, 1] = 0.6 * shocks[:, 0] + 0.8 * shocks[:, 1]
    shocks *= np.sqrt(4.0 / again.chisquare(6.0, 50))[:, None]
    for k, leg in enumerate((PLANTED.first, PLANTED.second)):
        variance = leg.level
        for t in range(50):
            assert drawn[t, k] == pytest.approx(shocks[t, k] * np.sqrt(variance), rel=1e-12)
            variance = leg.omega + leg.alpha * drawn[t, k] ** 2 + leg.beta * variance


def test_the_same_state_draws_the_same_returns() -> None:
    first, second = (garch.simulate(PLANTED, 100, generator(5)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert garch.simulate(PLANTED, 100, generator(6)).tobytes() != first.tobytes()


def test_the_fit_does_not_depend_on_anything_but_the_returns(planted: FloatArray) -> None:
    part = planted[:2_000].copy()
    first, second = garch.fit(part, RULES), garch.fit(np.asfortranarray(part), RULES)
    assert first == second
    assert (part == planted[:2_000]).all(), "what is given is not changed"


def test_too_few_returns_are_refused() -> None:
    assert refusal(np.ones((499, 2))) == "scenario.garch_too_few"
    assert refusal(np.empty((0, 2))) == "scenario.garch_too_few"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_returns_that_are_no_numbers_are_refused(bad: float, planted: FloatArray) -> None:
    broken = planted[:600].copy()
    broken[300, 1] = bad
    assert refusal(broken) == "scenario.garch_no_returns"


def test_an_instrument_that_stands_still_is_refused(planted: FloatArray) -> None:
    still = planted[:600].copy()
    still[:, 0] = 0.0
    assert refusal(still) == "scenario.garch_no_returns"


def test_volatility_without_a_level_to_return_to_is_refused(planted: FloatArray) -> None:
    strict = GarchRules(min_bars=500, max_persistence=0.5)
    answer = garch.fit(planted[:3_000], strict)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.garch_unfit"
    assert answer.findings[0].value is not None
    assert answer.findings[0].value > answer.findings[0].bound == 0.5
    assert "give a longer history" in answer.findings[0].detail


def test_without_correlation_both_go_their_own_way() -> None:
    alone = Garch(PLANTED.first, PLANTED.second, 30.0, 0.0)
    drawn = garch.simulate(alone, 20_000, generator(2))
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.03
