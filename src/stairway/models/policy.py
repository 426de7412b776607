"""A trained policy without its trainer: plain layers, one observation, nine actions.

::

    observation (26,)  ->  tanh layers  ->  9 logits  ->  probabilities of 9 actions

What an observation and an action are is said in :mod:`stairway.models.observation`.

What a policy believes is read off the probabilities of its actions (:func:`beliefs`). How
it is asked as a member is in :mod:`stairway.models.actor`, and how it is written down in
:mod:`stairway.models.policy_form`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import Float32Array, FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.base.verdict import Pass, Verdict, refuse
from stairway.models.neural import kernels
from stairway.models.normaliser import WIDTH, Normaliser
from stairway.models.observation import (
    ACTIONS,
    BUY,
    FEATURES,
    OBSERVATION,
    SELL,
    SIDES,
    laid_out,
)

MAX_LAYERS, MAX_WIDTH = 8, 1_024
"""Deeper or wider is not a policy of ours; the largest file is below 64 MB."""

MAX_WEIGHT = 100.0
"""A healthy weight is below 5. Beyond this bound a network only shouts."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Hidden tanh layers and the action head; one that exists is sound. Compare the bytes.

    Attributes
    ----------
    weights : tuple of (n_out, n_in) float32
        Hidden layers in order, then the action head: 26 in at first, 9 out at last.
    biases : tuple of (n_out,) float32

    Raises
    ------
    DataError
        If :func:`validate` would refuse them.
    """

    weights: tuple[Float32Array, ...]
    biases: tuple[Float32Array, ...]
    flat: Float32Array = field(init=False, repr=False)
    """All of them in one vector, in the order of the kernels."""
    widths: IntArray = field(init=False, repr=False)
    """Inputs, hidden widths in order, actions; (n_layers + 1,) int64."""

    def __post_init__(self) -> None:
        verdict = validate(self.weights, self.biases)
        if not isinstance(verdict, Pass):
            raise DataError(verdict.findings[0].detail)
        parts = [
            part
            for weight, bias in zip(self.weights, self.biases, strict=True)
            for part in (weight.T.ravel(), bias)
        ]
        widths = [OBSERVATION, *(bias.size for bias in self.biases)]
        object.__setattr__(self, "flat", np.concatenate(parts))
        object.__setattr__(self, "widths", np.array(widths, np.int64))

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return tuple(self.widths[1:-1].tolist())

    def logits(self, observations: Float32Array) -> Float32Array:
        """Scores of an (n, 26) table, (n, 9) float32; NaN where a row is not finite."""
        return kernels.logits(_table(observations), self.flat, self.widths)

    def probabilities(self, observations: Float32Array) -> FloatArray:
        """Probabilities of the actions, (n, 9) float64; NaN where a row is not finite."""
        return kernels.probabilities(_table(observations), self.flat, self.widths)


class Belief(NamedTuple):
    """What is thought of one instrument; NaN where there is no answer.

    Attributes
    ----------
    raw
        Log odds of buying against selling, unbounded: what is calibrated.
    confidence
        1/2 + (buy - sell) / 2, in [0, 1]: how far it leans, holding leaning nowhere. Not
        calibrated, and no probability of anything yet.
    """

    raw: float
    confidence: float


NO_BELIEF = Belief(math.nan, math.nan)


def observe(rows: FloatArray, positions: Sequence[int], normaliser: Normaliser) -> Float32Array:
    """Put together what a policy is shown at one close, (26,) float32.

    Parameters
    ----------
    rows : (2, 12) float64
        Features of both instruments, as the feature engine gives them; NaN stays NaN.
    positions : two of -1, 0, +1
        What is held of each.

    Raises
    ------
    DataError
        If the rows have another shape, or a position is none of the three.

    Examples
    --------
    >>> as_is = Normaliser(np.zeros(24), np.ones(24), clip=5.0)
    >>> shown = observe(np.array([[0.5] * 12, [9.0] * 12]), (1, -1), as_is)
    >>> shown[[0, 12, 13, 25]].tolist(), shown.dtype.name
    ([0.5, 1.0, 5.0, -1.0], 'float32')
    """
    return observations(rows[None], np.array([positions]), normaliser)[0]


def observations(
    rows: FloatArray, positions: NDArray[np.integer[Any]], normaliser: Normaliser
) -> Float32Array:
    """Return :func:`observe` of (n, 2, 12) rows and (n, 2) positions, as (n, 26) float32.

    Examples
    --------
    >>> as_is = Normaliser(np.zeros(24), np.ones(24), clip=5.0)
    >>> observations(np.zeros((3, 2, 12)), np.ones((3, 2), np.int64), as_is).shape
    (3, 26)
    """
    n = rows.shape[0]
    if rows.shape != (n, 2, FEATURES):
        msg = f"rows are {rows.shape[1:]}; needed is one of {FEATURES} features per instrument"
        raise DataError(msg)
    whole = positions.dtype.kind == "i"  # a half is no position, and NaN is none
    if not (whole and positions.shape == (n, 2) and (np.abs(positions) <= 1).all()):
        msg = f"positions are {positions.tolist()}; allowed are pairs of -1, 0 and 1"
        raise DataError(msg)
    return laid_out(normaliser.apply(rows.reshape(n, WIDTH)), positions)


def probabilities(policy: Policy, observation: Float32Array) -> FloatArray:
    """Probability of each action, (9,) float64; all NaN where an input is not finite.

    Examples
    --------
    >>> still = Policy((np.zeros((9, 26), np.float32),), (np.zeros(9, np.float32),))
    >>> probabilities(still, np.zeros(26, np.float32)).round(3).tolist()[:2]
    [0.111, 0.111]
    """
    return policy.probabilities(observation[None])[0]


def beliefs(probabilities: FloatArray) -> tuple[Belief, Belief]:
    """Read what is thought of each instrument off the probabilities of nine actions.

    Parameters
    ----------
    probabilities : (9,) float64
        NaN among them, a sum that is not 1, or a side that is certain: no belief (NaN).

    Examples
    --------
    >>> leans = np.array([0.1, 0.1, 0.1, 0.0, 0.1, 0.0, 0.2, 0.2, 0.2])
    >>> [round(value, 3) for value in beliefs(leans)[0]]
    [0.693, 0.65]
    >>> [round(value, 3) for value in beliefs(leans)[1]]
    [0.0, 0.5]
    """
    if probabilities.shape != (ACTIONS,):
        return NO_BELIEF, NO_BELIEF
    if not abs(float(probabilities.sum()) - 1.0) < _ROUNDING:
        return NO_BELIEF, NO_BELIEF
    table = probabilities.reshape(len(SIDES), len(SIDES))
    first, second = table.sum(axis=1).tolist(), table.sum(axis=0).tolist()
    return _belief(first[SELL], first[BUY]), _belief(second[SELL], second[BUY])


def _belief(sell: float, buy: float) -> Belief:
    # What never buys or never sells has no odds: no answer, and never a number in its place
    if not (buy > 0.0 and sell > 0.0):
        return NO_BELIEF
    return Belief(math.log(buy / sell), (1.0 + buy - sell) / 2.0)


def validate(weights: Sequence[Float32Array], biases: Sequence[Float32Array]) -> Verdict:
    """Say whether these are the layers of a policy, so that the kernels may trust them.

    Examples
    --------
    >>> head = np.zeros((9, 25), np.float32)
    >>> validate([head], [np.zeros(9, np.float32)]).findings[0].detail
    'action.weight is (9, 25), needed (9, 26)'
    """
    if len(weights) != len(biases) or not 1 <= len(weights) <= MAX_LAYERS:
        detail = (
            f"{len(weights)} weights and {len(biases)} biases, needed 1 to {MAX_LAYERS} of both"
        )
        return refuse("policy.layers", detail, len(weights), MAX_LAYERS)
    widths = [OBSERVATION, *(bias.size for bias in biases[:-1]), ACTIONS]
    if not all(1 <= width <= MAX_WIDTH for width in widths):
        detail = f"layers of {widths[1:-1]} units; allowed are 1 to {MAX_WIDTH}"
        return refuse("policy.width", detail, max(widths), MAX_WIDTH)
    names = layer_names(len(weights))
    for k, (n_in, n_out) in enumerate(pairwise(widths)):
        for name, shape, array in (
            (f"{names[k]}.weight", (n_out, n_in), weights[k]),
            (f"{names[k]}.bias", (n_out,), biases[k]),
        ):
            bad = _unsound(name, shape, array)
            if not isinstance(bad, Pass):
                return bad
    return Pass()


def layer_names(n_layers: int) -> tuple[str, ...]:
    """Name the layers in order, as in a file and in what is said about them.

    Examples
    --------
    >>> layer_names(3)
    ('hidden.0', 'hidden.1', 'action')
    """
    return (*(f"hidden.{k}" for k in range(n_layers - 1)), "action")


def _unsound(name: str, shape: tuple[int, ...], array: Float32Array) -> Verdict:
    if array.shape != shape:
        return refuse("policy.shape", f"{name} is {array.shape}, needed {shape}")
    if array.dtype != np.float32:
        return refuse("policy.dtype", f"{name} is {array.dtype}, needed float32")
    if not np.isfinite(array).all():
        return refuse("policy.finite", f"{name} holds a number that is not finite")
    largest = float(np.abs(array).max())
    if not largest <= MAX_WEIGHT:
        detail = f"{name} holds {largest:g}; nothing above {MAX_WEIGHT:g} is allowed"
        return refuse("policy.weight", detail, largest, MAX_WEIGHT)
    return Pass()


def _table(observations: Float32Array) -> Float32Array:
    if observations.shape[1:] != (OBSERVATION,):
        given = observations.shape[1:]
        msg = f"an observation is {given}, needed ({OBSERVATION},) for each row"
        raise DataError(msg)
    return np.ascontiguousarray(observations, np.float32)
