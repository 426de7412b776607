"""What the groups of one machine add to the contract: their file, and what damage does."""

from __future__ import annotations

import json
import subprocess
import sys

import apsw
import pytest

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import DamagedLogError, RecordError
from stairway.testing.groups import NOW_NS, group_rules
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())
RULES = group_rules(tries=1)


@pytest.fixture
def log(tmp_path):
    log = open_log(tmp_path, CONFIG)
    log.append("fill", [b"event %d" % n for n in range(1, 31)])
    log.flush()
    yield log
    log.close()


def used(log):
    """A group that holds some, has done with some and has given some up."""
    group = log.group("desk", RULES)
    group.ack(group.take("a", 10, NOW_NS))
    held = group.take("a", 6, NOW_NS)
    for delivery in held[:3]:
        group.fail(delivery, "poison", NOW_NS)
    group.close()


def open_and_look(log):
    group = log.group("desk", RULES)
    try:
        return group.pending(), len(group.dead_letters()), len(group.take("b", 99, NOW_NS))
    finally:
        group.close()


def change(path, statement, values=()):
    connection = apsw.Connection(str(path))
    connection.execute(statement, values).fetchall()
    connection.close()


def test_a_group_leaves_one_file_and_no_trace_in_the_log(log, tmp_path):
    before = (tmp_path / "durable.db").read_bytes()
    used(log)
    assert [p.name for p in (tmp_path / "groups").iterdir()] == ["desk.db"]
    assert (tmp_path / "durable.db").read_bytes() == before
    assert open_and_look(log) == (3, 3, 14)


WORKER = """
import json, sys
from pathlib import Path
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.events.delivery import GroupRules

folder, name, settings = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
log = open_log(folder, Config(**settings), read_only=True)
print("ready", flush=True)
sys.stdin.readline()
group = log.group("desk", GroupRules(streams=("fill",), lease_ms=1000, tries=1))
while deliveries := group.take(name, 2, 10**18):
    group.ack(deliveries)
    print(*(d.envelope.position for d in deliveries), sep="\\n", flush=True)
"""


@pytest.mark.usefixtures("log")
def test_processes_share_the_work_and_may_all_be_the_first(tmp_path):
    arguments = [json.dumps(small_settings())]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, tmp_path, str(n), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    seen = [int(line) for worker in workers for line in worker.communicate()[0].split()]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert sorted(seen) == [*range(1, 31)]


DAMAGE = {
    "state": "update state set body = zeroblob(length(body))",
    "seal": "update state set seal = zeroblob(32)",
    "type": "update state set body = null",
    "gone": "delete from state",
    "letter": "update dead set body = x'00' where id = 2",
    "letter gone": "delete from dead where id = 3",
}


@pytest.mark.parametrize("damage", [*DAMAGE])
def test_a_group_that_is_not_what_was_written_is_refused_and_names_the_way_out(
    log, tmp_path, damage
):
    used(log)
    path = tmp_path / "groups" / "desk.db"
    change(path, DAMAGE[damage])
    with pytest.raises(DamagedLogError, match=r"desk\.db.*; move the file away and the group"):
        open_and_look(log)
    path.unlink()
    assert open_and_look(log) == (0, 0, 30)


def test_a_group_does_not_go_on_with_another_log(log, tmp_path):
    used(log)
    other = open_log(tmp_path / "other", CONFIG)
    other.append("fill", [b"another %d" % n for n in range(40)])
    other.flush()
    (tmp_path / "other" / "groups").mkdir()
    desk = (tmp_path / "groups" / "desk.db").read_bytes()
    (tmp_path / "other" / "groups" / "desk.db").write_bytes(desk)
    with pytest.raises(DamagedLogError, match="handed out event 16 of 'fill', which is not"):
        open_and_look(other)
    other.close()


def test_telemetry_that_a_power_cut_took_is_delivered_from_the_beginning(tmp_path):
    rules = group_rules(streams=("timing",))
    for name, count in (("before", 5), ("after", 2)):
        log = open_log(tmp_path / name, CONFIG)
        log.append("timing", [b"%d" % n for n in range(count)])
        group = log.group("desk", rules) if name == "before" else None
        if group:
            group.take("a", 9, NOW_NS)
            group.close()
        log.close()
    (tmp_path / "after" / "groups").mkdir()
    (tmp_path / "before" / "groups" / "desk.db").rename(
        tmp_path / "after" / "groups" / "desk.db"
    )
    log = open_log(tmp_path / "after", CONFIG)
    group = log.group("desk", rules)
    assert group.pending() == 0
    assert [d.envelope.position for d in group.take("a", 9, NOW_NS)] == [1, 2]
    group.close()
    log.close()


def test_a_group_that_somebody_holds_says_so_and_works_again_afterwards(log, tmp_path):
    used(log)
    group = log.group("desk", RULES)
    other = apsw.Connection(str(tmp_path / "groups" / "desk.db"))
    other.execute("begin immediate")
    with pytest.raises(RecordError, match="held by another program"):
        group.take("a", 1, NOW_NS)
    assert group.pending() == 3
    other.execute("rollback")
    assert len(group.take("a", 1, NOW_NS)) == 1
    other.close()
    group.close()


def test_what_a_group_says_has_reached_the_disk(log):
    group = log.group("desk", RULES)
    assert group._connection.execute("pragma synchronous").fetchall() == [(2,)]
    assert group._connection.execute("pragma journal_mode").fetchall() == [("wal",)]
    group.close()
