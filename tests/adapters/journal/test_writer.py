"""Group commit, told with a sink that does what the test says."""

from __future__ import annotations

import signal
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.adapters.journal import writer as of_writer
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.store import Row
from stairway.adapters.journal.writer import MOST_UNTIDY, GroupCommit
from stairway.base.errors import DiskFullError, InvariantError, RecordError
from stairway.testing.log import small_settings


NO_ROOM = DiskFullError("no room left")
LOST = "the mark is lost"
NO_BALLAST = DiskFullError("no room for the ballast")


class FakeSink:
    """Keeps commits in a list; ``room`` and ``fail`` say what goes wrong."""

    def __init__(self):
        self.commits = []
        self.room = 10**9
        self.fail = None
        self.ballast = 5
        self.gate = threading.Event()
        self.gate.set()
        self.calls = []

    @property
    def rows(self):
        return [row for commit in self.commits for row in commit]

    def commit(self, rows):
        self.gate.wait()
        self.calls.append("commit")
        if self.fail is not None:
            raise self.fail
        if len(rows) > self.room:
            raise NO_ROOM
        self.room -= len(rows)
        self.commits.append(list(rows))

    def tidy(self):
        self.calls.append("tidy")

    def settle(self):
        self.calls.append("settle")

    def drop_ballast(self):
        self.calls.append("drop")
        self.room += self.ballast

    def load_ballast(self):
        self.calls.append("load")
        if self.room < self.ballast:
            raise NO_BALLAST
        self.room -= self.ballast


def rows(*numbers):
    return [Row("fill", n, n, "", b"") for n in numbers]


@pytest.fixture
def sink():
    return FakeSink()


@pytest.fixture
def start(sink):
    started = []

    def make(**changes):
        writer = GroupCommit(sink, Settings(**small_settings(**changes)))
        started.append(writer)
        return writer

    yield make
    sink.gate.set()
    sink.room, sink.fail = 10**9, None
    for writer in started:
        try:
            writer.close()
        except RecordError:
            pass
        except InvariantError:
            pass


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=20), st.integers(1, 9))
def test_all_is_committed_in_order_in_groups_of_at_most_so_many(puts, most):
    sink, count = FakeSink(), 0
    writer = GroupCommit(sink, Settings(**small_settings(commit_events=most)))
    for size, flush in puts:
        writer.put(rows(*range(count, count + size)))
        count += size
        if flush:
            writer.flush()
            assert sink.rows == rows(*range(count))
    writer.close()
    assert sink.rows == rows(*range(count))
    assert all(0 < len(commit) <= most for commit in sink.commits)


def test_events_share_a_commit(sink, start):
    sink.gate.clear()
    writer = start()
    writer.put(rows(0))
    for n in range(1, 200):
        writer.put(rows(n))
    sink.gate.set()
    writer.flush()
    assert sink.rows == rows(*range(200))
    assert len(sink.commits) <= 3


def test_nobody_who_waits_in_flush_waits_for_company(sink, start):
    writer = start(commit_ms=1_000.0)
    for n in range(5):
        writer.put(rows(n))
        writer.flush()
        assert sink.rows == rows(*range(n + 1))


def test_a_commit_comes_by_itself(sink, start):
    writer = start(commit_ms=1.0)
    committed = threading.Event()
    sink.tidy = committed.set
    writer.put(rows(0))
    assert committed.wait(10)
    assert sink.rows == rows(0)


def test_the_sink_settles_once_when_nothing_comes_any_more(sink, start):
    writer = start(commit_ms=30.0)
    settled = threading.Event()
    settle = sink.settle
    sink.settle = lambda: (settle(), settled.set())
    for n in range(5):
        writer.put(rows(n))
        writer.flush()
        assert "settle" not in sink.calls
    assert settled.wait(10)
    threading.Event().wait(0.1)
    assert sink.calls == ["commit", "tidy"] * 5 + ["settle"]


def test_a_sink_that_cannot_settle_is_dead(sink, start):
    writer = start()
    failed = threading.Event()

    def fail():
        failed.set()
        raise RecordError(LOST)

    sink.settle = fail
    writer.put(rows(0))
    writer.flush()
    assert failed.wait(10)
    for _ in range(1_000):
        if writer.failed:
            break
        threading.Event().wait(0.002)
    with pytest.raises(RecordError, match=LOST):
        writer.put(rows(1))


def test_flushing_nothing_returns(start):
    start().flush()


def test_a_full_queue_makes_the_caller_wait(sink, start):
    sink.gate.clear()
    writer = start(queue_events=10, commit_events=4)
    writer.put(rows(*range(12)))
    waits = threading.Thread(target=writer.put, args=(rows(12),))
    waits.start()
    waits.join(0.05)
    assert waits.is_alive()
    sink.gate.set()
    waits.join(10)
    assert not waits.is_alive()
    writer.flush()
    assert sink.rows == rows(*range(13))


def test_a_full_disk_is_met_with_the_ballast_and_then_refused(sink, start):
    sink.room = 2
    writer = start()
    writer.put(rows(0, 1))
    writer.flush()
    assert writer.full is None
    writer.put(rows(2, 3, 4))
    writer.flush()
    assert sink.rows == rows(0, 1, 2, 3, 4)
    assert sink.calls.count("drop") == 1
    for _ in range(2):
        with pytest.raises(DiskFullError, match=r"no room left; .* every \d+ ms: try again"):
            writer.put(rows(5))
    assert sink.rows == rows(0, 1, 2, 3, 4)
    assert not writer.failed


def test_what_was_accepted_is_kept_while_there_is_no_room_at_all(sink, start):
    sink.room, sink.ballast = 0, 0
    writer = start()
    writer.put(rows(0, 1))
    with pytest.raises(DiskFullError):
        writer.flush()
    assert sink.rows == []
    with pytest.raises(DiskFullError):
        writer.flush()
    sink.room = 100
    writer.flush()
    assert sink.rows == rows(0, 1)


def test_writing_resumes_by_itself_once_there_is_room(sink, start):
    sink.room = 0
    writer = start()
    writer.put(rows(0))
    writer.flush()
    assert writer.full is not None
    resumed = threading.Event()
    load = sink.load_ballast

    def watched():
        load()
        resumed.set()

    sink.load_ballast = watched
    sink.room = 100
    assert resumed.wait(10)
    # The flag is cleared just after the ballast is back.
    for _ in range(1_000):
        if writer.full is None:
            break
        threading.Event().wait(0.002)
    writer.put(rows(1))
    writer.flush()
    assert sink.rows == rows(0, 1)


def test_exits_may_use_the_room_that_the_ballast_left(sink, start):
    sink.room = 0
    writer = start()
    writer.put(rows(0))
    writer.flush()
    with pytest.raises(DiskFullError):
        writer.put(rows(1))
    writer.use_ballast()
    for n in range(1, 5):
        writer.put(rows(n))
        writer.flush()
    assert sink.rows == rows(*range(5))
    writer.put(rows(5))
    with pytest.raises(DiskFullError):
        writer.flush()
    with pytest.raises(DiskFullError):
        writer.put(rows(6))
    sink.room = 100
    writer.flush()
    assert sink.rows == rows(*range(6))


def test_leave_to_use_the_ballast_ends_with_the_emergency(sink, start):
    sink.room, sink.ballast = 0, 3
    writer = start()
    writer.use_ballast()
    writer.put(rows(0))
    writer.flush()
    sink.room = 3
    for _ in range(1_000):
        if writer.full is None:
            break
        threading.Event().wait(0.002)
    assert writer.full is None
    writer.put(rows(1))
    writer.flush()
    with pytest.raises(DiskFullError):
        writer.put(rows(2))


def test_a_checkpoint_that_finds_no_room_drops_the_ballast_too(sink, start):
    tidy = iter([DiskFullError("no room to move"), None])

    def once():
        error = next(tidy, None)
        if error:
            raise error

    sink.tidy = once
    sink.load_ballast = lambda: (_ for _ in ()).throw(DiskFullError("still none"))
    writer = start()
    writer.put(rows(0))
    writer.flush()
    for _ in range(1_000):
        if writer.full is not None:
            break
        threading.Event().wait(0.002)
    with pytest.raises(DiskFullError, match="no room to move"):
        writer.put(rows(1))
    assert sink.calls.count("drop") == 1
    assert sink.commits == [rows(0)]


def test_any_other_failure_is_final(sink, start):
    sink.fail = RecordError("fsync failed")
    writer = start()
    writer.put(rows(0))
    with pytest.raises(RecordError, match="fsync failed"):
        writer.flush()
    sink.fail = None
    for act in (writer.flush, lambda: writer.put(rows(1))):
        with pytest.raises(RecordError, match="fsync failed") as caught:
            act()
        assert type(caught.value) is RecordError
    with pytest.raises(RecordError, match="fsync failed"):
        writer.close()
    assert writer.failed
    assert sink.commits == []
    assert sink.calls == ["commit"]


def test_a_mistake_of_ours_does_not_leave_callers_waiting(sink, start):
    sink.fail = ZeroDivisionError("a slip")
    writer = start()
    writer.put(rows(0))
    with pytest.raises(InvariantError, match="ZeroDivisionError"):
        writer.flush()
    with pytest.raises(InvariantError):
        writer.put(rows(1))


def test_a_caller_that_waits_for_the_queue_hears_of_a_failure(sink, start):
    sink.gate.clear()
    sink.fail = RecordError("fsync failed")
    writer = start(queue_events=1)
    writer.put(rows(0))
    heard = []

    def wait():
        try:
            writer.put(rows(1))
        except RecordError as error:
            heard.append(str(error))

    waits = threading.Thread(target=wait)
    waits.start()
    sink.gate.set()
    waits.join(10)
    assert heard == ["fsync failed"]


def test_closing_commits_what_waits(sink, start):
    writer = start(commit_ms=1_000.0)
    writer.put(rows(*range(600)))
    writer.close()
    assert sink.rows == rows(*range(600))
    with pytest.raises(RecordError, match="closed"):
        writer.put(rows(600))


def test_closing_on_a_full_disk_says_what_is_lost(sink, start):
    sink.room, sink.ballast = 0, 0
    writer = start()
    writer.put(rows(0))
    with pytest.raises(DiskFullError):
        writer.close()
    assert sink.rows == []


def test_closing_on_a_full_disk_uses_the_ballast(sink, start):
    sink.room = 0
    writer = start(commit_ms=1_000.0)
    writer.put(rows(0, 1))
    writer.close()
    assert sink.rows == rows(0, 1)


class SharedFakeSink(FakeSink):
    """Leaves out what it has, and is interrupted where ``interrupt`` says so."""

    interrupt = None

    def __init__(self):
        super().__init__()
        self.threads = set()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def commit(self, rows):
        self.threads.add(threading.current_thread().name)
        if self.interrupt == "before":
            self.interrupt = None
            raise KeyboardInterrupt
        super().commit([row for row in rows if row not in self.rows])
        if self.interrupt == "after":
            self.interrupt = None
            raise KeyboardInterrupt

    def resume(self):
        self.calls.append("resume")

    def move_ahead(self):
        self.calls.append("move_ahead")

    def commit_in_steps(self, rows, pause):
        self.calls.append("in_steps")
        for row in rows:
            self.begun.set()
            self.go_on.wait(10)
            pause()
            super().commit([row])


@pytest.fixture
def shared():
    return SharedFakeSink()


@pytest.fixture
def start_shared(shared):
    started = []

    def make(**changes):
        started.append(GroupCommit(shared, Settings(**small_settings(**changes))))
        return started[-1]

    yield make
    for writer in started:
        if not writer.failed:
            writer.close()


def came(happened):
    """Whether that happens within ten seconds."""
    until_s = time.monotonic() + 10
    while not happened() and time.monotonic() < until_s:
        time.sleep(0.001)
    return happened()


def test_whoever_waits_commits_himself(shared, start_shared):
    writer = start_shared(commit_ms=1_000.0)
    for n in range(5):
        writer.put(rows(n))
        writer.flush()
    assert shared.rows == rows(*range(5))
    assert shared.threads == {threading.current_thread().name}


def test_what_nobody_waits_for_is_committed_by_the_thread(shared, start_shared):
    writer = start_shared(commit_ms=2.0)
    settled = threading.Event()
    shared.settle = settled.set
    writer.put(rows(0))
    assert settled.wait(10)
    assert shared.rows == rows(0)
    assert shared.calls.count("in_steps") == 1


@pytest.fixture
def naps(monkeypatch):
    """How long the thread slept between steps, seconds."""
    naps = []
    monkeypatch.setattr(of_writer, "time", SimpleNamespace(sleep=naps.append))
    return naps


@pytest.mark.parametrize("wait", [GroupCommit.flush, GroupCommit.close], ids=["flush", "close"])
def test_it_does_not_pause_between_steps_while_somebody_waits(shared, start_shared, naps, wait):
    writer = start_shared(commit_ms=2.0)
    shared.go_on.clear()
    writer.put(rows(0, 1, 2))
    assert shared.begun.wait(10)
    waiting = threading.Thread(target=wait, args=(writer,))
    waiting.start()
    assert came(lambda: writer._wanted == 3)
    shared.go_on.set()
    waiting.join(10)
    assert shared.rows == rows(0, 1, 2)
    assert naps == []


def test_it_pauses_between_steps_once_nobody_waits_any_more(shared, start_shared, naps):
    writer = start_shared(commit_ms=2.0)
    writer.put(rows(0, 1))
    writer.flush()
    naps.clear()
    writer.put(rows(2, 3, 4))
    assert came(lambda: shared.rows == rows(0, 1, 2, 3, 4))
    assert naps == [of_writer._PAUSE_S] * 3


def test_it_takes_no_small_steps_once_callers_are_about_to_wait_for_room(shared, start_shared):
    writer = start_shared(commit_ms=2.0, commit_events=4, queue_events=5)
    settled = threading.Event()
    shared.settle = settled.set
    writer.put(rows(0, 1))
    assert settled.wait(10)
    assert "in_steps" not in shared.calls
    assert shared.threads == {"stairway-log"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_caller_neither_loses_nor_repeats_anything(shared, start_shared, when):
    writer = start_shared(commit_ms=1_000.0)
    shared.interrupt = when
    writer.put(rows(0, 1))
    with pytest.raises(KeyboardInterrupt):
        writer.flush()
    assert not writer.failed
    writer.put(rows(2))
    writer.flush()
    assert shared.rows == rows(0, 1, 2)
    assert shared.calls.count("resume") == 1


def test_callers_tidy_where_the_thread_does_not_come_to_it(shared, start_shared):
    writer = start_shared(commit_ms=1_000.0)
    for n in range(MOST_UNTIDY):
        assert "tidy" not in shared.calls
        writer.put(rows(n))
        writer.flush()
    assert shared.calls.count("tidy") == 1


def test_many_callers_at_once_all_find_theirs_committed(shared, start_shared):
    writer, turn, found = start_shared(commit_ms=1_000.0), threading.Lock(), []

    def publish(first):
        for n in range(first, first + 40):
            with turn:
                writer.put(rows(n))
            writer.flush()
            found.append(rows(n)[0] in shared.rows)

    callers = [threading.Thread(target=publish, args=(100 * k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert found == [True] * 160
    assert len(shared.rows) == 160


def test_a_failure_beside_the_commits_is_final_too(shared, start_shared):
    writer = start_shared(commit_ms=2.0)

    def fail():
        raise RecordError(LOST)

    shared.move_ahead = fail
    writer.put(rows(0))
    for _ in range(1_000):
        if writer.failed:
            break
        threading.Event().wait(0.002)
    with pytest.raises(RecordError, match=LOST):
        writer.put(rows(1))


def test_whoever_waits_for_room_hears_of_a_failure_beside_the_commits(shared, start_shared):
    writer, begun, told = start_shared(queue_events=4, commit_events=4), threading.Event(), []

    def fail():
        begun.set()
        # By then the queue is full, and nobody is going to commit any more.
        while len(writer._rows) < 4:
            threading.Event().wait(0.001)
        raise OSError(LOST)

    shared.move_ahead = fail

    def produce():
        try:
            while True:
                writer.put(rows(0, 1))
        except InvariantError as error:
            told.append(str(error))

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    assert begun.wait(10)
    producer.join(10)
    assert told == [f"the log's writer failed: OSError({LOST!r})"]
    assert writer.failed


def test_it_is_known_of_a_row_whether_it_waits(sink, start):
    sink.gate.clear()
    writer, (one, two) = start(), rows(0, 0)
    writer.put([one])
    assert one == two
    assert writer.holds(one)
    assert not writer.holds(two)
    sink.gate.set()
    writer.flush()
    assert not writer.holds(one)


def test_what_is_written_to_is_let_go_of_by_the_thread_once_it_is_done(shared):
    let_go = []

    def let(failed):
        let_go.append((failed, threading.current_thread().name, len(shared.rows)))

    writer = GroupCommit(shared, Settings(**small_settings(commit_events=1)), let)
    writer.put(rows(*range(20)))
    writer.flush()
    assert not let_go
    writer.put(rows(*range(20, 40)))
    writer.close()
    writer.close()
    assert let_go == [(False, "stairway-log", 40)]


def test_what_has_failed_is_held_until_it_is_closed(shared):
    let_go = []
    writer = GroupCommit(shared, Settings(**small_settings()), let_go.append)
    shared.fail = RecordError(LOST)
    writer.put(rows(0))
    with pytest.raises(RecordError, match=LOST):
        writer.flush()
    assert came(lambda: writer.failed)
    assert not came_soon(lambda: let_go)
    with pytest.raises(RecordError, match=LOST):
        writer.close()
    assert let_go == [True]


def came_soon(happened):
    until_s = time.monotonic() + 0.1
    while not happened() and time.monotonic() < until_s:
        time.sleep(0.001)
    return happened()


def test_nothing_is_let_go_of_under_one_who_commits(shared):
    let_go, allowed = [], threading.Event()
    at_work, tidy = threading.Event(), shared.tidy
    writer = GroupCommit(
        shared,
        Settings(**small_settings(commit_ms=1_000.0)),
        lambda _: let_go.append(allowed.is_set()),
    )
    shared.tidy = lambda: (at_work.set(), allowed.wait(10), tidy())
    writer._untidy = MOST_UNTIDY
    writer.put(rows(0))
    caller = threading.Thread(target=writer.flush)
    caller.start()
    assert at_work.wait(10)
    threading.Timer(0.1, allowed.set).start()
    writer.close()
    caller.join()
    assert let_go == [True]


@pytest.mark.parametrize(
    ("error", "said"),
    [(RecordError(LOST), LOST), (OSError(5, "I/O"), "the log's writer failed")],
)
def test_what_could_not_be_let_go_of_is_said_to_whoever_closes(sink, error, said):
    def let(_):
        raise error

    writer = GroupCommit(sink, Settings(**small_settings()), let)
    writer.put(rows(0))
    for _ in range(2):
        with pytest.raises((RecordError, InvariantError), match=said):
            writer.close()
    assert sink.rows == rows(0)


def test_what_was_left_when_all_was_let_go_of_is_not_written_afterwards(shared):
    shared.room = shared.ballast = 0
    writer = GroupCommit(shared, Settings(**small_settings()))
    writer.put(rows(0))
    with pytest.raises(DiskFullError):
        writer.close()
    shared.room = 10**9
    shared.calls.clear()
    for _ in range(2):
        with pytest.raises(RecordError, match="closed"):
            writer.flush()
    assert not {"commit", "resume"} & set(shared.calls)


def test_a_thread_that_breaks_loses_nothing_without_a_word(start):
    writer = start()
    writer._is_due = None
    writer.put(rows(0))
    assert came(lambda: writer.failed)
    with pytest.raises(InvariantError, match="writer failed"):
        writer.close()


@pytest.mark.timeout(60)
def test_an_interrupt_of_one_who_waits_for_room_lets_go_of_no_lock_of_others(
    sink, start, interrupts
):
    sink.gate.clear()
    writer = start(queue_events=1, commit_ms=1_000.0)
    writer.put(rows(0))
    # Whoever is interrupted does not wait for it, and does not give it back.
    held = threading.Thread(target=hold, args=(writer._lock, out := threading.Event()))
    with interrupts("Waiting.wait", act=lambda: (held.start(), time.sleep(0.05))):
        try:
            writer.put(rows(1))
        except KeyboardInterrupt:
            is_held = writer._lock.locked()
        finally:
            out.set()
    held.join()
    assert is_held
    sink.gate.set()
    writer.put(rows(2))
    writer.flush()
    assert sink.rows == rows(0, 2)


def hold(lock, out):
    with lock:
        out.wait(10)


def test_the_thread_is_woken_though_a_call_to_wake_it_was_cut_short(sink, start):
    writer = start()
    with writer._lock:
        # As an interrupt leaves it: one who was woken, and is listed first.
        stale = threading.Lock()
        stale.acquire()
        writer._work._waiters.appendleft(stale)
    writer.put(rows(0))
    assert came(lambda: sink.rows == rows(0))


def interrupt(_number, _frame):
    raise KeyboardInterrupt


@pytest.mark.timeout(60)
def test_nobody_is_waited_for_who_was_interrupted_in_flush(sink, start):
    writer, count = start(retry_ms=100.0), 0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        while count < 400:
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + 1e-6 * count)
                while True:
                    writer.put(rows(0))
                    writer.flush()
            except KeyboardInterrupt:
                count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    writer.flush()
    sink.room = sink.ballast = 0
    writer.put(rows(0))
    assert came(lambda: writer._tries > 0)
    sink.calls.clear()
    assert not came_soon(lambda: len(sink.calls) > 10), "it tries now and then, not without end"


def test_on_a_full_disk_the_thread_tries_at_once_for_each_who_asks_and_then_rests(sink, start):
    sink.room = sink.ballast = 0
    writer = start(retry_ms=60_000.0)
    writer.put(rows(0))
    for tries in (1, 2, 3):
        with pytest.raises(DiskFullError):
            writer.flush()
        assert not came_soon(lambda tries=tries: writer._tries > tries)
        assert writer._tries == tries


def test_who_asks_again_while_the_ballast_is_used_makes_nobody_try_without_end(sink, start):
    sink.room = 0
    writer = start(retry_ms=60_000.0)
    writer.put(rows(0))
    writer.flush()
    sink.calls.clear()
    assert not came_soon(lambda: len(sink.calls) > 4)
    assert sink.rows == rows(0)


def test_what_comes_after_one_who_waited_is_committed_in_company_again(sink, start):
    writer = start(commit_ms=1_000.0)
    writer.put(rows(0))
    writer.flush()
    for n in range(1, 5):
        writer.put(rows(n))
    assert not came_soon(lambda: len(sink.commits) > 1)
    writer.flush()
    assert sink.commits == [rows(0), rows(1, 2, 3, 4)]
