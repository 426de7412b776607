"""Half of a character in what is read is refused by its place, however it is reached."""

from __future__ import annotations

import json

import polars as pl
import pytest

from stairway.base.errors import DataError
from stairway.supervision.picking import Picker, parsed
from stairway.supervision.ports import Chunk, Documents, Table

HALF = "\ud83d"
REFUSED = "line 2 has half a character"


def documents(*records: object) -> Documents:
    return Documents([json.dumps(one).encode() for one in records], 1)


@pytest.mark.parametrize("odd", [HALF, [HALF], {"a": HALF}, f"B{HALF}"])
def test_half_a_character_in_a_field_is_refused_by_its_line(odd: object) -> None:
    chunk = documents({"symbol": "A"}, {"symbol": odd}, {"symbol": "C"})
    with pytest.raises(DataError, match=REFUSED):
        Picker(chunk, strict=True).pick("symbol")


def test_so_it_is_in_a_name() -> None:
    chunk = documents({"model": "A"}, {"model": HALF})
    with pytest.raises(DataError, match=REFUSED):
        Picker(chunk, strict=True).names("model")


@pytest.mark.parametrize(
    "inside",
    ['{"act": "' + HALF + '"}', '{"act": "\\ud83d"}', "{'act': '\\ud83d'}"],
    ids=["around", "within", "python"],
)
@pytest.mark.parametrize("columned", [False, True])
def test_so_it_is_in_text_that_a_path_steps_into(inside: str, *, columned: bool) -> None:
    texts = ['{"act": "BUY"}', inside]
    chunk: Chunk = documents(*({"d": text} for text in texts))
    if columned:
        if HALF in inside:
            return  # no column holds it
        chunk = Table(pl.DataFrame({"d": texts}), 1, "line")
    with pytest.raises(DataError, match=REFUSED):
        Picker(chunk, strict=True).pick("d.act")


def test_so_it_is_in_a_record_that_is_text_already() -> None:
    with pytest.raises(DataError, match=REFUSED):
        parsed(['{"a": 1}', '{"a": "' + HALF + '"}'], lambda row: f"line {row + 1}")


def test_what_is_not_read_may_hold_anything() -> None:
    chunk = documents({"symbol": "A", "note": HALF}, {"symbol": "B", HALF: 1})
    assert Picker(chunk, strict=True).pick("symbol").to_list() == ["A", "B"]
