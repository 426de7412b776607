"""Which Redis, and which log in it. A password comes in here and goes out to Redis only."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stairway.adapters.journal.archive import OPTION, archive_of, archive_word
from stairway.base.errors import ConfigError

NAME = "stairway"
"""What a log is called where its address does not say."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_PORT = 6_379
_FORM = (
    "write redis://USER:PASSWORD@HOST:PORT/0?log=NAME (rediss:// for TLS; &archive=FOLDER "
    "where old events were archived, &wait_ms=MS for how long an answer may take)"
)
MOST_WAIT_MS = 600_000
_NUMBER = re.compile(r"[0-9]{1,8}", re.ASCII)


class Address:
    """Where a log lies in Redis.

    Parameters
    ----------
    url
        ``redis://USER:PASSWORD@HOST:PORT/0?log=NAME``; ``rediss`` for TLS. Only database
        0 is used: other databases of one server share its memory and its fate. With
        ``&archive=FOLDER`` what was archived is read from ``FOLDER/NAME``; ``&wait_ms=MS``
        is how long an answer may take, where it is not ``[redis] socket_timeout_ms``.

    Raises
    ------
    ConfigError
        If it has another form. The message never repeats the address.

    Examples
    --------
    >>> Address("redis://app:secret@127.0.0.1:7000/0?log=main")
    Address('redis://127.0.0.1:7000', log='main')
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            self.host, self.port = parts.hostname or "", parts.port or _PORT
        except ValueError:
            # The words of the error may hold what stood where the port should be.
            msg = f"the address of Redis cannot be read: {_FORM}"
            raise ConfigError(msg) from None
        self._is_tls = parts.scheme == "rediss"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self.name = options.pop("log", NAME)
        self.archive = archive_of(options, self.name)
        options.pop(OPTION, None)
        self.wait_ms = _wait_ms(options.pop("wait_ms", None))
        if (
            parts.scheme not in {"redis", "rediss"}
            or not self.host
            or parts.path not in {"", "/", "/0"}
            or options
            or not _NAME.fullmatch(self.name)
        ):
            msg = f"this is no address of a log in Redis: {_FORM}, NAME of a-z 0-9 _ . -"
            raise ConfigError(msg)

    def __repr__(self) -> str:
        scheme = "rediss" if self._is_tls else "redis"
        return f"Address('{scheme}://{self.host}:{self.port}', log={self.name!r})"

    @property
    def url(self) -> str:
        """Where it is, for a command; without its password."""
        more = {"log": self.name} | archive_word(self.archive)
        more |= {"wait_ms": str(self.wait_ms)} if self.wait_ms else {}
        scheme = "rediss" if self._is_tls else "redis"
        user = f"{quote(self._user, safe='')}@" if self._user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{user}{host}:{self.port}/0?{urlencode(more, safe='/')}"

    def __str__(self) -> str:
        return f"Redis at {self.host}:{self.port}"

    def client(self, timeout_ms: int, *, connects_once: bool = False) -> redis.Redis:
        """Return a client that tries nothing twice and waits for nothing for long.

        redis-py's own tries take three seconds inside a call, and repeat an append whose
        answer was lost without asking what became of it. With ``connects_once`` it does not
        connect again in silence either, as its pool does where a connection has ended. The
        address may say another time than ``timeout_ms``.
        """
        timeout_ms = self.wait_ms or timeout_ms
        return redis.Redis(
            host=self.host,
            port=self.port,
            username=self._user,
            password=self._password,
            ssl=self._is_tls,
            socket_timeout=timeout_ms / 1_000,
            socket_connect_timeout=timeout_ms / 1_000,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
            single_connection_client=connects_once,
        )


def _wait_ms(text: str | None) -> int | None:
    if text is None:
        return None
    value = int(text) if _NUMBER.fullmatch(text) else 0
    if not 1 <= value <= MOST_WAIT_MS:
        msg = f"wait_ms={text[:80]} is no time to wait; it may be 1 to {MOST_WAIT_MS}"
        raise ConfigError(msg)
    return value
