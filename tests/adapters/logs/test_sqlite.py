"""What the log on one machine adds to the contract: health, checking, refusing."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.adapters.journal.store import crc_of
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError, DamagedLogError, DataError, RecordError
from stairway.base.verdict import Pass, Refuse
from stairway.events.envelope import GENESIS, Head, chain
from stairway.events.streams import MAX_PAYLOAD_BYTES
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())


@pytest.fixture
def log(tmp_path):
    log = open_log(tmp_path / "log", CONFIG)
    yield log
    log.close()


def filled(folder, events=40):
    log = open_log(folder, CONFIG)
    for n in range(events):
        log.append(("fill", "timing", "trade.closed")[n % 3], [b"event %d" % n])
    log.close()
    return folder


def read_durable(folder):
    reader = open_log(folder, CONFIG, read_only=True)
    return [list(reader.read(stream)) for stream in ("fill", "trade.closed")]


def change(path, statement):
    connection = apsw.Connection(str(path))
    connection.execute(statement).fetchall()
    connection.close()


@pytest.mark.parametrize("key", [*small_settings()])
@pytest.mark.parametrize("value", [-1, float("nan"), "much"])
def test_a_setting_that_makes_no_sense_is_refused(key, value):
    with pytest.raises(msgspec.ValidationError):
        Config(**small_settings() | {key: value})


@pytest.mark.parametrize("key", [*small_settings()])
def test_no_setting_has_a_default(key):
    rest = {k: v for k, v in small_settings().items() if k != key}
    with pytest.raises(TypeError, match=key):
        Config(**rest)


def test_durable_and_telemetry_lie_in_files_of_their_own(tmp_path):
    folder = filled(tmp_path / "log")
    for name, wanted in (
        ("durable.db", {"fill", "trade.closed"}),
        ("telemetry.db", {"timing"}),
    ):
        connection = apsw.Connection(str(folder / name))
        found = {name for (name,) in connection.execute("select name from stream")}
        assert found == wanted
        assert connection.execute("pragma journal_mode").fetchall() == [("wal",)]
        connection.close()


def test_a_closed_log_leaves_no_ballast_and_no_write_ahead_log(tmp_path):
    folder = tmp_path / "log"
    log = open_log(folder, Config(**small_settings(ballast_bytes=1_000_000)))
    log.append("fill", [b"x"])
    assert (folder / "ballast").stat().st_size == 1_000_000
    log.close()
    assert sorted(path.name for path in folder.iterdir()) == [
        "durable.db", "durable.mark", "lock", "telemetry.db", "telemetry.mark",
    ]  # fmt: skip


def test_verify_counts_what_is_good(tmp_path):
    verdict = verify(filled(tmp_path / "log"))
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].code == "log.whole"
    assert verdict.findings[0].n == 40


def test_verify_may_look_while_a_writer_is_at_work(log, tmp_path):
    for n in range(30):
        log.append("fill", [b"x"] * 40)
        log.append("timing", [b"x"] * 40)
        log.flush()
        verdict = verify(tmp_path / "log")
        assert isinstance(verdict, Pass)
        assert verdict.findings[0].n == 80 * (n + 1)


def test_verify_of_a_folder_without_a_log_refuses(tmp_path):
    verdict = verify(tmp_path)
    assert isinstance(verdict, Refuse)
    assert "no log" in verdict.findings[0].detail
    assert list(tmp_path.iterdir()) == []


DAMAGE = {
    "payload": ("update event set payload = x'00' where position = 3", "checksum"),
    "time": ("update event set recorded_ns = 5 where position = 3", "checksum"),
    "crc": ("update event set crc = crc + 1 where position = 3", "checksum"),
    "hash": ("update event set hash = zeroblob(32) where position = 3", "checksum"),
    "gap": ("delete from event where position = 3", "missing"),
    "swap": ("update event set position = 99 where position = 3", "missing"),
    "name": ("update stream set name = 'fiil' where name = 'fill'", "high-water mark"),
    "tail": ("delete from event where position > 10", "ends before its high-water mark"),
    "all": ("delete from event", "ends before its high-water mark"),
    "type": ("update event set payload = x'ff' where position = 4", "checksum"),
}


@pytest.mark.parametrize("damage", [*DAMAGE])
def test_damage_is_named_by_stream_position_and_cause(tmp_path, damage):
    folder = filled(tmp_path / "log")
    statement, cause = DAMAGE[damage]
    change(folder / "durable.db", statement)
    verdict = verify(folder)
    assert isinstance(verdict, Refuse)
    finding = verdict.findings[0]
    assert finding.code == "log.damaged"
    for part in (
        "durable.db",
        "'fill'",
        "position ",
        cause,
        "stairway log verify",
        "stairway log export",
    ):
        assert part in finding.detail
    with pytest.raises(DamagedLogError, match=cause):
        open_log(folder, CONFIG)
    with pytest.raises(DamagedLogError, match=cause):
        read_durable(folder)


def test_every_damaged_stream_is_named(tmp_path):
    folder = filled(tmp_path / "log")
    change(folder / "durable.db", "update event set payload = x'00' where position = 3")
    change(folder / "telemetry.db", "update event set payload = x'00' where position = 3")
    details = [finding.detail for finding in verify(folder).findings]
    assert len(details) == 3
    for stream, detail in zip(("fill", "trade.closed", "timing"), details, strict=True):
        assert repr(stream) in detail


def test_a_forged_event_with_a_good_checksum_does_not_follow_from_the_one_before(tmp_path):
    folder = filled(tmp_path / "log")
    connection = apsw.Connection(str(folder / "durable.db"))
    (key, ns) = connection.execute(
        "select stream, recorded_ns from event join stream on id = stream "
        "where name = 'fill' and position = 3"
    ).fetchall()[0]
    digest = bytes.fromhex(chain(GENESIS, "fill", 3, b"forged"))
    connection.execute(
        "update event set payload = ?, hash = ?, crc = ? where stream = ? and position = 3",
        (b"forged", digest, crc_of("fill", 3, ns, digest, b"forged"), key),
    )
    connection.close()
    assert "'fill', position 3: it does not follow" in verify(folder).findings[0].detail


def test_a_refused_opening_changes_nothing_and_frees_the_lock(tmp_path):
    folder = filled(tmp_path / "log")
    change(folder / "durable.db", "delete from event where position = 3")
    before = {p.name: p.read_bytes() for p in folder.glob("*.db")}
    for _ in range(2):
        with pytest.raises(DamagedLogError):
            open_log(folder, Config(**small_settings(ballast_bytes=4096)))
    assert {p.name: p.read_bytes() for p in folder.glob("*.db")} == before
    assert not (folder / "ballast").exists()


@pytest.mark.parametrize(
    "name", ["durable.db", "telemetry.db", "durable.mark", "telemetry.mark"]
)
def test_a_file_that_is_gone_is_not_made_anew(tmp_path, name):
    folder = filled(tmp_path / "log")
    (folder / name).unlink()
    assert isinstance(verify(folder), Refuse)
    with pytest.raises(DamagedLogError, match="gone"):
        open_log(folder, CONFIG)
    assert not (folder / name).exists()


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_a_database_that_was_cut_short_is_refused(tmp_path, size):
    folder = filled(tmp_path / "log")
    os.truncate(folder / "durable.db", size)
    assert isinstance(verify(folder), Refuse)
    with pytest.raises(DamagedLogError):
        open_log(folder, CONFIG)
    assert (folder / "durable.db").stat().st_size == size


def test_a_log_of_another_version_is_refused_with_a_sentence(tmp_path):
    folder = filled(tmp_path / "log")
    change(folder / "durable.db", "update about set value = '7'")
    with pytest.raises(ConfigError, match=r"format '7', and this version .* reads format '1'"):
        open_log(folder, CONFIG)


def test_a_log_that_divides_its_streams_otherwise_is_refused(tmp_path):
    folder = filled(tmp_path / "log")
    for suffix in ("db", "mark"):
        shutil.copy(folder / f"durable.{suffix}", folder / f"telemetry.{suffix}")
    with pytest.raises(ConfigError, match=r"telemetry\.db holds fill, trade\.closed"):
        open_log(folder, CONFIG)


def test_a_file_of_another_program_is_refused(tmp_path):
    change(tmp_path / "durable.db", "create table cat (name)")
    with pytest.raises(DamagedLogError, match="no readable log"):
        open_log(tmp_path, CONFIG)


def test_a_folder_that_cannot_be_made_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="check who may write there"):
        open_log(tmp_path / "file" / "log", CONFIG)


def test_an_event_too_large_is_refused_and_nothing_of_its_append_is_kept(log):
    with pytest.raises(DataError, match="put large content into an artifact"):
        log.append("fill", [b"small", bytes(MAX_PAYLOAD_BYTES + 1)])
    assert log.head("fill") == Head()
    assert log.append("fill", [b"x"]).position == 1


def test_a_payload_that_is_no_bytes_leaves_the_log_as_it_was(log):
    with pytest.raises(DataError, match="is str, and an event is bytes"):
        log.append("fill", [b"good", "text"])
    assert log.head("fill") == Head()
    log.append("fill", [b"x"])
    assert [e.payload for e in log.read("fill")] == [b"x"]


@pytest.mark.usefixtures("log")
def test_the_lock_names_the_process_that_holds_it(tmp_path):
    with pytest.raises(ConfigError, match=f"process {os.getpid()};"):
        open_log(tmp_path / "log", CONFIG)


def test_threads_may_share_a_log(log):
    def publish(name):
        for n in range(200):
            log.append("fill", [b"%s %d" % (name, n)])

    threads = [threading.Thread(target=publish, args=(b"%d" % n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    payloads = [e.payload for e in log.read("fill")]
    assert len(payloads) == 800
    for name in range(4):
        mine = [p for p in payloads if p.startswith(b"%d " % name)]
        assert mine == [b"%d %d" % (name, n) for n in range(200)]


def is_moved_to_the_database(log):
    """Wait until the log's thread has moved what was appended; it may have to wait itself."""
    for _ in range(6_000):
        if log._files.wal_bytes < CONFIG.checkpoint_bytes:
            return True
        threading.Event().wait(0.005)
    return False


def test_a_paused_reader_holds_nothing_back(log, tmp_path):
    log.append("fill", [bytes(500)] * 600)
    paused = log.read("fill")
    next(paused)
    for _ in range(8):
        log.append("fill", [bytes(500)] * 500)
        log.flush()
        assert is_moved_to_the_database(log)
    assert (tmp_path / "log" / "durable.db-wal").stat().st_size < 2_000_000
    assert isinstance(log.health(), Pass)
    assert sum(1 for _ in paused) == 599 + 8 * 500


def test_a_reader_that_is_stuck_shows_in_health_and_not_in_the_record(tmp_path):
    config = Config(**small_settings(max_wal_bytes=500_000))
    log = open_log(tmp_path, config)
    log.append("fill", [b"x"])
    log.flush()
    stuck = apsw.Connection(str(tmp_path / "durable.db"))
    stuck.execute("begin")
    stuck.execute("select * from event").fetchall()
    for _ in range(4):
        log.append("fill", [bytes(500)] * 500)
        log.flush()
    verdict = log.health()
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "log.wal_size"
    assert verdict.findings[0].value > verdict.findings[0].bound == 500_000
    stuck.close()
    log.append("fill", [b"x"])
    log.flush()
    log.close()
    assert not (tmp_path / "durable.db-wal").exists()
    assert isinstance(verify(tmp_path), Pass)


def test_a_log_on_a_medium_that_nobody_can_write_to_can_be_read(tmp_path):
    folder = filled(tmp_path / "log & so on")
    seen = tmp_path / "seen"
    seen.mkdir()
    if subprocess.run(
        ["mount", "-r", "--bind", folder, seen], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs the right to mount")
    try:
        log = open_log(seen, CONFIG, read_only=True)
        assert len(list(log.read("fill"))) == 14
        log.close()
        assert isinstance(verify(seen), Pass)
        with pytest.raises(ConfigError, match="check who may"):
            open_log(seen, CONFIG)
    finally:
        subprocess.run(["umount", seen], check=True)


def test_reading_from_a_closed_reader_says_so(tmp_path):
    reader = open_log(filled(tmp_path / "log"), CONFIG, read_only=True)
    reader.close()
    with pytest.raises(RecordError, match="closed"):
        list(reader.read("fill"))


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["fill", "timing", "trade.closed", "model.answer"]),
            st.lists(st.binary(max_size=40), max_size=4),
            st.sampled_from(["", "flush", "reopen"]),
        ),
        max_size=12,
    )
)
def test_a_log_is_what_was_appended_however_it_was_divided(tmp_path_factory, appends):
    folder = tmp_path_factory.mktemp("log")
    model = {}
    log = open_log(folder, CONFIG)
    for stream, payloads, then in appends:
        head = log.append(stream, payloads)
        model.setdefault(stream, []).extend(payloads)
        assert head.position == len(model[stream])
        if then == "flush":
            log.flush()
        if then == "reopen":
            log.close()
            log = open_log(folder, CONFIG)
    for stream, payloads in model.items():
        assert [e.payload for e in log.read(stream)] == payloads
        assert log.head(stream).position == len(payloads)
    assert log.streams() == tuple(sorted(s for s, payloads in model.items() if payloads))
    log.close()
    assert isinstance(verify(folder), Pass)
