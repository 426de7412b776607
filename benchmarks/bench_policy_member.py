"""What a policy costs as a member: from two rows of features to two probabilities.

Run ``python benchmarks/bench_policy_member.py``; it prints a table and writes
``benchmarks/results/policy_member.json``. Peers, on the same network of two layers of 64:
NumPy's matrix products, PyTorch's modules, and onnxruntime with one thread. All answer one
row at a time, as a live loop asks, and then 4,096 rows at once, as a back-test does.

Medians are of interleaved rounds, so that a noisy neighbour slows all of them alike.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from stairway.adapters.runtimes import policy as policy_runtime
from stairway.models.actor import Actor, believe
from stairway.models.ask import Question, ask_pair
from stairway.models.bodies.policy import PolicyBody
from stairway.models.neural import kernels
from stairway.models.policy import beliefs, observe, probabilities
from stairway.models.sealed import Bundle, pack, unpack
from stairway.testing.models import toy_actor, toy_policy, toy_policy_body
from stairway.training.policy_onnx import to_onnx

RESULT = Path(__file__).parent / "results" / "policy_member.json"
HIDDEN = (64, 64)
ROUNDS, CALLS, ROWS = 41, 400, 4_096
TOLERANCE = 1e-5


def in_torch(actor: Actor) -> torch.nn.Sequential:
    policy = actor.policy
    modules: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(policy.widths.tolist()):
        modules += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    network = torch.nn.Sequential(*modules[:-1])
    with torch.no_grad():
        for layer, weight, bias in zip(
            network[::2], policy.weights, policy.biases, strict=True
        ):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return network


def by_numpy(actor: Actor) -> Callable[[np.ndarray], np.ndarray]:
    policy = actor.policy
    turned = [np.ascontiguousarray(weight.T) for weight in policy.weights]

    def answer(shown: np.ndarray) -> np.ndarray:
        values = shown
        for weight, bias in zip(turned[:-1], policy.biases[:-1], strict=True):
            values = np.tanh(values @ weight + bias)
        return values @ turned[-1] + policy.biases[-1]

    return answer


def forward_passes(actor: Actor) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Give the same network four times: from (n, 26) float32 to (n, 9)."""
    network = in_torch(actor)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(actor), options, ["CPUExecutionProvider"])

    def by_torch(shown: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(shown)).numpy()

    def by_onnx(shown: np.ndarray) -> np.ndarray:
        return session.run(None, {"observation": shown})[0]

    policy = actor.policy
    return {
        "kernel": lambda shown: kernels.logits(shown, policy.flat, policy.widths),
        "numpy": by_numpy(actor),
        "onnxruntime": by_onnx,
        "torch": by_torch,
    }


def interleaved(works: dict[str, Callable[[], Any]], calls: int) -> dict[str, float]:
    """Median microseconds of one call, each work timed in every round."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.perf_counter_ns()
            for _ in range(calls):
                work()
            spent[name].append((time.perf_counter_ns() - start) / calls / 1e3)
    return {name: round(float(np.median(times)), 4) for name, times in spent.items()}


def member() -> dict[str, float]:
    """Each step of an answer, and the whole of it as the loop asks."""
    actor, rng = toy_actor(7, HIDDEN), np.random.default_rng(7)
    body: PolicyBody = toy_policy_body(7)
    packed = pack(Bundle(toy_policy(), body))
    sealed = unpack(packed.manifest, packed.blobs)
    runtime = policy_runtime.load(sealed)
    runtime = policy_runtime.PolicyRuntime(runtime.card, actor, body.calibration)
    rows = rng.standard_normal((2, 12))
    shown = observe(rows, (0, 0), actor.normaliser)
    said = probabilities(actor.policy, shown)
    about = tuple(Question(one, 1, "trend", 0.02) for one in ("NVDA", "MSFT"))
    return interleaved(
        {
            "observe": lambda: observe(rows, (0, 0), actor.normaliser),
            "probabilities": lambda: probabilities(actor.policy, shown),
            "beliefs": lambda: beliefs(said),
            "believe": lambda: believe(actor, rows),
            "predict_pair": lambda: runtime.predict_pair(rows, "trend"),
            "ask_pair": lambda: ask_pair(runtime, rows, about),
        },
        CALLS,
    )


def main() -> None:
    """Measure, print and write down."""
    torch.set_num_threads(1)
    actor = toy_actor(7, HIDDEN)
    shown = (np.random.default_rng(1).standard_normal((ROWS, 26)) * 2.0).astype(np.float32)
    passes = forward_passes(actor)
    truth = passes["torch"](shown)
    apart = {name: float(np.abs(work(shown) - truth).max()) for name, work in passes.items()}
    one = shown[:1].copy()
    report: dict[str, Any] = {
        "machine": {"cpu": platform.machine(), "numpy": np.__version__},
        "network": [26, *HIDDEN, 9],
        "row_us": interleaved({n: lambda w=w: w(one) for n, w in passes.items()}, CALLS),
        "batch_us_per_row": {
            name: round(us / ROWS, 4)
            for name, us in interleaved(
                {n: lambda w=w: w(shown) for n, w in passes.items()}, 1
            ).items()
        },
        "largest_difference_from_torch": apart,
        "within_tolerance": max(apart.values()) <= TOLERANCE,
        "member_us": member(),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    for name, us in report["row_us"].items():
        each = report["batch_us_per_row"][name]
        print(f"{name:>18} {us:8.2f} us a row, {each:6.3f} us in a batch")
    for name, us in report["member_us"].items():
        print(f"{name:>18} {us:8.2f} us")
    print(f"largest difference from torch {max(apart.values()):.1e}; written to {RESULT}")


if __name__ == "__main__":
    main()
