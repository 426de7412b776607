"""FastPPO learns what stock Stable-Baselines3 learns, given roll-outs and minibatches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO

from stairway.training.ppo.fast import FastPPO
from stairway.training.ppo.weights import adam_of, weights

LIMIT = 1e-4
"""Distance of the parameters, L2, that 1,600 gradient steps may make."""


def side_by_side(stock: PPO, fast: FastPPO, copy_rollout: Any, rollouts: int) -> None:
    """Let stock collect, and both learn from it in the same order."""
    _, watcher = stock._setup_learn(10**9)
    for i in range(rollouts):
        stock.collect_rollouts(stock.env, watcher, stock.rollout_buffer, stock.n_steps)
        copy_rollout(stock.rollout_buffer, fast.rollout_buffer)
        for model in (stock, fast):
            np.random.seed(100 + i)  # noqa: NPY002 - what stock draws from
            model.train()


def distance(one: PPO, other: PPO) -> float:
    return float(np.linalg.norm(weights(one.policy) - weights(other.policy)))


def test_after_1600_gradient_steps_the_parameters_are_those_of_stock(
    make, given, pond, copy_rollout
) -> None:
    big = {"n_steps": 32, "batch_size": 64, "n_epochs": 10, "policy_kwargs": None}
    stock = make(PPO, pond(64, 26, 9), **big)
    fast = make(given, pond(64, 26, 9), **big)
    start = weights(stock.policy)
    side_by_side(stock, fast, copy_rollout, 5)
    assert adam_of(fast.policy).steps[0] == 1600
    assert np.linalg.norm(weights(stock.policy) - start) > 1.0
    assert distance(stock, fast) < LIMIT


def test_without_the_same_minibatches_they_would_be_far_apart(make, pond, copy_rollout) -> None:
    """So the test above can fail."""
    stock, fast = make(PPO, pond()), make(FastPPO, pond())
    side_by_side(stock, fast, copy_rollout, 2)
    assert distance(stock, fast) > 10 * LIMIT


CASES: dict[str, dict[str, Any]] = {
    "as usual": {},
    "advantages as they are": {"normalize_advantage": False},
    "no entropy": {"ent_coef": 0.0},
    "much entropy, little value": {"ent_coef": 0.2, "vf_coef": 0.1},
    "tight clip": {"clip_range": 0.02},
    "tight norm": {"max_grad_norm": 0.01},
    "loose norm": {"max_grad_norm": 1e9},
    "large steps": {"learning_rate": 1e-2},
    "one epoch": {"n_epochs": 1},
    "one minibatch": {"batch_size": 128},
    "no hidden layers": {"policy_kwargs": {"net_arch": []}},
    "three layers": {"policy_kwargs": {"net_arch": [5, 9, 3]}},
    "own extractors": {"policy_kwargs": {"share_features_extractor": False}},
    "other moments": {
        "policy_kwargs": {"optimizer_kwargs": {"betas": (0.8, 0.99), "eps": 1e-3}}
    },
    "one environment": {"n_envs": 1, "n_steps": 128},
    "two actions": {"actions": 2},
    "schedules": {"learning_rate": lambda f: 1e-3 * f, "clip_range": lambda f: 0.1 + 0.2 * f},
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_every_setting_means_what_it_means_to_stock(
    make, given, pond, copy_rollout, case: str
) -> None:
    settings = dict(CASES[case])
    size = (settings.pop("n_envs", 4), 5, settings.pop("actions", 3))
    stock, fast = make(PPO, pond(*size), **settings), make(given, pond(*size), **settings)
    side_by_side(stock, fast, copy_rollout, 4)
    assert distance(stock, fast) < LIMIT
    logs, mine = stock.logger.name_to_value, fast.logger.name_to_value
    for name in (name for name in logs if name.startswith("train/")):
        assert mine[name] == pytest.approx(logs[name], rel=1e-3, abs=1e-5), name
    assert mine.keys() == {name for name in logs if name.startswith("train/")}


@pytest.mark.filterwarnings("ignore:You have specified a mini-batch size:UserWarning")
@pytest.mark.parametrize("batch_size", [50, 127, 200], ids=["28 left", "1 left", "too large"])
def test_the_last_minibatch_may_be_short(
    make, given, pond, copy_rollout, batch_size: int
) -> None:
    """SB3 warns of it when the model is built, rightly; here it is what is tested."""
    stock, fast = (make(kind, pond(), batch_size=batch_size) for kind in (PPO, given))
    side_by_side(stock, fast, copy_rollout, 4)
    assert distance(stock, fast) < LIMIT
    assert adam_of(stock.policy).steps[0] == adam_of(fast.policy).steps[0]


@pytest.mark.parametrize("target_kl", [1e-7, 2e-3, 10.0], ids=["at once", "midway", "never"])
def test_learning_stops_early_where_stock_does(
    make, given, pond, copy_rollout, target_kl: float
) -> None:
    settings = {"target_kl": target_kl, "n_epochs": 8, "learning_rate": 2e-3}
    stock, fast = (make(kind, pond(), **settings) for kind in (PPO, given))
    side_by_side(stock, fast, copy_rollout, 3)
    assert distance(stock, fast) < LIMIT
    assert stock._n_updates == fast._n_updates
    assert adam_of(stock.policy).steps[0] == adam_of(fast.policy).steps[0]
    for name in ("approx_kl", "policy_gradient_loss", "n_updates", "loss"):
        logs = stock.logger.name_to_value[f"train/{name}"]
        assert fast.logger.name_to_value[f"train/{name}"] == pytest.approx(
            logs, rel=1e-3, abs=1e-5
        )


def test_the_midway_case_stops_midway(make, given, pond, copy_rollout) -> None:
    settings = {"target_kl": 2e-3, "n_epochs": 8, "learning_rate": 2e-3}
    stock, fast = (make(kind, pond(), **settings) for kind in (PPO, given))
    side_by_side(stock, fast, copy_rollout, 3)
    assert 3 <= fast._n_updates < 24
    assert adam_of(fast.policy).steps[0] % 4 != 0
