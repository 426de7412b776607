"""Where a log lies: a URL that is checked word by word, and never shown with its password.

::

    postgresql://USER@HOST:PORT/DATABASE?log=NAME&writers=one|many&wait_ms=10000&archive=FOLDER

``log``
    Name of the log in that database. Needed.
``writers``
    ``many`` (the default): every append is a transaction of its own. ``one``: a single
    process writes, and a thread of its commits for all of it.
``wait_ms``
    Longest to wait for another writer, or for a server that went away; where it is not
    said, ``[postgresql] wait_ms``.
``archive``
    Folder that old events were archived to; this log's lie in ``FOLDER/NAME``.
``host``
    A folder, for a server that listens on a unix socket there.
``sslmode``, ``sslrootcert``, ``sslcert``, ``sslkey``, ``passfile``
    Handed to the server's own client library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from stairway.adapters.journal.archive import OPTION, archive_of, archive_word
from stairway.adapters.ledger.settings import MOST_WAIT_MS, LedgerSettings
from stairway.base.errors import ConfigError

_LOG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,8}", re.ASCII)
_SCHEMES = ("postgresql", "postgres")
_OWN = frozenset({"log", "writers", "wait_ms", OPTION})
_PASSED_ON = frozenset({"host", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"})
_FORM = "postgresql://USER@HOST:PORT/DATABASE?log=NAME"


class Writers(Enum):
    """How many processes may append at once."""

    ONE = "one"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class Address:
    """One log on one server. ``str`` and ``repr`` leave the password out."""

    server: Mapping[str, str]
    log: str
    writers: Writers
    wait_ms: int
    query_ms: int
    connect_s: int
    archive: Path | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it is, for a command; without its password."""
        server, host = self.server, self.server.get("host", "")
        more = {"log": self.log}
        more |= {k: v for k, v in server.items() if k in _PASSED_ON and k != "host"}
        user = f"{quote(server['user'], safe='')}@" if "user" in server else ""
        if host.startswith("/"):
            host, more = "", more | {"host": host}
        port = f":{server['port']}" if "port" in server else ""
        more |= archive_word(self.archive)
        where = f"{user}{host}{port}/{quote(server['dbname'], safe='')}"
        return f"postgresql://{where}?{urlencode(more, safe='/')}"

    def __str__(self) -> str:
        """Where it is, as a person would say it."""
        place = f"{self.server.get('host', '')}:{self.server.get('port', '5432')}"
        return f"log {self.log!r} in {self.server['dbname']!r} at {place}"


def parse(url: str, settings: LedgerSettings) -> Address:
    """Read a URL; ``settings`` say what it leaves open.

    Raises
    ------
    ConfigError
        If a part is missing, unknown or impossible. What is wrong is named; the URL is not
        repeated, since it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
        password = None if parts.password is None else unquote(parts.password)
    except ValueError:
        msg = f"the URL of the log cannot be read: write it as {_FORM}"
        raise ConfigError(msg) from None
    server = {"dbname": unquote(parts.path.removeprefix("/"))}
    server |= {"user": unquote(parts.username)} if parts.username else {}
    server |= {"host": host} if host else {}
    server |= {"port": str(port)} if port else {}
    _require_known(parts.scheme, server["dbname"], given)
    server |= {name: value for name, value in given.items() if name in _PASSED_ON}
    log = _log(given)
    return Address(
        server=server,
        log=log,
        writers=_writers(given),
        wait_ms=_wait_ms(given, settings),
        query_ms=settings.query_ms,
        connect_s=settings.connect_s,
        archive=archive_of(given, log),
        password=password,
    )


def _require_known(scheme: str, database: str, given: Mapping[str, str]) -> None:
    if scheme not in _SCHEMES:
        msg = f"the URL of this log begins with {scheme!r}: write it as {_FORM}"
        raise ConfigError(msg)
    strangers = sorted(set(given) - _OWN - _PASSED_ON)
    if strangers:
        allowed = ", ".join(sorted(_OWN | _PASSED_ON))
        msg = f"the URL of the log says {', '.join(strangers)}; what may be said is {allowed}"
        raise ConfigError(msg)
    if not database or "\0" in database:
        msg = f"the URL of the log names no database: write it as {_FORM}"
        raise ConfigError(msg)


def _log(given: Mapping[str, str]) -> str:
    name = given.get("log", "")
    if not _LOG.fullmatch(name) or ".." in name:
        msg = (
            f"{name[:80]!r} is no name for a log: write ?log=NAME with up to 64 of "
            "a-z 0-9 . _ - beginning and ending with a letter or digit"
        )
        raise ConfigError(msg)
    return name


def _writers(given: Mapping[str, str]) -> Writers:
    value = given.get("writers", Writers.MANY.value)
    if value not in {member.value for member in Writers}:
        msg = f"writers={value[:80]} means nothing; it may be one or many"
        raise ConfigError(msg)
    return Writers(value)


def _wait_ms(given: Mapping[str, str], settings: LedgerSettings) -> int:
    text = given.get("wait_ms", str(settings.wait_ms))
    value = int(text) if _NUMBER.fullmatch(text) else 0
    if not 1 <= value <= MOST_WAIT_MS:
        msg = f"wait_ms={text[:80]} is no time to wait; it may be 1 to {MOST_WAIT_MS}"
        raise ConfigError(msg)
    return value
