"""What a policy is shown at a close and what it may do: the one layout of both.

::

    twelve features, position   of the first instrument
    twelve features, position   of the second                ->  26 float32

An action is a pair: first = a // 3, second = a % 3, each 0 sell, 1 hold, 2 buy; 4 holds
both. Practice, training and trading take these numbers from here, compiled code too, and
rows are put together by :func:`laid_out` alone, so that all show a policy the same thing to
the last bit. Numbers of this file are compiled in: the folder of the compiled kernels is
named after it too (:mod:`stairway.compiled`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import Float32Array
from stairway.features.spec import FEATURE_NAMES

FEATURES = len(FEATURE_NAMES)
"""Of one instrument."""

FIRST_HELD = FEATURES
SECOND = FIRST_HELD + 1
SECOND_HELD = SECOND + FEATURES
OBSERVATION = SECOND_HELD + 1
"""Places in an observation: the position held of the first instrument, the features of the
second, the position held of it; and how many numbers that makes."""

SELL, HOLD, BUY = SIDES = range(3)
"""What an action says of one instrument."""

ACTIONS = len(SIDES) ** 2
HOLD_BOTH = HOLD * len(SIDES) + HOLD
"""How many actions there are, and the one that leaves both instruments alone."""


def laid_out(features: NDArray[np.floating[Any]], positions: NDArray[Any]) -> Float32Array:
    """Put features and positions where a policy looks for them, (n, 26) float32.

    Parameters
    ----------
    features : (n, 24)
        Normalised: the first instrument's twelve, then the second's. NaN stays NaN.
    positions : (n, 2)
        What is held of each: -1, 0 or +1.

    Examples
    --------
    >>> row = laid_out(np.arange(24.0)[None], np.array([[1, -1]]))[0]
    >>> row[[0, 11, FIRST_HELD, SECOND, 24, SECOND_HELD]].tolist()
    [0.0, 11.0, 1.0, 12.0, 23.0, -1.0]
    """
    shown = np.empty((len(features), OBSERVATION), np.float32)
    shown[:, :FIRST_HELD] = features[:, :FEATURES]
    shown[:, FIRST_HELD] = positions[:, 0]
    shown[:, SECOND:SECOND_HELD] = features[:, FEATURES:]
    shown[:, SECOND_HELD] = positions[:, 1]
    return shown
