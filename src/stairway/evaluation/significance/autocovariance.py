"""How a series moves with itself at every distance, in one Fourier transform."""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import FloatArray


def autocovariances(centred: FloatArray, most_lags: int) -> FloatArray:
    """Mean product of values that lie 0, 1, ... ``most_lags`` rows apart.

    Parameters
    ----------
    centred : (n,) float64
        Of mean zero: the caller centres it.
    most_lags
        Below n.

    Returns
    -------
    (most_lags + 1,) float64
        Each sum divided by n, whatever the lag, as its users want it.

    Examples
    --------
    >>> autocovariances(np.array([1.0, -1.0, 1.0, -1.0]), 2).round(6)
    array([ 1.  , -0.75,  0.5 ])
    """
    n = centred.size
    # Padded, so that the end does not meet the beginning.
    size = 1 << (n + most_lags).bit_length()
    spectrum = np.fft.rfft(centred, size)
    products: FloatArray = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)
    return products[: most_lags + 1] / n
