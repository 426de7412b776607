"""Facts on their way into the record: append what is new, check what is already there.

Resuming and replaying are one thing. The loop runs again from its first bar; as long as
the log already holds what a step would publish, the two are compared byte for byte, and
from the point where the log ends, facts are appended. A difference is a broken promise
of ours (or a changed program) and stops everything, naming the stream and position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stairway.app.catalog import CODEC, stream_of
from stairway.base.errors import InvariantError
from stairway.base.hashing import content_hash
from stairway.events.envelope import Envelope, Head
from stairway.events.ports import EventLog
from stairway.events.streams import MEASURED, SIGNED, TELEMETRY

_QUOTED = 300


class Recorder:
    """Publishes facts to a log that may already hold a beginning of them.

    With ``read_only`` nothing is appended; facts beyond the record are counted in
    ``beyond``.
    """

    def __init__(self, log: EventLog, *, read_only: bool = False) -> None:
        self._log = log
        self._read_only = read_only
        self._pending: list[tuple[str, list[bytes]]] = []
        self._recorded: dict[str, Iterator[Envelope]] = {}
        self._on_its_way = False
        self.checked = 0
        self.appended = 0
        self.beyond = 0

    def publish(self, *facts: Any) -> None:
        """Put ``facts`` on record, in order.

        Raises
        ------
        InvariantError
            If the record holds something else at that place.
        """
        for fact in facts:
            stream = stream_of(fact)
            payload = CODEC.encode(fact)
            recorded = self._next(stream)
            if recorded is not None:
                if stream not in MEASURED:
                    self._compare(recorded, payload)
            elif self._read_only:
                self.beyond += 1
            else:
                self._queue(stream, payload)
                self.appended += 1

    def commit(self) -> None:
        """Hand everything published to the log's writer; do not wait.

        What the log refuses waits, and is handed over by the next call; nothing is twice.
        """
        while self._pending:
            self._log.append(*self._pending[0])
            del self._pending[0]
            self._on_its_way = True

    def _queue(self, stream: str, payload: bytes) -> None:
        """Keep the order of publishing over all streams: it is that of recording."""
        if self._pending and self._pending[-1][0] == stream:
            self._pending[-1][1].append(payload)
        else:
            self._pending.append((stream, [payload]))

    def flush(self) -> None:
        """Wait until everything published is on disk. Orders leave only after this."""
        self.commit()
        if self._on_its_way:
            self._log.flush()
            self._on_its_way = False

    def telemetry(self) -> str:
        """Hash of everything published to the telemetry file but measured time."""
        self.commit()
        return telemetry_hash(self._log)

    def left_over(self) -> dict[str, int]:
        """Count recorded facts, per stream, that no step has published again."""
        rest: dict[str, int] = {}
        for stream in self._log.streams():
            if stream not in MEASURED:
                count = sum(1 for _ in self._iterator(stream))
                if count:
                    rest[stream] = count
        return rest

    def _iterator(self, stream: str) -> Iterator[Envelope]:
        if stream not in self._recorded:
            self._recorded[stream] = iter(tuple(self._log.read(stream)))
        return self._recorded[stream]

    def _next(self, stream: str) -> Envelope | None:
        return next(self._iterator(stream), None)

    def _compare(self, recorded: Envelope, payload: bytes) -> None:
        if recorded.payload != payload:
            msg = (
                f"the record and this run part ways at {recorded.stream} "
                f"#{recorded.position}: recorded {_short(CODEC.read(recorded))}, "
                f"now {_short(CODEC.decode(payload))}. The program, the settings or the data "
                "are not those of the recorded run; start a new one with another --out"
            )
            raise InvariantError(msg)
        self.checked += 1


def _short(fact: object) -> str:
    """Quote a fact, but no more of it than a person reads."""
    text = repr(fact)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."


def run_hash(log: EventLog) -> str:
    """Hash of everything recorded but measured time and signatures.

    Equal runs have equal hashes, whichever key signed their policy.
    """
    return _hash_of(log, log.streams())


def telemetry_hash(log: EventLog) -> str:
    """Hash of what is recorded in the telemetry file, but measured time."""
    return _hash_of(log, tuple(TELEMETRY))


def _hash_of(log: EventLog, streams: Sequence[str]) -> str:
    heads: dict[str, Head] = {s: log.head(s) for s in streams if s not in MEASURED | SIGNED}
    return content_hash(sorted((s, h.position, h.hash) for s, h in heads.items()))
