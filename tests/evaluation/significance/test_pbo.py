from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy.stats import rankdata

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.pbo import Overfitting, overfitting


def judged(returns: np.ndarray, n_blocks: int) -> Overfitting:
    found = overfitting(returns, n_blocks)
    assert isinstance(found, Overfitting), found
    return found


def the_slow_way(returns: np.ndarray, n_blocks: int) -> list[tuple[float, float, float]]:
    """Give (inside, outside, logit) of every split, row by row."""
    blocks = np.array_split(np.arange(returns.shape[0]), n_blocks)
    found = []
    for chosen in itertools.combinations(range(n_blocks), n_blocks // 2):
        rows = np.concatenate([blocks[b] for b in chosen])
        others = np.setdiff1d(np.arange(returns.shape[0]), rows)
        inside, outside = (
            returns[half].mean(axis=0) / returns[half].std(axis=0, ddof=1)
            for half in (rows, others)
        )
        best = int(np.argmax(inside))
        rank = rankdata(outside)[best] / (returns.shape[1] + 1)
        found.append((inside[best], outside[best], math.log(rank / (1.0 - rank))))
    return found


@pytest.mark.parametrize(("rows", "columns", "blocks"), [(60, 5, 2), (97, 7, 6), (130, 4, 8)])
def test_every_split_is_that_of_the_slow_way(rows: int, columns: int, blocks: int) -> None:
    returns = np.random.default_rng(rows).normal(1.0, 1.0, (rows, columns))

    found = judged(returns, blocks)

    slow = np.array(the_slow_way(returns, blocks))
    np.testing.assert_allclose(found.inside, slow[:, 0], rtol=1e-10)
    np.testing.assert_allclose(found.outside, slow[:, 1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.logits, slow[:, 2], atol=1e-12)
    assert found.pbo == np.mean(slow[:, 2] <= 1e-12)
    assert found.pbo_below == np.mean(slow[:, 2] < -1e-12)
    assert found.loss_frac == np.mean(slow[:, 1] < 0.0)


def test_sixteen_blocks_have_all_their_splits() -> None:
    returns = np.random.default_rng(0).standard_normal((320, 6))

    found = judged(returns, 16)

    assert found.logits.size == math.comb(16, 8) == 12_870
    assert (found.n_rows, found.n_configurations) == (320, 6)


def test_a_ladder_that_stays_a_ladder_is_never_overfitted() -> None:
    noise = np.random.default_rng(1).standard_normal(320) * 0.01

    found = judged(np.column_stack([noise + 0.001 * k for k in range(8)]), 8)

    assert found.pbo == 0.0
    assert found.logits.min() == pytest.approx(math.log(8.0))


def test_specialists_of_one_block_are_always_overfitted() -> None:
    returns = np.random.default_rng(2).standard_normal((320, 8)) * 1e-4 - 0.001
    for k in range(8):
        returns[k * 40 : (k + 1) * 40, k] += 0.008

    found = judged(returns, 8)

    assert found.pbo == 1.0
    assert found.loss_frac == 1.0


def test_noise_is_no_better_than_a_coin() -> None:
    rng = np.random.default_rng(3)
    shares = [judged(rng.standard_normal((256, 10)), 8).pbo for _ in range(60)]

    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)


def test_the_two_ways_to_count_differ_on_the_median_only() -> None:
    odd = judged(np.random.default_rng(4).standard_normal((96, 5)), 6)
    even = judged(np.random.default_rng(4).standard_normal((96, 6)), 6)

    on_median = np.mean(odd.logits == 0.0)
    assert on_median > 0.0
    assert odd.pbo - odd.pbo_below == pytest.approx(on_median)
    assert even.pbo == even.pbo_below


def test_configurations_that_are_the_same_share_their_rank() -> None:
    one = np.random.default_rng(5).standard_normal(96)

    found = judged(np.column_stack([one, one, one]), 6)

    assert np.all(found.logits == 0.0)
    assert (found.pbo, found.pbo_below) == (1.0, 0.0)


@pytest.mark.parametrize("scale", [1e-250, 1e-3, 1e250])
def test_the_currency_does_not_matter(scale: float) -> None:
    returns = np.random.default_rng(6).standard_normal((96, 5))

    assert np.array_equal(judged(returns * scale, 6).logits, judged(returns, 6).logits)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_configuration_without_a_trade_in_one_half_has_no_ratio_there(value: float) -> None:
    returns = np.random.default_rng(7).standard_normal((96, 4))
    returns[:48, 2] = value

    found = overfitting(returns, 6)

    assert isinstance(found, Undefined)
    assert "configuration 2 is constant" in found.reason


@pytest.mark.parametrize(
    ("shape", "blocks", "bound"),
    [((59, 3), 4, 60.0), ((0, 3), 4, 60.0), ((96, 1), 4, 2.0), ((96, 0), 4, 2.0)],
)
def test_too_few_say_how_many_are_needed(
    shape: tuple[int, int], blocks: int, bound: float
) -> None:
    found = overfitting(np.random.default_rng(0).standard_normal(shape), blocks)

    assert isinstance(found, Inconclusive)
    assert found.findings[0].bound == bound


@pytest.mark.parametrize("blocks", [-2, 0, 1, 7, 22])
def test_an_odd_or_endless_number_of_blocks_is_refused(blocks: int) -> None:
    with pytest.raises(DataError, match="even number from 2 to 20"):
        overfitting(np.random.default_rng(0).standard_normal((96, 4)), blocks)


def test_a_hole_is_refused_by_its_row_and_column() -> None:
    returns = np.random.default_rng(0).standard_normal((96, 4))
    returns[11, 3] = math.nan

    with pytest.raises(DataError, match="row 11, column 3 is nan"):
        overfitting(returns, 6)
    with pytest.raises(DataError, match="rows by columns"):
        overfitting(returns[:, 0], 6)


def test_a_long_table_is_judged_without_a_second_one_beside_it() -> None:
    """A million rows of fifty configurations are 0.4 GB, and 1 GB is all there may be."""
    table = np.random.default_rng(0).standard_normal((160_000, 10))
    overfitting(table[:100], 2)
    tracemalloc.start()
    try:
        overfitting(table, 16)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < table.nbytes / 2
