"""Compiled forward pass of a small network: tanh layers, then one score for each action.

Before it come rows in the units that the network was trained in (:func:`normalised`).

Arrays and scalars in, arrays out; no objects, no I/O. The arrays must have passed
:class:`stairway.models.policy.Policy`: nothing is range-checked here.

All weights lie in one vector, layer by layer: a layer's (n_in, n_out) weights row by row,
then its n_out biases. A layer is the sum over inputs of input times row, so the additions
of one output always happen in the same order, alone or in a batch, and no library's idea
of a fast matrix product enters the answer. Sums are float32, as they were in training.
"""

from __future__ import annotations

import math

import numpy as np

from stairway.base.arrays import Float32Array, FloatArray, IntArray
from stairway.compiled import njit


@njit(cache=True, nogil=True)
def normalised(
    rows: FloatArray, mean: FloatArray, deviation: FloatArray, clip: float
) -> Float32Array:
    """Rows in deviations, cut at ``clip`` and rounded once, (n, n_columns) float32.

    What is not finite becomes NaN. A column of deviation 0 is 0 wherever it is finite.
    """
    out = np.empty(rows.shape, np.float32)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            value = rows[i, j]
            if not math.isfinite(value):
                out[i, j] = np.nan
            elif deviation[j] == 0.0:
                out[i, j] = 0.0
            else:
                out[i, j] = min(max((value - mean[j]) / deviation[j], -clip), clip)
    return out


@njit(cache=True, nogil=True)
def logits(observations: Float32Array, weights: Float32Array, widths: IntArray) -> Float32Array:
    """Score every action, as (n, n_actions); a row all NaN where an input is not finite.

    Parameters
    ----------
    observations : (n, widths[0]) float32
    weights : (n_weights,) float32
        Layer by layer, as the module says.
    widths : (n_layers + 1,) int64
        Inputs, hidden widths in order, actions.
    """
    scratch = np.empty((2, widths.max()), np.float32)
    out = np.empty((observations.shape[0], widths[-1]), np.float32)
    for i in range(observations.shape[0]):
        out[i] = _scores(observations[i], weights, widths, scratch)
    return out


@njit(cache=True, nogil=True)
def probabilities(
    observations: Float32Array, weights: Float32Array, widths: IntArray
) -> FloatArray:
    """Return the softmax of :func:`logits`, (n, n_actions) float64; NaN where they are."""
    scratch = np.empty((2, widths.max()), np.float32)
    out = np.empty((observations.shape[0], widths[-1]))
    for i in range(observations.shape[0]):
        _softmax(_scores(observations[i], weights, widths, scratch), out[i])
    return out


@njit(cache=True, nogil=True)
def _scores(
    observation: Float32Array, weights: Float32Array, widths: IntArray, scratch: Float32Array
) -> Float32Array:
    """Walk the layers between two vectors, (2, widest); the answer is a part of one of them.

    An infinite input would be squeezed into an ordinary answer: it gives NaN, as NaN does.
    """
    values, sums = scratch[0], scratch[1]
    for i in range(widths[0]):
        value = observation[i]
        values[i] = value if math.isfinite(value) else np.float32(np.nan)
    start, n_layers = 0, widths.size - 1
    for k in range(n_layers):
        n_in, n_out = widths[k], widths[k + 1]
        _layer(values[:n_in], weights[start : start + (n_in + 1) * n_out], sums[:n_out])
        start += (n_in + 1) * n_out
        if k < n_layers - 1:
            for j in range(n_out):
                sums[j] = math.tanh(sums[j])
        values, sums = sums, values
    return values[: widths[n_layers]]


@njit(cache=True, nogil=True)
def _layer(values: Float32Array, weights: Float32Array, sums: Float32Array) -> None:
    n_in, n_out = values.size, sums.size
    sums[:] = weights[n_in * n_out :]
    for i in range(n_in):
        value = values[i]
        row = weights[i * n_out : (i + 1) * n_out]
        for j in range(n_out):
            sums[j] += value * row[j]


@njit(cache=True, nogil=True)
def _softmax(scores: Float32Array, out: FloatArray) -> None:
    """Write the softmax of ``scores``; NaN everywhere if one of them is NaN."""
    highest = np.float64(-np.inf)
    for j in range(scores.size):
        highest = max(highest, np.float64(scores[j]))
    total = 0.0
    for j in range(scores.size):
        out[j] = math.exp(np.float64(scores[j]) - highest)
        total += out[j]
    for j in range(scores.size):
        out[j] /= total
