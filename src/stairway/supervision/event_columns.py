"""Events that lie in columns: of our own record, and of a stream with a payload in each."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from stairway.base.errors import ConfigError
from stairway.supervision import cells
from stairway.supervision.picking import parsed
from stairway.supervision.ports import Chunk, Documents, Table
from stairway.supervision.unfold import Event, payloads

_OWN: dict[str, Any] = {
    "type": pl.String, "model": pl.String, "version": pl.String, "symbol": pl.String,
    "as_of_ns": pl.Int64, "regime": pl.String, "raw": pl.Float64, "confidence": pl.Float64,
    "action": pl.String, "code": pl.String,
}  # fmt: skip


def own_facts(chunk: Chunk) -> pl.DataFrame:
    """Return facts about answers in columns, of a log or of what was exported from one."""
    if isinstance(chunk, Documents):
        values, _ = parsed(chunk.texts, chunk.place)
        facts = [
            v.get("fact", {}) | {"type": v.get("kind")} if "fact" in v else v for v in values
        ]
    elif "fact" in chunk.frame.columns:
        texts = chunk.frame["fact"].to_list()
        kinds = chunk.frame["kind"].to_list()
        facts = [
            msgspec.json.decode(text) | {"type": kind}
            for text, kind in zip(texts, kinds, strict=True)
        ]
    else:
        missing = [name for name in _OWN if name not in chunk.frame.columns]
        added = [pl.lit(None, dtype=_OWN[name]).alias(name) for name in missing]
        return chunk.frame.with_columns(added)
    return pl.DataFrame({n: pl.Series([f.get(n) for f in facts], dtype=t, strict=False)
                         for n, t in _OWN.items()})  # fmt: skip


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
