"""What is on record is compared byte for byte, and only what is new is added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from itertools import groupby
from stairway.app.catalog import stream_of
from stairway.app.catalog import CODEC, Fact
from stairway.app.facts import Funded, RunFinished, Timing
from stairway.app.recorder import Recorder, run_hash, telemetry_hash
from stairway.base.errors import DiskFullError, InvariantError, RecordError
from stairway.base.units import UtcNs
from stairway.events.envelope import GENESIS, Envelope, Head, chain
from stairway.events.ports import EventLog
from stairway.testing.bars import random_walk

BARS = tuple(random_walk(6, seed=1))
FACTS: tuple[Fact, ...] = (
    *BARS[:3],
    Funded(1, "capital", "canary:d", 10),
    BARS[3],
    Funded(2, "canary:d", "capital", 10),
    RunFinished(3, UtcNs(4), "t"),
)
OpenLog = Callable[..., EventLog]


class Paper:
    """A log in memory that notes what it was asked, for tests of many short records."""

    def __init__(self, other: Paper | None = None) -> None:
        self.kept: dict[str, list[Envelope]] = {}
        self.asked: list[str] = []
        for envelopes in other.kept.values() if other else ():
            self.append(envelopes[0].stream, [e.payload for e in envelopes])

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        del expected
        self.asked.append("append")
        rows = self.kept.setdefault(stream, [])
        for payload in payloads:
            before = rows[-1].hash if rows else GENESIS
            digest = chain(before, stream, len(rows) + 1, payload)
            rows.append(Envelope(stream, len(rows) + 1, payload, digest, 0))
        return self.head(stream)

    def flush(self) -> None:
        self.asked.append("flush")

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        return iter(self.kept.get(stream, [])[after:])

    def head(self, stream: str) -> Head:
        rows = self.kept.get(stream)
        return Head(rows[-1].position, rows[-1].hash) if rows else Head()

    def streams(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, rows in self.kept.items() if rows))

    def close(self) -> None:
        pass


def test_facts_go_to_their_streams_in_order(new_log: OpenLog) -> None:
    log = new_log()
    recorder = Recorder(log)
    recorder.publish(*FACTS)
    recorder.flush()
    assert [CODEC.decode(e.payload) for e in log.read("market.bar")] == list(BARS[:4])
    assert [e.position for e in log.read("book.funded")] == [1, 2]
    assert (recorder.appended, recorder.checked) == (len(FACTS), 0)


def test_a_second_run_over_the_same_record_adds_nothing(new_log: OpenLog) -> None:
    log = new_log()
    first, second = Recorder(log), Recorder(log)
    first.publish(*FACTS)
    first.flush()
    before = run_hash(log)
    again = Recorder(log)
    again.publish(*FACTS)
    again.flush()
    assert (again.checked, again.appended) == (len(FACTS), 0)
    assert run_hash(log) == before
    assert again.left_over() == {}
    assert second.left_over() == {"book.funded": 2, "market.bar": 4, "run": 1}


@hypothesis_settings(max_examples=60)
@given(st.integers(0, len(FACTS)), st.lists(st.integers(0, len(FACTS)), max_size=3))
def test_a_resumed_record_equals_one_that_was_never_disturbed(
    cut: int, commits: list[int]
) -> None:
    whole = Paper()
    once = Recorder(whole)
    once.publish(*FACTS)
    once.flush()
    broken = Paper()
    early = Recorder(broken)
    early.publish(*FACTS[:cut])
    early.flush()
    late = Recorder(broken)
    for n, fact in enumerate(FACTS):
        late.publish(fact)
        if n in commits:
            late.commit()
    late.flush()
    assert run_hash(broken) == run_hash(whole)
    assert (late.checked, late.appended) == (cut, len(FACTS) - cut)


@given(st.integers(0, len(FACTS) - 1))
def test_a_difference_names_the_stream_and_the_position(where: int) -> None:
    log = Paper()
    Recorder(log).publish()
    once = Recorder(log)
    once.publish(*FACTS)
    once.flush()
    other = Recorder(log)
    other.publish(*FACTS[:where])
    fact = FACTS[where]
    changed: Fact
    match fact:
        case Funded():
            changed = Funded(fact.index, fact.source, fact.target, fact.micros + 1)
        case RunFinished():
            changed = RunFinished(fact.index + 1, fact.time_ns, fact.telemetry)
        case _:
            changed = BARS[5]
    streams = [CODEC.encode(f) for f in FACTS[: where + 1] if type(f) is type(fact)]
    name = {"Funded": "book.funded", "RunFinished": "run"}.get(
        type(fact).__name__, "market.bar"
    )
    with pytest.raises(InvariantError, match=f"part ways at {name} #{len(streams)}: recorded"):
        other.publish(changed)


def test_the_last_digit_of_a_number_is_a_difference() -> None:
    log = Paper()
    once = Recorder(log)
    once.publish(Funded(1, "capital", "canary:d", 10**15))
    once.flush()
    with pytest.raises(InvariantError, match="start a new one with another --out"):
        Recorder(log).publish(Funded(1, "capital", "canary:d", 10**15 + 1))


def test_measured_time_is_recorded_and_never_compared() -> None:
    log = Paper()
    for ns in (5, 6):
        recorder = Recorder(log)
        recorder.publish(Timing(0, {"decide": ns}), BARS[0])
        recorder.flush()
    assert len(log.kept["timing"]) == 1, "a resumed run measures what was not measured"
    assert len(log.kept["market.bar"]) == 1
    assert recorder.left_over() == {}
    bare = Paper()
    plain = Recorder(bare)
    plain.publish(BARS[0])
    plain.flush()
    assert run_hash(log) == run_hash(bare)


def test_the_hash_of_a_run_covers_every_stream() -> None:
    hashes = set()
    for facts in (FACTS, FACTS[:-1], FACTS[1:], (*FACTS[:3], *FACTS[4:])):
        log = Paper()
        recorder = Recorder(log)
        recorder.publish(*facts)
        recorder.flush()
        hashes.add(run_hash(log))
    assert len(hashes) == 4


def test_flush_waits_for_what_was_committed_before() -> None:
    log = Paper()
    recorder = Recorder(log)
    recorder.publish(BARS[0])
    recorder.commit()
    assert log.asked == ["append"]
    recorder.flush()
    assert log.asked == ["append", "flush"]


def test_flush_does_not_bother_the_disk_when_nothing_is_new() -> None:
    log = Paper()
    recorder = Recorder(log)
    recorder.flush()
    recorder.publish(BARS[0])
    recorder.flush()
    recorder.flush()
    assert log.asked == ["append", "flush"]
    again = Recorder(log)
    again.publish(BARS[0])
    again.flush()
    assert log.asked == ["append", "flush"]


def test_nothing_is_appended_before_it_is_committed() -> None:
    log = Paper()
    recorder = Recorder(log)
    recorder.publish(*FACTS)
    assert log.asked == []
    recorder.commit()
    recorder.commit()
    assert log.asked == ["append"] * len(list(groupby(map(stream_of, FACTS))))


class Full(Paper):
    """A log that has no room for one stream, until it has."""

    is_full = True

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        if self.is_full and stream == stream_of(FACTS[3]):
            msg = "no room"
            raise DiskFullError(msg)
        return super().append(stream, payloads, expected)


def test_what_was_handed_over_before_the_log_refused_is_not_handed_over_again() -> None:
    log, whole = Full(), Paper()
    recorder = Recorder(log)
    recorder.publish(*FACTS)
    for _ in range(2):
        with pytest.raises(DiskFullError):
            recorder.flush()
    log.is_full = False
    recorder.publish(BARS[2])
    recorder.flush()
    undisturbed = Recorder(whole)
    undisturbed.publish(*FACTS, BARS[2])
    undisturbed.flush()
    assert log.kept == whole.kept


def test_read_only_compares_and_counts_what_lies_beyond(new_log: OpenLog) -> None:
    log = new_log()
    once = Recorder(log)
    once.publish(*FACTS[:4])
    once.flush()
    reader = Recorder(new_log(read_only=True), read_only=True)
    reader.publish(*FACTS)
    reader.flush()
    assert (reader.checked, reader.beyond, reader.appended) == (4, 3, 0)
    assert [e.position for e in log.read("market.bar")] == [1, 2, 3]


def test_a_log_that_cannot_be_written_is_not_written_in_silence(new_log: OpenLog) -> None:
    writer = Recorder(new_log())
    writer.publish(BARS[0])
    writer.flush()
    reader = Recorder(new_log(read_only=True))
    reader.publish(BARS[0], BARS[1])
    with pytest.raises(RecordError, match="read_only"):
        reader.flush()


def test_a_fact_that_nobody_knows_is_not_recorded() -> None:
    with pytest.raises(InvariantError, match="no stream is named for facts of type str"):
        Recorder(Paper()).publish("a word")


def test_left_over_counts_what_no_step_published_again() -> None:
    log = Paper()
    once = Recorder(log)
    once.publish(*FACTS)
    once.flush()
    again = Recorder(log)
    again.publish(*FACTS[:3])
    assert again.left_over() == {"book.funded": 2, "market.bar": 1, "run": 1}


def test_what_waits_to_be_committed_is_part_of_the_telemetrys_hash(new_log: OpenLog) -> None:
    log = new_log()
    recorder = Recorder(log)
    recorder.publish(*BARS[:2])
    early = recorder.telemetry()
    recorder.publish(BARS[2])
    assert recorder.telemetry() != early
    assert recorder.telemetry() == telemetry_hash(log)


def test_the_telemetrys_hash_is_of_what_is_kept_there_and_not_of_measured_time() -> None:
    log = Paper()
    recorder = Recorder(log)
    recorder.publish(*BARS[:2])
    bars = recorder.telemetry()
    recorder.publish(Funded(1, "capital", "canary:d", 10), Timing(1, {"observe": 5}))
    assert recorder.telemetry() == bars
