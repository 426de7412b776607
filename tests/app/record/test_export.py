"""A log is carried away whole, or not at all."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import polars as pl
import pytest

from stairway.adapters.journal.salvage import Salvage
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.progress import Silent
from stairway.app.record import export as exporting
from stairway.app.record.export import export
from stairway.app.record.place import find, opened
from stairway.app.record.retention import move
from stairway.base.errors import ConfigError, DataError
from stairway.testing.log import small_settings

CONFIG = msgspec.convert(small_settings(), Config)


def carried(folder, to, *streams):
    return export(find(str(folder)), to, streams, Silent())


def test_json_lines_hold_every_event_in_the_order_of_recording(folder, tmp_path):
    answer = carried(folder, tmp_path / "x.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == answer.events == 61
    assert [r["recorded_ns"] for r in rows] == sorted(r["recorded_ns"] for r in rows)
    with closing(opened(find(str(folder)))) as log:
        hashes = {(s, e.position): e.hash for s in log.streams() for e in log.read(s)}
    assert {(r["stream"], r["position"]): r["hash"] for r in rows} == hashes


def test_parquet_holds_the_same(folder, tmp_path):
    carried(folder, tmp_path / "x.jsonl")
    carried(folder, tmp_path / "x.parquet")
    lines = [
        json.loads(line) for line in (tmp_path / "x.jsonl").read_text("utf-8").splitlines()
    ]
    rows = pl.read_parquet(tmp_path / "x.parquet").to_dicts()
    assert [row | {"fact": json.loads(row["fact"])} for row in rows] == lines


def test_only_the_streams_that_are_named(folder, tmp_path):
    assert carried(folder, tmp_path / "x.jsonl", "run", "timing").events == 7
    with pytest.raises(DataError, match="no stream 'nobody'"):
        carried(folder, tmp_path / "y.jsonl", "nobody")
    assert {path.name for path in tmp_path.iterdir()} == {"log", "x.jsonl"}


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("x.csv", r"end the name in \.jsonl or \.parquet"),
        ("there.jsonl", "exists already"),
        ("no/x.jsonl", "there is no folder"),
    ],
)
def test_a_file_that_cannot_be_made_is_refused_before_anything_is_read(
    folder, tmp_path, name, cause
):
    (tmp_path / "there.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match=cause):
        carried(folder, tmp_path / name)
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_of_a_damaged_log_what_is_whole_is_carried_away_and_the_rest_is_named(folder, tmp_path):
    whole = carried(folder, tmp_path / "whole.jsonl")
    with closing(apsw.Connection(str(folder / "durable.db"))) as connection:
        connection.execute(
            "update event set payload = x'00' where position = 2 and stream = "
            "(select id from stream where name = 'run')"
        ).fetchall()
    answer = carried(folder, tmp_path / "x.jsonl")
    assert (whole.exit_code, answer.exit_code) == (0, 2)
    assert answer.events == whole.events - 4
    assert any("stream 'run', position 2" in said for said in answer.complaints)
    assert "DAMAGED" in answer.as_text()


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_an_event_that_is_no_fact_is_carried_away_as_it_is_and_named(tmp_path, ending):
    with closing(open_log(tmp_path / "log", CONFIG)) as log:
        log.append("fill", [b"\xc1 no fact"])
    answer = carried(tmp_path / "log", tmp_path / f"x.{ending}")
    assert (answer.exit_code, answer.events) == (2, 1)
    (said,) = answer.complaints
    assert said.startswith("stream 'fill', position 1: the file has its bytes, but")
    read = pl.read_ndjson if ending == "jsonl" else pl.read_parquet
    assert b"\xc1 no fact".hex() in str(read(answer.file)["fact"].to_list())


def test_a_log_without_its_mark_can_be_carried_away(folder, tmp_path):
    (folder / "durable.mark").unlink()
    answer = carried(folder, tmp_path / "x.jsonl")
    assert (answer.events, answer.exit_code) == (61, 2)
    assert any("high-water mark" in said for said in answer.complaints)


def test_a_log_that_lost_its_end_is_not_taken_for_a_whole_one(folder, tmp_path):
    with closing(apsw.Connection(str(folder / "durable.db"))) as connection:
        connection.execute(
            "delete from event where position = 5 and stream = "
            "(select id from stream where name = 'run')"
        ).fetchall()
    answer = carried(folder, tmp_path / "x.jsonl")
    assert (answer.events, answer.exit_code) == (60, 2)
    assert any("ends before its high-water mark 5" in said for said in answer.complaints)


def test_a_log_of_which_a_whole_file_is_gone_gives_the_other(folder, tmp_path):
    (folder / "telemetry.db").unlink()
    answer = carried(folder, tmp_path / "x.jsonl")
    assert answer.exit_code == 2
    assert 0 < answer.events < 61
    (folder / "telemetry.mark").unlink()
    assert any("is gone" in said for said in carried(folder, tmp_path / "y.jsonl").complaints)


def written(folder, payloads, keep):
    """A log of these fills, of which all but ``keep`` are archived."""
    with closing(open_log(folder, CONFIG)) as log:
        log.append("fill", payloads)
    rules = RetentionRules(keep_events=keep, keep_days=0)
    move(find(str(folder)), rules, Silent())
    return folder


@pytest.mark.parametrize("keep", [3, 4, 9], ids=["three left", "four left", "none archived"])
@pytest.mark.parametrize("marked", [True, False], ids=["marked", "no mark"])
def test_the_archive_of_another_log_is_not_mixed_with_this_one(tmp_path, keep, marked):
    other = written(tmp_path / "other", [b"theirs %d" % n for n in range(9)], 3)
    folder = written(tmp_path / "log", [b"ours %d" % n for n in range(9)], keep)
    shutil.rmtree(folder / "archive", ignore_errors=True)
    shutil.copytree(other / "archive", folder / "archive")
    if not marked:
        (folder / "durable.mark").unlink()
    with pytest.raises(ConfigError, match=r"archive of another log than .*durable\.db: event"):
        carried(folder, tmp_path / "x.jsonl")
    assert not (tmp_path / "x.jsonl").exists()
    before = opened_below(folder)
    with pytest.raises(ConfigError) as caught:
        Salvage(folder)
    assert opened_below(folder) == before, caught


def opened_below(folder):
    found = (one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink())
    return sorted(str(one) for one in found if one.is_relative_to(folder))


def test_a_log_that_is_damaged_where_its_archive_ends_is_carried_away(tmp_path):
    folder = written(tmp_path / "log", [b"ours %d" % n for n in range(9)], 3)
    with closing(apsw.Connection(str(folder / "durable.db"))) as connection:
        connection.execute("update event set payload = x'00' where position = 7").fetchall()
    assert carried(folder, tmp_path / "x.jsonl").events == 6


def test_an_older_copy_of_the_databases_beside_its_archive_is_carried_away(tmp_path):
    folder = tmp_path / "log"
    with closing(open_log(folder, CONFIG)) as log:
        log.append("fill", [b"%d" % n for n in range(5)])
    old = shutil.copytree(folder, tmp_path / "old")
    with closing(open_log(folder, CONFIG)) as log:
        log.append("fill", [b"%d" % n for n in range(5, 9)])
    move(find(str(folder)), RetentionRules(keep_events=1, keep_days=0), Silent())
    shutil.copytree(folder / "archive", old / "archive")
    answer = carried(old, tmp_path / "x.jsonl")
    assert (answer.events, answer.exit_code) == (8, 2)


def test_what_was_archived_of_a_lost_file_is_carried_away(folder, tmp_path):
    move(find(str(folder)), RetentionRules(keep_events=1, keep_days=0), Silent())
    (folder / "durable.db").unlink()
    answer = carried(folder, tmp_path / "x.jsonl", "run")
    assert (answer.events, answer.exit_code) == (4, 2)


def test_a_page_that_sqlite_cannot_read_costs_no_more_than_its_streams(folder, tmp_path):
    content = bytearray((folder / "durable.db").read_bytes())
    content[-4_096:] = bytes(4_096)
    (folder / "durable.db").write_bytes(content)
    answer = carried(folder, tmp_path / "x.jsonl")
    assert answer.exit_code == 2
    assert answer.events > 5


def test_stopped_half_way_it_leaves_no_file(folder, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_sync", stop)
    with pytest.raises(KeyboardInterrupt):
        carried(folder, tmp_path / "x.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {"log"}


def test_a_file_that_appeared_meanwhile_is_left_alone(folder, tmp_path, monkeypatch):
    to = tmp_path / "x.jsonl"
    monkeypatch.setattr(exporting, "_sync", lambda _path: to.write_text("somebody else's"))
    with pytest.raises(ConfigError, match="appeared meanwhile"):
        carried(folder, to)
    assert to.read_text() == "somebody else's"
    assert {path.name for path in tmp_path.iterdir()} == {"log", "x.jsonl"}


def test_the_name_of_the_file_survives_a_power_cut_too(folder, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(exporting, "sync_folder", lambda f: synced.append((f, to.exists())))
    to = tmp_path / "x.jsonl"
    carried(folder, to)
    assert synced == [(tmp_path, True)]
