from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3 import PPO

from stairway.base.errors import DataError, InvariantError
from stairway.training.ppo import kernels
from stairway.training.ppo.study import experience_of, rules_of, study
from stairway.training.ppo.weights import adam_of, layout_of

FIELDS = ("observations", "log_probs", "advantages", "returns")


@pytest.fixture
def model(make, pond) -> PPO:
    """A model whose roll-out is collected, and not yet learnt from."""
    model = make(PPO, pond())
    _, watcher = model._setup_learn(128)
    model.collect_rollouts(model.env, watcher, model.rollout_buffer, 32)
    return model


def test_rows_come_in_the_order_in_which_stock_counts_them(model: PPO) -> None:
    mine = experience_of(model.rollout_buffer)
    np.random.seed(3)  # noqa: NPY002 - what stock draws from
    order = np.random.permutation(128)  # noqa: NPY002 - what stock draws from
    np.random.seed(3)  # noqa: NPY002 - what stock draws from
    stock = next(model.rollout_buffer.get(128))
    np.testing.assert_array_equal(mine.observations[order], stock.observations.numpy())
    np.testing.assert_array_equal(mine.actions[order], stock.actions.numpy().ravel())
    np.testing.assert_array_equal(mine.log_probs[order], stock.old_log_prob.numpy())
    np.testing.assert_array_equal(mine.advantages[order], stock.advantages.numpy())
    np.testing.assert_array_equal(mine.returns[order], stock.returns.numpy())


def test_a_buffer_that_stock_has_already_laid_flat_gives_the_same_rows(model: PPO) -> None:
    before = experience_of(model.rollout_buffer)
    next(model.rollout_buffer.get(128))
    for one, other in zip(before, experience_of(model.rollout_buffer), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_buffer_itself_stays_as_it_was(model: PPO) -> None:
    experience_of(model.rollout_buffer)
    assert model.rollout_buffer.observations.shape == (32, 4, 5)
    assert not model.rollout_buffer.generator_ready


def test_half_a_roll_out_is_refused(model: PPO) -> None:
    model.rollout_buffer.full = False
    with pytest.raises(InvariantError, match="not all of its 32 steps"):
        experience_of(model.rollout_buffer)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_and_named(model: PPO, field: str, bad: float) -> None:
    getattr(model.rollout_buffer, field)[3, 1] = bad
    with pytest.raises(DataError, match=f"{field} of the roll-out are not finite"):
        experience_of(model.rollout_buffer)


def test_rules_are_what_the_model_says(make, pond) -> None:
    model = make(
        PPO, pond(), learning_rate=2e-3, clip_range=lambda left: 0.1 + left, target_kl=0.02,
        vf_coef=0.7, max_grad_norm=0.9, normalize_advantage=False,
        policy_kwargs={"optimizer_kwargs": {"betas": (0.8, 0.95), "eps": 1e-4}},
    )  # fmt: skip
    assert rules_of(model, 0.25) == kernels.Rules(
        batch=32,
        normalise=False,
        learning_rate=2e-3,
        clip=0.35,
        entropy_weight=0.01,
        value_weight=0.7,
        max_norm=0.9,
        beta_first=0.8,
        beta_second=0.95,
        epsilon=1e-4,
        kl_bound=pytest.approx(0.03),
    )


def test_without_a_target_nothing_stops_early(model: PPO) -> None:
    assert rules_of(model, 1.0).kl_bound == np.inf


def learnt(model: PPO, orders, epochs: int = 3, **rules):
    adam, given = adam_of(model.policy), rules_of(model, 1.0)._replace(**rules)
    experience = experience_of(model.rollout_buffer)
    return adam, study(layout_of(model.policy), adam, experience, given, orders, epochs)


def test_each_epoch_asks_for_an_order_of_its_own(model: PPO) -> None:
    asked: list[np.ndarray] = []

    def orders() -> np.ndarray:
        asked.append(np.random.default_rng(len(asked)).permutation(128))
        return asked[-1]

    adam, found = learnt(model, orders)
    assert (len(asked), found.epochs, adam.steps[0]) == (3, 3, 12)


def test_once_stopped_no_further_order_is_drawn(model: PPO) -> None:
    asked: list[int] = []

    def orders() -> np.ndarray:
        asked.append(1)
        return np.arange(128)

    adam, found = learnt(model, orders, epochs=5, kl_bound=1e-9)
    assert len(asked) == found.epochs < 5
    assert found.means[kernels.KL] > 0
    assert adam.steps[0] <= 2


def test_orders_in_any_integers_are_taken(model: PPO) -> None:
    one, _ = learnt(model, lambda: np.arange(128))
    other, _ = learnt(model, lambda: np.arange(128, dtype=np.int32))
    np.testing.assert_array_equal(one.flat, other.flat)


@pytest.mark.parametrize(
    "order",
    [np.arange(127), np.arange(1, 129), np.arange(-1, 127), np.zeros(128, np.int64)],
    ids=["short", "over", "under", "twice"],
)
def test_an_order_that_does_not_take_each_row_once_is_refused(
    model: PPO, order: np.ndarray
) -> None:
    with pytest.raises(InvariantError, match="each of 128 rows once"):
        learnt(model, lambda: order)


def test_means_are_over_all_minibatches_of_all_epochs(model: PPO) -> None:
    frozen = {"learning_rate": 0.0}
    _, three = learnt(model, lambda: np.arange(128), epochs=3, **frozen)
    _, one = learnt(model, lambda: np.arange(128), epochs=1, **frozen)
    np.testing.assert_allclose(three.means[:7], [*one.means[:6], 1.0], rtol=1e-6, atol=1e-7)
