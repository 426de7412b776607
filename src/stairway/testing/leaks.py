"""A catalogue of leaks, each as somebody really writes it, and of transforms that are none.

Every entry is a function as ``stairway prove`` takes it. ``LEAKS`` must be caught and
``CAUSAL`` must pass, whatever the seed; ``docs/prove.md`` lists them, and the tests read
that list. :func:`series` makes what they are tried on.

SciPy and pandas are asked for where somebody would use them, so that the prover meets the
rounding of real libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray
from stairway.testing import levels
from stairway.testing.bars import random_walk

Series: TypeAlias = dict[str, NDArray[Any]]
Make: TypeAlias = Callable[[Series], FloatArray]

LATE_BARS, HORIZON_BARS = 3, 5
_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS
_WINDOW = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """One transform.

    Attributes
    ----------
    what
        What is done, for the table of the docs.
    make
        Does it.
    late
        Whether it is tried on rows some of which become available late.
    """

    what: str
    make: Make
    late: bool = False


def series(n: int, seed: int, *, late: bool = False) -> Series:
    """Make minutes of a random walk with labels, the sign of the next five bars.

    Parameters
    ----------
    late
        Every seventh row becomes available three bars after its time.
    """
    bars = random_walk(n, seed, bar_seconds=60)
    names = ("open", "high", "low", "close", "volume")
    made: Series = {name: getattr(bars, name)[:, 0].copy() for name in names}
    time_ns = bars.time_ns.copy()
    end = np.minimum(np.arange(n) + HORIZON_BARS, n - 1)
    labels = np.sign(made["close"][end] - made["close"])
    rows = np.minimum(np.arange(n) + LATE_BARS, n - 1)
    known_ns = np.where(np.arange(n) % 7 == 0, time_ns[rows], time_ns) if late else time_ns
    return made | {
        "time_ns": time_ns,
        "available_ns": known_ns.copy(),
        "labels": labels,
        "label_end_ns": time_ns[end],
    }


@cache
def _library(name: str) -> Any:
    return import_module(name)


def _signal() -> Any:
    return _library("scipy.signal")


def _frame(x: FloatArray) -> Any:
    return _library("pandas").Series(x)


def _of(transform: Callable[[FloatArray], Any]) -> Make:
    """Apply it to the logarithm of the close."""
    return lambda bars: np.asarray(transform(np.log(bars["close"])), dtype=np.float64)


def _holes(bars: Series) -> BoolArray:
    """Rows of a slow feed that bring nothing: five of fifty, known beforehand."""
    return np.arange(bars["close"].size) % 50 < 5  # noqa: PLR2004


def _with_holes(bars: Series) -> FloatArray:
    return np.where(_holes(bars), np.nan, np.log(bars["close"]))


def _low_pass(x: FloatArray) -> FloatArray:
    spectrum = np.fft.rfft(x)
    spectrum[40:] = 0.0
    return np.fft.irfft(spectrum, x.size)


def _high_pass(x: FloatArray) -> FloatArray:
    spectrum = np.fft.rfft(x)
    spectrum[: x.size // 3] = 0.0
    return np.fft.irfft(spectrum, x.size)


def _haar_steps(x: FloatArray, levels: int) -> FloatArray:
    """Approximation of a decimated Haar transform, stretched back to the length of x."""
    size = 2**levels
    padded = np.pad(x, (0, -x.size % size), mode="edge")
    return np.repeat(padded.reshape(-1, size).mean(axis=1), size)[: x.size]


def _haar_denoised(x: FloatArray) -> FloatArray:
    """Details below a threshold, taken from all of them, are set to zero."""
    padded = np.pad(x, (0, x.size % 2), mode="edge")
    mean = 0.5 * (padded[::2] + padded[1::2])
    detail = 0.5 * (padded[::2] - padded[1::2])
    detail[np.abs(detail) < 2.0 * np.median(np.abs(detail))] = 0.0
    return np.stack((mean + detail, mean - detail), axis=1).ravel()[: x.size]


def _principal(bars: Series) -> FloatArray:
    """First principal component of ten lags, its direction fitted to all rows."""
    x = np.log(bars["close"])
    moves = np.diff(x, prepend=x[0])
    table = np.stack([np.concatenate((np.zeros(k), moves[: x.size - k])) for k in range(10)])
    _, vectors = np.linalg.eigh(np.cov(table))
    first = vectors[:, -1] * np.sign(vectors[0, -1])
    return first @ table


def _mean_imputed(bars: Series) -> FloatArray:
    x = _with_holes(bars)
    return np.where(np.isnan(x), np.nanmean(x), x)


def _interpolated(bars: Series) -> FloatArray:
    x, rows = _with_holes(bars), np.arange(bars["close"].size)
    known = ~np.isnan(x)
    return np.interp(rows, rows[known], x[known])


def _exponential(x: FloatArray, span: float) -> FloatArray:
    share = 2.0 / (span + 1.0)
    start = [(1.0 - share) * x[0]]
    return _signal().lfilter([share], [1.0, share - 1.0], x, zi=start)[0]


def _early_stopped(x: FloatArray) -> FloatArray:
    """Choose the span whose mean forecasts the last fifth best, used on all rows."""
    moves = np.diff(x, prepend=x[0])
    test = slice(x.size - x.size // 5, x.size - 1)
    after = slice(test.start + 1, test.stop + 1)
    means = [_exponential(moves, span) for span in np.geomspace(2.0, 200.0, 25)]
    return min(means, key=lambda mean: float(np.square(moves[after] - mean[test]).sum()))


def _pivots(x: FloatArray) -> FloatArray:
    """Height of the last swing high, marked where it stands and not where it is known."""
    windows = sliding_window_view(np.pad(x, 5, mode="edge"), 11)
    tops = np.flatnonzero(windows.max(axis=1) == x)
    last = np.searchsorted(tops, np.arange(x.size), side="right") - 1
    return np.where(last >= 0, x[tops[np.maximum(last, 0)]], np.nan)


def _warm_up_filled(x: FloatArray) -> FloatArray:
    mean = _frame(x).rolling(20).mean()
    return mean.bfill().to_numpy()


def _by_start(x: FloatArray) -> FloatArray:
    return x[np.minimum(np.arange(x.size) // 4 * 4 + 3, x.size - 1)]


def _session(bars: Series) -> NDArray[np.int64]:
    return bars["time_ns"] // (24 * _HOUR_NS)


def _to_the_close(bars: Series) -> FloatArray:
    """Minutes to the last bar of the day, learnt from the rows that come."""
    day = _session(bars)
    last = np.searchsorted(day, day, side="right") - 1
    return (bars["time_ns"][last] - bars["time_ns"]) / _MINUTE_NS


def _day_high(bars: Series) -> FloatArray:
    """Distance to the day's high, the whole day's from its first minute on."""
    _, day = np.unique(_session(bars), return_inverse=True)
    high = np.full(int(day.max()) + 1, -np.inf)
    np.maximum.at(high, day, bars["high"])
    return bars["close"] / high[day]


def _hour(bars: Series) -> NDArray[np.int64]:
    return bars["time_ns"] // _HOUR_NS % 24


def _encoded(bars: Series) -> FloatArray:
    """Mean label of each hour of the day, over all rows."""
    hour, labels = _hour(bars), bars["labels"]
    count = np.bincount(hour, minlength=24)
    return (np.bincount(hour, labels, 24) / np.maximum(count, 1))[hour]


def _label_of_last_row(bars: Series) -> FloatArray:
    """Count the labels of earlier rows, also of those whose span has not ended."""
    return np.cumsum(bars["labels"]) - bars["labels"]


def _known_labels(bars: Series) -> FloatArray:
    """Mean of those labels whose span has ended when the row is known."""
    order = np.argsort(bars["label_end_ns"], kind="stable")
    total = np.concatenate(([0.0], np.cumsum(bars["labels"][order])))
    known = np.searchsorted(bars["label_end_ns"][order], bars["available_ns"], side="right")
    return total[known] / np.maximum(known, 1)


def _event_time_join(bars: Series) -> FloatArray:
    """Move since the row before by event time, known by then or not."""
    x = np.log(bars["close"])
    return np.diff(x, prepend=x[0])


def _as_of_join(bars: Series) -> FloatArray:
    """Latest row of those that were available when this row was."""
    order = np.argsort(bars["available_ns"], kind="stable")
    newest = np.empty(order.size, np.int64)
    newest[order] = np.maximum.accumulate(order)
    return np.log(bars["close"])[newest]


def _rolling_fft(x: FloatArray) -> FloatArray:
    out = np.full(x.size, np.nan)
    if x.size >= _WINDOW:
        spectrum = np.fft.rfft(sliding_window_view(x, _WINDOW), axis=1)
        spectrum[:, 5:] = 0.0
        out[_WINDOW - 1 :] = np.fft.irfft(spectrum, _WINDOW, axis=1)[:, -1]
    return out


def _a_trous(x: FloatArray) -> FloatArray:
    for level in range(4):
        step = 2**level
        before = np.concatenate((np.full(min(step, x.size), x[0]), x[:-step]))[: x.size]
        x = 0.5 * (x + before)
    return x


def _expanding_z(x: FloatArray) -> FloatArray:
    grown = _frame(x).expanding()
    return ((_frame(x) - grown.mean()) / grown.std()).to_numpy()


def _spiky_shift(x: FloatArray) -> FloatArray:
    """Look one row ahead, in a column one value of which is huge."""
    ahead = np.append(x[1:], x[-1])
    ahead[5] = 1e12
    return ahead


def _spiky(x: FloatArray) -> FloatArray:
    """One over a move, which may be next to nothing."""
    return 1.0 / (np.diff(x, prepend=x[0]) + 1e-9)


_BOX = np.ones(_WINDOW) / _WINDOW

LEAKS: dict[str, Entry] = {
    "fft_low_pass": Entry("FFT over the series, high frequencies dropped", _of(_low_pass)),
    "fft_high_pass": Entry("FFT over the series, low frequencies dropped", _of(_high_pass)),
    "haar_decimated": Entry(
        "decimated Haar approximation, 16 rows a step", _of(lambda x: _haar_steps(x, 4))
    ),
    "haar_denoised": Entry("Haar details under a threshold dropped", _of(_haar_denoised)),
    "savgol": Entry(
        "Savitzky-Golay filter, 21 rows", _of(lambda x: _signal().savgol_filter(x, 21, 2))
    ),
    "filtfilt": Entry(
        "Butterworth filter run forwards and backwards",
        _of(lambda x: _signal().filtfilt(*_signal().butter(2, 0.1), x)),
    ),
    "hilbert": Entry(
        "envelope of the Hilbert transform",
        _of(lambda x: np.abs(_signal().hilbert(x - x[0]))),
    ),
    "centred_window": Entry(
        "centred mean of 21 rows",
        _of(lambda x: _frame(x).rolling(21, center=True).mean()),
    ),
    "z_score_whole": Entry(
        "z-score by the mean and deviation of the series",
        _of(lambda x: (x - x.mean()) / x.std()),
    ),
    "min_max_whole": Entry(
        "scaled by the least and greatest of the series",
        _of(lambda x: (x - x.min()) / (x.max() - x.min())),
    ),
    "rank_whole": Entry(
        "rank across time, of the series", _of(lambda x: _frame(x).rank(pct=True))
    ),
    "quantile_clip": Entry(
        "clipped at quantiles of the series",
        _of(lambda x: np.clip(x, *np.quantile(x, [0.05, 0.95]))),
    ),
    "detrend": Entry(
        "straight line through the series taken off", _of(lambda x: _signal().detrend(x))
    ),
    "pca_whole": Entry("principal component fitted to all rows", _principal),
    "backward_fill": Entry(
        "holes of five rows in fifty filled backwards",
        lambda bars: _frame(_with_holes(bars)).bfill().to_numpy(),
    ),
    "warm_up_filled": Entry(
        "warm-up of a rolling mean filled from its first value", _of(_warm_up_filled)
    ),
    "interpolated": Entry("holes filled on a line to the next value", _interpolated),
    "mean_imputed": Entry("holes filled with the mean of the series", _mean_imputed),
    "shift_1": Entry("shift(-1)", _of(lambda x: _frame(x).shift(-1))),
    "shift_25": Entry("shift(-25)", _of(lambda x: _frame(x).shift(-25))),
    "by_start": Entry("resampled by four, labelled by the start", _of(_by_start)),
    "pivots": Entry("swing highs marked where they stand, not where known", _of(_pivots)),
    "early_stopped": Entry("span chosen by its error on the last fifth", _of(_early_stopped)),
    "day_high": Entry("distance to the high of the whole day", _day_high),
    "to_the_close": Entry("time to the day's last bar, learnt from the rows", _to_the_close),
    "rows_left": Entry(
        "place in the series as a share of its length",
        _of(lambda x: x + np.arange(x.size) / x.size),
    ),
    "target_encoded": Entry("mean label of each hour, over all rows", _encoded),
    "labels_early": Entry(
        "labels of earlier rows whose span has not ended", _label_of_last_row
    ),
    "event_time_join": Entry(
        "row before by event time, not available yet", _event_time_join, late=True
    ),
    "spiky_shift": Entry("shift(-1) in a column one value of which is 1e12", _of(_spiky_shift)),
    "hole_ahead": Entry("a hole where the next bar rises", _of(levels.hole_ahead)),
    "infinite_ahead": Entry("infinite where the next bar rises", _of(levels.infinite_ahead)),
    "level_ahead": Entry("next move on a level of 1e10", _of(lambda x: 1e10 + levels.ahead(x))),
    "level_mixed": Entry(
        "a ten-thousandth of the next move beside this one, on a level of 1e6",
        _of(levels.level_mixed),
    ),
    "stamped": Entry(
        "a tenth of a second, by the next move, on the time in ns", levels.stamped
    ),
}

CAUSAL: dict[str, Entry] = {
    "rolling_mean": Entry(
        "pandas rolling mean", _of(lambda x: _frame(x).rolling(_WINDOW).mean())
    ),
    "rolling_std": Entry(
        "pandas rolling deviation", _of(lambda x: _frame(x).rolling(_WINDOW).std())
    ),
    "ewm": Entry("pandas exponential mean", _of(lambda x: _frame(x).ewm(span=20).mean())),
    "convolve": Entry("causal convolution", _of(lambda x: np.convolve(x, _BOX)[: x.size])),
    "fftconvolve": Entry(
        "causal convolution by FFT, equal but for rounding",
        _of(lambda x: _signal().fftconvolve(x, _BOX)[: x.size]),
    ),
    "butterworth": Entry(
        "Butterworth filter, forwards only",
        _of(lambda x: _signal().lfilter(*_signal().butter(2, 0.1), x)),
    ),
    "rolling_fft": Entry("FFT of trailing windows", _of(_rolling_fft)),
    "a_trous": Entry("à trous Haar wavelet (MODWT), trailing", _of(_a_trous)),
    "expanding_z": Entry("z-score by what was known so far", _of(_expanding_z)),
    "forward_fill": Entry(
        "holes filled forwards", lambda bars: _frame(_with_holes(bars)).ffill().to_numpy()
    ),
    "hour_of_day": Entry(
        "hour of the row's own time", lambda bars: _hour(bars).astype(np.float64)
    ),
    "known_labels": Entry("mean of labels whose span has ended", _known_labels),
    "as_of_join": Entry("latest row of those available", _as_of_join, late=True),
    "spiky": Entry("one over a move, with huge spikes", _of(_spiky)),
    "level_mean": Entry(
        "pandas rolling mean on a level of 1e6",
        _of(lambda x: _frame(1e6 + x).rolling(_WINDOW).mean()),
    ),
    "level_fft": Entry(
        "causal convolution by FFT on a level of 1e10",
        _of(lambda x: _signal().fftconvolve(1e10 + x, _BOX)[: x.size]),
    ),
    "running_total": Entry("running total of signed volume", levels.running_total),
}
