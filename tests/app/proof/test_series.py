from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stairway.app.proof.series import read_series
from stairway.base.errors import ConfigError, DataError
from stairway.features.series import checked
from stairway.testing.leaks import series

BARS = series(40, seed=1)
PRICES = pl.DataFrame({n: BARS[n] for n in ("open", "high", "low", "close", "volume")})
NS = pl.Series("time_ns", BARS["time_ns"])
STEP_S = int(np.diff(BARS["time_ns"]).min()) // 10**9


def written(table: pl.DataFrame, path: Path) -> str:
    table.write_parquet(path) if path.suffix == ".parquet" else table.write_csv(path)
    return str(path)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    source = written(PRICES.with_columns(NS), tmp_path / name)
    read = checked(read_series(source, None, None))
    assert all((read[n] == BARS[n]).all() for n in (*PRICES.columns, "time_ns"))
    assert (read["available_ns"] == BARS["time_ns"]).all()


def test_text_times_and_capital_names_are_understood(tmp_path: Path) -> None:
    text = pl.from_epoch(NS, "ns").dt.strftime("%Y-%m-%d %H:%M:%S").alias("Date")
    named = PRICES.rename(str.capitalize).with_columns(text)
    read = read_series(written(named, tmp_path / "a.csv"), None, None)
    assert (read["time_ns"] == BARS["time_ns"]).all()


def test_when_a_row_was_known_is_read_too(tmp_path: Path) -> None:
    later = (NS + 7).alias("available_ns")
    source = written(PRICES.with_columns(NS, later), tmp_path / "a.csv")
    assert (read_series(source, None, None)["available_ns"] == BARS["time_ns"] + 7).all()


def test_labels_are_joined_by_their_time_or_their_place(tmp_path: Path) -> None:
    source = written(PRICES.with_columns(NS), tmp_path / "a.csv")
    end = pl.Series("label_end_ns", BARS["label_end_ns"])
    table = pl.DataFrame({"labels": BARS["labels"]}).with_columns(end, NS)
    placed = Path(written(table.drop("time_ns"), tmp_path / "placed.csv"))
    assert (read_series(source, None, placed)["labels"] == BARS["labels"]).all()
    timed = Path(written(table[10:20], tmp_path / "timed.csv"))
    labels = read_series(source, None, timed)["labels"]
    assert (labels[10:20] == BARS["labels"][10:20]).all()
    assert np.isnan(labels[:10]).all()
    for wrong, words in (
        (table.drop("label_end_ns"), "needs the columns"),
        (table[:9].drop("time_ns"), "9 labels for 40 bars"),
        (table.with_columns(NS + 1), "row 0 of"),
        (table[10:20].reverse(), r"row 1 of .*wrong\.csv is earlier than row 0"),
        (
            pl.concat([table[:20], table[19:]]),
            r"row 20 of .*wrong\.csv repeats the time of row",
        ),
        (table[:0], "no row"),
        (
            table[5:].with_columns((NS[5:] - (NS[5:] == NS[7])).alias("label_end_ns")),
            r"row 2 of .*wrong\.csv has a label that ended at .*, before its own bar",
        ),
        (
            table.drop("time_ns").with_columns((NS - 1).alias("label_end_ns")),
            r"row 0 of .*wrong\.csv has a label that ended",
        ),
    ):
        path = Path(written(wrong, tmp_path / "wrong.csv"))
        with pytest.raises((ConfigError, DataError), match=words):
            read_series(source, None, path)


def test_labels_beside_bars_of_which_there_are_none_are_no_fault_of_ours(
    tmp_path: Path,
) -> None:
    source = written(PRICES.with_columns(NS)[:0], tmp_path / "a.csv")
    end = pl.Series("label_end_ns", BARS["label_end_ns"])
    labels = pl.DataFrame({"labels": BARS["labels"]}).with_columns(end, NS)
    with pytest.raises(DataError, match=r"a\.csv has names of columns and no row"):
        read_series(source, None, Path(written(labels, tmp_path / "labels.csv")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column 'open'"),
        ("open,high,low,close,volume,time\n", "no row"),
        ("open,high,low,close,volume,date\n1,1,1,1,1,2018-03-29\n", "or give a column time_ns"),
        ("open,high,low,close,volume\n1,1,1,1,1\n", "no column time_ns or time"),
        ("open,high,low,close,volume,Open\n1,1,1,1,1,1\n", "more than once"),
        (
            "open,high,low,close,volume,time_ns\n1,1,1,1,1,5\n1,1,1,1,1,x\n",
            "row 1 holds no time",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_why(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises((ConfigError, DataError), match=words):
        read_series(str(path), None, None)


def test_the_sample_has_two_instruments_and_one_is_named() -> None:
    first, second = (read_series("sample", name, None)["close"] for name in (None, "NASDAQ"))
    assert first[0] != second[0]
    with pytest.raises(ConfigError, match="SP500 and NASDAQ"):
        read_series("sample", "DAX", None)


@pytest.mark.parametrize("cell", ["", "n/a", "inf"])
def test_a_row_of_a_pair_that_no_run_would_trade_on_is_refused(
    cell: str, tmp_path: Path
) -> None:
    whole = PRICES.with_columns(NS).with_columns(pl.col("low").cast(pl.String))
    written(whole, tmp_path / "a.csv")
    low = pl.Series("low", [cell if row == 7 else one for row, one in enumerate(whole["low"])])
    written(whole.with_columns(low), tmp_path / "b.csv")
    source = tmp_path / "pair.toml"
    file = "{{ path = '{}', symbol = '{}', tick_usd = 0.0001, lot_units = 1.0 }}"
    files = [file.format(tmp_path / f"{one}.csv", one.upper()) for one in "ab"]
    source.write_text(
        f"[source]\nkind = 'csv'\ntz = 'UTC'\nstamp = 'close'\nbar_seconds = {STEP_S}\n"
        f"epoch = 'ns'\nfiles = [{', '.join(files)}]\n[source.columns]\ntime = 'time_ns'\n"
    )
    assert read_series(str(source), "A", None)["low"].size == 40
    with pytest.raises(DataError, match=r"row 7 of B of .*pair\.toml has no low"):
        read_series(str(source), "B", None)


def test_a_price_that_is_no_number_is_named_with_its_type(tmp_path: Path) -> None:
    lists = PRICES.with_columns(NS, pl.concat_list("close").alias("close"))
    source = written(lists, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"column 'close' of .* holds List\(Float64\), no num"):
        read_series(source, None, None)
