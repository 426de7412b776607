"""Columns and records are the same bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.market.bars import PairBars
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
