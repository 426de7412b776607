"""Open a file to read or to write it, and nothing that is none.

Whoever opens a pipe waits for what may never come, and a device may never end. So where a
run keeps its files, what is opened is looked at before anything is read or written.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

_MODE = 0o666
"""Of a file that is made; the umask takes from it."""


def read_plain(path: Path) -> bytes:
    """Return the bytes of a regular file; links are followed.

    Raises
    ------
    OSError
        If it cannot be opened or read, or is a pipe, a socket, a device or a folder.

    Examples
    --------
    >>> read_plain(Path("/dev/zero"))
    Traceback (most recent call last):
    OSError: [Errno 22] it is no regular file: '/dev/zero'
    """
    with os.fdopen(_opened(path, os.O_RDONLY), "rb") as file:
        return file.read()


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file to write it, made if it is not there; what it holds stays.

    Links are not followed: what is written here lies here.

    Raises
    ------
    OSError
        If it cannot be opened, or is a link, a pipe, a socket, a device or a folder.

    Examples
    --------
    >>> open_plain(Path("/dev/null"))
    Traceback (most recent call last):
    OSError: [Errno 22] it is no regular file: '/dev/null'
    """
    # Read and write, since a pipe without a reader would only say that there is no such
    # device.
    return os.fdopen(_opened(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW), "r+b")


def open_anew(path: Path) -> BinaryIO:
    """Open an empty file to write it, whatever a start that was killed left there.

    What is no regular file is taken away first; for names that nobody but us uses.

    Raises
    ------
    OSError
        If it cannot be opened, or a folder lies there, which is not taken away.
    """
    with suppress(FileNotFoundError):
        if not S_ISREG(path.lstat().st_mode):
            path.unlink()
    file = open_plain(path)
    try:
        file.truncate()
    except OSError:
        file.close()
        raise
    return file


def _opened(path: Path, how: int) -> int:
    handle = os.open(path, how | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return handle
