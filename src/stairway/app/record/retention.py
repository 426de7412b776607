"""Move what is old into the archive, as far as nobody needs it where it is."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from stairway.adapters.journal.archive import FOLDER, Archive
from stairway.adapters.journal.archiver import Cut, RetentionRules, archive_old, plan
from stairway.adapters.journal.groups import needed
from stairway.app.progress import Stages
from stairway.app.record.place import Place
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
    """Say what ``move`` would do; changes nothing."""
    folder = _folder(place)
    return _told(folder, plan(folder, rules, needed(folder), time.time_ns()))


def move(place: Place, rules: RetentionRules, progress: Stages) -> Moved:
    """Archive, then trim; a writer may be at work.

    Stopped at any instant, it leaves a whole log: what was not archived was not trimmed.
    """
    folder = _folder(place)
    now_ns = time.time_ns()
    wanted = needed(folder)
    told = _told(folder, plan(folder, rules, wanted, now_ns))
    progress.begin("archiving", sum(told.events.values()))
    before = {stream: Archive(folder).end(stream).position for stream in told.events}
    done: dict[str, int] = {}

    def heard(stream: str, reached: int, _goal: int) -> None:
        done[stream] = reached - before[stream]
        progress.advance(sum(done.values()))

    made = archive_old(folder, rules, wanted, now_ns, heard)
    files = tuple(one.name for one in made)
    return msgspec.structs.replace(told, done=True, events=done, files=files)


def _folder(place: Place) -> Path:
    if place.folder is None:
        msg = f"{place} keeps no files here to archive: name the folder that its writer keeps"
        raise ConfigError(msg)
    return place.folder


def _told(folder: Path, cuts: tuple[Cut, ...]) -> Moved:
    events = {cut.stream: cut.upto - cut.after for cut in cuts}
    return Moved(str(folder), str(folder / FOLDER), done=False, events=events)
