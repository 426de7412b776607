"""Load for a log in Redis, and the question what became of it.

``Publisher`` appends and notes what was acknowledged; ``audit`` holds Redis against the
outbox. *Lost* is acknowledged and not there, *phantom* is there and was never appended,
*doubled* is there twice, *disordered* comes before what it follows. The audit knows how an
event lies in Redis, and shares no code with what it checks.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import redis

from stairway.base.errors import StairwayError
from stairway.events.envelope import Envelope
from stairway.events.ports import EventLog

STREAMS = ("fill", "trade.closed", "timing")
_PAGE = 5_000


class Audit(msgspec.Struct, frozen=True):
    """What is wrong with a log in Redis; all noughts but ``events`` if nothing is."""

    events: int = 0
    lost: int = 0
    phantom: int = 0
    doubled: int = 0
    disordered: int = 0

    @property
    def faults(self) -> int:
        """How much is wrong."""
        return self.lost + self.phantom + self.doubled + self.disordered


class Publisher(threading.Thread):
    """Appends batches to a log until it is told to stop.

    Parameters
    ----------
    rate
        Events a second at most.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        batch: int = 20,
        rate: float = 5_000.0,
        streams: Sequence[str] = STREAMS,
    ) -> None:
        super().__init__(name="publisher")
        self._log, self._batch, self._streams = log, batch, streams
        self._pause_s = batch / rate
        self._over = threading.Event()
        self.acked = dict.fromkeys(streams, 0)
        """Last position of each stream that ``flush`` has vouched for."""

        self.append_ns: list[int] = []
        """How long each call of ``append`` took."""

        self.failure: StairwayError | None = None

    @property
    def total(self) -> int:
        """How many events were acknowledged so far."""
        return sum(self.acked.values())

    def run(self) -> None:
        """Append, flush, note, and pause for what is left of the time of a batch."""
        count, due_s = 0, time.monotonic()
        try:
            while not self._over.wait(max(0.0, due_s - time.monotonic())):
                due_s = time.monotonic() + self._pause_s
                stream = self._streams[count % len(self._streams)]
                count += 1
                payloads = [
                    b"%s %d %d" % (stream.encode(), count, n) for n in range(self._batch)
                ]
                start = time.perf_counter_ns()
                head = self._log.append(stream, payloads)
                self.append_ns.append(time.perf_counter_ns() - start)
                self._log.flush()
                self.acked[stream] = head.position
        except StairwayError as error:
            self.failure = error

    def stop(self) -> int:
        """Stop; return how many events were acknowledged."""
        self._over.set()
        self.join()
        if self.failure is not None:
            raise self.failure
        return self.total

    def append_ms(self, share: float) -> float:
        """Return the duration that ``share`` of the appends did not exceed."""
        spent = sorted(self.append_ns)
        return spent[min(len(spent) - 1, int(share * len(spent)))] / 1e6


def audit(client: redis.Redis, name: str, outbox: EventLog, acked: dict[str, int]) -> Audit:
    """Hold every stream in Redis against the outbox and what was acknowledged."""
    total = Audit()
    for stream, promised in acked.items():
        written = {e.position: _content(e) for e in outbox.read(stream)}
        assert len(written) >= promised
        found = [e and (e.position, _content(e)) for e in _events(client, name, stream)]
        positions = [e[0] for e in found if e is not None]
        here = dict(e for e in found if e is not None)
        total = Audit(
            total.events + len(found),
            total.lost + sum(here.get(n) != written[n] for n in range(1, promised + 1)),
            total.phantom + sum(e is None or written.get(e[0]) != e[1] for e in found),
            total.doubled + len(positions) - len(set(positions)),
            total.disordered + sum(b <= a for a, b in pairwise(positions)),
        )
    return total


def in_redis(client: redis.Redis, name: str, stream: str) -> list[Envelope | None]:
    """Return what lies in a stream, ``None`` for what is no event."""
    return list(_events(client, name, stream))


def _events(client: redis.Redis, name: str, stream: str) -> Iterator[Envelope | None]:
    key, start = f"bus:{name}:{stream}", "-"
    while True:
        page: Any = client.xrange(key, min=start, count=_PAGE)
        for identity, fields in page:
            yield _event(stream, identity.decode(), fields)
        if len(page) < _PAGE:
            return
        start = f"({page[-1][0].decode()}"


def _content(event: Envelope) -> tuple[bytes, int, int]:
    """All of an event, made small: a long test has millions of them."""
    return bytes.fromhex(event.hash), event.recorded_ns, zlib.crc32(event.payload)


def _event(stream: str, identity: str, fields: dict[bytes, bytes]) -> Envelope | None:
    if set(fields) != {b"payload", b"hash", b"position", b"recorded_ns"}:
        return None
    position, recorded_ns = int(fields[b"position"]), int(fields[b"recorded_ns"])
    if identity != f"{recorded_ns // 1_000_000}-{position}":
        return None
    return Envelope(stream, position, fields[b"payload"], fields[b"hash"].decode(), recorded_ns)
