"""The two files of a log side by side: what must survive a power cut, and the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from stairway.adapters.journal.archive import FOLDER as ARCHIVE
from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.doorbell import Ringer
from stairway.adapters.journal.failures import way_out
from stairway.adapters.journal.files import Ballast, require_folders, require_plain
from stairway.adapters.journal.journal import FILES, Journal, Reader, file_of, mark_path
from stairway.adapters.journal.mark import read_mark
from stairway.adapters.journal.settings import PAGE_BYTES, Settings
from stairway.adapters.journal.store import Pause, Sealed, Sync
from stairway.adapters.journal.told import NOTE_EVENTS
from stairway.base.errors import ConfigError, DamagedLogError, InvariantError
from stairway.events.envelope import Head

_PLAIN = ("lock", "ballast", *(f"{n}{end}" for n in FILES for end in ("", "-wal", "-shm")))
_FOLDERS = (ARCHIVE, "groups", "bells")


def open_reader(folder: Path, name: str) -> Reader:
    """Open one of the files for reading.

    Raises
    ------
    ConfigError
        If it is not there, or was laid out by a version that divides streams otherwise.
    DamagedLogError
        If it is not what was written.
    """
    path = folder / name
    _require_both(folder)
    if not path.exists() and not mark_path(path).exists():
        msg = f"there is no log in {folder}: {name} is missing; check the folder's name"
        raise ConfigError(msg)
    reader = Reader(path)
    strangers = [stream for stream in reader.streams() if file_of(stream) != name]
    if strangers:
        reader.close()
        msg = (
            f"{path} holds {', '.join(strangers)}, which this version of Stairway keeps in "
            "the other file: use the version that wrote it"
        )
        raise ConfigError(msg)
    return reader


def _require_both(folder: Path) -> None:
    """Refuse a log of which one file is gone without a trace, though the other is filled.

    Raises
    ------
    DamagedLogError
        Then, and where something else than a file lies in its place. A log that was killed
        as it was made holds no event, and is no such one.
    """
    require_plain([folder / name for name in _PLAIN], folder)
    require_plain([mark_path(folder / name) for name in FILES], folder)
    require_folders([folder / name for name in _FOLDERS], folder)
    gone = [
        n for n in FILES if not (folder / n).exists() and not mark_path(folder / n).exists()
    ]
    if not gone:
        return
    holds = [str(folder / name) for name in FILES if _is_filled(folder / name)]
    # One that holds events only of the file that is there is refused with that file.
    holds += [str(folder / ARCHIVE)] if Archive(folder).streams() else []
    if holds:
        msg = (
            f"{folder / gone[0]} is gone, and its high-water mark with it, though {holds[0]} "
            f"beside it holds events: {way_out(folder)}"
        )
        raise DamagedLogError(msg)


def _is_filled(path: Path) -> bool:
    mark = mark_path(path)
    return mark.exists() and bool(read_mark(mark))


class ReadingPair:
    """Both files, for reading, each with a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers = {name: open_reader(folder, name) for name in FILES}

    def of(self, stream: str) -> Reader:
        """Reader of the file that holds ``stream``."""
        return self._readers[file_of(stream)]

    def streams(self) -> tuple[str, ...]:
        """Names of streams on disk, sorted."""
        return tuple(sorted(s for r in self._readers.values() for s in r.streams()))

    def close(self) -> None:
        """Let go of the files."""
        for reader in self._readers.values():
            reader.close()


class WritingPair:
    """Both journals and the ballast: the :class:`~.sink.SharedSink` of a log's writer."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        _require_both(folder)
        Archive(folder).require_whole()
        self._settings = settings
        self._ballast = Ballast(folder / "ballast", settings.ballast_bytes)
        self._journals: dict[str, Journal] = {}
        self._bells = Ringer(folder)
        try:
            self._ballast.load()
            for name, sync in FILES.items():
                self._journals[name] = Journal(folder / name, sync)
        except BaseException:
            self.close(failed=True)
            raise

    @property
    def wal_bytes(self) -> int:
        """Size of the longer write-ahead log."""
        return PAGE_BYTES * max(j.wal_pages for j in self._journals.values())

    def commit(self, rows: Sequence[Sealed]) -> None:
        """Write each row into its file; those that an earlier try wrote are left out.

        Telemetry goes first: what an order was decided on is never behind the order.
        """
        self._commit(rows, None)

    def commit_in_steps(self, rows: Sequence[Sealed], pause: Pause) -> None:
        """Commit in small statements, with a ``pause`` between two: see ``Store.insert``."""
        self._commit(rows, pause)

    def _commit(self, rows: Sequence[Sealed], pause: Pause | None) -> None:
        by_stream: defaultdict[str, list[Sealed]] = defaultdict(list)
        for row in rows:
            by_stream[row[0]].append(row)
        by_file: dict[str, list[Sealed]] = {name: [] for name in reversed(FILES)}
        for stream, mine in by_stream.items():
            name = file_of(stream)
            by_file[name] += _behind(self._journals[name].heads.get(stream), mine)
        for name, mine in by_file.items():
            # One whose mark could not be written still owes it, though it has all rows.
            if mine or self._journals[name].unmarked:
                if FILES[name] is Sync.NORMAL and len(mine) <= NOTE_EVENTS:
                    # To be woken takes a reader as long as such a commit takes.
                    self._bells.touch()
                self._journals[name].commit(mine, pause)
                self._bells.ring(mine)

    def has(self, row: Sealed) -> bool:
        """Say whether ``row``, which was given to ``commit``, is written."""
        head = self._journals[file_of(row[0])].heads.get(row[0], Head())
        return head.position >= row[1]

    def resume(self) -> None:
        """Find out how far a commit came that was cut short."""
        for journal in self._journals.values():
            journal.resume()
        self._bells.ring()

    def move_ahead(self) -> None:
        """Move most of what ``tidy`` will find to move, while commits go on."""
        for journal in self._grown():
            journal.move_ahead()

    def tidy(self) -> None:
        """Move write-ahead logs that have grown into their databases."""
        for journal in self._grown():
            journal.checkpoint()

    def _grown(self) -> list[Journal]:
        most = self._settings.checkpoint_bytes
        return [j for j in self._journals.values() if j.wal_pages * PAGE_BYTES >= most]

    def settle(self) -> None:
        """Use a quiet moment: make the marks survive a power cut."""
        for journal in self._journals.values():
            journal.settle()

    def drop_ballast(self) -> None:
        """Give up the room that was set aside."""
        self._ballast.drop()

    def load_ballast(self) -> None:
        """Set it aside again, or raise ``DiskFullError``."""
        self._ballast.load()

    def close(self, *, failed: bool) -> None:
        """Let go of the files; after a failure nothing more is written to them."""
        self._ballast.drop()
        self._bells.close()
        with ExitStack() as last:
            for journal in self._journals.values():
                last.callback(journal.close, failed=failed)


def _behind(written: Head | None, rows: list[Sealed]) -> list[Sealed]:
    """Return those of ``rows``, all of one stream, that are not ``written``.

    Raises
    ------
    InvariantError
        If another event has the place of one of them: it was acknowledged to somebody.
    """
    if written is None or written.position < rows[0][1]:
        return rows
    reached = {row[4].hex() for row in rows if row[1] == written.position}
    if reached != {written.hash}:
        msg = (
            f"event {written.position} of {rows[0][0]!r} is another one on disk than the one "
            "that was to be written: stop this process and start it again"
        )
        raise InvariantError(msg)
    return [row for row in rows if row[1] > written.position]
