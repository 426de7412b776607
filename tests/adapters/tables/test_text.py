"""Text is UTF-8, or the sentence says that it is not and what to do."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from stairway.adapters.tables.text import read_text
from stairway.base.errors import DataError

TEXT = "time,close\n2020-01-01,0.1\n2020-01-02,0.2\n"


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_another_coding_is_named_with_a_way_out(coding: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    content = TEXT.encode(coding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    with pytest.raises(DataError) as caught:
        read_text(path)
    assert str(caught.value).startswith(f"{path} is not UTF-8, it looks like UTF-16; save it")
    assert "iconv -f UTF-16 -t UTF-8" in str(caught.value)


def test_bytes_that_are_no_text_at_all_are_named_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((TEXT + "2020-01-03,größe\n").encode("latin1"))
    with pytest.raises(DataError, match=r"a\.csv holds bytes that are no UTF-8; save it as"):
        read_text(path)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_its_mark_or_without(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.replace("0.2", "größe").encode(coding))
    table = read_text(path)
    assert table.columns == ["time", "close"]
    assert table["close"].to_list() == ["0.1", "größe"]


def test_other_damage_is_left_to_who_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1,2,3\n")
    with pytest.raises(pl.exceptions.ComputeError, match="more fields"):
        read_text(path)
