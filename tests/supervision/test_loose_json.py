"""A record is JSON, or what Python's repr made of one; anything else is refused by name."""

from __future__ import annotations

import pytest

from stairway.base.errors import DataError
from stairway.supervision.loose_json import read_loose


def place(row: int) -> str:
    return f"row {row}"


@pytest.mark.parametrize(
    ("text", "value", "was_python"),
    [
        ('{"a": 0.5}', {"a": 0.5}, False),
        (b'{"a": null}', {"a": None}, False),
        ("{'a': None}", {"a": None}, True),
        (b"{'a': True}", {"a": True}, True),
        ('{"a": 1' + "0" * 5_000 + "}", {"a": float("inf")}, False),
    ],
    ids=["json", "bytes", "repr", "bytes of a repr", "wider than 64 bits"],
)
def test_a_record_is_read_as_what_it_is(
    text: str | bytes, value: object, *, was_python: bool
) -> None:
    assert read_loose(text, place, 0) == (value, was_python)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1", "row 3 is neither JSON nor a Python value"),
        (b"\xff\xfe{}", "row 3 is neither JSON nor a Python value"),
        ("[" * 100_000, "row 3 is nested too deeply"),
        ('{"a": "\ud800"}', "row 3 has half a character"),
    ],
    ids=["code", "no text", "deep", "half a character"],
)
def test_what_is_neither_is_refused_by_its_place(text: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_loose(text, place, 3)


def test_a_long_record_is_quoted_by_its_beginning() -> None:
    with pytest.raises(DataError) as caught:
        read_loose("x" * 10_000, place, 0)
    assert str(caught.value).endswith("x" * 60)
    assert len(str(caught.value)) < 200
