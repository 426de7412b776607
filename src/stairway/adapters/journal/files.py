"""Plain files that must survive a power cut, and the two that guard a folder.

A file is only as durable as the directory entry that names it, so whatever is created
or replaced here is followed by an ``fsync`` of its directory. The lock makes sure that
there is one writer; the ballast is room set aside for the moment the disk is full.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from stairway.adapters.journal.failures import way_out
from stairway.base.errors import ConfigError, DamagedLogError, DiskFullError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(path: Path) -> None:
    """Make ``path`` and what is missing above it, so that it survives a power cut.

    Its own name is made sure of also where it is there: whoever made it may have been killed
    before he came to that.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in (path, *missing):
        sync_folder(folder.parent)


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` so that a crash leaves the old file or the new one.

    Raises
    ------
    OSError
        If it cannot be written, or a folder lies where it is made ready (``path`` with
        ``.new``). Whatever else lies there is taken away: one who was killed left it.
    """
    fresh = path.with_name(f"{path.name}.new")
    # Never opened: a pipe is waited for without end, and a link leads to somebody's file.
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(path)
    sync_folder(path.parent)


def require_plain(paths: Iterable[Path], log: Path) -> None:
    """Refuse what is neither a plain file nor nothing, before anybody reads from it.

    A pipe would be waited for without end, and a link leads out of what is backed up.

    Raises
    ------
    DamagedLogError
        If there is a folder, a link, a pipe or the like; ``log`` is the folder it belongs to.
    """
    for path in paths:
        _require(path, stat.S_IFREG, "a plain file", log)


def require_folders(paths: Iterable[Path], log: Path) -> None:
    """Refuse what is neither a folder nor nothing, as ``require_plain`` does.

    Raises
    ------
    DamagedLogError
        If there is something else.
    """
    for path in paths:
        _require(path, stat.S_IFDIR, "a folder", log)


_KINDS = {
    stat.S_IFREG: "a plain file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def other_kind(path: Path, wanted: int) -> str | None:
    """Say what lies at ``path``; ``None`` where that is of the wanted kind, or nothing is.

    Examples
    --------
    >>> other_kind(Path("/"), stat.S_IFREG), other_kind(Path("/"), stat.S_IFDIR)
    ('a folder', None)
    """
    try:
        found = stat.S_IFMT(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if found == wanted else _KINDS.get(found, "a device")


def _require(path: Path, wanted: int, name: str, log: Path) -> None:
    what = other_kind(path, wanted)
    if what is not None:
        msg = f"{path} is {what}, and a log has {name} there: {way_out(log)}"
        raise DamagedLogError(msg, file=path.name)


def is_no_room(error: OSError) -> bool:
    """Return True where ``error`` means that there is no room left for this process.

    Examples
    --------
    >>> is_no_room(OSError(28, "No space left on device")), is_no_room(OSError(5, "I/O"))
    (True, False)
    """
    return error.errno in _NO_ROOM


class Lock:
    """Exclusive right to write to a folder; the kernel takes it back from the dead.

    ``log`` is the folder of the log where that is not the one that ``path`` lies in.

    Raises
    ------
    ConfigError
        If somebody holds it.
    DamagedLogError
        If something else than a file lies there.
    """

    def __init__(self, path: Path, log: Path | None = None) -> None:
        require_plain([path], log or path.parent)
        self.released = False
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            owner = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            self.release()
            msg = (
                f"the log in {path.parent} is being written by process {owner}; a log has one "
                "writer: stop that process, or open the log with read_only=True"
            )
            raise ConfigError(msg) from error
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let somebody else write."""
        if not self.released:
            self.released = True
            os.close(self._fd)


class Ballast:
    """A file that holds nothing but room, to be given up when the disk is full."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def load(self) -> None:
        """Set the room aside.

        Raises
        ------
        DiskFullError
            If there is not enough of it. Nothing is left behind.
        """
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            if self._size_bytes > 0:
                os.posix_fallocate(fd, 0, self._size_bytes)
        except OSError as error:
            self.drop()
            if not is_no_room(error):
                raise
            msg = (
                f"no room for the ballast of {self._size_bytes} bytes in {self._path.parent}: "
                "free some space on that disk, or set [log] ballast_bytes lower"
            )
            raise DiskFullError(msg) from error
        finally:
            os.close(fd)

    def drop(self) -> None:
        """Give the room up."""
        self._path.unlink(missing_ok=True)
