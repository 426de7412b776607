from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.evaluation.splits.instants import in_unit, instants

BARE = [dt.datetime(2026, 1, 5, hour) for hour in range(24)]  # noqa: DTZ001 - of no zone
WEST = dt.timezone(dt.timedelta(hours=-5))
ZONED = [one.replace(tzinfo=WEST) for one in BARE]

FORMS: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "array of objects": lambda dates: np.array(dates, dtype=object),
    "list of pandas": lambda dates: [pd.Timestamp(one) for one in dates],
    "series": pd.Series,
    "series of objects": lambda dates: pd.Series(dates, dtype=object),
    "categories": lambda dates: pd.Series(dates).astype("category"),
    "index": pd.DatetimeIndex,
    "index of objects": lambda dates: pd.Index(dates, dtype=object),
    "pandas array": lambda dates: pd.Series(dates).array,
    "polars": pl.Series,
}


@pytest.mark.parametrize("form", FORMS)
def test_the_zone_is_seen_in_every_form_and_the_times_are_those_of_utc(form: str) -> None:
    bare, zoned = instants(FORMS[form](BARE), "start"), instants(FORMS[form](ZONED), "start")

    assert (bare.zoned, zoned.zoned) == (False, True)
    assert bare.times.tolist() == np.array(BARE, "M8[ns]").astype(bare.times.dtype).tolist()
    assert (zoned.times - bare.times == np.timedelta64(5, "h")).all()


def test_a_column_that_keeps_its_zone_where_arrow_does_is_zoned() -> None:
    class Column:
        type = type("Timestamp", (), {"tz": "UTC"})()

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array(BARE, dtype="M8[ns]")

    assert instants(Column(), "start").zoned


@pytest.mark.parametrize("bare", [0, 13])
@pytest.mark.parametrize("form", ["list", "array of objects", "series of objects"])
def test_one_date_without_a_zone_among_others_is_refused_by_its_row(
    form: str, bare: int
) -> None:
    mixed = [*ZONED]
    mixed[bare] = BARE[bare]
    with pytest.raises(DataError, match=f"end of row {bare} has no time zone and others have"):
        instants(FORMS[form](mixed), "end")


def test_dates_of_two_zones_are_instants_all_the_same() -> None:
    mixed = [one.astimezone(dt.UTC) if row % 2 else one for row, one in enumerate(ZONED)]

    found, plain = instants(mixed, "start"), instants(ZONED, "start")

    assert found.zoned
    assert found.times.tolist() == plain.times.tolist()


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_date_of_pandas_keeps_its_nanoseconds_among_dates_of_python(zone: str | None) -> None:
    fine = pd.Timestamp("2026-01-05T12:00:00.000000007", tz=zone)
    dates = [ZONED[0] if zone else BARE[0], fine]

    assert instants(dates, "start").times[1] == fine.to_datetime64()


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=9))
def test_whole_numbers_stay_what_they_are_also_as_objects(numbers: list[int]) -> None:
    for given_ in (numbers, np.array(numbers, dtype=object)):
        found = instants(given_, "start")
        assert found.times.tolist() == numbers
        assert not found.zoned


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([BARE[0], None], "end of row 1 is not a time"),
        ([pd.NaT, pd.Timestamp(ZONED[0])], "end of row 0 is not a time"),
        ([None, None], "end of row 0 is not a time"),
        ([BARE[0], 5], "end must be dates or whole numbers, but row 1 is int"),
        ([1, 2**70], "end must be dates or whole numbers, but row 0 is int"),
        ([[1, 2], [1]], "end must be one time for each row: "),
        (np.array(["2026-01-05T00:00+02:00"], dtype=object), "whole numbers, got <U"),
        ([dt.datetime.max.replace(tzinfo=WEST)], "end of row 0, 9999-.* is no time in UTC"),
        ([pd.Timestamp(0, unit="ns"), dt.date(9999, 1, 1)], "end of row 1 lies too far away"),
    ],
    ids=[
        "nothing", "not a time", "nothing at all", "a number", "a huge number", "ragged",
        "words", "the last year", "too far",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_its_row(bad: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        instants(bad, "end")


def test_a_date_that_a_finer_unit_cannot_hold_is_refused_and_does_not_wrap_round() -> None:
    # Given the year 2611, which numpy wraps round to 2026
    far = np.array(["2026-01-05", "2611-01-05"], "M8[D]")
    assert far.astype("M8[ns]")[1] < np.datetime64("2027-01-01")

    with pytest.raises(DataError, match="end of row 1 lies too far away"):
        in_unit(far, np.dtype("M8[ns]"), "end")
    assert in_unit(far, np.dtype("M8[us]"), "end").tolist() == [
        dt.datetime.combine(one, dt.time()) for one in far.tolist()
    ]


def test_a_series_of_a_far_year_is_not_brought_near_by_its_zone() -> None:
    far = pd.Series(np.array(["9999-12-31"], "M8[s]")).dt.tz_localize("UTC")

    assert instants(far, "end").times.astype("M8[D]") == np.datetime64("9999-12-31")
