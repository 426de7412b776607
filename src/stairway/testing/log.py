"""The promises of :class:`stairway.events.ports.EventLog`, as tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from stairway.base.errors import ConfigError, ConflictError, DataError, RecordError
from stairway.events.envelope import GENESIS, Envelope, Head, chain
from stairway.events.ports import EventLog

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
        clock = iter([100, 100, 40, 10**15, 7])
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

    def test_one_writer_at_a_time(self, open_log: OpenLog, tmp_path: Path) -> None:
        """A second writer is refused, and the first is not disturbed."""
        log = open_log(tmp_path)
        with pytest.raises(ConfigError, match="read_only"):
            open_log(tmp_path)
        log.append(DURABLE, _payloads(1))
        log.close()
        again = open_log(tmp_path)
        assert again.head(DURABLE).position == 1
        again.close()

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
