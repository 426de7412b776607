"""Processes that are stopped, not dead: a consumer in the middle, a writer with the lock.

What is stopped can come back. A consumer finds its events taken over, and its effects
done; whoever had to wait for the writer was refused, and nothing was dropped in silence.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import apsw
import pytest

from stairway.adapters.journal import layout
from stairway.adapters.journal.groups import SqliteGroup
from stairway.adapters.journal.inbox import Inbox
from stairway.adapters.journal.pair import WritingPair
from stairway.adapters.journal.store import Store
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError, ConflictError, RecordError
from stairway.base.verdict import Pass, Refuse
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings

SETTINGS = small_settings(max_wal_bytes=4_194_304)
CONFIG = Config(**SETTINGS)
LEASE_MS = 200
RULES = {"streams": ["fill"], "lease_ms": LEASE_MS, "tries": 5}
SCHEMA = ["create table effect (position integer)"]

CONSUMER = """
import json, sys, time
from pathlib import Path
from stairway.adapters.journal.inbox import Inbox
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import ConflictError
from stairway.events.delivery import GroupRules

folder, settings, rules = Path(sys.argv[1]), *map(json.loads, sys.argv[2:4])
careless = sys.argv[4] == "careless"
log = open_log(folder, Config(**settings), read_only=True)
inbox = Inbox(folder / "desk.db")
group = log.group("desk", GroupRules(**rules))
deliveries = group.take("slow", 50, time.time_ns())
print(len(deliveries), flush=True)
sys.stdin.readline()
for delivery in deliveries:
    with inbox.once("desk", delivery.envelope) as db:
        if db is not None or careless:
            inbox._connection.execute(
                "insert into effect values (?)", (delivery.envelope.position,)
            )
            if db is None:
                inbox._connection.execute("commit")
try:
    group.ack(deliveries)
    print("acknowledged", flush=True)
except ConflictError:
    print("fenced off", flush=True)
"""


@contextmanager
def process(script, *arguments):
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def is_stopped(child):
    with open(f"/proc/{child.pid}/stat", encoding="ascii") as file:  # noqa: PTH123 -- a line
        return file.read().rpartition(")")[2].split()[0] == "T"


def stop(child):
    child.send_signal(signal.SIGSTOP)
    while not is_stopped(child):
        threading.Event().wait(0.001)


def consume(log, inbox, until, most_s):
    """Do the work of a consumer that is well, until so many effects are there."""
    group, over = log.group("desk", GroupRules(**RULES)), 0
    start = time.monotonic()
    while inbox.look("select count(distinct position) from effect")[0][0] < until:
        for delivery in (deliveries := group.take("well", 200, time.time_ns())):
            with inbox.once("desk", delivery.envelope) as db:
                if db is not None:
                    db.execute("insert into effect values (?)", (delivery.envelope.position,))
            over += delivery.tries > 1
        group.ack(deliveries)
        threading.Event().wait(0.02)
        assert time.monotonic() - start < most_s
    group.close()
    return over


def publish(log, seconds):
    """Publish for a while; return how many events, the longest append, and the worst log."""
    count, slowest_ns, wal_bytes = 0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter_ns()
        log.append("fill", [bytes(500)] * 5)
        slowest_ns = max(slowest_ns, time.perf_counter_ns() - start)
        log.flush()
        wal_bytes = max(wal_bytes, log._files.wal_bytes)
        assert isinstance(log.health(), Pass)
        count += 5
        threading.Event().wait(0.01)
    return count, slowest_ns, wal_bytes


def stop_a_consumer(folder, kind, stopped_s):
    """Stop a consumer that holds fifty events; return what came of it."""
    inbox = Inbox(folder / "desk.db", SCHEMA)
    log = open_log(folder, CONFIG)
    log.append("fill", [bytes(500)] * 100)
    log.flush()
    arguments = (folder, json.dumps(SETTINGS), json.dumps(RULES), kind)
    with process(CONSUMER, *arguments) as child:
        assert child.stdout.readline() == "50\n"
        stop(child)
        since = time.monotonic()
        count, slowest_ns, wal_bytes = publish(log, stopped_s)
        over = consume(log, inbox, 100 + count, 60 + stopped_s)
        assert is_stopped(child)
        was_stopped_s = time.monotonic() - since
        child.send_signal(signal.SIGCONT)
        child.stdin.write("go on\n")
        child.stdin.flush()
        ended = child.stdout.readline().strip()
        child.wait()
    effects = [row[0] for row in inbox.look("select position from effect")]
    log.close()
    inbox.close()
    return {
        "stopped_s": was_stopped_s,
        "published": 100 + count,
        "taken_over": over,
        "ended": ended,
        "lost": 100 + count - len(set(effects)),
        "doubled": len(effects) - len(set(effects)),
        "wal_bytes": wal_bytes,
        "slowest_append_ms": slowest_ns / 1e6,
    }


def test_a_consumer_that_was_stopped_is_fenced_off_and_doubles_nothing(
    tmp_path, figures, demanded
):
    stopped_s = demanded(8, "a consumer is stopped, then goes on")["stopped_s"]
    found = stop_a_consumer(tmp_path, "careful", stopped_s)
    assert found["taken_over"] == 50
    assert found["ended"] == "fenced off"
    assert found["lost"] == found["doubled"] == 0
    assert found["wal_bytes"] <= CONFIG.max_wal_bytes
    figures(8, "a consumer is stopped, then goes on", **found)


@pytest.mark.long
def test_a_consumer_without_an_inbox_is_seen_to_double(tmp_path, figures):
    found = stop_a_consumer(tmp_path, "careless", 0.6)
    assert found["doubled"] == 50
    figures(8, "planted: effects without an inbox", noticed=found["doubled"])


READER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("begin")
connection.execute("select count(*) from event").fetchall()
print("reading", flush=True)
sys.stdin.readline()
"""


def stop_a_reader(folder, most):
    """Append while a reader is stopped in a transaction, until the alarm; return what came."""
    log = open_log(folder, CONFIG)
    log.append("fill", [b"x"])
    log.flush()
    with process(READER, folder / "durable.db") as child:
        assert child.stdout.readline() == "reading\n"
        stop(child)
        appended = 0
        while isinstance(log.health(), Pass) and appended < most:
            log.append("fill", [bytes(500)] * 500)
            log.flush()
            appended += 500
        verdict = log.health()
        wal_bytes = (folder / "durable.db-wal").stat().st_size
        child.send_signal(signal.SIGCONT)
        child.stdin.write("go on\n")
        child.stdin.flush()
        child.wait()
    # The thread moves it beside commits, so it is over soon and not at once.
    for _ in range(1_000):
        log.append("fill", [b"x"])
        log.flush()
        appended += 1
        if isinstance(log.health(), Pass):
            break
        time.sleep(0.01)
    assert isinstance(log.health(), Pass)
    lost = 1 + appended - len(list(log.read("fill")))
    log.close()
    assert isinstance(verify(folder), Pass)
    return verdict, {"appended": appended, "wal_bytes": wal_bytes, "lost": lost}


def test_a_reader_that_was_stopped_in_a_transaction_raises_the_alarm(tmp_path, figures):
    verdict, found = stop_a_reader(tmp_path, 10**6)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "log.wal_size"
    figures(8, "a foreign reader is stopped in a transaction", **found,
            alarm_bytes=verdict.findings[0].value, bound_bytes=CONFIG.max_wal_bytes)  # fmt: skip


@pytest.mark.long
def test_a_log_that_does_not_look_how_long_its_write_ahead_log_is_raises_no_alarm(
    tmp_path, figures, monkeypatch
):
    monkeypatch.setattr(WritingPair, "wal_bytes", 0)
    verdict, found = stop_a_reader(tmp_path, 20_000)
    assert isinstance(verdict, Pass)
    beyond = found["wal_bytes"] - CONFIG.max_wal_bytes
    figures(8, "planted: nobody looks how long the write-ahead log is", bytes_beyond=beyond)


HOLDER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("begin immediate")
print("held", flush=True)
sys.stdin.readline()
"""


def free_ms(path):
    """Say how long it takes to get hold of a database, now that whoever held it is dead."""
    start = time.perf_counter()
    other = apsw.Connection(str(path))
    other.set_busy_timeout(5_000)
    other.execute("begin immediate")
    waited_ms = (time.perf_counter() - start) * 1e3
    other.execute("rollback")
    other.close()
    return waited_ms


def hold_the_lock(folder):
    """Publish while a stopped process holds the database; return what came of it."""
    log, acked, refused, busy, waited_s = open_log(folder, CONFIG), 10, 0, 0, 0.0
    log.append("fill", [b"before"] * acked)
    log.flush()
    with process(HOLDER, folder / "durable.db") as child:
        assert child.stdout.readline() == "held\n"
        stop(child)
        for payload in (b"during", b"after"):
            start = time.perf_counter()
            try:
                log.append("fill", [payload])
                log.flush()
                acked += 1
            except RecordError as error:
                refused += 1
                busy += is_from(error, apsw.BusyError)
            waited_s = max(waited_s, time.perf_counter() - start)
        with suppress(RecordError):
            log.close()
        child.kill()
        child.wait()
        waited_ms = free_ms(folder / "durable.db")
    db = apsw.Connection(str(folder / "durable.db"))
    there = db.execute("select count(*) from event").fetchall()[0][0]
    db.close()
    return {
        "refused": refused,
        "busy": busy,
        "acknowledged": acked,
        "lost": max(0, acked - there),
        "waited_s": waited_s,
        "free_after_kill_ms": waited_ms,
    }


def is_from(error, kind):
    """Whether that is what it says, or what it was raised from."""
    return error is not None and (isinstance(error, kind) or is_from(error.__cause__, kind))


def test_a_writer_whose_database_is_held_by_a_stopped_process_refuses(tmp_path, figures):
    found = hold_the_lock(tmp_path)
    # Nothing is dropped in silence: the one that waited was refused, and so was the next.
    assert found["refused"] == found["busy"] == 2
    assert found["acknowledged"] == 10
    log = open_log(tmp_path, CONFIG)
    assert log.head("fill").position == 10
    log.close()
    figures(9, "a stopped process holds the database", **found)


@pytest.mark.long
def test_a_writer_that_drops_what_it_cannot_write_is_seen_to_lose(
    tmp_path, figures, monkeypatch
):
    insert = Store.insert

    def careless(store, rows, rest=None):
        with suppress(RecordError):
            insert(store, rows, rest)

    monkeypatch.setattr(Store, "insert", careless)
    found = hold_the_lock(tmp_path)
    assert found["lost"] > 0
    figures(9, "planted: what cannot be written is dropped", noticed=found["lost"])


def test_a_log_whose_writer_is_stopped_is_refused_to_others_at_once(tmp_path, figures):
    refused, waited_s, name = 0, 0.0, "a stopped writer holds its log"
    with process(WRITER, tmp_path, json.dumps(SETTINGS)) as child:
        assert child.stdout.readline() == "10\n"
        stop(child)
        start = time.perf_counter()
        with pytest.raises(ConfigError, match=f"process {child.pid};"):
            open_log(tmp_path, CONFIG)
        waited_s, refused = time.perf_counter() - start, refused + 1
        child.kill()
        child.wait()
        start = time.perf_counter()
        log = open_log(tmp_path, CONFIG)
        free_after_kill_ms = (time.perf_counter() - start) * 1e3
    there = log.head("fill").position
    log.append("fill", [b"goes on"])
    log.flush()
    log.close()
    figures(9, name, refused=refused, waited_s=waited_s, lost=10 - there,
            opened_after_kill_ms=free_after_kill_ms)  # fmt: skip


WRITER = """
import json, sys
from pathlib import Path
from stairway.adapters.logs.sqlite import Config, open_log
log = open_log(Path(sys.argv[1]), Config(**json.loads(sys.argv[2])))
log.append("fill", [b"x"] * 10)
log.flush()
print(10, flush=True)
sys.stdin.readline()
"""


def hold_the_group(folder):
    """Consume while a stopped process holds the group; return what came of it."""
    log, refused = open_log(folder, CONFIG), 0
    log.append("fill", [b"x"] * 10)
    group = log.group("desk", GroupRules(**RULES))
    with process(HOLDER, folder / "groups" / "desk.db") as child:
        assert child.stdout.readline() == "held\n"
        stop(child)
        start = time.perf_counter()
        try:
            group.take("a", 1, time.time_ns())
        except RecordError as error:
            refused += "held by another program" in str(error)
        waited_s = time.perf_counter() - start
        # Nobody who publishes waits for a consumer.
        start = time.perf_counter()
        log.append("fill", [b"y"])
        log.flush()
        published_s = time.perf_counter() - start
        child.kill()
        child.wait()
        waited_ms = free_ms(folder / "groups" / "desk.db")
    deliveries = group.take("a", 99, time.time_ns())
    group.ack(deliveries)
    with pytest.raises(ConflictError):
        group.ack(deliveries)
    group.close()
    log.close()
    positions = [one.envelope.position for one in deliveries]
    return {
        "refused": refused,
        "waited_s": waited_s,
        "published_s": published_s,
        "free_after_kill_ms": waited_ms,
        "lost": 11 - len(set(positions)),
        "doubled": len(positions) - len(set(positions)),
    }


def test_a_group_held_by_a_stopped_consumer_goes_on_when_it_is_killed(tmp_path, figures):
    figures(9, "a stopped consumer holds its group", **hold_the_group(tmp_path))


@pytest.mark.long
def test_a_group_that_waits_until_it_is_let_in_is_seen_to_wait_too_long(
    tmp_path, figures, monkeypatch
):
    monkeypatch.setattr(layout, "_BUSY_MS", 3_000)
    found = hold_the_group(tmp_path)
    figures(9, "planted: a group waits until it is let in", waited_s=found["waited_s"])


@pytest.mark.long
def test_a_group_that_takes_a_held_file_for_an_empty_one_is_seen_to_be_silent(
    tmp_path, figures, monkeypatch
):
    take = SqliteGroup.take

    def silent(group, *arguments):
        try:
            return take(group, *arguments)
        except RecordError:
            return ()

    monkeypatch.setattr(SqliteGroup, "take", silent)
    found = hold_the_group(tmp_path)
    figures(9, "planted: a group that is held is taken for an empty one",
            noticed=1 - found["refused"])  # fmt: skip
