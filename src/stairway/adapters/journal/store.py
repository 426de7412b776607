"""One SQLite file that is only ever appended to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import chain as joined
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

import apsw

from stairway.adapters.journal.asked import Asked
from stairway.adapters.journal.failures import damaged, no_room, unreadable, unwritable
from stairway.adapters.journal.inserts import INSERT, MOST, STEP, parts
from stairway.adapters.journal.layout import (
    FORMAT,
    execute,
    is_full,
    require_current_sqlite,
    require_own,
)
from stairway.adapters.journal.mover import Mover
from stairway.base.errors import ConfigError, InvariantError
from stairway.events.envelope import Envelope, Head, chain, link

PAGE_EVENTS = 512
_PAGE = (
    "select position, recorded_ns, crc, hash, payload from event "
    "where stream = ? and position > ? order by position limit ?"
)
_LAST = "select position, hash from event where stream = ? order by position desc limit 1"


class Sync(Enum):
    """What a commit waits for."""

    FULL = "full"
    """The disk: an acknowledged event survives a power cut."""

    NORMAL = "normal"
    """The operating system: survives ``kill -9``; a power cut may take the last moments."""


class Row(NamedTuple):
    """An event on its way to the disk."""

    stream: str
    position: int
    recorded_ns: int
    hash: str
    payload: bytes


Sealed: TypeAlias = tuple[str, int, int, int, bytes, bytes]
"""A row as the table has it: stream (by name), position, recorded_ns, crc, hash, payload."""

Pause: TypeAlias = Callable[[], None]
"""Lets other threads go on, between two statements of one commit."""

CRC_OVER = b"%b\0%d\0%d\0%b%b"
"""What the checksum of a row is made of: stream, position, recorded_ns, hash and payload."""


def crc_of(stream: str, position: int, recorded_ns: int, digest: bytes, payload: bytes) -> int:
    """CRC-32 of everything a row says.

    Examples
    --------
    >>> crc_of("fill", 1, 7, b"", b"x") == crc_of("fill", 1, 8, b"", b"x")
    False
    """
    return _crc(stream.encode(), position, recorded_ns, digest, payload)


def _crc(name: bytes, position: int, recorded_ns: int, digest: bytes, payload: bytes) -> int:
    return crc32(CRC_OVER % (name, position, recorded_ns, digest, payload))


class Store:
    """One database file, open for reading, and with a ``sync`` for writing.

    Threads may share one for reading.

    Raises
    ------
    ConfigError
        If the file is of another format, missing, or may not be read.
    DamagedLogError
        If it cannot be read.
    """

    def __init__(self, path: Path, sync: Sync | None = None) -> None:
        require_current_sqlite()
        self.path = path
        self.wal_pages = 0
        self._ids: dict[str, int] = {}
        self._mover = Mover(path, (sync or Sync.FULL).value)
        # SQLite refuses a connection that two threads use at once.
        self._turn = threading.Lock()
        try:
            self._asked = Asked(path, read_only=sync is None)
            self._learn()
            if sync is not None:
                self._prepare_to_write(sync)
        except apsw.Error as error:
            raise unreadable(path, error) from error

    @property
    def _connection(self) -> apsw.Connection:
        return self._asked.connection

    def _ask(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Look something up; several threads may at once."""
        with self._turn:
            return self._asked.ask(statement, values)

    def _learn(self) -> None:
        about = dict(self._ask("select name, value from about"))
        if "format" not in about:
            msg = "it does not say its format"
            raise apsw.CorruptError(msg)
        if about["format"] != FORMAT:
            msg = (
                f"{self.path} was written in format {about['format']!r}, and this version "
                f"of Stairway reads format {FORMAT!r}: use the version that wrote it, to go on "
                f"or to carry it away with `stairway log export {self.path.parent} FILE`"
            )
            raise ConfigError(msg)
        self._learn_names()

    def _learn_names(self) -> None:
        found = self._ask("select id, name from stream")
        if not all(isinstance(name, str) for _, name in found):
            msg = "the name of a stream is no text"
            raise apsw.CorruptError(msg)
        self._ids = {name: key for key, name in found}

    def _prepare_to_write(self, sync: Sync) -> None:
        execute(self._connection, f"pragma synchronous = {sync.value}")
        # Checkpoints are made between commits, by checkpoint(), never inside one.
        execute(self._connection, "pragma wal_autocheckpoint = 0")
        self._connection.set_wal_hook(self._on_commit)

    def _on_commit(self, _connection: Any, _name: str, pages: int) -> int:
        self.wal_pages = pages
        return apsw.SQLITE_OK

    def streams(self) -> tuple[str, ...]:
        """Names of streams, sorted."""
        return tuple(sorted(self._ids))

    def require_own(self) -> None:
        """Refuse a file in which others have made or changed anything."""
        require_own(self.path, self._ask)

    def learn(self, stream: str) -> None:
        """Look again, unless ``stream`` is known: a name is never changed."""
        if stream not in self._ids:
            self.refresh()

    def refresh(self) -> None:
        """Look again which streams there are; another process may be writing."""
        try:
            self._learn_names()
        except apsw.Error as error:
            raise unreadable(self.path, error) from error

    def last(self, stream: str) -> Head:
        """Position and hash of the last row of ``stream``, unchecked."""
        if stream not in self._ids:
            return Head()
        try:
            found = self._ask(_LAST, (self._ids[stream],))
        except apsw.Error as error:
            raise unreadable(self.path, error) from error
        return self._head(stream, *found[0]) if found else Head()

    def insert(self, rows: Sequence[Sealed], pause: Pause | None = None) -> None:
        """Commit ``rows``, all or none; quickest with those of a stream side by side.

        With a ``pause`` no statement takes more than ``STEP`` rows, and it is called between
        one that took so many and the next one.

        Raises
        ------
        DiskFullError
            If there is no room. Nothing was committed, and trying again is safe.
        RecordError
            On any other failure. Whether it was committed is not known.
        """
        try:
            is_one = len(rows) in INSERT and (pause is None or len(rows) <= STEP)
            if is_one and self._ids.keys() >= {row[0] for row in rows}:
                # One statement is a transaction of its own.
                execute(self._connection, INSERT[len(rows)], self._values(rows))
            else:
                self._insert_in_parts(rows, pause)
        except apsw.Error as error:
            if not is_full(error, self._connection.system_errno):
                raise unwritable(self.path, error) from error
            self.resume()
            raise no_room(self.path) from error

    def _insert_in_parts(self, rows: Sequence[Sealed], pause: Pause | None) -> None:
        execute(self._connection, "begin immediate")
        before = 0
        for part in parts(rows, MOST if pause is None else STEP):
            if pause is not None and before == STEP:
                pause()
            execute(self._connection, INSERT[len(part)], self._values(part))
            before = len(part)
        execute(self._connection, "commit")

    def _values(self, rows: Sequence[Sealed]) -> list[Any]:
        """Return what the columns of ``rows`` hold, one row after the other."""
        values: list[Any] = [*joined.from_iterable(rows)]
        streams = values[::6]
        for stream in dict.fromkeys(streams):
            if stream not in self._ids:
                # Inside the caller's transaction; resume forgets what it took back.
                execute(self._connection, "insert into stream (name) values (?)", (stream,))
                self._ids[stream] = self._connection.last_insert_rowid()
        values[::6] = map(self._ids.__getitem__, streams)
        return values

    def resume(self) -> None:
        """Take back a transaction that was cut short, and look what is there.

        Raises
        ------
        RecordError
            If that fails: what is on the disk is not known then.
        """
        try:
            if self._connection.in_transaction:
                execute(self._connection, "rollback")
            self._learn_names()
        except apsw.Error as error:
            raise unwritable(self.path, error) from error

    def read(
        self, stream: str, after: Head, page_events: int = PAGE_EVENTS
    ) -> Iterator[Envelope]:
        """Yield the events behind ``after``, each checked against the one before it.

        No transaction stays open between two events.
        """
        previous = after
        while True:
            page = self._page(stream, previous.position, page_events)
            checked = self.checked(stream, previous, page)
            yield from checked
            if len(checked) < len(page):
                previous = Head(checked[-1].position, checked[-1].hash) if checked else previous
                raise damaged(
                    self.path,
                    stream,
                    previous.position + 1,
                    _fault(stream, previous, page[len(checked)]),
                )
            if len(page) < page_events:
                return
            previous = Head(checked[-1].position, checked[-1].hash)

    def checked(self, stream: str, previous: Head, page: list[Any]) -> list[Envelope]:
        """Return the events of ``page`` up to the first that is not what was written.

        A row is position, recorded_ns, crc, hash and payload. It is :func:`_fault` for many,
        without its calls: reading is what a start takes.
        """
        name, position = stream.encode(), previous.position
        linked = bytes.fromhex(previous.hash)
        checked: list[Envelope] = []
        for found, recorded_ns, crc, digest, payload in page:
            position += 1
            if not (type(recorded_ns) is int and type(digest) is bytes is type(payload)):
                break
            if found != position or crc != _crc(name, position, recorded_ns, digest, payload):
                break
            if digest != link(linked, name, position, payload):
                break
            linked = digest
            checked.append(Envelope(stream, position, payload, digest.hex(), recorded_ns))
        return checked

    def at(self, stream: str, position: int) -> Head:
        """Position and hash of the row at ``position``; the empty head before the first."""
        if position <= 0:
            return Head()
        page = self._page(stream, position - 1, 1)
        if not page or page[0][0] != position:
            raise damaged(self.path, stream, position, "this event is missing")
        return self._head(stream, position, page[0][3])

    def sound(self, stream: str, position: int) -> Envelope | None:
        """Return the first event at ``position`` or behind whose checksum fits; else ``None``.

        What it is chained to is not looked at: this says what the file was made to hold.
        """
        for found, recorded_ns, crc, digest, payload in self._page(stream, position - 1):
            is_row = type(digest) is bytes is type(payload) and type(recorded_ns) is int
            if is_row and crc == crc_of(stream, found, recorded_ns, digest, payload):
                return Envelope(stream, found, payload, digest.hex(), recorded_ns)
        return None

    def first(self, stream: str, position: int) -> Head:
        """Position and hash of the first row at ``position`` or behind it, unchecked.

        The empty head where there is none.
        """
        page = self._page(stream, position - 1, 1)
        return self._head(stream, page[0][0], page[0][3]) if page else Head()

    def _head(self, stream: str, position: Any, digest: Any) -> Head:
        if not isinstance(position, int):
            # Nobody can tell how far what is before it goes.
            raise damaged(self.path, stream, 1, "the position of a row is no number")
        if not isinstance(digest, bytes):
            raise damaged(self.path, stream, position, "its hash is no hash")
        return Head(position, digest.hex())

    def _page(self, stream: str, after: int, limit: int = PAGE_EVENTS) -> list[Any]:
        key = self._ids.get(stream)
        if key is None:
            return []
        try:
            return self._ask(_PAGE, (key, after, limit))
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise damaged(self.path, stream, after + 1, f"SQLite says {error}") from error
        except apsw.Error as error:
            raise unreadable(self.path, error) from error

    def integrity(self) -> str:
        """Answer of SQLite's own check of its pages: ``"ok"``, or the first complaint."""
        try:
            return " ".join(str(self._ask("pragma integrity_check(1)")[0][0]).split())
        except apsw.Error as error:
            return str(error)

    def move_ahead(self) -> None:
        """Begin a checkpoint, beside commits that go on: the rest of it will be short.

        The only call that another thread may make meanwhile.

        Raises
        ------
        RecordError
            If the disk fails. Anything else is left to ``checkpoint`` to find out.
        """
        self._mover.move()

    def checkpoint(self, *, final: bool = False) -> bool:
        """Move the write-ahead log into the database; True if all of it was moved.

        A reader in the middle of a page can hold a part back until the next time.
        """
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if final else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            frames, moved = self._connection.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            return False
        except apsw.Error as error:
            if is_full(error, self._connection.system_errno):
                raise no_room(self.path) from error
            raise unwritable(self.path, error) from error
        self.wal_pages = max(0, frames - moved)
        return frames == moved

    def close(self, *, checkpoint: bool = True) -> None:
        """Let go of the file; without ``checkpoint`` its write-ahead log is left alone."""
        self._mover.close()
        if checkpoint:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        with self._turn:
            self._asked.close()


def _fault(stream: str, previous: Head, found: Any) -> str:
    """Say what is wrong with a row that ought to follow ``previous``."""
    match found:
        case (int(position), int(recorded_ns), int(crc), bytes(digest), bytes(payload)):
            pass
        case _:
            return "a column is of another type"
    if position != previous.position + 1:
        return "this event is missing"
    if crc != crc_of(stream, position, recorded_ns, digest, payload):
        return "its checksum does not fit its content"
    if digest.hex() != chain(previous.hash, stream, position, payload):
        return "it does not follow from the one before"
    msg = f"event {position} of {stream!r} was taken for damaged, and it is not"
    raise InvariantError(msg)
