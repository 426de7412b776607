"""Files as they are found: odd layouts are read, and what is wrong is said in one sentence."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from stairway.adapters.sources import csv, parquet
from stairway.adapters.tables.settings import Columns, File
from stairway.base.errors import ConfigError, DataError, StairwayError
from stairway.market.ports import RawPair

HEADER = "time,open,high,low,close,volume\n"
ROWS = (
    "2018-03-29 09:30:00,10.0,11.0,9.0,10.5,100\n"
    "2018-03-29 09:31:00,10.5,11.0,9.0,10.6,200\n"
    "2018-03-29 09:32:00,10.6,11.0,9.0,10.7,300\n"
)


def file(path: Path, symbol: str) -> File:
    return File(path=str(path), symbol=symbol, tick_usd=0.01, lot_units=1.0)


def config(path: Path, **changes: Any) -> csv.Config:
    settings: dict[str, Any] = {
        "files": (file(path, "ONE"), file(path, "TWO")),
        "tz": "America/New_York",
        "stamp": "open",
        "bar_seconds": 60,
    }
    return csv.Config(**settings | changes)


def read(folder: Path, text: str, **changes: Any) -> RawPair:
    path = folder / "bars.csv"
    path.write_text(text)
    return csv.read(config(path, **changes))


def sentence(folder: Path, text: str, kind: type[StairwayError], **changes: Any) -> str:
    with pytest.raises(kind) as caught:
        read(folder, text, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_plain_file_is_read_as_it_stands(tmp_path: Path) -> None:
    raw = read(tmp_path, HEADER + ROWS)
    assert raw.first.close.tolist() == [10.5, 10.6, 10.7]
    assert raw.second.volume.tolist() == [100.0, 200.0, 300.0]
    assert [raw.first.instrument.symbol, raw.second.instrument.symbol] == ["ONE", "TWO"]


def test_columns_are_found_by_the_map_and_in_any_order(tmp_path: Path) -> None:
    text = "vol;Last;l;h;o;when;note\n7;10.5;9;11;10;2018-03-29 09:30;x\n"
    columns = Columns(time="when", open="o", high="h", low="l", close="Last", volume="vol")
    first = read(tmp_path, text, columns=columns, separator=";").first
    row = [first.open[0], first.high[0], first.low[0], first.close[0], first.volume[0]]
    assert row == [10.0, 11.0, 9.0, 10.5, 7.0]


def test_no_row_is_lost_or_moved(tmp_path: Path) -> None:
    lines = ROWS.splitlines(keepends=True)
    raw = read(tmp_path, HEADER + lines[1] + lines[0] + lines[1] + lines[2])
    assert raw.first.close.tolist() == [10.6, 10.5, 10.6, 10.7]


@pytest.mark.parametrize("cell", ["", "null", "n/a", "1.234,5", "abc"])
def test_a_cell_that_is_no_number_becomes_nan_and_the_row_stays(
    tmp_path: Path, cell: str
) -> None:
    text = HEADER + ROWS + f'2018-03-29 09:33:00,10.0,11.0,9.0,"{cell}",100\n'
    close = read(tmp_path, text).first.close
    assert close.size == 4
    assert np.isnan(close[3])


def test_infinite_and_negative_cells_are_passed_on_for_the_screen_to_judge(
    tmp_path: Path,
) -> None:
    text = HEADER + "2018-03-29 09:30:00, 10.0 ,inf,-3,1e2,0\n"
    first = read(tmp_path, text).first
    assert [first.open[0], first.high[0], first.low[0]] == [10.0, float("inf"), -3.0]


def test_compressed_files_are_unpacked(tmp_path: Path) -> None:
    zipped = tmp_path / "bars.csv.gz"
    zipped.write_bytes(gzip.compress((HEADER + ROWS).encode()))
    assert csv.read(config(zipped)).first.close.tolist() == [10.5, 10.6, 10.7]


def test_zstandard_files_are_unpacked(tmp_path: Path) -> None:
    plain, packed = tmp_path / "bars.csv", tmp_path / "bars.csv.zst"
    plain.write_text(HEADER + ROWS)
    try:
        subprocess.run(["zstd", "-q", str(plain), "-o", str(packed)], check=True)
    except FileNotFoundError:
        pytest.skip("the program zstd, which packs the file for this test, is not installed")
    assert csv.read(config(packed)).first.close.tolist() == [10.5, 10.6, 10.7]


def test_half_of_a_compressed_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + ROWS * 200).encode())
    cut = tmp_path / "bars.csv.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"ONE: .*cannot be read as CSV .*fetch it again"):
        csv.read(config(cut))


@pytest.mark.parametrize("offset", range(12, 60, 6))
def test_a_flipped_bit_in_a_compressed_file_is_refused(tmp_path: Path, offset: int) -> None:
    raw = bytearray(gzip.compress((HEADER + ROWS).encode()))
    raw[offset] ^= 1
    damaged = tmp_path / "bars.csv.gz"
    damaged.write_bytes(raw)
    with pytest.raises(DataError, match="cannot be read as CSV"):
        csv.read(config(damaged))


def test_a_digit_changed_inside_a_compressed_file_is_refused(tmp_path: Path) -> None:
    raw = gzip.compress((HEADER + ROWS).encode(), compresslevel=0)
    assert raw.count(b"10.6,200") == 1
    damaged = tmp_path / "bars.csv.gz"
    damaged.write_bytes(raw.replace(b"10.6,200", b"90.6,200"))
    with pytest.raises(DataError, match=r"cannot be read as CSV .*checksum"):
        csv.read(config(damaged))


def test_a_missing_file_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"ONE: '.*nowhere\.csv' does not exist \(looked in /"
    ):
        csv.read(config(tmp_path / "nowhere.csv"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no file"):
        csv.read(config(tmp_path))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty; give a CSV file" in sentence(tmp_path, "", DataError)


def test_a_header_alone_holds_no_rows_and_is_left_to_the_screen(tmp_path: Path) -> None:
    assert len(read(tmp_path, HEADER).first) == 0


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    text = "date,open,high,low,last,volume\n2018-03-29 09:30:00,1,1,1,1,1\n"
    complaint = sentence(tmp_path, text, ConfigError)
    assert "has no column 'time', 'close'" in complaint
    assert "it has 'date', 'open', 'high', 'low', 'last', 'volume'" in complaint
    assert "[source.columns]" in complaint


def test_a_row_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    text = HEADER + ROWS + "2018-03-29 09:33:00,1,1,1,1,1,1,1\n"
    assert "cannot be read as CSV" in sentence(tmp_path, text, DataError)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(HEADER.encode() + b"\xff\xfe\x00\x80," * 6 + b"\n")
    with pytest.raises(StairwayError):
        csv.read(config(path))


def test_a_spacing_that_contradicts_the_settings_is_refused(tmp_path: Path) -> None:
    complaint = sentence(tmp_path, HEADER + ROWS, ConfigError, bar_seconds=300)
    assert "60 s apart (median), but [source] bar_seconds is 300" in complaint


def test_a_file_with_the_newest_row_first_is_told_so(tmp_path: Path) -> None:
    turned = "".join(reversed(ROWS.splitlines(keepends=True)))
    complaint = sentence(tmp_path, HEADER + turned, ConfigError)
    assert "ONE: its rows run backwards in time, the newest first" in complaint
    assert "-60 s apart" not in complaint


@pytest.mark.parametrize("symbol", ["", "../ONE", "ONE\n", "O NE"])
def test_an_odd_symbol_is_refused_before_a_file_is_opened(tmp_path: Path, symbol: str) -> None:
    with pytest.raises(ConfigError, match=r"symbol .* cannot be used") as caught:
        file(tmp_path / "nowhere.csv", symbol)
    assert str(caught.value).isprintable()


def test_a_csv_is_no_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_text(HEADER + ROWS)
    settings = msgspec.to_builtins(config(path))
    del settings["separator"]
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        parquet.read(msgspec.convert(settings, parquet.Config))


@pytest.mark.parametrize("type_", [pl.Date, pl.Datetime("ms"), pl.String])
def test_parquet_stamps_may_be_of_any_kind(tmp_path: Path, type_: Any) -> None:
    days = pl.Series(["2018-03-27", "2018-03-28", "2018-03-29"])
    time = days if type_ == pl.String else days.str.to_date().cast(type_)
    ones = pl.Series([1.0, 1.0, 1.0])
    numbers = dict.fromkeys(("open", "high", "low", "close"), ones)
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"time": time, **numbers, "volume": [1, 2, None]}).write_parquet(path)
    raw = parquet.read(
        parquet.Config(
            files=(file(path, "ONE"), file(path, "TWO")),
            tz="UTC",
            stamp="open",
            bar_seconds=86_400,
        )
    )
    closes = raw.first.time_ns.astype("datetime64[ns]").astype(str).tolist()
    assert [text[:13] for text in closes] == ["2018-03-28T00", "2018-03-29T00", "2018-03-30T00"]
    assert np.isnan(raw.first.volume[2])


def test_settings_come_from_a_file_as_people_write_it() -> None:
    text = """
        tz = "America/New_York"
        stamp = "open"
        bar_seconds = 60
        [columns]
        time = "datetime_et"
        [[files]]
        path = "a.csv"
        symbol = "NVDA"
        tick_usd = 0.01
        lot_units = 1
        [[files]]
        path = "b.csv"
        symbol = "MSFT"
        tick_usd = 0.01
        lot_units = 1
    """
    decoded = msgspec.toml.decode(text, type=csv.Config)
    assert decoded.columns.time == "datetime_et"
    assert [f.symbol for f in decoded.files] == ["NVDA", "MSFT"]


@pytest.mark.parametrize("missing", ["tz", "stamp", "bar_seconds", "files"])
def test_what_cannot_be_guessed_has_no_default(tmp_path: Path, missing: str) -> None:
    settings = msgspec.to_builtins(config(tmp_path / "bars.csv"))
    del settings[missing]
    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.convert(settings, csv.Config)


def test_a_pair_is_two_files(tmp_path: Path) -> None:
    settings = msgspec.to_builtins(config(tmp_path / "bars.csv"))
    settings["files"] = settings["files"][:1]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, csv.Config)
