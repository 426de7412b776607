"""The promises of :class:`stairway.events.ports.EventLog`, as tests for any engine.

Those of its groups are in :mod:`stairway.testing.groups`. In a test file of yours::

    from stairway.testing.groups import GroupContract
    from stairway.testing.log import EventLogContract

    @pytest.fixture
    def open_log():
        def opened(folder, *, read_only=False, clock_ns=time.time_ns):
            return my_engine.open_log(f"my://host/{folder.name}", ...)
        return opened

    class TestMyLog(EventLogContract):
        many_writers = True

    class TestMyGroups(GroupContract):
        pass

A folder stands for one log: the same folder opened again is the same log, and another
folder is another. An engine that keeps its events elsewhere makes a name of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain as chained
from itertools import groupby, islice, repeat
from operator import itemgetter
from pathlib import Path
from threading import Barrier
from typing import Protocol

import pytest

from stairway.base.errors import ConfigError, ConflictError, DataError, RecordError
from stairway.events.envelope import GENESIS, Envelope, Head, chain
from stairway.events.ports import EventLog
from stairway.events.streams import MAX_PAYLOAD_BYTES

DURABLE, TELEMETRY = "fill", "market.bar"


class OpenLog(Protocol):
    """Open the log in a folder."""

    def __call__(
        self, folder: Path, *, read_only: bool = False, clock_ns: Callable[[], int] = ...
    ) -> EventLog:
        """Open it, for writing unless ``read_only``."""
        ...


def small_settings(**changes: float) -> dict[str, float]:
    """Return settings for a log that is made and thrown away, with ``changes``."""
    return {
        "commit_ms": 1.0,
        "commit_events": 256,
        "queue_events": 65_536,
        "retry_ms": 2.0,
        "checkpoint_bytes": 262_144,
        "max_wal_bytes": 4_194_304,
        "ballast_bytes": 0,
    } | changes


def _payloads(count: int, start: int = 0) -> list[bytes]:
    return [f"event {n}".encode() for n in range(start, start + count)]


def _all(log: EventLog, stream: str, after: int = 0) -> list[Envelope]:
    return list(log.read(stream, after))


class EventLogContract:
    """Subclass, provide an ``open_log`` fixture (an ``OpenLog``), and pytest does the rest."""

    many_writers = False
    """Whether several processes may append to one log at the same time."""

    @pytest.mark.parametrize("stream", [DURABLE, TELEMETRY])
    def test_positions_count_from_one_without_gaps(
        self, open_log: OpenLog, tmp_path: Path, stream: str
    ) -> None:
        """The first event is number 1, however appends are divided."""
        log = open_log(tmp_path)
        heads = [log.append(stream, _payloads(3)), log.append(stream, _payloads(2, 3))]
        assert [head.position for head in heads] == [3, 5]
        read = _all(log, stream)
        assert [e.position for e in read] == [1, 2, 3, 4, 5]
        assert [e.payload for e in read] == _payloads(5)
        log.close()

    def test_each_event_is_chained_to_the_one_before(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Hashes follow from content alone, from GENESIS on."""
        log = open_log(tmp_path)
        head = log.append(DURABLE, _payloads(700))
        previous = GENESIS
        for envelope in log.read(DURABLE):
            previous = chain(previous, DURABLE, envelope.position, envelope.payload)
            assert envelope.hash == previous
            assert envelope.stream == DURABLE
        assert head == log.head(DURABLE) == Head(700, previous)
        log.close()

    def test_equal_content_gives_equal_hashes_at_another_time(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """No clock enters a hash."""
        heads: list[Head] = []
        for name, now_ns in (("one", 5), ("two", 10**18)):
            log = open_log(tmp_path / name, clock_ns=lambda now_ns=now_ns: now_ns)
            heads.append(log.append(DURABLE, _payloads(9)))
            log.close()
        assert heads[0] == heads[1]

    def test_streams_do_not_see_each_other(self, open_log: OpenLog, tmp_path: Path) -> None:
        """Each stream has its own positions and chain, and an unknown one is empty."""
        log = open_log(tmp_path)
        log.append(DURABLE, _payloads(2))
        log.append(TELEMETRY, _payloads(3))
        assert log.streams() == (DURABLE, TELEMETRY)
        assert log.head("nobody") == Head()
        assert _all(log, "nobody") == []
        assert [e.position for e in log.read(TELEMETRY)] == [1, 2, 3]
        log.close()

    def test_reading_starts_after_a_position(self, open_log: OpenLog, tmp_path: Path) -> None:
        """``after`` is exclusive; at or beyond the end there is nothing."""
        log = open_log(tmp_path)
        log.append(DURABLE, _payloads(1300))
        assert [e.position for e in log.read(DURABLE, 1298)] == [1299, 1300]
        assert _all(log, DURABLE, 3) == _all(log, DURABLE)[3:]
        assert _all(log, DURABLE, 1300) == _all(log, DURABLE, 9999) == []
        log.close()

    def test_appending_nothing_changes_nothing(self, open_log: OpenLog, tmp_path: Path) -> None:
        """An empty append returns the head and makes no stream."""
        log = open_log(tmp_path)
        assert log.append(DURABLE, []) == Head()
        assert log.streams() == ()
        log.close()

    def test_a_wrong_expectation_appends_nothing(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Compare-and-set: the position must be the last one, no other."""
        log = open_log(tmp_path)
        log.append(DURABLE, _payloads(2), expected=0)
        for wrong in (0, 1, 3):
            with pytest.raises(ConflictError, match="ends at 2"):
                log.append(DURABLE, _payloads(1), expected=wrong)
        log.append(DURABLE, _payloads(1, 2), expected=2)
        assert [e.payload for e in log.read(DURABLE)] == _payloads(3)
        log.close()

    def test_what_was_flushed_is_there_for_another_reader(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """A reader beside the writer sees all that was flushed, before and after opening."""
        log = open_log(tmp_path)
        log.append(DURABLE, _payloads(5))
        log.flush()
        reader = open_log(tmp_path, read_only=True)
        assert [e.payload for e in reader.read(DURABLE)] == _payloads(5)
        log.append(DURABLE, _payloads(1, 5))
        log.append(TELEMETRY, _payloads(1))
        log.flush()
        assert reader.head(DURABLE) == log.head(DURABLE)
        assert reader.streams() == (DURABLE, TELEMETRY)
        assert len(_all(reader, DURABLE, 5)) == 1
        reader.close()
        log.close()

    def test_a_log_goes_on_where_it_ended(self, open_log: OpenLog, tmp_path: Path) -> None:
        """Closing and opening again leaves no trace in the record."""
        heads: list[Head] = []
        for n in range(3):
            log = open_log(tmp_path / "parts")
            assert log.head(DURABLE).position == 4 * n
            log.append(TELEMETRY, _payloads(1, n))
            heads.append(log.append(DURABLE, _payloads(4, 4 * n)))
            log.close()
        whole = open_log(tmp_path / "whole")
        assert whole.append(DURABLE, _payloads(12)) == heads[-1]
        whole.close()

    def test_recording_times_give_the_order_of_the_calls(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """They strictly increase over all streams, whatever the clock does."""
        clock = chained([100, 100, 40, 10**15], repeat(7))
        wanted: list[tuple[str, int]] = []
        log = open_log(tmp_path, clock_ns=lambda: next(clock))
        for n, stream in enumerate([DURABLE, TELEMETRY, DURABLE, TELEMETRY]):
            log.append(stream, _payloads(2))
            wanted += [(stream, 2 * (n // 2) + 1), (stream, 2 * (n // 2) + 2)]
        log.close()
        log = open_log(tmp_path, clock_ns=lambda: next(clock))
        log.append("trade.closed", _payloads(1))
        wanted.append(("trade.closed", 1))
        found = [e for stream in log.streams() for e in log.read(stream)]
        times = [e.recorded_ns for e in found]
        assert len(set(times)) == len(times)
        found.sort(key=lambda e: e.recorded_ns)
        assert [(e.stream, e.position) for e in found] == wanted
        log.close()

    def test_threads_may_share_a_log(self, open_log: OpenLog, tmp_path: Path) -> None:
        """They read what it holds at once, while another appends."""
        log = open_log(tmp_path)
        streams, wanted, times = (DURABLE, "trade.closed"), _payloads(2_000), 12
        for stream in streams:
            log.append(stream, wanted)
        log.flush()
        together = Barrier(5)

        def read(stream: str) -> list[bool]:
            together.wait(30)
            reads = (islice(log.read(stream), len(wanted)) for _ in range(times))
            return [[event.payload for event in one] == wanted for one in reads]

        with ThreadPoolExecutor(4) as threads:
            found = [threads.submit(read, stream) for stream in streams * 2]
            together.wait(30)
            for n in range(20):
                log.append(DURABLE, _payloads(1, n))
            for one in found:
                assert one.result() == [True] * times
        assert [e.payload for e in log.read(DURABLE)] == wanted + _payloads(20)
        log.close()

    def test_two_writers_never_have_the_same_place(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Either the second is refused, or exactly one of two equal claims wins."""
        log = open_log(tmp_path)
        if not self.many_writers:
            with pytest.raises(ConfigError, match=r"one writer.*read_only"):
                open_log(tmp_path)
            log.append(DURABLE, _payloads(1))
            log.close()
            log = open_log(tmp_path)
            assert log.head(DURABLE).position == 1
            log.close()
            return
        other = open_log(tmp_path)
        log.append(DURABLE, [b"mine"], expected=0)
        log.flush()
        with pytest.raises(ConflictError):
            other.append(DURABLE, [b"theirs"], expected=0)
        other.append(DURABLE, [b"theirs"], expected=1)
        other.flush()
        assert [e.payload for e in log.read(DURABLE)] == [b"mine", b"theirs"]
        other.close()
        log.close()

    def test_a_read_sees_what_was_appended_before_it_was_called(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Whether that has been committed yet or not."""
        log = open_log(tmp_path)
        for n in range(1, 6):
            log.append(DURABLE, _payloads(1, n))
            assert len(_all(log, DURABLE)) == n
        log.close()

    def test_a_reader_cannot_append(self, open_log: OpenLog, tmp_path: Path) -> None:
        """A log that was opened to be read says so."""
        open_log(tmp_path).close()
        reader = open_log(tmp_path, read_only=True)
        reader.flush()
        with pytest.raises(RecordError, match="read_only"):
            reader.append(DURABLE, _payloads(1))
        reader.close()

    def test_there_must_be_a_log_to_read(self, open_log: OpenLog, tmp_path: Path) -> None:
        """Looking at nothing makes nothing."""
        with pytest.raises(ConfigError, match="no log"):
            open_log(tmp_path / "nothing", read_only=True)
        assert not (tmp_path / "nothing").exists()

    def test_a_closed_log_says_so(self, open_log: OpenLog, tmp_path: Path) -> None:
        """Closing twice is closing once; appending afterwards is refused."""
        log = open_log(tmp_path)
        log.append(DURABLE, _payloads(1))
        log.close()
        log.close()
        with pytest.raises(RecordError, match="closed"):
            log.append(DURABLE, _payloads(1))
        with pytest.raises(RecordError, match="closed"):
            list(log.read(DURABLE))

    @pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "a\0b", "ä", ".a", "a" * 129])
    def test_a_name_that_is_none_is_refused(
        self, open_log: OpenLog, tmp_path: Path, name: str
    ) -> None:
        """Names of streams are plain ASCII, so that they mean the same everywhere."""
        log = open_log(tmp_path)
        with pytest.raises(DataError, match="name for a stream"):
            log.append(name, _payloads(1))
        assert log.streams() == ()
        log.close()

    def test_content_is_kept_byte_for_byte(self, open_log: OpenLog, tmp_path: Path) -> None:
        """Empty, binary and long payloads come back as they were."""
        payloads = [b"", b"\0" * 10, bytes(range(256)) * 300, "§".encode()]
        log = open_log(tmp_path)
        log.append(DURABLE, payloads)
        log.close()
        reader = open_log(tmp_path, read_only=True)
        assert [e.payload for e in reader.read(DURABLE)] == payloads
        reader.close()

    @pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES + 1, 10_000_000])
    def test_an_event_that_is_too_large_is_refused_and_all_of_its_append(
        self, open_log: OpenLog, tmp_path: Path, size: int
    ) -> None:
        """With its size, what is allowed and what to do; the largest there may be is kept."""
        log = open_log(tmp_path)
        largest = bytes(MAX_PAYLOAD_BYTES)
        log.append(DURABLE, [largest])
        allowed = f"{size} bytes for {DURABLE!r}: at most {MAX_PAYLOAD_BYTES} .*artifact"
        with pytest.raises(DataError, match=allowed):
            log.append(DURABLE, [b"small", bytes(size)])
        log.append(DURABLE, [b"next"])
        assert [e.payload for e in log.read(DURABLE)] == [largest, b"next"]
        log.close()


def write_again(
    old: EventLog,
    new: EventLog,
    change: Callable[[str, list[bytes]], Sequence[bytes]] = lambda _, payloads: payloads,
) -> None:
    """Append what ``old`` holds to ``new`` in the order of recording, each stream changed.

    What ``change`` adds to a stream comes last of all.
    """
    waiting: list[tuple[int, str, bytes]] = []
    for stream in old.streams():
        events = list(old.read(stream))
        payloads = change(stream, [event.payload for event in events])
        times = [*(event.recorded_ns for event in events), *[sys.maxsize] * len(payloads)]
        waiting += [(at, stream, one) for at, one in zip(times, payloads, strict=False)]
    waiting.sort(key=itemgetter(0))
    for stream, group in groupby(waiting, key=itemgetter(1)):
        new.append(stream, [payload for _, _, payload in group])
