"""The promises of :class:`stairway.market.ports.Source`, as tests.

Beside the contract lie the rules and raw tables that tests of sources and bars need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.base.config import Config
from stairway.base.errors import DataError
from stairway.base.hashing import array_hash
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.market.ports import RawBars, RawPair, Source
from stairway.market.quality import BarRules

DROP = BarRules(bad_rows="drop", max_dropped_frac=0.1, max_jump_frac=0.5, min_bars=2)
REFUSE = BarRules(bad_rows="refuse", max_dropped_frac=0.0, max_jump_frac=0.5, min_bars=2)

DAILY = SessionRules(
    kind="daily",
    tz="America/New_York",
    close="16:00",
    early_close_days=(),
    early_by_minutes=0,
    overnight="hold",
    flat_by_close=False,
    lead_out_bars=1,
    bar_seconds=86_400,
    bars_per_session=1,
    periods_per_year=252.0,
)


def intraday_session(bar_seconds: int = 60, close: str = "16:00") -> SessionRules:
    """Sessions of the exchange that ``testing.bars`` makes up: 390 minutes up to 16:00."""
    per_session = 23_400 // bar_seconds + (close == "16:01")
    return SessionRules(
        kind="intraday",
        tz="America/New_York",
        close=close,
        early_close_days=("2018-07-03", "2022-11-25"),
        early_by_minutes=180,
        overnight="refuse_entry",
        flat_by_close=True,
        lead_out_bars=1,
        bar_seconds=bar_seconds,
        bars_per_session=per_session,
        periods_per_year=252.0 * per_session,
    )


def daily_rules() -> tuple[BarRules, SessionRules]:
    """Rules that accept what ``random_walk`` gives by default."""
    return REFUSE, DAILY


def as_raw(bars: PairBars) -> RawPair:
    """Turn aligned bars back into two tables, as a source would give them."""
    first, second = (
        RawBars(
            bars.instruments[k],
            bars.time_ns,
            *(
                np.ascontiguousarray(column[:, k])
                for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)
            ),
        )
        for k in (0, 1)
    )
    return RawPair(first, second)


@dataclass(frozen=True, slots=True)
class Case:
    """One source with settings that make it read something, and rules for what it reads."""

    plugin: Source
    config: Any
    bars: BarRules
    session: SessionRules


def content(raw: RawPair) -> str:
    """Hash of both tables."""
    return array_hash(*(array for table in (raw.first, raw.second) for array in _arrays(table)))


class SourceContract:
    """Subclass, provide a ``case`` fixture, and pytest does the rest."""

    def test_settings_are_a_config_that_refuses_unknown_keys(self, case: Case) -> None:
        """A misspelt key is an error, not a default."""
        assert issubclass(case.plugin.Config, Config)
        keys = msgspec.to_builtins(case.config) | {"no_such_key": 1}
        with pytest.raises(msgspec.ValidationError, match="no_such_key"):
            msgspec.convert(keys, case.plugin.Config)

    def test_columns_are_of_one_length_and_type(self, case: Case) -> None:
        """Every later step relies on flat int64 and float64 columns."""
        raw = case.plugin.read(case.config)
        for table in (raw.first, raw.second):
            arrays = _arrays(table)
            assert {array.shape for array in arrays} == {(len(table),)}
            assert [str(array.dtype) for array in arrays] == ["int64"] + 5 * ["float64"]

    def test_there_is_something_in_both_tables(self, case: Case) -> None:
        """A source that reads nothing would pass every other check."""
        raw = case.plugin.read(case.config)
        assert len(raw.first) > 1
        assert len(raw.second) > 1

    def test_the_instruments_have_different_names(self, case: Case) -> None:
        """Facts name instruments by their symbol alone."""
        raw = case.plugin.read(case.config)
        assert raw.first.instrument.symbol != raw.second.instrument.symbol

    def test_reading_twice_gives_the_same(self, case: Case) -> None:
        """A run is repeatable only if its data is."""
        assert content(case.plugin.read(case.config)) == content(case.plugin.read(case.config))

    def test_what_was_read_can_be_aligned(self, case: Case) -> None:
        """The times are close times in UTC that the session rules understand."""
        raw = case.plugin.read(case.config)
        pair, report = align(raw, case.bars, case.session)
        assert len(pair) == report.bars >= case.bars.min_bars
        for table, source in zip(report.tables, (raw.first, raw.second), strict=True):
            assert table.rows == len(source) == table.kept + sum(table.dropped.values())

    def test_a_reader_cannot_change_what_the_next_one_sees(self, case: Case) -> None:
        """No array is shared between two readings."""
        before = content(case.plugin.read(case.config))
        again = case.plugin.read(case.config)
        if again.first.close.flags.writeable:
            again.first.close[:] = np.nan
        assert content(case.plugin.read(case.config)) == before

    def test_stricter_rules_refuse_with_a_sentence(self, case: Case) -> None:
        """More bars than there are cannot be had, and the message says so."""
        raw = case.plugin.read(case.config)
        greedy = msgspec.structs.replace(case.bars, min_bars=10**8)
        with pytest.raises(DataError, match=r"\[bars\] min_bars"):
            align(raw, greedy, case.session)


def _arrays(table: RawBars) -> tuple[Any, ...]:
    return (table.time_ns, table.open, table.high, table.low, table.close, table.volume)
