from __future__ import annotations

import numpy as np
import pytest
import torch as th
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.training.ppo.layout import Layout
from stairway.training.ppo.nets import kernels
from stairway.training.ppo.nets.kernels import POLICY, VALUE, Scratch

COMPILED = [
    getattr(kernels, name)
    for name in dir(kernels)
    if hasattr(getattr(kernels, name), "py_func")
]
WIDTHS = st.lists(st.integers(1, 40), max_size=3).map(tuple)
LAYOUTS = st.builds(
    Layout, inputs=st.integers(1, 30), policy=WIDTHS, value=WIDTHS, actions=st.integers(1, 12)
)


def some(layout: Layout, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and rows of some size."""
    rng = np.random.default_rng(seed)
    flat = rng.normal(0.0, 0.4, layout.parameters).astype(np.float32)
    return flat, rng.normal(size=(n, layout.inputs)).astype(np.float32)


def in_torch(layout: Layout, flat: th.Tensor, rows: th.Tensor, which: int) -> th.Tensor:
    """Say what PyTorch says at the head of one of the nets."""
    parts = {t.name: flat[t.start : t.stop].view(t.shape) for t in layout.tensors()}
    name, head = (("policy_net", "action_net"), ("value_net", "value_net"))[which]
    for i in range(len((layout.policy, layout.value)[which])):
        one = f"mlp_extractor.{name}.{2 * i}"
        rows = th.tanh(
            th.nn.functional.linear(rows, parts[one + ".weight"], parts[one + ".bias"])
        )
    return th.nn.functional.linear(rows, parts[head + ".weight"], parts[head + ".bias"])


@pytest.mark.parametrize("kernel", COMPILED, ids=lambda k: k.__name__)
def test_kernels_are_cached_release_the_lock_and_keep_nan(kernel) -> None:
    assert kernel.targetoptions.get("nogil") is True
    assert not kernel.targetoptions.get("fastmath", False)


def bent(*x: float) -> np.ndarray:
    """Take tanh of numbers as a layer does."""
    units = np.array([x], np.float32)
    kernels.add_and_bend(units, np.zeros(units.size, np.float32))
    return units[0]


def test_tanh_is_that_of_the_textbook_to_float32() -> None:
    x = np.linspace(-12.0, 12.0, 200_001).astype(np.float32)
    assert np.abs(bent(*x) - np.tanh(x.astype(np.float64))).max() < 4e-7


def test_tanh_is_odd_ends_at_one_and_keeps_nan() -> None:
    said = bent(0.7, -0.7, 0.0, np.inf, -np.inf, np.nan)
    assert said[0] == -said[1]
    assert said[2] == 0.0
    np.testing.assert_allclose(said[3:5], [1.0, -1.0], atol=4e-7)
    assert np.isnan(said[5])


@given(st.floats(1e-30, 1e-3))
def test_tanh_keeps_small_numbers_to_their_last_digits(small: float) -> None:
    assert bent(small)[0] == pytest.approx(np.tanh(small), rel=1e-6)


@settings(max_examples=25)
@given(layout=LAYOUTS, n=st.integers(1, 40), seed=st.integers(0, 99))
def test_forward_is_what_pytorch_says_for_any_depth_and_width(layout, n, seed) -> None:
    flat, rows = some(layout, n, seed)
    units = np.full(n * layout.units, np.nan, np.float32)
    for which in (POLICY, VALUE):
        kernels.forward(layout.net, flat, rows, units, which)
        said = kernels.head_of(units, layout.net, which, n)
        want = in_torch(layout, th.from_numpy(flat), th.from_numpy(rows), which).numpy()
        np.testing.assert_allclose(said, want, rtol=2e-4, atol=2e-5)


@settings(max_examples=25)
@given(layout=LAYOUTS, n=st.integers(1, 40), seed=st.integers(0, 99))
def test_backward_is_what_pytorch_says_for_any_depth_and_width(layout, n, seed) -> None:
    flat, rows = some(layout, n, seed)
    rng = np.random.default_rng(seed + 1)
    gradient = np.full(layout.parameters, np.nan, np.float32)
    room = [np.empty(n * layout.units, np.float32) for _ in range(2)]
    scratch = Scratch(rows, *room)
    weights = th.from_numpy(flat.copy()).requires_grad_()
    loss = th.zeros(())
    for which in (POLICY, VALUE):
        kernels.forward(layout.net, flat, rows, scratch.units, which)
        slopes = kernels.head_of(scratch.slopes, layout.net, which, n)
        slopes[:] = rng.normal(size=slopes.shape)
        said = in_torch(layout, weights, th.from_numpy(rows), which)
        loss = loss + (said * th.from_numpy(slopes.copy())).sum()
        kernels.backward(layout.net, flat, gradient, scratch, n, which)
    loss.backward()
    want = weights.grad.numpy()
    np.testing.assert_allclose(gradient, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


def test_a_short_batch_leaves_the_rest_of_the_room_alone() -> None:
    layout = Layout(3, (4,), (), 2)
    flat, rows = some(layout, 8, 0)
    units = np.full(8 * layout.units, 7.0, np.float32)
    kernels.forward(layout.net, flat, rows[:3], units, VALUE)
    kernels.forward(layout.net, flat, rows[:3], units, POLICY)
    assert (units[3 * layout.units :] == 7.0).all()
    assert (units[: 3 * layout.units] != 7.0).all()


def test_nan_in_a_row_stays_in_that_row() -> None:
    layout = Layout(3, (4,), (), 2)
    flat, rows = some(layout, 2, 0)
    rows[1, 0] = np.nan
    units = np.empty(2 * layout.units, np.float32)
    kernels.forward(layout.net, flat, rows, units, POLICY)
    said = kernels.head_of(units, layout.net, POLICY, 2)
    assert np.isfinite(said[0]).all()
    assert np.isnan(said[1]).all()


@given(st.lists(st.floats(-80.0, 80.0, width=32), min_size=1, max_size=12))
def test_softened_logits_are_those_of_pytorch(logits: list[float]) -> None:
    row, odds = np.array(logits, np.float32), np.empty(len(logits), np.float32)
    want = th.log_softmax(th.tensor(logits), 0).numpy()
    kernels.soften(row, odds)
    np.testing.assert_allclose(row, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(odds, np.exp(want), rtol=1e-4, atol=1e-6)
    assert odds.sum() == pytest.approx(1.0, abs=1e-5)


def test_huge_logits_do_not_overflow() -> None:
    row, odds = np.array([3e38, -3e38], np.float32), np.empty(2, np.float32)
    kernels.soften(row, odds)
    assert odds.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_nan_among_logits_leaves_no_probability(place: int) -> None:
    row, odds = np.zeros(3, np.float32), np.zeros(3, np.float32)
    row[place] = np.nan
    kernels.soften(row, odds)
    assert np.isnan(odds).all()
    assert np.isnan(row).all()


@pytest.mark.parametrize(
    ("uniform", "action"), [(0.0, 0), (0.249, 0), (0.25, 1), (0.74, 1), (0.75, 2), (0.999, 2)]
)
def test_an_action_has_its_share_of_the_unit(uniform: float, action: int) -> None:
    odds = np.array([0.25, 0.5, 0.25], np.float32)
    assert kernels.pick(odds, np.float32(uniform)) == action


def test_what_is_impossible_is_never_picked() -> None:
    """Not even where rounding leaves a gap below 1, or for a uniform of 0."""
    odds = np.array([0.0, 0.5, 0.49999, 0.0], np.float32)
    assert kernels.pick(odds, np.float32(0.0)) == 1
    assert kernels.pick(odds, np.float32(0.999999)) == 2


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=9), st.floats(0.0, 0.999))
def test_compiled_and_plain_picks_agree(shares: list[float], uniform: float) -> None:
    odds = (np.array(shares) / sum(shares)).astype(np.float32)
    u = np.float32(uniform)
    assert kernels.pick(odds, u) == kernels.pick.py_func(odds, u)


def test_compiled_and_plain_nets_agree() -> None:
    layout = Layout(4, (6, 5), (3,), 3)
    flat, rows = some(layout, 5, 2)
    rooms = [np.empty(5 * layout.units, np.float32) for _ in range(2)]
    for which in (POLICY, VALUE):
        kernels.forward(layout.net, flat, rows, rooms[0], which)
        kernels.forward.py_func(layout.net, flat, rows, rooms[1], which)
    np.testing.assert_allclose(rooms[0], rooms[1], rtol=1e-5, atol=1e-6)
