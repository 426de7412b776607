"""What has left the databases of a log, and how it is read.

::

    FOLDER/archive/
      index.json               every segment, oldest first; replaced whole
      lock                     held by the one archiver
      fill/000000000001-000000065536.parquet

The index is written before anything is trimmed, and nothing is ever taken out of it. It
vouches for itself: the hash of its last event of a stream is what the first event that is
still in the database is chained to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from stairway.adapters.journal import files
from stairway.adapters.journal.segment import Segment, read_segment, require_content
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events.envelope import GENESIS, Envelope, Head

FOLDER = "archive"
OPTION = "archive"
"""Word of an address that names the folder of a server's archives."""

_INDEX = "index.json"


class Archive:
    """The archive of the log in ``folder``; an empty one where nothing was archived.

    ``address`` is that of the log, without its password, where a server keeps it.
    """

    def __init__(self, folder: Path, address: str | None = None) -> None:
        self.folder = folder / FOLDER
        self.address = address
        self._segments: dict[str, tuple[Segment, ...]] = {}
        self._seen: tuple[int, int] | None = None
        # An older index must not take the place of a newer one.
        self._turn = threading.Lock()
        self.refresh()

    def refresh(self) -> None:
        """Look again; an archiver may be at work.

        Raises
        ------
        DamagedLogError
            If the index cannot be read, or its segments do not follow upon one another.
        """
        path, log = self.folder / _INDEX, self.address or self.folder.parent
        files.require_plain([path], self.folder.parent)
        with self._turn:
            try:
                state = path.stat()
            except FileNotFoundError:
                return
            version = (state.st_mtime_ns, state.st_ino)
            if version != self._seen:
                self._segments = _by_stream(path, _decoded(path, log), log)
                self._seen = version

    def streams(self) -> tuple[str, ...]:
        """Names of all streams of which anything is archived, sorted."""
        return tuple(sorted(self._segments))

    def segments(self, stream: str | None = None) -> tuple[Segment, ...]:
        """Return the segments of one stream, or of all, oldest first."""
        if stream is not None:
            return self._segments.get(stream, ())
        return tuple(one for each in self._segments.values() for one in each)

    def end(self, stream: str) -> Head:
        """Position and hash of the last archived event; the empty head where none is."""
        segments = self.segments(stream)
        return Head(segments[-1].last, segments[-1].hash) if segments else Head()

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of an archived event; ``None`` where it is not here.

        Raises
        ------
        DamagedLogError
            If its file is missing or is not the one that was written.
        """
        for segment in self.segments(stream):
            if position == segment.last:
                return Head(segment.last, segment.hash)
            if segment.first <= position < segment.last:
                events = read_segment(self.folder, segment, self.address)
                return next(Head(e.position, e.hash) for e in events if e.position == position)
        return None

    def require_whole(self) -> None:
        """Refuse to write behind an archive of which a part is lost: more would follow it.

        Every file is read once and held against its SHA-256; none is held in memory.

        Raises
        ------
        DamagedLogError
            If a file is missing or is not the one that was written.
        """
        for segment in self.segments():
            require_content(self.folder, segment, self.address)

    def read(self, stream: str, after: int) -> Iterator[Envelope]:
        """Yield the archived events behind position ``after``, each checked.

        Raises
        ------
        DamagedLogError
            If a file is missing or is not the one that was written.
        """
        for segment in self.segments(stream):
            if segment.last > after:
                for envelope in read_segment(self.folder, segment, self.address):
                    if envelope.position > after:
                        yield envelope

    def between(self, stream: str, after: int, upto: Head) -> Iterator[Envelope]:
        """Yield the events behind ``after`` up to ``upto``, which a server let go of.

        Raises
        ------
        ConfigError
            If the archive does not reach so far, or event ``upto`` is another one than the
            server had: it is that of another log. Nothing of it is handed out then.
        DamagedLogError
            If a file is missing or is not the one that was written.
        """
        self.refresh()
        self._require_same(stream, upto)
        for envelope in self.read(stream, after):
            yield envelope
            if envelope.position == upto.position:
                return
        raise self._too_short(stream, upto)

    def require_reaches(self, stream: str, upto: Head) -> None:
        """Refuse an archive that lacks what a server let go of: all of it up to ``upto``.

        Raises
        ------
        ConfigError
            If it does not reach so far, or is that of another log.
        DamagedLogError
            If a file is missing or is not the one that was written.
        """
        self.refresh()
        self._require_same(stream, upto)
        if not self.end(stream).position >= upto.position:
            raise self._too_short(stream, upto)

    def _require_same(self, stream: str, upto: Head) -> None:
        if self.at(stream, upto.position) not in {None, upto}:
            msg = (
                f"the archive in {self.folder} is that of another log than {self.address}: "
                f"event {upto.position} of {stream!r} is not the one that the server let go "
                "of. Name the archive of this log (archive=FOLDER)"
            )
            raise ConfigError(msg)

    def _too_short(self, stream: str, upto: Head) -> ConfigError:
        return ConfigError(
            f"the archive in {self.folder} ends at event {self.end(stream).position} of "
            f"{stream!r}, and the server let go of them up to {upto.position}: name the "
            "archive that holds the rest (archive=FOLDER)"
        )

    def add(self, segments: Sequence[Segment]) -> None:
        """Take ``segments`` into the index; on return that survives a power cut."""
        content = msgspec.json.encode([*self.segments(), *segments])
        files.replace(self.folder / _INDEX, msgspec.json.format(content, indent=1) + b"\n")
        self.refresh()


def archive_of(options: Mapping[str, str], log: str) -> Path | None:
    """Folder that the words of an address name for the archive of ``log``; ``None`` for none.

    Examples
    --------
    >>> archive_of({"archive": "/srv"}, "pair-1"), archive_of({}, "pair-1")
    (PosixPath('/srv/pair-1'), None)
    """
    folder = options.get(OPTION)
    return Path(folder) / log if folder else None


def archive_word(archive: Path | None) -> dict[str, str]:
    """Write it as the words of an address again."""
    return {} if archive is None else {OPTION: str(archive.parent)}


def elsewhere(server: str, stream: str, first: int, upto: Head) -> ConfigError:
    """Say that a server does not have events any more, and who does."""
    return ConfigError(
        f"{server} has let go of {stream!r} up to position {upto.position}, and position "
        f"{first} is wanted: add archive=FOLDER to the address, where they were archived to"
    )


def _decoded(path: Path, log: Path | str) -> list[Segment]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Segment])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        msg = (
            f"the index of the archive, {path}, cannot be read ({error}): {_way_out(path, log)}"
        )
        raise DamagedLogError(msg, file=path.name) from error


def _way_out(path: Path, log: Path | str) -> str:
    folder = f"'{log}'" if isinstance(log, str) else log
    return (
        f"restore {path.parent} from a backup; `stairway log export {folder} FILE` saves what "
        "can be read without it"
    )


def _by_stream(
    path: Path, found: Sequence[Segment], log: Path | str
) -> dict[str, tuple[Segment, ...]]:
    sorted_in: dict[str, tuple[Segment, ...]] = {}
    for segment in found:
        sorted_in[segment.stream] = (*sorted_in.get(segment.stream, ()), segment)
    for stream, segments in sorted_in.items():
        ends = [Head(0, GENESIS), *(Head(one.last, one.hash) for one in segments)]
        starts = [Head(one.first - 1, one.before) for one in segments]
        if starts != ends[:-1] or any(a.last >= b.last for a, b in pairwise(segments)):
            msg = (
                f"the index of the archive, {path}, has a gap in stream {stream!r}: "
                f"{_way_out(path, log)}"
            )
            raise DamagedLogError(msg, file=path.name, stream=stream)
    return sorted_in
