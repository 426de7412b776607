"""All consumer groups beside a log on one machine, for whoever looks after them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from stairway.adapters.journal.asked import Asked
from stairway.adapters.journal.group_path import (
    damaged_group,
    group_path,
    groups_of,
    require_plain_group,
    unreadable_group,
)
from stairway.adapters.journal.layout import connect, execute
from stairway.adapters.journal.seals import LETTER, STATE, sealed, unsealed
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events.delivery import DeadLetter
from stairway.events.group import GroupState

_STATE = "select body, seal from state"


class GroupFiles:
    """The groups of the log in ``folder``: :class:`stairway.events.ports.Groups`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the names of all groups, sorted."""
        return tuple(sorted(path.stem for path in groups_of(self._folder).glob("*.db")))

    def state(self, name: str) -> GroupState:
        """Return what a group remembers."""
        return self._state(name, self._rows(name, _STATE))

    def letters(self, name: str) -> tuple[DeadLetter, ...]:
        """Return all dead letters of a group, the first one first, settled or not."""
        rows = self._rows(name, "select body, seal, id from dead order by id")
        letters = [unsealed(row[0], row[1], LETTER) for row in rows]
        whole = [one for one in letters if one is not None]
        if len(whole) < len(rows) or [row[2] for row in rows] != [*range(1, len(rows) + 1)]:
            raise self._damaged(name, "a dead letter is missing or was changed")
        return tuple(whole)

    def change(self, name: str, turn: Callable[[GroupState], GroupState]) -> None:
        """Change what a group remembers, alone, all or nothing."""
        path = self._path(name)
        try:
            with closing(connect(path, read_only=False)) as connection:
                execute(connection, "pragma synchronous = full")
                execute(connection, "begin immediate")
                after = turn(self._state(name, execute(connection, _STATE)))
                execute(connection, "update state set body = ?, seal = ?", sealed(after))
                execute(connection, "commit")
        except apsw.Error as error:
            raise unreadable_group(path, error) from error

    def close(self) -> None:
        """Nothing is held."""

    def _state(self, name: str, rows: list[Any]) -> GroupState:
        if len(rows) != 1:
            raise self._damaged(name, "it has lost its state")
        state = unsealed(rows[0][0], rows[0][1], STATE)
        if state is None:
            raise self._damaged(name, "its content does not fit its seal")
        return state

    def _rows(self, name: str, statement: str) -> list[Any]:
        path = self._path(name)
        try:
            with closing(Asked(path, read_only=True)) as asked:
                return asked.ask(statement)
        except apsw.Error as error:
            raise unreadable_group(path, error) from error

    def _path(self, name: str) -> Path:
        if name not in self.names():
            raise no_group(name, self.names())
        path = group_path(self._folder, name)
        require_plain_group(path)
        return path

    def _damaged(self, name: str, cause: str) -> DamagedLogError:
        return damaged_group(group_path(self._folder, name), cause)


def no_group(name: str, there: tuple[str, ...]) -> ConfigError:
    """Say which groups there are."""
    return ConfigError(
        f"no group {name!r} beside this log; there are: {', '.join(there) or 'none'}"
    )
