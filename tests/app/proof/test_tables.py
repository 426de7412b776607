from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stairway.app.proof.tables import TIME, require_order, table_of, times_of
from stairway.base.errors import ConfigError, DataError


def text(content: str, tmp_path: Path, name: str = "a.csv") -> Path:
    path = tmp_path / name
    raw = content.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("close,Close_duplicated_0", ["close", "close_duplicated_0"]),
        ("close,close_duplicated_0", ["close", "close_duplicated_0"]),
        ("a_duplicated_3,\u00a0B ", ["a_duplicated_3", "b"]),
        (",a_duplicated_0", ["", "a_duplicated_0"]),
    ],
)
def test_a_name_that_looks_like_a_second_one_is_the_users_own(
    header: str, names: list[str], name: str, tmp_path: Path
) -> None:
    assert table_of(text(f"{header}\n1,2\n", tmp_path, name)).columns == names


@pytest.mark.parametrize(
    ("content", "twice"),
    [
        ("close,close\n1,2\n", "'close'"),
        ("close, Close \n1,2\n", "'close'"),
        ("a,b_duplicated_0,a\n1,2,3\n", "'a'"),
        ("\n\na,b,a\n1,2,3\n", "'a'"),
        ("x_duplicated_0,x_duplicated_0\n1,2\n", "'x_duplicated_0'"),
    ],
)
def test_what_stands_there_twice_is_refused_by_the_name_it_has(
    content: str, twice: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"has the column {twice} more than once"):
        table_of(text(content, tmp_path))


def test_a_parquet_file_has_the_names_that_it_was_written_with(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": [1], "A_duplicated_0": [2]}).write_parquet(path)
    assert table_of(path).columns == ["a", "a_duplicated_0"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_without_a_row_are_refused(suffix: str, tmp_path: Path) -> None:
    path, table = tmp_path / f"a{suffix}", pl.DataFrame({"a": [], "b": []})
    table.write_parquet(path) if suffix == ".parquet" else table.write_csv(path)
    with pytest.raises(DataError, match="names of columns and no row"):
        table_of(path)


@pytest.mark.parametrize(
    ("cell", "dtype"),
    [
        ("2018-03-29", pl.String),
        ("1325538000", pl.String),
        (1_325_538_000, pl.Int64),
        ("tomorrow", pl.String),
        (1.5, pl.Float64),
        (None, pl.String),
        (None, pl.Null),
    ],
    ids=str,
)
def test_a_column_without_instants_says_what_can_be_done_in_a_plain_table(
    cell: object, dtype: type[pl.DataType]
) -> None:
    table = pl.DataFrame({"time": pl.Series([cell, cell], dtype=dtype)})
    with pytest.raises(DataError, match=r"column 'time' of a\.csv holds ") as caught:
        times_of(table, "time_ns", TIME, Path("a.csv"))
    said = str(caught.value)
    assert "[source]" not in said
    assert "2018-03-29 15:59" in said
    assert "a column time_ns, whole nanoseconds since 1970" in said
    assert "nothing" in said if cell is None else str(cell) in said


def test_a_day_is_an_instant_only_where_it_is_said_to_be() -> None:
    table = pl.DataFrame({"date": ["1970-01-02"]})
    found = times_of(table, "time_ns", TIME, Path("a.csv"), days=True)
    assert found is not None
    assert found.tolist() == [86_400_000_000_000]
    with pytest.raises(DataError, match="'1970-01-02', which is no instant at which a row"):
        times_of(table, "time_ns", TIME, Path("a.csv"))
    soon = pl.DataFrame({"date": ["soon"]})
    with pytest.raises(DataError, match=r"no instant; write it like 2018-03-29 15:59 or 2018-"):
        times_of(soon, "time_ns", TIME, Path("a.csv"), days=True)


def test_a_column_of_exact_times_that_holds_none_speaks_of_no_setting() -> None:
    table = pl.DataFrame({"label_end_ns": ["soon"], "time": ["2018-03-29 15:59"]})
    with pytest.raises(DataError, match=r"'label_end_ns' of .* holds 'soon'.* column label_"):
        times_of(table, "label_end_ns", (), Path("a.csv"))
    assert times_of(table, "available_ns", ("available",), Path("a.csv")) is None


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([1, 2, 2], r"row 2 of a\.csv repeats the time of row 1; keep one"),
        ([1, 3, 2, 2], r"row 2 of a\.csv is earlier than row 1; sort"),
    ],
)
def test_the_first_row_out_of_order_is_named(times: list[int], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        require_order(np.array(times), Path("a.csv"))
    require_order(np.array([1, 2, 5]), Path("a.csv"))
    require_order(np.array([], np.int64), Path("a.csv"))
