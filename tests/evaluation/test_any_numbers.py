"""Whatever kind of numbers a user hands in, the answer is the same, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stairway.base.errors import DataError
from stairway.evaluation import metrics
from stairway.evaluation.calibration import MeasureRules, corp, measure
from stairway.evaluation.finite import numbers
from stairway.evaluation.moments import moments
from stairway.evaluation.sharpe import sharpe, sharpe_ratio
from stairway.evaluation.significance.block_length import block_length, longest_block
from stairway.evaluation.significance.bootstrap import Resampling, interval
from stairway.evaluation.significance.confidence_set import confidence_set
from stairway.evaluation.significance.deflated import Trials, deflated_sharpe
from stairway.evaluation.significance.pbo import overfitting
from stairway.evaluation.significance.psr import probabilistic_sharpe, shape_of
from stairway.evaluation.significance.shift_null import shift_null
from stairway.evaluation.significance.spa import superior_ability
from stairway.evaluation.significance.track_record import min_track_record

RNG = np.random.default_rng(4)
# Steps of 1/64 are the same number in four bytes and in eight.
RETURNS = RNG.integers(-8, 10, 120) / 64.0
TABLE = RNG.integers(-8, 10, (120, 3)) / 64.0
SAID = RNG.integers(1, 63, 120) / 64.0
CAME = RNG.integers(0, 2, 120).astype(np.float64)
HOW = Resampling(n_resamples=99, block_rows=2.0)
JUDGED = MeasureRules(min_samples=20, n_bins=4, eps=1e-6, level=0.95)


def drawn() -> np.random.Generator:
    return np.random.default_rng(0)


OF_RETURNS: dict[str, Callable[[Any], object]] = {
    "moments": moments,
    "sharpe": lambda r: sharpe(r, 252.0, 0.95),
    "sharpe_ratio": sharpe_ratio,
    "equity": metrics.equity,
    "total_return": metrics.total_return,
    "max_drawdown": metrics.max_drawdown,
    "shape_of": shape_of,
    "psr": lambda r: probabilistic_sharpe(r, 0.0),
    "deflated": lambda r: deflated_sharpe(r, Trials(3, 0.01)),
    "track_record": lambda r: min_track_record(r, 0.0, 0.95),
    "block_length": block_length,
    "interval": lambda r: interval(r, np.mean, 0.9, HOW, drawn()),
    "shift_null": lambda r: shift_null(r, r, 1, 0.9),
    "spa": lambda r: superior_ability(r, TABLE, HOW, drawn()),
}
OF_TABLES: dict[str, Callable[[Any], object]] = {
    "pbo": lambda t: vars_of(overfitting(t, 4)),
    "longest_block": longest_block,
    "confidence_set": lambda t: confidence_set(t, 0.9, HOW, drawn()),
    "spa": lambda t: superior_ability(RETURNS, t, HOW, drawn()),
}
OF_FORECASTS: dict[str, Callable[[Any, Any], object]] = {
    "brier": metrics.brier,
    "log_loss": lambda p, y: metrics.log_loss(p, y, 1e-6),
    "log_losses": lambda p, y: metrics.log_losses(p, y, 1e-6),
    "spiegelhalter": metrics.spiegelhalter_z,
    "reliability": lambda p, y: metrics.reliability(p, y, 4),
    "corp": corp,
    "measure": lambda p, y: measure(p, y, JUDGED),
}
KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": np.ndarray.tolist,
    "big_endian": lambda x: x.astype(">f8"),
    "four_bytes": lambda x: x.astype(np.float32),
    "objects": lambda x: x.astype(object),
    "by_columns": np.asfortranarray,
    "every_second": lambda x: np.repeat(x, 2, axis=0)[::2],
    "pandas": lambda x: pd.Series(x) if x.ndim == 1 else pd.DataFrame(x),
    "polars": lambda x: pl.Series(x) if x.ndim == 1 else pl.DataFrame(x),
    "read_only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
}
BAD: dict[str, Any] = {
    "text": np.full(120, "0.1"),
    "text_objects": np.full(120, "0.1", object),
    "complex": np.full(120, 1j),
    "instants": np.zeros(120, "datetime64[ns]"),
    "ragged": [[1.0]] * 119 + [[1.0, 2.0]],
    "records": [{"a": 1.0}] * 120,
    "nothing": None,
    "cube": np.zeros((120, 1, 1)),
}


def vars_of(found: Any) -> tuple[object, ...]:
    return found.pbo, found.logits.tolist(), found.inside.tolist()


def same(one: object, other: object) -> bool:
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", OF_RETURNS)
def test_returns_of_any_kind_have_the_same_answer(what: str, kind: str) -> None:
    asked = OF_RETURNS[what]
    assert same(asked(KINDS[kind](RETURNS)), asked(RETURNS))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", OF_TABLES)
def test_tables_of_any_kind_have_the_same_answer(what: str, kind: str) -> None:
    asked = OF_TABLES[what]
    assert same(asked(KINDS[kind](TABLE)), asked(TABLE))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", OF_FORECASTS)
def test_forecasts_of_any_kind_have_the_same_answer(what: str, kind: str) -> None:
    asked = OF_FORECASTS[what]
    assert same(asked(KINDS[kind](SAID), KINDS[kind](CAME)), asked(SAID, CAME))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("what", OF_RETURNS)
def test_returns_that_are_no_numbers_are_refused_in_a_sentence(what: str, bad: str) -> None:
    with pytest.raises(DataError, match=r"must be (numbers|one value for each row)"):
        OF_RETURNS[what](BAD[bad])


@pytest.mark.parametrize("bad", [*BAD, "row"])
@pytest.mark.parametrize("what", OF_TABLES)
def test_tables_that_are_no_numbers_are_refused_in_a_sentence(what: str, bad: str) -> None:
    with pytest.raises(DataError, match=r"must be (numbers|rows by columns)"):
        OF_TABLES[what]((BAD | {"row": RETURNS})[bad])


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("what", OF_FORECASTS)
def test_forecasts_that_are_no_numbers_are_refused_in_a_sentence(what: str, bad: str) -> None:
    with pytest.raises(DataError, match=r"must be (numbers|one row each)"):
        OF_FORECASTS[what](BAD[bad], CAME)
    with pytest.raises(DataError, match=r"must be (numbers|one row each)"):
        OF_FORECASTS[what](SAID, BAD[bad])


@pytest.mark.parametrize("what", OF_RETURNS)
def test_two_columns_are_no_series(what: str) -> None:
    with pytest.raises(DataError, match="must be one value for each row"):
        OF_RETURNS[what](TABLE)


def test_what_is_masked_is_missing_and_not_the_number_under_the_mask() -> None:
    covered = np.ma.MaskedArray(RETURNS, mask=np.arange(120) == 7)
    assert np.flatnonzero(np.isnan(numbers(covered, "returns"))).tolist() == [7]
    with pytest.raises(DataError, match="row 7 is nan"):
        metrics.max_drawdown(covered)


def test_plain_numbers_are_not_copied() -> None:
    assert numbers(RETURNS, "returns") is RETURNS


def test_true_and_false_are_outcomes() -> None:
    assert metrics.brier(SAID, CAME > 0.0) == metrics.brier(SAID, CAME)
