"""What is no text is refused by its line and counted, before anybody makes sense of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stairway.adapters.feeds import csv, jsonl
from stairway.base.errors import DataError
from stairway.supervision.field_map import Opening

ROWS = b"a,b\n" + b"1,2\n" * 9


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"a":1}\n{"a":"\0\0"}\n', "line 2: there are NUL bytes in it (2 from"),
        ("a.jsonl", b'{"a":1}\n' * 3 + b"\0" * 99, "line 4: there are NUL bytes in it (99"),
        ("a.csv", ROWS + b"3,\0\n", "line 11: there are NUL bytes in it (1 from"),
        ("a.jsonl", '{"a":1}\n'.encode("utf-16"), "is text in UTF-16: convert it first"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "is text in UTF-16: convert it first"),
        ("a.csv", ROWS + b'"3,4\n5,6\n', "the quote that opens in line 11 is never closed"),
        ("a.csv", ROWS + b'x"3,4\n5,6\n', "a quote is missing; the quote that opens in line 11 is never closed"),
        ("a.jsonl.zst", b'{"a":1}\n', "is not packed with zstd"),
    ],
    ids=["nul", "torn", "nul-row", "wide", "wide-rows", "quote", "stray", "zstd"],
)  # fmt: skip
def test_what_is_no_text_is_named(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    plugin = csv if name.endswith("csv") else jsonl
    with pytest.raises(DataError) as said:
        list(plugin.open_feed(str(path), Opening()).chunks(5))
    assert words in str(said.value)


def test_quotes_in_pairs_are_values(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'a,b\n"x\ny","say ""no"""\n')
    (table,) = csv.open_feed(str(tmp_path / "a.csv"), Opening()).chunks(5)
    assert table.frame.rows() == [("x\ny", 'say "no"')]
