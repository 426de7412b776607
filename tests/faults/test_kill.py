"""A publisher is killed at random instants: what it was promised is there, once, in order.

The publisher tells through a pipe what has been acknowledged; the pipe is read to its end
after the kill. Meanwhile another process's worth of checkpoints and readers is at work on
the same files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import numpy as np
import apsw
import pytest

from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError
from stairway.base.verdict import Pass
from stairway.testing.log import small_settings

SETTINGS = json.dumps(small_settings(checkpoint_bytes=40_960))
PUBLISHER = """
import json, os, sys, random
from pathlib import Path
from stairway.adapters.logs.sqlite import Config, open_log

folder, seed, settings = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
most = int(sys.argv[4])
rng = random.Random(seed)
log = open_log(folder, Config(**settings))
os.write(1, b"ready\\n")
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
        b"%s=%d" % (s.encode(), log.head(s).position) for s in ("fill", "timing", "trade.closed")
    ) + b"\\n")
"""


# Planted: what is promised before it is on the disk.
FLUSH, SAY = PUBLISHER.index("    log.flush()"), PUBLISHER.index('    os.write(1, b" "')
HASTY = PUBLISHER[:FLUSH] + PUBLISHER[SAY:] + PUBLISHER[FLUSH:SAY]


def publish_and_kill(folder, seed, delay_s, publisher, most):
    """Return what was acknowledged, and the exit code."""
    with subprocess.Popen(
        [sys.executable, "-c", publisher, folder, str(seed), SETTINGS, str(most)],
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout.readline() == b"ready\n"
        threading.Event().wait(delay_s)
        child.send_signal(signal.SIGKILL)
        lines = child.stdout.read().decode().split("\n")[:-1]
        child.wait()
    acked = dict(pair.split("=") for pair in lines[-1].split()) if lines else {}
    return {stream: int(position) for stream, position in acked.items()}, child.returncode


class Meddler(threading.Thread):
    """Reads and checkpoints the same files, as another process would."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.over, self.looks = folder, threading.Event(), 0

    def run(self):
        rng = np.random.default_rng(9)
        modes = [apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_TRUNCATE]
        while not self.over.wait(rng.random() * 0.02):
            for name in ("durable.db", "telemetry.db"):
                if not (self.folder / name).exists():
                    continue
                connection = apsw.Connection(str(self.folder / name))
                try:
                    connection.wal_checkpoint(mode=modes[rng.integers(len(modes))])
                    connection.execute("select count(*) from event").fetchall()
                    self.looks += 1
                except apsw.Error:
                    pass
                finally:
                    connection.close()


def survive(folder, kills, seed, publisher=PUBLISHER, most=40):
    """Kill and start again; count what was promised, what was lost, and what came of luck."""
    rng, count, was = np.random.default_rng(seed), Counter(), {}
    meddler = Meddler(folder)
    meddler.start()
    try:
        for kill in range(kills):
            acked, code = publish_and_kill(folder, kill, rng.random() * 0.1, publisher, most)
            assert code == -signal.SIGKILL
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
    assert meddler.looks > 0
    count["kills"], count["foreign_checkpoints"] = kills, meddler.looks
    return count, was


def check(folder, count, was):
    assert count["lost"] == 0
    assert isinstance(verify(folder), Pass)
    log = open_log(folder, Config(**small_settings()), read_only=True)
    for stream, position in was.items():
        events = list(log.read(stream))
        assert [e.position for e in events] == [*range(1, position + 1)]
        for e in events:
            assert e.payload.startswith(b"%s %d " % (stream.encode(), e.position))
    log.close()
    # The fault fired: some kills came between a commit and its acknowledgement.
    assert count["acknowledged"] > 0
    assert count["committed_unacknowledged"] > 0
    return count


def keep(figures, count):
    """Dead in a checkpoint, or two that checkpoint: the same run, another row."""
    checkpoints = count.pop("foreign_checkpoints")
    figures(1, "the publisher is killed", **count, doubled=0)
    figures(4, "killed while another process checkpoints", kills=count["kills"],
            foreign_checkpoints=checkpoints, damaged=0,
            sqlite=apsw.sqlite_lib_version())  # fmt: skip


def test_nothing_promised_is_lost_or_doubled_when_the_publisher_is_killed(tmp_path, figures):
    keep(figures, check(tmp_path, *survive(tmp_path, kills=25, seed=3)))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_promised_is_lost_in_a_thousand_kills(tmp_path, figures):
    count = Counter()
    for round_ in range(20):
        folder = tmp_path / str(round_)
        folder.mkdir()
        count += check(folder, *survive(folder, kills=50, seed=round_, most=400))
    # Counters leave out what is zero.
    keep(figures, Counter({"lost": 0} | count))


@pytest.mark.long
def test_a_publisher_that_promises_before_it_commits_is_seen_to_lose(tmp_path, figures):
    count, _ = survive(tmp_path, kills=25, seed=3, publisher=HASTY)
    assert count["lost"] > 0
    figures(1, "planted: acknowledged before the commit", noticed=count["lost"])


def test_a_writer_that_is_stopped_keeps_its_lock_and_a_killed_one_does_not(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, tmp_path, "1", SETTINGS, "40"], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"ready\n"
        assert child.stdout.readline()
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(ConfigError, match=f"process {child.pid};"):
            open_log(tmp_path, Config(**small_settings()))
        reader = open_log(tmp_path, Config(**small_settings()), read_only=True)
        assert reader.head("fill").position > 0
        reader.close()
        child.kill()
        child.stdout.read()
        child.wait()
    log = open_log(tmp_path, Config(**small_settings()))
    assert log.head("fill").position > 0
    log.close()
