from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.features.asking import answered
from stairway.features.elsewhere import _known, _Moves, judged_by_time
from stairway.features.function import ProverRules, prove_function, read
from stairway.features.series import Futures, checked
from stairway.testing.leaks import series

RULES = ProverRules(cuts=8, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9)
BARS = series(3_000, seed=1)
TABLE = dict(zip(BARS["time_ns"].tolist(), np.append(BARS["close"][1:], np.nan), strict=True))
KNOWN = dict(zip(BARS["time_ns"].tolist(), BARS["close"], strict=True))


def looked_up(bars: Any, table: dict[int, float] = TABLE) -> np.ndarray:
    return np.array([table.get(at, np.nan) for at in bars["time_ns"].tolist()])


def proved(function: Any, bars: Any = BARS) -> Any:
    return prove_function(function, bars, RULES, seed=1)


RISES = {
    at: after > now
    for (at, now), after in zip(KNOWN.items(), [*BARS["close"][1:].tolist(), 0.0], strict=True)
}


def where_it_rises(bars: Any, said: Any, instead: float = np.nan) -> np.ndarray:
    rises = np.array([RISES.get(at, False) for at in bars["time_ns"].tolist()], np.bool_)
    return np.where(rises, said, instead)


@pytest.mark.parametrize(
    "function",
    [
        looked_up,
        lambda bars: looked_up(bars) / bars["close"],
        lambda bars: where_it_rises(bars, 1.0),
        lambda bars: where_it_rises(bars, bars["close"]),
        lambda bars: where_it_rises(bars, 1.0, np.inf),
    ],
    ids=["table", "mixed", "holes", "holes of its own", "infinite"],
)
def test_tomorrow_read_from_a_table_by_time_is_refused(function: Any) -> None:
    verdict = proved(function).verdict
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.elsewhere"
    assert "the move 1 ahead" in verdict.findings[0].detail


@pytest.mark.parametrize(
    "function",
    [
        lambda bars: bars["time_ns"] // 3_600_000_000_000 % 24,
        lambda b: looked_up(b, KNOWN),
        lambda bars: np.where(bars["time_ns"] // 60_000_000_000 % 9 < 5, 1.0, np.nan),
    ],
    ids=["hour", "past", "holes"],
)
def test_what_depends_on_time_alone_and_tells_no_future_is_named(function: Any) -> None:
    verdict = proved(function).verdict
    assert isinstance(verdict, Pass)
    assert [one.code for one in verdict.findings] == ["causality.clean", "causality.time_only"]


def test_what_comes_from_the_bars_is_not_named() -> None:
    assert len(proved(lambda bars: bars["close"] * 2).verdict.findings) == 1
    no_time = {"close": BARS["close"]}
    assert isinstance(proved(lambda bars: bars["close"] * 2, no_time).verdict, Pass)


def test_a_file_read_by_row_is_seen_without_times_too() -> None:
    after = np.append(BARS["close"][1:], np.nan)

    def peek(bars: Any) -> np.ndarray:
        return after[: bars["close"].size] / bars["close"]

    verdict = proved(peek, {"close": BARS["close"]}).verdict
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.elsewhere"


def next_moves(bars: Any) -> dict[int, float]:
    moves = np.diff(bars["close"], append=0.0)
    return dict(zip(bars["time_ns"].tolist(), moves, strict=True))


@pytest.mark.parametrize("rows", [122, 140, 200])
def test_a_table_is_seen_on_as_few_bars_as_are_asked_for(rows: int) -> None:
    for seed in range(2):
        bars = series(rows, seed)
        after = next_moves(bars)
        assert isinstance(judged(lambda b, t=after: looked_up(b, t), bars), Refuse)
        assert isinstance(judged(windows, bars), Pass)


@pytest.mark.parametrize("rows", [2, 100, 121])
def test_what_cannot_be_asked_is_left_open_and_says_how_many_bars_it_takes(rows: int) -> None:
    verdict = judged(lambda bars: bars["close"], series(rows, seed=1))
    assert isinstance(verdict, Inconclusive)
    (finding,) = verdict.findings
    assert (finding.code, finding.value, finding.bound) == ("causality.too_few_bars", rows, 122)
    assert f"{rows} bars of at least 122" in finding.detail


def test_bars_that_became_known_together_are_parted_where_enough_are_left() -> None:
    bars = series(400, seed=1)
    after = next_moves(bars)
    for together, answer in ((200, Refuse), (278, Refuse), (280, Inconclusive)):
        known_ns = np.maximum(bars["time_ns"], bars["time_ns"][together])
        given = {**bars, "available_ns": known_ns}
        verdict = judged(lambda b: looked_up(b, after), given)
        assert isinstance(verdict, answer), together
    assert verdict.findings[0].code == "causality.no_cut"


def test_times_without_a_close_leave_open_what_is_known_by_them() -> None:
    funding = {"funding": BARS["close"], "time_ns": BARS["time_ns"]}
    verdict = proved(lambda bars: bars["funding"] * 2.0, funding).verdict
    assert isinstance(verdict, Inconclusive)
    assert [one.code for one in verdict.findings] == ["causality.no_close"]
    no_times = {"funding": BARS["close"]}
    assert isinstance(proved(lambda bars: bars["funding"] * 2.0, no_times).verdict, Pass)


def test_one_that_fails_on_other_prices_is_told_so() -> None:
    asked = 0

    def fails_late(bars: Any) -> np.ndarray:
        nonlocal asked
        asked += 1
        if asked > limit:
            msg = "tired"
            raise RuntimeError(msg)
        return bars["close"]

    limit = 10**6
    proved(fails_late)
    limit, asked = asked - 1, 0
    verdict = proved(fails_late).verdict
    assert not isinstance(verdict, Pass | Inconclusive)
    assert "tired" in verdict.findings[0].detail


def test_a_table_of_the_past_of_a_market_that_goes_on_tells_no_future() -> None:
    move = np.random.default_rng(3).normal(0.0, 0.01, 3_000)
    for row in range(1, move.size):
        move[row] += 0.5 * move[row - 1]
    bars = {"close": 100.0 * np.exp(np.cumsum(move)), "time_ns": BARS["time_ns"]}
    table = dict(zip(bars["time_ns"].tolist(), bars["close"], strict=True))
    assert isinstance(proved(lambda b: looked_up(b, table), bars).verdict, Pass)


WINDOWS = (5, 20, 60, 101, 120, 252, 500, 1_000)


def judged(function: Any, bars: Any) -> Any:
    part = checked(bars)

    def ask(given: Any, why: str) -> Any:
        return answered(lambda: function(given), read, why)

    return judged_by_time(ask, part, Futures(part), 1)


def windows(bars: Any) -> dict[str, Any]:
    """What people make of trailing windows; all of it honest."""
    x = pd.Series(np.log(bars["close"]))
    move, made = x.diff(), {}
    for n in WINDOWS:
        of_level, of_moves = x.rolling(n), move.rolling(n)
        made |= {
            f"momentum_{n}": x - x.shift(n),
            f"distance_{n}": x - of_level.mean(),
            f"fading_{n}": x - x.ewm(span=n).mean(),
            f"deviation_{n}": of_moves.std(),
            f"channel_{n}": (x - of_level.min()) / (of_level.max() - of_level.min()),
            f"skew_{n}": of_moves.skew(),
            f"lagged_move_{n}": move.shift(n),
            f"share_up_{n}": move.clip(lower=0.0).rolling(n).sum()
            / move.abs().rolling(n).sum(),
            f"falls_alone_{n}": (x - x.shift(n)).where(move < 0.0),
            f"calm_{n}": (x * 0.0).where(of_moves.std() < of_moves.std().shift(1)),
        }
    return made


def walk(moves: np.ndarray) -> dict[str, Any]:
    close = 100.0 * np.exp(0.002 * np.cumsum(moves))
    return {"close": close, "time_ns": series(moves.size, seed=1)["time_ns"]}


@pytest.mark.parametrize("seed", range(4))
def test_no_honest_window_is_refused_however_long_it_is(seed: int) -> None:
    assert isinstance(judged(windows, series(4_000, seed)), Pass)


@pytest.mark.long
@pytest.mark.parametrize("rows", [1_500, 4_000, 12_500])
def test_no_honest_window_is_refused_with_any_seed(rows: int) -> None:
    verdicts = [judged(windows, series(rows, seed)) for seed in range(25)]
    assert [one for one in verdicts if not isinstance(one, Pass)] == []


def momentum(bars: Any, n: int = 120) -> np.ndarray:
    x = np.log(bars["close"])
    return np.concatenate((np.full(n, np.nan), x[n:] - x[:-n]))[: x.size]


def test_momentum_over_120_bars_passes_the_whole_proof() -> None:
    assert isinstance(proved(momentum).verdict, Pass)


def test_chance_on_few_known_rows_is_not_taken_for_knowledge() -> None:
    rng = np.random.default_rng(5)
    bars = walk(rng.standard_normal(3_000))
    cut = 1_000
    many = np.full((3_000, 200), np.nan)
    many[cut : cut + 120] = np.cumsum(rng.standard_normal((120, 200)), axis=0)
    found = judged(lambda _: {str(k): column for k, column in enumerate(many.T)}, bars)
    assert isinstance(found, Pass)


def test_what_a_market_repeats_is_not_taken_for_knowledge() -> None:
    turn = np.arange(3_000) / 30.0
    rng = np.random.default_rng(6)
    bars = walk(np.sin(turn) + 0.2 * rng.standard_normal(3_000))
    assert isinstance(judged(lambda _: np.sin(turn + 1.0), bars), Pass)


def test_moves_whose_sizes_come_in_bursts_make_chance_no_likelier() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        burst = np.where(np.arange(3_000) // 60 % 9 == 0, 8.0, 0.1)
        bars = walk(burst * rng.standard_normal(3_000))
        bursts = (burst > 1.0) * rng.standard_normal((20, 3_000))
        found = judged(lambda _, b=bursts: {str(k): one for k, one in enumerate(b)}, bars)
        assert isinstance(found, Pass)


def of_moves(bars: Any, share: float, ahead: int = 1) -> np.ndarray:
    """Some of a later move, mixed with chance, as a file would give it."""
    moves = np.diff(np.log(bars["close"]), append=np.nan)
    later = np.roll(moves, 1 - ahead)
    noise = np.random.default_rng(7).standard_normal(later.size)
    return share * later / np.nanstd(moves) + np.sqrt(1.0 - share**2) * noise


@pytest.mark.parametrize("share", [1.0, 0.3, 0.2], ids=str)
def test_a_file_that_knows_a_fifth_of_the_next_move_is_caught(share: float) -> None:
    bars = series(20_000, seed=3)
    told = of_moves(bars, share)
    assert isinstance(judged(lambda _: told, bars), Refuse)


def test_a_link_that_only_many_bars_show_may_be_the_market_and_not_a_file() -> None:
    bars = series(60_000, seed=3)
    told = of_moves(bars, 0.06)
    assert isinstance(judged(lambda _: told, bars), Pass)


@pytest.mark.parametrize("ahead", [1, 2, 17, 64])
def test_the_lead_is_named_with_rows_and_deviations(ahead: int) -> None:
    bars = series(900, seed=4)
    told = of_moves(bars, 1.0, ahead)
    verdict = judged(lambda _: told, bars)
    assert isinstance(verdict, Refuse)
    (finding,) = verdict.findings
    assert f"the move {ahead} ahead of the bars as they were by +1.00" in finding.detail
    assert finding.n == 599 - ahead
    assert finding.value > finding.bound > 6.0


def test_a_file_that_says_the_opposite_knows_as_much() -> None:
    bars = series(900, seed=4)
    told = -of_moves(bars, 1.0)
    verdict = judged(lambda _: told, bars)
    assert isinstance(verdict, Refuse)
    assert "by -1.00" in verdict.findings[0].detail


def test_a_file_of_signs_known_on_a_hundred_rows_is_caught() -> None:
    bars = series(3_000, seed=5)
    told = np.full(3_000, np.nan)
    told[1_500:1_600] = np.sign(of_moves(bars, 1.0))[1_500:1_600]
    assert isinstance(judged(lambda _: told, bars), Refuse)


def test_holes_in_the_bars_hide_no_file() -> None:
    bars = series(3_000, seed=5)
    told = of_moves(bars, 1.0)
    holed = bars["close"].copy()
    holed[::50] = np.nan
    assert isinstance(judged(lambda _: told, {**bars, "close": holed}), Refuse)


def test_a_table_is_known_by_its_growth_where_its_size_fades() -> None:
    fading = np.exp(-np.arange(3_000) / 50.0)
    verdict = judged(lambda bars: looked_up(bars) * fading, BARS)
    assert isinstance(verdict, Refuse)
    assert "the move 1 ahead" in verdict.findings[0].detail


def test_where_a_column_is_known_is_told_from_its_first_value_on() -> None:
    told = _known(np.array([np.nan, np.inf, 3.0, np.nan, 3.0, -np.inf]))
    assert np.array_equal(told, [np.nan, np.nan, 1.0, 0.0, 1.0, 0.0], equal_nan=True)


def test_without_times_no_column_is_said_to_depend_on_them() -> None:
    row = np.arange(3_000)
    close = 100.0 + 0.01 * np.minimum(row, 1_990 - row) + 0.1 * np.sin(row**2)
    verdict = proved(
        lambda bars: np.maximum.accumulate(bars["close"]), {"close": close}
    ).verdict
    assert isinstance(verdict, Pass)
    assert [one.code for one in verdict.findings] == ["causality.clean"]


@pytest.mark.parametrize("rows", [101, 192, 300])
def test_the_links_of_one_transform_are_those_of_each_pair_of_rows(rows: int) -> None:
    rng = np.random.default_rng(rows)
    moves, column = rng.standard_normal(rows), rng.integers(0, 9, rows).astype(np.float64)
    column[:7] = np.nan
    x, y = np.zeros(rows), rankdata(moves)
    x[7:] = rankdata(column[7:])
    x[7:], y = (x[7:] - x[7:].mean()) / x[7:].std(), (y - y.mean()) / y.std()
    links, _ = _Moves(moves).links(column)
    for ahead in range(-2, 65):
        pairs = [(x[t], y[t + ahead]) for t in range(rows) if 0 <= t + ahead < rows]
        one, other = np.array(pairs).T
        deviations = (one * other).sum() / np.sqrt((one**2 * other**2).sum())
        assert links[ahead] == pytest.approx(deviations, abs=1e-9)


def test_chance_is_never_taken_for_less_than_what_signs_do() -> None:
    noise = np.random.default_rng(8).standard_normal(2_001)
    assert _Moves(np.diff(noise)).links(np.sin(np.arange(2_000) / 200.0))[1] == 1.0
    following = np.convolve(noise, np.ones(9), mode="valid")
    assert _Moves(following).links(following)[1] > 1.5
