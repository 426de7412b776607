"""A policy that no longer learns: a copy of the weights, and what they are the weights of.

Validation and held-out days are walked with it, so what is trained afterwards does not
change what is being judged. (``models.actor`` is what the same policy becomes when it is
served.)
"""

from __future__ import annotations

from stairway.base.arrays import Float32Array
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
        If the weights do not fit the layout or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> layout = Layout(inputs=2, policy=(), value=(), actions=2)
    >>> learning = np.zeros(layout.parameters, np.float32)
    >>> frozen = FrozenPolicy(layout, learning)
    >>> learning += 1.0
    >>> frozen.flat.any()
    np.False_
    """

    def __init__(self, layout: Layout, flat: Float32Array) -> None:
        layout.check(flat)
        self.layout = layout
        # Not made read-only: numba would compile every kernel a second time for it.
        self.flat = flat.copy()
