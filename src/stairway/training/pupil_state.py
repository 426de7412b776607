"""What a pupil is between two roll-outs: arrays by name, to be kept and taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

from stairway.base.arrays import Float32Array
from stairway.training.divergence import Parameters, copied
from stairway.training.ppo.layout import Layout

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

MODEL, ENV, STEER = "model.", "env.", "steer."
"""How the names of its arrays begin: the model's, the accounts', the controller's."""

WEIGHTS = MODEL + "parameters"
"""Name of the array of all weights."""


class PutDown(NamedTuple):
    """A pupil between two roll-outs: arrays by name, and the rest as JSON can say it."""

    tensors: dict[str, NDArray[Any]]
    notes: dict[str, Any]

    @property
    def weights(self) -> Float32Array:
        """All weights in one vector."""
        return self.tensors[WEIGHTS]


class Good(NamedTuple):
    """What a roll-back goes back to: parameters, optimiser and controller.

    Attributes
    ----------
    tensors
        By name, as in :class:`PutDown`.
    adam_steps
        Gradient steps that the optimiser had made.
    """

    tensors: dict[str, NDArray[Any]]
    adam_steps: int

    @property
    def weights(self) -> Float32Array:
        """All weights in one vector."""
        return self.tensors[WEIGHTS]


def parameters_of(layout: Layout, flat: Float32Array) -> Parameters:
    """Name the tensors that lie in a vector of all weights, and copy them."""
    return copied({t.name: flat[t.start : t.stop].reshape(t.shape) for t in layout.tensors()})


def prefixed(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Put a prefix before every name."""
    return {prefix + name: array for name, array in arrays.items()}


def without(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Take those arrays whose names begin so, under what follows the prefix."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
