from __future__ import annotations

import numpy as np
import pytest
import torch as th
from stable_baselines3 import PPO

from stairway.base.errors import ConfigError, DataError
from stairway.training.ppo.kernels import Adam
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.weights import adam_of, layout_of, set_adam, set_weights, weights


@pytest.fixture
def stock(make, pond) -> PPO:
    return make(PPO, pond())


@pytest.mark.parametrize(
    "arch", [[], [7], {"pi": [3, 4, 5], "vf": []}, {"pi": [], "vf": [6, 2]}]
)
def test_the_vector_is_that_of_pytorch(make, pond, arch) -> None:
    policy = make(PPO, pond(), policy_kwargs={"net_arch": arch}).policy
    want = th.nn.utils.parameters_to_vector(policy.parameters()).detach().numpy()
    np.testing.assert_array_equal(weights(policy), want)
    assert layout_of(policy).parameters == want.size


def test_the_layout_names_the_parts_of_the_vector(stock: PPO) -> None:
    layout, flat = layout_of(stock.policy), weights(stock.policy)
    assert layout == Layout(5, (16, 8), (12,), 3)
    for tensor in layout.tensors():
        part = stock.policy.state_dict()[tensor.name].numpy()
        np.testing.assert_array_equal(
            flat[tensor.start : tensor.stop].reshape(tensor.shape), part
        )


def test_weights_are_copies(stock: PPO) -> None:
    flat = weights(stock.policy)
    before = flat.copy()
    with th.no_grad():
        for parameter in stock.policy.parameters():
            parameter.add_(1)
    np.testing.assert_array_equal(flat, before)
    flat[:] = 0
    assert not np.array_equal(weights(stock.policy), flat)


def test_what_is_set_is_what_is_read_and_is_not_shared(stock: PPO) -> None:
    flat = np.random.default_rng(0).normal(size=weights(stock.policy).size).astype(np.float32)
    given = flat.copy()
    set_weights(stock.policy, given)
    given[:] = 0
    np.testing.assert_array_equal(weights(stock.policy), flat)


def test_weights_that_do_not_fit_change_nothing(stock: PPO) -> None:
    before = weights(stock.policy)
    with_hole = before + 1
    with_hole[-1] = np.nan
    for bad in (before[:-1] + 1, with_hole):
        with pytest.raises(DataError):
            set_weights(stock.policy, bad)
        np.testing.assert_array_equal(weights(stock.policy), before)


def test_a_policy_with_other_parameters_is_no_layout(stock: PPO) -> None:
    stock.policy.register_parameter("more", th.nn.Parameter(th.zeros(2)))
    with pytest.raises(ConfigError, match="'more'"):
        layout_of(stock.policy)


def test_before_the_first_step_there_are_no_moments(stock: PPO) -> None:
    adam = adam_of(stock.policy)
    assert adam.steps.tolist() == [0]
    assert not adam.first.any()
    assert not adam.second.any()
    np.testing.assert_array_equal(adam.flat, weights(stock.policy))


def test_moments_of_stock_are_read_in_the_order_of_the_weights(stock: PPO) -> None:
    stock.learn(128)
    adam, state = adam_of(stock.policy), stock.policy.optimizer.state
    first = th.cat([state[p]["exp_avg"].flatten() for p in stock.policy.parameters()]).numpy()
    np.testing.assert_array_equal(adam.first, first)
    assert adam.steps.tolist() == [12]
    assert (adam.second > 0).any()


def test_the_optimiser_of_pytorch_goes_on_from_moments_that_were_set(make, pond) -> None:
    one, other = make(PPO, pond()), make(PPO, pond(), seed=6)
    one.learn(128)
    set_adam(other.policy, adam_of(one.policy))
    for model in (one, other):
        loss = sum(
            (p * th.arange(p.numel()).view(p.shape)).sum() for p in model.policy.parameters()
        )
        model.policy.optimizer.zero_grad()
        loss.backward()
        model.policy.optimizer.step()
    np.testing.assert_array_equal(weights(one.policy), weights(other.policy))
    assert adam_of(other.policy).steps.tolist() == [13]


def test_moments_that_were_set_are_not_shared(stock: PPO) -> None:
    stock.learn(128)
    given = adam_of(stock.policy)
    kept = [array.copy() for array in given]
    set_adam(stock.policy, given)
    for array in given:
        array[:] = 0
    for before, now in zip(kept, adam_of(stock.policy), strict=True):
        np.testing.assert_array_equal(now, before)


def test_a_moment_with_a_hole_changes_nothing(stock: PPO) -> None:
    stock.learn(128)
    before = adam_of(stock.policy)
    for field in ("flat", "first", "second"):
        bad = Adam(*(array.copy() + 1 for array in before))
        getattr(bad, field)[0] = np.nan
        with pytest.raises(DataError):
            set_adam(stock.policy, bad)
        for kept, now in zip(before, adam_of(stock.policy), strict=True):
            np.testing.assert_array_equal(kept, now)


def test_parameters_that_have_taken_different_steps_are_refused(stock: PPO) -> None:
    stock.learn(128)
    state = stock.policy.optimizer.state
    some = next(iter(stock.policy.parameters()))
    state[some]["step"] += 1
    with pytest.raises(ConfigError, match=r"\[12, 13\] steps"):
        adam_of(stock.policy)
    del state[some]
    with pytest.raises(ConfigError, match="as many"):
        adam_of(stock.policy)
