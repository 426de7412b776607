"""Events that lie in columns: of our own record, and of a stream with a payload in each."""

from __future__ import annotations

from typing import Any, cast

import polars as pl

from stairway.base.errors import ConfigError, DataError
from stairway.supervision import cells
from stairway.supervision.loose_json import halved
from stairway.supervision.picking import parsed
from stairway.supervision.ports import Chunk, Documents, Table
from stairway.supervision.unfold import Event, payloads

_OWN: dict[str, Any] = {
    "type": pl.String, "model": pl.String, "version": pl.String, "symbol": pl.String,
    "as_of_ns": pl.Int64, "regime": pl.String, "raw": pl.Float64, "confidence": pl.Float64,
    "action": pl.String, "code": pl.String,
}  # fmt: skip


def own_facts(chunk: Chunk) -> pl.DataFrame:
    """Return facts about answers in columns, of a log or of what was exported from one.

    Raises
    ------
    DataError
        If a fact is no object, or holds half of a character.
    """
    if isinstance(chunk, Documents):
        values, _ = parsed(chunk.texts, chunk.place)
        facts = [_fact(value, chunk, row) for row, value in enumerate(values)]
    elif "fact" in chunk.frame.columns:
        texts = cells.text(chunk.frame["fact"]).fill_null("null").to_list()
        kinds = chunk.frame["kind"].to_list()
        facts, _ = parsed(texts, chunk.place)
        facts = [fact | {"type": kind} for fact, kind in zip(facts, kinds, strict=True)]
    else:
        missing = [name for name in _OWN if name not in chunk.frame.columns]
        added = [pl.lit(None, dtype=_OWN[name]).alias(name) for name in missing]
        return chunk.frame.with_columns(added)
    return pl.DataFrame({name: _column(name, facts, chunk) for name in _OWN})


def _fact(value: dict[str, Any], chunk: Chunk, row: int) -> dict[str, Any]:
    if "fact" not in value:
        return value
    fact = value["fact"]
    if not isinstance(fact, dict):
        msg = f"{chunk.place(row)} has a fact that is no object with fields: {str(fact)[:60]!r}"
        raise DataError(msg)
    return cast("dict[str, Any]", fact) | {"type": value.get("kind")}


def _column(name: str, facts: list[dict[str, Any]], chunk: Chunk) -> pl.Series:
    def made(some: list[dict[str, Any]]) -> pl.Series:
        return pl.Series(name, [f.get(name) for f in some], dtype=_OWN[name], strict=False)

    try:
        return made(facts)
    except UnicodeEncodeError:
        for row, fact in enumerate(facts):
            try:
                made([fact])
            except UnicodeEncodeError as error:
                raise halved(chunk.place(row)) from error
        raise


def events_in(table: Table) -> tuple[list[Event], list[Event], int]:
    """Read events from columns: ``payload`` is text, and what lies beside it is outer."""
    frame = table.frame
    if "payload" not in frame.columns:
        msg = f"{table.place(0)} has a model_breakdown in a column; give events as JSON lines"
        raise ConfigError(msg)
    names = [n for n in ("event_type", "event_id", "ts", "timestamp", "symbol", "regime")
             if n in frame.columns]  # fmt: skip
    found, reprs = payloads(cells.text(frame["payload"]).to_list(), table.place)
    rows = frame.select(names).iter_rows() if names else [()] * len(table)
    beside = [Event(**dict(zip(names, row, strict=True))) for row in rows]
    return beside, [one or Event() for one in found], reprs
