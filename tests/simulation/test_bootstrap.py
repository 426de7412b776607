"""Blocks of real bars, in a new order, their insides untouched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.arrays import FloatArray, IntArray
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.simulation.bootstrap import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    VOLUME,
    Blocks,
    Kind,
    Moves,
    Spell,
    cut,
    draw_rows,
    moves_of,
    returns_of,
    returns_of_bars,
    walk,
)
from stairway.simulation.conditions import can_be_traded
from stairway.base.verdict import Pass
from stairway.testing.bars import random_walk
from stairway.testing.source import DAILY, intraday_session

HOURS = intraday_session(3_600)  # six bars a session
MINUTES = intraday_session()
EVERY_KIND = st.sampled_from(tuple(Kind))


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def hourly(sessions: int, seed: int = 1) -> PairBars:
    return random_walk(6 * sessions, seed, bar_seconds=3_600)


def blocks_of(moves: Moves, rules: SessionRules, block_bars: int) -> Blocks:
    returns = returns_of(moves, rules)
    return cut(moves, returns / returns.std(axis=0), block_bars)


def share(kind: Kind) -> float:
    return 1.0 if kind is Kind.ANY else 0.5


def runs(rows: IntArray) -> list[IntArray]:
    """Rows of one instrument, parted where they do not go on."""
    return np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)


# -- moves -----------------------------------------------------------------------------


def test_a_bar_is_what_it_did_to_the_close_before_it() -> None:
    bars = hourly(3)
    moves = moves_of(bars, HOURS)
    before = bars.close[5:-1]
    assert np.allclose(moves.table[:, :, OPEN], bars.open[6:] / before, rtol=1e-15)
    assert np.allclose(moves.table[:, :, HIGH], bars.high[6:] / before, rtol=1e-15)
    assert np.allclose(moves.table[:, :, LOW], bars.low[6:] / before, rtol=1e-15)
    assert np.allclose(moves.table[:, :, CLOSE], bars.close[6:] / before, rtol=1e-15)
    assert (moves.table[:, :, VOLUME] == bars.volume[6:]).all()


def test_only_whole_sessions_with_a_close_before_them_count() -> None:
    bars = hourly(5)
    holed = replace(
        bars,
        **{
            n: np.delete(getattr(bars, n), 14, axis=0)
            for n in bars.__dataclass_fields__
            if n != "instruments"
        },
    )
    # The first has no close before it, the third misses a bar, and the last goes on.
    moves = moves_of(holed.part(0, len(holed) - 1), HOURS)
    assert len(moves) == 12
    assert (moves.table[:6, :, VOLUME] == bars.volume[6:12]).all()
    assert (moves.table[6:, :, VOLUME] == bars.volume[18:24]).all()


def test_the_close_before_a_session_is_the_last_one_known_whole_session_or_not() -> None:
    bars = hourly(4)
    holed = replace(
        bars,
        **{
            n: np.delete(getattr(bars, n), 9, axis=0)
            for n in bars.__dataclass_fields__
            if n != "instruments"
        },
    )
    moves = moves_of(holed, HOURS)
    assert moves.table[0, 0, OPEN] == bars.open[12, 0] / bars.close[11, 0]


def test_too_few_bars_are_no_moves() -> None:
    assert len(moves_of(hourly(1), HOURS)) == 0
    assert len(moves_of(random_walk(1, 1), DAILY)) == 0


def test_nights_are_in_no_return_within_sessions_and_in_every_daily_one() -> None:
    bars = hourly(3)
    moves = moves_of(bars, HOURS)
    log_close = np.log(bars.close)
    wanted = np.diff(log_close, axis=0)[5:]
    wanted[::6] = (log_close - np.log(bars.open))[6::6]
    assert np.allclose(returns_of(moves, HOURS), wanted, atol=1e-14)
    days = random_walk(30, 1)
    found = returns_of(moves_of(days, DAILY), DAILY)
    assert np.allclose(found, np.diff(np.log(days.close), axis=0), atol=1e-14)


@pytest.mark.parametrize("rules", [HOURS, DAILY])
def test_returns_of_moves_and_of_the_bars_walked_from_them_agree(rules: SessionRules) -> None:
    bars = hourly(6) if rules is HOURS else random_walk(40, 1)
    moves = moves_of(bars, rules)
    start = np.array([10.0, 400.0])
    walked = walk(moves, start, bars.instruments, 0, rules)
    assert np.allclose(
        returns_of_bars(walked, start, rules), returns_of(moves, rules), atol=1e-12
    )


# -- walking ---------------------------------------------------------------------------


def test_walking_the_moves_in_their_own_order_gives_the_bars_back() -> None:
    bars = hourly(8)
    moves = moves_of(bars, HOURS)
    again = walk(moves, bars.close[5], bars.instruments, int(bars.time_ns[5]), HOURS)
    for name in ("open", "high", "low", "close", "volume"):
        assert np.allclose(getattr(again, name), getattr(bars, name)[6:], rtol=1e-12)
    assert (again.time_ns == bars.time_ns[6:]).all()
    assert (again.last_of_session == bars.last_of_session[6:]).all()
    assert (again.session == bars.session[6:] - 1).all()


@given(
    seed=st.integers(0, 50),
    spells=st.lists(st.tuples(EVERY_KIND, st.booleans()), min_size=1, max_size=5),
)
def test_whatever_is_walked_is_as_valid_as_a_recorded_bar(
    seed: int, spells: list[tuple[Kind, bool]]
) -> None:
    bars = hourly(12, seed)
    moves = moves_of(bars, HOURS)
    of = [Spell(kind, apart) for kind, apart in spells]
    rows = draw_rows(blocks_of(moves, HOURS, 2), of, 12, share, generator(seed))
    made = walk(
        moves.taken(rows), bars.close[-1], bars.instruments, int(bars.time_ns[-1]), HOURS
    )
    assert isinstance(can_be_traded(made, 0.5), Pass)
    assert (made.high >= np.maximum(made.open, made.close)).all()
    assert (made.low <= np.minimum(made.open, made.close)).all()
    assert len(made) == 12 * len(of)


@given(seed=st.integers(0, 50), apart=st.booleans())
def test_inside_a_block_every_return_is_the_recorded_one(
    seed: int,
    apart: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    bars = hourly(12, seed)
    moves = moves_of(bars, HOURS)
    rows = draw_rows(
        blocks_of(moves, HOURS, 3), [Spell(Kind.ANY, apart)] * 3, 6, share, generator(seed)
    )
    made = walk(moves.taken(rows), np.array([50.0, 70.0]), bars.instruments, 0, HOURS)
    before = np.concatenate((np.array([[50.0, 70.0]]), made.close[:-1]))
    for name, column in (("open", OPEN), ("high", HIGH), ("low", LOW), ("close", CLOSE)):
        ratio = getattr(made, name) / before
        for k in (0, 1):
            assert np.allclose(ratio[:, k], moves.table[rows[:, k], k, column], rtol=1e-12)
    for k in (0, 1):
        assert (made.volume[:, k] == moves.table[rows[:, k], k, VOLUME]).all()


def test_the_first_bar_goes_on_from_the_price_given() -> None:
    moves = moves_of(hourly(3), HOURS)
    made = walk(moves, np.array([1.0, 1_000.0]), hourly(1).instruments, 0, HOURS)
    assert made.open[0] == pytest.approx(moves.table[0, :, OPEN] * [1.0, 1_000.0])


# -- blocks ----------------------------------------------------------------------------


def test_a_session_is_cut_into_equal_parts_nearest_to_the_length_asked_for() -> None:
    moves = moves_of(random_walk(3 * 390, 1, bar_seconds=60), MINUTES)
    assert blocks_of(moves, MINUTES, 30).length.tolist() == [30] * 13
    assert blocks_of(moves, MINUTES, 100).length.tolist() == [97, 98, 97, 98]
    assert blocks_of(moves, MINUTES, 5_000).length.tolist() == [390]


def test_within_sessions_a_block_keeps_its_place_of_the_day() -> None:
    moves = moves_of(hourly(5), HOURS)
    blocks = blocks_of(moves, HOURS, 2)
    assert blocks.start.tolist() == [[0, 6, 12, 18], [2, 8, 14, 20], [4, 10, 16, 22]]


def test_a_daily_block_may_begin_anywhere_it_fits() -> None:
    moves = moves_of(random_walk(9, 1), DAILY)
    blocks = blocks_of(moves, DAILY, 5)
    assert blocks.length.tolist() == [5]
    assert blocks.start.tolist() == [[0, 1, 2, 3]]
    assert blocks_of(moves, DAILY, 50).start.tolist() == [[0]]


def test_each_block_knows_how_large_and_how_one_sided_its_returns_were() -> None:
    moves = moves_of(hourly(5), HOURS)
    returns = np.zeros((24, 2))
    returns[0:2] = [[1.0, 1.0], [1.0, 1.0]]
    returns[2:4] = [[3.0, 1.0], [-3.0, -1.0]]
    returns[6:8] = [[-1.0, 0.0], [-1.0, 0.0]]
    blocks = cut(moves, returns, 2)
    assert blocks.volatility[:, 0].tolist() == pytest.approx([1.0, np.sqrt(5.0), 0.0])
    assert blocks.trend[:, 0].tolist() == pytest.approx([np.sqrt(2.0), 0.0, 0.0])
    assert blocks.trend[0, 1] == pytest.approx(-np.sqrt(2.0))


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        (Kind.ANY, {0, 1, 2, 3}),
        (Kind.CALM, {0, 2}),
        (Kind.STORMY, {1, 3}),
        (Kind.RISING, {2, 3}),
        (Kind.FALLING, {0, 1}),
    ],
)
def test_a_regime_chooses_the_blocks_that_have_most_of_it(kind: Kind, chosen: set[int]) -> None:
    blocks = Blocks(
        length=np.array([5]),
        start=np.array([[0, 5, 10, 15]]),
        volatility=np.array([[1.0, 9.0, 2.0, 8.0]]),
        trend=np.array([[-3.0, -2.0, 1.0, 4.0]]),
    )
    assert set(blocks.of(kind, share(kind))[0].tolist()) == chosen


# -- drawing ---------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), kind=EVERY_KIND, apart=st.booleans())
def test_every_drawn_bar_stands_at_its_own_place_of_the_day(
    seed: int,
    kind: Kind,
    apart: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    moves = moves_of(hourly(12), HOURS)
    rows = draw_rows(
        blocks_of(moves, HOURS, 2), [Spell(kind, apart)] * 4, 6, share, generator(seed)
    )
    assert (rows % 6 == np.tile(np.arange(6), 4)[:, None]).all()
    assert rows.min() >= 0
    assert rows.max() < len(moves)


def test_together_both_instruments_are_always_of_the_same_row() -> None:
    moves = moves_of(hourly(12), HOURS)
    rows = draw_rows(blocks_of(moves, HOURS, 2), [Spell(Kind.ANY)] * 20, 6, share, generator(1))
    assert (rows[:, 0] == rows[:, 1]).all()
    assert len(set(rows[:, 0].tolist())) > 50


@given(seed=st.integers(0, 10**6))
def test_apart_no_bar_of_the_one_lies_in_the_block_of_the_other(seed: int) -> None:
    hours = moves_of(hourly(12), HOURS)
    apart = [Spell(Kind.ANY, apart=True)] * 4
    rows = draw_rows(blocks_of(hours, HOURS, 2), apart, 6, share, generator(seed))
    assert (np.abs(rows[:, 0] - rows[:, 1]) >= 6).all()
    days = moves_of(random_walk(100, 1), DAILY)
    rows = draw_rows(blocks_of(days, DAILY, 8), apart, 16, share, generator(seed))
    assert (np.abs(rows[:, 0] - rows[:, 1]) >= 8).all()


def test_a_daily_spell_is_made_of_whole_blocks_and_cut_off_at_its_end() -> None:
    moves = moves_of(random_walk(200, 1), DAILY)
    rows = draw_rows(blocks_of(moves, DAILY, 8), [Spell(Kind.ANY)] * 2, 20, share, generator(3))
    assert len(rows) == 40
    assert [len(run) for run in runs(rows[:20, 0])] == [8, 8, 4]


def test_a_spell_takes_its_blocks_from_its_own_regime_alone() -> None:
    moves = moves_of(hourly(12), HOURS)
    blocks = blocks_of(moves, HOURS, 2)
    spells = [Spell(Kind.STORMY), Spell(Kind.CALM)] * 10
    drawn = draw_rows(blocks, spells, 6, lambda _: 0.4, generator(3))
    rows = drawn[:, 0].reshape(20, 3, 2)[:, :, 0]
    for slot in range(3):
        stormy = blocks.start[slot][blocks.of(Kind.STORMY, 0.4)[slot]]
        assert np.isin(rows[0::2, slot], stormy).all()
        assert not np.isin(rows[1::2, slot], stormy).any()


def test_the_same_state_draws_the_same_rows_and_another_state_others() -> None:
    moves = moves_of(hourly(12), HOURS)
    blocks = blocks_of(moves, HOURS, 2)

    def rows(seed: int) -> FloatArray:
        return draw_rows(blocks, [Spell(Kind.ANY)] * 5, 6, share, generator(seed))

    assert (rows(1) == rows(1)).all()
    assert not (rows(1) == rows(2)).all()
