"""The power goes at any write: nothing acknowledged is lost, nothing whole is refused.

Every write, sync, truncation and rename is recorded while a journal is filled. Then the
files are built again as a disk could hold them after a power cut behind each of these
operations: with none of what was not yet synced, with all of it, with a random part of
it, with random torn sectors of it, or with parts and sectors at once. What is the same as
before, in its files and in what was acknowledged, is neither opened nor counted again. Two
controls must lose: a journal that does not wait for the disk, and a disk that says that it
has synced and has not.
"""

from __future__ import annotations

import zlib
from collections import Counter
from functools import cache
from itertools import count as counting

import numpy as np
import pytest

from stairway.adapters.journal import files, layout, mover
from stairway.adapters.journal.journal import Journal, Reader
from stairway.adapters.journal.rows import sealed
from stairway.adapters.journal.store import Row, Sync
from stairway.base.errors import StairwayError
from stairway.events.envelope import Head, chain

STREAMS = ("fill", "trade.closed", "gate.verdict")
SECTOR = 512
HOWS = ("nothing", "all", "part", "torn", "both")
MOST_ROUNDS = 100


@cache
def payload_of(stream, position):
    rng = np.random.default_rng(zlib.crc32(f"{stream} {position}".encode()))
    return rng.bytes(int(rng.integers(20, 1_500)))


def pages_written(ops, since):
    """Count the pages that reached the database itself."""
    done = [op for op in ops[since:] if not isinstance(op, dict)]
    return sum(op.kind == "write" and op.name == "x.db" for op in done)


def record(watched_disk, folder, commits, sync=Sync.FULL, seed=1, *, rest=False):
    """Fill a journal; return the operations, with what was acknowledged between them."""
    ops, acked, rng = [], {}, np.random.default_rng(seed)
    with watched_disk(lambda op: op.kind == "read" or ops.append(op)):
        files.make_folder(folder)
        journal = Journal(folder / "x.db", sync)
        for n in range(commits):
            heads, rows = dict(journal.heads), []
            for _ in range(rng.integers(1, 6)):
                stream = STREAMS[rng.integers(len(STREAMS))]
                head = heads.get(stream, Head())
                payload = payload_of(stream, head.position + 1)
                digest = chain(head.hash, stream, head.position + 1, payload)
                heads[stream] = Head(head.position + 1, digest)
                rows.append(sealed(Row(stream, head.position + 1, len(ops), digest, payload)))
            journal.commit(rows)
            if rest:
                journal.settle()
            acked = {stream: head.position for stream, head in journal.heads.items()}
            ops.append(acked)
            if n % 7 == 5:
                # The power goes also at each of the writes of this one.
                start = len(ops)
                journal.move_ahead()
                assert pages_written(ops, start) > 0
            if n % 7 == 6:
                journal.checkpoint()
            if n % 5 == 4:
                # Killed and started again; the disk has not had time for anything.
                journal.close(failed=True)
                journal = Journal(folder / "x.db", sync)
        journal.close(failed=True)
    assert Counter(op.kind for op in ops if not isinstance(op, dict))["sync"] > 0
    return ops


def apply(files, op):
    match op.kind:
        case "write":
            file = files.setdefault(op.name, bytearray())
            file.extend(bytes(max(0, op.offset + len(op.data) - len(file))))
            file[op.offset : op.offset + len(op.data)] = op.data
        case "truncate":
            file = files.setdefault(op.name, bytearray())
            del file[op.offset :]
            file.extend(bytes(op.offset - len(file)))
        case "delete":
            files.pop(op.name, None)
        case "rename":
            if op.name in files:
                files[op.data.decode()] = files.pop(op.name)


def torn(op, rng):
    """Some of the sectors of a write."""
    for start in range(0, len(op.data), SECTOR):
        if rng.random() < 0.5:
            part = op.data[start : start + SECTOR]
            yield op._replace(offset=op.offset + start, data=part)


def survivors(pending, how, rng):
    """What a power cut leaves of operations that were not synced."""
    for op in pending:
        if how == "nothing":
            continue
        if how in {"part", "both"} and rng.random() < 0.5:
            continue
        if how in {"torn", "both"} and op.kind == "write" and rng.random() < 0.5:
            yield from torn(op, rng)
            continue
        yield op


class Platter:
    """What is on the disk for certain, and what may be."""

    def __init__(self, lies):
        self.lies, self.durable, self.pending = tuple(lies), {}, []

    def take(self, op):
        match op.kind:
            case "sync" if not op.name.startswith(self.lies):
                self.settle(lambda one: one.name == op.name)
            case "sync_folder":
                folder = op.name.encode()
                self.settle(lambda one: one.kind in {"rename", "delete"} or one.data == folder)
            case "delete" if op.offset:
                # With the folder synced, as SQLite asks for under synchronous = EXTRA.
                self.pending = [one for one in self.pending if one.name != op.name] + [op]
                self.settle(lambda one: one.kind in {"rename", "delete"})
            case "write" | "truncate" | "delete" | "rename" | "mkdir":
                self.pending.append(op)

    def settle(self, is_safe):
        for op in self.pending:
            if is_safe(op):
                apply(self.durable, op)
        self.pending = [op for op in self.pending if not is_safe(op)]

    def after_a_power_cut(self, how, rng):
        files = {name: bytearray(content) for name, content in self.durable.items()}
        left = list(survivors(self.pending, how, rng))
        if any(op.kind == "mkdir" and op not in left for op in self.pending):
            # A folder that is gone takes along all that is in it.
            return {}
        for op in left:
            apply(files, op)
        return files


def cuts(ops, every, lies, seed):
    """Yield (files, acknowledged) for power cuts behind each operation."""
    rng, platter, acked = np.random.default_rng(seed), Platter(lies), {}
    for n, op in enumerate(ops):
        if isinstance(op, dict):
            acked = op
        else:
            platter.take(op)
        if n % every == 0:
            for how in HOWS:
                yield platter.after_a_power_cut(how, rng), acked


def crash_states(ops, every=1, lies=(), enough=1):
    """Yield crash states, each once, until a whole round has brought them to ``enough``.

    In each round another part survives of the same operations.
    """
    seen = set()
    for seed in counting(2):
        for left, acked in cuts(ops, every, lies, seed):
            contents = frozenset((name, bytes(content)) for name, content in left.items())
            identity = hash((contents, frozenset(acked.items())))
            if identity not in seen:
                seen.add(identity)
                yield left, acked
        if len(seen) >= enough:
            return
        assert seed < MOST_ROUNDS, f"only {len(seen)} states differ"


def lay_out(folder, files):
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def lost(folder, acked):
    """Count acknowledged events that are not there as they were written."""
    reader, missing = Reader(folder / "x.db"), 0
    try:
        for stream, position in acked.items():
            found = [e.payload for e in reader.read(stream)]
            wanted = [payload_of(stream, n) for n in range(1, position + 1)]
            assert found[: len(wanted)] == wanted[: len(found)]
            missing += max(0, len(wanted) - len(found))
    finally:
        reader.close()
    return missing


def outcomes(ram, states):
    """Open what each crash left; count what came of it."""
    folder, count = ram / "after", Counter()
    folder.mkdir()
    for left, acked in states:
        lay_out(folder, left)
        try:
            if acked:
                count["lost" if lost(folder, acked) else "whole"] += 1
            else:
                # Nothing was promised yet, so it must be possible to start.
                Journal(folder / "x.db", Sync.FULL).close()
                count["started"] += 1
        except StairwayError:
            count["refused"] += 1
    return count


def run(watched_disk, ram, commits, sync=Sync.FULL, every=1, lies=(), enough=1, *, rest=False):
    before = ram / "new" / "folders" / "before"
    ops = record(watched_disk, before, commits, sync, rest=rest)
    return outcomes(ram, crash_states(ops, every, lies, enough))


def the_same(state):
    files, acked = state
    return {name: bytes(content) for name, content in files.items()}, acked


def test_no_crash_state_is_handed_out_twice_and_none_is_left_out(watched_disk, ram):
    ops, rounds = record(watched_disk, ram / "before", 2, rest=True), []
    for seed in (2, 3):
        for state in map(the_same, cuts(ops, 1, (), seed)):
            if state not in rounds:
                rounds.append(state)
    once = [the_same(state) for state in crash_states(ops)]
    assert [the_same(state) for state in crash_states(ops, enough=len(once) + 1)] == rounds
    assert 100 < len(once) < len(rounds)
    assert rounds[: len(once)] == once


def test_a_record_too_short_for_so_many_crash_states_says_so(watched_disk, ram):
    ops = record(watched_disk, ram / "before", 1)[:20]
    with pytest.raises(AssertionError, match=r"only \d+ states differ"):
        list(crash_states(ops, enough=100_000))


def keep(figures, row, fault, count):
    figures(row, fault, crash_states=count.total(), lost=count["lost"],
            refused=count["refused"])  # fmt: skip


def test_nothing_acknowledged_is_lost_and_nothing_whole_is_refused(
    watched_disk, ram, figures, demanded
):
    states = demanded(2, "the power goes")["crash_states"]
    commits = 12 if states < 10_000 else 70
    count = run(watched_disk, ram, commits, enough=states)
    assert count["lost"] == count["refused"] == 0
    assert count["whole"] > 0.8 * states
    assert count["started"] > 30
    keep(figures, 2, "the power goes", count)


def test_telemetry_may_lose_its_last_moments_and_is_never_taken_for_damaged(
    watched_disk, ram, figures
):
    count = run(watched_disk, ram, commits=16, sync=Sync.NORMAL, every=2)
    assert count["refused"] == 0
    # The control: a journal that does not wait for the disk must be seen to lose.
    assert count["lost"] > 20
    assert count["whole"] > 20
    figures(2, "planted: NORMAL instead of FULL", noticed=count["lost"])


@pytest.mark.parametrize("rest", [False, True])
def test_nothing_acknowledged_is_lost_whenever_the_mark_is_synced(watched_disk, ram, rest):
    count = run(watched_disk, ram, commits=40, every=7, rest=rest)
    assert count["lost"] == count["refused"] == 0
    assert count["whole"] > 200


def test_a_disk_that_lies_about_the_write_ahead_log_is_found_out_by_the_mark(watched_disk, ram):
    count = run(watched_disk, ram, commits=20, every=5, lies=["x.db-wal"], rest=True)
    assert count["lost"] == 0
    assert count["refused"] > 50


def test_a_disk_that_lies_about_everything_is_seen_to_lose(watched_disk, ram, figures):
    ops = record(watched_disk, ram / "before", 20)
    folder, bad = ram / "after", 0
    folder.mkdir()
    for left, acked in crash_states(ops, every=5, lies=["x."]):
        lay_out(folder, left)
        try:
            bad += bool(acked) and lost(folder, acked) > 0
        except StairwayError:
            bad += 1
    assert bad > 50
    figures(2, "planted: the disk does not sync", noticed=bad)


def first_commits(watched_disk, ram, figures, fault, enough=1):
    """Cut the power while a journal is made and its first events are written."""
    count = run(watched_disk, ram, commits=2, rest=True, enough=enough)
    bad = count["lost"] + count["refused"]
    if fault is None:
        assert bad == 0
        assert count["whole"] > 20
        assert count["started"] > 30
        keep(figures, 3, "the power goes while the log is made", count)
    else:
        assert bad > 0
        figures(3, f"planted: {fault}", noticed=bad)


def test_a_log_is_never_lost_while_it_is_being_made(watched_disk, ram, figures, demanded):
    states = demanded(3, "the power goes while the log is made")["crash_states"]
    first_commits(watched_disk, ram, figures, None, enough=states)


@pytest.mark.long
def test_a_journal_made_under_less_than_extra_is_seen_to_lose(
    watched_disk, ram, figures, monkeypatch
):
    execute = layout.execute

    def less(connection, statement, values=()):
        return execute(connection, statement.replace("= extra", "= full"), values)

    monkeypatch.setattr(layout, "execute", less)
    monkeypatch.setattr(files, "sync_folder", lambda _folder: None)
    first_commits(watched_disk, ram, figures, "made under FULL, without a directory sync")


@pytest.mark.long
def test_a_log_in_folders_that_were_not_synced_is_seen_to_be_lost(
    watched_disk, ram, figures, monkeypatch
):
    def only_the_last(folder):
        folder.mkdir(parents=True)
        files.sync_folder(folder.parent)

    monkeypatch.setattr(files, "make_folder", only_the_last)
    first_commits(watched_disk, ram, figures, "no sync of the folders above it")


@pytest.mark.long
def test_a_mover_that_does_not_wait_for_the_disk_is_seen_to_lose(
    watched_disk, ram, figures, monkeypatch
):
    execute = mover.execute

    def hasty(connection, statement, values=()):
        return execute(connection, statement.replace("= full", "= off"), values)

    monkeypatch.setattr(mover, "execute", hasty)
    count = run(watched_disk, ram, commits=14)
    bad = count["lost"] + count["refused"]
    assert bad > 0
    figures(2, "planted: what is moved ahead is not synced", noticed=bad)


@pytest.mark.long
def test_a_mark_that_is_renamed_without_a_directory_sync_is_seen_to_be_lost(
    watched_disk, ram, figures, monkeypatch
):
    monkeypatch.setattr(files, "sync_folder", lambda _folder: None)
    first_commits(watched_disk, ram, figures, "no directory sync")
