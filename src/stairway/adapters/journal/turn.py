"""One change of a small database that several processes share: alone, all or nothing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from stairway.adapters.journal.failures import no_room, unwritable
from stairway.adapters.journal.layout import execute, is_full


@contextmanager
def alone(
    path: Path, connection: apsw.Connection, begin: str = "begin immediate"
) -> Generator[None]:
    """Begin for the block, which commits; what it left uncommitted is taken back.

    Raises
    ------
    DiskFullError
        If there is no room. Nothing was committed.
    RecordError
        If the disk fails; ``connection`` is closed then.
    apsw.Error
        Whatever else SQLite says of it.
    """
    try:
        execute(connection, begin)
        try:
            yield
        finally:
            if connection.in_transaction:
                execute(connection, "rollback")
    except (apsw.FullError, apsw.IOError) as error:
        if is_full(error, connection.system_errno):
            raise no_room(path) from error
        # After a failed sync nobody knows what is on the disk.
        connection.close(force=True)
        raise unwritable(path, error) from error
