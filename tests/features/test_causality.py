from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal, stats

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.features import pipeline
from stairway.features.causality import ProverRules, prove, prove_streaming
from stairway.features.facts import Proof
from stairway.features.perturbation import Perturbation
from stairway.market.bars import PairBar, PairBars
from stairway.testing.bars import random_walk

BARS = random_walk(1_000, seed=3)
Transform = Callable[[np.ndarray], np.ndarray]


def rules(**changes: object) -> ProverRules:
    settings: dict[str, object] = {
        "cuts": 32,
        "max_bars": 4_000,
        "min_bars": 200,
        "min_prefix_bars": 64,
        "tolerance": 1e-9,
    }
    return ProverRules(**(settings | changes))  # pyright: ignore[reportArgumentType]


def of_close(transform: Transform) -> Callable[[PairBars], Mapping[str, np.ndarray]]:
    """A pipeline of one honest column and the transform of the first log price."""

    def columns(bars: PairBars) -> Mapping[str, np.ndarray]:
        honest = np.log(bars.high / bars.low)[:, 0]
        return {"honest": honest, "suspect": transform(np.log(bars.close[:, 0]))}

    return columns


def rolling(x: np.ndarray, n: int, how: Callable[..., np.ndarray]) -> np.ndarray:
    out = np.full(len(x), np.nan)
    if len(x) >= n:
        out[n - 1 :] = how(sliding_window_view(x, n), axis=1)
    return out


def expanding_z(x: np.ndarray) -> np.ndarray:
    n = np.arange(1, len(x) + 1)
    mean = np.cumsum(x) / n
    spread = np.sqrt(np.maximum(np.cumsum(x * x) / n - mean**2, 1e-12))
    return (x - mean) / spread


def windowed_fft(x: np.ndarray) -> np.ndarray:
    out = np.full(len(x), np.nan)
    if len(x) >= 64:
        spectrum = np.fft.rfft(sliding_window_view(x, 64), axis=1)
        spectrum[:, 5:] = 0.0
        out[63:] = np.fft.irfft(spectrum, 64, axis=1)[:, -1]
    return out


def weekly_known_late(x: np.ndarray) -> np.ndarray:
    """Last close of the week *before*, which every day of this week may know."""
    week = np.arange(len(x)) // 5
    return np.where(week > 0, x[np.maximum(week * 5 - 1, 0)], np.nan)


HONEST: dict[str, Transform] = {
    "itself": lambda x: x,
    "lagged": lambda x: np.r_[[np.nan] * 3, x[:-3]],
    "rolling mean": lambda x: rolling(x, 20, np.mean),
    "rolling deviation": lambda x: rolling(x, 20, np.std),
    "rolling median": lambda x: rolling(x, 21, np.median),
    "exponential mean": lambda x: signal.lfilter([0.1], [1.0, -0.9], x),
    "butterworth, forward only": lambda x: signal.lfilter(*signal.butter(2, 0.1), x),
    "causal convolution": lambda x: np.convolve(x, np.ones(32) / 32)[: len(x)],
    "causal convolution by FFT": lambda x: signal.fftconvolve(x, np.ones(32) / 32)[: len(x)],
    "expanding z-score": expanding_z,
    "expanding maximum": np.maximum.accumulate,
    "FFT of trailing windows": windowed_fft,
    "last week's close": weekly_known_late,
}


def lowpass(x: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(x)
    spectrum[40:] = 0.0
    return np.fft.irfft(spectrum, len(x))


def centred(x: np.ndarray) -> np.ndarray:
    return np.convolve(x, np.ones(21) / 21, mode="same")


def backward_filled(x: np.ndarray) -> np.ndarray:
    """Five rows in fifty take the value of the row behind them."""
    rows = np.arange(len(x))
    source = np.where(rows % 50 < 5, np.minimum(rows // 50 * 50 + 5, len(x) - 1), rows)
    return x[source]


def head_filled(x: np.ndarray) -> np.ndarray:
    """A rolling mean whose warm-up is filled from its first value."""
    mean = rolling(x, 20, np.mean)
    return np.where(np.isnan(mean), mean[19] if len(x) > 19 else np.nan, mean)


def labelled_by_start(x: np.ndarray) -> np.ndarray:
    """Blocks of four carry their own last close from their first row on."""
    last = np.minimum(np.arange(len(x)) // 4 * 4 + 3, len(x) - 1)
    return x[last]


LEAKS: dict[str, Transform] = {
    "shift(-1)": lambda x: np.r_[x[1:], x[-1]],
    "shift(-25)": lambda x: np.r_[x[25:], np.full(min(25, len(x)), x[-1])][: len(x)],
    "centred window": centred,
    "savgol": lambda x: signal.savgol_filter(x, 21, 2),
    "filtfilt": lambda x: signal.filtfilt(*signal.butter(2, 0.1), x),
    "whole-series z-score": lambda x: (x - x.mean()) / x.std(),
    "whole-series min-max": lambda x: (x - x.min()) / (x.max() - x.min()),
    "whole-series rank": lambda x: stats.rankdata(x) / len(x),
    "whole-series quantile clip": lambda x: np.clip(x, *np.quantile(x, [0.05, 0.95])),
    "linear detrend": signal.detrend,
    "FFT low-pass": lowpass,
    "hilbert envelope": lambda x: np.abs(signal.hilbert(x - x[0])),
    "backward fill": backward_filled,
    "backward fill of the warm-up": head_filled,
    "resampled, labelled by start": labelled_by_start,
    "distance to the end": lambda x: np.arange(len(x), 0.0, -1.0),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_pipeline_passes(name: str) -> None:
    proof = prove(of_close(HONEST[name]), BARS, rules(), seed=7)
    assert isinstance(proof.verdict, Pass), proof.verdict
    assert proof.offences == ()
    assert (proof.columns, proof.rows) == (2, 1_000)


@pytest.mark.parametrize("name", LEAKS)
def test_a_look_ahead_is_caught_and_its_column_named(name: str) -> None:
    proof = prove(of_close(LEAKS[name]), BARS, rules(), seed=7)
    assert isinstance(proof.verdict, Refuse), proof.verdict
    assert [o.column for o in proof.offences] == ["suspect"]
    finding = proof.verdict.findings[0]
    assert finding.code == "causality.looks_ahead"
    assert "column suspect" in finding.detail
    assert finding.value == proof.offences[0].ahead_bars
    assert finding.n == proof.probes


@pytest.mark.parametrize("name", ["backward fill", "shift(-1)", "backward fill of the warm-up"])
@pytest.mark.parametrize("seed", range(5))
def test_whether_a_leak_is_caught_does_not_hang_on_the_seed(name: str, seed: int) -> None:
    proof = prove(of_close(LEAKS[name]), BARS, rules(cuts=48), seed)
    assert isinstance(proof.verdict, Refuse)


@pytest.mark.parametrize(
    ("name", "ahead_bars"),
    [("shift(-1)", 1), ("shift(-25)", 25), ("centred window", 10), ("backward fill", 5)],
)
def test_the_finding_says_how_far_it_looked(name: str, ahead_bars: int) -> None:
    proof = prove(of_close(LEAKS[name]), BARS, rules(cuts=300), seed=7)
    assert proof.offences[0].ahead_bars == ahead_bars


def test_a_whole_series_transform_looks_as_far_as_there_is() -> None:
    proof = prove(of_close(LEAKS["whole-series z-score"]), BARS, rules(), seed=7)
    offence = proof.offences[0]
    assert offence.row == 0
    assert offence.ahead_bars == offence.cut > 900


def test_an_offence_says_what_was_done_where_and_how_much_moved() -> None:
    offence = prove(of_close(LEAKS["shift(-1)"]), BARS, rules(), seed=7).offences[0]
    assert offence.row == offence.cut - offence.ahead_bars
    assert offence.perturbation in set(Perturbation)
    assert offence.difference is not None
    assert offence.difference > 1e-9


def test_every_guilty_column_is_named_in_the_order_of_the_columns() -> None:
    def columns(bars: PairBars) -> Mapping[str, np.ndarray]:
        x = bars.close[:, 0]
        return {"z": centred(x), "fine": x, "a": LEAKS["shift(-1)"](x)}

    proof = prove(columns, BARS, rules(), seed=7)
    assert [o.column for o in proof.offences] == ["z", "a"]
    assert len(proof.verdict.findings) == 2


def test_a_single_leaking_row_near_the_start_is_caught() -> None:
    def columns(bars: PairBars) -> Mapping[str, np.ndarray]:
        x = bars.close[:, 0].copy()
        x[3] = bars.close[min(4, len(bars) - 1), 0]
        return {"x": x}

    assert isinstance(prove(columns, BARS, rules(), seed=7).verdict, Refuse)


def test_a_look_into_the_calendar_of_the_future_is_caught() -> None:
    def to_the_close(bars: PairBars) -> Mapping[str, np.ndarray]:
        last = np.searchsorted(bars.session, bars.session, side="right") - 1
        return {"to_close_s": (bars.time_ns[last] - bars.time_ns) / 1e9}

    minutes = random_walk(1_200, seed=1, bar_seconds=300)
    proof = prove(to_the_close, minutes, rules(), seed=7)
    assert isinstance(proof.verdict, Refuse)
    assert proof.offences[0].column == "to_close_s"


def test_a_look_at_the_future_volume_is_caught() -> None:
    columns = {"volume": lambda b: np.r_[b.volume[1:, 1], 0.0]}
    proof = prove(lambda b: {k: f(b) for k, f in columns.items()}, BARS, rules(), seed=7)
    assert isinstance(proof.verdict, Refuse)


def test_a_future_that_only_shows_as_a_hole_is_caught() -> None:
    def holes(bars: PairBars) -> Mapping[str, np.ndarray]:
        x = bars.close[:, 0]
        falls = np.r_[x[1:] < x[:-1], False]
        return {"x": np.where(falls, np.nan, x)}

    proof = prove(holes, BARS, rules(), seed=7)
    assert isinstance(proof.verdict, Refuse)
    assert proof.offences[0].difference is None


# --- pipelines that misbehave


def refusal(columns: Callable[[PairBars], Mapping[str, np.ndarray]]) -> str:
    proof = prove(columns, BARS, rules(), seed=7)
    assert isinstance(proof.verdict, Refuse)
    return proof.verdict.findings[0].code


def test_a_pipeline_that_raises_is_refused() -> None:
    def raising(_: PairBars) -> Mapping[str, np.ndarray]:
        msg = "no"
        raise RuntimeError(msg)

    assert refusal(raising) == "causality.raised"


def test_a_pipeline_that_raises_on_fewer_bars_is_refused() -> None:
    def picky(bars: PairBars) -> Mapping[str, np.ndarray]:
        assert len(bars) == 1_000, "all or nothing"
        return {"x": bars.close[:, 0]}

    assert refusal(picky) == "causality.raised"


def test_a_pipeline_need_not_bear_fewer_bars_than_the_rules_ask() -> None:
    def needs_64(bars: PairBars) -> Mapping[str, np.ndarray]:
        windows = sliding_window_view(bars.close[:, 0], 64)
        return {"x": np.r_[[np.nan] * 63, windows.mean(axis=1)]}

    assert isinstance(prove(needs_64, BARS, rules(), seed=7).verdict, Pass)
    assert isinstance(prove(needs_64, BARS, rules(min_prefix_bars=1), seed=7).verdict, Refuse)


def test_a_pipeline_of_another_length_is_refused() -> None:
    assert refusal(lambda bars: {"x": bars.close[1:, 0]}) == "causality.length"


def test_a_pipeline_that_always_answers_in_the_first_length_is_refused() -> None:
    kept = BARS.close[:, 0].copy()
    assert refusal(lambda _: {"x": kept}) == "causality.length"


def test_a_pipeline_whose_columns_depend_on_the_bars_is_refused() -> None:
    assert refusal(lambda b: {f"n{len(b)}": b.close[:, 0]}) == "causality.columns"


def test_a_pipeline_that_answers_differently_when_asked_again_is_refused() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    code = refusal(lambda b: {"x": b.close[:, 0] + 1e-13 * rng.standard_normal(len(b))})
    assert code == "causality.not_repeatable"


def test_a_pipeline_that_remembers_what_it_was_asked_before_is_refused() -> None:
    asked: list[int] = []

    def counting(bars: PairBars) -> Mapping[str, np.ndarray]:
        asked.append(len(bars))
        return {"x": bars.close[:, 0] + len(asked)}

    assert refusal(counting) == "causality.not_repeatable"


# --- nothing checked is not the same as nothing wrong


def unproved(columns: Callable[[PairBars], Mapping[str, np.ndarray]]) -> str:
    proof = prove(columns, BARS, rules(), seed=7)
    assert isinstance(proof.verdict, Inconclusive), proof.verdict
    return proof.verdict.findings[0].code


def test_columns_read_from_elsewhere_are_not_proved() -> None:
    """Values made beforehand, leaks and all, look honest to any change of the bars."""
    made_before = np.r_[BARS.close[1:, 0], 0.0]
    assert unproved(lambda b: {"x": made_before[: len(b)]}) == "causality.deaf"


def test_a_column_that_is_never_known_is_not_proved() -> None:
    columns = {"x": lambda b: b.close[:, 0], "y": lambda b: np.full(len(b), np.nan)}
    assert unproved(lambda b: {k: f(b) for k, f in columns.items()}) == "causality.silent"


def test_columns_that_never_change_prove_nothing() -> None:
    assert unproved(lambda b: {"x": np.ones(len(b))}) == "causality.constant"


def test_too_few_bars_prove_nothing() -> None:
    proof = prove(of_close(HONEST["itself"]), BARS.part(0, 199), rules(), seed=7)
    assert isinstance(proof.verdict, Inconclusive)
    assert proof.verdict.findings[0].code == "causality.too_few_bars"
    assert proof.probes == 0


def test_a_constant_beside_honest_columns_does_not_stop_them() -> None:
    def columns(bars: PairBars) -> Mapping[str, np.ndarray]:
        return {"x": bars.close[:, 0], "one": np.ones(len(bars))}

    assert isinstance(prove(columns, BARS, rules(), seed=7).verdict, Pass)


# --- the proof itself


def test_the_same_seed_gives_the_same_proof() -> None:
    one, other = (prove(of_close(LEAKS["savgol"]), BARS, rules(), seed=3) for _ in range(2))
    assert one == other
    assert one.seed == 3


def test_a_proof_can_be_written_down_and_read_again() -> None:
    for table in (HONEST["itself"], LEAKS["savgol"]):
        proof = prove(of_close(table), BARS.part(0, 300), rules(), seed=3)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(proof), type=Proof) == proof


def test_only_the_first_bars_are_looked_at() -> None:
    asked: list[int] = []

    def columns(bars: PairBars) -> Mapping[str, np.ndarray]:
        asked.append(len(bars))
        return {"x": bars.close[:, 0]}

    assert prove(columns, BARS, rules(max_bars=300), seed=7).rows == 300
    assert max(asked) == 300


def test_every_kind_of_future_is_tried_and_both_ends_are_cut() -> None:
    asked: list[PairBars] = []

    def columns(bars: PairBars) -> Mapping[str, np.ndarray]:
        asked.append(bars)
        return {"x": bars.close[:, 0]}

    proof = prove(columns, BARS, rules(min_prefix_bars=1), seed=7)
    assert proof.probes >= 3 * 32
    lengths = {len(bars) for bars in asked}
    assert {1, 2, 4, 996, 998, 999} <= lengths
    assert any(len(b) == 1_000 and (b.close[500:] == b.close[500]).all() for b in asked), (
        "frozen"
    )
    assert any(b.time_ns[-1] > BARS.time_ns[-1] for b in asked), "moved in time"
    assert any(b.close[-1, 0] == BARS.close[-1, 0] * 10.0 for b in asked), "scaled"


@pytest.mark.parametrize(
    "change",
    [
        {"cuts": 7},
        {"tolerance": 0.0},
        {"tolerance": 1e-3},
        {"min_bars": 1},
        {"min_prefix_bars": 0},
    ],
)
def test_a_prover_that_would_not_look_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rules(**change)


# --- streaming

Stream = Callable[[Iterator[PairBar]], Iterable[Mapping[str, float]]]


def close_of(bars: PairBars) -> Mapping[str, np.ndarray]:
    return {"x": bars.close[:, 0]}


def close_by_close(bars: Iterator[PairBar]) -> Iterator[Mapping[str, float]]:
    return ({"x": bar.bars[0].close} for bar in bars)


def streaming_refusal(stream: Stream) -> str:
    verdict = prove_streaming(close_of, stream, BARS.part(0, 300), rules())
    assert isinstance(verdict, Refuse), verdict
    return verdict.findings[0].code


def test_a_stream_that_gives_the_batch_passes() -> None:
    verdict = prove_streaming(close_of, close_by_close, BARS, rules(max_bars=300))
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].n == 300


def test_a_stream_that_differs_by_what_a_huge_value_rounds_is_open() -> None:
    def spiked(bars: PairBars) -> Mapping[str, np.ndarray]:
        x = bars.close[:, 0].copy()
        x[5] = 1e18
        return {"x": x}

    def beside(bars: Iterator[PairBar]) -> Iterator[Mapping[str, float]]:
        for i, bar in enumerate(bars):
            yield {"x": 1e18 if i == 5 else bar.bars[0].close + 1.0}

    verdict = prove_streaming(spiked, beside, BARS.part(0, 300), rules())
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].code == "causality.coarse"


def test_a_stream_that_gives_something_else_is_refused_by_column_and_row() -> None:
    def off(bars: Iterator[PairBar]) -> Iterator[Mapping[str, float]]:
        return ({"x": b.bars[0].close * (1.01 if b.index == 17 else 1.0)} for b in bars)

    verdict = prove_streaming(close_of, off, BARS, rules())
    assert isinstance(verdict, Refuse)
    assert "column x at row 17" in verdict.findings[0].detail


def test_a_stream_that_reads_ahead_is_refused_though_its_answers_are_right() -> None:
    def ahead(bars: Iterator[PairBar]) -> Iterator[Mapping[str, float]]:
        return iter([{"x": bar.bars[0].close} for bar in bars])

    assert streaming_refusal(ahead) == "causality.stream_reads_ahead"


def test_a_stream_that_stops_early_is_refused() -> None:
    def lazy(bars: Iterator[PairBar]) -> Iterator[Mapping[str, float]]:
        return (answer for answer, _ in zip(close_by_close(bars), range(10), strict=False))

    assert streaming_refusal(lazy) == "causality.length"


def test_a_stream_without_a_column_is_refused() -> None:
    assert streaming_refusal(lambda bars: ({} for _ in bars)) == "causality.raised"


def test_a_stream_is_not_asked_about_a_batch_that_is_refused() -> None:
    verdict = prove_streaming(lambda _: {}, close_by_close, BARS, rules())
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.no_columns"


# --- our own


def test_our_own_features_and_regime_are_proved(daily) -> None:
    proof = prove(lambda bars: pipeline.columns(bars, daily), BARS, rules(cuts=16), seed=7)
    assert isinstance(proof.verdict, Pass), proof.verdict
    assert proof.columns == 30


def test_our_own_features_are_proved_on_real_minutes(intraday, minutes: PairBars) -> None:
    proof = prove(
        lambda bars: pipeline.columns(bars, intraday),
        minutes,
        rules(cuts=8, max_bars=2_000),
        seed=7,
    )
    assert isinstance(proof.verdict, Pass), proof.verdict
