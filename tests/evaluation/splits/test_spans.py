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
from stairway.evaluation.splits import (
    CombinatorialRules,
    FoldRules,
    PurgedCombinatorial,
    PurgedKFold,
    PurgedWalkForward,
    SplitRules,
)
from stairway.evaluation.splits.spans import (
    ends_in_rows,
    ends_of,
    require_ends,
    require_rows,
)

DAYS = pd.date_range("2026-03-01", periods=6, tz="Europe/Berlin")


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), min_size=1, max_size=30))
def test_an_end_in_rows_is_the_first_row_that_begins_no_earlier(
    steps_and_lengths: list[tuple[int, int]],
) -> None:
    steps, lengths = np.array(steps_and_lengths).T
    start = np.cumsum(steps)
    end = start + lengths

    found = ends_in_rows(start, end)

    for i, ended in enumerate(end):
        later = [j for j, begun in enumerate(start) if begun >= ended]
        beyond = len(start) if ended <= start[-1] + 1 else len(start) + 1
        assert found[i] == (later[0] if later else beyond)


def test_rows_stay_rows() -> None:
    end = np.array([3, 1, 2, 4])

    assert ends_in_rows(np.arange(4), end).tolist() == end.tolist()


def test_dates_of_any_unit_and_zone_are_understood() -> None:
    t1 = pd.Series(DAYS + pd.Timedelta(days=2), index=DAYS)
    seconds = t1.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[s]").to_numpy()
    start = np.asarray(DAYS.tz_convert(None), dtype="M8[us]")

    assert ends_of(t1).tolist() == [2, 3, 4, 5, 7, 7]
    assert ends_in_rows(start, seconds).tolist() == [2, 3, 4, 5, 7, 7]


def test_whole_numbers_may_come_as_floats() -> None:
    assert ends_in_rows([0.0, 10.0, 20.0], [10.0, 15.0, 21.0]).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ([0, 2, 1], [3, 3, 3], "row 2 starts before the row before it; sort"),
        ([0, 1, 1], [3, 3, 3], "row 2 starts when the row before it does"),
        ([0, 1, 2], [1, 0, 3], "label of row 1 ends before it starts"),
        ([0, 1, 2], [1.0, np.nan, 3.0], "end of row 1 is not finite"),
        ([0, np.inf, 2], [1, 2, 3], "start of row 1 is not finite"),
        ([0, 1, 2], [1, 2, 3.5], "end of row 2 is not a whole number"),
        ([0, 1, 2], [1, 2, 1e300], "end of row 2 is not a whole number"),
        ([0, 1, 2], [1, 2], "3 starts but 2 ends"),
        ([], [], "one time for each row, got an array of shape"),
        ([[0, 1]], [[1, 2]], "one time for each row, got an array of shape"),
        (["a", "b"], [1, 2], "start must be dates or whole numbers"),
        ([True, False], [1, 2], "start must be dates or whole numbers, got bool"),
    ],
    ids=[
        "unsorted", "double", "end first", "nan", "infinite", "half", "too large", "short",
        "none", "table", "words", "truths",
    ],
)  # fmt: skip
def test_a_span_that_cannot_be_is_refused_by_its_row(start: list, end: list, said: str) -> None:
    with pytest.raises(DataError, match=said):
        ends_in_rows(start, end)


def test_a_missing_date_is_refused_by_its_row() -> None:
    start = np.arange("2026-01-01", "2026-01-05", dtype="M8[D]")
    end = start + 1
    end[2] = np.datetime64("NaT")

    with pytest.raises(DataError, match=r"end of row 2 is not a time \(NaT\)"):
        ends_in_rows(start, end)


def test_dates_and_numbers_do_not_mix() -> None:
    with pytest.raises(DataError, match="both dates or both whole numbers"):
        ends_in_rows(np.arange("2026-01-01", "2026-01-05", dtype="M8[D]"), np.arange(4))


@pytest.mark.parametrize(
    "end", [np.arange(4.0), np.arange(4)[:, None], np.arange(0), np.ones(3, bool)],
    ids=["floats", "table", "none", "truths"],
)  # fmt: skip
def test_ends_that_are_no_row_numbers_are_refused(end: np.ndarray) -> None:
    with pytest.raises(DataError, match="make them with ends_in_rows"):
        require_ends(end)


def test_a_table_out_of_order_is_refused() -> None:
    table = pd.DataFrame({"x": np.zeros(6)}, index=DAYS)

    require_rows(table, 6)
    require_rows(None, 6)
    require_rows([0] * 6, 6)
    for bad in (table.iloc[::-1], table.iloc[[0, 1, 1, 2, 3, 4]]):
        with pytest.raises(DataError, match="sort the rows by time"):
            require_rows(bad, 6)


def test_a_time_zone_on_one_side_only_is_refused_and_two_are_one_instant() -> None:
    utc = DAYS.tz_convert("UTC")
    bare = utc.tz_localize(None)
    day = pd.Timedelta(days=1)
    with pytest.raises(DataError, match="the starts have no time zone"):
        ends_of(pd.Series(utc + day, index=bare))
    with pytest.raises(DataError, match="the ends have no time zone"):
        ends_of(pd.Series(bare + day, index=utc))
    there = ends_of(pd.Series((utc + day).tz_convert("US/Eastern"), index=utc))
    assert there.tolist() == ends_of(pd.Series(bare + day, index=bare)).tolist()


HOURS = [dt.datetime(2026, 1, 5, hour) for hour in range(24)]  # noqa: DTZ001 - of no zone
WEST = dt.timezone(dt.timedelta(hours=-5))
FORMS: dict[str, Any] = {
    "list": list,
    "array of objects": lambda dates: np.array(dates, dtype=object),
    "list of pandas": lambda dates: [pd.Timestamp(one) for one in dates],
    "series of objects": lambda dates: pd.Series(dates, dtype=object),
    "index": pd.Index,
    "polars": pl.Series,
}


@pytest.mark.parametrize("ends", FORMS)
@pytest.mark.parametrize("starts", FORMS)
def test_a_zone_on_one_side_is_refused_in_every_form(starts: str, ends: str) -> None:
    # Given hourly rows five hours west of UTC, and labels of seven hours
    later = [one + dt.timedelta(hours=7) for one in HOURS]
    start, west_start = (FORMS[starts](one) for one in (HOURS, in_the_west(HOURS)))
    end, west_end = (FORMS[ends](one) for one in (later, in_the_west(later)))

    # Then a side without its zone would end the labels after two rows and not after seven
    assert ends_in_rows(west_start, west_end)[:3].tolist() == [7, 8, 9]
    assert ends_in_rows(start, end)[:3].tolist() == [7, 8, 9]
    with pytest.raises(DataError, match="the ends have no time zone and the others have"):
        ends_in_rows(west_start, end)
    with pytest.raises(DataError, match="the starts have no time zone and the others have"):
        ends_in_rows(start, west_end)


def in_the_west(dates: list[dt.datetime]) -> list[dt.datetime]:
    return [one.replace(tzinfo=WEST) for one in dates]


def test_an_end_in_a_far_year_is_no_end_in_a_near_one() -> None:
    # Given starts in nanoseconds, and an end that numpy would wrap round to 7 January 2026
    start = np.arange("2026-01-05", "2026-01-09", dtype="M8[D]").astype("M8[ns]")
    end = (start + np.timedelta64(1, "D")).astype("M8[D]")
    end[1] = np.datetime64("2610-07-29")

    with pytest.raises(DataError, match="end of row 1 lies too far away"):
        ends_in_rows(start, end)
    assert ends_in_rows(start.astype("M8[s]"), end).tolist() == [1, 5, 3, 5]


def test_the_rules_of_another_splitter_are_refused_by_name() -> None:
    folds = FoldRules(n_blocks=2, gap_bars=0, embargo_frac=0.0)
    walk = SplitRules(n_blocks=2, first_train_frac=0.5, gap_bars=0, embargo_frac=0.0)
    end = np.arange(40) + 1
    with pytest.raises(
        DataError, match="PurgedWalkForward was given FoldRules; it takes Split"
    ):
        PurgedWalkForward(folds, end)
    with pytest.raises(DataError, match="PurgedKFold was given SplitRules; it takes FoldRules"):
        PurgedKFold(walk, end)
    with pytest.raises(DataError, match="PurgedCombinatorial was given FoldRules"):
        PurgedCombinatorial(folds, end)


DATES = pd.date_range("2026-01-05", periods=40)
ENDS = np.arange(40) + 2
LIKE_ROWS = {
    "list": ENDS.tolist(),
    "series": pd.Series(ENDS),
    "series of days": pd.Series(ENDS, index=DATES),
    "nullable": pd.Series(ENDS, dtype="Int64"),
    "small": ENDS.astype(np.int32),
    "strided": np.repeat(ENDS, 2)[::2],
}
KINDS = {
    PurgedKFold: FoldRules(n_blocks=4, gap_bars=0, embargo_frac=0.0),
    PurgedCombinatorial: CombinatorialRules(
        n_blocks=4, n_test_blocks=2, gap_bars=0, embargo_frac=0.0
    ),
    PurgedWalkForward: SplitRules(
        n_blocks=2, first_train_frac=0.5, gap_bars=0, embargo_frac=0.0
    ),
}


@pytest.mark.parametrize("like", LIKE_ROWS)
def test_a_splitter_takes_whatever_holds_row_numbers(like: str) -> None:
    for kind, rules in KINDS.items():
        made, plain = kind(rules, LIKE_ROWS[like]), kind(rules, ENDS)
        assert made.end.dtype == np.int64
        for one, other in zip(made.split(), plain.split(), strict=True):
            assert [rows.tolist() for rows in one] == [rows.tolist() for rows in other]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, "one row number for each row, got object of shape"),
        (3, "one row number for each row, got int64 of shape"),
        ([[1], [1, 2]], "one row number for each row: "),
        (["a", "b"], "one row number for each row, got <U1"),
        ([1.0, 2.0], "one row number for each row, got float64"),
        (pd.Series(DATES, index=DATES), "of a Series of dates with ends_of"),
        (pd.Series([1, None], dtype="Int64"), "one row number for each row"),
        (pd.DataFrame({"end": ENDS}), "of shape .40, 1."),
        (pd.Series(ENDS[::-1], index=DATES[::-1]), "sort the rows by time"),
        (pd.Series(ENDS, index=np.arange(40) + 7), r"is 7 to 46, not 0 to 39: .*ends_of\(end\)"),
    ],
    ids=[
        "nothing", "one", "ragged", "words", "floats", "dates", "missing", "table",
        "unsorted", "another index",
    ],
)  # fmt: skip
def test_what_holds_no_row_numbers_is_refused_by_every_splitter(bad: Any, said: str) -> None:
    for kind, rules in KINDS.items():
        with pytest.raises(DataError, match=said):
            kind(rules, bad)


@pytest.mark.parametrize("bad", [[1, 2], None, DATES], ids=["list", "nothing", "index"])
def test_ends_without_an_index_of_starts_are_refused(bad: Any) -> None:
    with pytest.raises(DataError, match="give starts and ends apart, to ends_in_rows"):
        ends_of(bad)


def test_things_that_are_no_times_are_refused() -> None:
    with pytest.raises(DataError, match="end must be dates or whole numbers"):
        ends_of(pd.Series([object(), object()]))


def test_rows_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(DataError, match="split was given int; give the table of rows"):
        require_rows(5, 6)
