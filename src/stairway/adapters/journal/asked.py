"""A connection that answers, also where SQLite has to be told that nobody writes.

It is told so where it can make no file beside the database, as it may not or the disk is full,
and then takes no lock and looks at no write-ahead log. If a writer comes after all, what it
answers is wrong or no answer: the file is opened anew then, and asked again (see
:mod:`~.rest`). What answers are held against is the look for which SQLite was told so, so
nothing is asked again but where somebody changed it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from stairway.adapters.journal.failures import no_room_to_look
from stairway.adapters.journal.layout import connect, execute, is_no_room_beside
from stairway.adapters.journal.rest import Rest, rest_of


class Asked:
    """The database at ``path``, for one thread at a time.

    Attributes
    ----------
    connection
        The one in use; a reader's may be another one after each answer.

    Raises
    ------
    apsw.Error
        If it cannot be opened.
    DiskFullError
        If there is no room to look at it, and it is not at rest.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._open()

    def _open(self) -> None:
        # Looked at first: whatever changes from now on is noticed.
        found = rest_of(self._path) if self._read_only else None
        self._told: Rest | None = None if os.access(self._path.parent, os.W_OK) else found
        self._connect()
        if self._told is None and found is not None and not self._has_room():
            self.connection.close(force=True)
            self._told = found
            self._connect()

    def _connect(self) -> None:
        self.connection = connect(
            self._path, read_only=self._read_only, at_rest=self._told is not None
        )

    def _has_room(self) -> bool:
        """Say whether SQLite can make what it needs beside the database."""
        try:
            execute(self.connection, "select count(*) from sqlite_schema")
        except apsw.Error as error:
            if self._is_for_want_of_room(error):
                return False
            self.connection.close(force=True)
            raise
        return True

    def _is_for_want_of_room(self, error: apsw.Error) -> bool:
        return is_no_room_beside(error, self.connection.system_errno)

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query.

        Raises
        ------
        apsw.Error
            If it cannot be answered.
        DiskFullError
            If there is no room for it.
        """
        while self._told is not None:
            found = self._answer(statement, values)
            if rest_of(self._path) == self._told:
                if isinstance(found, apsw.Error):
                    raise found
                return found
            self.connection.close(force=True)
            self._open()
        try:
            return execute(self.connection, statement, values)
        except apsw.Error as error:
            if self._is_for_want_of_room(error):
                raise no_room_to_look(self._path) from error
            raise

    def close(self) -> None:
        """Let go of the file: nothing opens it anew."""
        self._told = None
        self.connection.close(force=True)

    def _answer(self, statement: str, values: Sequence[Any]) -> list[Any] | apsw.Error:
        try:
            return execute(self.connection, statement, values)
        except apsw.Error as error:
            return error
