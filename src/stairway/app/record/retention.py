"""Move what is old into the archive, as far as nobody needs it where it is."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from stairway.adapters.journal.archive import FOLDER, Archive
from stairway.adapters.journal.archiver import Cut, Heard, RetentionRules, archive_old, plan
from stairway.adapters.journal.kept import Kept, archive_kept, plan_kept
from stairway.adapters.journal.segment import Segment
from stairway.adapters.outbox.address import NAME as DEFAULT_NAME
from stairway.app.progress import Stages
from stairway.app.record.consumers import needed
from stairway.app.record.place import Place, archive_named, server_of, shipped
from stairway.app.record.wiring import wired
from stairway.base.errors import ConfigError


class Moved(msgspec.Struct, frozen=True):
    """What was moved, or would be.

    Attributes
    ----------
    events
        Per stream.
    done
        False where it was only asked what would be moved.
    """

    log: str
    archive: str
    done: bool
    events: dict[str, int]
    files: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        if not self.events:
            return f"nothing in {self.log} is old enough to be archived\n"
        what = "archived" if self.done else "would be archived"
        lines = [f"  {stream:<24}{count:>12,}" for stream, count in self.events.items()]
        return "\n".join([f"{what}, to {self.archive}:", *lines, ""])


def would_move(place: Place, rules: RetentionRules) -> Moved:
    """Say what ``move`` would do; changes nothing.

    Raises
    ------
    ConfigError
        If the address does not say where the archive lies, or names another log's.
    DamagedLogError
        If the archive lacks a part: nothing is moved behind a gap.
    """
    archive = _archive(place) if place.folder is None else Archive(place.folder)
    archive.require_whole()
    return _foretold(place, rules)


def _foretold(place: Place, rules: RetentionRules) -> Moved:
    now_ns = time.time_ns()
    if place.folder is not None:
        cuts = plan(place.folder, rules, needed(place), now_ns)
        return _told(place, place.folder / FOLDER, cuts)
    archive = _archive(place)
    with _kept(place) as kept:
        return _told(place, archive.folder, plan_kept(kept, archive, rules, now_ns))


def move(place: Place, rules: RetentionRules, progress: Stages) -> Moved:
    """Archive, verify, then trim; a writer may be at work.

    Stopped at any instant, it leaves a whole log: what was not archived was not trimmed.

    Raises
    ------
    ConfigError
        As ``would_move`` does, or if this user may not trim.
    """
    told = _foretold(place, rules)
    progress.begin("archiving", sum(told.events.values()))
    ends = {} if place.folder is None else _ends(Archive(place.folder), told)
    done: dict[str, int] = {}

    def heard(stream: str, reached: int, goal: int) -> None:
        # A server forgets from where it is to the goal; a folder's archive grows to it.
        before = ends.get(stream, goal - told.events.get(stream, 0))
        done[stream] = reached - before
        progress.advance(sum(done.values()))

    made = _moved(place, rules, heard)
    files = tuple(one.name for one in made)
    return msgspec.structs.replace(told, done=True, events=done, files=files)


def _moved(place: Place, rules: RetentionRules, heard: Heard) -> tuple[Segment, ...]:
    now_ns = time.time_ns()
    if place.folder is not None:
        return archive_old(place.folder, rules, needed(place), now_ns, heard)
    with _kept(place) as kept:
        return archive_kept(kept, _archive(place), rules, now_ns, heard)


def _ends(archive: Archive, told: Moved) -> dict[str, int]:
    return {stream: archive.end(stream).position for stream in told.events}


@contextmanager
def _kept(place: Place) -> Generator[Kept]:
    server = server_of(place)
    plugin, config = wired(place.engine, shipped())
    if server is None or not hasattr(plugin, "kept"):
        msg = f"{place} is kept by an engine that cannot be archived"
        raise ConfigError(msg)
    with closing(plugin.kept(server.url, config)) as kept:
        yield kept


def _archive(place: Place) -> Archive:
    """Archive of a log elsewhere: ``FOLDER/NAME``, as its readers find it."""
    folder = archive_named(place, DEFAULT_NAME)
    if folder is None:
        msg = (
            f"{place} does not say where its archive lies: add archive=FOLDER to the address "
            "(...?log=NAME&archive=FOLDER); whoever reads old events names the same folder"
        )
        raise ConfigError(msg)
    return Archive(folder, str(place))


def _told(place: Place, archive: Path, cuts: tuple[Cut, ...]) -> Moved:
    events = {cut.stream: cut.upto - cut.after for cut in cuts}
    return Moved(str(place), str(archive), done=False, events=events)
