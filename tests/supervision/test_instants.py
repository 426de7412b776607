"""Stamps of any unit become nanoseconds, or are refused by name."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError
from stairway.supervision.answers import NO_TIME
from stairway.supervision.instants import Clock, first_misfit, to_ns, unit_of

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
