"""A whole log is walked, and told whole or damaged."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

from stairway.adapters.journal import store
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.settings import Settings
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.catalog import CODEC
from stairway.app.facts import RunFinished
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.engine import open_run
from stairway.app.record.export import export
from stairway.app.record.place import Place, find
from stairway.app.record.retention import move
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events.envelope import chain, link
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis

CONFIG = msgspec.convert(small_settings(), Config)
SETTINGS = msgspec.convert(small_settings(), Settings)


def checked(folder):
    return check(find(str(folder)), Silent())


def change(path, statement):
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(statement).fetchall()
        assert connection.changes() > 0


def test_a_whole_log_is_intact(folder):
    answer = checked(folder)
    assert (answer.intact, answer.exit_code, answer.events, answer.streams) == (True, 0, 61, 16)
    assert "intact" in answer.as_text()
    assert json.loads(answer.as_json())["complaints"] == []


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("update event set payload = x'00' where position = 2 and stream = 1", "checksum"),
        ("update event set recorded_ns = 1 where position = 2 and stream = 1", "checksum"),
        ("delete from event where position = 1 and stream = 1", "missing"),
        ("delete from event where position = 2 and stream = 1", "ends before its high-water"),
    ],
)
def test_damage_is_named_by_stream_position_and_cause(folder, statement, cause):
    change(folder / "durable.db", statement)
    answer = checked(folder)
    assert (answer.intact, answer.exit_code) == (False, 2)
    assert any(
        cause in said and "stream '" in said and "position" in said
        for said in answer.complaints
    )
    assert "DAMAGED" in answer.as_text()


def test_each_complaint_is_said_once(folder):
    change(folder / "durable.db", "update event set payload = x'00' where position = 1")
    complaints = checked(folder).complaints
    assert len(complaints) == len(set(complaints)) > 3


def test_an_event_that_is_no_fact_is_told_from_one_that_was_changed(tmp_path):
    with closing(open_log(tmp_path, CONFIG)) as log:
        log.append("fill", [b"\xc1 no fact"])
    answer = checked(tmp_path)
    assert not answer.intact
    assert "position 1: it is what was written, but" in answer.complaints[0]
    assert f"`stairway log export '{tmp_path}' FILE` carries its bytes" in answer.complaints[0]


def test_a_missing_mark_is_damage(folder):
    (folder / "durable.mark").unlink()
    answer = checked(folder)
    assert answer.exit_code == 2
    assert any("high-water mark" in said for said in answer.complaints)


def test_a_log_of_a_newer_version_is_refused_with_what_to_do(folder):
    change(folder / "durable.db", "update about set value = '99' where name = 'format'")
    with pytest.raises(ConfigError, match=r"format '99'.*use the version that wrote it"):
        checked(folder)


@pytest.mark.parametrize("name", ["durable", "telemetry"])
def test_a_file_that_is_gone_with_its_mark_is_damage_and_is_not_made_anew(folder, name):
    for path in folder.glob(f"{name}.*"):
        path.unlink()
    answer = checked(folder)
    assert answer.exit_code == 2
    assert any(f"{name}.db is gone" in said for said in answer.complaints)
    with pytest.raises(DamagedLogError, match="is gone"):
        open_log(folder, CONFIG)
    assert not (folder / f"{name}.db").exists()


def test_every_event_of_a_folder_is_read_once(folder, monkeypatch):
    read = []

    def counted(*words):
        read.append(words[:2])
        return chain(*words)

    monkeypatch.setattr(store, "chain", counted)
    monkeypatch.setattr(store, "link", lambda *w: read.append(w[1:3]) or link(*w))
    assert checked(folder).events == 61
    assert len(read) == 61


def test_of_many_complaints_some_are_said_and_all_are_in_the_data(tmp_path):
    with closing(open_log(tmp_path, CONFIG)) as log:
        log.append("fill", [b"\xc1 no fact"] * 50)
    answer = checked(tmp_path)
    assert len(answer.complaints) == 50
    assert len(answer.as_text().splitlines()) == 22
    assert "and 30 more: --json has all" in answer.as_text()


def test_what_is_lost_is_said_before_what_is_only_not_understood(tmp_path):
    with closing(open_log(tmp_path, CONFIG)) as log:
        for stream in ("fill", "timing"):
            log.append(stream, [b"\xc1 no fact"] * 50)
    change(tmp_path / "telemetry.db", "delete from event where position = 31")
    answer = checked(tmp_path)
    assert "position 31: this event is missing" in answer.complaints[0]
    assert "position 31: this event is missing" in answer.as_text()
    assert sum("it is what was written, but" in said for said in answer.complaints) == 80


def test_a_redis_of_which_somebody_took_events_is_damaged(tmp_path):
    with private_redis("--maxmemory-policy", "noeviction") as server:
        url = server.url("x")
        with closing(open_run(tmp_path, CONFIG, url)) as log:
            log.append("run", [b"%d" % n for n in range(9)])
        with server.client() as stranger:
            assert stranger.xtrim("bus:x:run", maxlen=8, approximate=False) == 1
        said = checked(url).complaints
        assert any("1 entries of 'run' are gone" in one for one in said)


def test_each_damaged_stream_in_redis_is_named_and_what_is_whole_is_carried_away(tmp_path):
    facts = [CODEC.encode(RunFinished(index=n, time_ns=n, telemetry="")) for n in range(9)]
    with private_redis("--maxmemory-policy", "noeviction") as server:
        url = server.url("x")
        with closing(open_run(tmp_path, CONFIG, url)) as log:
            for stream in ("decision", "fill", "run"):
                log.append(stream, facts)
        with server.client() as stranger:
            put = [stranger.xadd(f"bus:x:{name}", {"x": 1}) for name in ("fill", "run")]
            # One that only counting finds, since nobody can read it any more.
            assert stranger.xdel("bus:x:decision", stranger.xadd("bus:x:decision", {"x": 1}))
        answer = checked(url)
        assert (answer.intact, answer.exit_code, answer.events) == (False, 2, 27)
        for name, entry in zip(("fill", "run"), put, strict=True):
            where = f"stream '{name}', position 10: the stream ends with {entry.decode()}"
            assert any(where in said for said in answer.complaints)
        assert any("decision" in said for said in answer.complaints)
        to = tmp_path / "saved.jsonl"
        saved = export(Place(None, url), to, (), Silent())
        assert (saved.exit_code, saved.events) == (2, 27)
        assert len(saved.complaints) == 3


def test_nothing_is_said_to_fit_of_a_damaged_log(folder):
    assert json.loads(checked(folder).as_json())["held"].startswith("every checksum")
    change(folder / "durable.db", "delete from event where position = 1 and stream = 1")
    said = json.loads(checked(folder).as_json())
    assert said["intact"] is False
    assert "held" not in said


def grown(folder):
    """A log of three durable streams with some pages each."""
    with closing(open_log(folder, CONFIG)) as log:
        for stream in ("fill", "order", "trade.closed"):
            said = (RunFinished(index=n, time_ns=n, telemetry="x" * 500) for n in range(60))
            log.append(stream, [CODEC.encode(fact) for fact in said])
    return folder


def spoil(path, at, content):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize(
    ("at", "content"),
    [(0, b"nothing"), (16, b"\xff\xff"), (100, bytes(400)), (-4096, None)],
    ids=["magic", "page size", "schema", "cut"],
)
def test_of_a_file_that_cannot_be_opened_every_stream_is_named_with_what_is_lost(
    tmp_path, at, content
):
    path = grown(tmp_path / "log") / "durable.db"
    if content is None:
        path.write_bytes(path.read_bytes()[:at])
    else:
        spoil(path, at, content)
    answer = checked(path.parent)
    assert answer.exit_code == 2
    for stream in ("fill", "order", "trade.closed"):
        lost = (
            f"durable.db: stream '{stream}', position 1: this event cannot be read, nor what "
            "follows it up to 60, where its high-water mark stands"
        )
        assert lost in answer.complaints


def test_of_a_file_whose_pages_are_in_disorder_what_can_be_read_is_said(tmp_path):
    path = grown(tmp_path / "log") / "durable.db"
    spoil(path, 36, (9).to_bytes(4, "big"))  # Says that there are nine free pages.
    first, rest = checked(path.parent).complaints
    assert "SQLite says" in first
    assert rest == (
        "durable.db: what was written can be read of 'fill' to 60, 'order' to 60, "
        "'trade.closed' to 60"
    )


def test_what_is_archived_can_be_read_though_its_file_cannot(tmp_path):
    folder = grown(tmp_path / "log")
    move(find(str(folder)), RetentionRules(keep_events=20, keep_days=0), Silent())
    open_log(folder, CONFIG).close()  # Until then a newer page 1 lies in its -wal.
    spoil(folder / "durable.db", 0, b"nothing")
    complaints = checked(folder).complaints
    assert any("stream 'fill', position 41: this event cannot" in said for said in complaints)
    assert any("can be read of 'fill' to 40, 'order' to 40" in said for said in complaints)


def test_of_a_file_without_a_mark_it_is_said_whence_it_is_known_how_far_it_went(tmp_path):
    folder = grown(tmp_path / "log")
    (folder / "durable.mark").unlink()
    change(folder / "durable.db", "update event set payload = x'00' where position = 31")
    said = [one for one in checked(folder).complaints if "this event cannot be read" in one]
    assert said
    assert all("31: this" in one and "where its table says that it ends" in one for one in said)


@pytest.mark.timeout(30)
def test_damage_is_said_though_another_program_holds_the_other_file(tmp_path):
    folder = grown(tmp_path / "log")
    with closing(open_log(folder, CONFIG)) as log:
        log.append("timing", [b"1"])
    spoil(folder / "durable.db", 4096, bytes(4096))
    before = checked(folder).complaints
    with closing(apsw.Connection(str(folder / "telemetry.db"))) as holder:
        holder.execute("pragma locking_mode = exclusive").fetchall()
        holder.execute("begin exclusive; insert into stream (name) values ('x')").fetchall()
        complaints = checked(folder).complaints
        holder.execute("rollback")
    assert {said for said in before if "'timing'" not in said} <= set(complaints)
    assert any("telemetry.db is held by another program" in one for one in complaints)


@pytest.mark.parametrize("page", range(2, 12))
def test_whichever_page_is_lost_it_is_said_which_events_are_not(tmp_path, page):
    path = grown(tmp_path / "log") / "durable.db"
    spoil(path, page * 4096, bytes(4096))
    complaints = checked(path.parent).complaints
    named = [said for said in complaints if re.search(r"stream '[a-z.]+', position \d+", said)]
    everything = "can be read of 'fill' to 60, 'order' to 60, 'trade.closed' to 60"
    assert bool(named) != any(said.endswith(everything) for said in complaints)


def test_a_stream_whose_head_somebody_took_away_is_not_called_intact(postgresql):
    """PostgreSQL's high-water mark is a row; its owner can do without the trigger."""
    url = postgresql.url("headless")
    with closing(open_run(Path("unused"), SETTINGS, url)) as log:
        log.append("run", [CODEC.encode(RunFinished(index=1, time_ns=1, telemetry=""))] * 3)
    place = Place(None, url)
    held = "3 events of 1 streams: every checksum, chain and head fits"
    assert held in check(place, Silent()).as_text()
    change_heads = "alter table stairway.stream {} trigger all"
    postgresql.execute(change_heads.format("disable"))
    postgresql.execute("delete from stairway.stream where log = 'headless'")
    postgresql.execute(change_heads.format("enable"))
    answer = check(place, Silent())
    assert answer.exit_code == 2
    assert "stream 'run', position 1: it lies behind the head" in answer.complaints[0]
