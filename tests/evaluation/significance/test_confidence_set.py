from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import MCS

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.bootstrap import Resampling
from stairway.evaluation.significance.confidence_set import (
    ConfidenceSet,
    confidence_set,
    eliminate,
)


def rules(n_resamples: int = 999, block_rows: float | None = 5.0) -> Resampling:
    return Resampling(n_resamples=n_resamples, block_rows=block_rows)


def judged(losses: np.ndarray, level: float, given: Resampling, seed: int = 0) -> ConfidenceSet:
    found = confidence_set(losses, level, given, np.random.default_rng(seed))
    assert isinstance(found, ConfidenceSet), found
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_the_same_resamples_the_p_values_are_those_of_arch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    losses = rng.standard_normal((200, 7)) + np.linspace(0.0, 0.3, 7)
    theirs = MCS(losses, size=0.05, reps=400, block_size=4, method="max", seed=seed)
    theirs.compute()
    drawn = np.array([losses[rows].mean(axis=0) for rows in theirs._bootstrap_indices])

    ours = eliminate(losses.mean(axis=0), drawn - losses.mean(axis=0))

    # Theirs is the share of resamples above; ours counts the sample itself as well.
    shares = theirs.pvalues["Pvalue"].sort_index().to_numpy()
    expected = np.where(shares < 1.0, (1 + 400 * shares) / 401, 1.0)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_the_best_is_in_the_set_as_often_as_promised() -> None:
    rng, runs = np.random.default_rng(1), 150
    kept = everybody = 0
    for _ in range(runs):
        losses = rng.standard_normal((150, 5))
        found = judged(losses, 0.9, rules(199, 1.0), int(rng.integers(2**31)))
        kept += 0 in found.members
        everybody += len(found.members) == 5

    assert kept / runs >= 0.9
    assert 0.84 <= everybody / runs <= 0.96


def test_who_is_clearly_worse_is_out_and_who_cannot_be_told_is_in() -> None:
    losses = np.random.default_rng(2).standard_normal((600, 5))
    losses[:, 1] += 0.6
    losses[:, 4] += 0.4

    found = judged(losses, 0.95, rules(block_rows=None))

    assert found.members == (0, 2, 3)
    assert max(found.p_values) == 1.0
    assert found.p_values[1] <= found.p_values[4] < 0.05


def test_more_confidence_never_puts_anybody_out() -> None:
    losses = np.random.default_rng(3).standard_normal((200, 6)) + np.linspace(0.0, 0.25, 6)

    members = [set(judged(losses, level, rules()).members) for level in (0.5, 0.8, 0.95, 0.99)]

    assert members[0] <= members[1] <= members[2] <= members[3]
    assert members[0]


def test_what_all_lose_together_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    losses, market = rng.standard_normal((200, 4)), 50.0 * rng.standard_normal((200, 1))

    assert judged(losses + market, 0.95, rules()).p_values == pytest.approx(
        judged(losses, 0.95, rules()).p_values
    )


def test_twins_stay_or_go_together() -> None:
    losses = np.random.default_rng(5).standard_normal((300, 3))
    losses[:, 2] = losses[:, 0]
    losses[:, 1] += 1.0

    found = judged(losses, 0.95, rules())

    assert found.members == (0, 2)
    assert found.p_values[0] == found.p_values[2] == 1.0


def test_who_is_worse_at_every_row_is_out() -> None:
    losses = np.random.default_rng(6).standard_normal((300, 3))
    losses[:, 2] = losses[:, 0] + 0.5

    assert 2 not in judged(losses, 0.95, rules()).members


@pytest.mark.parametrize("block", [None, 5.0])
@pytest.mark.parametrize("apart", [0.0, 0.5])
def test_models_that_never_differ_are_nothing_to_choose_among(
    block: float | None, apart: float
) -> None:
    one = np.random.default_rng(7).standard_normal((100, 1))
    losses = one + apart * np.arange(3.0)

    found = confidence_set(losses, 0.95, rules(block_rows=block), np.random.default_rng(0))

    assert isinstance(found, Undefined)


@pytest.mark.parametrize(("shape", "bound"), [((29, 3), 30.0), ((100, 1), 2.0)])
def test_too_few_say_how_many_are_needed(shape: tuple[int, int], bound: float) -> None:
    losses = np.random.default_rng(7).standard_normal(shape)

    found = confidence_set(losses, 0.95, rules(), np.random.default_rng(0))

    assert isinstance(found, Inconclusive)
    assert found.findings[0].bound == bound


def test_bad_input_is_refused() -> None:
    rng, losses = np.random.default_rng(0), np.random.default_rng(0).standard_normal((60, 3))
    with pytest.raises(DataError, match="between 0 and 1"):
        confidence_set(losses, 95.0, rules(), rng)
    losses[5, 2] = math.nan
    with pytest.raises(DataError, match="row 5, column 2 is nan"):
        confidence_set(losses, 0.95, rules(), rng)


def test_the_set_holds_those_whose_p_value_is_more_than_the_level_leaves() -> None:
    losses = np.random.default_rng(8).standard_normal((200, 8)) + np.linspace(0.0, 0.3, 8)
    p_values = judged(losses, 0.95, rules()).p_values

    for p in sorted(set(p_values))[:-2]:
        # Given a level that leaves a little more than this p-value, or a little less
        without = judged(losses, 1.0 - 1.01 * p, rules())
        within = judged(losses, 1.0 - 0.99 * p, rules())

        assert without.members == tuple(k for k, one in enumerate(p_values) if one > p)
        assert within.members == tuple(k for k, one in enumerate(p_values) if one >= p)
