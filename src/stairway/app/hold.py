"""One process at a time works on a run.

The lock is the operating system's, on a file in the run's folder: it goes when the process
goes, by whatever means, so nothing is left to be cleared away.
"""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager

from stairway.app.folder import RunFolder
from stairway.base.errors import ConfigError


@contextmanager
def held(folder: RunFolder) -> Generator[None]:
    """Work on a run that nobody else is working on.

    Raises
    ------
    ConfigError
        If another process is.
    """
    with (folder.root / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"{folder.root} is being worked on by another process; wait until it is done"
            raise ConfigError(msg) from error
        yield
