"""A policy that no longer learns: observations in, chances of actions out, many rows at once.

Validation walks and comparisons use it. It holds a copy of the weights, so what is
trained afterwards does not change what is being judged. (``models.actor`` is what the
same policy becomes when it is served.)
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import Float32Array
from stairway.base.errors import DataError
from stairway.training.ppo.kernels import chances
from stairway.training.ppo.layout import Layout


class FrozenPolicy:
    """A frozen copy of a policy's weights; may be shared between threads.

    Parameters
    ----------
    layout
        Sizes of both nets.
    flat : (n_parameters,) float32
        Finite; copied.

    Raises
    ------
    DataError
        If the weights do not fit the layout or are not finite; later, if a row of
        observations is not (n, inputs) or not finite.

    Examples
    --------
    >>> layout = Layout(inputs=2, policy=(), value=(), actions=2)
    >>> weights = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0.5], np.float32)
    >>> frozen = FrozenPolicy(layout, weights)
    >>> rows = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    >>> frozen.chances(rows).astype(float).round(2).tolist()
    [[0.27, 0.73], [0.73, 0.27]]
    """

    def __init__(self, layout: Layout, flat: Float32Array) -> None:
        layout.check(flat)
        self.layout = layout
        self.flat = flat.copy()
        # Not made read-only: numba would compile every kernel a second time for it.
        self._net = layout.net

    def chances(self, rows: Float32Array) -> Float32Array:
        """Probability of each action in each row, (n, actions) float32."""
        rows = self._rows(rows)
        room = np.empty(len(rows) * self.layout.units, np.float32)
        return chances(self._net, self.flat, rows, room)

    def _rows(self, rows: Float32Array) -> Float32Array:
        if rows.ndim != 2 or rows.shape[1] != self.layout.inputs:  # noqa: PLR2004 - a table
            msg = f"observations must be (n, {self.layout.inputs}), got {rows.shape}"
            raise DataError(msg)
        if not bool(np.isfinite(rows).all()):
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            msg = f"{bad.size} of {len(rows)} observations are not finite, first row {bad[0]}"
            raise DataError(msg)
        return np.ascontiguousarray(rows, np.float32)
