"""Facts of a log are read into columns, and what is none is refused by its place."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from stairway.base.errors import DataError
from stairway.supervision.event_columns import own_facts
from stairway.supervision.ports import Documents, Table

FACT: dict[str, Any] = {"model": "mlp", "symbol": "BTC", "as_of_ns": 1, "confidence": 0.5}


def documents(*facts: object) -> Documents:
    said = [{"kind": "model.predicted", "stream": "x", "fact": fact} for fact in facts]
    return Documents([json.dumps(one).encode() for one in said], 1)


def table(*texts: str | None) -> Table:
    frame = pl.DataFrame({"kind": ["model.predicted"] * len(texts), "fact": texts})
    return Table(frame, 1, "row")


def test_facts_are_the_same_as_lines_and_as_columns() -> None:
    lines, columns = own_facts(documents(FACT, FACT)), own_facts(table(*[json.dumps(FACT)] * 2))
    assert lines.equals(columns)
    assert lines["symbol"].to_list() == ["BTC", "BTC"]
    assert lines["type"].to_list() == ["model.predicted"] * 2


@pytest.mark.parametrize("odd", ["x", None, 5, [FACT]])
def test_a_fact_that_is_no_object_is_refused_by_its_line(odd: object) -> None:
    with pytest.raises(DataError, match="line 2 has a fact that is no object"):
        own_facts(documents(FACT, odd))


@pytest.mark.parametrize("text", [None, "5", "{", "nothing"])
def test_so_is_one_in_a_column(text: str | None) -> None:
    with pytest.raises(DataError, match="row 2 is n"):
        own_facts(table(json.dumps(FACT), text))


def test_half_a_character_is_refused_by_its_line() -> None:
    with pytest.raises(DataError, match="line 2 has half a character"):
        own_facts(documents(FACT, FACT | {"symbol": "\ud83d"}))
