"""A Parquet file is decoded apart first: what it does to its reader, it does not do to us."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from stairway.adapters.feeds import parquet
from stairway.adapters.records.columns import Allowance, Examined
from stairway.base.errors import DataError
from stairway.supervision.field_map import Opening

NOTHING = Allowance(floor_bytes=1, per_byte=0, floor_s=60, bytes_per_s=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table = pl.DataFrame({"a": range(1000), "b": [str(n) for n in range(1000)]})
    table.write_parquet(tmp_path / "a.parquet", row_group_size=100)
    return tmp_path / "a.parquet"


def test_a_decoder_that_dies_of_a_file_is_an_error_and_no_death_of_ours(path: Path) -> None:
    file = Examined(path, NOTHING)
    with pytest.raises((pl.exceptions.PolarsError), match=r"its decoder died of it|memory"):
        file.head(5)
    file.close()


def test_damage_at_the_end_is_found_before_the_first_rows_are_here(path: Path) -> None:
    content = bytearray(path.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little")
    pages = range(4, len(content) - 8 - footer)
    for at in pages[len(pages) * 3 // 4 :: 7]:
        content[at] ^= 0xFF
    path.write_bytes(content)
    feed = parquet.open_feed(str(path), Opening())
    with pytest.raises(DataError, match="cannot be read to its end"):
        next(feed.chunks(100))
    feed.close()


def test_a_file_that_is_written_anew_meanwhile_is_named(path: Path) -> None:
    file = Examined(path)
    parts = file.parts(100, ["a"])
    assert next(parts).height == 100
    os.utime(path, (1, 1))
    with pytest.raises(pl.exceptions.ComputeError, match="written anew"):
        list(parts)


def test_it_can_be_asked_again_and_no_decoder_is_left(path: Path) -> None:
    file = Examined(path)
    assert [sum(map(len, file.parts(300, only))) for only in (["a"], None)] == [1000, 1000]
    total, first = file.head(3)
    assert (total, first["b"].to_list()) == (1000, ["0", "1", "2"])
    file.close()
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    words = [Path(f"/proc/{one}/cmdline").read_text() for one in children]
    assert not any("decoding" in said for said in words)
