"""A log is opened for writing only where ``verify`` finds nothing: no best effort."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from stairway.adapters.journal import archiver
from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules, archive_old
from stairway.adapters.journal.journal import file_of
from stairway.adapters.journal.log import open_folder, verify
from stairway.adapters.journal.opening import require_joined
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.store import Store
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.base.verdict import Pass, Refuse
from stairway.testing.log import small_settings

SETTINGS = Settings(**small_settings())
DAY_NS = 86_400_000_000_000
KEPT = ("durable.db", "telemetry.db", "durable.mark", "telemetry.mark")


def filled(folder: Path, count: int = 100) -> None:
    with closing(open_folder(folder, SETTINGS, clock_ns=lambda: DAY_NS)) as log:
        for stream in ("fill", "market.bar"):
            log.append(stream, [b"%d" % n + b"." * (n % 50) for n in range(count)])


def archived(folder: Path, keep: int = 10) -> None:
    rules = RetentionRules(keep_events=keep, keep_days=0.0)
    archive_old(folder, rules, {}, 9 * DAY_NS, lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A log of two streams; 90 of the 100 events of each lie in two files of its archive."""
    folder = tmp_path_factory.mktemp("whole") / "log"
    filled(folder)
    archived(folder, keep=50)
    archived(folder)
    # All that waits in a write-ahead log goes into its database.
    open_folder(folder, SETTINGS).close()
    assert len(Archive(folder).segments("fill")) == 2
    assert isinstance(verify(folder), Pass)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "log")


def content_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in KEPT}


def part(folder: Path, stream: str, nth: int) -> Path:
    archive = Archive(folder)
    return archive.folder / archive.segments(stream)[nth].name


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_a_file_for_its_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_bytes(b"")


@pytest.mark.parametrize("nth", [0, 1])
@pytest.mark.parametrize("stream", ["fill", "market.bar"])
@pytest.mark.parametrize(
    "damage",
    [cut, cut_to_nothing, lengthen, flip, Path.unlink, put_a_folder, put_a_file_for_its_folder],
    ids=["cut", "empty", "longer", "flipped", "gone", "folder", "file-for-its-folder"],
)
def test_no_log_is_written_behind_an_archive_that_lacks_a_part(folder, damage, stream, nth):
    before = content_of(folder)
    damage(part(folder, stream, nth))
    assert isinstance(verify(folder), Refuse)
    with pytest.raises(DamagedLogError) as caught:
        open_folder(folder, SETTINGS)
    said = str(caught.value)
    assert f"stairway log export {folder} FILE" in said
    if damage is not put_a_folder:
        assert f"stream {stream!r}, position" in said
    assert content_of(folder) == before


@pytest.mark.parametrize("what", ["index.json", "."])
def test_no_log_is_written_whose_archive_was_taken_away(folder, what):
    gone = folder / "archive" / what
    shutil.rmtree(gone) if what == "." else gone.unlink()
    assert isinstance(verify(folder), Refuse)
    with pytest.raises(DamagedLogError, match=r"position 1: this event is missing\. `stairway"):
        open_folder(folder, SETTINGS)


def test_no_log_is_written_behind_an_index_of_an_earlier_day(folder, tmp_path):
    filled(tmp_path / "older")
    archived(tmp_path / "older", keep=50)
    (folder / "archive" / "index.json").write_bytes(
        (tmp_path / "older" / "archive" / "index.json").read_bytes()
    )
    assert isinstance(verify(folder), Refuse)
    with pytest.raises(DamagedLogError):
        open_folder(folder, SETTINGS)


def test_an_index_that_cannot_be_read_is_named_with_a_command(folder):
    (folder / "archive" / "index.json").write_bytes(b"[")
    with pytest.raises(DamagedLogError, match=rf"`stairway log export {folder} FILE` saves"):
        open_folder(folder, SETTINGS)


def test_a_whole_archive_is_written_behind(folder):
    with closing(open_folder(folder, SETTINGS)) as log:
        assert log.append("fill", [b"next"]).position == 101
    assert isinstance(verify(folder), Pass)


def test_an_archiver_killed_before_he_trimmed_has_damaged_nothing(tmp_path, monkeypatch):
    filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(archiver, "_trim", lambda *_: None)
        archived(tmp_path)
    # One who was killed before he came to the index left a file that nobody knows.
    shutil.copy(part(tmp_path, "fill", 0), tmp_path / "archive" / "fill" / "stray.parquet")
    with closing(open_folder(tmp_path, SETTINGS)) as log:
        assert log.append("fill", [b"next"]).position == 101
    assert isinstance(verify(tmp_path), Pass)
    archived(tmp_path)
    assert isinstance(verify(tmp_path), Pass)


@pytest.mark.parametrize("name", ["durable.db", "telemetry.db"])
def test_a_page_that_sqlite_complains_of_is_refused_though_every_event_reads_the_same(
    folder, name
):
    path = folder / name
    with closing(apsw.Connection(str(path))) as connection:
        (root,) = connection.execute(
            "select rootpage from sqlite_schema where name = 'event'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    # How many bytes between the cells are too few to be used: nobody reads it.
    content[(root - 1) * 4_096 + 7] ^= 1
    path.write_bytes(content)
    before = content_of(folder)
    assert isinstance(verify(folder), Refuse)
    with closing(open_folder(folder, SETTINGS, read_only=True)) as log:
        assert len(list(log.read("fill"))) == len(list(log.read("market.bar"))) == 100
    with pytest.raises(
        DamagedLogError, match=rf"{name}: SQLite says .*though every event"
    ) as e:
        open_folder(folder, SETTINGS)
    assert f"stairway log export {folder} FILE" in str(e.value)
    assert content_of(folder)[name] == before[name]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", KEPT[:3])
def test_what_verify_refuses_after_a_flipped_bit_is_never_opened_for_writing(
    tmp_path, name, seed
):
    filled(tmp_path / "clean")
    clean = (tmp_path / "clean" / name).read_bytes()
    rng, refused = random.Random(seed), 0  # noqa: S311 -- no secret
    for nth in range(12):
        folder = shutil.copytree(tmp_path / "clean", tmp_path / str(nth))
        content = bytearray(clean)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(content)
        if isinstance(verify(folder), Refuse):
            refused += 1
            with pytest.raises((DamagedLogError, ConfigError)):
                open_folder(folder, SETTINGS)
    # A mark has two slots and much room that holds nothing.
    assert refused > 0 or name == "durable.mark"


@pytest.mark.parametrize("stream", ["fill", "market.bar"])
def test_an_archiver_that_moved_more_since_the_archive_was_looked_at_is_no_damage(
    tmp_path, stream
):
    filled(tmp_path)
    archived(tmp_path, keep=50)
    archive = Archive(tmp_path)
    archived(tmp_path, keep=10)
    assert archive.end(stream).position == 50
    with closing(Store(tmp_path / file_of(stream))) as store:
        require_joined(store, archive, [stream])
        assert archive.end(stream).position == 90
        # What no archiver moved is missing, however often one looks.
        lost = Archive(tmp_path / "nowhere")
        lost._segments = {stream: Archive(tmp_path).segments(stream)[:1]}
        with pytest.raises(DamagedLogError, match="position 51: this event is missing"):
            require_joined(store, lost, [stream])


def test_a_damaged_page_names_the_event_that_it_costs(folder):
    path = folder / "durable.db"
    content = path.read_bytes()
    event = b"95" + b"." * 45
    assert event in content
    path.write_bytes(content.replace(event, b"#" + event[1:]))
    with pytest.raises(DamagedLogError, match=r"'fill', position 96: .*events before it can"):
        open_folder(folder, SETTINGS)
