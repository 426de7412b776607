"""Compiled loops of two nets of tanh layers over one vector of weights.

Matrix products are BLAS (``np.dot``), everything between them is a loop over contiguous
float32 that the compiler turns into vectors. All release the interpreter's lock and write
only into what they are given. The table of layers comes from
:class:`stairway.training.ppo.layout.Layout`; nothing is range-checked here.

NaN anywhere reaches the heads, and through them the weights, where callers look for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stairway.base.arrays import Float32Array, IntArray
from stairway.compiled import njit

INPUTS, OUTPUTS, WEIGHT, BIAS, UNITS = range(5)
"""Columns of ``Net.layers``; the last is where a layer's units begin, in floats a row."""

POLICY, VALUE = 0, 1
"""Which of the two nets."""


class Net(NamedTuple):
    """Layers (n, 5), and where each net's begin and end among them, (3,)."""

    layers: IntArray
    bounds: IntArray


class Scratch(NamedTuple):
    """Room for one minibatch: rows (batch, inputs), units and slopes (batch x units,)."""

    rows: Float32Array
    units: Float32Array
    slopes: Float32Array


@njit(cache=True, nogil=True, error_model="numpy")
def tanh(x: np.float32) -> np.float32:
    """Return tanh as a ratio of polynomials, within 4e-7; NaN stays NaN.

    A ratio of odd and even powers (the one of Eigen and XLA) is plain arithmetic, which
    the compiler runs on 8 or 16 numbers at once: 45 times as fast as calling libm.
    """
    edge = np.float32(7.90531110763549805)
    x = edge if x > edge else x  # noqa: FURB136 - NaN must stay NaN; min() keeps either
    x = -edge if x < -edge else x  # noqa: FURB136 - as above
    s = x * x
    p = s * np.float32(-2.76076847742355e-16) + np.float32(2.00018790482477e-13)
    p = s * p + np.float32(-8.60467152213735e-11)
    p = s * p + np.float32(5.12229709037114e-08)
    p = s * p + np.float32(1.48572235717979e-05)
    p = s * p + np.float32(6.37261928875436e-04)
    p = s * p + np.float32(4.89352455891786e-03)
    q = s * np.float32(1.19825839466702e-06) + np.float32(1.18534705686654e-04)
    q = s * q + np.float32(2.26843463243900e-03)
    q = s * q + np.float32(4.89352518554385e-03)
    return x * p / q


@njit(cache=True, nogil=True, error_model="numpy")
def weights_of(flat: Float32Array, layer: IntArray) -> Float32Array:
    """Weights of a layer, (outputs, inputs), as a view."""
    start, size = layer[WEIGHT], layer[INPUTS] * layer[OUTPUTS]
    return flat[start : start + size].reshape(layer[OUTPUTS], layer[INPUTS])


@njit(cache=True, nogil=True, error_model="numpy")
def biases_of(flat: Float32Array, layer: IntArray) -> Float32Array:
    """Biases of a layer, (outputs,), as a view."""
    return flat[layer[BIAS] : layer[BIAS] + layer[OUTPUTS]]


@njit(cache=True, nogil=True, error_model="numpy")
def units_of(room: Float32Array, layer: IntArray, n: int) -> Float32Array:
    """Units of a layer for ``n`` rows, (n, outputs), as a view into the room for all."""
    start = layer[UNITS] * n
    return room[start : start + n * layer[OUTPUTS]].reshape(n, layer[OUTPUTS])


@njit(cache=True, nogil=True, error_model="numpy")
def add_biases(units: Float32Array, biases: Float32Array) -> None:
    """Add the biases to every row."""
    for i in range(units.shape[0]):
        for j in range(units.shape[1]):
            units[i, j] += biases[j]


@njit(cache=True, nogil=True, error_model="numpy")
def add_and_bend(units: Float32Array, biases: Float32Array) -> None:
    """Add the biases to every row, then take tanh."""
    for i in range(units.shape[0]):
        for j in range(units.shape[1]):
            units[i, j] = tanh(units[i, j] + biases[j])


@njit(cache=True, nogil=True, error_model="numpy")
def forward(
    net: Net, flat: Float32Array, rows: Float32Array, units: Float32Array, which: int
) -> None:
    """Send rows through one of the nets; what every layer says is kept in ``units``."""
    first, stop = net.bounds[which], net.bounds[which + 1]
    below = rows
    for k in range(first, stop):
        layer = net.layers[k]
        above = units_of(units, layer, rows.shape[0])
        np.dot(below, weights_of(flat, layer).T, above)
        if k < stop - 1:
            add_and_bend(above, biases_of(flat, layer))
        else:
            add_biases(above, biases_of(flat, layer))
        below = above


@njit(cache=True, nogil=True, error_model="numpy")
def sum_rows(slopes: Float32Array, out: Float32Array) -> None:
    """Sum over rows, into ``out``."""
    for j in range(out.size):
        out[j] = slopes[0, j]
    for i in range(1, slopes.shape[0]):
        for j in range(out.size):
            out[j] += slopes[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def unbend(slopes: Float32Array, units: Float32Array) -> None:
    """Turn slopes above a tanh into slopes below it."""
    one = np.float32(1.0)
    for i in range(slopes.shape[0]):
        for j in range(slopes.shape[1]):
            slopes[i, j] *= one - units[i, j] * units[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def backward(
    net: Net, flat: Float32Array, gradient: Float32Array, scratch: Scratch, n: int, which: int
) -> None:
    """Gradient of one net's weights, from the slopes that stand at its head."""
    first, stop = net.bounds[which], net.bounds[which + 1]
    for k in range(stop - 1, first - 1, -1):
        layer = net.layers[k]
        slopes = units_of(scratch.slopes, layer, n)
        sum_rows(slopes, biases_of(gradient, layer))
        if k == first:
            np.dot(slopes.T, scratch.rows[:n], weights_of(gradient, layer))
            return
        below = units_of(scratch.units, net.layers[k - 1], n)
        beneath = units_of(scratch.slopes, net.layers[k - 1], n)
        np.dot(slopes.T, below, weights_of(gradient, layer))
        np.dot(slopes, weights_of(flat, layer), beneath)
        unbend(beneath, below)


@njit(cache=True, nogil=True, error_model="numpy")
def head_of(room: Float32Array, net: Net, which: int, n: int) -> Float32Array:
    """Units of a net's last layer for ``n`` rows, (n, outputs), as a view."""
    return units_of(room, net.layers[net.bounds[which + 1] - 1], n)


@njit(cache=True, nogil=True, error_model="numpy")
def soften(logits: Float32Array, odds: Float32Array) -> None:
    """Turn a row of logits into log-probabilities, and write the probabilities to ``odds``."""
    top = logits[0]
    for c in range(1, logits.size):
        top = max(top, logits[c])
    total = np.float32(0.0)
    for c in range(logits.size):
        odds[c] = np.exp(logits[c] - top)
        total += odds[c]
    shift = top + np.log(total)
    for c in range(logits.size):
        odds[c] /= total
        logits[c] -= shift


@njit(cache=True, nogil=True, error_model="numpy")
def pick(odds: Float32Array, uniform: np.float32) -> int:
    """Find the action whose share of [0, 1) holds ``uniform``; never one of probability 0."""
    reached, action = np.float32(0.0), 0
    for c in range(odds.size):
        if odds[c] > 0:
            action = c
            reached += odds[c]
            if uniform < reached:
                break
    return action
