"""Stairway's own log: ``sqlite:FOLDER``, the folder of a log or of a run.

The answers of models are read through the reader of the journal, which checks the hash of
every one of them. A trader may be writing meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from stairway.adapters.journal.pair import FILES, ReadingPair
from stairway.adapters.records.files import nothing_in
from stairway.base.errors import ConfigError, DataError
from stairway.events.envelope import Envelope
from stairway.models.prediction import Answer, Exclusion, Prediction
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Table

STREAM = "model.answer"
_POLL_S = 0.2
_DECODER = msgspec.msgpack.Decoder(Prediction | Exclusion)
_BOTH = ("model", "version", "symbol", "as_of_ns")
_TEXT: dict[str, Any] = {"type": pl.String, "model": pl.String, "version": pl.String}
_SCHEMA: dict[str, Any] = _TEXT | {
    "symbol": pl.String,
    "as_of_ns": pl.Int64,
    "regime": pl.String,
    "raw": pl.Float64,
    "confidence": pl.Float64,
    "action": pl.String,
    "code": pl.String,
}


def open_feed(uri: str, opening: Opening) -> OwnLog:
    """Open the log at ``uri``.

    Raises
    ------
    ConfigError
        If there is no log.
    DamagedLogError
        If it is not what was written.
    DataError
        If no model has answered yet.
    """
    del opening  # we know what we wrote
    return OwnLog(Path(uri.removeprefix("sqlite:").removeprefix("//")))


class OwnLog:
    """The :class:`~stairway.supervision.ports.Feed` of the answers in a log of Stairway."""

    def __init__(self, named: Path) -> None:
        self.folder = _found(named)
        self._pair = ReadingPair(self.folder)
        self._marked = 0
        if not self.size():
            self.close()
            what = f"the stream {STREAM} of {self.folder}"
            raise nothing_in(what)

    def head(self, rows: int) -> Table:
        """Return the first answers."""
        return next(self.chunks(rows))

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield the answers that are there now, each checked against the one before."""
        del only
        start, left = 1, self.size()
        events = self._pair.of(STREAM).read(STREAM)
        while left and (page := list(islice(events, min(rows, left)))):
            yield Table(_frame([_fact(event) for event in page]), start, "event")
            start, left = start + len(page), left - len(page)

    def size(self) -> int:
        """Answers on disk now."""
        return self._pair.of(STREAM).head(STREAM).position

    def mark(self) -> Mapping[str, Any]:
        """Length and last hash of the stream: the chain covers everything before it."""
        head = self._pair.of(STREAM).head(STREAM)
        self._marked = head.position
        return {
            "folder": str(self.folder),
            "stream": STREAM,
            "length": head.position,
            "first": 1,
            "last": head.position,
            "hash": head.hash,
        }

    def wait(self, seconds: float) -> bool:
        """Wait until there are more answers than at the last mark."""
        known = self._marked or self.size()
        until = time.monotonic() + seconds
        while self.size() <= known:
            left_s = until - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(_POLL_S, left_s))
        return True

    def close(self) -> None:
        """Let go of the files."""
        self._pair.close()


def _found(named: Path) -> Path:
    for folder in (named / "log", named):
        if any((folder / name).exists() for name in FILES):
            return folder
    msg = f"there is no log in {named}: name the folder of a run or of a log, sqlite:FOLDER"
    raise ConfigError(msg)


def _fact(event: Envelope) -> Answer:
    try:
        return _DECODER.decode(event.payload)
    except msgspec.MsgspecError as error:
        msg = (
            f"event {event.position} of {STREAM} is no answer that this version knows "
            f"({error}): read it with the version that wrote it"
        )
        raise DataError(msg) from error


def _frame(answers: Sequence[Answer]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA}
    for said in answers:
        is_prediction = isinstance(said, Prediction)
        columns["type"].append("model.predicted" if is_prediction else "model.excluded")
        for name in _BOTH:
            columns[name].append(getattr(said, name))
        for name in ("regime", "raw", "confidence", "action", "code"):
            columns[name].append(getattr(said, name, None))
    return pl.DataFrame(columns, schema=_SCHEMA)
