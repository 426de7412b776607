"""Columns and records are the same bars."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.hashing import array_hash
from stairway.market.bars import Bar, PairBar, PairBars
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars

COLUMNS = ("open", "high", "low", "close", "volume")


@given(valid_pair_bars())
def test_records_hold_what_the_columns_hold(bars: PairBars) -> None:
    records = list(bars)
    assert [r.index for r in records] == list(range(len(bars)))
    assert [r.time_ns for r in records] == bars.time_ns.tolist()
    assert [r.session for r in records] == bars.session.tolist()
    assert [r.last_of_session for r in records] == bars.last_of_session.tolist()
    for name in COLUMNS:
        rebuilt = [[getattr(bar, name) for bar in r.bars] for r in records]
        assert rebuilt == getattr(bars, name).tolist()


@given(valid_pair_bars(min_size=2), st.data())
def test_a_part_is_its_rows(bars: PairBars, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(bars) - 1))
    stop = data.draw(st.integers(start, len(bars)))
    part = bars.part(start, stop)
    assert len(part) == stop - start
    assert [r.bars for r in part] == [bars.at(i).bars for i in range(start, stop)]
    assert part.session.tolist() == bars.session[start:stop].tolist()


@pytest.mark.parametrize("name", ["time_ns", "session", *COLUMNS])
def test_the_fingerprint_covers_every_column(name: str) -> None:
    bars = random_walk(10, seed=1)
    column = getattr(bars, name).copy()
    column[4] = column[4] + 1
    assert replace(bars, **{name: column}).fingerprint != bars.fingerprint


def test_the_fingerprint_covers_the_marks_of_last_bars() -> None:
    bars = random_walk(10, seed=1)
    assert replace(bars, last_of_session=~bars.last_of_session).fingerprint != bars.fingerprint


def test_records_hold_plain_numbers() -> None:
    record = random_walk(3, seed=1).at(1)
    assert type(record.time_ns) is int
    assert type(record.last_of_session) is bool
    assert type(record.bars[0].close) is float


def test_symbols_come_in_order() -> None:
    bars = random_walk(3, seed=1)
    assert bars.symbols == ("ALPHA", "BETA")
    assert np.all(bars.part(0, 1).close == bars.close[:1])


@given(valid_pair_bars(min_size=1))
def test_a_bar_is_read_back_to_the_last_bit(bars: PairBars) -> None:
    for record in bars:
        payload = msgspec.msgpack.encode(record)
        assert msgspec.msgpack.decode(payload, type=PairBar) == record


@given(valid_pair_bars(min_size=3, max_size=20), st.data())
def test_a_part_of_a_part_is_a_part(bars: PairBars, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(bars)))
    stop = data.draw(st.integers(start, len(bars)))
    cut = data.draw(st.integers(0, stop - start))
    whole, twice = bars.part(start, start + cut), bars.part(start, stop).part(0, cut)
    assert whole.fingerprint == twice.fingerprint


def test_a_part_is_renumbered_and_keeps_its_sessions() -> None:
    part = random_walk(800, seed=1, bar_seconds=60).part(400, 410)
    assert [record.index for record in part] == list(range(10))
    assert {record.session for record in part} == {1}


@pytest.mark.parametrize(
    ("start", "stop", "n"), [(0, 0, 0), (9, 100, 1), (10, 12, 0), (0, 10, 10)]
)
def test_a_part_never_reaches_past_the_end(start: int, stop: int, n: int) -> None:
    part = random_walk(10, seed=1).part(start, stop)
    assert len(part) == len(list(part)) == n


def test_there_is_no_bar_behind_the_last() -> None:
    with pytest.raises(IndexError):
        random_walk(10, seed=1).at(10)


def test_the_fingerprint_is_of_content_and_not_of_names() -> None:
    bars = random_walk(10, seed=1)
    renamed = replace(bars, instruments=(bars.instruments[1], bars.instruments[0]))
    assert renamed.fingerprint == bars.fingerprint
    assert len(bars.fingerprint) == len(array_hash(bars.close))


@pytest.mark.parametrize("name", COLUMNS)
def test_the_fingerprint_knows_which_instrument_is_which(name: str) -> None:
    bars = random_walk(10, seed=1)
    swapped = replace(bars, **{name: getattr(bars, name)[:, ::-1].copy()})
    assert swapped.fingerprint != bars.fingerprint


def test_a_record_does_not_follow_a_column_that_is_changed_later() -> None:
    bars = random_walk(10, seed=1)
    record, close = bars.at(3), float(bars.close[3, 0])
    bars.close[3, 0] = 1.0
    assert record.bars[0].close == close
    assert bars.at(3).bars[0].close == 1.0


def test_an_empty_series_is_a_series() -> None:
    empty = random_walk(5, seed=1).part(0, 0)
    assert (len(empty), list(empty)) == (0, [])
    assert empty.fingerprint != random_walk(5, seed=1).fingerprint


def test_records_are_compared_to_the_last_digit() -> None:
    one = Bar(1.0, 2.0, 0.5, 1.5, 10.0)
    assert one == Bar(1.0, 2.0, 0.5, 1.5, 10.0)
    assert one != Bar(1.0, 2.0, 0.5, np.nextafter(1.5, 2.0), 10.0)


def test_records_are_frozen() -> None:
    with pytest.raises(AttributeError):
        random_walk(3, seed=1).at(0).index = 7  # type: ignore[misc]
