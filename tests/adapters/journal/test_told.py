"""What comes with a ring is found at once, and is never more than the file says."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import ExitStack, closing
from tempfile import TemporaryDirectory
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.adapters.journal.archiver import RetentionRules, archive_old
from stairway.adapters.journal.doorbell import Doorbell
from stairway.adapters.journal.log import ReadOnlyLog
from stairway.adapters.journal.rows import follow, sealed
from stairway.adapters.journal.store import Row
from stairway.adapters.journal.told import NOTE_BYTES, RING, Told, note, told_in
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import DamagedLogError, InvariantError
from stairway.events.envelope import Envelope, Head
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())


class Ear:
    """Hears for a log, and keeps what it heard."""

    def __init__(self, log=None):
        self.log = log
        self.heard = []

    def hear(self, said):
        self.heard.append(said)
        if self.log is not None:
            self.log.hear(said)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def log(folder):
    with closing(open_log(folder, CONFIG)) as log:
        yield log


@pytest.fixture
def reader(log, folder):
    """A reader that has read the first event of either file."""
    put(log, "timing", b"1")
    put(log, "fill", b"1")
    with closing(ReadOnlyLog(folder)) as reader:
        assert [texts(reader, stream) for stream in ("timing", "fill")] == [[b"1"], [b"1"]]
        yield reader


def put(log, stream, *payloads):
    log.append(stream, payloads)
    log.flush()


def texts(log, stream, after=0):
    return [event.payload for event in log.read(stream, after)]


def forged(head, payload=b"forged", stream="timing", recorded_ns=7):
    return note(follow(head, stream, [payload], recorded_ns))


def counted(reader, stream):
    """Count the looks into the file of ``stream`` from now on."""
    store, looks = reader._reading.of(stream)._store, []
    ask = store._ask
    store._ask = lambda *given: looks.append(given) or ask(*given)
    return looks


@pytest.mark.parametrize("stream", ["timing", "fill"])
def test_an_event_is_handed_out_before_the_file_is_looked_into(log, reader, folder, stream):
    with Doorbell(folder, reader) as bell:
        put(log, stream, b"2")
        assert bell.wait(1.0)
        looks = counted(reader, stream)
        events = reader.read(stream, 1)
        told = next(events)
        assert (told.position, told.payload, len(looks)) == (2, b"2", 0)
        assert (list(events), len(looks) > 0) == ([], True)
    with closing(ReadOnlyLog(folder)) as other:
        assert told == [*other.read(stream)][-1]


@pytest.mark.parametrize("stream", ["timing", "fill"])
def test_nobody_is_told_of_what_is_not_committed(log, folder, stream):
    class Doubter:
        def hear(self, said):
            for name, position, *_ in told_in(said):
                with closing(ReadOnlyLog(folder)) as other:
                    seen.append(other.head(name).position >= position)

    seen = []
    with Doorbell(folder, Doubter()) as bell:
        for n in range(20):
            log.append(stream, [b"%d" % n])
            if n % 3 == 0:
                log.flush()
            bell.wait(0.0)
        log.flush()
        assert bell.wait(1.0)
    assert seen
    assert all(seen)


def test_a_commit_that_fails_tells_nobody(log, reader, folder, monkeypatch):
    def fails(rows):
        raise OSError(rows)

    ear = Ear()
    with Doorbell(folder, ear) as bell:
        monkeypatch.setattr(log._files._journals["telemetry.db"], "commit", fails)
        log.append("timing", [b"2"])
        with pytest.raises(InvariantError, match="writer failed"):
            log.flush()
        assert not bell.wait(0.0)
    assert ear.heard == []
    assert texts(reader, "timing", 1) == []
    with pytest.raises(InvariantError, match="writer failed"):
        log.close()


def wrongs():
    """Notes that are not what follows upon the first event, by what is wrong with them."""
    first = follow(Head(), "timing", [b"1"], 7)[0]
    head = Head(1, first[4].hex())
    good = follow(head, "timing", [b"2"], 8)[0]
    stream, position, recorded_ns, crc, digest, payload = good
    return {
        "the genesis again": forged(Head()),
        "a gap": note(follow(Head(2, digest.hex()), "timing", [b"3"], 9)),
        "another chain": forged(Head(1, "ab" * 32)),
        "another payload": note([(stream, position, recorded_ns, crc, digest, b"x")]),
        "another time": note([(stream, position, recorded_ns + 1, crc, digest, payload)]),
        "another checksum": note([(stream, position, recorded_ns, crc ^ 1, digest, payload)]),
        "no hash": note([(stream, position, recorded_ns, crc, b"", payload)]),
        "a place before the first": note([(stream, -1, recorded_ns, crc, digest, payload)]),
        "a stream that nobody read": note(follow(Head(), "book.marked", [b"x"], 7)),
        "no stream at all": note(follow(Head(), "../../etc", [b"x"], 7)),
        "cut short": note([good])[:-1],
        "more behind it": note([good]) + b"\0",
        "too few columns": msgspec.msgpack.encode([good[:5]]),
        "another type": msgspec.msgpack.encode([(*good[:5], "2")]),
        "too large a number": msgspec.msgpack.encode([(stream, 2**64 - 1, *good[2:])]),
        "no row": b"\x90",
        "no list": b"\x01\x02",
        "no UTF-8": msgspec.msgpack.encode([good]).replace(b"timing", b"tim\xff\xfeg"),
        "nothing": b"",
        "noise": bytes(range(255, 0, -1)),
    }


def test_what_one_thread_still_owes_another_does_not_forgive():
    """Both read the same stream through the same reader, the second one further on."""

    class Unchecked:
        path = Path("telemetry.db")

        def checked(self, _stream, _end, rows):
            return [events[row[0]] for row in rows]

    def behind(_after):
        assert next(second) == events[3]
        return iter([events[2]])

    events = {n: Envelope("timing", n, b"%d" % n, "h", n) for n in (2, 3)}
    told = Told(Unchecked())
    told.hear(("timing", 2, 2, 0, b"", b"2"))
    first = told.read("timing", 1, Head(1, "h"), behind)
    assert next(first) == events[2]
    told.hear(("timing", 3, 3, 0, b"", b"3"))
    second = told.read("timing", 2, Head(2, "h"), lambda _: iter([]))
    assert list(first) == []
    with pytest.raises(DamagedLogError, match="position 3: a ring told of another event"):
        list(second)


@pytest.mark.parametrize("wrong", wrongs())
def test_what_does_not_follow_upon_the_last_event_is_a_plain_ring(folder, wrong):
    with ExitStack() as stack:
        log = stack.enter_context(closing(open_log(folder, CONFIG, clock_ns=lambda: 7)))
        put(log, "timing", b"1")
        reader = stack.enter_context(closing(ReadOnlyLog(folder)))
        assert texts(reader, "timing") == [b"1"]
        reader.hear(wrongs()[wrong])
        assert texts(reader, "timing", 1) == []
        put(log, "timing", b"2")
        reader.hear(wrongs()[wrong])
        assert texts(reader, "timing", 1) == [b"2"]
        files = [reader._reading.of(stream) for stream in ("timing", "fill")]
        assert [file._told._rows for file in files] == [{}, {}]
        assert texts(reader, "book.marked") == []


def test_the_wrongs_above_are_wrong_in_one_thing_only(folder):
    with closing(open_log(folder, CONFIG, clock_ns=lambda: 7)) as log:
        put(log, "timing", b"1")
        with closing(ReadOnlyLog(folder)) as reader:
            (first,) = reader.read("timing")
            reader.hear(forged(Head(1, first.hash), b"2", recorded_ns=8))
            assert next(reader.read("timing", 1)).payload == b"2"


@pytest.mark.parametrize("taken", ["all", "one"])
def test_an_event_that_the_file_does_not_hold_is_damage_and_stays_it(reader, taken):
    (first,) = reader.read("timing")
    reader.hear(forged(Head(1, first.hash)))
    events = reader.read("timing", 1)
    assert next(events).payload == b"forged"
    if taken == "one":
        events.close()
        events = reader.read("timing", 2)
    for again in (events, reader.read("timing", 2), reader.read("timing", 1)):
        with pytest.raises(DamagedLogError, match=r"'timing', position 2: a ring told of"):
            list(again)
    assert texts(reader, "fill", 0) == [b"1"]


@pytest.mark.parametrize("taken", ["all", "one"])
def test_another_event_than_the_file_holds_is_damage(log, reader, taken):
    (first,) = reader.read("timing")
    put(log, "timing", b"2", b"3")
    reader.hear(forged(Head(1, first.hash)))
    events = reader.read("timing", 1)
    assert next(events).payload == b"forged"
    if taken == "one":
        events.close()
        events = reader.read("timing", 2)
    with pytest.raises(DamagedLogError, match="a ring told of another event"):
        list(events)


@pytest.mark.parametrize("mask", [0o002, 0o020, 0o022, 0o000])
def test_nothing_is_believed_where_others_may_write_into_the_socket(log, reader, folder, mask):
    before = os.umask(mask)
    try:
        ear = Ear()
        with Doorbell(folder, ear) as bell:
            put(log, "timing", b"2")
            assert bell.wait(1.0)
    finally:
        os.umask(before)
    assert bool(ear.heard) == (mask == 0o022)
    assert texts(reader, "timing", 1) == [b"2"]


def test_nothing_is_believed_where_others_may_change_the_sockets(log, folder):
    with Doorbell(folder):
        (folder / "bells").chmod(0o775)
    ear = Ear()
    with Doorbell(folder, ear) as bell:
        put(log, "timing", b"1")
        assert bell.wait(1.0)
    assert ear.heard == []


def test_a_log_that_does_not_hear_is_rung_for_all_the_same(log, folder):
    with Doorbell(folder, log) as bell:
        put(log, "timing", b"1")
        assert bell.wait(1.0)


@pytest.mark.parametrize(
    "payloads", [[bytes(5_000)], [b"x"] * 17, [bytes(300)] * 16, [bytes(100)] * 200]
)
def test_what_is_too_much_to_tell_is_rung_for_and_read(log, reader, folder, payloads):
    ear = Ear(reader)
    with Doorbell(folder, ear) as bell:
        put(log, "timing", *payloads)
        assert bell.wait(1.0)
    assert ear.heard == []
    assert texts(reader, "timing", 1) == payloads


def test_the_largest_note_fits():
    rows = follow(Head(2**62, "ff" * 32), "x" * 128, [bytes(256)] * 16, 2**62)
    assert note(rows) != RING
    assert len(note(rows)) <= NOTE_BYTES
    assert told_in(note(rows)) == rows


def test_what_is_lost_on_the_way_is_read_from_the_file(log, reader, folder):
    with Doorbell(folder, reader) as bell:
        for n in range(2, 102):
            put(log, "timing", b"%d" % n)
        assert bell.wait(1.0)
        assert texts(reader, "timing", 1) == [b"%d" % n for n in range(2, 102)]
        put(log, "timing", b"102")
        bell.wait(1.0)
        assert texts(reader, "timing", 101) == [b"102"]


def test_more_than_can_be_kept_is_read_from_the_file(log, reader):
    put(log, "timing", *[b"x"] * 600)
    with closing(ReadOnlyLog(reader._reading.folder)) as other:
        for event in other.read("timing", 1):
            row = Row(event.stream, event.position, event.recorded_ns, event.hash, b"x")
            reader.hear(note([sealed(row)]))
    (kept,) = reader._reading.of("timing")._told._rows.values()
    assert len(kept) == 256
    assert [event.position for event in reader.read("timing", 1)] == [*range(2, 602)]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_one_who_reads_from_elsewhere_gets_everything_in_order(log, reader, folder, after):
    put(log, "timing", b"2")
    assert texts(reader, "timing", 1) == [b"2"]
    with Doorbell(folder, reader) as bell:
        put(log, "timing", b"3")
        assert bell.wait(1.0)
        assert texts(reader, "timing", after) == [b"1", b"2", b"3"][after:]
        assert texts(reader, "timing", after) == [b"1", b"2", b"3"][after:]


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_one_who_left_a_told_event_and_reads_from_elsewhere_gets_everything(
    log, reader, folder, after
):
    put(log, "timing", b"2")
    assert texts(reader, "timing", 1) == [b"2"]
    with Doorbell(folder, reader) as bell:
        put(log, "timing", b"3")
        assert bell.wait(1.0)
        assert next(reader.read("timing", 2)).payload == b"3"
        put(log, "timing", b"4")
    assert texts(reader, "timing", after) == [b"1", b"2", b"3", b"4"][after:]


def test_one_who_takes_one_event_at_a_time_gets_each_once(log, reader, folder):
    seen = [b"1"]
    with Doorbell(folder, reader) as bell:
        for n in range(2, 30):
            put(log, "timing", b"%d" % n)
            assert bell.wait(1.0)
            seen.append(next(reader.read("timing", len(seen))).payload)
            assert n % 5 or next(reader.read("timing", len(seen)), None) is None
    assert seen == [b"%d" % n for n in range(1, 30)]


def test_an_event_that_leaves_for_the_archive_in_the_hand_of_its_reader_is_no_damage(folder):
    with closing(open_log(folder, CONFIG, clock_ns=lambda: 7)) as log:
        put(log, "timing", b"1")
        reader = ReadOnlyLog(folder)
        assert texts(reader, "timing") == [b"1"]
        with Doorbell(folder, reader) as bell:
            put(log, "timing", b"2", b"3")
            assert bell.wait(1.0)
            events = reader.read("timing", 1)
            assert next(events).payload == b"2"
            put(log, "timing", b"4", b"5")
    rules = RetentionRules(keep_events=1, keep_days=0.0)
    assert archive_old(folder, rules, {}, 10**18, lambda *_: None)
    assert [event.payload for event in events] == [b"3", b"4", b"5"]
    reader.close()


def test_threads_that_share_a_log_each_read_every_event_once(log, reader, folder):
    seen = {name: [] for name in "ab"}

    def follow_up(name):
        with Doorbell(folder, reader) as bell:
            while len(seen[name]) < 60:
                for event in reader.read("timing", 1 + len(seen[name])):
                    seen[name].append(event.payload)
                bell.wait(0.05)

    threads = [threading.Thread(target=follow_up, args=(name,)) for name in seen]
    for thread in threads:
        thread.start()
    for n in range(60):
        put(log, "timing", b"%d" % n)
    for thread in threads:
        thread.join()
    assert list(seen.values()) == [[b"%d" % n for n in range(60)]] * 2


def test_whoever_sends_nonsense_to_a_bell_is_a_ring(log, reader, folder):
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, Doorbell(folder, reader) as bell:
        for said in (b"", b"\0", b"x" * 100_000, b"\x91", RING * 2):
            sender.sendto(said, str(bell._path))
            assert bell.wait(1.0)
        put(log, "timing", b"2")
        assert bell.wait(1.0)
        assert texts(reader, "timing", 1) == [b"2"]


DELIVERIES = st.lists(
    st.tuples(st.lists(st.integers(0, 11), max_size=6), st.integers(0, 3), st.booleans()),
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(DELIVERIES)
def test_however_notes_come_each_event_is_read_once_and_in_order(steps):
    """Notes repeated, out of order, late, left out, cut short; reads broken off."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        ear, folder = Ear(), Path(name)
        log = stack.enter_context(closing(open_log(folder, CONFIG)))
        reader = stack.enter_context(closing(ReadOnlyLog(folder)))
        bell = stack.enter_context(Doorbell(folder, ear))
        seen = []
        for n in range(12):
            put(log, ("timing", "fill")[n % 2], b"%d" % n)
            assert bell.wait(1.0)
        written = {stream: [*log.read(stream)] for stream in ("timing", "fill")}
        got = {stream: [] for stream in written}
        for which, cut, is_broken_off in [*steps, ([], 0, False)]:
            for n in which:
                said = ear.heard[n]
                reader.hear(said[: len(said) - cut] if cut < 2 else said)
            for stream, seen in got.items():
                for event in reader.read(stream, len(seen)):
                    seen.append(event)
                    if is_broken_off:
                        break
        assert got == written
