"""The record in Redis Streams, behind an outbox on the disk.

``append`` and ``flush`` are those of the two SQLite files in ``folder``: what they have
acknowledged is safe whatever becomes of Redis. A relay sends what was committed on to
Redis, where consumers on other machines find it. Reading on this machine reads the disk.

Without a folder the log is read from Redis alone, on any machine that reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.kept import Kept
from stairway.adapters.journal.log import SqliteLog, open_folder
from stairway.adapters.journal.read_only import ReadOnly
from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.committed import Committed
from stairway.adapters.outbox.group import RedisGroup
from stairway.adapters.outbox.group_shelf import GroupShelf
from stairway.adapters.outbox.kept import KeptInRedis
from stairway.adapters.outbox.relay import Relay, Tally
from stairway.adapters.outbox.remote import RemoteReader
from stairway.adapters.outbox.settings import OutboxSettings
from stairway.adapters.outbox.sources import DiskSource, RemoteSource
from stairway.base.errors import ConfigError, DiskFullError, NoLogError, RecordError
from stairway.base.verdict import Pass, Refuse, Verdict, passed, refuse
from stairway.events.delivery import GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.ports import EventLog, Groups


class Config(OutboxSettings, frozen=True, kw_only=True):
    """Options of a log that goes to Redis."""


def open_log(
    folder: Path | None,
    config: Config,
    *,
    url: str,
    read_only: bool = False,
    clock_ns: Callable[[], int] = time.time_ns,
) -> EventLog:
    """Open the log whose outbox lies in ``folder``, or only what Redis has of it.

    Parameters
    ----------
    folder
        Where the outbox lies; ``None``, with ``read_only``, on another machine.
    url
        ``redis://USER:PASSWORD@HOST:PORT/0?log=NAME``.

    Raises
    ------
    ConfigError
        If the address cannot be used, somebody else writes to the folder, or Redis may not
        be written to as it is: it throws entries out when full, refuses us, or holds
        another log of this name. A Redis that is out of reach is no reason: it is caught up
        with later.
    DamagedLogError
        If anything in the outbox is not what was written, or in the archive that the address
        names.
    DiskFullError
        If there is no room to start with.
    """
    address = Address(url)
    if folder is None:
        if read_only:
            return RemoteLog(address, config)
        msg = "a log that is written needs a folder for its outbox: name one, or read_only=True"
        raise ConfigError(msg)
    if address.archive is not None and not read_only:
        _require_archive(Archive(address.archive, address.url), address, config)
    local = open_folder(folder, config, read_only=read_only, clock_ns=clock_ns)
    if isinstance(local, SqliteLog):
        return RedisLog(folder, local, config, address)
    return ReaderLog(folder, local, config, address)


def _require_archive(archive: Archive, address: Address, config: Config) -> None:
    """Refuse to write on where the archive lacks anything that Redis let go of."""
    archive.require_whole()
    with closing(address.client(config.socket_timeout_ms)) as client:
        reader = RemoteReader(address, client)
        try:
            for stream in reader.streams():
                archive.require_reaches(stream, reader.look(stream).archived)
        except RecordError:
            # Out of reach: the relay comes to it later, and nothing is written there before.
            return


class ReaderLog:
    """A log to look at, on the machine that writes it; groups are shared through Redis."""

    def __init__(self, folder: Path, local: EventLog, config: Config, address: Address) -> None:
        self._folder, self._local = folder, local
        self._config, self._address = config, address

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Refuse."""
        return self._local.append(stream, payloads, expected)

    def flush(self) -> None:
        """Nothing waits."""
        self._local.flush()

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events with a position over ``after``, from the disk."""
        return self._local.read(stream, after)

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``."""
        return self._local.head(stream)

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        return self._local.streams()

    def group(
        self, name: str, rules: GroupRules, processed: Mapping[str, int] | None = None
    ) -> RedisGroup:
        """Open the consumer group ``name``, or make it where there is none.

        ``processed`` says up to which position of each stream the consumers' inboxes have
        everything. It is used where Redis has forgotten the group, which otherwise begins
        with the first event.
        """
        source = DiskSource(self._folder, self._local.flush)
        return _group(self._address, self._config, source, ((name, rules), processed))

    def close(self) -> None:
        """Let go of the files."""
        self._local.close()


def require_usable(url: str, config: Config) -> None:
    """Refuse an address that is none. Whether Redis answers now does not matter.

    Raises
    ------
    ConfigError
        If it has another form.
    """
    del config
    Address(url)


def wait_ms(url: str, config: Config) -> int:
    """Longest that whoever must not be held up waits for an answer, milliseconds."""
    return Address(url).wait_ms or config.socket_timeout_ms


def kept(url: str, config: Config) -> Kept:
    """Open the log at ``url`` for whoever archives it: the user ``archiver``."""
    address = Address(url)
    return KeptInRedis(address, address.client(config.socket_timeout_ms))


def groups(url: str, config: Config) -> Groups:
    """Open the consumer groups of the log at ``url`` for whoever looks after them."""
    address = Address(url)
    return GroupShelf(address, address.client(config.socket_timeout_ms))


class RedisLog(ReaderLog):
    """The log, for its only writer. Safe to share between threads."""

    def __init__(
        self, folder: Path, local: SqliteLog, config: Config, address: Address
    ) -> None:
        super().__init__(folder, local, config, address)
        self._outbox = local
        self._exits_only = False
        with ExitStack() as undo:
            undo.callback(local.close)
            self._relay = Relay(address, config, Committed(folder), self._heads)
            undo.callback(self._relay.end)
            self._relay.wait_for_first_try()
            if self._relay.alarm is not None:
                raise ConfigError(self._relay.alarm.detail)
            undo.pop_all()

    def _heads(self) -> dict[str, int]:
        log = self._outbox
        return {stream: log.head(stream).position for stream in log.streams()}

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Add events; return the stream's new head. Waits only for a full queue.

        Raises
        ------
        ConflictError
            If ``stream`` does not end at ``expected``.
        DiskFullError
            While the disk is full, or more lies on it than ``max_outbox_bytes`` that Redis
            does not have.
        RecordError
            Once writing has failed, or after ``close``.
        """
        behind, bound = self._relay.bytes_behind, self._config.max_outbox_bytes
        if behind <= bound:
            self._exits_only = False
        elif not self._exits_only:
            raise DiskFullError(_too_far_behind(behind, bound))
        head = self._outbox.append(stream, payloads, expected)
        self._relay.ring()
        return head

    def use_ballast(self) -> None:
        """Let exits be recorded while new entries are refused for want of room."""
        self._exits_only = True
        self._outbox.use_ballast()

    @property
    def tally(self) -> Tally:
        """What the relay has lived through so far."""
        return self._relay.tally

    def catch_up(self, timeout_s: float) -> bool:
        """Wait until Redis has all that was appended; False if it has not in time."""
        return self._relay.catch_up(self._heads(), timeout_s)

    def health(self) -> Verdict:
        """Say whether new risk may be taken on.

        Redis may be out of reach for a while: the outbox keeps what comes. It may not when
        too much waits, or when only a person can set right what is wrong.
        """
        relay, bound = self._relay, self._config.max_outbox_bytes
        if relay.alarm is not None:
            return Refuse((relay.alarm,))
        if not relay.bytes_behind <= bound:
            detail = _too_far_behind(relay.bytes_behind, bound)
            return refuse("log.outbox_full", detail, relay.bytes_behind, bound)
        local = self._outbox.health()
        if isinstance(local, Pass) and relay.trouble is not None:
            return passed("log.redis_waits", relay.trouble, relay.behind())
        return local

    def close(self) -> None:
        """Flush, send on what Redis can take in time, and let go of the files.

        What Redis has not got by then is sent when the log is opened again.

        Raises
        ------
        RecordError
            If something that was appended could not be written to the disk.
        """
        try:
            self._relay.close()
        finally:
            # Whatever interrupts the wait for Redis: it still reads the outbox.
            if self._relay.is_over:
                self._outbox.close()


class RemoteLog(ReadOnly):
    """What Redis has of a log, for reading, on any machine."""

    way = "append where its outbox is"

    def __init__(self, address: Address, config: Config) -> None:
        self._address, self._config = address, config
        self._client = address.client(config.socket_timeout_ms)
        self._reader = RemoteReader(address, self._client)
        self._is_closed = False
        if not self.streams():
            self._client.close()
            msg = f"there is no log named {address.name!r} in {address}: check ?log=NAME"
            raise NoLogError(msg)

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events with a position over ``after``, as far as Redis has them."""
        self._require_open()
        return self._reader.read(stream, after)

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream`` in Redis."""
        self._require_open()
        return self._reader.head(stream)

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        self._require_open()
        return self._reader.streams()

    def group(
        self, name: str, rules: GroupRules, processed: Mapping[str, int] | None = None
    ) -> RedisGroup:
        """Open the consumer group ``name``, or make it where there is none."""
        self._require_open()
        client = self._address.client(self._config.socket_timeout_ms)
        source = RemoteSource(RemoteReader(self._address, client), client)
        return _group(self._address, self._config, source, ((name, rules), processed))

    def close(self) -> None:
        """Let go of the connection."""
        self._is_closed = True
        self._client.close()

    def _require_open(self) -> None:
        if self._is_closed:
            msg = "the log is closed: open it again to read it"
            raise RecordError(msg)


def _group(
    address: Address,
    config: Config,
    source: DiskSource | RemoteSource,
    words: tuple[tuple[str, GroupRules], Mapping[str, int] | None],
) -> RedisGroup:
    client = address.client(config.socket_timeout_ms)
    with ExitStack() as undo:
        undo.callback(client.close)
        undo.callback(source.close)
        made = RedisGroup(address, client, source, *words)
        undo.pop_all()
    return made


def _too_far_behind(size: int, bound: int) -> str:
    return (
        f"{size} bytes lie in the outbox that Redis does not have, and {bound} are allowed "
        "([log] max_outbox_bytes): bring Redis back, or give the outbox more"
    )
