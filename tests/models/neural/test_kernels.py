"""The compiled forward pass says what plain NumPy and PyTorch say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from stairway.models.neural import kernels
from stairway.models.observation import OBSERVATION
from stairway.models.policy import Policy
from stairway.testing.models import toy_actor

N = 256
SHAPES = [(), (1,), (16,), (64, 64), (3, 5, 7), (128, 32), (33,)]
RNG = np.random.default_rng(2)
SHOWN = (RNG.standard_normal((N, OBSERVATION)) * 2.0).astype(np.float32)


def plain(policy: Policy, shown: np.ndarray) -> np.ndarray:
    """The same network, as the textbook has it, in float64."""
    values = shown.astype(np.float64)
    for weight, bias in zip(policy.weights[:-1], policy.biases[:-1], strict=True):
        values = np.tanh(values @ weight.T + bias)
    return values @ policy.weights[-1].T + policy.biases[-1]


def in_torch(policy: Policy) -> torch.nn.Sequential:
    modules: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(policy.widths.tolist()):
        modules += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    network = torch.nn.Sequential(*modules[:-1])
    with torch.no_grad():
        for layer, weight, bias in zip(
            network[::2], policy.weights, policy.biases, strict=True
        ):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return network


def worst(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.float64) - other).max())


@pytest.mark.parametrize("hidden", SHAPES)
def test_the_kernel_equals_numpy_on_256_vectors(hidden: tuple[int, ...]) -> None:
    policy = toy_actor(5, hidden).policy
    assert worst(policy.logits(SHOWN), plain(policy, SHOWN)) <= 1e-5


@pytest.mark.parametrize("hidden", SHAPES)
def test_the_kernel_equals_torch_on_256_vectors(hidden: tuple[int, ...]) -> None:
    policy = toy_actor(6, hidden).policy
    with torch.no_grad():
        said = in_torch(policy)(torch.from_numpy(SHOWN)).numpy()
    assert worst(policy.logits(SHOWN), said) <= 1e-5


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 40), min_size=0, max_size=4).map(tuple),
)
def test_any_depth_and_width_equals_numpy(seed: int, hidden: tuple[int, ...]) -> None:
    policy = toy_actor(seed, hidden).policy
    assert worst(policy.logits(SHOWN[:8]), plain(policy, SHOWN[:8])) <= 1e-5


def test_a_row_alone_is_answered_as_in_a_batch_to_the_bit() -> None:
    policy = toy_actor(7, (64, 64)).policy
    table = policy.logits(SHOWN)
    for row, said in zip(SHOWN, table, strict=True):
        alone = kernels.logits(row[None], policy.flat, policy.widths)
        np.testing.assert_array_equal(alone[0], said)
    shares = kernels.probabilities(SHOWN, policy.flat, policy.widths)
    for row, said in zip(SHOWN, shares, strict=True):
        alone = kernels.probabilities(row[None], policy.flat, policy.widths)
        np.testing.assert_array_equal(alone[0], said)


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    policy = toy_actor(13, (64, 64)).policy
    scores = policy.logits(SHOWN).astype(np.float64)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    said = kernels.probabilities(SHOWN, policy.flat, policy.widths)
    np.testing.assert_allclose(said, expected, rtol=1e-12)
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-12)


def test_what_was_asked_before_does_not_matter() -> None:
    policy = toy_actor(8).policy
    np.testing.assert_array_equal(policy.logits(SHOWN[::-1])[::-1], policy.logits(SHOWN))


def test_rows_that_lie_scattered_in_memory_are_answered_alike() -> None:
    policy = toy_actor(9).policy
    wide = np.repeat(SHOWN, 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(policy.logits(wide), policy.logits(SHOWN))


def test_a_hole_in_one_row_does_not_reach_the_next() -> None:
    policy = toy_actor(10).policy
    shown = SHOWN[:6].copy()
    for row, hole in ((1, np.nan), (3, np.inf), (4, -np.inf)):
        shown[row, row] = hole
    said = policy.logits(shown)
    assert np.isnan(said).all(axis=1).tolist() == [False, True, False, True, True, False]
    np.testing.assert_array_equal(said[[0, 2, 5]], policy.logits(SHOWN)[[0, 2, 5]])


def test_the_observation_is_left_alone() -> None:
    policy = toy_actor(11).policy
    shown = SHOWN.copy()
    policy.logits(shown)
    kernels.probabilities(shown, policy.flat, policy.widths)
    np.testing.assert_array_equal(shown, SHOWN)


def test_even_enormous_scores_have_probabilities() -> None:
    head = np.zeros((9, OBSERVATION), np.float32)
    head[:, 0] = np.linspace(-100.0, 100.0, 9)
    policy = Policy((head,), (np.zeros(9, np.float32),))
    shown = np.zeros((1, OBSERVATION), np.float32)
    shown[0, 0] = 1e6
    said = kernels.probabilities(shown, policy.flat, policy.widths)
    assert said.tolist() == [[0.0] * 8 + [1.0]]


def test_each_weight_and_bias_matters_and_lies_where_it_should() -> None:
    policy = toy_actor(12, (4, 3)).policy
    before = policy.logits(SHOWN)
    for layer, (weight, bias) in enumerate(zip(policy.weights, policy.biases, strict=True)):
        for place in np.ndindex(weight.shape):
            weights = [w.copy() for w in policy.weights]
            weights[layer][place] += np.float32(0.5)
            changed = Policy(tuple(weights), policy.biases)
            said = changed.logits(SHOWN)
            assert worst(said, plain(changed, SHOWN)) <= 1e-5
            assert worst(said, before) > 1e-3
        for place in range(bias.size):
            biases = [b.copy() for b in policy.biases]
            biases[layer][place] += np.float32(0.5)
            changed = Policy(policy.weights, tuple(biases))
            assert worst(changed.logits(SHOWN), plain(changed, SHOWN)) <= 1e-5
