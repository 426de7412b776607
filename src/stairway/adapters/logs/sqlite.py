"""The record on one machine: :mod:`stairway.adapters.journal.log` as a plug-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from stairway.adapters.journal.log import open_folder, verify
from stairway.adapters.journal.settings import Settings
from stairway.events.ports import EventLog

__all__ = ["Config", "open_log", "verify"]


class Config(Settings, frozen=True, kw_only=True):
    """Options under ``[log]``."""


def open_log(
    folder: Path,
    config: Config,
    *,
    read_only: bool = False,
    clock_ns: Callable[[], int] = time.time_ns,
) -> EventLog:
    """Open the log in ``folder``; for writing, make it where there is none.

    Raises
    ------
    ConfigError
        If somebody else writes to it, or it cannot be opened as it is.
    DamagedLogError
        If anything in it is not what was written.
    DiskFullError
        If there is no room to start with.
    """
    return open_folder(folder, config, read_only=read_only, clock_ns=clock_ns)
