from __future__ import annotations

import numpy as np
import pytest

from stairway.app.validate.given import Given
from stairway.app.validate.scale import require_returns
from stairway.base.errors import DataError
from stairway.evaluation.sceptic.record import Record
from stairway.testing.sceptic import proof_rules

N = 300
RULES = proof_rules()
NOISE = np.random.default_rng(0).normal(0.0, 0.01, (N, 2))


def given(net: np.ndarray, periods_per_year: float = 252.0, **beside: np.ndarray) -> Given:
    record = Record(
        net=net,
        names=("a", "b"),
        chosen=0,
        n_trials=2,
        periods_per_year=periods_per_year,
        **beside,
    )
    return Given(np.arange(N) * 86_400_000_000_000, record, ())


def test_simple_returns_are_taken_and_so_are_those_of_nothing() -> None:
    require_returns(given(NOISE), RULES, "r.csv")
    require_returns(given(np.zeros((N, 2))), RULES, "r.csv")


@pytest.mark.parametrize("loss", [-1.0, -1.5])
def test_a_loss_of_everything_names_its_row_and_column(loss: float) -> None:
    net = NOISE.copy()
    net[7, 1] = loss
    with pytest.raises(
        DataError, match=rf"row 7 \(1970-01-08.*of r.csv: column 'b' is {loss:g}"
    ):
        require_returns(given(net), RULES, "r.csv")


def test_per_cent_and_prices_are_told_apart() -> None:
    with pytest.raises(DataError, match="are these per cent"):
        require_returns(given(30.0 * np.clip(NOISE, -0.03, 0.03)), RULES, "r.csv")
    with pytest.raises(DataError, match=r"usual moves of .*are these prices"):
        require_returns(given(100.0 + NOISE), RULES, "r.csv")


def test_what_is_just_beyond_a_bound_is_told_from_it() -> None:
    most = RULES.max_usual_move_frac
    net = np.tile([[most * 1.001], [-most * 1.001]], (N // 2, 2))
    with pytest.raises(DataError) as caught:
        require_returns(given(net), RULES, "r.csv")
    value, bound = f"{100 * most * 1.001:.2f}", f"{100 * most:g}"
    assert f"moves of {value} % a row, and at most {bound} % is believed" in str(caught.value)
    net = NOISE.copy()
    net[7, 1] = -1.0000001
    with pytest.raises(DataError, match=r"column 'b' is -1\.0000001, a loss of everything"):
        require_returns(given(net), RULES, "r.csv")


def test_hours_in_per_cent_are_too_wild_a_year() -> None:
    hourly = np.clip(12.0 * NOISE, -0.9, 0.9)
    require_returns(given(hourly), RULES, "r.csv")
    with pytest.raises(DataError, match=r"a volatility of 1,\d\d\d % a year"):
        require_returns(given(hourly, periods_per_year=8760.0), RULES, "r.csv")


def test_those_beside_it_are_looked_at_and_a_policy_may_believe_more() -> None:
    wild = np.clip(25.0 * NOISE[:, 0], -0.9, 0.9)
    with pytest.raises(DataError, match=r"the baseline of r.csv .*max_usual_move_frac"):
        require_returns(given(NOISE, baseline=2.0 * np.abs(wild)), RULES, "r.csv")
    with pytest.raises(DataError, match=r"the champion of r\.csv"):
        require_returns(given(NOISE, champion=2.0 * np.abs(wild)), RULES, "r.csv")
    with pytest.raises(DataError, match=r"the gross of r\.csv"):
        require_returns(given(NOISE, gross=2.0 * np.abs(wild)), RULES, "r.csv")
    rules = proof_rules(max_usual_move_frac=2.0, max_annual_volatility_frac=20.0)
    require_returns(given(NOISE, baseline=2.0 * np.abs(wild)), rules, "r.csv")


def test_a_column_that_is_no_try_says_how_to_name_it_and_one_beside_it_does_not() -> None:
    positions = np.column_stack([NOISE[:, 0], np.sign(NOISE[:, 1])])
    with pytest.raises(DataError, match=r"column 'b' .*no option names counts .*--position"):
        require_returns(given(positions), RULES, "r.csv")
    with pytest.raises(DataError, match=r"usual moves .*no option names counts .*--market"):
        require_returns(given(np.abs(positions)), RULES, "r.csv")
    with pytest.raises(DataError, match="the baseline") as said:
        require_returns(given(NOISE, baseline=positions[:, 1]), RULES, "r.csv")
    assert "--position" not in str(said.value)
