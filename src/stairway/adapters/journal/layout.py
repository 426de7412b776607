"""How a database file of the record is laid out, made and opened.

Tables
------
``about(name, value)``
    What this file is: its format, so that a file of another version is refused.
``stream(id, name)``
    Names of streams, written once.
``event(stream, position, recorded_ns, crc, hash, payload)``
    One row per event, in one tree keyed by stream and position. ``crc`` covers every
    other column, ``hash`` is the chain of :mod:`stairway.events.envelope`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import apsw

from stairway.adapters.journal import files
from stairway.adapters.journal.failures import unreadable, way_out
from stairway.base.errors import ConfigError, DamagedLogError

FORMAT = "1"
_BUSY_MS = 800
"""Whoever finds a database held is refused within a second, all told."""
_BESIDE = frozenset(
    {apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMMAP, apsw.SQLITE_IOERR_SHMOPEN}
)
SQLITE_FLOOR = (3, 51, 3)
"""Before it, two connections that write and checkpoint at once could corrupt a WAL file."""

_SCHEMA = (
    "create table about (name text primary key, value text not null) without rowid, strict",
    "create table stream (id integer primary key, name text not null unique) strict",
    """create table event (
        stream integer not null,
        position integer not null,
        recorded_ns integer not null,
        crc integer not null,
        hash blob not null,
        payload blob not null,
        primary key (stream, position)
    ) without rowid, strict""",
    f"insert into about values ('format', '{FORMAT}')",  # noqa: S608 -- a constant
)


def require_current_sqlite(version: str | None = None) -> None:
    """Refuse an SQLite that can corrupt what it writes.

    Examples
    --------
    >>> require_current_sqlite("3.51.3")
    >>> require_current_sqlite("3.9.2")
    Traceback (most recent call last):
    stairway.base.errors.ConfigError: SQLite 3.9.2 can corrupt a log; ...
    """
    found = apsw.sqlite_lib_version() if version is None else version
    if not tuple(int(part) for part in found.split(".")) >= SQLITE_FLOOR:
        floor = ".".join(map(str, SQLITE_FLOOR))
        msg = f"SQLite {found} can corrupt a log; {floor} or later is needed: upgrade apsw"
        raise ConfigError(msg)


def create(path: Path) -> None:
    """Make the file and its tables, or finish a creation that a crash cut short."""
    require_current_sqlite()
    try:
        _lay_out(path, _SCHEMA)
    except apsw.Error as error:
        raise unreadable(path, error) from error
    files.sync_folder(path.parent)


def create_aside(path: Path, statements: Sequence[str]) -> None:
    """Make a file that several processes may want to make at once.

    Each makes its own and puts it in place whole; the first one to do so wins.
    """
    require_current_sqlite()
    aside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        _lay_out(aside, statements)
        with suppress(FileExistsError):
            os.link(aside, path)
    except apsw.Error as error:
        raise unreadable(path, error) from error
    finally:
        # All that was laid out is in the database itself; the other two are empty.
        for suffix in ("", "-wal", "-shm"):
            aside.with_name(aside.name + suffix).unlink(missing_ok=True)
    files.sync_folder(path.parent)


def _lay_out(path: Path, statements: Sequence[str]) -> None:
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    # Somebody may be looking already, whether there is something to read.
    connection.set_busy_timeout(_BUSY_MS)
    try:
        if execute(connection, "select count(*) from sqlite_schema")[0][0] > 0:
            return
        # EXTRA also syncs the folder after a rollback journal goes: under less, a power
        # cut just after creation could take the whole file along.
        execute(connection, "pragma synchronous = extra")
        execute(connection, "pragma journal_mode = wal")
        execute(connection, "begin immediate")
        for statement in statements:
            execute(connection, statement)
        execute(connection, "commit")
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        connection.close()


def require_own(path: Path, ask: Callable[[str], list[Any]]) -> None:
    """Refuse a file that holds other tables, views, triggers or indices than were made here.

    A trigger changes what is written, and a view stands where a table is looked for. ``ask``
    runs a statement on the file.

    Raises
    ------
    DamagedLogError
        If it does; the first such object is named.
    """
    try:
        found = _objects(ask)
    except apsw.Error as error:
        raise unreadable(path, error) from error
    ours = _expected()
    for kind, name in sorted({*found, *ours}):
        is_same = found.get((kind, name)) == ours.get((kind, name))
        if not is_same:
            what = (
                f"lacks its {kind} {name!r}"
                if (kind, name) not in found
                else f"holds a {kind} {name!r} that is not laid out as Stairway does"
                if (kind, name) in ours
                else f"holds a {kind} {name!r} that Stairway did not make"
            )
            msg = f"{path} {what}: {way_out(path.parent)}"
            raise DamagedLogError(msg, file=path.name)


def _objects(ask: Callable[[str], list[Any]]) -> dict[tuple[str, str], str]:
    found = ask("select type, name, sql from sqlite_schema")
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in found}


@cache
def _expected() -> dict[tuple[str, str], str]:
    connection = apsw.Connection(":memory:")
    try:
        for statement in _SCHEMA:
            execute(connection, statement)
        return _objects(partial(execute, connection))
    finally:
        connection.close()


def connect(path: Path, *, read_only: bool, at_rest: bool = False) -> apsw.Connection:
    """Open a file that is there.

    On a medium that nobody can write to, SQLite cannot make the files it coordinates
    with, and needs to be told that it does not have to, as the file is ``at_rest``: whatever
    it answers has to be held against that (see :mod:`~.asked`).
    """
    name, flags = str(path), apsw.SQLITE_OPEN_READWRITE
    if read_only:
        flags = apsw.SQLITE_OPEN_READONLY
    if at_rest:
        name, flags = (
            f"{path.absolute().as_uri()}?immutable=1",
            apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
    connection = apsw.Connection(name, flags=flags)
    connection.set_busy_timeout(_BUSY_MS)
    # Or a log that is refused would be changed by letting go of it.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    execute(connection, "pragma cell_size_check = on")
    execute(connection, "pragma trusted_schema = off")
    return connection


def execute(connection: Any, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """Run one statement to its end: a pragma otherwise stops at its first row.

    Raises
    ------
    apsw.Error
        Also where a text is no text: SQLite hands out what it finds.
    """
    try:
        return connection.execute(statement, values).fetchall()
    except UnicodeDecodeError as error:
        msg = f"a text in it is no text: {error}"
        raise apsw.CorruptError(msg) from error


def is_full(error: apsw.Error, cause: int) -> bool:
    """Say whether an error of a connection, caused by this errno, means a lack of room.

    A quota, or a limit on how large a file may get, is no failing disk: SQLite reports both as
    a write that failed. A sync that failed is one, whatever the reason.

    Examples
    --------
    >>> import errno
    >>> is_full(apsw.FullError(), 0), is_full(apsw.IOError(), errno.ENOSPC)
    (True, False)
    """
    if isinstance(error, apsw.FullError):
        return True
    is_write = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE
    return is_write and files.is_no_room(OSError(cause, ""))


def is_no_room_beside(error: apsw.Error, cause: int) -> bool:
    """Say whether an error of a connection, caused by this errno, is for want of its ``-shm``.

    Examples
    --------
    >>> import errno
    >>> error = apsw.CantOpenError()
    >>> is_no_room_beside(error, errno.ENOSPC), is_no_room_beside(error, errno.EACCES)
    (True, False)
    """
    result = getattr(error, "extendedresult", 0)
    is_beside = isinstance(error, apsw.CantOpenError) or result in _BESIDE
    return is_beside and files.is_no_room(OSError(cause, ""))
