"""Recorded markets, with their real defects, go through from file to pair."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.adapters.sources import csv, parquet
from stairway.adapters.tables.settings import Columns, File
from stairway.base.errors import ConfigError, DataError
from stairway.market.align import align
from stairway.market.calendar import SessionRules
from stairway.testing.source import DAILY, DROP, REFUSE, intraday_session

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("STAIRWAY_DATA", ROOT / "../shared/data"))
MINUTES = "stocks_1m_nvda_msft_2018/{}_1m_2018-02-16_2018-03-29.csv.gz"
RAGGED = "stocks_5m_nvda_msft_2022/{}_5m_RAW_asfound.csv.gz"
CLEAN = "stocks_5m_nvda_msft_2022/{}_5m_clean_2022-02-02_2023-01-05.csv.gz"
DAYS = "stocks_daily/{}_1d_to_2019.csv.gz"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no recorded markets at {DATA} (set STAIRWAY_DATA)"
)


def files(pattern: str, *symbols: str) -> tuple[File, File]:
    first, second = (
        File(path=str(DATA / pattern.format(s)), symbol=s, tick_usd=0.01, lot_units=1.0)
        for s in symbols
    )
    return first, second


def stocks(pattern: str, time: str, bar_seconds: int, **more: Any) -> csv.Config:
    settings: dict[str, Any] = {"tz": "America/New_York", "stamp": "open"} | more
    return csv.Config(
        files=files(pattern, "NVDA", "MSFT"),
        columns=Columns(time=time),
        bar_seconds=bar_seconds,
        **settings,
    )


def test_minutes_of_nvda_and_msft_load_whole() -> None:
    raw = csv.read(stocks(MINUTES, "datetime_et", 60))
    pair, report = align(raw, REFUSE, intraday_session(60, "16:01"))
    assert len(pair) == 11_339
    assert report.sessions == 29
    assert report.gaps == report.cut_short == 0
    assert [t.dropped for t in report.tables] == [{}, {}]
    assert np.bincount(pair.session).tolist() == 29 * [391]
    assert pair.last_of_session.reshape(29, 391)[:, -1].all()
    assert pair.last_of_session.sum() == 29


def test_minutes_under_the_daily_policy_are_refused_with_the_policy_to_use() -> None:
    raw = csv.read(stocks(MINUTES, "datetime_et", 60))
    with pytest.raises(ConfigError, match=r"NVDA.*60 s apart.*86400.*intraday\.toml"):
        align(raw, REFUSE, DAILY)


def test_the_ragged_file_is_refused_by_default_with_a_sentence() -> None:
    raw = csv.read(stocks(RAGGED, "datetime", 300, epoch="ms"))
    with pytest.raises(DataError) as caught:
        align(raw, REFUSE, intraday_session(300))
    sentence = str(caught.value)
    assert "NVDA: 503 of 25662 rows are bad (duplicate 503)" in sentence
    assert "the first is row 15913, closing at 2022-11-22T14:35:00Z" in sentence
    assert 'bad_rows = "drop"' in sentence


@pytest.fixture(scope="module")
def ragged() -> tuple[Any, Any]:
    raw = csv.read(stocks(RAGGED, "datetime", 300, epoch="ms"))
    return align(raw, DROP, intraday_session(300))


def test_the_ragged_file_is_dropped_and_counted_when_asked(ragged: tuple[Any, Any]) -> None:
    _, report = ragged
    first, second = report.tables
    assert first.rows == 25_662
    assert second.rows == 18_408
    assert first.dropped["duplicate"] == 503
    assert second.dropped["duplicate"] == 269
    for table in report.tables:
        assert table.kept + sum(table.dropped.values()) == table.rows


def test_what_is_left_of_the_ragged_file_is_the_clean_one(ragged: tuple[Any, Any]) -> None:
    raw = csv.read(stocks(CLEAN, "datetime_et", 300))
    clean, _ = align(raw, REFUSE, intraday_session(300))
    assert clean.fingerprint == ragged[0].fingerprint


def test_the_wall_clock_column_of_the_ragged_file_says_the_same(
    ragged: tuple[Any, Any],
) -> None:
    raw = csv.read(stocks(RAGGED, "date", 300, tz="America/Los_Angeles"))
    pair, _ = align(raw, DROP, intraday_session(300))
    assert pair.fingerprint == ragged[0].fingerprint


def test_the_day_after_thanksgiving_ends_at_one_o_clock(ragged: tuple[Any, Any]) -> None:
    pair, report = ragged
    day = np.datetime64("2022-11-25T00:00", "ns").astype(np.int64)
    rows = np.flatnonzero((pair.time_ns > day) & (pair.time_ns < day + 86_400 * 10**9))
    assert rows.size == 42
    assert pair.last_of_session[rows].tolist() == 41 * [False] + [True]
    assert report.cut_short == 0


def test_without_the_calendar_the_short_day_is_at_least_counted() -> None:
    raw = csv.read(stocks(CLEAN, "datetime_et", 300))
    ignorant = msgspec.structs.replace(intraday_session(300), early_close_days=())
    _, report = align(raw, REFUSE, ignorant)
    assert report.cut_short == 1


def test_decades_of_daily_bars_pass_the_collar_and_join_where_both_trade() -> None:
    raw = csv.read(stocks(DAYS, "date", 86_400, day_close="16:00"))
    pair, report = align(raw, REFUSE, DAILY)
    assert len(pair) == 5_270
    assert report.tables[0].dropped == {}
    assert report.tables[1].dropped == {"no_partner": 8_521 - 5_270}


AROUND_THE_CLOCK = SessionRules(
    kind="intraday",
    tz="UTC",
    close="24:00",
    early_close_days=(),
    early_by_minutes=0,
    overnight="hold",
    flat_by_close=False,
    lead_out_bars=1,
    bar_seconds=60,
    bars_per_session=1_440,
    periods_per_year=525_600.0,
)


def test_a_market_that_never_closes_loads_whole() -> None:
    pattern = "crypto_1m_usdc_depeg_2023/{}_binanceus_1m_2023-03-01_2023-03-21.csv.gz"
    config = csv.Config(
        files=files(pattern, "BTCUSD", "BTCUSDT"),
        columns=Columns(time="open_time"),
        tz="UTC",
        stamp="open",
        bar_seconds=60,
    )
    pair, report = align(csv.read(config), REFUSE, AROUND_THE_CLOCK)
    assert len(pair) == 30_240
    assert report.sessions == pair.last_of_session.sum() == 21
    assert report.gaps == report.cut_short == 0


def test_outages_of_an_exchange_are_counted_as_gaps() -> None:
    pattern = "crypto_1m_btcusdt/BTCUSDT_spot_1m_2020-02_2020-11.parquet"
    first, second = files(pattern, "SPOT", "TWIN")
    config = parquet.Config(
        files=(first, second),
        columns=Columns(time="open_time"),
        tz="UTC",
        stamp="open",
        bar_seconds=60,
    )
    raw = parquet.read(config)
    twin = raw.second
    prices = {name: getattr(twin, name) * 1.01 for name in ("open", "high", "low", "close")}
    raw = replace(raw, second=replace(twin, **prices))
    pair, report = align(raw, REFUSE, AROUND_THE_CLOCK)
    assert len(pair) == len(raw.first) == 436_798
    day = (pair.time_ns - 1) // (86_400 * 10**9)
    wide = (np.diff(pair.time_ns) > 60 * 10**9) & (np.diff(day) == 0)
    assert report.gaps == wide.sum() > 5
    assert report.sessions == np.unique(day).size
