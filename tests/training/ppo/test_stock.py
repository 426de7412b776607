"""The zip for other people's tools: stock PPO opens it, acts alike and goes on learning."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from stairway.base.errors import ConfigError
from stairway.testing.practice import env_rules, made_course
from stairway.training.ppo.fast import FastPPO
from stairway.training.ppo.stock import stock_zip
from stairway.training.ppo.vecenv import PairVecEnv

SHOWN = np.random.default_rng(3).standard_normal((64, 26)).astype(np.float32)


TOLD = {
    "n_steps": 64,
    "batch_size": 32,
    "n_epochs": 4,
    "learning_rate": 1e-4,
    "gamma": 0.9,
    "gae_lambda": 0.8,
    "clip_range": 0.1,
    "normalize_advantage": False,
    "ent_coef": 0.01,
    "vf_coef": 0.4,
    "max_grad_norm": 0.6,
    "target_kl": 0.5,
    "policy_kwargs": {"net_arch": {"pi": [16], "vf": [8]}},
}
"""None of them is what PPO takes where nothing is said."""


def env() -> PairVecEnv:
    return PairVecEnv(made_course(400, seed=7), env_rules(), n_envs=4, seed=1)


@pytest.fixture(scope="module")
def trained() -> FastPPO:
    model = FastPPO("MlpPolicy", env(), **TOLD, seed=3, device="cpu")
    return model.learn(2 * 4 * 64)


def test_stock_ppo_opens_the_zip_and_acts_alike(trained: FastPPO) -> None:
    opened = PPO.load(io.BytesIO(stock_zip(trained)), device="cpu")
    assert type(opened) is PPO
    assert type(opened.policy) is ActorCriticPolicy
    np.testing.assert_array_equal(
        opened.predict(SHOWN, deterministic=True)[0],
        trained.predict(SHOWN, deterministic=True)[0],
    )
    for name, tensor in trained.policy.state_dict().items():
        assert torch.equal(opened.policy.state_dict()[name], tensor)
    assert opened.num_timesteps == trained.num_timesteps == 512
    for name in TOLD.keys() - {"clip_range"}:
        assert getattr(opened, name) == getattr(trained, name) == TOLD[name], name
    assert opened.clip_range(0.5) == TOLD["clip_range"]
    assert opened.seed == 3


def test_nothing_of_ours_is_needed_to_open_the_zip(trained: FastPPO) -> None:
    assert b"stairway" not in b"".join(_members(stock_zip(trained)))


def _members(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        told = json.loads(archive.read("data"))
        pickles = [
            base64.b64decode(value[":serialized:"])
            for value in told.values()
            if isinstance(value, dict) and ":serialized:" in value
        ]
        return [*pickles, *(archive.read(name) for name in archive.namelist())]


def test_stock_ppo_goes_on_learning_from_the_zip(trained: FastPPO) -> None:
    opened = PPO.load(io.BytesIO(stock_zip(trained)), env=env(), device="cpu")
    state = opened.policy.optimizer.state_dict()["state"]
    assert len(state) == len(trained.policy.optimizer.state_dict()["state"]) > 0
    opened.learn(256, reset_num_timesteps=False)
    assert opened.num_timesteps == 512 + 256


def test_writing_a_zip_moves_nobody_elses_chance(trained: FastPPO) -> None:
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002 - the one that everybody shares
    stock_zip(trained)
    after = torch.rand(3), np.random.random(3)  # noqa: NPY002
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002 - the one that everybody shares
    assert torch.equal(torch.rand(3), after[0])
    np.testing.assert_array_equal(np.random.random(3), after[1])  # noqa: NPY002


def test_a_policy_of_somebody_elses_class_is_not_written() -> None:
    class Mine(ActorCriticPolicy):
        pass

    model = PPO(Mine, env(), n_steps=16, batch_size=16, device="cpu", seed=1)
    with pytest.raises(ConfigError, match="Mine"):
        stock_zip(model)


def test_the_example_on_the_page_of_practice_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the block of the page that writes a zip
    page = (Path(__file__).parents[3] / "docs" / "practice.md").read_text("utf-8")
    (example,) = [one for one in page.split("```") if "stock_zip" in one]

    # When somebody runs it as it stands
    monkeypatch.chdir(tmp_path)
    left: dict[str, Any] = {}
    exec(example, left)  # noqa: S102 - our own page

    # Then what was opened is stock, and as far as what was trained
    assert type(left["opened"]) is PPO
    assert left["opened"].num_timesteps == left["trained"].num_timesteps == 4_096
    assert (tmp_path / "policy.zip").exists()
