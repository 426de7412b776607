"""The disk fails at the n-th call, for every n: a typed error, the end, nothing lost.

A failed fsync may have thrown away what it could not write, and the next one says that
all is well. So nothing is tried again: the log is dead until the process starts anew.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from stairway.adapters.journal import store
from stairway.adapters.journal.pair import ReadingPair, WritingPair
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.rows import sealed
from stairway.adapters.journal.store import Row
from stairway.adapters.journal.writer import GroupCommit
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.base.errors import DiskFullError, RecordError, StairwayError
from stairway.base.verdict import Pass
from stairway.events.envelope import GENESIS, chain
from stairway.testing.log import small_settings
from stairway.testing.runs import QUICK

SETTINGS = small_settings(checkpoint_bytes=20_480)


class FailsOnce:
    """Fails the n-th call of one kind, and says whether it did."""

    def __init__(self, kind, nth, names=("durable.db", "telemetry.db", "durable.mark")):
        self.kind, self.left, self.names, self.fired = kind, nth, names, False

    def __call__(self, op):
        if op.kind == self.kind and op.name.startswith(self.names) and self.armed:
            self.left -= 1
            if self.left == 0:
                self.fired = True
                if ".mark" in op.name:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                raise apsw.IOError

    armed = False


def publish(disk, folder, fault, rounds=12):
    """Publish under a failing disk; return what was acknowledged and how it ended."""
    settings, acked, ended = Settings(**SETTINGS), 0, None
    with disk(fault):
        pair = WritingPair(folder, settings)
        writer = GroupCommit(pair, settings)
        fault.armed = True
        digests = {"fill": GENESIS, "timing": GENESIS}
        try:
            for n in range(1, rounds + 1):
                rows = []
                for stream in ("fill", "timing"):
                    digests[stream] = chain(digests[stream], stream, n, bytes(900))
                    rows.append(sealed(Row(stream, n, 2 * n, digests[stream], bytes(900))))
                writer.put(rows)
                writer.flush()
                acked = n
        except RecordError as error:
            ended = error
        fault.armed = False
        # The thread may have met with it after the last round; it has ended when this returns.
        with suppress(RecordError):
            writer.close()
        if writer.failed:
            for _ in range(2):
                # It stays dead, though the disk would answer again.
                with pytest.raises(RecordError) as caught:
                    writer.put(rows)
                ended = ended or caught.value
        pair.close(failed=writer.failed)
    return acked, ended


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_every_failing_call_ends_writing_and_loses_nothing_acknowledged(
    watched_disk, ram, figures, demanded, kind
):
    count = Counter(dict.fromkeys(("swallowed", "lost", "phantom"), 0))
    calls = demanded(6, f"the n-th {kind} fails")["calls"]
    # Either each of the first five hundred, or a few that are spread. How many calls a round
    # makes is for the threads to say: enough rounds for any, which end where the disk fails.
    step, rounds = (1, 1_500) if calls > 100 else ({"sync": 3, "write": 4}[kind], 28)
    for nth in range(1, 1 + calls * step, step):
        folder = ram / str(nth)
        folder.mkdir()
        fault = FailsOnce(kind, nth)
        acked, ended = publish(watched_disk, folder, fault, rounds)
        count.update(calls=1, fired=fault.fired, swallowed=fault.fired and ended is None)
        assert fault.fired == (ended is not None), nth
        if ended is not None:
            assert type(ended) is RecordError
            assert "stop this process" in str(ended)
        log = open_log(folder, Config(**SETTINGS))
        for stream in ("fill", "timing"):
            positions = [e.position for e in log.read(stream)]
            count["lost"] += max(0, acked - len(positions))
            count["phantom"] += max(0, len(positions) - acked - 1)
            assert positions == [*range(1, len(positions) + 1)]
        log.close()
        assert isinstance(verify(folder), Pass)
        shutil.rmtree(folder)
    figures(6, f"the n-th {kind} fails", **count)


@pytest.mark.long
def test_a_writer_that_tries_a_failed_sync_again_is_seen_to_go_on(
    watched_disk, ram, figures, monkeypatch
):
    def again(path, _error):
        return DiskFullError(f"{path}: try again")

    monkeypatch.setattr(store, "unwritable", again)
    went_on = 0
    for nth in range(1, 20, 3):
        fault = FailsOnce("sync", nth)
        (ram / str(nth)).mkdir()
        try:
            acked, ended = publish(watched_disk, ram / str(nth), fault)
        except StairwayError as error:
            acked, ended = 0, error
        went_on += fault.fired and type(ended) is not RecordError and acked >= 0
    assert went_on > 0
    figures(6, "planted: a failed sync is tried again", noticed=went_on)


def test_a_failed_write_of_the_mark_ends_writing(watched_disk, tmp_path):
    fault = FailsOnce("write", 3, names=("durable.mark",))
    acked, ended = publish(watched_disk, tmp_path, fault)
    assert fault.fired
    assert acked == 2
    assert "high-water mark" in str(ended)
    log = open_log(tmp_path, Config(**SETTINGS))
    assert log.head("fill").position >= 2
    log.close()


def test_a_failed_sync_of_the_mark_ends_writing(watched_disk, tmp_path):
    fault, settings = FailsOnce("sync", 1, names=("durable.mark",)), Settings(**SETTINGS)
    rows = [sealed(Row("fill", 1, 1, chain(GENESIS, "fill", 1, b""), b""))]
    with watched_disk(fault):
        pair = WritingPair(tmp_path, settings)
        writer = GroupCommit(pair, settings)
        fault.armed = True
        writer.put(rows)
        writer.flush()
        # It is synced when the writer comes to rest.
        for _ in range(2_000):
            if writer.failed:
                break
            threading.Event().wait(0.005)
        with pytest.raises(RecordError, match="high-water mark"):
            writer.put(rows)
        writer.close()
        pair.close(failed=True)
    assert fault.fired
    log = open_log(tmp_path, Config(**SETTINGS))
    assert log.head("fill").position == 1
    log.close()


def read(folder):
    """How many events there are, or what to do about it."""
    try:
        reading = ReadingPair(folder)
        events = len(list(reading.of("fill").read("fill")))
        reading.close()
    except RecordError as error:
        return str(error).partition(": ")[2]
    return events


def test_a_disk_that_cannot_be_read_is_no_damaged_log(
    watched_disk, tmp_path, figures, demanded
):
    calls = demanded(6, "the n-th read fails")["calls"]
    log, events = open_log(tmp_path, Config(**SETTINGS)), 200 if calls < 100 else 2_000
    log.append("fill", [bytes(900)] * events)
    log.close()
    outcomes, fired = Counter(), 0
    for nth in range(1, calls + 1):
        fault = FailsOnce("read", nth)
        fault.armed = True
        with watched_disk(fault):
            outcomes[read(tmp_path)] += 1
        fired += fault.fired
    assert outcomes["look after the disk"] > 0.9 * fired
    assert outcomes["look after the disk"] + outcomes[events] == calls
    assert isinstance(verify(tmp_path), Pass)
    figures(6, "the n-th read fails", calls=outcomes.total(), fired=fired,
            refused=outcomes["look after the disk"], lost=events - read(tmp_path))  # fmt: skip


@pytest.mark.parametrize(("kind", "calls"), [("write", 5), ("sync", 2)])
def test_a_disk_that_fails_as_pages_are_moved_beside_commits_ends_writing(
    watched_disk, ram, figures, kind, calls
):
    rows, digest = [], GENESIS
    for n in range(1, 21):
        digest = chain(digest, "fill", n, bytes(900))
        rows.append(sealed(Row("fill", n, n, digest, bytes(900))))
    fired = lost = 0
    for nth in range(1, calls + 1):
        folder, fault = ram / str(nth), FailsOnce(kind, nth)
        folder.mkdir()
        with watched_disk(fault):
            pair = WritingPair(folder, Settings(**SETTINGS))
            pair.commit(rows)
            fault.armed = True
            with pytest.raises(RecordError, match="stop this process"):
                pair.move_ahead()
            fault.armed = False
            pair.close(failed=True)
        fired += fault.fired
        log = open_log(folder, Config(**SETTINGS))
        lost += 20 - len({event.position for event in log.read("fill")})
        log.close()
        assert isinstance(verify(folder), Pass)
    assert fired == calls
    figures(6, f"the n-th {kind} of what is moved ahead fails", fired=fired, lost=lost)


CHILD = """
import os, sys
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("disk", sys.argv.pop(1))
disk = module_from_spec(spec)
spec.loader.exec_module(disk)
nth = int(sys.argv.pop(1))

def tell(op):
    global nth
    if op.kind == "sync" and op.name == "durable.db-wal":
        nth -= 1
        if nth == 0:
            os.write(2, b"the disk failed\\n")
            raise disk.apsw.IOError

from stairway.cli.main import app, main

@app.command("publish")
def publish(folder: str, settings: str):
    import json
    from pathlib import Path
    from stairway.adapters.logs.sqlite import Config, open_log
    log = open_log(Path(folder), Config(**json.loads(settings)))
    try:
        for n in range(1, 101):
            log.append("fill", [b"%d" % n])
            log.flush()
            print(n, flush=True)
    finally:
        log.close()

with disk._watched(tell):
    main()
"""


def command(nth, *words):
    """Let the command meet with a disk that fails at the n-th sync; return how it ended."""
    disk = Path(__file__).with_name("conftest.py")
    return subprocess.run(
        [sys.executable, "-c", CHILD, disk, str(nth), *map(str, words)],
        capture_output=True, text=True, check=False, env={**os.environ, **QUICK},
    )  # fmt: skip


def said_why(done):
    """Whether the fault fired, and the process said so in one sentence and exited."""
    assert done.stderr.count("the disk failed") == 1
    assert "Traceback" not in done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("stairway: ")]
    return done.returncode == 1 and (
        "stop this process, look after the disk, and start again" in said
    )


def test_a_process_whose_disk_fails_to_sync_says_so_and_exits(tmp_path, figures):
    exits = lost = 0
    calls = (12, 17, 30)
    for nth in calls:
        folder = tmp_path / str(nth)
        done = command(nth, "publish", folder, json.dumps(SETTINGS))
        exits += said_why(done)
        acked = len(done.stdout.split())
        assert 0 < acked < 100
        log = open_log(folder, Config(**SETTINGS))
        positions = [e.position for e in log.read("fill")]
        log.close()
        lost += max(0, acked - len(positions))
        assert positions == [*range(1, len(positions) + 1)]
    figures(6, "a process whose sync fails exits", calls=len(calls), exits=exits, lost=lost)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_run_whose_disk_fails_to_sync_exits_again_and_again_and_is_finished_by_resume(
    tmp_path, walk_source, finished_run, figures
):
    out, exits = tmp_path / "run", 0
    words = ("--source", walk_source, "--out", out)
    calls = (40, 60, 120)
    for nth in calls:
        done = command(nth, "run", *words)
        exits += said_why(done)
        assert isinstance(verify(out / "log"), Pass)
        words = ("--resume", out)
    done = command(10**9, "run", *words, "--json")
    assert done.returncode == 0, done.stderr
    wanted = replay(finished_run, Silent()).run_hash
    is_same = json.loads(done.stdout)["run_hash"] == wanted
    figures(6, "`stairway run` whose sync fails exits, and is finished by --resume",
            calls=len(calls), exits=exits, same_hash=int(is_same))  # fmt: skip
