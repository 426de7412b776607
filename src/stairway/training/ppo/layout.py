"""Where every weight of a policy lies in one flat vector of float32.

The order is PyTorch's own (``parameters_to_vector``): hidden layers of the policy, hidden
layers of the value, action head, value head; of each layer first the weights (out, in),
then the biases. Knows no PyTorch: what is served and what is compared needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stairway.base.arrays import Float32Array, IntArray
from stairway.base.errors import DataError
from stairway.training.ppo.nets.kernels import Net

ACTOR = ("mlp_extractor.policy_net.", "action_net.")
"""How the names of the actor's tensors begin; the others are the value net's."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight matrix or vector of biases: its name in PyTorch, shape and first place."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """The place after its last."""
        return self.start + int(np.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of a policy with two separate nets of tanh layers.

    Attributes
    ----------
    inputs
        Numbers in an observation.
    policy, value
        Widths of the hidden layers of each net; may be empty.
    actions
        Number of discrete actions.

    Examples
    --------
    >>> small = Layout(inputs=3, policy=(4,), value=(), actions=2)
    >>> small.parameters
    30
    >>> [(t.name, t.shape, t.start) for t in small.tensors()][2:4]
    [('action_net.weight', (2, 4), 16), ('action_net.bias', (2,), 24)]
    """

    inputs: int
    policy: tuple[int, ...]
    value: tuple[int, ...]
    actions: int

    def __post_init__(self) -> None:
        if min(self.inputs, self.actions, *self.policy, *self.value) < 1:
            msg = f"every size of a policy must be at least 1, got {self}"
            raise DataError(msg)

    def tensors(self) -> tuple[Tensor, ...]:
        """All parameters in the order of the vector."""
        found: list[Tensor] = []
        for name, inputs, outputs in self._layers():
            start = found[-1].stop if found else 0
            weight = Tensor(f"{name}.weight", (outputs, inputs), start)
            found += [weight, Tensor(f"{name}.bias", (outputs,), weight.stop)]
        return tuple(found)

    def actor_of(self, flat: Float32Array) -> list[Float32Array]:
        """Cut out what decides what the policy does: weights and biases of each layer."""
        return [
            flat[tensor.start : tensor.stop].reshape(tensor.shape).copy()
            for tensor in self.tensors()
            if tensor.name.startswith(ACTOR)
        ]

    @property
    def parameters(self) -> int:
        """Length of the vector."""
        return self.tensors()[-1].stop

    @property
    def units(self) -> int:
        """Units of all layers of both nets, heads included."""
        return sum(self.policy) + self.actions + sum(self.value) + 1

    @property
    def net(self) -> Net:
        """The same as a table for kernels, one row a layer, the policy's before the value's."""
        tensors = self.tensors()
        places = dict(zip(tensors[::2], tensors[1::2], strict=True))
        hidden, heads = list(places)[:-2], list(places)[-2:]
        depth = len(self.policy)
        ordered = [*hidden[:depth], heads[0], *hidden[depth:], heads[1]]
        rows: list[tuple[int, ...]] = []
        units = 0
        for weight in ordered:
            outputs, inputs = weight.shape
            rows.append((inputs, outputs, weight.start, places[weight].start, units))
            units += outputs
        layers: IntArray = np.array(rows, np.int64)
        return Net(layers, np.array((0, depth + 1, len(rows)), np.int64))

    def check(self, flat: Float32Array) -> None:
        """Raise :class:`DataError` unless ``flat`` is a finite vector of this layout."""
        if flat.dtype != np.float32 or flat.shape != (self.parameters,):
            given = f"{flat.dtype} {flat.shape}"
            msg = f"weights must be float32 ({self.parameters},) for {self}, got {given}"
            raise DataError(msg)
        if not bool(np.isfinite(flat).all()):
            bad = int(np.count_nonzero(~np.isfinite(flat)))
            msg = f"{bad} of {flat.size} weights are not finite; take the last good ones"
            raise DataError(msg)

    def _layers(self) -> list[tuple[str, int, int]]:
        """Name, inputs and outputs of each layer in PyTorch's order."""
        policy, value = (self.inputs, *self.policy), (self.inputs, *self.value)
        return [
            *_hidden("policy_net", policy),
            *_hidden("value_net", value),
            ("action_net", policy[-1], self.actions),
            ("value_net", value[-1], 1),
        ]


def _hidden(name: str, widths: tuple[int, ...]) -> list[tuple[str, int, int]]:
    # PyTorch counts the tanh between two layers: the layers have even numbers.
    return [
        (f"mlp_extractor.{name}.{2 * i}", inputs, outputs)
        for i, (inputs, outputs) in enumerate(pairwise(widths))
    ]
