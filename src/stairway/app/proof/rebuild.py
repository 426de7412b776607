"""Rebuild a study, in the process that was started for it.

1. Its features are proved causal, like a function of their own: the battery changes signs
   of moves and no sizes, and leaves the rest to the prover. So are its positions
   (:mod:`.held`), and what they earn must be a move of the bars (:mod:`.earned`).
2. The leak battery tries it on other markets.
3. It is asked what it earns on the bars as they are, so that its returns can be held
   against those that are to be proved, and whether the function that was proved makes its
   features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stairway.app.proof.earned import profit_shown
from stairway.app.proof.held import positions_proved
from stairway.app.proof.series import read_series
from stairway.app.proof.steps import AtFaultError, Steps
from stairway.app.proof.told import StudyAnswer, StudyJob, Teller
from stairway.app.userfunc import files_of, load, load_study
from stairway.base.arrays import FloatArray
from stairway.base.attempted import OverdueError, Raised, attempted
from stairway.base.errors import DataError
from stairway.base.verdict import Verdict, all_of, inconclusive, passed
from stairway.evaluation.battery.battery import battery
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.evaluation.battery.surrogates import counted, rows_tested
from stairway.features.function import prove_function, read
from stairway.features.series import Series

_ROUNDING = 1e-9
_ROWS_AND_COLUMNS = 2


def rebuilt(job: StudyJob, teller: Teller) -> StudyAnswer:
    """Load the study, read bars, try it on other markets and on these.

    Raises
    ------
    ConfigError
        If there is no such study, function, file or column.
    DataError
        If the bars cannot be used.
    """
    loaded = teller.limited(load_study, f"importing {job.study}", job.limit_s)(job.study)
    study = _Limited(loaded, teller, job.limit_s)
    series = read_series(job.bars, None, None)
    known = [] if job.causality is None else [job.causality]
    known.append(_features_proved(job, study, series, teller))
    heard = teller.stage("trying other futures on the study's positions")
    known.append(positions_proved(study, series, job.prover.tolerance, job.seed, heard))
    known.append(profit_shown(study, series, job.seed))
    causality = all_of(known)
    heard = teller.stage("leak battery")
    report = battery(study, series, job.rules, job.seed, causality, heard)
    return StudyAnswer(
        report=report,
        time_ns=tuple(series["time_ns"].tolist()),
        earned=_earned(study, series, job.seed),
        covered=None if job.function is None else _covered(job, study, series, teller),
        files=(*files_of(job.study), *(() if job.function is None else files_of(job.function))),
    )


def _as_it_is(answer: Any) -> Any:
    return answer


def _columns(answer: Any) -> Labelled:
    """Labels as arrays, whatever holds them."""
    return Labelled(*map(np.asarray, (answer.value, answer.start, answer.end)))


def _arrays(answer: Any) -> list[Fold]:
    """Folds as arrays, whatever holds them; an array stays the one that it is."""
    return [(np.asarray(train), np.asarray(test)) for train, test in answer]


class _Limited:
    """A study whose every step is limited in time; one that was not done is not asked again.

    Whoever asks it gives it arrays of its own: :class:`.steps.Steps`, the battery, the prover.
    """

    def __init__(self, study: Any, teller: Teller, limit_s: float) -> None:
        self._study, self._teller, self._limit_s = study, teller, limit_s
        self._overdue: OverdueError | None = None

    def redrawn(self, market: Series, signs: NDArray[np.int8]) -> Series:
        return self._asked("redrawn", market, signs)

    def features(self, market: Series) -> FloatArray:
        return self._asked("features", market, read=np.asarray)

    def labels(self, market: Series) -> Labelled:
        return self._asked("labels", market, read=_columns)

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        return self._asked("folds", labels, read=_arrays)

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        return self._asked("positions", features, labels, folds, seed, read=np.asarray)

    def profit(self, market: Series, positions: FloatArray) -> FloatArray:
        return self._asked("profit", market, positions, read=np.asarray)

    def _asked(self, name: str, *arguments: Any, read: Callable[[Any], Any] = _as_it_is) -> Any:
        if self._overdue is not None:
            raise self._overdue
        own: Callable[..., Any] = getattr(self._study, name)
        # An answer may compute its values when they are read.
        step = self._teller.limited(lambda: read(own(*arguments)), name, self._limit_s)
        try:
            return step()
        except OverdueError as error:
            self._overdue = OverdueError(f"{name}: {error}")
            raise self._overdue from error


def _features_proved(job: StudyJob, study: _Limited, series: Series, teller: Teller) -> Verdict:
    """Give the study's own features other futures; each column is named by its place."""

    def features(bars: Series) -> dict[str, FloatArray]:
        made: FloatArray = np.asarray(study.features(bars), np.float64)
        if made.ndim != _ROWS_AND_COLUMNS:
            msg = f"features of shape {made.shape}; give rows by columns"
            raise DataError(msg)
        return {f"features[{k}]": column for k, column in enumerate(made.T)}

    heard = teller.stage("trying other futures on the study's features")
    try:
        proof = prove_function(features, series, job.prover, job.seed, heard)
    except DataError as error:
        msg = f"{job.bars}: {error}"
        raise DataError(msg) from error
    return proof.verdict


def _earned(study: _Limited, market: Series, seed: int) -> tuple[float | None, ...]:
    """Ask what each tested row earns; nothing where the battery has said why it cannot be."""
    n = market["time_ns"].size
    steps = Steps(study, n)
    try:
        made = steps.made(market)
        folds = steps.folds(made.labels)
        tested = rows_tested(folds, n)
        positions = steps.positions(made, folds, seed)
        profit = steps.profit(study, market, positions)
        held = counted(positions, profit, tested)
    except (AtFaultError, DataError):
        return ()
    return tuple(float(one) if there else None for one, there in zip(profit, held, strict=True))


def _covered(job: StudyJob, study: _Limited, market: Series, teller: Teller) -> Verdict:
    """Say whether every feature of the study is one that the function makes."""
    name = str(job.function)
    function = teller.limited(load, f"importing {name}", job.limit_s)(name)
    made = attempted(
        teller.limited(lambda: read(function(deepcopy(market))), name, job.limit_s)
    )
    if isinstance(made, Raised):
        return _unshown(name, made)
    used = attempted(lambda: np.asarray(study.features(deepcopy(market)), np.float64))
    if isinstance(used, Raised):
        return _unshown("the study", used)
    for column, one in enumerate(used.T):
        if not any(_same(one, other) for other in made.values()):
            detail = (
                f"not shown: column {column} of the study's features is none that {name} "
                "makes; what was proved of the function was not proved of it"
            )
            return inconclusive("proof.untied", detail)
    return passed("proof.covered", f"{name} makes each of the study's features", used.shape[1])


def _unshown(who: str, raised: Raised) -> Verdict:
    return inconclusive("proof.untied", f"not shown: {who} raised {raised.name}: {raised.said}")


def _same(one: FloatArray, other: FloatArray) -> bool:
    return one.shape == other.shape and bool(
        np.allclose(one, other, rtol=_ROUNDING, atol=0.0, equal_nan=True)
    )
