"""One process at a time works on a run.

The lock is the operating system's, on a file in the run's folder: it goes when the process
goes, by whatever means, so nothing is left to be cleared away.
"""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stairway.app.folder import RunFolder
from stairway.app.plain_file import open_plain
from stairway.base.errors import ConfigError


@contextmanager
def held(folder: RunFolder) -> Generator[None]:
    """Work on a run that nobody else is working on.

    Raises
    ------
    ConfigError
        If another process is, the lock cannot be a file, or files cannot be locked there.
    """
    with _opened(folder.root / ".lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"{folder.root} is being worked on by another process; wait until it is done"
            raise ConfigError(msg) from error
        except OSError as error:
            msg = (
                f"{folder.root / '.lock'} cannot be locked ({error.strerror}), so nobody can "
                "tell whether another process works there; put the run where locks are kept"
            )
            raise ConfigError(msg) from error
        yield


def _opened(lock: Path) -> BinaryIO:
    try:
        return open_plain(lock)
    except OSError as error:
        msg = (
            f"{lock} cannot be opened ({error.strerror}); it must be a plain file that can be "
            "written, which a run makes for itself: take away what lies there, then give the "
            "same command again"
        )
        raise ConfigError(msg) from error
