from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.features.facts import Proof
from stairway.features.function import ProverRules, _probes, prove_function, read
from stairway.features.perturbation import Perturbation
from stairway.testing.leaks import series

RULES = ProverRules(cuts=12, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9)
BARS = series(400, seed=3)


def proof(function: Callable[[dict[str, Any]], Any], bars: Any = BARS, seed: int = 1) -> Proof:
    return prove_function(function, bars, RULES, seed)


def code(function: Callable[[dict[str, Any]], Any]) -> str:
    verdict = proof(function).verdict
    assert not isinstance(verdict, Pass)
    return verdict.findings[0].code


def raising(error: BaseException) -> Callable[[Any], Any]:
    def function(_: Any) -> Any:
        raise error

    return function


@settings(max_examples=25, deadline=None)
@given(ahead=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_it_says_how_many_bars_a_shift_looks_ahead(ahead: int, seed: int) -> None:
    def shifted(bars: dict[str, Any]) -> dict[str, np.ndarray]:
        x = bars["close"]
        out = np.full(x.size, np.nan)
        out[: max(x.size - ahead, 0)] = x[ahead:]
        return {"fine": x, "shifted": out}

    found = proof(shifted, seed=seed)
    assert isinstance(found.verdict, Refuse)
    (offence,) = found.offences
    assert (offence.column, offence.ahead_bars) == ("shifted", ahead)
    assert offence.row == offence.cut - ahead


@pytest.mark.parametrize("huge", [1e18, 1e300])
@pytest.mark.parametrize("row", [0, 7, 399])
def test_one_huge_value_hides_no_look_ahead(row: int, huge: float) -> None:
    def peek(bars: dict[str, Any]) -> np.ndarray:
        ahead = np.append(np.diff(np.log(bars["close"])), 0.0)
        if ahead.size > row:
            ahead[row] = huge
        return ahead

    assert code(peek) == "causality.coarse"


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "time_ns"])
def test_a_look_ahead_in_any_column_is_caught(name: str) -> None:
    found = proof(lambda bars: np.append(np.diff(bars[name].astype(float)), 0.0))
    assert [o.column for o in found.offences] == ["value"]
    assert found.offences[0].ahead_bars == 1


def test_columns_of_any_name_and_sign_are_changed_too() -> None:
    rng = np.random.default_rng(1)
    bars = {"funding": rng.standard_normal(300), "flag": np.arange(300) % 3 == 0}
    assert isinstance(proof(lambda b: b["funding"] + b["flag"], bars).verdict, Pass)
    assert isinstance(proof(lambda b: np.roll(b["flag"], -1), bars).verdict, Refuse)


def test_an_honest_function_passes_and_says_on_what() -> None:
    found = proof(lambda bars: bars["close"])
    assert isinstance(found.verdict, Pass)
    assert (found.columns, found.rows) == (1, 400)
    assert found.probes >= 7 * 12


def test_chance_belongs_to_the_seed() -> None:
    def leak(bars: dict[str, Any]) -> Any:
        return bars["close"] / bars["close"].max()

    assert proof(leak, seed=1) == proof(leak, seed=1)
    assert proof(leak, seed=1) != proof(leak, seed=2)


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (raising(ValueError("no\nway")), "causality.raised"),
        (raising(SystemExit(3)), "causality.raised"),
        (raising(RecursionError()), "causality.raised"),
        (lambda _: None, "causality.raised"),
        (lambda bars: ["a"] * bars["close"].size, "causality.raised"),
        (lambda bars: bars["close"] * 1j, "causality.raised"),
        (lambda _: 3, "causality.length"),
        (lambda bars: bars["close"][1:], "causality.length"),
        (lambda bars: np.ones((bars["close"].size, 2)), "causality.length"),
        (lambda _: {}, "causality.no_columns"),
        (lambda bars: {f"n{bars['close'].size}": bars["close"]}, "causality.columns"),
        (lambda bars: bars["close"] + np.random.default_rng().random(bars["close"].size),
         "causality.not_repeatable"),
        (lambda bars: bars["close"] * np.nan, "causality.silent"),
        (lambda bars: np.ones(bars["close"].size), "causality.constant"),
        (lambda bars: np.arange(bars["close"].size), "causality.deaf"),
    ],
)  # fmt: skip
def test_whatever_a_function_does_is_one_sentence(function: Any, what: str) -> None:
    assert code(function) == what
    assert "\n" not in proof(function).verdict.findings[0].detail


def test_what_is_never_known_says_what_would_help_here() -> None:
    """Only a series that was cut has more bars; ``stairway prove`` has no such setting."""
    silent = lambda bars: bars["close"] * np.nan  # noqa: E731
    whole = proof(silent).verdict.findings[0].detail
    assert whole == "column value is never known in 400 bars; bring more bars, or leave it out"
    fewer = msgspec.structs.replace(RULES, max_bars=300)
    cut = prove_function(silent, BARS, fewer, 1).verdict.findings[0].detail
    assert cut == "column value is never known in 300 bars; raise max_bars, or leave it out"


def test_an_interrupt_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        proof(raising(KeyboardInterrupt()))


def test_a_function_may_spoil_what_it_is_given() -> None:
    def greedy(bars: dict[str, Any]) -> Any:
        answer = bars["close"].copy()
        for column in bars.values():
            column[:] = 0
        bars.clear()
        return answer

    before = {name: column.copy() for name, column in BARS.items()}
    assert isinstance(proof(greedy).verdict, Pass)
    assert all((BARS[name] == column).all() for name, column in before.items())


def test_a_leak_that_shows_under_a_shorter_series_alone_is_caught() -> None:
    def of_length(bars: dict[str, Any]) -> Any:
        return bars["close"] + bars["close"].size

    found = proof(of_length)
    assert {o.perturbation for o in found.offences} <= {"truncated", "partly deleted"}
    assert isinstance(found.verdict, Refuse)


def test_a_function_is_not_asked_about_fewer_bars_than_it_must_bear() -> None:
    def picky(bars: dict[str, Any]) -> Any:
        assert bars["close"].size >= 64
        return bars["close"]

    assert isinstance(proof(picky).verdict, Pass)
    shorter = (Perturbation.TRUNCATE, Perturbation.DELETE)
    for seed in range(20):
        probes = _probes(400, RULES, seed, int)
        assert all(probe.cut >= 64 for probe in probes if probe.kind in shorter)


def test_too_few_bars_prove_nothing() -> None:
    for rows in (1, 2, 199):
        verdict = proof(lambda bars: bars["close"], series(rows, seed=1)).verdict
        assert isinstance(verdict, Inconclusive)
        assert verdict.findings[0].code == "causality.too_few_bars"


def test_rows_that_all_became_known_at_once_prove_nothing() -> None:
    bars = BARS | {"available_ns": np.full(400, int(BARS["time_ns"][-1]))}
    verdict = proof(lambda given: given["close"], bars).verdict
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].code == "causality.no_cut"


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    found = prove_function(
        lambda bars: bars["close"],
        BARS,
        RULES,
        1,
        lambda done, total: told.append((done, total)),
    )
    assert told == [(i + 1, found.probes) for i in range(found.probes)]


def test_a_series_that_cannot_be_used_is_an_error_and_no_verdict() -> None:
    with pytest.raises(DataError, match="differ in length"):
        proof(lambda bars: bars["close"], {"close": np.ones(3), "open": np.ones(4)})


def test_a_mapping_a_frame_and_an_array_are_read_as_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, np.nan]})
    assert list(read(frame)) == ["a", "b"]
    assert read(pandas.Series([1.0, 2.0]))["value"].tolist() == [1.0, 2.0]
    assert read({3: [True, False]})["3"].tolist() == [1.0, 0.0]
    holes = read(np.ma.masked_array([1.0, 2.0], mask=[True, False]))["value"]
    assert np.isnan(holes[0])
