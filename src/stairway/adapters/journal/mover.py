"""Checkpoints beside commits: the long part, on a connection of its own.

Moving the write-ahead log into the database takes longer than a commit does, so a thread
with time begins it while others commit. What it leaves is moved between two commits, and
only there is it known how far that came.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from stairway.adapters.journal.failures import unwritable
from stairway.adapters.journal.layout import connect, execute, is_full


class Mover:
    """Begins checkpoints of the database at ``path``; for one thread at a time.

    ``sync`` is the ``synchronous`` that its commits are made under.
    """

    def __init__(self, path: Path, sync: str) -> None:
        self._path = path
        self._sync = sync
        self._connection: apsw.Connection | None = None

    def move(self) -> None:
        """Move what can be moved now, and no more: there is no promise that anything is.

        Raises
        ------
        RecordError
            If the disk fails: after a failed sync nobody knows what is on it. Whatever else
            goes wrong is left to the next checkpoint to find out.
        """
        try:
            if self._connection is None:
                self._connection = self._connected()
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.IOError as error:
            cause = 0 if self._connection is None else self._connection.system_errno
            if not is_full(error, cause):
                raise unwritable(self._path, error) from error
        except apsw.Error:
            return

    def _connected(self) -> apsw.Connection:
        connection = connect(self._path, read_only=False)
        try:
            execute(connection, f"pragma synchronous = {self._sync}")
            # Or the checkpoint finds no write-ahead log to move.
            execute(connection, "select count(*) from about")
        except apsw.Error:
            connection.close(force=True)
            raise
        return connection

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close(force=True)
