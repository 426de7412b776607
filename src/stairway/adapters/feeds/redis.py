"""A stream in Redis, anybody's: ``redis://USER:PASSWORD@HOST:PORT/DB?stream=KEY``.

Only ``TYPE``, ``XINFO STREAM`` and ``XRANGE`` are ever sent, so a user who may do no more is
enough: ``ACL SETUSER gate on >PASSWORD ~KEY +type +xinfo|stream +xrange +select``. Entries
come in pages, and a pass ends at the entry that was last when it began.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl
import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry

from stairway.adapters.records.files import nothing_in
from stairway.base.errors import ConfigError, DataError, SourceChangedError
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import ENTRY_ID, Table

_FORM = "write redis://USER:PASSWORD@HOST:PORT/0?stream=KEY (rediss:// for TLS)"
_PORT = 6_379
_PAGE = 8_192
_TIMEOUT_S = 10.0
_NO_DB = "DB index is out of range"
_POLL_S = 0.5

_Entry = tuple[str, list[str] | None]
"""An id, and then names and values by turns."""


def open_feed(uri: str, opening: Opening) -> Stream:
    """Open the stream at ``uri``.

    Raises
    ------
    ConfigError
        If nothing answers there, the password is wrong, the user may not read, or the key
        is no stream.
    DataError
        If the stream is empty.
    """
    del opening  # an entry has fields of its own
    return Stream(uri)


class Stream:
    """The :class:`~stairway.supervision.ports.Feed` of one stream in Redis."""

    def __init__(self, uri: str) -> None:
        self._client, self.key, self._where = _connected(uri)
        self._last = self._first = self._read = ""
        self._marked = self._unseen = self._seen = 0
        try:
            with self._naming():
                kind = str(self._ask().type(self.key))
                self._require_stream(kind)
            self._require_entries()
        except BaseException:
            self.close()
            raise

    def _ask(self) -> Any:
        return cast("Any", self._client)

    def _require_stream(self, kind: str) -> None:
        if kind == "none":
            msg = f"there is no stream {self.key!r} in {self._where}: check its name"
            raise ConfigError(msg)
        if kind != "stream":
            msg = (
                f"{self.key!r} in {self._where} is a {kind} and no stream (WRONGTYPE): "
                "name a stream"
            )
            raise ConfigError(msg)

    def _require_entries(self) -> None:
        if not self._about()["length"]:
            what = f"the stream {self.key!r} of {self._where}"
            raise nothing_in(what)

    @contextmanager
    def _naming(self) -> Generator[None]:
        """Say in one sentence what an error of Redis means."""
        try:
            yield
        except NoPermissionError as error:
            msg = (
                f"{self._where} does not let this user read {self.key!r} ({error}): it needs "
                "+type +xinfo|stream +xrange on that key, and +select"
            )
            raise ConfigError(msg) from error
        except AuthenticationError as error:
            msg = f"{self._where} refuses the user or the password: check both in the address"
            raise ConfigError(msg) from error
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            msg = f"{self._where} does not answer: is it running, and is this its port?"
            raise ConfigError(msg) from error
        except redis.RedisError as error:
            if _NO_DB in str(error):
                msg = (
                    f"{self._where} has no database of that number: check what stands behind "
                    "the port, as a rule /0 to /15"
                )
                raise ConfigError(msg) from error
            msg = f"{self._where} cannot read {self.key!r}: {error}"
            raise DataError(msg) from error

    def _about(self) -> dict[str, Any]:
        with self._naming():
            return cast("dict[str, Any]", self._ask().xinfo_stream(self.key))

    def head(self, rows: int) -> Table:
        """Return the first entries."""
        return _table(self._page("-", "+", rows), 1)

    def _page(self, first: str, last: str, count: int) -> list[_Entry]:
        with self._naming():
            return cast("list[_Entry]", self._ask().xrange(self.key, first, last, count=count))

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield entries up to the one that is last now; fields are columns of text."""
        del only
        about, start = self._about(), 1
        for page in self._pages(str(about["last-generated-id"]), min(rows, _PAGE)):
            yield _table(page, start)
            start += len(page)
        # What was added meanwhile lies beyond the last id; what is missing was taken out.
        self._unseen = max(int(about["length"]), self._marked) - (start - 1)

    def more(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield the entries that came since, up to the one that is last now."""
        del only
        with self._naming():
            kind = str(self._ask().type(self.key))
        if kind != "stream":
            raise self._changed("is gone" if kind == "none" else f"is a {kind} now")
        about = self._about()
        first = str((about["first-entry"] or ["", None])[0])
        if self._first and first != self._first:
            now = f"and that is {first} now" if first else "and nothing is left"
            msg = f"was trimmed: it began at {self._first}, {now}"
            raise self._changed(msg)
        self._first = first
        yield from self._news(about, min(rows, _PAGE))

    def _news(self, about: Mapping[str, Any], rows: int) -> Iterator[Table]:
        self._last = str(about["last-generated-id"])
        since = f"({self._read}" if self._read else "-"
        for page in self._pages(self._last, rows, since):
            yield _table(page, self._seen + 1)
            self._seen, self._read = self._seen + len(page), page[-1][0]
        # What was added meanwhile lies beyond the last id; what is missing was taken out.
        if int(about["length"]) != self._seen:
            gone = abs(self._seen - int(about["length"]))
            msg = f"was trimmed by {gone:,} entries"
            raise self._changed(msg)

    def _changed(self, how: str) -> SourceChangedError:
        msg = (
            f"the stream {self.key!r} of {self._where} {how} while it was waited for, so what "
            "was counted is no longer there to be looked at; ask again, and let nobody trim it "
            "until there is an answer"
        )
        return SourceChangedError(msg)

    def _pages(self, last: str, count: int, first: str = "-") -> Iterator[list[_Entry]]:
        """Yield pages; the next one comes while the present one is read."""
        with ThreadPoolExecutor(1, "redis-page") as ahead:
            coming = ahead.submit(self._page, first, last, count)
            while page := coming.result():
                coming = ahead.submit(self._page, f"({page[-1][0]}", last, count)
                yield page

    def size(self) -> int | None:
        """Entries in the stream now."""
        return int(self._about()["length"])

    def mark(self) -> Mapping[str, Any]:
        """Length, first and last id; and how many entries went before a pass came to them."""
        about = self._about()
        ends = {
            end: str(about[f"{end}-entry"][0]) if about.get(f"{end}-entry") else None
            for end in ("first", "last")
        }
        self._last = str(about["last-generated-id"])
        self._marked = int(about["length"])
        unseen = {"unseen": self._unseen} if self._unseen > 0 else {}
        return {"stream": self.key, "length": self._marked, **ends, **unseen}

    def wait(self, seconds: float) -> bool:
        """Ask now and then whether there is a newer entry than at the last mark."""
        known = self._last or str(self._about()["last-generated-id"])
        until = time.monotonic() + seconds
        while True:
            if str(self._about()["last-generated-id"]) != known:
                return True
            left_s = until - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(_POLL_S, left_s))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _connected(uri: str) -> tuple[redis.Redis, str, str]:
    """Return a client, the key and a name for the server without its password."""
    try:
        parts = urlsplit(uri)
        said = parse_qsl(parts.query, strict_parsing=bool(parts.query))
        options = dict(said)
        port, db = parts.port or _PORT, int(parts.path.strip("/") or 0)
    except ValueError:
        # The words of the error may hold what stood where the port should be.
        msg = f"the address of the stream cannot be read: {_FORM}"
        raise ConfigError(msg) from None
    key = options.pop("stream", "")
    if len(said) > 1 and not options:
        msg = f"the address of the stream names {len(said)} streams: give one, {_FORM}"
        raise ConfigError(msg)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or not key or options:
        msg = f"this is no address of a stream in Redis: {_FORM}"
        raise ConfigError(msg)
    client = redis.Redis(
        host=parts.hostname,
        port=port,
        db=db,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ssl=parts.scheme == "rediss",
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        socket_read_size=1 << 18,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
        decode_responses=True,
        encoding_errors="replace",
        single_connection_client=False,
    )
    # Left as it comes: a dictionary for each entry would cost more than reading it.
    cast("Any", client).set_response_callback("XRANGE", _as_it_comes)
    return client, key, f"Redis at {parts.hostname}:{port}"


def _as_it_comes(reply: Any, **_: Any) -> Any:
    return reply


def _table(entries: Sequence[_Entry], start: int) -> Table:
    """Put entries into columns, one for each field that any of them has."""
    ids = pl.Series(ENTRY_ID, [key for key, _ in entries], dtype=pl.String)
    said = [found or [] for _, found in entries]
    names = said[0][::2]
    if len(set(names)) == len(names) and all(one[::2] == names for one in said):
        columns = {
            name: [one[at] for one in said]
            for at, name in zip(count(1, 2), names, strict=False)
        }
    else:
        fields = [_fields(*entry) for entry in zip(ids, said, strict=True)]
        every = dict.fromkeys(name for one in fields for name in one)
        columns = {name: [one.get(name) for one in fields] for name in every}
    found = [pl.Series(name, values, dtype=pl.String) for name, values in columns.items()]
    return Table(pl.DataFrame([ids, *found]), start, "entry")


def _fields(key: str, said: list[str]) -> dict[str, str]:
    """Return the fields of an entry. Raises DataError where one is there twice."""
    fields = dict(zip(said[::2], said[1::2], strict=True))
    if 2 * len(fields) < len(said):
        names = said[::2]
        name = next(one for at, one in enumerate(names) if one in names[:at])
        msg = f"entry {key} has {name!r} twice: nobody can know which counts; write it once"
        raise DataError(msg)
    return fields
