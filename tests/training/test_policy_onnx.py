"""Other people's runtimes compute what ours computes."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from stairway.models import policy_form
from stairway.models.policy import observations
from stairway.testing.models import toy_actor
from stairway.training.policy_onnx import to_onnx

SHOWN = (np.random.default_rng(2).standard_normal((256, 26)) * 2.0).astype(np.float32)


def session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])


@pytest.mark.parametrize("hidden", [(), (16,), (64, 64), (5, 7, 3)])
def test_onnxruntime_says_what_the_kernel_says_on_256_vectors(hidden: tuple[int, ...]) -> None:
    actor = toy_actor(5, hidden)
    (said,) = session(to_onnx(actor)).run(["logits"], {"observation": SHOWN})
    assert said.dtype == np.float32
    assert float(np.abs(said - actor.policy.logits(SHOWN)).max()) <= 1e-5


def test_one_row_is_as_good_as_many() -> None:
    actor = toy_actor(6)
    run = session(to_onnx(actor)).run
    (many,) = run(None, {"observation": SHOWN})
    for row, said in zip(SHOWN[:20], many, strict=False):
        (one,) = run(None, {"observation": row[None]})
        np.testing.assert_allclose(one[0], said, atol=1e-6)


def test_the_file_holds_the_graph_and_nothing_but_allowed_operators() -> None:
    model = onnx.load_from_string(to_onnx(toy_actor(7, (64, 64))))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == [
        "Gemm",
        "Tanh",
        "Gemm",
        "Tanh",
        "Gemm",
    ]
    assert [one.name for one in model.graph.output] == ["logits"]
    assert list(model.graph.node[-1].output) == ["logits"]
    assert {node.domain for node in model.graph.node} == {""}
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]


def test_the_normaliser_travels_with_it() -> None:
    actor = toy_actor(8)
    model = onnx.load_from_string(to_onnx(actor))
    told = {one.key: one.value for one in model.metadata_props}
    assert told["architecture"].encode() == policy_form.to_bytes(actor).architecture
    form = json.loads(told["architecture"])["normaliser"]
    rows = np.random.default_rng(1).standard_normal((1, 2, 12))
    theirs = (rows.reshape(24) - form["mean"]) / np.array(form["deviation"])
    shown = observations(rows, np.zeros((1, 2), np.int64), actor.normaliser)
    np.testing.assert_allclose(
        np.delete(shown[0], [12, 25]), np.clip(theirs, -form["clip"], form["clip"]), atol=1e-6
    )


def test_equal_policies_give_equal_bytes() -> None:
    assert to_onnx(toy_actor(3)) == to_onnx(toy_actor(3))
    assert to_onnx(toy_actor(3)) != to_onnx(toy_actor(4))


def test_a_hole_is_not_answered_with_a_number() -> None:
    shown = SHOWN[:1].copy()
    shown[0, 3] = np.nan
    (said,) = session(to_onnx(toy_actor(3))).run(None, {"observation": shown})
    assert np.isnan(said).all()
