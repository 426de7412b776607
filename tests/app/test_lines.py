from __future__ import annotations

import msgspec
import pytest

from stairway.app.lines import Lines, last_words, say_error
from stairway.base.errors import DataError


def said(capsys: pytest.CaptureFixture[str]) -> list[object]:
    out, err = capsys.readouterr()
    assert err == ""
    return [msgspec.json.decode(line.encode()) for line in out.splitlines()]


def test_progress_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.begin("climbing", 9)
    lines.advance(4)
    lines.note("said by whoever started this")
    lines.begin("over", 1)
    assert said(capsys) == [
        {"label": "climbing", "done": 0, "total": 9},
        {"label": "climbing", "done": 4, "total": 9},
        {"label": "over", "done": 0, "total": 1},
    ]


def test_an_error_keeps_its_kind_and_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    say_error(DataError('a "quoted"\nword'))
    assert said(capsys) == [{"error": {"kind": "DataError", "message": 'a "quoted"\nword'}}]


def test_last_words_are_one_line_and_name_the_place() -> None:
    try:
        raise ValueError("two\n   lines")  # noqa: TRY301, TRY003, EM101
    except ValueError as error:
        words = last_words(error)
    assert "\n" not in words
    assert "test_lines.py:" in words
    assert "two" in words
