"""A server lets go of what lies in a verified archive, and of nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stairway.adapters.journal import files
from stairway.adapters.journal import kept as kept_module
from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.files import Lock
from stairway.adapters.journal.kept import archive_kept, plan_kept
from stairway.adapters.logs import postgresql as postgresql_log
from stairway.adapters.logs import redis as redis_log
from stairway.base.errors import ConfigError, DamagedLogError, DataError
from stairway.events.delivery import GroupRules
from stairway.events.envelope import Head
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings
from stairway.testing.redis_server import private_redis, redis_settings

ROLES = (Path(__file__).parents[3] / "deploy" / "postgresql" / "roles.sql").read_text("utf-8")
DAY_NS = 86_400_000_000_000
NAMES = count(1)


@dataclass
class Desk:
    """A server with a log of a hundred fills in it, a writer at work, and an archive."""

    url: str
    folder: Path
    plugin: Any
    config: Any
    log: Any = None

    def write(self, **more: Any) -> Any:
        self.log = self.plugin.open_log(self.folder / "log", self.config, url=self.url, **more)
        return self.log

    def append(self, stream: str, payloads: list[bytes]) -> None:
        self.log.append(stream, payloads)
        self.log.flush()
        if self.plugin is redis_log:
            assert self.log.catch_up(5.0)

    def archive(self) -> Archive:
        return Archive(self.folder / "old" / self.url.rpartition("log=")[2])

    def read(self, after: int = 0, *, archive: bool = True) -> list[Any]:
        url = f"{self.url}&archive={self.folder / 'old'}" if archive else self.url
        with closing(self.plugin.open_log(None, self.config, url=url, read_only=True)) as log:
            return list(log.read("fill", after))

    def let_go(
        self, keep: int = 10, days: float = 0.0, archive: Archive | None = None
    ) -> dict[str, int]:
        """Archive; return how far the server has forgotten each stream."""
        rules = RetentionRules(keep_events=keep, keep_days=days)
        with closing(self.plugin.kept(self.url, self.config)) as kept:
            archive_kept(kept, archive or self.archive(), rules, time.time_ns(), quiet)
            return {name: kept.forgotten(name).position for name in kept.heads()}


def quiet(*_: object) -> None:
    """Hear, and say nothing."""


@pytest.fixture(scope="module")
def redis_server():
    with private_redis("--appendonly", "no") as server:
        yield server


@pytest.fixture(params=["redis", "postgresql"])
def desk(request, tmp_path):
    name = f"kept-{next(NAMES)}"
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        config = redis_log.Config(**small_settings(), **redis_settings())
        made = Desk(server.url(name), tmp_path, redis_log, config)
    else:
        server = request.getfixturevalue("postgresql")
        config = postgresql_log.Config(**small_settings(), **postgresql_settings())
        made = Desk(server.url(name), tmp_path, postgresql_log, config)
    made.write()
    if request.param == "postgresql":
        server.execute(ROLES)
    made.append("fill", [b"%d" % n for n in range(100)])
    made.append("order", [b"x"])
    yield made
    made.log.close()


def test_what_left_the_server_is_read_from_the_archive_as_if_nothing_had_happened(desk):
    before = list(desk.log.read("fill"))
    assert desk.let_go() == {"fill": 90, "order": 0}
    for after in (0, 1, 89, 90, 91, 100):
        assert desk.read(after) == before[after:]
    assert desk.read(90, archive=False) == before[90:]
    with pytest.raises(
        ConfigError, match=r"let go of 'fill' up to position 90.*archive=FOLDER"
    ):
        desk.read(89, archive=False)


def test_the_log_goes_on_and_is_archived_again(desk):
    desk.let_go()
    desk.append("fill", [b"more %d" % n for n in range(50)])
    assert desk.let_go()["fill"] == 140
    assert [e.position for e in desk.read()] == [*range(1, 151)]
    assert len(desk.archive().segments("fill")) == 2
    desk.log.close()
    desk.write()
    desk.append("fill", [b"after a restart"])
    assert desk.read()[-1].position == 151


def test_an_event_stays_while_it_is_young_or_among_the_newest(desk):
    assert desk.let_go(keep=60)["fill"] == 40
    assert desk.let_go(keep=1, days=1.0)["fill"] == 40
    assert desk.let_go(keep=1)["fill"] == 99


@pytest.mark.parametrize("done", [0, 30])
def test_an_event_stays_while_a_consumer_group_needs_it(desk, done):
    rules = GroupRules(streams=("fill",), lease_ms=60_000, tries=5)
    with closing(desk.log.group("desk", rules)) as group:
        deliveries = group.take("me", 50, time.time_ns())
        group.ack(deliveries[:done])
        assert desk.let_go()["fill"] == done
        group.ack(deliveries[done:])
    assert desk.let_go()["fill"] == 50


def test_asking_changes_nothing(desk):
    rules = RetentionRules(keep_events=10, keep_days=0)
    with closing(desk.plugin.kept(desk.url, desk.config)) as kept:
        (cut,) = plan_kept(kept, desk.archive(), rules, time.time_ns())
        assert (cut.stream, cut.after, cut.upto) == ("fill", 0, 90)
        assert kept.forgotten("fill") == Head()
    assert not (desk.folder / "old").exists()


STEPS = ("write_segment", "add", "let_go")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_nothing_is_lost_and_the_next_one_finishes(
    desk, step, when, monkeypatch
):
    monkeypatch.setattr(kept_module, "_STEP_EVENTS", 40)
    before = list(desk.log.read("fill"))
    with monkeypatch.context() as fault:
        plant(fault, desk, step, when)
        with pytest.raises(KeyboardInterrupt):
            desk.let_go()
        assert desk.read() == before
    assert desk.let_go()["fill"] == 90
    assert desk.read() == before


def plant(fault, desk: Desk, step: str, when: str) -> None:
    """Die at a step."""
    with closing(desk.plugin.kept(desk.url, desk.config)) as kept:
        owner: Any = {"write_segment": carry_module(), "add": Archive, "let_go": type(kept)}[
            step
        ]
    real: Callable[..., Any] = getattr(owner, step)

    def dying(*words: Any) -> Any:
        if when == "after":
            real(*words)
        raise KeyboardInterrupt

    fault.setattr(owner, step, dying)


def carry_module():
    from stairway.adapters.journal import archiver  # noqa: PLC0415 - its writer is replaced

    return archiver


@pytest.mark.parametrize("how", ["gone", "flipped"])
def test_nothing_is_let_go_of_that_the_archive_has_lost_since(desk, how, monkeypatch):
    with monkeypatch.context() as fault:
        plant(fault, desk, "let_go", "before")
        with pytest.raises(KeyboardInterrupt):
            desk.let_go()
    (path,) = (desk.folder / "old").rglob("*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink() if how == "gone" else path.write_bytes(content)
    with pytest.raises(DamagedLogError, match=r"'fill', position 1: this part of the archive"):
        desk.let_go()
    assert [e.position for e in desk.read(archive=False)] == [*range(1, 101)]


def test_only_what_is_the_same_on_both_sides_is_let_go_of(desk):
    with closing(desk.plugin.kept(desk.url, desk.config)) as kept:
        with pytest.raises(DataError, match="verify the archive"):
            kept.let_go("fill", Head(60, "0" * 64))
        assert kept.forgotten("fill") == Head()
    assert len(desk.read(archive=False)) == 100


def test_an_archive_that_lacks_what_went_or_is_another_logs_is_refused(desk, tmp_path):
    desk.let_go(keep=50)
    with pytest.raises(ConfigError, match=r"up to event 50, and the archive.* ends at 0"):
        desk.let_go(archive=Archive(tmp_path / "empty"))
    first = desk.url
    other = Desk(f"{first}b", tmp_path / "other", desk.plugin, desk.config)
    other.write()
    try:
        other.append("fill", [b"else %d" % n for n in range(100)])
        with pytest.raises(ConfigError, match="is that of another log"):
            other.let_go(archive=desk.archive())
        assert len(other.read(archive=False)) == 100
    finally:
        other.log.close()


def test_reading_goes_on_while_the_archiver_is_at_work(desk):
    before = list(desk.log.read("fill"))
    url = f"{desk.url}&archive={desk.folder / 'old'}"
    with closing(desk.plugin.open_log(None, desk.config, url=url, read_only=True)) as log:
        early = log.read("fill", 3)
        found = [next(early)]
        desk.let_go()
        found += early
    assert found == before[3:]


def test_one_archiver_at_a_time(desk):
    folder = desk.archive().folder
    folder.mkdir(parents=True)
    lock = Lock(folder / "lock")
    with pytest.raises(ConfigError):
        desk.let_go()
    lock.release()
    assert desk.let_go()["fill"] == 90


def test_the_archive_is_a_name_that_lasts_before_the_server_forgets(desk, monkeypatch):
    done, sync = [], files.sync_folder
    monkeypatch.setattr(files, "sync_folder", lambda path: done.append(path) or sync(path))
    monkeypatch.setattr(kept_module, "_forget", lambda *_: done.append("forget"))
    archive = Archive(desk.folder / "new" / "folders")
    desk.let_go(archive=archive)
    for folder in (archive.folder, *list(archive.folder.parents)[:3]):
        assert done.index(folder) < done.index("forget")
