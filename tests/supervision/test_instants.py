"""Stamps of any unit become nanoseconds, or are refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError
from stairway.supervision.answers import NO_TIME
from stairway.supervision.instants import Clock, first_misfit, stray, to_ns, unit_of, usual_unit

PER = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@given(
    unit=st.sampled_from(list(PER)),
    seconds=st.integers(10**9, 4 * 10**9),
    as_text=st.booleans(),
)
def test_a_number_gives_its_unit_away(unit: str, seconds: int, *, as_text: bool) -> None:
    stamp = seconds * 10**9 // PER[unit]
    stamps = pl.Series([str(stamp) if as_text else stamp])
    assert unit_of(stamps) == unit
    assert to_ns(stamps, Clock()).tolist() == [seconds * 10**9]


def test_numbers_of_two_units_are_refused() -> None:
    with pytest.raises(DataError, match="do not agree on a unit"):
        unit_of(pl.Series([1_700_000_000, 1_700_000_000_000]))
    with pytest.raises(DataError, match="as ms it is"):
        to_ns(pl.Series([1_700_000_000_000]), Clock("s"))


def test_small_numbers_are_no_instants() -> None:
    with pytest.raises(DataError, match="do not agree on a unit"):
        unit_of(pl.Series([1, 2, 3]))


def test_text_with_an_offset_needs_no_zone() -> None:
    stamps = pl.Series(
        ["2026-04-13T02:13:18.5+02:00", "2026-04-13 00:13:19Z", " nan ", None, "soon"]
    )
    found = to_ns(stamps, Clock())
    assert (found[1] - found[0], *found[2:]) == (5 * 10**8, NO_TIME, NO_TIME, NO_TIME)


def test_text_without_an_offset_is_refused_until_a_zone_is_named() -> None:
    stamps = pl.Series(["2026-01-15T12:00:00"])
    with pytest.raises(ConfigError, match='tz = "UTC"'):
        to_ns(stamps, Clock())
    ahead = to_ns(stamps, Clock(tz="UTC"))[0] - to_ns(stamps, Clock(tz="Europe/Zurich"))[0]
    assert ahead == 3_600 * 10**9
    with pytest.raises(ConfigError, match="no time zone"):
        to_ns(stamps, Clock(tz="Mars"))


def test_a_stamp_that_is_missing_has_no_time() -> None:
    assert to_ns(pl.Series([None, 1_700_000_000]), Clock()).tolist() == [NO_TIME, 17 * 10**17]
    assert to_ns(pl.Series([None], dtype=pl.String), Clock()).tolist() == [NO_TIME]


def test_seconds_with_a_fraction_keep_it() -> None:
    assert to_ns(pl.Series(["1700000000.25"]), Clock()).tolist() == [1_700_000_000_250_000_000]


@given(
    st.lists(
        st.sampled_from([10**k + d for k in (8, 11, 14, 17) for d in (-1000, 0, 1000)])
        | st.integers(-9, 10**15)
        | st.none(),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(list(PER)),
    st.booleans(),
)
def test_whole_numbers_fit_a_unit_as_their_texts_do(stamps, unit, strict) -> None:
    texts = pl.Series([None if n is None else str(n) for n in stamps], dtype=pl.String)
    whole = pl.Series(stamps, dtype=pl.Int64)
    assert first_misfit(whole, unit, strict=strict) == first_misfit(texts, unit, strict=strict)


FAR = ("2610-05-01T08:00:00Z", "9999-12-31T23:59:59Z", "2262-04-12T00:00:00Z",
       "0001-01-01T00:00:00Z", "+2610-05-01T08:00:00Z", "203-05-01T08:00:00Z",
       "9999-12-31T23:59:59")  # fmt: skip


@pytest.mark.parametrize("far", FAR)
def test_a_year_that_does_not_fit_is_not_understood_and_never_wrapped(far: str) -> None:
    near = "2026-05-15T18:18:14Z"
    found = to_ns(pl.Series([near, far, near]), Clock("iso"))
    assert found.tolist() == [found[0], NO_TIME, found[0]]
    assert found[0] == 1_778_869_094 * 10**9


@pytest.mark.parametrize("year", [1678, 1970, 2261])
def test_every_year_that_fits_is_read(year: int) -> None:
    first = datetime(year, 1, 1, tzinfo=UTC)
    seconds = round((first - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert to_ns(pl.Series([f"{year}-01-01T00:00:00Z"]), Clock("iso")).tolist() == [
        seconds * 10**9
    ]
    for unit in ("ms", "us", "ns"):
        stamps = pl.Series([first]).cast(pl.Datetime(unit, "UTC"))
        assert to_ns(stamps, Clock()).tolist() == [seconds * 10**9]


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", ["UTC", None])
def test_an_instant_of_a_column_that_does_not_fit_is_not_understood(unit, zone) -> None:
    said = [datetime(9999, 12, 31), datetime(1, 1, 1), datetime(2025, 1, 1), None]  # noqa: DTZ001
    stamps = pl.Series(said).cast(pl.Datetime(unit)).dt.replace_time_zone(zone)
    near = 1_735_689_600 * 10**9
    assert to_ns(stamps, Clock(tz="UTC")).tolist() == [NO_TIME, NO_TIME, near, NO_TIME]


def test_a_day_that_does_not_fit_is_not_understood() -> None:
    days = pl.Series([20_000, 2**30, None, -(2**30)], dtype=pl.Int32).cast(pl.Date)
    found = to_ns(days, Clock(tz="UTC")).tolist()
    assert found == [20_000 * 86_400 * 10**9, NO_TIME, NO_TIME, NO_TIME]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64, pl.String])
def test_a_number_beyond_what_64_bits_count_is_not_understood(unit: str, kind) -> None:
    late, near = 10**10 * 10**9 // PER[unit], 17 * 10**17 // PER[unit]
    stamps = pl.Series([near, late]).cast(kind)
    assert to_ns(stamps, Clock(unit)).tolist() == [17 * 10**17, NO_TIME]


def test_a_number_of_more_than_64_bits_is_of_no_unit() -> None:
    near, far = 1_763_600_001_000, 17_636_000_010_000_000_000
    for stamps in (pl.Series([near, far], dtype=pl.Int128), pl.Series([str(near), str(far)])):
        assert first_misfit(stamps, "ms", strict=True) == 1
        assert first_misfit(stamps, "ms") is None
        assert (stray(stamps), usual_unit(stamps)) == (1, "ms")
        assert to_ns(stamps, Clock("ms")).tolist() == [near * 10**6, NO_TIME]
