"""A whole log is walked, and told whole or damaged."""

from __future__ import annotations

import json
from contextlib import closing

import apsw
import msgspec
import pytest

from stairway.adapters.journal import store
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.catalog import CODEC
from stairway.app.facts import RunFinished
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.engine import open_run
from stairway.app.record.export import export
from stairway.app.record.place import Place, find
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events.envelope import chain, link
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis

CONFIG = msgspec.convert(small_settings(), Config)


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
