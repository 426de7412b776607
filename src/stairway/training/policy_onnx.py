"""A policy as one ONNX file, for runtimes of other people. Our own trading never reads it.

The graph is the forward pass and nothing else: ``observation`` (n, 26) float32 in,
``logits`` (n, 9) float32 out, a ``Gemm`` and a ``Tanh`` for each hidden layer. How an
observation is made of features stands in the file's metadata under ``architecture``.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stairway.models import policy_form
from stairway.models.actor import Actor
from stairway.models.observation import ACTIONS, OBSERVATION
from stairway.models.policy import layer_names

OPSET = 17
"""Of 2022: Gemm and Tanh have not changed since, and every runtime knows it."""

IR_VERSION = 8


def to_onnx(actor: Actor) -> bytes:
    """Write the policy as ONNX. Equal policies give equal bytes.

    Examples
    --------
    >>> from stairway.testing.models import toy_actor
    >>> model = onnx.load_from_string(to_onnx(toy_actor(7)))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm', 'Tanh', 'Gemm', 'Tanh', 'Gemm']
    """
    make = cast("Any", helper)
    nodes: list[Any] = []
    numbers: list[Any] = []
    policy, last = actor.policy, "observation"
    *hidden, head = layer_names(len(policy.weights))
    for name, weight, bias in zip((*hidden, head), policy.weights, policy.biases, strict=True):
        for part, array in (("weight", weight), ("bias", bias)):
            tensor = numpy_helper.from_array(np.ascontiguousarray(array), f"{name}.{part}")
            numbers.append(tensor)
        summed = "logits" if name == head else f"{name}.sum"
        inputs = [last, f"{name}.weight", f"{name}.bias"]
        nodes.append(make.make_node("Gemm", inputs, [summed], name=name, transB=1))
        last = summed
        if name != head:
            last = f"{name}.tanh"
            nodes.append(make.make_node("Tanh", [summed], [last], name=last))
    shown = make.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", OBSERVATION])
    said = make.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", ACTIONS])
    graph = make.make_graph(nodes, "policy", [shown], [said], numbers)
    opset = [make.make_opsetid("", OPSET)]
    model = make.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    model.producer_name = "stairway"
    written = policy_form.to_bytes(actor)
    make.set_model_props(model, {"architecture": written.architecture.decode()})
    cast("Any", onnx).checker.check_model(model)
    return cast("bytes", model.SerializeToString(deterministic=True))
