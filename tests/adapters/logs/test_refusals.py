"""What is refused says what was found and which command helps."""

from __future__ import annotations

import os
import shutil
import threading

import apsw
import pytest

from stairway.adapters.journal.salvage import Salvage, SalvageElsewhere
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError, DamagedLogError, DataError
from stairway.base.verdict import Pass
from stairway.events.codec import Codec
from stairway.execution.facts import CommandSent
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())
EXPORT = r"`stairway log export .* FILE`"


@pytest.fixture
def folder(tmp_path):
    log = open_log(tmp_path / "log", CONFIG)
    log.append("fill", [b"event %d" % n for n in range(9)])
    log.close()
    return tmp_path / "log"


def change(path, statement):
    connection = apsw.Connection(str(path))
    connection.execute(statement).fetchall()
    connection.close()


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("damage", "error", "found"),
    [
        ("update event set payload = x'00' where position = 4", DamagedLogError,
         "'fill', position 4: its checksum does not fit.*`stairway log verify .*`"),
        ("delete from event where position = 9", DamagedLogError,
         "'fill', position 9: the record ends before its high-water mark 9"),
        ("update about set value = '2'", ConfigError, "format '2', and this version.*'1'"),
    ],
)  # fmt: skip
def test_a_broken_log_is_refused_with_the_place_and_the_command(
    folder, damage, error, found, read_only
):
    change(folder / "durable.db", damage)
    with pytest.raises(error, match=f"{found}.*{EXPORT}"):
        list(open_log(folder, CONFIG, read_only=read_only).read("fill"))


@pytest.mark.parametrize("name", ["durable.mark", "durable.db"])
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_log_without_its_mark_or_database_is_refused_with_the_command(folder, name, how):
    (folder / name).unlink()
    if how == "empty":
        (folder / name).write_bytes(b"")
    with pytest.raises(DamagedLogError, match=EXPORT):
        open_log(folder, CONFIG)


def test_an_event_that_is_no_fact_is_named_with_its_place_and_the_command(folder):
    log = open_log(folder, CONFIG, read_only=True)
    codec = Codec(CommandSent)
    with pytest.raises(DataError, match=rf"event 3 of stream 'fill': .* no fact.*{EXPORT}"):
        [codec.read(event) for event in log.read("fill", 2)]
    log.close()


def test_a_second_writer_is_told_who_writes_and_what_it_may_do(folder):
    log = open_log(folder, CONFIG)
    with pytest.raises(ConfigError, match=r"process \d+; a log has one writer.*read_only=True"):
        open_log(folder, CONFIG)
    log.close()


@pytest.fixture
def both(folder):
    """A log that holds something in either file, and the last of each."""
    log = open_log(folder, CONFIG)
    log.append("timing", [b"timing %d" % n for n in range(5)])
    log.close()
    return folder


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("change_it", "said"),
    [
        ("create view fresh as select 1", "a view 'fresh' that Stairway did not make"),
        ("create table cat (name)", "a table 'cat' that Stairway did not make"),
        ("create index quick on event (crc)", "a index 'quick' that Stairway did not make"),
        ("create trigger tidy after insert on event begin delete from event; end",
         "a trigger 'tidy' that Stairway did not make"),
        ("alter table event add column note text", "a table 'event' that is not laid out"),
        ("drop table event", "lacks its table 'event'"),
    ],
)  # fmt: skip
def test_a_database_in_which_others_made_something_is_refused_and_it_is_named(
    both, change_it, said, read_only
):
    change(both / "telemetry.db", change_it)
    with pytest.raises(DamagedLogError, match=rf"telemetry\.db .*{said}.*{EXPORT}"):
        open_log(both, CONFIG, read_only=read_only)
    finding = verify(both).findings[0]
    assert "telemetry.db" in finding.detail


@pytest.mark.parametrize("lost", ["durable", "telemetry"])
@pytest.mark.parametrize("statement", ["drop table event", "drop table stream"])
def test_of_a_file_whose_table_is_gone_the_other_file_is_saved(both, lost, statement):
    change(both / f"{lost}.db", statement)
    salvage = Salvage(both)
    saved = {
        stream: len(list(salvage.read(stream)))
        for stream in ("fill", "timing")
        if salvage.head(stream).position >= 0
    }
    salvage.close()
    assert saved == (
        {"fill": 0, "timing": 5} if lost == "durable" else {"fill": 9, "timing": 0}
    )
    assert any(f"{lost}.db" in complaint for complaint in salvage.complaints)


def as_folder(path):
    path.mkdir()


def as_pipe(path):
    os.mkfifo(path)


def as_link(path):
    path.symlink_to(path.with_name("elsewhere"))


FILES = ["durable.db", "durable.mark", "telemetry.db", "telemetry.mark", "durable.db-wal",
         "lock", "ballast"]  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", [as_folder, as_pipe, as_link])
@pytest.mark.parametrize("name", FILES)
def test_what_lies_in_place_of_a_file_is_named_and_never_waited_for(both, name, what):
    if (both / name).exists():
        (both / name).rename(both / "elsewhere")
    what(both / name)
    kind = {as_folder: "a folder", as_pipe: "a pipe", as_link: "a symbolic link"}[what]
    for read_only in (True, False):
        with pytest.raises(DamagedLogError, match=rf"{name} is {kind}.*{EXPORT}"):
            open_log(both, CONFIG, read_only=read_only)
    assert any(f"{name} is {kind}" in finding.detail for finding in verify(both).findings)
    salvage = Salvage(both)
    saved = sum(len(list(salvage.read(stream))) for stream in salvage.streams())
    salvage.close()
    lost = {"durable.db": 9, "durable.db-wal": 9, "telemetry.db": 5}.get(name, 0)
    assert saved in {14, 14 - lost}
    assert salvage.complaints


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["archive", "groups", "bells"])
def test_a_file_in_place_of_a_folder_is_named(both, name):
    shutil.rmtree(both / name, ignore_errors=True)
    (both / name).write_bytes(b"")
    with pytest.raises(
        DamagedLogError, match=f"{name} is a plain file, and a log has a folder"
    ):
        open_log(both, CONFIG)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", [as_folder, as_pipe, as_link])
def test_what_lies_in_place_of_the_index_of_the_archive_is_named(both, what):
    (both / "archive").mkdir()
    what(both / "archive" / "index.json")
    with pytest.raises(DamagedLogError, match=rf"index\.json is a .*{EXPORT}"):
        open_log(both, CONFIG)


def test_a_log_is_made_though_somebody_looks_into_its_file_at_that_moment(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    looking = apsw.Connection(str(folder / "durable.db"))
    looking.execute("begin").fetchall()
    looking.execute("select * from sqlite_schema").fetchall()
    leaving = threading.Timer(0.05, looking.close, [True])
    leaving.start()
    open_log(folder, CONFIG).close()
    leaving.join()
    assert isinstance(verify(folder), Pass)


def test_of_a_log_elsewhere_each_stream_is_saved_up_to_what_is_not_whole(both):
    change(both / "durable.db", "update event set payload = x'00' where position = 4")
    salvage = SalvageElsewhere(open_log(both, CONFIG, read_only=True))
    assert salvage.streams() == ("fill", "timing")
    assert [salvage.head(stream).position for stream in salvage.streams()] == [9, 5]
    assert [len(list(salvage.read(stream))) for stream in salvage.streams()] == [3, 5]
    (complaint,) = salvage.complaints
    assert "'fill', position 4" in complaint
    salvage.close()
