"""Compiled loops of PPO: act, estimate advantages, and one epoch of learning.

All release the interpreter's lock and write only into what they are given, so seeds can
learn side by side in threads. One gradient step is

1. gather the rows of a minibatch; forward through both nets, keeping what units say;
2. clipped surrogate, squared error of the value and entropy of the policy, with their
   slopes at the heads, advantages normalised over the minibatch (ddof 1);
3. backward through both nets; 4. clip the gradient to its norm; 5. Adam.

The formulas and their order are those of Stable-Baselines3 and PyTorch. NaN anywhere
reaches the weights and is found there by the caller: no kernel hides one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stairway.base.arrays import Float32Array, FloatArray, IntArray
from stairway.compiled import njit
from stairway.training.ppo.nets.kernels import (
    POLICY,
    VALUE,
    Net,
    Scratch,
    backward,
    forward,
    head_of,
    pick,
    soften,
)

SURROGATE, ERROR, ENTROPY, CLIPPED, KL, LOSS, BATCHES, STOPPED = range(8)
"""Places of a tally: five sums over minibatches, the last loss, their number, 1 if stopped."""

TALLY = 8


class Adam(NamedTuple):
    """Weights, gradient, both moments (n_parameters,) and number of steps (1,)."""

    flat: Float32Array
    gradient: Float32Array
    first: Float32Array
    second: Float32Array
    steps: IntArray


class Experience(NamedTuple):
    """A roll-out in rows: observations (n, inputs), the rest (n,)."""

    observations: Float32Array
    actions: IntArray
    log_probs: Float32Array
    advantages: Float32Array
    returns: Float32Array


class Rules(NamedTuple):
    """How to learn. ``kl_bound`` is infinite where nothing stops an epoch early."""

    batch: int
    normalise: bool
    learning_rate: float
    clip: float
    entropy_weight: float
    value_weight: float
    max_norm: float
    beta_first: float
    beta_second: float
    epsilon: float
    kl_bound: float


class Acts(NamedTuple):
    """What a policy did in N environments: actions, log-probabilities and values (N,)."""

    actions: IntArray
    log_probs: Float32Array
    values: Float32Array


@njit(cache=True, nogil=True, error_model="numpy")
def act(
    net: Net,
    flat: Float32Array,
    rows: Float32Array,
    uniforms: Float32Array,
    units: Float32Array,
    acts: Acts,
) -> None:
    """Choose an action for every row, and say how probable it was and what the row is worth.

    Parameters
    ----------
    rows : (n, inputs) float32
    uniforms : (n,) float32
        In [0, 1), one number of chance a row.
    units : (n x units,) float32
        Room to work in.
    acts : (n,) each
        Written.
    """
    n = rows.shape[0]
    forward(net, flat, rows, units, POLICY)
    forward(net, flat, rows, units, VALUE)
    logits = head_of(units, net, POLICY, n)
    values = head_of(units, net, VALUE, n)
    odds = np.empty(logits.shape[1], np.float32)
    for i in range(n):
        soften(logits[i], odds)
        action = pick(odds, uniforms[i])
        acts.actions[i] = action
        acts.log_probs[i] = logits[i, action]
        acts.values[i] = values[i, 0]


@njit(cache=True, nogil=True, error_model="numpy")
def worth(
    net: Net, flat: Float32Array, rows: Float32Array, units: Float32Array
) -> Float32Array:
    """Estimate what each row is worth, by the value's net, (n,) float32."""
    forward(net, flat, rows, units, VALUE)
    return head_of(units, net, VALUE, rows.shape[0])[:, 0].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def chances(
    net: Net, flat: Float32Array, rows: Float32Array, units: Float32Array
) -> Float32Array:
    """Probability of each action in each row, (n, actions) float32."""
    n = rows.shape[0]
    forward(net, flat, rows, units, POLICY)
    logits = head_of(units, net, POLICY, n)
    odds = np.empty(logits.shape, np.float32)
    for i in range(n):
        soften(logits[i], odds[i])
    return odds


class Trail(NamedTuple):
    """A roll-out as it was walked, (steps, N) float32, and what lies behind its end, (N,).

    ``starts`` is 1 where a step began an episode; ``last_start`` where the next one would.
    """

    rewards: Float32Array
    starts: Float32Array
    values: Float32Array
    last_value: Float32Array
    last_start: Float32Array


@njit(cache=True, nogil=True, error_model="numpy")
def advantages(trail: Trail, gamma: float, trace: float, out: Float32Array) -> None:
    """Generalised advantage estimate of each step, into ``out`` (steps, N).

    ``trace`` is gamma times lambda. The same float32 operations in the same order as
    Stable-Baselines3, so that not the last bit differs.
    """
    steps, n = trail.rewards.shape
    one, discount, decay = np.float32(1.0), np.float32(gamma), np.float32(trace)
    for i in range(n):
        ahead = np.float32(0.0)
        value, alive = trail.last_value[i], one - trail.last_start[i]
        for t in range(steps - 1, -1, -1):
            surprise = trail.rewards[t, i] + discount * value * alive - trail.values[t, i]
            ahead = surprise + decay * alive * ahead
            out[t, i] = ahead
            value, alive = trail.values[t, i], one - trail.starts[t, i]


@njit(cache=True, nogil=True, error_model="numpy")
def standard(picked: IntArray, values: Float32Array) -> tuple[np.float32, np.float32]:
    """Mean of some values and the inverse of their deviation (ddof 1)."""
    mean = 0.0
    for k in picked:
        mean += values[k]
    mean /= picked.size
    spread = 0.0
    for k in picked:
        spread += (values[k] - mean) ** 2
    deviation = np.sqrt(spread / (picked.size - 1))
    return np.float32(mean), np.float32(1.0 / (deviation + 1e-8))


@njit(cache=True, nogil=True, error_model="numpy")
def judge_policy(
    net: Net,
    picked: IntArray,
    experience: Experience,
    rules: Rules,
    scratch: Scratch,
    tally: FloatArray,
) -> None:
    """Slopes of clipped surrogate and entropy at the logits, and their sums in ``tally``."""
    logits = head_of(scratch.units, net, POLICY, picked.size)
    slopes = head_of(scratch.slopes, net, POLICY, picked.size)
    mean, scale = np.float32(0.0), np.float32(1.0)
    if rules.normalise and picked.size > 1:
        mean, scale = standard(picked, experience.advantages)
    one, share = np.float32(1.0), np.float32(1.0 / picked.size)
    low, high = np.float32(1.0 - rules.clip), np.float32(1.0 + rules.clip)
    keen = np.float32(rules.entropy_weight / picked.size)
    surrogate = entropy = clipped = kl = 0.0
    for i in range(picked.size):
        k = picked[i]
        logs, odds, action = logits[i], slopes[i], experience.actions[k]
        soften(logs, odds)
        advantage = (experience.advantages[k] - mean) * scale
        log_ratio = logs[action] - experience.log_probs[k]
        ratio = np.exp(log_ratio)
        bounded = min(max(ratio, low), high)
        surrogate += min(advantage * ratio, advantage * bounded)
        clipped += abs(ratio - one) > np.float32(rules.clip)
        kl += ratio - one - log_ratio
        flat = (advantage > 0 and ratio > high) or (advantage < 0 and ratio < low)
        pull = np.float32(0.0) if flat else -advantage * ratio * share
        surprise = np.float32(0.0)
        for c in range(logs.size):
            surprise -= odds[c] * logs[c]
        entropy += surprise
        for c in range(logs.size):
            odds[c] *= keen * (logs[c] + surprise) - pull
        odds[action] += pull
    tally[SURROGATE] -= surrogate / picked.size
    tally[ENTROPY] += entropy / picked.size
    tally[CLIPPED] += clipped / picked.size
    tally[KL] = kl / picked.size
    tally[LOSS] = -(surrogate + rules.entropy_weight * entropy) / picked.size


@njit(cache=True, nogil=True, error_model="numpy")
def judge_value(
    net: Net,
    picked: IntArray,
    experience: Experience,
    rules: Rules,
    scratch: Scratch,
    tally: FloatArray,
) -> None:
    """Slopes of the squared error at the value's head, and its sum in ``tally``."""
    values = head_of(scratch.units, net, VALUE, picked.size)
    slopes = head_of(scratch.slopes, net, VALUE, picked.size)
    steep = np.float32(2.0 * rules.value_weight / picked.size)
    error = 0.0
    for i in range(picked.size):
        miss = values[i, 0] - experience.returns[picked[i]]
        slopes[i, 0] = steep * miss
        error += miss * miss
    tally[ERROR] += error / picked.size
    tally[LOSS] += rules.value_weight * error / picked.size


@njit(cache=True, nogil=True, error_model="numpy")
def adam_step(adam: Adam, rules: Rules) -> None:
    """Clip the gradient to its norm, and move the weights once."""
    scale = rules.max_norm / (np.sqrt(np.dot(adam.gradient, adam.gradient)) + 1e-6)
    shrink = np.float32(1.0 if scale > 1.0 else scale)  # noqa: FURB136 - NaN must stay NaN
    adam.steps[0] += 1
    t = adam.steps[0]
    one = np.float32(1.0)
    mix, keep = np.float32(1.0 - rules.beta_first), np.float32(rules.beta_second)
    square = np.float32(1.0 - rules.beta_second)
    stride = np.float32(rules.learning_rate / (1.0 - rules.beta_first**t))
    ripe = one / np.float32(np.sqrt(1.0 - rules.beta_second**t))
    epsilon = np.float32(rules.epsilon)
    for k in range(adam.flat.size):
        g = adam.gradient[k] * shrink
        first = adam.first[k] + (g - adam.first[k]) * mix
        second = adam.second[k] * keep + square * (g * g)
        adam.first[k] = first
        adam.second[k] = second
        adam.flat[k] -= stride * (first / (np.sqrt(second) * ripe + epsilon))


@njit(cache=True, nogil=True, error_model="numpy")
def learn(
    net: Net,
    adam: Adam,
    experience: Experience,
    order: IntArray,
    rules: Rules,
    scratch: Scratch,
) -> FloatArray:
    """One epoch: a gradient step for each minibatch of ``order``, the last perhaps short.

    Parameters
    ----------
    order : (n,) int64
        A permutation of the rows.

    Returns
    -------
    (8,) float64
        The tally: sums over minibatches, except ``LOSS`` (of the last). ``KL`` is a sum
        too. A minibatch whose KL is over the bound is counted, and not learnt from.
    """
    tally = np.zeros(TALLY, np.float64)
    kl = 0.0
    for start in range(0, order.size, rules.batch):
        picked = order[start : start + rules.batch]
        n = picked.size
        rows = scratch.rows[:n]
        for i in range(n):
            rows[i] = experience.observations[picked[i]]
        forward(net, adam.flat, rows, scratch.units, POLICY)
        forward(net, adam.flat, rows, scratch.units, VALUE)
        judge_policy(net, picked, experience, rules, scratch, tally)
        judge_value(net, picked, experience, rules, scratch, tally)
        kl += tally[KL]
        tally[BATCHES] += 1
        if tally[KL] > rules.kl_bound:
            tally[STOPPED] = 1
            break
        backward(net, adam.flat, adam.gradient, scratch, n, POLICY)
        backward(net, adam.flat, adam.gradient, scratch, n, VALUE)
        adam_step(adam, rules)
    tally[KL] = kl
    return tally
