"""All consumer groups of a shared log, for whoever looks after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from stairway.adapters.journal.group_files import no_group
from stairway.adapters.journal.seals import LETTER, STATE, sealed, unsealed
from stairway.adapters.ledger.line import Line, Link
from stairway.base.errors import DamagedLogError
from stairway.events.delivery import DeadLetter
from stairway.events.group import GroupState

_NAMES: Final = "select name from stairway.consumer_group where log = %b order by name"
_LOOK: Final = "select body, seal from stairway.consumer_group where log = %b and name = %b"
_LOCK: Final = """
    select body, seal from stairway.consumer_group where log = %b and name = %b for update"""
_KEEP: Final = """
    update stairway.consumer_group set body = %b, seal = %b where log = %b and name = %b"""
_DEAD: Final = """
    select body, seal, number from stairway.dead_letter
    where log = %b and group_name = %b order by number"""


class GroupRows:
    """The groups of one log: :class:`stairway.events.ports.Groups`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._log = line.address.log

    def names(self) -> tuple[str, ...]:
        """Return the names of all groups, sorted."""
        with self._line.turn() as link:
            return tuple(row[0] for row in link.execute(_NAMES, (self._log,)).fetchall())

    def state(self, name: str) -> GroupState:
        """Return what a group remembers."""
        with self._line.turn() as link:
            row = link.execute(_LOOK, (self._log, name), binary=True).fetchone()
        return self._opened(name, row)

    def letters(self, name: str) -> tuple[DeadLetter, ...]:
        """Return all dead letters of a group, the first one first, settled or not."""
        with self._line.turn() as link:
            rows = link.execute(_DEAD, (self._log, name), binary=True).fetchall()
        letters = [unsealed(row[0], row[1], LETTER) for row in rows]
        whole = [one for one in letters if one is not None]
        if len(whole) < len(rows) or [row[2] for row in rows] != [*range(1, len(rows) + 1)]:
            raise self._damaged(name, "a dead letter is missing or was changed")
        return tuple(whole)

    def change(self, name: str, turn: Callable[[GroupState], GroupState]) -> None:
        """Change what a group remembers, alone, all or nothing."""
        with self._line.turn() as link, link.transaction():
            state = turn(self._opened(name, self._locked(link, name)))
            link.execute(_KEEP, (*sealed(state), self._log, name))

    def close(self) -> None:
        """Let go of the connection."""
        self._line.close()

    def _locked(self, link: Link, name: str) -> Any:
        return link.execute(_LOCK, (self._log, name), binary=True).fetchone()

    def _opened(self, name: str, row: Any) -> GroupState:
        if row is None:
            raise no_group(name, self.names())
        state = unsealed(row[0], row[1], STATE)
        if state is None:
            raise self._damaged(name, "its content does not fit its seal")
        return state

    def _damaged(self, name: str, cause: str) -> DamagedLogError:
        return DamagedLogError(
            f"group {name!r} of {self._line.address}: {cause}; begin again at the first event "
            "with a group of another name (inboxes keep effects from happening twice)"
        )
