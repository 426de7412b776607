"""Compiled look at many answers: which of those that count are at fault, and in what way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.compiled import njit
from stairway.supervision.kernels import Rows, fault_of


@njit(cache=True, nogil=True)
def find_faults(rows: Rows, faults: NDArray[np.int8]) -> None:
    """Write the fault of each answer that counts; -1 for none, and for one that does not."""
    time_ns, _, symbol, action, confidence, _, _, _, take = rows
    for i in range(len(take)):
        faults[i] = -1
        if take[i] & 1 == 1:  # odd ones count
            faults[i] = fault_of(time_ns[i], symbol[i], action[i], confidence[i])
