"""Where the file of a group lies, and what is said where something else does.

A group is no part of the record: without its file it begins again at the first event, which
is what inboxes are for. So the way out of what is wrong with it is another than a log's.
"""

from __future__ import annotations

import stat
from pathlib import Path

import apsw

from stairway.adapters.journal.failures import unreadable
from stairway.adapters.journal.files import other_kind
from stairway.base.errors import ConfigError, DamagedLogError, RecordError

_FOLDER = "groups"
_ENDS = ("", "-wal", "-shm")


def groups_of(folder: Path) -> Path:
    """Folder of the groups beside the log in ``folder``."""
    return folder / _FOLDER


def group_path(folder: Path, name: str) -> Path:
    """File of one group of the log in ``folder``."""
    return groups_of(folder) / f"{name}.db"


def require_plain_group(path: Path) -> None:
    """Refuse what is neither a plain file nor nothing, before SQLite waits for it.

    Raises
    ------
    DamagedLogError
        If there is a folder, a link, a pipe or the like.
    """
    for end in _ENDS:
        beside = path.with_name(path.name + end)
        what = other_kind(beside, stat.S_IFREG)
        if what is not None:
            raise damaged_group(beside, f"it is {what}, and a group has a plain file there")


def damaged_group(path: Path, cause: str) -> DamagedLogError:
    """Name the file and the cause, and say how the group goes on.

    Examples
    --------
    >>> str(damaged_group(Path("groups/desk.db"), "it has lost its state"))[:49]
    'groups/desk.db: it has lost its state; move the f'
    """
    return DamagedLogError(
        f"{path}: {cause}; move the file away and the group begins again at the first event "
        "(inboxes keep effects from happening twice)"
    )


def unreadable_group(
    path: Path, error: apsw.Error
) -> ConfigError | DamagedLogError | RecordError:
    """Say what an error of SQLite means to whoever uses the group."""
    found = unreadable(path, error)
    if isinstance(found, DamagedLogError):
        return damaged_group(path, f"it is no readable file of a group ({error})")
    return found
