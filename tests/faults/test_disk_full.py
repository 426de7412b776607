"""The disk is full: nothing accepted is lost, new events are refused, writing resumes.

Once on a small file system of its own (which takes the right to mount one); once in a
process whose files may grow no further, and once under a disk that is told when to be full,
which everybody may do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import tomllib
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import apsw
import pytest

from stairway.adapters.journal.pair import WritingPair
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.rows import sealed
from stairway.adapters.journal.store import Row
from stairway.adapters.journal.writer import GroupCommit
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import DiskFullError
from stairway.base.verdict import Pass, Refuse
from stairway.events.envelope import GENESIS, chain
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings(ballast_bytes=1_000_000, checkpoint_bytes=100_000))
POLICY = Path(__file__).parents[2] / "src" / "stairway" / "policies" / "intraday.toml"


@contextmanager
def disk_of(folder, megabytes):
    """Mount a file system of that size."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system; RLIMIT_FSIZE is tried without it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def small_disk(tmp_path):
    with disk_of(tmp_path, 6) as folder:
        yield folder


def fill(path):
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            pass
        try:
            while True:
                file.write(b"x")
        except OSError:
            pass


def wait_for(condition):
    for _ in range(2_000):
        if condition():
            return
        threading.Event().wait(0.005)
    pytest.fail("it did not come to pass within ten seconds")


def publish(log, rng, accepted):
    """Append until the disk is full; return how many events were flushed before."""
    flushed = len(accepted)
    for _ in range(5_000):
        payload = rng.bytes(int(rng.integers(100, 5_000)))
        try:
            log.append("fill", [payload])
        except DiskFullError:
            return flushed
        accepted.append(payload)
        if rng.random() < 0.2:
            log.flush()
            flushed = len(accepted)
    pytest.fail("the disk never was full")
    return 0


def append_and_flush(log, times):
    for _ in range(times):
        log.append("fill", [bytes(4_000)])
        log.flush()


def test_nothing_accepted_is_lost_and_writing_resumes_without_a_restart(
    small_disk, figures, demanded
):
    rng, accepted, tried, refused, rounds = np.random.default_rng(3), [], 0, 0, 0
    log = open_log(small_disk / "log", CONFIG)
    filler = small_disk / "filler"
    for round_ in range(demanded(5, "the disk is full")["rounds"]):
        fill(filler)
        publish(log, rng, accepted)
        tried, refused = tried + 1, refused + 1
        verdict = log.health()
        assert isinstance(verdict, Refuse)
        assert verdict.findings[0].code == "log.disk_full"
        # What was accepted fits into the room of the ballast.
        log.flush()
        assert len(list(log.read("fill"))) == len(accepted), round_
        for _ in range(4):
            tried += 1
            with pytest.raises(DiskFullError, match="free some space"):
                log.append("fill", [b"refused"])
            refused += 1
        filler.unlink()
        wait_for(lambda: isinstance(log.health(), Pass))
        accepted.append(b"resumed")
        log.append("fill", [accepted[-1]])
        log.flush()
        rounds += 1
    assert refused == tried == 5 * rounds
    log.close()
    assert isinstance(verify(small_disk / "log"), Pass)
    log = open_log(small_disk / "log", CONFIG, read_only=True)
    found = [e.payload for e in log.read("fill")]
    log.close()
    figures(5, "the disk is full", rounds=rounds, refused=refused, accepted=len(accepted),
            lost=not_there(accepted, found),
            resumed_without_restart=found.count(b"resumed"))  # fmt: skip
    assert found == accepted


def not_there(wanted, found):
    """Count what was accepted and is not at its place."""
    same = sum(one == other for one, other in zip(wanted, found, strict=False))
    return len(wanted) - same


def exits_that_fit(log, batch=100):
    """Record exits until there is no room left; return how many."""
    for n in range(1_000):
        try:
            log.append("order.sent", [bytes(4_000)] * batch)
            log.flush()
        except DiskFullError:
            return n * batch
    return pytest.fail("the ballast has no end")


@pytest.mark.long
def test_the_ballast_that_is_shipped_is_given_up_filled_and_set_aside_again(tmp_path, figures):
    shipped = tomllib.loads(POLICY.read_text("utf-8"))["log"]
    megabytes = 3 * shipped["ballast_bytes"] // 1_048_576
    with disk_of(tmp_path, megabytes) as disk:
        log = open_log(disk / "log", Config(**shipped))
        ballast = disk / "log" / "ballast"
        before = ballast.stat().st_blocks * 512
        fill(disk / "filler")
        publish(log, np.random.default_rng(5), accepted := [])
        # It is tried again and again whether there is room to set it aside.
        wait_for(lambda: not ballast.exists())
        assert isinstance(log.health(), Refuse)
        log.use_ballast()
        exits = exits_that_fit(log)
        (disk / "filler").unlink()
        wait_for(lambda: isinstance(log.health(), Pass))
        after = ballast.stat().st_blocks * 512
        found = [len(list(log.read(stream))) for stream in ("fill", "order.sent")]
        log.close()
        assert isinstance(verify(disk / "log"), Pass)
    figures(5, "the shipped ballast is used up by exits", ballast_bytes=before,
            set_aside_again_bytes=after, exits=exits,
            lost=max(0, len(accepted) - found[0]) + max(0, exits - found[1]))  # fmt: skip


LIMITED = """
import json, resource, sys, threading
from pathlib import Path
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import DiskFullError
from stairway.base.verdict import Pass

folder, settings, rounds = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
log = open_log(folder, Config(**settings))
accepted, flushed, refused, resumed, total = 0, 0, 0, 0, 0

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def append():
    global accepted
    log.append("fill", [b"%d " % accepted + bytes(accepted * 37 % 4_000)])
    accepted += 1

for _ in range(rounds):
    limit(max(path.stat().st_size for path in folder.glob("durable.db*")) + 50_000)
    for _ in range(5_000):
        try:
            append()
            log.flush()
            flushed = accepted
        except DiskFullError:
            if not isinstance(log.health(), Pass):
                refused += 1
                break
    for _ in range(8):
        try:
            append()
        except DiskFullError:
            refused += 1
    limit(resource.RLIM_INFINITY)
    for _ in range(2_000):
        if isinstance(log.health(), Pass):
            append()
            log.flush()
            resumed += 1
            break
        threading.Event().wait(0.005)
log.close()
print(json.dumps([accepted, refused, resumed]))
"""


def test_a_process_whose_files_may_grow_no_further_loses_nothing_and_resumes(
    tmp_path, figures, demanded
):
    name = "files may grow no further (RLIMIT_FSIZE)"
    rounds = demanded(5, name)["rounds"]
    settings = small_settings(checkpoint_bytes=20_480)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, json.dumps(settings), str(rounds)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    accepted, refused, resumed = json.loads(done.stdout)
    assert isinstance(verify(tmp_path), Pass)
    log = open_log(tmp_path, Config(**settings), read_only=True)
    found = [e.payload for e in log.read("fill")]
    log.close()
    wanted = [b"%d " % n + bytes(n * 37 % 4_000) for n in range(accepted)]
    figures(5, name, rounds=rounds, refused=refused, accepted=accepted,
            resumed_without_restart=resumed, lost=not_there(wanted, found))  # fmt: skip
    assert found == wanted


def test_exits_are_recorded_in_the_room_of_the_ballast(small_disk):
    log = open_log(small_disk / "log", CONFIG)
    fill(small_disk / "filler")
    publish(log, np.random.default_rng(5), [])
    exits = 0
    log.use_ballast()
    for n in range(20):
        log.append("order.sent", [b"exit %d" % n])
        log.flush()
        exits += 1
    assert exits == 20
    assert isinstance(log.health(), Refuse)
    with pytest.raises(DiskFullError):
        append_and_flush(log, 2_000)
    (small_disk / "filler").unlink()
    log.flush()
    log.close()
    assert isinstance(verify(small_disk / "log"), Pass)


def test_closing_on_a_full_disk_keeps_what_was_accepted(small_disk):
    accepted = []
    log = open_log(small_disk / "log", CONFIG)
    fill(small_disk / "filler")
    publish(log, np.random.default_rng(7), accepted)
    log.close()
    (small_disk / "filler").unlink()
    log = open_log(small_disk / "log", CONFIG)
    assert [e.payload for e in log.read("fill")] == accepted
    log.close()


def test_there_is_no_start_without_room(small_disk):
    fill(small_disk / "filler")
    with pytest.raises(DiskFullError):
        open_log(small_disk / "log", CONFIG)
    (small_disk / "filler").unlink()
    log = open_log(small_disk / "log", CONFIG)
    log.append("fill", [b"x"])
    log.close()
    assert isinstance(verify(small_disk / "log"), Pass)


def rows_from(heads, payloads):
    rows = []
    for payload in payloads:
        position, digest = heads.get("fill", (0, GENESIS))
        digest = chain(digest, "fill", position + 1, payload)
        heads["fill"] = (position + 1, digest)
        rows.append(sealed(Row("fill", position + 1, position + 1, digest, payload)))
    return rows


class Limited:
    """A disk that takes so many more writes, and counts those that it refused."""

    room, refused = 10**9, 0

    def __call__(self, op):
        if op.kind == "write" and op.name.startswith("durable.db"):
            if self.room <= 0:
                self.refused += 1
                raise apsw.FullError
            self.room -= 1

    def load_ballast(self):
        if self.room < 10**8:
            raise DiskFullError


def publish_under_a_full_disk(watched_disk, tmp_path, seed):
    """Return how often the disk was full, what was accepted, and what lies there, unchecked."""
    rng, disk, heads, wanted = np.random.default_rng(seed), Limited(), {}, []
    settings = Settings(**small_settings(checkpoint_bytes=20_480))
    with watched_disk(disk):
        pair = WritingPair(tmp_path, settings)
        pair.load_ballast = disk.load_ballast
        writer = GroupCommit(pair, settings)
        for _ in range(25):
            disk.room = int(rng.integers(12))
            payloads = [rng.bytes(int(rng.integers(2_000))) for _ in range(rng.integers(1, 6))]
            with suppress(DiskFullError):
                ahead = dict(heads)
                writer.put(rows_from(ahead, payloads))
                heads, wanted = ahead, wanted + payloads
                writer.flush()
            disk.room = 10**9
            wait_for(lambda: writer.full is None)
            writer.flush()
        writer.close()
        pair.close(failed=False)
    db = apsw.Connection(str(tmp_path / "durable.db"))
    found = [row[0] for row in db.execute("select payload from event order by position")]
    db.close()
    return disk.refused, wanted, found


@pytest.mark.parametrize("seed", range(6))
def test_a_disk_that_is_full_at_any_write_loses_nothing(watched_disk, tmp_path, seed):
    refused, wanted, found = publish_under_a_full_disk(watched_disk, tmp_path, seed)
    assert refused > 5
    assert found == wanted
    assert isinstance(verify(tmp_path), Pass)


@pytest.mark.long
def test_a_writer_that_takes_a_full_disk_for_a_commit_is_seen_to_lose(
    watched_disk, tmp_path, figures, monkeypatch
):
    commit = WritingPair._commit

    def careless(pair, rows, rest):
        with suppress(DiskFullError):
            commit(pair, rows, rest)

    monkeypatch.setattr(WritingPair, "_commit", careless)
    _, wanted, found = publish_under_a_full_disk(watched_disk, tmp_path, 1)
    lost = len(set(wanted) - set(found))
    assert lost > 0
    figures(5, "planted: a full disk is taken for a commit", noticed=lost)
