"""Read a file whole, and nothing that is none.

Whoever opens a pipe waits for what may never come, and a device may never end.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from stat import S_ISREG


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
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    with os.fdopen(handle, "rb") as file:
        return file.read()
