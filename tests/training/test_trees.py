from __future__ import annotations

import numpy as np
import pytest

from stairway.models import forest as forests
from stairway.base.errors import InvariantError
from stairway.models.families import KINDS
from stairway.models.manifest import Family
from stairway.training.boosting import BoostingRules, Sample
from stairway.training.trees import Fitted, fit

FAMILIES = (Family.LIGHTGBM, Family.XGBOOST)


def rules(**changes: float) -> BoostingRules:
    settings = {
        "rounds": 30,
        "learning_rate": 0.1,
        "max_depth": 3,
        "min_leaf_samples": 10.0,
        "l2": 1.0,
        "row_frac": 0.7,
        "column_frac": 0.7,
    }
    return BoostingRules(**(settings | changes))


def sample(n: int = 800, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 4))
    outcome = (rows[:, 1] + rng.standard_normal(n) > 0.0).astype(np.int64)
    return Sample(rows, outcome, rng.uniform(0.05, 1.0, n))


def bytes_of(fitted: Fitted) -> bytes:
    return forests.to_bytes(fitted.forest)


@pytest.mark.parametrize("family", FAMILIES)
def test_trees_find_the_feature_that_matters(family: Family) -> None:
    fitted = fit(family, sample(), rules(), seed=7)
    unseen = sample(seed=1)

    margins = fitted.forest.margins(unseen.rows)

    assert np.corrcoef(margins, unseen.rows[:, 1])[0, 1] > 0.8
    assert margins[unseen.outcome == 1].mean() > margins[unseen.outcome == 0].mean() + 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_the_forest_says_what_the_library_says(family: Family) -> None:
    fitted = fit(family, sample(), rules(), seed=7)
    rows = sample(seed=2).rows.copy()
    rows[::3, 2] = np.nan

    worst = np.abs(fitted.forest.margins(rows) - fitted.reference(rows)).max()

    assert worst <= KINDS[family].tolerance


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_rows_and_seed_give_the_same_forest(family: Family) -> None:
    first, again = (fit(family, sample(), rules(), seed=7) for _ in range(2))
    other = fit(family, sample(), rules(), seed=8)

    assert bytes_of(first) == bytes_of(again)
    assert bytes_of(first) != bytes_of(other)


@pytest.mark.parametrize("family", FAMILIES)
def test_trees_grow_no_larger_than_the_rules_say(family: Family) -> None:
    forest = fit(family, sample(), rules(rounds=12, max_depth=2), seed=7).forest

    assert forest.roots.size <= 12
    assert forest.number.size <= 12 * 7


@pytest.mark.parametrize("family", FAMILIES)
def test_a_leaf_must_hold_independent_samples_and_not_copies(family: Family) -> None:
    # Given 800 rows that are worth 8 independent ones
    rows = sample()
    copies = Sample(rows.rows, rows.outcome, np.full(800, 0.01))

    # When a leaf must hold ten
    forest = fit(family, copies, rules(min_leaf_samples=10.0, row_frac=1.0), seed=7).forest

    # Then there is nothing to split
    assert np.ptp(forest.margins(rows.rows)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_counts_by_its_weight(family: Family) -> None:
    # Given a feature that says up in one half of the rows and down in the other
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1_000, 1))
    outcome = (rows[:, 0] > 0.0).astype(np.int64)
    outcome[500:] = 1 - outcome[500:]

    def slope(first_half: float) -> float:
        weight = np.repeat([first_half, 1.1 - first_half], 500)
        forest = fit(
            family, Sample(rows, outcome, weight), rules(column_frac=1.0), seed=7
        ).forest
        return forest.margin(np.array([1.0])) - forest.margin(np.array([-1.0]))

    # Then the heavier half is believed
    assert slope(1.0) > 0.5
    assert slope(0.1) < -0.5


@pytest.mark.parametrize("family", [f for f in Family if f not in FAMILIES])
def test_what_is_no_tree_is_not_grown(family: Family) -> None:
    with pytest.raises(InvariantError, match="not grown from labelled samples"):
        fit(family, sample(), rules(), seed=7)
