"""What is old is moved, as far as nobody needs it where it is."""

from __future__ import annotations

import json
import re
import time
import zlib
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.settings import Settings
from stairway.app.catalog import CODEC
from stairway.app.facts import RunFinished
from stairway.app.progress import Silent
from stairway.app.record import entries
from stairway.app.record.check import check
from stairway.app.record.engine import open_run, require_usable
from stairway.app.record.place import Place, find, opened
from stairway.app.record.retention import move, would_move
from stairway.app.record.stats import stats, unseen
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis

EVERYTHING = RetentionRules(keep_events=1, keep_days=0)
SETTINGS = msgspec.convert(small_settings(), Settings)
ROLES = (Path(__file__).parents[3] / "deploy" / "postgresql" / "roles.sql").read_text("utf-8")


def test_asking_changes_nothing(folder):
    before = sorted(path.name for path in folder.iterdir())
    told = would_move(find(str(folder)), EVERYTHING)
    assert not told.done
    assert told.events["run"] == 4
    assert [n for n in sorted(p.name for p in folder.iterdir()) if "-" not in n] == before


def test_what_was_foretold_is_what_is_moved(folder):
    place = find(str(folder))
    told, moved = would_move(place, EVERYTHING), move(place, EVERYTHING, Silent())
    assert moved.done
    assert moved.events == told.events
    assert len(moved.files) == len(moved.events)
    assert all((folder / "archive" / name).is_file() for name in moved.files)
    assert check(place, Silent()).events == 61
    assert json.loads(moved.as_json())["done"] is True
    assert "run" in moved.as_text()


def test_there_is_nothing_to_move_a_second_time(folder):
    place = find(str(folder))
    move(place, EVERYTHING, Silent())
    again = move(place, EVERYTHING, Silent())
    assert again.events == {}
    assert "old enough" in again.as_text()


def test_asking_refuses_an_archive_that_lost_a_part_as_moving_does(folder):
    place = find(str(folder))
    assert move(place, RetentionRules(keep_events=3, keep_days=0), Silent()).events["run"] == 2
    part_of(folder / "archive").unlink()
    for ask in (
        lambda: would_move(place, EVERYTHING), lambda: move(place, EVERYTHING, Silent())
    ):  # fmt: skip
        with pytest.raises(
            DamagedLogError, match=r"'run', position 1: this part .* is missing"
        ):
            ask()


def test_by_default_a_log_of_a_few_events_keeps_them_all(folder):
    kept = RetentionRules(keep_events=10_000, keep_days=7)
    assert would_move(find(str(folder)), kept).events == {}


def test_a_log_elsewhere_says_where_its_archive_is_to_lie():
    with pytest.raises(ConfigError, match="add archive=FOLDER to the address"):
        would_move(Place(None, "redis://localhost/0?log=x"), EVERYTHING)


FACTS = [CODEC.encode(RunFinished(index=n, time_ns=n, telemetry="")) for n in range(30)]


@pytest.fixture(params=["redis", "postgresql"])
def url(request, tmp_path):
    """A log of thirty facts with each of the servers."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        address = server.url(f"retained-{zlib.crc32(str(tmp_path).encode())}")
        with closing(open_run(tmp_path / "run", SETTINGS, address)) as log:
            log.append("run", FACTS)
        server.execute(ROLES)
        yield address
        return
    with private_redis("--maxmemory-policy", "noeviction") as server:
        address = server.url("kept")
        with closing(open_run(tmp_path / "run", SETTINGS, address)) as log:
            log.append("run", FACTS)
        yield address


def test_a_server_is_trimmed_of_what_was_archived_and_read_as_before(url, tmp_path):
    there = Place(None, f"{url}&archive={tmp_path / 'old'}")
    rules = RetentionRules(keep_events=10, keep_days=0)
    assert would_move(there, rules).events == {"run": 20}
    moved = move(there, rules, Silent())
    assert (moved.events, moved.done, len(moved.files)) == ({"run": 20}, True, 1)
    assert would_move(there, rules).events == {}
    answer = check(there, Silent())
    assert (answer.intact, answer.events) == (True, 30)
    for place in (there, Place(None, url)):
        with closing(opened(place)) as log:
            (found,) = stats(place, log).streams
            newest = entries.newest(
                log, entries.heads(log, ["run"]), 50, unseen(place, ["run"])
            )
        assert (found.events, found.archived) == (30, 20)
        assert [e.payload for e in newest] == FACTS[0 if place is there else 20 :]
    with pytest.raises(ConfigError, match="archive=FOLDER"):
        check(Place(None, url), Silent())
    with pytest.raises(ConfigError, match=r"holds a run whose first events were archived"):
        require_usable(url, tmp_path / "another", SETTINGS)


def part_of(archive):
    return min(archive.glob("**/run/*.parquet"))


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_a_server_is_not_trimmed_further_while_a_part_of_the_archive_is_lost(
    url, tmp_path, monkeypatch, how
):
    # An address is told without its password, which commands find where libpq looks for it.
    monkeypatch.setenv("PGPASSWORD", urlsplit(url).password or "")
    there = Place(None, f"{url}&archive={tmp_path / 'old'}")
    assert move(there, RetentionRules(keep_events=20, keep_days=0), Silent()).events
    lost = part_of(tmp_path / "old")
    content = lost.read_bytes()
    lost.unlink() if how == "missing" else lost.write_bytes(content[:-1] + b"?")
    cause = "is missing" if how == "missing" else "not what was written"
    rules = RetentionRules(keep_events=10, keep_days=0)
    with pytest.raises(DamagedLogError, match=f"this part of the archive {cause}|{cause}"):
        move(there, rules, Silent())
    answer = check(there, Silent())
    assert answer.exit_code == 2
    # What it advises names the log, and does something.
    (command,) = {
        word
        for said in answer.complaints
        for word in re.findall(r"`stairway log verify (.*?)`", said)
    }
    named = find(command.strip("'"))
    assert str(named) == str(there)
    assert check(named, Silent()).complaints == answer.complaints
    # Asking what would be moved says the same.
    with pytest.raises(DamagedLogError, match=f"this part of the archive {cause}|{cause}"):
        would_move(there, rules)
    lost.write_bytes(content)
    assert would_move(there, rules).events == {"run": 10}
    assert move(there, rules, Silent()).events == {"run": 10}
    assert check(there, Silent()).intact


def test_a_folder_is_not_trimmed_further_while_a_part_of_its_archive_is_lost(folder):
    place = find(str(folder))
    (log := open_run(folder, SETTINGS, None)).append("run", FACTS)
    log.close()
    assert "run" in move(place, RetentionRules(keep_events=20, keep_days=0), Silent()).events
    lost = part_of(folder / "archive")
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(DamagedLogError, match="this part of the archive is missing"):
        move(place, RetentionRules(keep_events=5, keep_days=0), Silent())
    lost.write_bytes(content)
    assert would_move(place, RetentionRules(keep_events=5, keep_days=0)).events["run"] == 15
    assert move(place, RetentionRules(keep_events=5, keep_days=0), Silent()).events["run"] == 15
    assert check(place, Silent()).intact


def test_what_a_group_in_redis_needs_is_not_archived_away_here_either(tmp_path):
    run = tmp_path / "run-1"
    (run / "log").mkdir(parents=True)
    with private_redis("--maxmemory-policy", "noeviction") as server:
        url = server.url("needed")
        (run / "run.json").write_bytes(msgspec.json.encode({"log": url}))
        with closing(open_run(run / "log", SETTINGS, url)) as log:
            log.append("run", FACTS)
            rules = GroupRules(streams=("run",), lease_ms=60_000, tries=5)
            with closing(log.group("desk", rules)) as group:
                group.ack(group.take("me", 12, time.time_ns()))
        for name in (run, run / "log"):
            assert would_move(find(str(name)), EVERYTHING).events == {"run": 12}
    with pytest.raises(RecordError, match="ask again once it answers"):
        would_move(find(str(run)), EVERYTHING)
