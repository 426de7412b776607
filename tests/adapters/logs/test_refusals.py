"""What is refused says what was found and which command helps."""

from __future__ import annotations

import apsw
import pytest

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import ConfigError, DamagedLogError, DataError
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
