from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.nets.kernels import (
    BIAS,
    INPUTS,
    OUTPUTS,
    POLICY,
    UNITS,
    VALUE,
    WEIGHT,
)

LAYOUT = Layout(inputs=3, policy=(4, 5), value=(6,), actions=2)
WIDTHS = st.lists(st.integers(1, 7), max_size=3).map(tuple)
LAYOUTS = st.builds(
    Layout, inputs=st.integers(1, 7), policy=WIDTHS, value=WIDTHS, actions=st.integers(1, 5)
)


def test_the_names_are_those_of_pytorch_in_its_order() -> None:
    assert [tensor.name for tensor in LAYOUT.tensors()] == [
        "mlp_extractor.policy_net.0.weight",
        "mlp_extractor.policy_net.0.bias",
        "mlp_extractor.policy_net.2.weight",
        "mlp_extractor.policy_net.2.bias",
        "mlp_extractor.value_net.0.weight",
        "mlp_extractor.value_net.0.bias",
        "action_net.weight",
        "action_net.bias",
        "value_net.weight",
        "value_net.bias",
    ]


def test_the_usual_policy_has_as_many_parameters_as_it_should() -> None:
    hidden = 26 * 64 + 64 + 64 * 64 + 64
    assert Layout(26, (64, 64), (64, 64), 9).parameters == 2 * hidden + 64 * 9 + 9 + 64 + 1


@given(layout=LAYOUTS)
def test_tensors_lie_one_behind_the_other(layout: Layout) -> None:
    covered = 0
    for tensor in layout.tensors():
        assert tensor.start == covered
        covered = tensor.stop
    assert covered == layout.parameters


@given(layout=LAYOUTS)
def test_the_table_says_the_same_as_the_tensors(layout: Layout) -> None:
    net = layout.net
    weights = {tensor.start: tensor for tensor in layout.tensors() if len(tensor.shape) == 2}
    biases = {tensor.start: tensor for tensor in layout.tensors() if len(tensor.shape) == 1}
    assert len(net.layers) == len(weights) == len(biases)
    for row in net.layers:
        assert weights[row[WEIGHT]].shape == (row[OUTPUTS], row[INPUTS])
        assert biases[row[BIAS]].shape == (row[OUTPUTS],)
        assert weights[row[WEIGHT]].name.removesuffix("weight") == (
            biases[row[BIAS]].name.removesuffix("bias")
        )


@given(layout=LAYOUTS)
def test_each_net_is_a_chain_from_the_observation_to_its_head(layout: Layout) -> None:
    net = layout.net
    for which, head in ((POLICY, layout.actions), (VALUE, 1)):
        width = layout.inputs
        for row in net.layers[net.bounds[which] : net.bounds[which + 1]]:
            assert row[INPUTS] == width
            width = row[OUTPUTS]
        assert width == head


@given(layout=LAYOUTS)
def test_units_of_layers_do_not_overlap_and_fill_the_room(layout: Layout) -> None:
    ends = np.cumsum(layout.net.layers[:, OUTPUTS])
    assert layout.net.layers[:, UNITS].tolist() == [0, *ends[:-1].tolist()]
    assert ends[-1] == layout.units


@pytest.mark.parametrize("sizes", [(0, (), (), 1), (1, (0,), (), 1), (1, (), (3, -1), 1)])
def test_a_size_below_one_is_refused(sizes) -> None:
    with pytest.raises(DataError, match="at least 1"):
        Layout(*sizes)


def test_weights_of_the_layout_pass() -> None:
    LAYOUT.check(np.zeros(LAYOUT.parameters, np.float32))


@pytest.mark.parametrize(
    "flat",
    [
        np.zeros(LAYOUT.parameters - 1, np.float32),
        np.zeros(LAYOUT.parameters, np.float64),
        np.zeros((1, LAYOUT.parameters), np.float32),
    ],
    ids=["short", "float64", "table"],
)
def test_weights_of_another_form_are_refused(flat) -> None:
    with pytest.raises(DataError, match=rf"float32 \({LAYOUT.parameters},\)"):
        LAYOUT.check(flat)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_and_counted(bad: float) -> None:
    flat = np.zeros(LAYOUT.parameters, np.float32)
    flat[[3, 7]] = bad
    with pytest.raises(DataError, match=rf"2 of {LAYOUT.parameters} weights"):
        LAYOUT.check(flat)
