"""What PPO trained and what is served are the same policy, or it is refused by name."""

from __future__ import annotations

import io
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from torch import nn

from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Pass
from stairway.models.actor import Actor
from stairway.models.bodies.policy import PolicyBody
from stairway.models.families import KINDS
from stairway.models.manifest import Family
from stairway.models.normaliser import fit
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import MAX_WEIGHT, observations, probabilities
from stairway.models.sealed import Bundle, SealedModel, pack, unpack
from stairway.testing.models import toy_calibration, toy_policy
from stairway.testing.practice import env_rules, made_course
from stairway.training.ppo.export import (
    actor_of,
    parity_of,
    policy_from,
    policy_of,
    reference_logits,
    stock_zip,
)
from stairway.training.ppo.fast import FastPPO
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.vecenv import PairVecEnv
from stairway.training.ppo.weights import layout_of, weights

ROWS = np.random.default_rng(3).standard_normal((400, 2, 12)) * 1.7
NORMALISER = fit(ROWS.reshape(-1, 24), clip=5.0)
TOLERANCE = KINDS[Family.POLICY].tolerance
BOX, NINE = spaces.Box(-np.inf, np.inf, (26,), np.float32), spaces.Discrete(9)


def env(seed: int = 1) -> PairVecEnv:
    return PairVecEnv(made_course(400, seed=7), env_rules(), n_envs=4, seed=seed)


def fresh(**changes: Any) -> ActorCriticPolicy:
    """An untrained policy, as SB3 builds it."""
    given = {"observation_space": BOX, "action_space": NINE, "lr_schedule": lambda _: 3e-4}
    torch.manual_seed(5)
    return ActorCriticPolicy(**(given | changes))


@pytest.fixture(scope="module")
def trained() -> FastPPO:
    model = FastPPO(
        "MlpPolicy", env(), n_steps=64, batch_size=32, n_epochs=4, seed=3, device="cpu"
    )
    return model.learn(2 * 4 * 64)


@pytest.fixture(scope="module")
def body(trained: FastPPO) -> PolicyBody:
    rng = np.random.Generator(np.random.PCG64(1))
    parity = parity_of(trained.policy, ROWS, NORMALISER, rng)
    return PolicyBody(actor_of(trained.policy, NORMALISER), toy_calibration(), parity)


# -- equal -----------------------------------------------------------------------------


@pytest.mark.parametrize("arch", [[64, 64], [32], [8, 16, 24], []])
def test_logits_equal_those_of_pytorch_on_256_vectors(arch: list[int]) -> None:
    policy = fresh(net_arch={"pi": arch, "vf": [16]})
    shown = observations(ROWS[:256], np.zeros((256, 2), np.int64), NORMALISER)
    said = policy_of(policy).logits(shown)
    assert policy_of(policy).hidden == tuple(arch)
    assert float(np.abs(said - reference_logits(policy, shown)).max()) <= TOLERANCE


def test_probabilities_are_those_that_sb3_draws_from(trained: FastPPO) -> None:
    shown = observations(ROWS[:50], np.ones((50, 2), np.int64), NORMALISER)
    policy = policy_of(trained.policy)
    with torch.no_grad():
        theirs = trained.policy.get_distribution(torch.from_numpy(shown)).distribution.probs
    ours = [probabilities(policy, one) for one in shown]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


def test_the_greedy_action_is_that_of_sb3(trained: FastPPO) -> None:
    shown = observations(ROWS, np.zeros((len(ROWS), 2), np.int64), NORMALISER)
    theirs, _ = trained.predict(shown, deterministic=True)
    np.testing.assert_array_equal(
        policy_of(trained.policy).logits(shown).argmax(axis=1), theirs
    )


def test_a_trained_policy_is_sealed_and_opened_with_its_own_vectors(body: PolicyBody) -> None:
    assert len(body.parity.logits) == MIN_ROWS == 256
    assert isinstance(body.replay(TOLERANCE), Pass)
    packed = pack(Bundle(toy_policy(), body))
    assert isinstance(unpack(packed.manifest, packed.blobs), SealedModel)


def test_vectors_ask_in_all_positions(body: PolicyBody) -> None:
    assert len({tuple(pair) for pair in body.parity.positions.tolist()}) == 9


def test_parity_rows_are_drawn_from_whole_ones_and_alike_for_a_seed(trained: FastPPO) -> None:
    rows = ROWS.copy()
    rows[::2, 0, 0] = np.nan
    one, two = (
        parity_of(trained.policy, rows, NORMALISER, np.random.Generator(np.random.PCG64(4)))
        for _ in range(2)
    )
    assert np.isfinite(one.rows).all()
    np.testing.assert_array_equal(one.rows, two.rows)
    np.testing.assert_array_equal(one.logits, two.logits)
    with pytest.raises(DataError, match="no bar without a hole"):
        parity_of(trained.policy, rows[::2], NORMALISER, np.random.default_rng(1))


def test_few_rows_are_drawn_again_until_there_are_256(trained: FastPPO) -> None:
    parity = parity_of(trained.policy, ROWS[:10], NORMALISER, np.random.default_rng(1))
    assert len(parity.rows) == 256


def test_the_copy_does_not_change_when_training_goes_on() -> None:
    model = FastPPO("MlpPolicy", env(), n_steps=16, batch_size=16, seed=3, device="cpu")
    before = policy_of(model.policy)
    kept = before.flat.copy(), before.weights[0].copy()
    model.learn(64)
    np.testing.assert_array_equal(before.flat, kept[0])
    np.testing.assert_array_equal(before.weights[0], kept[1])
    assert np.abs(policy_of(model.policy).flat - kept[0]).max() > 0.0


def test_the_actor_is_cut_out_of_a_checkpoints_vector(trained: FastPPO) -> None:
    layout, flat = layout_of(trained.policy), weights(trained.policy)
    cut = policy_from(layout, flat)
    np.testing.assert_array_equal(cut.flat, policy_of(trained.policy).flat)
    with pytest.raises(DataError, match="weights must be float32"):
        policy_from(layout, flat[:-1])
    flat = flat.copy()
    flat[0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        policy_from(layout, flat)
    assert not np.shares_memory(policy_from(layout, weights(trained.policy)).weights[0], flat)


def test_a_vector_of_another_sort_of_policy_is_refused() -> None:
    layout = Layout(inputs=27, policy=(4,), value=(4,), actions=9)
    with pytest.raises(DataError, match=r"hidden\.0\.weight is \(4, 27\), needed \(4, 26\)"):
        policy_from(layout, np.zeros(layout.parameters, np.float32))


def test_what_practice_shows_is_what_serving_puts_together(trained: FastPPO) -> None:
    # The course is normalised by its own normaliser: one that changes nothing shows it raw.
    venv = env(seed=9)
    shown = venv.reset()
    assert shown.shape == (4, 26)
    for _ in range(30):
        policy = policy_of(trained.policy)
        np.testing.assert_allclose(
            policy.logits(shown), reference_logits(trained.policy, shown), atol=TOLERANCE
        )
        shown, *_ = venv.step(policy.logits(shown).argmax(axis=1))


# -- refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"observation_space": spaces.Box(-1, 1, (27,), np.float32)}, "27"),
        ({"observation_space": spaces.Box(-1, 1, (2, 13), np.float32)}, r"Box of \(26,\)"),
        ({"action_space": spaces.Discrete(3)}, r"Discrete\(3\)"),
        ({"action_space": spaces.Discrete(9, start=1)}, "start=1"),
        ({"action_space": spaces.Box(-1, 1, (2,), np.float32)}, r"only Discrete\(9\)"),
        ({"action_space": spaces.MultiDiscrete([3, 3])}, "MultiDiscrete"),
        ({"activation_fn": nn.ReLU}, "ReLU"),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        policy_of(fresh(**changes))


def test_a_convolution_is_refused() -> None:
    image = spaces.Box(0, 255, (3, 36, 36), np.uint8)
    policy = ActorCriticCnnPolicy(image, NINE, lambda _: 3e-4)
    with pytest.raises(ConfigError, match=r"only a Box of \(26,\)"):
        policy_of(policy)


def test_another_extractor_is_refused() -> None:
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor  # noqa: PLC0415

    class Squares(BaseFeaturesExtractor):
        def __init__(self, space: gymnasium.Space) -> None:
            super().__init__(space, 26)

        def forward(self, shown: torch.Tensor) -> torch.Tensor:
            return shown**2

    with pytest.raises(ConfigError, match="Squares"):
        policy_of(fresh(features_extractor_class=Squares))


@pytest.mark.parametrize(
    ("value", "named"),
    [(float("nan"), "not finite"), (float("inf"), "not finite"), (2 * MAX_WEIGHT, "200")],
)
def test_a_weight_that_went_astray_is_refused(value: float, named: str) -> None:
    policy = fresh()
    with torch.no_grad():
        policy.action_net.weight[2, 3] = value
    with pytest.raises(DataError, match=named):
        policy_of(policy)


# -- the stock zip ---------------------------------------------------------------------


def test_stock_ppo_opens_the_zip_and_acts_alike(trained: FastPPO) -> None:
    opened = PPO.load(io.BytesIO(stock_zip(trained)), device="cpu")
    assert type(opened) is PPO
    assert type(opened.policy) is ActorCriticPolicy
    shown = observations(ROWS[:64], np.zeros((64, 2), np.int64), NORMALISER)
    np.testing.assert_array_equal(
        opened.predict(shown, deterministic=True)[0],
        trained.predict(shown, deterministic=True)[0],
    )
    for name, tensor in trained.policy.state_dict().items():
        assert torch.equal(opened.policy.state_dict()[name], tensor)
    assert opened.num_timesteps == trained.num_timesteps == 512
    assert (opened.n_steps, opened.batch_size, opened.n_epochs) == (64, 32, 4)
    assert opened.seed == 3


def test_nothing_of_ours_is_needed_to_open_the_zip(trained: FastPPO) -> None:
    assert b"stairway" not in b"".join(_members(stock_zip(trained)))


def _members(content: bytes) -> list[bytes]:
    import base64  # noqa: PLC0415
    import json  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

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


def test_an_actor_keeps_the_normaliser_that_it_is_given(trained: FastPPO) -> None:
    actor = actor_of(trained.policy, NORMALISER)
    assert isinstance(actor, Actor)
    assert actor.normaliser is NORMALISER
