"""Whatever a Parquet file does to its reader, the process that asked lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import polars as pl
import pytest

from stairway.adapters.sources import parquet
from stairway.adapters.tables import apart
from stairway.adapters.tables.apart import GENEROUS, read_parquet
from stairway.adapters.tables.reader import DAMAGED
from stairway.adapters.tables.settings import File
from stairway.base.errors import ConfigError, DataError

MANY_VALUES = b"\x2c\x15\x28\x15"  # 20 values, as the header of a data page says it


def table(rows: int = 20) -> pl.DataFrame:
    ones = pl.Series([1.0 + k / rows for k in range(rows)])
    days = pl.date_range(
        pl.date(2018, 3, 1), pl.date(2018, 3, 1).dt.offset_by(f"{rows - 1}d"), eager=True
    )
    names = ("open", "high", "low", "close", "volume")
    return pl.DataFrame({"time": days, **dict.fromkeys(names, ones)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bars.parquet"
    table().write_parquet(path)
    return path


def config(path: Path) -> parquet.Config:
    first, second = (
        File(path=str(path), symbol=s, tick_usd=0.01, lot_units=1.0) for s in ("ONE", "TWO")
    )
    return parquet.Config(files=(first, second), tz="UTC", stamp="open", bar_seconds=86_400)


def with_a_negative_count(path: Path) -> Path:
    raw = bytearray(path.read_bytes())
    at = raw.index(MANY_VALUES) + 2
    raw[at] ^= 1
    path.write_bytes(raw)
    return path


def test_a_good_file_comes_back_as_it_was_written(path: Path) -> None:
    assert read_parquet(path).equals(table())


@pytest.mark.parametrize(
    "type_", [pl.String, pl.Categorical, pl.Binary, pl.Datetime("us", "Asia/Tokyo"), pl.Null]
)
def test_columns_keep_their_kind(tmp_path: Path, type_: pl.DataType) -> None:
    path = tmp_path / "odd.parquet"
    odd = pl.DataFrame({"odd": pl.Series([None, None]).cast(type_)})
    odd.write_parquet(path)
    assert read_parquet(path).equals(odd)


def test_a_flipped_bit_that_aborts_the_reader_costs_one_sentence(path: Path) -> None:
    with pytest.raises(DataError) as caught:
        parquet.read(config(with_a_negative_count(path)))
    said = str(caught.value)
    assert said.startswith("ONE: ")
    assert "cannot be read as Parquet" in said
    assert "fetch it again" in said
    assert "\n" not in said


def test_that_bit_does_kill_whoever_reads_the_file_himself(path: Path) -> None:
    program = f"import polars; polars.read_parquet({str(with_a_negative_count(path))!r})"
    alone = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    if alone.returncode >= 0:
        pytest.skip("this version of polars raises for it; reading apart is only a belt now")
    with pytest.raises(pl.exceptions.ComputeError, match="its reader died of it, signal 6"):
        read_parquet(path)


def test_a_reader_that_wants_more_memory_than_it_may_have_fails(path: Path) -> None:
    poor = msgspec.structs.replace(GENEROUS, floor_bytes=2**20, per_byte=0)
    with pytest.raises(pl.exceptions.ComputeError):
        read_parquet(path, poor)


def test_a_larger_file_may_use_more_memory(path: Path) -> None:
    size = path.stat().st_size
    allowance = apart.Allowance(
        floor_bytes=0, per_byte=GENEROUS.floor_bytes // size, floor_s=60.0, bytes_per_s=2**20
    )
    assert read_parquet(path, allowance).height == 20


def test_a_reader_that_is_not_done_in_time_is_ended(path: Path) -> None:
    hasty = msgspec.structs.replace(GENEROUS, floor_s=0.0, bytes_per_s=10**12)
    with pytest.raises(pl.exceptions.ComputeError, match="was not done after"):
        read_parquet(path, hasty)


def test_a_larger_file_may_take_longer(path: Path) -> None:
    patient = msgspec.structs.replace(GENEROUS, floor_s=0.0, bytes_per_s=1)
    assert read_parquet(path, patient).height == 20


@pytest.mark.parametrize(
    "content", [b"P", b"PAR1", b"PAR1 and so on", b"and so on PAR1", b"x" * 99]
)
def test_what_is_not_framed_as_parquet_is_refused_without_a_reader(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_COMMAND", ("/nonexistent",))
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises((pl.exceptions.ComputeError, ConfigError)) as caught:
        read_parquet(path)
    only_the_frame = content == b"PAR1"
    assert isinstance(caught.value, ConfigError) is only_the_frame


def test_a_frame_with_nothing_in_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" * 3)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        parquet.read(config(path))


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.touch()
    with pytest.raises(DataError, match="is empty; give a Parquet file with bars in it"):
        parquet.read(config(path))


def test_a_table_without_rows_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table().clear().write_parquet(path)
    assert read_parquet(path).shape == (0, 6)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_no_damaged_file(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(ConfigError, match="may not be read; change its permissions"):
        parquet.read(config(path))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/nonexistent/python",), "No such file"),
        ((sys.executable, "-c", "raise SystemExit('no library')"), "no library"),
        ((sys.executable, "-c", ""), r"\(\)"),
    ],
)
def test_a_reader_that_cannot_be_started_is_not_the_files_fault(
    path: Path, command: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_COMMAND", command)
    with pytest.raises(ConfigError, match=f"could not be started .*{why}"):
        parquet.read(config(path))


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("os.kill(os.getpid(), 9)", "signal 9: without a word"),
        ("sys.exit('panicked')", "exit code 1: panicked"),
    ],
)
def test_a_reader_that_dies_after_a_whole_table_gave_none(
    path: Path, end: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import os, sys, polars; sys.stderr.write('ready\\n');"
        f"polars.DataFrame({{'a': [1]}}).write_ipc_stream(sys.stdout.buffer);"
        f"sys.stdout.flush(); {end}"
    )
    monkeypatch.setattr(apart, "_COMMAND", (sys.executable, "-c", program))
    with pytest.raises(pl.exceptions.ComputeError, match=f"its reader died of it, {why}"):
        read_parquet(path)


def test_the_reader_is_told_nothing_but_where_the_libraries_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "hunter2")
    program = "import os, sys; sys.stderr.write('ready\\n' + ' '.join(sorted(os.environ)))"
    monkeypatch.setattr(
        apart, "_COMMAND", (sys.executable, "-c", program + f"; sys.exit({DAMAGED})")
    )
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        read_parquet(path)
    names = set(str(caught.value).split())
    assert names <= {"LC_CTYPE", "POLARS_MAX_THREADS", "PYTHONPATH"}
