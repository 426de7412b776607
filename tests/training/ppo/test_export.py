"""What PPO trained and what is served are the same policy, or it is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from stairway.base.errors import DataError
from stairway.base.verdict import Pass
from stairway.models.actor import Actor
from stairway.models.bodies.policy import PolicyBody
from stairway.models.families import KINDS
from stairway.models.manifest import Family
from stairway.models.normaliser import fit
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import MAX_WEIGHT, Policy, observations, probabilities
from stairway.models.sealed import Bundle, SealedModel, pack, unpack
from stairway.testing.models import toy_calibration, toy_policy
from stairway.testing.practice import env_rules, made_course
from stairway.training.ppo.export import (
    parity_of,
    policy_from,
    reference_logits,
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


def cut(trained: ActorCriticPolicy) -> Policy:
    """The actor of a policy of SB3."""
    return policy_from(layout_of(trained), weights(trained))


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
    return PolicyBody(Actor(cut(trained.policy), NORMALISER), toy_calibration(), parity)


# -- equal -----------------------------------------------------------------------------


@pytest.mark.parametrize("arch", [[64, 64], [32], [8, 16, 24], []])
def test_logits_equal_those_of_pytorch_on_256_vectors(arch: list[int]) -> None:
    policy = fresh(net_arch={"pi": arch, "vf": [16]})
    shown = observations(ROWS[:256], np.zeros((256, 2), np.int64), NORMALISER)
    said = cut(policy).logits(shown)
    assert cut(policy).hidden == tuple(arch)
    assert float(np.abs(said - reference_logits(policy, shown)).max()) <= TOLERANCE


def test_probabilities_are_those_that_sb3_draws_from(trained: FastPPO) -> None:
    shown = observations(ROWS[:50], np.ones((50, 2), np.int64), NORMALISER)
    policy = cut(trained.policy)
    with torch.no_grad():
        theirs = trained.policy.get_distribution(torch.from_numpy(shown)).distribution.probs
    ours = [probabilities(policy, one) for one in shown]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


def test_the_greedy_action_is_that_of_sb3(trained: FastPPO) -> None:
    shown = observations(ROWS, np.zeros((len(ROWS), 2), np.int64), NORMALISER)
    theirs, _ = trained.predict(shown, deterministic=True)
    np.testing.assert_array_equal(cut(trained.policy).logits(shown).argmax(axis=1), theirs)


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
    before = cut(model.policy)
    kept = before.flat.copy(), before.weights[0].copy()
    model.learn(64)
    np.testing.assert_array_equal(before.flat, kept[0])
    np.testing.assert_array_equal(before.weights[0], kept[1])
    assert np.abs(cut(model.policy).flat - kept[0]).max() > 0.0


def test_the_actor_is_cut_out_of_a_checkpoints_vector(trained: FastPPO) -> None:
    layout, flat = layout_of(trained.policy), weights(trained.policy)
    layers = trained.policy.mlp_extractor.policy_net
    actor = policy_from(layout, flat)
    np.testing.assert_array_equal(actor.weights[0], layers[0].weight.detach().numpy())
    np.testing.assert_array_equal(actor.biases[1], layers[2].bias.detach().numpy())
    np.testing.assert_array_equal(
        actor.weights[2], trained.policy.action_net.weight.detach().numpy()
    )
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
        policy = cut(trained.policy)
        np.testing.assert_allclose(
            policy.logits(shown), reference_logits(trained.policy, shown), atol=TOLERANCE
        )
        shown, *_ = venv.step(policy.logits(shown).argmax(axis=1))


# -- refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "named"),
    [(float("nan"), "not finite"), (float("inf"), "not finite"), (2 * MAX_WEIGHT, "200")],
)
def test_a_weight_that_went_astray_is_refused(value: float, named: str) -> None:
    policy = fresh()
    with torch.no_grad():
        policy.action_net.weight[2, 3] = value
    with pytest.raises(DataError, match=named):
        cut(policy)
