"""An engine of the log, and what it has to be told.

How a log is paced on this machine is in ``[log]`` of the policy; how it reaches an engine
elsewhere is in the record file (``policies/record.toml``, or the copy that ``STAIRWAY_RECORD``
names), a table for each engine. The first decides nothing that a run records and is kept with
it all the same; the second may differ from machine to machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from stairway.app import plugins
from stairway.app.tables import read
from stairway.base.config import Config
from stairway.base.errors import ConfigError

SHIPPED = "record"
VARIABLE = "STAIRWAY_RECORD"
"""Name of the environment variable that names a record file of one's own."""


def wired(engine: str, log: Config | Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the plug-in of ``engine``, and its settings.

    Parameters
    ----------
    log
        ``[log]`` of the policy.

    Raises
    ------
    ConfigError
        If the record file is not there, or has a key that is unknown, missing or out of range.

    Examples
    --------
    >>> from stairway.testing.log import small_settings
    >>> wired("redis", small_settings())[1].batch_events
    500
    """
    plugin = plugins.load("logs", engine)
    name = os.environ.get(VARIABLE) or SHIPPED
    tables = read("record file", name, [SHIPPED])
    strangers = sorted(set(tables) - set(plugins.names("logs")))
    if strangers:
        known = ", ".join(plugins.names("logs"))
        msg = f"record file {name!r} has [{strangers[0]}], and no engine of that name: {known}"
        raise ConfigError(msg)
    words = cast("dict[str, Any]", msgspec.to_builtins(log)) | tables.get(engine, {})
    try:
        return plugin, msgspec.convert(words, plugin.Config)
    except msgspec.ValidationError as error:
        msg = (
            f"record file {name!r}, [{engine}]: {error}; policies/record.toml has every key "
            "with its unit"
        )
        raise ConfigError(msg) from error
