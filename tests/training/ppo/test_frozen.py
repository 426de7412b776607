from __future__ import annotations

import threading

import numpy as np
import pytest
import torch as th
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.training.ppo import kernels
from stairway.training.ppo.fast import FastPPO, run_rollouts
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.weights import layout_of, weights

WIDTHS = st.lists(st.integers(1, 9), max_size=2).map(tuple)
LAYOUTS = st.builds(
    Layout, inputs=st.integers(1, 6), policy=WIDTHS, value=WIDTHS, actions=st.integers(1, 5)
)


def some(layout: Layout, seed: int = 0) -> FrozenPolicy:
    flat = np.random.default_rng(seed).normal(size=layout.parameters).astype(np.float32)
    return FrozenPolicy(layout, flat)


def chances(frozen: FrozenPolicy, seen: np.ndarray) -> np.ndarray:
    """Ask the kernel that walks with it."""
    room = np.empty(len(seen) * frozen.layout.units, np.float32)
    return kernels.chances(frozen.layout.net, frozen.flat, seen, room)


def rows(n: int, inputs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, inputs)).astype(np.float32)


SMALL = Layout(3, (4,), (5,), 3)


@pytest.fixture
def model(make, pond) -> FastPPO:
    model = make(FastPPO, pond())
    run_rollouts(model, 1)
    return model


def test_it_says_what_the_trained_policy_says(model: FastPPO) -> None:
    frozen = FrozenPolicy(layout_of(model.policy), weights(model.policy))
    seen = rows(200, 5)
    np.testing.assert_array_equal(
        chances(frozen, seen).argmax(axis=1), model.predict(seen, deterministic=True)[0]
    )
    with th.no_grad():
        odds = model.policy.get_distribution(th.tensor(seen)).distribution.probs.numpy()
    np.testing.assert_allclose(chances(frozen, seen), odds, rtol=1e-4, atol=1e-6)


def test_what_is_learnt_afterwards_does_not_change_it(model: FastPPO) -> None:
    flat, seen = weights(model.policy), rows(20, 5)
    frozen = FrozenPolicy(layout_of(model.policy), flat)
    before = chances(frozen, seen)
    run_rollouts(model, 1)
    flat[:] = 0
    np.testing.assert_array_equal(chances(frozen, seen), before)


@settings(max_examples=25)
@given(layout=LAYOUTS, n=st.integers(1, 9), seed=st.integers(0, 99))
def test_probabilities_sum_to_one(layout, n, seed) -> None:
    frozen, seen = some(layout, seed), rows(n, layout.inputs, seed)
    odds = chances(frozen, seen)
    assert odds.shape == (n, layout.actions)
    assert ((odds >= 0) & (odds <= 1)).all()
    np.testing.assert_allclose(odds.sum(axis=1), 1.0, atol=1e-5)


def test_rows_alone_are_judged_as_in_company() -> None:
    frozen, seen = some(SMALL), rows(7, 3)
    alone = np.concatenate([chances(frozen, seen[i : i + 1]) for i in range(7)])
    np.testing.assert_allclose(chances(frozen, seen), alone, rtol=1e-5, atol=1e-7)


def test_no_rows_have_no_chances() -> None:
    assert chances(some(SMALL), np.empty((0, 3), np.float32)).shape == (0, 3)


def test_threads_may_share_it() -> None:
    frozen, found = some(Layout(26, (64, 64), (64, 64), 9)), {}
    seen = [rows(100, 26, seed) for seed in range(4)]
    want = [chances(frozen, one) for one in seen]

    def ask(i: int) -> None:
        found[i] = [chances(frozen, seen[i]) for _ in range(50)]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        assert all(np.array_equal(said, want[i]) for said in found[i])


def test_weights_of_another_layout_are_refused() -> None:
    with pytest.raises(DataError, match="weights must be float32"):
        FrozenPolicy(SMALL, np.zeros(3, np.float32))
