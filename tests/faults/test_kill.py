"""A publisher is killed at random instants: what it was promised is there, once, in order.

The publisher tells through a pipe what has been acknowledged; the pipe is read up to the
word that it is dead. Meanwhile another process's worth of checkpoints and readers is at work
on the same files. Publishers are forked from one process that has imported all they need:
most of the time of two hundred kills would otherwise go by in imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import apsw
import numpy as np
import pytest

from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.base.verdict import Pass
from stairway.testing.log import small_settings

EACH, MOST = 10, 200
START_S, ROUND_S = 0.06, 0.015
"""How long it takes, about, to start and acknowledge something, and to do so once more."""
SETTINGS = json.dumps(small_settings(checkpoint_bytes=40_960))
PUBLISHER = """
import json, os, random, sys, traceback
from pathlib import Path
from stairway.adapters.logs.sqlite import Config, open_log

def publish(folder, seed, most):
    rng = random.Random(seed)
    os.write(1, b"%d\\n" % os.getpid())
    log = open_log(Path(folder), Config(**json.loads(sys.argv[1])))
    while True:
        for stream in ("fill", "timing", "trade.closed"):
            position = log.head(stream).position
            count = rng.randrange(most)
            log.append(stream, [
                b"%s %d " % (stream.encode(), position + n) + bytes(50 * (n % 9))
                for n in range(1, count + 1)
            ])
        log.flush()
        os.write(1, b" ".join(
            b"%s=%d" % (s.encode(), log.head(s).position)
            for s in ("fill", "timing", "trade.closed")
        ) + b"\\n")

for line in sys.stdin:
    folder, seed, most = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            publish(folder, seed, most)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    os.write(1, b"over %d\\n" % os.waitstatus_to_exitcode(status))
"""


# Planted: what is promised before it is on the disk.
FLUSH, SAY = PUBLISHER.index("        log.flush()"), PUBLISHER.index('        os.write(1, b" "')
END = PUBLISHER.index("\nfor line in")
HASTY = PUBLISHER[:FLUSH] + PUBLISHER[SAY:END] + PUBLISHER[FLUSH:SAY] + PUBLISHER[END:]


ENDED = float("inf")


def promised_by(line):
    """Read the last position of each stream that was acknowledged."""
    pairs = (pair.split("=") for pair in line.split())
    return {stream: int(position) for stream, position in pairs}


def total(lines):
    """Say how many events were acknowledged; whoever is dead waits for no more of them."""
    if lines and lines[-1].startswith("over"):
        return ENDED
    return sum(promised_by(lines[-1]).values()) if lines else 0


class Publishers:
    """Publishers, one after the other, each in a process of its own."""

    def __init__(self, text=PUBLISHER):
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", text, SETTINGS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def start(self, folder, seed, most):
        """Return the process id of one that opens the log in ``folder``."""
        self._nursery.stdin.write(json.dumps([str(folder), seed, most]).encode() + b"\n")
        return int(self._nursery.stdout.readline())

    def said(self):
        """Yield what it says until it is dead; the last is what it died of."""
        for line in self._nursery.stdout:
            yield line.decode()
            if line.startswith(b"over"):
                return

    def kill(self, folder, seed, delay_s, most, goal=0):
        """Let one work up to ``goal``, and a while; return what was acknowledged, and its end."""
        child, said, lines = self.start(folder, seed, most), self.said(), []
        while total(lines) < goal:
            lines.append(next(said))
        threading.Event().wait(delay_s)
        # Where it has died already its number is nobody's: the nursery has not asked yet.
        with contextlib.suppress(ProcessLookupError):
            if total(lines) < ENDED:
                os.kill(child, signal.SIGKILL)
        *lines, over = [*lines, *said]
        return promised_by(lines[-1]) if lines else {}, int(over.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._nursery.stdin.close()
        self._nursery.wait()
        self._nursery.stdout.close()


class Meddler(threading.Thread):
    """Reads and checkpoints the same files, as another process would.

    That a writer holds a lock is expected, and counted; whatever else SQLite complains of is
    kept in ``fault``, and ends it.
    """

    vfs = "unix"
    expected = (apsw.BusyError, apsw.LockedError)

    def __init__(self, folder):
        super().__init__()
        self.folder, self.over = folder, threading.Event()
        self.looks, self.busy, self.fault = 0, 0, None

    def greet(self, connection):
        """Nothing to say."""

    def run(self):
        rng = np.random.default_rng(9)
        modes = [apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_TRUNCATE]
        while self.fault is None and not self.over.wait(rng.random() * 0.02):
            for name in ("durable.db", "telemetry.db"):
                # Nobody else opens a log that is still being made: it would be refused there.
                if not (self.folder / name).with_suffix(".mark").exists():
                    continue
                try:
                    self.look(self.folder / name, modes[rng.integers(len(modes))])
                    self.looks += 1
                except self.expected:
                    self.busy += 1
                except apsw.Error as error:
                    self.fault = error

    def look(self, path, mode):
        """Checkpoint, and read all there is."""
        connection = apsw.Connection(str(path), vfs=self.vfs)
        try:
            self.greet(connection)
            connection.wal_checkpoint(mode=mode)
            connection.execute("select count(*) from event").fetchall()
        finally:
            connection.close()


class Heedless(Meddler):
    """Planted: checkpoints that ask for no lock, as if nobody else were at work."""

    vfs = "unix-none"
    expected = (apsw.Error,)

    def greet(self, connection):
        connection.execute("pragma locking_mode = exclusive").fetchall()


def survive(folder, kills, seed, *, publishers, most=40, least=0, meddler=Meddler, ends=(-9,)):
    """Kill and start again; count what was promised, what was lost, and what came of luck.

    Four of five have acknowledged ``least`` events before; the others are killed as they come.
    """
    rng, count, was = np.random.default_rng(seed), Counter(), {}
    meddler = meddler(folder)
    meddler.start()
    try:
        for kill in range(kills):
            goal, most_s = sum(was.values()) + least, ROUND_S
            if least == 0 or kill % 5 == 0:
                goal, most_s = 0, START_S
            acked, code = publishers.kill(folder, kill, rng.random() * most_s, most, goal)
            assert code in ends
            count["kills"] += code == -9
            log = open_log(folder, Config(**small_settings()))
            for stream in ("fill", "timing", "trade.closed"):
                position = log.head(stream).position
                promised = acked.get(stream, was.get(stream, 0))
                # At most the one round that was not acknowledged any more.
                assert position < promised + most
                count["lost"] += max(0, promised - position)
                count["acknowledged"] += promised - was.get(stream, 0)
                count["committed_unacknowledged"] += max(0, position - promised)
                was[stream] = position
            log.close()
    finally:
        meddler.over.set()
        meddler.join()
    if meddler.fault is not None:
        raise meddler.fault
    assert meddler.looks > 0
    count["foreign_checkpoints"] = meddler.looks
    count["foreign_busy"] = meddler.busy
    return count, was


def named(payload):
    """Which event its publisher called it: stream and position."""
    stream, position, _ = payload.split(b" ", 2)
    return stream.decode(), int(position)


def check(folder, count, was):
    """Add what is wrong with what is there: each event says of itself which it is."""
    count["damaged"] += not isinstance(verify(folder), Pass)
    log = open_log(folder, Config(**small_settings()), read_only=True)
    for stream, position in was.items():
        found = [(e.position, named(e.payload)) for e in log.read(stream)]
        names = [name for _, name in found]
        count["lost"] += len({(stream, n) for n in range(1, position + 1)} - {*names})
        count["doubled"] += len(names) - len(set(names))
        count["disordered"] += sum(name != (stream, at) for at, name in found)
    log.close()
    wrong = {what: count[what] for what in WRONG if count[what]}
    assert wrong == {}
    # The fault fired: some kills came between a commit and its acknowledgement.
    assert count["acknowledged"] > 0
    assert count["committed_unacknowledged"] > 0
    return count


WRONG = ("lost", "doubled", "disordered", "damaged")


def keep(figures, count):
    """Dead in a checkpoint, or two that checkpoint: the same run, another row."""
    # Counters leave out what is zero.
    count = dict.fromkeys(WRONG, 0) | count
    checkpoints, busy = count.pop("foreign_checkpoints"), count.pop("foreign_busy", 0)
    damaged = count.pop("damaged")
    figures(1, "the publisher is killed", **count)
    figures(4, "killed while another process checkpoints", kills=count["kills"],
            foreign_checkpoints=checkpoints, foreign_busy=busy, damaged=damaged,
            lost=count["lost"], sqlite=apsw.sqlite_lib_version())  # fmt: skip


def many(folder, kills, acknowledged):
    """Kill ``EACH`` times in a folder, then begin a new one: opening reads all there is."""
    count, least = Counter(), -(-acknowledged * 5 // (kills * 4))
    with Publishers() as publishers:
        for round_ in range(kills // EACH):
            room = folder / str(round_)
            room.mkdir()
            how = {"publishers": publishers, "most": MOST, "least": least}
            count += check(room, *survive(room, EACH, round_, **how))
    return count


@pytest.mark.timeout(1800)
def test_nothing_promised_is_lost_or_doubled_when_the_publisher_is_killed(
    tmp_path, figures, demanded
):
    keep(figures, many(tmp_path, **demanded(1, "the publisher is killed")))


@pytest.mark.long
def test_a_publisher_that_promises_before_it_commits_is_seen_to_lose(tmp_path, figures):
    with Publishers(HASTY) as publishers:
        count, _ = survive(tmp_path, kills=25, seed=3, least=100, publishers=publishers)
    assert count["lost"] > 0
    figures(1, "planted: acknowledged before the commit", noticed=count["lost"])


def damage(path):
    """Planted: what is no page of a database any more."""
    path.write_bytes(b"nothing" * 4_096)


def lock(path):
    """Hold it as another program may."""
    holder = apsw.Connection(str(path))
    holder.execute("pragma locking_mode = exclusive; begin exclusive").fetchall()
    return holder


@pytest.mark.parametrize(("harm", "fault"), [(damage, apsw.NotADBError), (lock, None)])
def test_the_meddler_puts_up_with_locks_and_with_nothing_else(tmp_path, harm, fault):
    open_log(tmp_path, Config(**small_settings())).close()
    held, meddler = harm(tmp_path / "durable.db"), Meddler(tmp_path)
    meddler.start()
    while meddler.is_alive() and meddler.busy == 0:
        meddler.over.wait(0.01)
    meddler.over.set()
    meddler.join()
    if held is not None:
        held.close()
    assert (type(meddler.fault), meddler.busy > 0) == (fault or type(None), fault is None)


@pytest.mark.long
def test_checkpoints_that_take_no_lock_are_seen_to_lose_or_damage(tmp_path, figures):
    noticed = 0
    with Publishers() as publishers:
        how = {"publishers": publishers, "least": 100, "meddler": Heedless, "ends": (-9, 1)}
        for round_ in range(10):
            room = tmp_path / str(round_)
            room.mkdir()
            try:
                # A writer that finds its file gone from under it says so, and dies of it.
                count, _ = survive(room, 3, round_, **how)
                noticed += count["lost"] > 0
            except (DamagedLogError, RecordError):
                noticed += 1
    assert noticed > 0
    figures(4, "planted: checkpoints without locks", noticed=noticed)


def test_a_writer_that_is_stopped_keeps_its_lock_and_a_killed_one_does_not(tmp_path):
    with Publishers() as publishers:
        child = publishers.start(tmp_path, 1, 40)
        assert next(publishers.said()).startswith("fill=")
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(ConfigError, match=f"process {child};"):
            open_log(tmp_path, Config(**small_settings()))
        reader = open_log(tmp_path, Config(**small_settings()), read_only=True)
        assert reader.head("fill").position > 0
        reader.close()
        os.kill(child, signal.SIGKILL)
        assert [*publishers.said()][-1] == "over -9\n"
    log = open_log(tmp_path, Config(**small_settings()))
    assert log.head("fill").position > 0
    log.close()
