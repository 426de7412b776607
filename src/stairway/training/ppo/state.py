"""Everything a model needs to go on as if it had never stopped, as arrays and scalars.

Weights, Adam's moments and steps, the generator, and where the model stands. Not its
environment, which keeps its own state, and not its settings, which the caller builds it
with. To be taken between two roll-outs. Numbers are exact in JSON: those too long for
other readers are strings of digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from stairway.base.errors import DataError
from stairway.training.ppo.fast import FastPPO, Situation
from stairway.training.ppo.kernels import Adam
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.weights import adam_of, layout_of, set_adam

Arrays: TypeAlias = dict[str, NDArray[Any]]
Scalars: TypeAlias = dict[str, Any]

Digits: TypeAlias = Annotated[str, Meta(pattern="^[0-9]+$", max_length=39)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]

MANY = 2**128
"""Numbers that a PCG64 generator tells apart."""

VECTORS = ("parameters", "adam_first", "adam_second")
"""Arrays of the length of the layout."""


class Chance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a PCG64 generator stands."""

    state: Digits
    increment: Digits
    has_half: Annotated[int, Meta(ge=0, le=1)]
    half: Annotated[int, Meta(ge=0, lt=2**32)]

    def __post_init__(self) -> None:
        if max(int(self.state), int(self.increment)) >= MANY:
            msg = f"a generator has numbers below {MANY}, got {self.state}, {self.increment}"
            raise ValueError(msg)


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scalars: sizes of the nets, steps, and the generator."""

    inputs: Count
    policy: tuple[int, ...]
    value: tuple[int, ...]
    actions: Count
    adam_steps: Count
    num_timesteps: Count
    n_updates: Count
    progress_frac: float
    generator: Chance

    @property
    def layout(self) -> Layout:
        """Sizes of the nets that the arrays belong to."""
        return Layout(self.inputs, self.policy, self.value, self.actions)


def export_state(model: FastPPO) -> tuple[Arrays, Scalars]:
    """Copy everything that moves, as arrays by name and as scalars that JSON can hold.

    Arrays: ``parameters``, ``adam_first``, ``adam_second`` (n_parameters,) float32,
    ``episodes`` (n, 2) float64; once something was observed also ``last_obs`` (N, inputs)
    float32 and ``last_starts`` (N,) bool.

    Raises
    ------
    ConfigError
        If the kernels do not know the model's policy.
    """
    adam, layout, now = adam_of(model.policy), layout_of(model.policy), model.situation()
    arrays: Arrays = dict(zip(VECTORS, (adam.flat, adam.first, adam.second), strict=True))
    arrays["episodes"] = now.episodes
    if now.last_obs is not None and now.last_starts is not None:
        arrays |= {"last_obs": now.last_obs, "last_starts": now.last_starts}
    standing = Standing(
        inputs=layout.inputs,
        policy=layout.policy,
        value=layout.value,
        actions=layout.actions,
        adam_steps=int(adam.steps[0]),
        num_timesteps=now.num_timesteps,
        n_updates=now.n_updates,
        progress_frac=now.progress_frac,
        generator=_chance(model.generator),
    )
    return arrays, msgspec.to_builtins(standing)


def import_state(
    model: FastPPO, arrays: Mapping[str, NDArray[Any]], scalars: Mapping[str, Any]
) -> None:
    """Make a model go on from where :func:`export_state` left another.

    Raises
    ------
    DataError
        If names, shapes, sizes or numbers are not those of such a model. Nothing of it is
        changed then.
    """
    try:
        standing = msgspec.convert(dict(scalars), Standing)
    except msgspec.ValidationError as error:
        msg = f"the scalars are not those of a saved model: {error}"
        raise DataError(msg) from error
    mine = layout_of(model.policy)
    if standing.layout != mine:
        msg = f"the state is of {standing.layout}, the model is {mine}; build it with the same"
        raise DataError(msg)
    _check(model, mine, arrays)
    flat, first, second = (np.array(arrays[name]) for name in VECTORS)
    steps = np.array([standing.adam_steps], np.int64)
    generator = _generator(standing.generator)
    set_adam(model.policy, Adam(flat, np.zeros_like(flat), first, second, steps))
    model.generator = generator
    model.stand_at(_situation(standing, arrays))


def _situation(standing: Standing, arrays: Mapping[str, NDArray[Any]]) -> Situation:
    seen, starts = arrays.get("last_obs"), arrays.get("last_starts")
    return Situation(
        None if seen is None else seen.copy(),
        None if starts is None else starts.copy(),
        standing.num_timesteps,
        standing.n_updates,
        standing.progress_frac,
        arrays["episodes"].copy(),
    )


def _check(model: FastPPO, layout: Layout, arrays: Mapping[str, NDArray[Any]]) -> None:
    n, count = model.n_envs, len(arrays["episodes"]) if "episodes" in arrays else 0
    want: dict[str, tuple[type[Any], tuple[int, ...]]] = {
        **dict.fromkeys(VECTORS, (np.float32, (layout.parameters,))),
        "episodes": (np.float64, (count, 2)),
    }
    if "last_obs" in arrays or "last_starts" in arrays:
        want["last_obs"] = (np.float32, (n, layout.inputs))
        want["last_starts"] = (np.bool_, (n,))
    if arrays.keys() != want.keys():
        msg = f"the arrays are {sorted(arrays)}, a saved model has {sorted(want)}"
        raise DataError(msg)
    for name, (dtype, shape) in want.items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            given = f"{arrays[name].dtype} {arrays[name].shape}"
            msg = f"{name} must be {np.dtype(dtype)} {shape} for this model, got {given}"
            raise DataError(msg)
        if not bool(np.isfinite(arrays[name]).all()):
            msg = f"{name} holds numbers that are not finite; take the last good checkpoint"
            raise DataError(msg)


def _chance(generator: np.random.Generator) -> Chance:
    held: Mapping[str, Any] = generator.bit_generator.state
    inner = held["state"]
    return Chance(
        str(inner["state"]), str(inner["inc"]), held["has_uint32"], int(held["uinteger"])
    )


def _generator(chance: Chance) -> np.random.Generator:
    bits = np.random.PCG64(0)
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(chance.state), "inc": int(chance.increment)},
        "has_uint32": chance.has_half,
        "uinteger": chance.half,
    }
    return np.random.Generator(bits)
