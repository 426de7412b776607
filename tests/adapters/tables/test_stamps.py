"""Stamps become the instant at which a bar was complete, or no time at all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.tables.settings import File, TableConfig
from stairway.adapters.tables.stamps import close_ns
from stairway.base.errors import ConfigError
from stairway.market.ports import NO_TIME

NEW_YORK = ZoneInfo("America/New_York")
BASE = TableConfig(
    files=(
        File(path="a", symbol="A", tick_usd=0.01, lot_units=1.0),
        File(path="b", symbol="B", tick_usd=0.01, lot_units=1.0),
    ),
    tz="America/New_York",
    stamp="close",
    bar_seconds=60,
)


def settings(**changes: Any) -> TableConfig:
    return msgspec.structs.replace(BASE, **changes)


def closes(stamps: list[Any], **changes: Any) -> list[str]:
    found = close_ns(pl.Series(stamps), settings(**changes), "bars.csv")
    return [str(t)[:19] for t in found.astype("datetime64[ns]")]


def complaint(stamps: list[Any], **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        closes(stamps, **changes)
    assert "column 'time' of bars.csv" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "2018-03-29 16:00:00",
        "2018-03-29T16:00:00",
        "2018-03-29 16:00:00.000",
        "2018-03-29 16:00",
        "2018-03-29T16:00",
        " 2018-03-29 16:00:00 ",
        "2018-03-29T20:00:00Z",
        "2018-03-29 20:00:00+00:00",
        "2018-03-29T16:00:00-04:00",
        "2018-03-29 16:00:00 -0400",
        "2018-03-29T20:00Z",
    ],
)
def test_iso_stamps_are_read_in_every_dress(text: str) -> None:
    assert closes([text]) == ["2018-03-29T20:00:00"]


def test_a_naive_stamp_is_local_time_in_winter_and_in_summer() -> None:
    assert closes(["2018-03-09 16:00:00", "2018-03-12 16:00:00"]) == [
        "2018-03-09T21:00:00",
        "2018-03-12T20:00:00",
    ]


def test_a_bar_stamped_with_its_open_is_known_one_bar_later() -> None:
    assert closes(["2018-03-29 15:59:00"], stamp="open") == ["2018-03-29T20:00:00"]
    assert closes(["2018-03-29 15:55:00"], stamp="open", bar_seconds=300) == [
        "2018-03-29T20:00:00"
    ]


def test_an_hour_that_occurs_twice_or_never_has_no_time() -> None:
    found = closes(["2018-11-04 00:59:00", "2018-11-04 01:30:00", "2018-03-11 02:30:00"])
    assert found == ["2018-11-04T04:59:00", "NaT", "NaT"]


def test_a_stamp_that_cannot_be_read_has_no_time_and_keeps_its_row() -> None:
    stamps = ["2018-03-29 16:00:00", "", None, "soon", "2018-03-29 16:01:00"]
    found = close_ns(pl.Series(stamps), settings(stamp="open"), "bars.csv")
    assert (found == NO_TIME).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("epoch", "number"),
    [
        ("s", 1_522_353_600),
        ("ms", 1_522_353_600_000),
        ("us", 1_522_353_600_000_000),
        ("ns", 1_522_353_600_000_000_000),
    ],
)
@pytest.mark.parametrize("kind", [int, str])
def test_numbers_count_from_1970_in_the_named_unit(epoch: str, number: int, kind: type) -> None:
    stamp = kind(number)
    assert closes([stamp], epoch=epoch) == ["2018-03-29T20:00:00"]
    assert closes([stamp], epoch=epoch, stamp="open") == ["2018-03-29T20:01:00"]


def test_numbers_without_a_unit_are_asked_for_one() -> None:
    assert '[source] epoch = "s", "ms", "us" or "ns"' in complaint([1_522_353_600])


def test_a_number_too_large_for_its_unit_has_no_time_and_does_not_wrap_round() -> None:
    numbers = pl.Series([2**62, -(2**63), 2**63 - 1, 1])
    found = close_ns(numbers, settings(epoch="s"), "bars.csv")
    assert found.tolist() == [NO_TIME, NO_TIME, NO_TIME, 1_000_000_000]


@pytest.mark.parametrize("side", ["open", "close"])
@pytest.mark.parametrize("text", ["9999-12-31 00:00", "2262-04-11 23:47", "1500-01-01 00:00"])
def test_a_stamp_beyond_the_clock_has_no_time_and_does_not_wrap_round(
    text: str, side: str
) -> None:
    assert closes([text, "2018-03-29 16:00"], stamp=side)[0] == "NaT"


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_date_times_of_any_unit_are_read_and_never_wrap_round(unit: str) -> None:
    whole = pl.Series([2**62, -(2**62), 1], dtype=pl.Int64)
    found = close_ns(whole.cast(pl.Datetime(unit, "UTC")), settings(), "x").tolist()
    ns_per_unit = {"ms": 10**6, "us": 10**3, "ns": 1}[unit]
    expected = [n * ns_per_unit for n in whole]
    assert found == [t if abs(t) < 9.1e18 else NO_TIME for t in expected]


def test_numbers_that_are_all_too_large_have_no_time_each() -> None:
    numbers = pl.Series([2**64 - 1, 2**63], dtype=pl.UInt64)
    assert close_ns(numbers, settings(epoch="ns"), "x").tolist() == [NO_TIME, NO_TIME]


def test_text_where_numbers_are_expected_is_refused() -> None:
    assert "leave epoch out" in complaint(["2018-03-29 16:00:00"], epoch="s")


@pytest.mark.parametrize(
    "stamps",
    [
        pl.Series([[1]]),
        pl.Series([b"1"]),
        pl.Series([0], dtype=pl.Datetime("us")),
        pl.Series(["1"], dtype=pl.Categorical),
    ],
    ids=["list", "bytes", "instant", "category"],
)
def test_what_is_no_whole_number_is_named_where_numbers_are_expected(stamps: pl.Series) -> None:
    """An instant in microseconds would be read as nanoseconds."""
    with pytest.raises(ConfigError) as caught:
        close_ns(stamps, settings(epoch="ns"), "x")
    assert f"holds {stamps.dtype}, no whole numbers; " in str(caught.value)


def test_a_layout_of_ones_own_is_read_if_named() -> None:
    assert closes(["29.03.2018 16:00"], time_format="%d.%m.%Y %H:%M") == ["2018-03-29T20:00:00"]


def test_a_layout_that_is_not_known_is_quoted() -> None:
    sentence = complaint(["29.03.2018 16:00"])
    assert "'29.03.2018 16:00'" in sentence
    assert "time_format" in sentence


def test_a_named_layout_that_fits_no_row_is_refused() -> None:
    assert "%m/%d/%Y" in complaint(["2018-03-29 16:00"], time_format="%m/%d/%Y")


def test_a_column_of_prices_is_no_time() -> None:
    assert "Float64" in complaint([1.5, 2.5])


def test_a_day_is_complete_when_it_is_over() -> None:
    daily = {"stamp": "open", "bar_seconds": 86_400}
    assert closes(["2018-03-29"], **daily) == ["2018-03-30T04:00:00"]


def test_days_of_23_and_25_hours_end_at_local_midnight_too() -> None:
    daily = {"stamp": "open", "bar_seconds": 86_400}
    assert closes(["2018-03-11", "2018-11-04"], **daily) == [
        "2018-03-12T04:00:00",
        "2018-11-05T05:00:00",
    ]


def test_a_day_is_complete_at_the_close_of_the_exchange_if_it_is_named() -> None:
    daily = {"stamp": "open", "bar_seconds": 86_400, "day_close": "16:00"}
    assert closes(["2018-03-09", "2018-03-12"], **daily) == [
        "2018-03-09T21:00:00",
        "2018-03-12T20:00:00",
    ]
    assert closes([date(2018, 3, 12)], **daily) == ["2018-03-12T20:00:00"]


def test_a_day_is_never_known_at_its_beginning() -> None:
    assert "known before the day began" in complaint(["2018-03-29"], bar_seconds=86_400)


def test_day_close_is_for_daily_bars() -> None:
    with pytest.raises(ConfigError, match="day_close is for daily bars"):
        settings(day_close="16:00")


def test_epoch_and_layout_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="give one of them"):
        settings(epoch="s", time_format="%Y")


def test_an_unknown_zone_is_refused_with_the_settings() -> None:
    with pytest.raises(ConfigError, match="no time zone named"):
        settings(tz="New York")


instants = st.integers(631_152_000, 1_893_456_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
)


@given(st.lists(instants, min_size=1, max_size=10))
def test_local_stamps_equal_the_standard_library(local: list[datetime]) -> None:
    found = close_ns(pl.Series([str(d) for d in local]), settings(), "x")
    for naive, time_ns in zip(local, found.tolist(), strict=True):
        early, late = (
            naive.replace(tzinfo=NEW_YORK, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if early == late:
            assert time_ns == int(early.timestamp()) * 10**9
        else:
            assert time_ns == NO_TIME


@given(st.lists(instants, min_size=1, max_size=10))
def test_aware_stamps_do_not_care_for_the_zone_of_the_settings(times: list[datetime]) -> None:
    texts = pl.Series([d.isoformat() + "Z" for d in times])
    here, there = (close_ns(texts, settings(tz=tz), "x") for tz in ("UTC", "Asia/Tokyo"))
    np.testing.assert_array_equal(here, there)
    expected = [int(d.replace(tzinfo=UTC).timestamp()) * 10**9 for d in times]
    assert here.tolist() == expected


@given(instants)
def test_no_bar_is_known_before_its_stamp(local: datetime) -> None:
    text = [str(local)]
    opens, ends = (
        close_ns(pl.Series(text), settings(stamp=s), "x")[0] for s in ("open", "close")
    )
    assert opens == ends == NO_TIME or opens - ends == 60 * 10**9
