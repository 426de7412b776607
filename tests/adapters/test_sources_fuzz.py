"""Whatever lies in a file, a source answers with bars or with one sentence."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.adapters.sources import csv, parquet
from stairway.adapters.tables.settings import File
from stairway.base.errors import StairwayError
from stairway.market.align import align
from stairway.market.ports import RawPair
from stairway.testing.source import DAILY, DROP

HEADER = "time,open,high,low,close,volume\n"

stamps = st.sampled_from(
    [
        "2018-03-29", "2018-03-30", "2018-02-30", "0000-00-00", "9999-12-31", "1500-01-01",
        "2018-03-29 16:00", "2018-03-29T16:00:00Z", "2018-11-04 01:30:00", "1522353600",
        "99999999999999999999", "-1", "", "null", "NaN", "soon",
    ]
)  # fmt: skip
cells = st.sampled_from(
    ["1", "1.5", "-1", "0", "", "nan", "inf", "-inf", "1e400", "x", "1,5", "٣"]
)
quoted = st.tuples(stamps, *[cells] * 5).map(lambda row: ",".join(f'"{c}"' for c in row))
PROCESSES = settings.default.max_examples // 4  # each example starts one or two
epochs = st.sampled_from([None, "s", "ms", "us", "ns"])
sides = st.sampled_from(["open", "close"])


def config(plugin: Any, path: Path, **changes: Any) -> Any:
    first, second = (
        File(path=str(path), symbol=s, tick_usd=0.01, lot_units=1.0) for s in ("ONE", "TWO")
    )
    base = {"tz": "America/New_York", "stamp": "open", "bar_seconds": 86_400}
    return plugin.Config(files=(first, second), **base | changes)


def check(raw: RawPair) -> None:
    for side in (raw.first, raw.second):
        assert str(side.time_ns.dtype) == "int64"
        assert side.close.shape == side.time_ns.shape
    pair, _ = align(raw, DROP, DAILY)
    assert np.isfinite(pair.close).all()
    assert (pair.low > 0.0).all()
    assert (np.diff(pair.time_ns) > 0).all()


def answer(plugin: Any, content: bytes, name: str, **changes: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        sentence = None
        try:
            check(plugin.read(config(plugin, path, **changes)))
        except StairwayError as error:
            sentence = str(error)
    assert sentence is None or ("\n" not in sentence and len(sentence) > 30)


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.csv.gz", "a.csv.zst"]))
def test_any_bytes_as_csv(content: bytes, name: str) -> None:
    answer(csv, content, name)


@given(st.text(max_size=200))
def test_any_text_below_a_good_header(text: str) -> None:
    answer(csv, HEADER.encode() + text.encode(errors="replace"), "a.csv")


@settings(max_examples=150)
@given(st.lists(quoted, max_size=8), epochs, sides, st.sampled_from([60, 86_400]))
def test_any_cells_in_any_reading(rows: list[str], epoch: str, side: str, seconds: int) -> None:
    content = (HEADER + "\n".join(rows)).encode()
    answer(csv, content, "a.csv", epoch=epoch, stamp=side, bar_seconds=seconds)


@given(st.binary(max_size=200))
def test_any_bytes_as_parquet(content: bytes) -> None:
    answer(parquet, content, "a.parquet")


@settings(max_examples=PROCESSES)
@given(st.binary(max_size=200))
def test_any_bytes_in_the_frame_of_a_parquet_file(content: bytes) -> None:
    answer(parquet, b"PAR1" + content + b"PAR1", "a.parquet")


@pytest.mark.timeout(1_800)
@settings(max_examples=PROCESSES)
@given(st.data())
def test_a_flipped_bit_in_a_parquet_file(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        ones = pl.Series(np.linspace(1.0, 1.1, 20))
        days = pl.date_range(pl.date(2018, 3, 1), pl.date(2018, 3, 20), eager=True)
        names = ("open", "high", "low", "close", "volume")
        pl.DataFrame({"time": days, **dict.fromkeys(names, ones)}).write_parquet(path)
        raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    answer(parquet, bytes(raw), "a.parquet")


def packed(content: bytes, form: str) -> bytes:
    if form == "gz":
        return gzip.compress(content, mtime=0)
    table = pl.read_csv(content, infer_schema=False)
    file = io.BytesIO()
    table.write_csv(file, compression="zstd", check_extension=False)
    return file.getvalue()


@given(st.sampled_from(["gz", "zst"]), st.data())
def test_flipped_bits_in_a_compressed_csv(form: str, data: st.DataObject) -> None:
    rows = "".join(f"2018-03-{day:02d},1,2,1,1.5,{day}\n" for day in range(1, 31))
    raw = bytearray(packed((HEADER + rows).encode(), form))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    answer(csv, bytes(raw), f"a.csv.{form}")


@pytest.mark.parametrize(
    "dtype",
    [pl.Null, pl.Boolean, pl.Binary, pl.Categorical, pl.List(pl.Int64), pl.Time, pl.Duration],
)
@pytest.mark.parametrize("column", ["time", "close"])
def test_columns_of_a_kind_that_holds_no_bars(dtype: Any, column: str) -> None:
    names = ("open", "high", "low", "close", "volume")
    table = pl.DataFrame(
        {"time": pl.Series(["2018-03-28", "2018-03-29"])} | {n: [1.0, 1.0] for n in names}
    ).with_columns(pl.lit(None, dtype=dtype).alias(column))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        table.write_parquet(path)
        answer(parquet, path.read_bytes(), "a.parquet")
