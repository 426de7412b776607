"""Proof of causality for a function of a user's own, over a plain series.

1. Every kind of future is tried at ``cuts`` places, one in each of as many equal parts of
   the series and each kind at places of its own: 12 cuts of 8 kinds are 96 places.
2. 1, 2, 4, ... 128 bars from both ends, noise and one other kind in turn are tried too:
   that is where warm-ups are filled backwards and last rows are repaired.
3. One that passed is asked with other prices at the same times: what it knows of the bars
   by their time alone it knows from elsewhere (:mod:`.elsewhere`).

A leak on one row in ten is missed by all 96 with a chance of 0.004 %. The number of probes
does not grow with the series, so cost grows with it as the function's own does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Finding, Pass, all_of
from stairway.features.asking import answered
from stairway.features.elsewhere import judged_by_time
from stairway.features.facts import Proof
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Case, Probe, ProverRules, tried
from stairway.features.series import Futures, Series, checked

Function: TypeAlias = Callable[[dict[str, NDArray[Any]]], Any]
Listen: TypeAlias = Callable[[int, int], None]

ALONE = "value"
_NEAR_BARS = tuple(2**power for power in range(8))
_FEWEST = 2
_SHORTER = (Perturbation.TRUNCATE, Perturbation.DELETE)
_OTHERS = tuple(kind for kind in Perturbation if kind is not Perturbation.NOISE)


def unheard(done: int, total: int) -> None:
    """Listen to nothing."""


def prove_function(
    function: Function,
    series: Series,
    rules: ProverRules,
    seed: int,
    listen: Listen = unheard,
) -> Proof:
    """Try to catch a function looking ahead.

    Parameters
    ----------
    function
        From the columns of the series to one array, (n,), which is then called ``value``,
        or to a mapping (or data frame) of names to arrays. NaN where it knows nothing.
    series
        Equal columns: ``open, high, low, close, volume`` or any other numbers, and where
        there are any ``time_ns``, ``available_ns``, ``labels`` with ``label_end_ns``.
    listen
        Told how many probes are done, and of how many.

    Raises
    ------
    DataError
        If the series cannot be used; nothing that the function does raises here.

    Examples
    --------
    >>> import numpy as np
    >>> from stairway.features.function import ProverRules, prove_function
    >>> bars = {"close": 100.0 + np.cumsum(np.sin(np.arange(500.0) ** 2))}
    >>> rules = ProverRules(
    ...     cuts=12, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9
    ... )
    >>> peek = lambda bars: np.append(bars["close"][1:], np.nan)
    >>> proof = prove_function(peek, bars, rules, seed=7)
    >>> proof.offences[0].column, proof.offences[0].ahead_bars
    ('value', 1)
    """
    whole = checked(series)
    part = {name: column[: rules.max_bars] for name, column in whole.items()}
    futures = Futures(part)
    case = Case(
        part, futures.rows, _asker(function), futures.changed, futures.snap, futures.place
    )
    probes = tuple(_probes(case.rows, rules, seed, futures.snap))
    proof = tried(case, probes, rules, seed, lambda done: listen(done, len(probes)))
    if not isinstance(proof.verdict, Pass):
        return proof
    by_time = judged_by_time(case.ask, part, futures, seed)
    return msgspec.structs.replace(proof, verdict=all_of([proof.verdict, by_time]))


def _asker(function: Function) -> Callable[[Series, str], dict[str, FloatArray] | Finding]:
    def ask(series: Series, why: str) -> dict[str, FloatArray] | Finding:
        rows = next(iter(series.values())).size
        own = {name: column.copy() for name, column in series.items()}
        return answered(lambda: function(own), read, f"on {rows:,} bars ({why})")

    return ask


def read(answer: Any) -> dict[str, FloatArray]:
    """Columns of whatever a function answered with.

    Examples
    --------
    >>> read([1, 2])
    {'value': array([1., 2.])}
    """
    if answer is None:
        msg = "it answered None; return an array, or names with arrays"
        raise TypeError(msg)
    names: Any = getattr(answer, "columns", None)
    if isinstance(answer, Mapping):
        names = list(cast("Mapping[str, Any]", answer))
    if names is not None:
        return _each(answer, names)
    return {ALONE: _numbers(answer)}


def _each(answer: Any, names: Iterable[Any]) -> dict[str, FloatArray]:
    """Read the columns by their names, of which no two may be written alike."""
    columns: dict[str, FloatArray] = {}
    for name in names:
        # A half of a pair of surrogates is no text that anybody could be told.
        written = str(name).encode(errors="backslashreplace").decode()
        if written in columns:
            msg = f"two columns are called {written!r}; give each a name of its own"
            raise TypeError(msg)
        columns[written] = _numbers(answer[name])
    return columns


def _numbers(column: Any) -> FloatArray:
    """One column of its own; a hole of a masked array is NaN."""
    given: Any = (
        np.ma.filled(column.astype(np.float64), np.nan) if np.ma.isMA(column) else column
    )
    array = np.array(given)
    if array.dtype.kind not in "iufbO":
        msg = f"{array.dtype} is no column of numbers"
        raise TypeError(msg)
    return array.astype(np.float64, copy=False)


def _probes(
    n: int, rules: ProverRules, seed: int, snap: Callable[[int], int]
) -> Iterator[Probe]:
    """Give each probe once, whatever cut it was moved to."""
    planned = dict.fromkeys((snap(cut), kind) for cut, kind in _plan(n, rules, seed))
    for cut, kind in planned:
        if cut >= (rules.min_prefix_bars if kind in _SHORTER else 1):
            yield Probe(cut, kind, seed)


def _plan(n: int, rules: ProverRules, seed: int) -> Iterator[tuple[int, Perturbation]]:
    if n < _FEWEST:
        return
    near = [bars for bars in _NEAR_BARS if bars <= n // 2]
    for turn, cut in enumerate(sorted({*near, *(n - bars for bars in near)})):
        yield cut, Perturbation.NOISE
        yield cut, _OTHERS[turn % len(_OTHERS)]
    rng = np.random.Generator(np.random.PCG64((seed, n)))
    parts = np.arange(rules.cuts)
    for kind in Perturbation:
        least = min(rules.min_prefix_bars, n - 1) if kind in _SHORTER else 1
        places = least + (n - least) * (parts + rng.random(rules.cuts)) / rules.cuts
        for place in places:
            yield min(int(place), n - 1), kind
