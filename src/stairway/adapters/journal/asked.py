"""A connection that answers, also where SQLite has to be told that nobody writes.

It is told so where it can make no file beside the database, and then takes no lock and looks
at no write-ahead log. If a writer comes after all, what it answers is wrong or no answer: the
file is opened anew then, and asked again (see :mod:`~.rest`). What answers are held against is
the look for which SQLite was told so, so nothing is asked again but where somebody changed it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from stairway.adapters.journal.layout import connect, execute
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
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._open()

    def _open(self) -> None:
        # Looked at first: whatever changes from now on is noticed.
        is_told = self._read_only and not os.access(self._path.parent, os.W_OK)
        self._told: Rest | None = rest_of(self._path) if is_told else None
        self.connection = connect(
            self._path, read_only=self._read_only, at_rest=self._told is not None
        )

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query.

        Raises
        ------
        apsw.Error
            If it cannot be answered.
        """
        while self._told is not None:
            found = self._answer(statement, values)
            if rest_of(self._path) == self._told:
                if isinstance(found, apsw.Error):
                    raise found
                return found
            self.connection.close(force=True)
            self._open()
        return execute(self.connection, statement, values)

    def close(self) -> None:
        """Let go of the file: nothing opens it anew."""
        self._told = None
        self.connection.close(force=True)

    def _answer(self, statement: str, values: Sequence[Any]) -> list[Any] | apsw.Error:
        try:
            return execute(self.connection, statement, values)
        except apsw.Error as error:
            return error
