"""The record of a model is its trades, the last ones in full."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision.performance import Record, add, recent

OUTCOMES = st.lists(st.floats(-5, 5), max_size=60)


def record_of(outcomes: list[float], keep: int = 20) -> Record:
    record = Record()
    for r in outcomes:
        record = add(record, r, keep)
    return record


@given(outcomes=OUTCOMES)
def test_the_record_counts_every_trade(outcomes) -> None:
    record = record_of(outcomes)
    assert record.trades == len(outcomes)
    assert record.wins == sum(r > 0 for r in outcomes)
    assert record.losses == sum(r < 0 for r in outcomes)
    assert record.total_r == pytest.approx(math.fsum(outcomes), abs=1e-9)


@given(outcomes=OUTCOMES)
def test_only_the_last_trades_are_kept(outcomes) -> None:
    assert record_of(outcomes).recent == tuple(outcomes[-20:])


@given(outcomes=OUTCOMES.filter(bool))
def test_the_summary_is_of_the_last_ten(outcomes) -> None:
    last = outcomes[-10:]
    summary = recent(record_of(outcomes), 10)
    assert summary.trades == len(last)
    assert summary.win_rate == sum(r > 0 for r in last) / len(last)
    assert summary.average_r == pytest.approx(sum(last) / len(last))


def test_a_model_without_trades_has_no_win_rate() -> None:
    summary = recent(Record(), 10)
    assert summary.trades == 0
    assert summary.win_rate is None
    assert summary.average_r is None


def test_a_trade_of_nothing_is_neither_won_nor_lost() -> None:
    record = record_of([0.0])
    assert (record.trades, record.wins, record.losses) == (1, 0, 0)


def test_recording_does_not_change_what_was_recorded_before() -> None:
    before = record_of([1.0, -1.0])
    add(before, 2.0, 20)
    assert before == record_of([1.0, -1.0])
