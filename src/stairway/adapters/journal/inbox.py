"""Effects that happen once, though events are delivered more often than that.

The consumer keeps its effects in an SQLite database of its own. Which events it has dealt
with is kept in the same database and committed in the same transaction, so a crash leaves
both or neither; the acknowledgement comes after, and when it is lost the event comes back
and is found to be done.

Tables
------
``inbox(consumers, stream, position, hash)``
    What was dealt with, by the name of the group. The rest of the file is the consumer's.
"""

from __future__ import annotations

import stat
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import apsw

from stairway.adapters.journal.failures import unreadable
from stairway.adapters.journal.files import other_kind, sync_folder
from stairway.adapters.journal.layout import connect, create_aside, execute
from stairway.adapters.journal.turn import alone
from stairway.base.errors import ConfigError, DamagedLogError, InvariantError, RecordError
from stairway.events.envelope import Envelope
from stairway.events.streams import is_durable

_SCHEMA = """create table inbox (
    consumers text not null,
    stream text not null,
    position integer not null,
    hash blob not null,
    primary key (consumers, stream, position)
) without rowid, strict"""
_COLUMNS = ["consumers", "stream", "position", "hash"]
_LAID_OUT = "select name from pragma_table_info('inbox') order by cid"
_FIND = "select hash from inbox where consumers = ? and stream = ? and position = ?"
_DONE = "insert or replace into inbox values (?, ?, ?, ?)"


class Inbox:
    """A consumer's database, made with ``schema`` where there is none. One thread's own.

    Raises
    ------
    ConfigError
        If something else lies there (a folder, a pipe, a file of another kind), or ``schema``
        cannot be carried out.
    DamagedLogError
        If it is damaged; also of ``once`` and ``look``.
    RecordError
        If the disk fails.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> folder = TemporaryDirectory()
    >>> inbox = Inbox(Path(folder.name) / "desk.db", ["create table filled (lots integer)"])
    >>> fill = Envelope("fill", 1, b"100 lots", "0" * 64, 0)
    >>> for _ in range(10):
    ...     with inbox.once("desk", fill) as db:
    ...         if db is not None:
    ...             _ = db.execute("insert into filled values (100)")
    >>> inbox.look("select sum(lots) from filled")
    [(100,)]
    >>> inbox.close()
    >>> folder.cleanup()
    """

    def __init__(self, path: Path, schema: Sequence[str] = ()) -> None:
        self._path = path
        what = other_kind(path.resolve(), stat.S_IFREG)
        if what is not None:
            raise _no_inbox(path, f"it is {what}")
        if not path.exists():
            _require_valid(path, schema)
            create_aside(path, (_SCHEMA, *schema))
        sync_folder(path.parent)
        try:
            self._connection = connect(path, read_only=False)
        except apsw.Error as error:
            raise _said(path, error) from error
        with ExitStack() as undo:
            undo.callback(self.close)
            try:
                self._begin()
            except apsw.Error as error:
                raise _said(path, error) from error
            undo.pop_all()

    def _begin(self) -> None:
        found = [name for (name,) in execute(self._connection, _LAID_OUT)]
        if found != _COLUMNS:
            cause = "its table 'inbox' is laid out otherwise" if found else "it lacks its table"
            raise _no_inbox(self._path, cause if self._path.stat().st_size else "it is empty")
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        execute(self._connection, "pragma synchronous = full")

    @contextmanager
    def once(self, consumers: str, envelope: Envelope) -> Generator[apsw.Connection | None]:
        """Hand out the database to write an effect into, or ``None`` where it was done.

        The effect is committed at the end of the block, together with the note that it is
        done. If the block raises, neither is; do not commit inside it.

        Raises
        ------
        DamagedLogError
            If another event of that place was dealt with: the log is not the same. Or if this
            database is damaged.
        DiskFullError
            If there is no room. Nothing was committed.
        RecordError
            If somebody else holds the database for a second, or the disk fails.
        """
        try:
            with alone(self._path, self._connection):
                if self._is_done(consumers, envelope):
                    yield None
                else:
                    yield self._connection
                    self._note(consumers, envelope)
        except _NOT_THE_CALLERS as error:
            raise _said(self._path, error) from error

    def _is_done(self, consumers: str, envelope: Envelope) -> bool:
        key = (consumers, envelope.stream, envelope.position)
        found = execute(self._connection, _FIND, key)
        if not found:
            return False
        if found[0][0] == bytes.fromhex(envelope.hash):
            return True
        if not is_durable(envelope.stream):
            # A power cut took the event that was dealt with; another has its place.
            return False
        msg = (
            f"{self._path} has dealt with another event {envelope.position} of "
            f"{envelope.stream!r} than the one in this log: the log was replaced, or is "
            "another one; use the log that this consumer belongs to"
        )
        raise DamagedLogError(msg)

    def _note(self, consumers: str, envelope: Envelope) -> None:
        if not self._connection.in_transaction:
            msg = "the effect was committed inside `once`, without the note that it is done"
            raise InvariantError(msg)
        digest = bytes.fromhex(envelope.hash)
        place = (consumers, envelope.stream, envelope.position, digest)
        execute(self._connection, _DONE, place)
        execute(self._connection, "commit")

    def look(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        try:
            return execute(self._connection, statement, values)
        except _NOT_THE_CALLERS as error:
            raise _said(self._path, error) from error

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close(force=True)


_NOT_THE_CALLERS = (
    apsw.BusyError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.IOError,
    apsw.NotADBError,
)
"""Errors that no statement of a consumer's own is the reason of."""


def _require_valid(path: Path, schema: Sequence[str]) -> None:
    """Refuse what SQLite does not take for a schema, before there is a file."""
    with closing(apsw.Connection(":memory:")) as trial:
        execute(trial, _SCHEMA)
        for statement in schema:
            try:
                execute(trial, statement)
            except apsw.Error as error:
                msg = (
                    f"{path} is not made: SQLite does not take {statement!r} of its schema "
                    f"({error}); correct that statement"
                )
                raise ConfigError(msg) from error


def _said(path: Path, error: apsw.Error) -> ConfigError | DamagedLogError | RecordError:
    """Say what an error of SQLite means to whoever has this inbox."""
    match error:
        case apsw.NotADBError():
            return _no_inbox(path, f"it is no database ({error})")
        case apsw.CorruptError():
            msg = (
                f"{path}, the inbox of a consumer, is damaged ({error}): restore it from a "
                "backup; or move it away, and let a group of a new name go through the log "
                "from its first event, which does all of it anew in a new inbox"
            )
            return DamagedLogError(msg, file=path.name)
        case apsw.ConnectionClosedError():
            return RecordError(f"{path} is closed: make the Inbox again to use it")
        case _:
            return unreadable(path, error)


def _no_inbox(path: Path, cause: str) -> ConfigError:
    return ConfigError(
        f"{path} is not the database of a consumer: {cause}; give the file that it was made "
        "as, or a name that is free"
    )
