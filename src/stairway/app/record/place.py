"""Where a log lies: a run's folder, a log's own folder, or the URL of an engine."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import msgspec

from stairway.adapters.journal.archive import OPTION, archive_of
from stairway.app import plugins
from stairway.app.plain_file import read_plain
from stairway.app.record.wiring import wired
from stairway.base.errors import ConfigError
from stairway.events.ports import EventLog

EMBEDDED = "sqlite"
VARIABLE = "STAIRWAY_LOG"
"""Name of the environment variable that carries a URL with its secrets."""

_ALSO = {"rediss": "redis", "postgres": "postgresql"}
_LIKE_A_URL = re.compile(r"(sqlite|rediss?|postgres(ql)?):", re.IGNORECASE)
_FORM = "write redis://USER:PASSWORD@HOST:PORT/0?log=NAME or postgresql://USER@HOST/DB?log=NAME"
_SHOWN = frozenset({"log", "writers", "wait_ms", "host", OPTION})
_FILES = ("durable.db", "durable.mark", "telemetry.db", "telemetry.mark")


@dataclass(frozen=True, slots=True)
class Place:
    """A log that can be opened.

    Attributes
    ----------
    folder
        Of the embedded log; ``None`` for an engine elsewhere.
    url
        Of an engine elsewhere, with whatever secret it carries; never shown.
    sent_to
        URL of an engine that is sent what lies in ``folder``, where it is the log of a run
        that says so; never shown.
    """

    folder: Path | None
    url: str | None = None
    sent_to: str | None = None

    @property
    def engine(self) -> str:
        """File in ``adapters/logs`` that opens it."""
        return EMBEDDED if self.url is None else scheme(self.url)

    def __str__(self) -> str:
        """Name it without its password."""
        return str(self.folder) if self.url is None else shown(self.url)

    def __repr__(self) -> str:
        """Name it without its password."""
        return f"Place({self})"


def split(url: str) -> SplitResult:
    """Take a URL apart.

    Raises
    ------
    ConfigError
        If it is none, or a password may have come to lie where nobody looks for one: behind
        an unescaped ``/``, ``#`` or ``?``. The sentence does not repeat it.

    Examples
    --------
    >>> split("redis://app:se%2Fcret@localhost/0").password
    'se%2Fcret'
    """
    try:
        parts = urlsplit(url)
        # What is no port may be a password.
        _ = parts.port
    except ValueError:
        msg = f"the address of the log cannot be read: {_FORM}"
        raise ConfigError(msg) from None
    if parts.scheme != EMBEDDED and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        msg = (
            "the address of the log has an @ behind its host: write / # ? @ as %2F %23 %3F "
            f"%40 where they are part of a word ({_FORM})"
        )
        raise ConfigError(msg)
    return parts


def scheme(url: str) -> str:
    """Engine that a URL names.

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> scheme("sqlite:///var/log")
    'sqlite'
    >>> scheme("rediss://localhost:6379/0")
    'redis'
    """
    said = split(url).scheme
    name = _ALSO.get(said, said)
    if name not in plugins.names("logs"):
        known = ", ".join(f"{one}://" for one in plugins.names("logs"))
        whose = shown(url) if said else "this address"
        msg = f"{whose} names no engine of the log; there are: {known}"
        raise ConfigError(msg)
    return name


def shown(url: str) -> str:
    """Write a URL without its password, or anything else that may be one.

    Examples
    --------
    >>> shown("redis://app:secret@localhost:6379/0?log=pair-1&password=x")
    'redis://app@localhost:6379/0?log=pair-1'
    """
    parts = split(url)
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    kept = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k in _SHOWN], safe="/")
    return f"{parts.scheme}://{user}{host}{parts.path}" + (f"?{kept}" if kept else "")


def whole(url: str, variable: str = VARIABLE) -> str:
    """Return a URL that ``shown`` wrote, with its secrets if the environment has them.

    The environment may leave out which log it is: that is kept in ``run.json``.
    """
    given = os.environ.get(variable, "")
    if shown(given).partition("?")[0] != url.partition("?")[0]:
        return url
    parts = split(given)
    options = dict(parse_qsl(parts.query)) | dict(parse_qsl(split(url).query))
    return parts._replace(query=urlencode(options)).geturl()


def find(named: str) -> Place:
    """Find the log that a person named.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if "://" in named:
        if scheme(named) != EMBEDDED:
            return Place(None, named)
        named = split(named).path
    root = Path(named)
    if _LIKE_A_URL.match(named) and not root.exists():
        msg = f"this looks like an address, and is none: {_FORM}"
        raise ConfigError(msg)
    for folder, run in ((root / "log", root), (root, root.absolute().parent)):
        if lies_in(folder):
            kept = _of_run(run / "run.json")
            return Place(folder, sent_to=None if kept is None else whole(kept))
    elsewhere = _of_run(root / "run.json")
    if elsewhere is not None:
        return Place(None, whole(elsewhere))
    msg = (
        f"there is no log in {root}: name the folder of a run, the folder of a log, or a URL "
        "like redis://localhost:6379/0"
    )
    raise ConfigError(msg)


class _Kept(msgspec.Struct):
    log: str | None = None


def _of_run(ask: Path) -> str | None:
    """Look where a run says that its record is kept."""
    try:
        return msgspec.json.decode(read_plain(ask), type=_Kept).log
    except (OSError, msgspec.MsgspecError):
        return None


def lies_in(folder: Path) -> bool:
    """Return True where ``folder`` holds an embedded log, or what is left of one."""
    return any((folder / name).exists() for name in _FILES)


@dataclass(frozen=True, slots=True)
class Server:
    """An engine elsewhere: its plug-in, and the URL with whatever secret it carries."""

    engine: str
    url: str

    def __repr__(self) -> str:
        """Name it without its password."""
        return f"Server({shown(self.url)})"


def server_of(place: Place) -> Server | None:
    """Say which engine elsewhere has the log at ``place`` too, or alone."""
    url = place.url or place.sent_to
    return None if url is None else Server(scheme(url), url)


def archive_named(place: Place, otherwise: str = "") -> Path | None:
    """Folder that the address of a log elsewhere names for its archive.

    ``otherwise`` is what the log is called where its address does not say.
    """
    options = dict(parse_qsl(split(place.url or "").query))
    return archive_of(options, options.get("log", otherwise))


def opened(place: Place) -> EventLog:
    """Open the log at ``place`` to read it; a writer may be at work.

    Raises
    ------
    ConfigError
        If it cannot be opened.
    DamagedLogError
        If it is not what was written.
    """
    plugin, config = wired(place.engine, shipped())
    if place.url is None:
        return plugin.open_log(place.folder, config, read_only=True)
    return plugin.open_log(None, config, url=place.url, read_only=True)


def shipped() -> dict[str, Any]:
    """Return ``[log]`` as it is shipped; how a log is written does not matter to its reader."""
    text = resources.files("stairway.policies").joinpath("daily.toml").read_text("utf-8")
    return tomllib.loads(text)["log"]
