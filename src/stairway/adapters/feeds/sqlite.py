"""Stairway's own log: ``sqlite:FOLDER``, the folder of a log or of a run.

The answers of models, and behind them what capital wanted at the same instant, are read
through the reader of the journal, which checks the hash of every event. A trader may be
writing meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec
import polars as pl

from stairway.adapters.journal.pair import FILES, ReadingPair
from stairway.adapters.records.files import nothing_in
from stairway.base.errors import ConfigError, DataError, SourceChangedError
from stairway.decision.intent import Enter, Intent
from stairway.events.envelope import Envelope
from stairway.models.prediction import Exclusion, Prediction
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import ENTRY_ID, Table

STREAM, INTENTS = "model.answer", "trade.intent"
_POLL_S = 0.2
_DECODER = msgspec.msgpack.Decoder(Prediction | Exclusion)
_CAPITAL = "capital"
_WEIGHED = frozenset({"decision.hold", "decision.certain"})
_Row: TypeAlias = dict[str, Any]
_T = TypeVar("_T")
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


class _Decided(msgspec.Struct, frozen=True, tag=INTENTS):
    """What is read of a decision: whose, when, and what was wanted."""

    time_ns: int
    book: str
    intents: tuple[Intent, ...]


_DECIDED = msgspec.msgpack.Decoder(_Decided)


class _Place(NamedTuple):
    """How many events of each stream lie behind."""

    answers: int = 0
    intents: int = 0


class _Instant(NamedTuple):
    """What was said about one instant, and the place behind it."""

    rows: list[_Row]
    after: _Place


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
    """The :class:`~stairway.supervision.ports.Feed` of what a log of Stairway holds of them."""

    def __init__(self, named: Path) -> None:
        self.folder = _found(named)
        self._pair = ReadingPair(self.folder)
        self._marked = 0
        self._place = _Place()
        if not self.size():
            self.close()
            what = f"the stream {STREAM} of {self.folder}"
            raise nothing_in(what)

    def head(self, rows: int) -> Table:
        """Return the first answers."""
        return next(self.chunks(rows))

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield what is there now, each event checked against the one before."""
        del only
        yield from _tables((one.rows for one in self._instants(_Place(), self._ends())), rows)

    def more(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield what came since, but for the newest instant: more may be said about it."""
        del only
        ends = self._ends()
        if ends.answers < self._marked:
            msg = (
                f"the log in {self.folder} was replaced while it was waited for: {STREAM} had "
                f"{self._marked:,} events and has {ends.answers:,}; ask again"
            )
            raise SourceChangedError(msg)
        self._marked = ends.answers
        yield from _tables(self._news(ends), rows)

    def _news(self, ends: _Place) -> Iterator[list[_Row]]:
        for one, _ in pairwise(self._instants(self._place, ends)):
            self._place = one.after
            yield one.rows

    def _ends(self) -> _Place:
        return _Place(self.size(), self._pair.of(INTENTS).head(INTENTS).position)

    def _instants(self, since: _Place, ends: _Place) -> Iterator[_Instant]:
        """Yield what was said about each instant, and what capital wanted then."""
        said = self._pair.of(STREAM).read(STREAM, since.answers)
        wished = self._pair.of(INTENTS).read(INTENTS, since.intents)
        intents = islice(wished, ends.intents - since.intents)
        answers, n_intents = since.answers, since.intents
        coming = next(intents, None)
        answered = map(_answer, islice(said, ends.answers - answers))
        for as_of_ns, group in groupby(answered, key=itemgetter("as_of_ns")):
            rows = list(group)
            answers += len(rows)
            while coming is not None and (fact := _decided(coming)).time_ns <= as_of_ns:
                rows += _wanted(coming, fact, as_of_ns)
                n_intents, coming = n_intents + 1, next(intents, None)
            yield _Instant(_by_symbol(rows), _Place(answers, n_intents))

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
            INTENTS: self._pair.of(INTENTS).head(INTENTS).position,
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


def _answer(event: Envelope) -> _Row:
    said = _read(event, _DECODER)
    row: _Row = {name: getattr(said, name, None) for name in _SCHEMA}
    kind = "model.predicted" if isinstance(said, Prediction) else "model.excluded"
    return row | {ENTRY_ID: f"{event.position} of {STREAM}", "type": kind}


def _decided(event: Envelope) -> _Decided:
    return _read(event, _DECIDED)


def _read(event: Envelope, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
    try:
        return decoder.decode(event.payload)
    except msgspec.MsgspecError as error:
        msg = (
            f"event {event.position} of {event.stream} is none that this version knows "
            f"({error}): read it with the version that wrote it"
        )
        raise DataError(msg) from error


def _wanted(event: Envelope, decided: _Decided, as_of_ns: int) -> list[_Row]:
    """Return what capital wanted at an instant about which models answered."""
    if decided.book != _CAPITAL or decided.time_ns != as_of_ns:
        return []
    place: _Row = dict.fromkeys(_SCHEMA) | {ENTRY_ID: f"{event.position} of {INTENTS}"}
    return [place | _intent(one) for one in decided.intents]


def _intent(wish: Intent) -> _Row:
    """Return a wish as an answer; one that was no matter of probability is none."""
    about: _Row = {"type": INTENTS, "symbol": wish.symbol, "as_of_ns": wish.as_of_ns}
    if isinstance(wish, Enter):
        action = "BUY" if wish.side > 0 else "SELL"
        said: _Row = {"confidence": wish.probability, "action": action, "code": wish.route}
        return about | said
    weighed = next((one for one in wish.findings if one.code in _WEIGHED), None)
    if weighed is None:
        codes = ", ".join(one.code for one in wish.findings)
        return about | {"type": f"{INTENTS} that abstain ({codes})"}
    return about | {"confidence": weighed.value, "action": "HOLD", "code": weighed.code}


def _by_symbol(rows: list[_Row]) -> list[_Row]:
    """Put together what is about one instrument, in the order in which they were met."""
    met = {name: at for at, name in enumerate(dict.fromkeys(row["symbol"] for row in rows))}
    return sorted(rows, key=lambda row: met[row["symbol"]])


def _tables(instants: Iterable[list[_Row]], rows: int) -> Iterator[Table]:
    said = chain.from_iterable(instants)
    while page := list(islice(said, rows)):
        frame = pl.DataFrame(page, schema={ENTRY_ID: pl.String} | _SCHEMA)
        yield Table(frame, 1, "event")
