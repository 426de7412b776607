"""A controller's state outlives its process, and its gains.

A state is written down as named arrays of float64, which keep every bit, and is taken up
again under the rules that it was made with. What cannot have been written by this program
is refused: a controller that goes on from a damaged memory would pay for the wrong thing
and look healthy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import ConfigError, DataError
from stairway.simulation.controller import (
    Constant,
    ControllerRules,
    Regulated,
    State,
    start,
)
from stairway.simulation.controlling import kernels
from stairway.simulation.lanes import Lanes

REGULATED, LANES, CONSTANT = "controller.regulated", "controller.lanes", "controller.constant"
"""Names of the arrays, by the kind of state."""


def as_arrays(state: State) -> dict[str, FloatArray]:
    """Write a state down: one array, whose name says what kind it is.

    Examples
    --------
    >>> from stairway.simulation.controller import start
    >>> from stairway.testing.steering import controller_rules
    >>> as_arrays(start(controller_rules()))
    {'controller.regulated': array([30.25,  0.  ,  0.  ,  0.  ,  0.  ])}
    """
    match state:
        case Regulated(second, integral, bonus, ticket, rollouts):
            return {
                REGULATED: np.array((second, integral, bonus, ticket, rollouts), np.float64)
            }
        case Lanes(memory=memory):
            return {LANES: memory.copy()}
        case Constant():
            return {CONSTANT: np.zeros(0)}
        case _:
            assert_never(state)


def from_arrays(
    arrays: Mapping[str, FloatArray], rules: ControllerRules, envs: int = 1
) -> State:
    """Take a state up again, to the last bit.

    Parameters
    ----------
    arrays
        As :func:`as_arrays` wrote them; other names are left alone.
    envs
        As in :func:`stairway.simulation.controller.start`.

    Raises
    ------
    DataError
        If the array is missing, of another law or window, or holds what no run can have
        left: NaN, a count that is none, a term or lane beyond its bounds.
    """
    fresh = start(rules, envs)
    match fresh:
        case Regulated():
            return _regulated(_named(arrays, REGULATED, (5,)), rules)
        case Lanes(knobs=knobs):
            return Lanes(_lanes(_named(arrays, LANES, fresh.memory.shape), knobs), knobs)
        case Constant():
            _named(arrays, CONSTANT, (0,))
            return fresh
        case _:
            assert_never(fresh)


def retuned(state: State, rules: ControllerRules, envs: int = 1) -> State:
    """Go on from the same memory with other gains or targets of the same law.

    Raises
    ------
    ConfigError
        If the law, or the literal law's window, is another one: its memory would not fit.
    """
    try:
        return from_arrays(as_arrays(state), rules, envs)
    except DataError as error:
        msg = f"gains can be adjusted between cycles, the law and its window cannot: {error}"
        raise ConfigError(msg) from error


def _named(arrays: Mapping[str, FloatArray], name: str, shape: tuple[int, ...]) -> FloatArray:
    if name not in arrays:
        there = ", ".join(sorted(arrays)) or "nothing"
        msg = f"the controller needs the array {name}, and the checkpoint holds {there}"
        raise DataError(msg)
    array = arrays[name]
    if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
        msg = (
            f"the array {name} must be float64 of shape {shape} and finite, not "
            f"{array.dtype} of shape {array.shape}; take an earlier checkpoint"
        )
        raise DataError(msg)
    return array


def _regulated(array: FloatArray, rules: ControllerRules) -> Regulated:
    second, integral, bonus, ticket, rollouts = array.tolist()
    law = rules.regulated
    size = max(second**0.5 / rules.scale_bps, law.scale_floor) if second >= 0.0 else 0.0
    room = 1.0 + 1e-9
    good = (
        size > 0.0
        and abs(integral) <= law.integral_limit
        and abs(bonus) <= law.hold_authority * size * room
        and abs(ticket) <= law.trades_authority * size * room
    )
    _require(good and _is_count(rollouts), REGULATED)
    return Regulated(second, integral, bonus, ticket, int(rollouts))


def _lanes(array: FloatArray, knobs: FloatArray) -> FloatArray:
    memory = array.copy()
    ring, envs = memory[kernels.HEAD :], knobs[kernels.ENVS]
    most = knobs[kernels.BASE_BONUS] * knobs[kernels.MOST_BONUS]
    good = (
        bool(((ring >= 0.0) & (ring <= envs)).all())
        and bool(memory[kernels.SUM] == ring.sum())
        and abs(memory[kernels.SLOW]) <= knobs[kernels.SLOW_LIMIT]
        and 0.0 <= memory[kernels.BONUS] <= most
        and memory[kernels.TICKET] >= 0.0
    )
    _require(bool(good) and _is_count(memory[kernels.SEEN]), LANES)
    return memory


def _is_count(x: float) -> bool:
    return x >= 0.0 and float(x).is_integer()


def _require(good: bool, name: str) -> None:  # noqa: FBT001 - the answer of a comparison
    if not good:
        msg = (
            f"the array {name} holds figures that no run under these rules can have left; "
            "take an earlier checkpoint, or the rules that it was made with"
        )
        raise DataError(msg)
