"""What an error of SQLite means to the person who has to do something about it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import apsw

from stairway.base.errors import (
    ConfigError,
    DamagedLogError,
    DiskFullError,
    InvariantError,
    RecordError,
    StairwayError,
)


def damaged(
    path: Path, stream: str, position: int, cause: str, log: Path | str | None = None
) -> DamagedLogError:
    """Name the place and the cause, and say what to do.

    ``log`` is the folder of the log where that is not the one that ``path`` lies in; of a
    log that a server keeps, its address.
    """
    folder = f"'{log}'" if isinstance(log, str) else log or path.parent
    return DamagedLogError(
        f"{path.name}: stream {stream!r}, position {position}: {cause}{trusted(position)}. "
        f"`stairway log verify {folder}` says how much is damaged, {way_out(folder)}",
        file=path.name,
        stream=stream,
        position=position,
    )


class Complaint(NamedTuple):
    """What is wrong with one of the databases of a log, or with what belongs to it.

    Attributes
    ----------
    said
        For people.
    file
        Name of the file that is damaged.
    stream
        The one that is; ``None`` where the file is, as a whole.
    """

    said: str
    file: str
    stream: str | None = None


def complaint(error: StairwayError, name: str) -> Complaint:
    """Say of what an error speaks that came up while the database ``name`` was read.

    Examples
    --------
    >>> complaint(damaged(Path("log/durable.db"), "fill", 7, "gone"), "durable.db").stream
    'fill'
    """
    if not isinstance(error, DamagedLogError):
        return Complaint(str(error), name)
    # What lies beside a database, as its -wal, is a part of it.
    file = (error.file or name).removesuffix("-wal").removesuffix("-shm")
    return Complaint(str(error), file, error.stream)


def trusted(position: int) -> str:
    """Say which events are whole where the one at ``position`` is not.

    Examples
    --------
    >>> trusted(8), trusted(1)
    ('; events before it can be trusted', '')
    """
    return "; events before it can be trusted" if position > 1 else ""


def way_out(folder: Path | str) -> str:
    """Say what can be done about a folder that is damaged, or about the archive of a server."""
    what = "archive" if isinstance(folder, str) else "folder"
    return (
        f"`stairway log export {folder} FILE` saves what is whole; then restore the {what} "
        "from a backup, or start a new one"
    )


def unreadable(path: Path, error: apsw.Error) -> ConfigError | DamagedLogError | RecordError:
    """Say what an error on opening or looking means to the operator."""
    match error:
        case apsw.CantOpenError() | apsw.PermissionsError() | apsw.ReadOnlyError():
            msg = f"{path} cannot be opened ({error}): check who may read and write its folder"
            return ConfigError(msg)
        case apsw.FullError():
            return no_room(path)
        case apsw.BusyError() | apsw.LockedError():
            msg = f"{path} is held by another program ({error}): close it there"
        case apsw.ThreadingViolationError():
            msg = f"{path} is used by two threads at once ({error}): give each its own"
        case apsw.ConnectionClosedError():
            msg = f"{path} is closed: open the log again to read it"
        case apsw.IOError():
            msg = f"the disk does not hand out {path} ({error}): look after the disk"
        case _:
            msg = f"{path} is no readable log ({error}): {way_out(path.parent)}"
            return DamagedLogError(msg, file=path.name)
    return RecordError(msg)


def no_room(path: Path) -> DiskFullError:
    """Say what to do about a full disk."""
    return DiskFullError(f"no room left to write {path}: free some space on that disk")


def no_room_to_look(path: Path) -> DiskFullError:
    """Say what to do where the disk is too full even to look at what is on it."""
    return DiskFullError(
        f"no room left beside {path} for what SQLite needs to look at it: free some space on "
        "that disk; what is recorded is not touched by this"
    )


def unwritable(path: Path, error: apsw.Error) -> RecordError:
    """Say that writing is over; after a failed fsync nobody knows what is on the disk."""
    return RecordError(
        f"{path} cannot be written ({error}): stop this process, look after the disk, and "
        "start again; what was acknowledged is kept"
    )


def closed() -> RecordError:
    """Say that a log is closed."""
    return RecordError("the log is closed: open it again to append or to read")


def ours(error: Exception) -> StairwayError:
    """Return an error of the writer's thread as one of ours."""
    if isinstance(error, StairwayError):
        return error
    broken = InvariantError(f"the log's writer failed: {error!r}")
    broken.__cause__ = error
    return broken


def again(error: StairwayError) -> StairwayError:
    """Copy an error of the writer's thread, to be raised by somebody else."""
    copy = type(error)(*error.args)
    copy.__cause__ = error
    return copy
