from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.buffers import RolloutBuffer

from stairway.training.ppo import kernels
from stairway.training.ppo.layout import Layout

COMPILED = [
    getattr(kernels, name)
    for name in dir(kernels)
    if hasattr(getattr(kernels, name), "py_func")
]
LAYOUT = Layout(4, (7, 5), (6,), 3)
RULES = kernels.Rules(
    batch=16,
    normalise=True,
    learning_rate=1e-3,
    clip=0.2,
    entropy_weight=0.03,
    value_weight=0.5,
    max_norm=0.5,
    beta_first=0.9,
    beta_second=0.999,
    epsilon=1e-5,
    kl_bound=np.inf,
)
SIZES = st.integers(1, 60)
SEEDS = st.integers(0, 999)


def adam(seed: int = 0, layout: Layout = LAYOUT) -> kernels.Adam:
    """An optimiser before its first step."""
    flat = np.random.default_rng(seed).normal(0.0, 0.5, layout.parameters).astype(np.float32)
    zeros = [np.zeros_like(flat) for _ in range(3)]
    return kernels.Adam(flat, *zeros, np.zeros(1, np.int64))


def experience(n: int, seed: int = 0, layout: Layout = LAYOUT) -> kernels.Experience:
    """A roll-out; about a quarter of its ratios lie beyond the clip."""
    rng = np.random.default_rng(seed)
    return kernels.Experience(
        rng.normal(size=(n, layout.inputs)).astype(np.float32),
        rng.integers(0, layout.actions, n),
        rng.normal(-1.1, 0.3, n).astype(np.float32),
        rng.normal(0.3, 2.0, n).astype(np.float32),
        rng.normal(size=n).astype(np.float32),
    )


def scratch(batch: int, layout: Layout = LAYOUT) -> kernels.Scratch:
    units = batch * layout.units
    return kernels.Scratch(
        np.empty((batch, layout.inputs), np.float32),
        np.empty(units, np.float32),
        np.empty(units, np.float32),
    )


def learn(
    mind: kernels.Adam, taught: kernels.Experience, rules=RULES, order=None
) -> np.ndarray:
    n = taught.actions.size
    order = np.arange(n) if order is None else order
    return kernels.learn(LAYOUT.net, mind, taught, order, rules, scratch(rules.batch))


def heads(flat: th.Tensor, rows: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
    """Log-probabilities and values by PyTorch."""
    part = {t.name: flat[t.start : t.stop].view(t.shape) for t in LAYOUT.tensors()}
    layer = th.nn.functional.linear

    def hidden(name: str, x: th.Tensor, depth: int) -> th.Tensor:
        for i in range(depth):
            one = f"mlp_extractor.{name}.{2 * i}"
            x = th.tanh(layer(x, part[one + ".weight"], part[one + ".bias"]))
        return x

    said = hidden("policy_net", rows, len(LAYOUT.policy))
    logits = layer(said, part["action_net.weight"], part["action_net.bias"])
    worth = hidden("value_net", rows, len(LAYOUT.value))
    values = layer(worth, part["value_net.weight"], part["value_net.bias"])
    return th.log_softmax(logits, 1), values.flatten()


def loss_of(flat: th.Tensor, taught: kernels.Experience, rules=RULES) -> dict[str, th.Tensor]:
    """PPO's loss as Stable-Baselines3 writes it, in float64."""
    give: Any = {name: th.as_tensor(v) for name, v in taught._asdict().items()}
    logs, values = heads(flat, give["observations"].double())
    advantages = give["advantages"].double()
    if rules.normalise and len(advantages) > 1:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    chosen = logs.gather(1, give["actions"][:, None])[:, 0]
    log_ratio = chosen - give["log_probs"].double()
    ratio = log_ratio.exp()
    bounded = ratio.clamp(1 - rules.clip, 1 + rules.clip)
    surrogate = -th.min(advantages * ratio, advantages * bounded).mean()
    entropy = -(logs.exp() * logs).sum(1).mean()
    error = th.nn.functional.mse_loss(give["returns"].double(), values)
    return {
        "surrogate": surrogate,
        "entropy": entropy,
        "error": error,
        "loss": surrogate - rules.entropy_weight * entropy + rules.value_weight * error,
        "clipped": ((ratio - 1).abs() > rules.clip).double().mean(),
        "kl": (ratio - 1 - log_ratio).mean(),
    }


@pytest.mark.parametrize("kernel", COMPILED, ids=lambda k: k.__name__)
def test_kernels_are_cached_release_the_lock_and_keep_nan(kernel) -> None:
    assert kernel.targetoptions.get("nogil") is True
    assert not kernel.targetoptions.get("fastmath", False)


@settings(max_examples=40)
@given(n=SIZES, seed=SEEDS, normalise=st.booleans())
def test_the_gradient_of_a_minibatch_is_that_of_autograd(n: int, seed: int, normalise) -> None:
    rules = RULES._replace(batch=n, normalise=normalise)
    mind, taught = adam(seed), experience(n, seed)
    flat = th.tensor(mind.flat, dtype=th.float64, requires_grad=True)
    loss_of(flat, taught, rules)["loss"].backward()
    want = flat.grad.numpy()
    learn(mind, taught, rules)
    np.testing.assert_allclose(mind.gradient, want, rtol=2e-3, atol=3e-6 * np.abs(want).max())


@settings(max_examples=25)
@given(n=SIZES, seed=SEEDS)
def test_what_is_told_of_a_minibatch_is_what_pytorch_says(n: int, seed: int) -> None:
    mind, taught = adam(seed), experience(n, seed)
    want = loss_of(th.tensor(mind.flat, dtype=th.float64), taught)
    tally = learn(mind, taught, RULES._replace(batch=n))
    for place, name in (
        (kernels.SURROGATE, "surrogate"),
        (kernels.ENTROPY, "entropy"),
        (kernels.ERROR, "error"),
        (kernels.CLIPPED, "clipped"),
        (kernels.KL, "kl"),
        (kernels.LOSS, "loss"),
    ):
        assert tally[place] == pytest.approx(float(want[name]), rel=1e-4, abs=1e-5), name
    assert (tally[kernels.BATCHES], tally[kernels.STOPPED]) == (1, 0)


@settings(max_examples=15)
@given(n=st.integers(2, 90), batch=st.integers(1, 40), seed=SEEDS)
def test_an_epoch_takes_minibatches_in_order_and_the_last_may_be_short(n, batch, seed) -> None:
    order = np.random.default_rng(seed).permutation(n)
    rules = RULES._replace(batch=batch)
    whole, taught = adam(seed), experience(n, seed)
    tally = learn(whole, taught, rules, order)
    parts = adam(seed)
    for start in range(0, n, batch):
        learn(parts, taught, rules, order[start : start + batch])
    assert tally[kernels.BATCHES] == -(-n // batch) == whole.steps[0]
    np.testing.assert_array_equal(whole.flat, parts.flat)


@settings(max_examples=20)
@given(seed=SEEDS, scale=st.sampled_from([1e-3, 1.0, 50.0]))
def test_steps_of_adam_are_those_of_pytorch_with_its_clip(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    mind = adam(seed)
    one = th.tensor(mind.flat, requires_grad=True)
    torch_adam = th.optim.Adam([one], lr=1e-3, eps=1e-5)
    for _ in range(5):
        mind.gradient[:] = scale * rng.normal(size=mind.flat.size)
        one.grad = th.tensor(mind.gradient)
        th.nn.utils.clip_grad_norm_([one], 0.5)
        torch_adam.step()
        kernels.adam_step(mind, RULES)
    state = torch_adam.state[one]
    np.testing.assert_allclose(mind.flat, one.detach().numpy(), rtol=0, atol=2e-7)
    np.testing.assert_allclose(mind.first, state["exp_avg"].numpy(), rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(mind.second, state["exp_avg_sq"].numpy(), rtol=1e-4, atol=1e-12)
    assert mind.steps[0] == 5


def test_nan_in_the_gradient_reaches_every_weight() -> None:
    mind = adam()
    mind.gradient[3] = np.nan
    kernels.adam_step(mind, RULES)
    assert np.isnan(mind.flat).all()


@pytest.mark.parametrize("field", ["advantages", "returns", "observations", "log_probs"])
def test_nan_in_a_lesson_is_not_learnt_in_silence(field: str) -> None:
    mind, taught = adam(), experience(8)
    getattr(taught, field)[3] = np.nan
    learn(mind, taught)
    assert np.isnan(mind.flat).any()


def test_over_the_bound_on_kl_the_minibatch_is_counted_but_not_learnt() -> None:
    mind, taught = adam(), experience(40)
    before = mind.flat.copy()
    tally = learn(mind, taught, RULES._replace(kl_bound=1e-9))
    assert (tally[kernels.STOPPED], tally[kernels.BATCHES]) == (1, 1)
    assert tally[kernels.KL] > 1e-9
    assert mind.steps[0] == 0
    np.testing.assert_array_equal(mind.flat, before)


def test_kl_of_each_minibatch_alone_is_held_against_the_bound() -> None:
    mind, taught = adam(), experience(48)
    each = [learn(adam(), taught, order=np.arange(i, i + 16))[kernels.KL] for i in (0, 16, 32)]
    frozen = RULES._replace(learning_rate=0.0, kl_bound=1.01 * max(each))
    tally = learn(mind, taught, frozen)
    assert tally[kernels.STOPPED] == 0
    assert tally[kernels.KL] == pytest.approx(sum(each), rel=1e-5)


def test_one_row_alone_is_not_normalised() -> None:
    mind, taught = adam(), experience(1)
    learn(mind, taught, RULES._replace(batch=1))
    assert np.isfinite(mind.flat).all()


def acted(n: int, uniforms: np.ndarray, seed: int = 0) -> tuple[kernels.Acts, np.ndarray]:
    rows, flat = experience(n, seed).observations, adam(seed).flat
    acts = kernels.Acts(np.empty(n, np.int64), np.empty(n, np.float32), np.empty(n, np.float32))
    room = np.empty(n * LAYOUT.units, np.float32)
    kernels.act(LAYOUT.net, flat, rows, uniforms, room, acts)
    return acts, kernels.chances(LAYOUT.net, flat, rows, room)


def test_what_is_acted_has_the_probability_and_value_that_pytorch_says() -> None:
    uniforms = np.random.default_rng(0).random(50, np.float32)
    acts, odds = acted(50, uniforms)
    logs, values = heads(th.tensor(adam().flat), th.tensor(experience(50).observations))
    chosen = logs.numpy()[np.arange(50), acts.actions]
    np.testing.assert_allclose(acts.log_probs, chosen, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(acts.values, values.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(odds, logs.exp().numpy(), rtol=1e-4, atol=1e-6)
    picked = [kernels.pick(*drawn) for drawn in zip(odds, uniforms, strict=True)]
    np.testing.assert_array_equal(acts.actions, picked)


def test_actions_come_as_often_as_they_are_probable() -> None:
    row = np.tile(experience(1).observations, (20_000, 1))
    room = np.empty(20_000 * LAYOUT.units, np.float32)
    odds = kernels.chances(LAYOUT.net, adam().flat, row, room)
    uniforms = np.random.default_rng(1).random(20_000, np.float32)
    picked = [kernels.pick(odds[0], drawn) for drawn in uniforms]
    share = np.bincount(picked, minlength=LAYOUT.actions) / 20_000
    np.testing.assert_allclose(share, odds[0], atol=4 * 0.5 / np.sqrt(20_000))


@settings(max_examples=30)
@given(
    steps=st.integers(1, 30),
    n=st.integers(1, 6),
    seed=SEEDS,
    gamma=st.floats(0.0, 1.0),
    lam=st.floats(0.0, 1.0),
)
def test_advantages_are_those_of_sb3_to_the_last_bit(steps, n, seed, gamma, lam) -> None:
    rng = np.random.default_rng(seed)
    box = spaces.Box(-1.0, 1.0, (2,), np.float32)
    stock = RolloutBuffer(steps, box, spaces.Discrete(3), "cpu", lam, gamma, n)
    stock.rewards[:] = rng.normal(size=(steps, n))
    stock.values[:] = rng.normal(size=(steps, n))
    stock.episode_starts[:] = rng.random((steps, n)) < 0.2
    last, dones = rng.normal(size=n).astype(np.float32), rng.random(n) < 0.5
    stock.compute_returns_and_advantage(th.tensor(last), dones)
    mine = np.empty((steps, n), np.float32)
    trail = kernels.Trail(
        stock.rewards, stock.episode_starts, stock.values, last, dones.astype(np.float32)
    )
    kernels.advantages(trail, gamma, gamma * lam, mine)
    np.testing.assert_array_equal(mine, stock.advantages)


@pytest.mark.parametrize("n", [2, 16, 37])
def test_compiled_and_plain_loops_agree(n: int) -> None:
    fast, plain, taught = adam(), adam(), experience(n)
    judged = []
    for mind, run in ((fast, kernels.learn), (plain, kernels.learn.py_func)):
        judged.append(run(LAYOUT.net, mind, taught, np.arange(n), RULES, scratch(16)))
    np.testing.assert_allclose(judged[0], judged[1], rtol=1e-5)
    np.testing.assert_allclose(fast.flat, plain.flat, rtol=0, atol=1e-6)


def test_compiled_and_plain_steps_agree() -> None:
    fast, plain = adam(), adam()
    fast.gradient[:] = plain.gradient[:] = experience(1, 3).observations[0, 0]
    kernels.adam_step(fast, RULES)
    kernels.adam_step.py_func(plain, RULES)
    np.testing.assert_allclose(fast.flat, plain.flat, rtol=1e-6, atol=1e-7)


def test_deviation_is_that_of_a_sample() -> None:
    mean, inverse = kernels.standard(np.array([0, 1, 2]), np.array([1, 2, 4, 9], np.float32))
    assert mean == pytest.approx(7 / 3)
    assert 1 / inverse == pytest.approx(np.std([1, 2, 4], ddof=1), rel=1e-5)
