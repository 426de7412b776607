"""Where a proof is to lie: looked at before the work, which may take minutes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from stairway.app.folder import write_whole


def require_place(folder: Path) -> None:
    """Refuse a folder that cannot be written; what was made for the trial is taken away.

    Raises
    ------
    ConfigError
        If there is no room or no permission.

    Examples
    --------
    >>> require_place(Path("/proc/proof"))
    Traceback (most recent call last):
    ...
    stairway.base.errors.ConfigError: cannot write /proc/proof/.writable: No such file or \
directory; put that right, then give the same command again
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    trial = folder / ".writable"
    try:
        write_whole(trial, b"", shared=True)
    finally:
        for take_away in (trial.unlink, *(one.rmdir for one in made)):
            with suppress(OSError):
                take_away()
