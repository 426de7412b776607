"""The two files of a log side by side: what must survive a power cut, and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from stairway.adapters.journal.doorbell import Ringer
from stairway.adapters.journal.failures import way_out
from stairway.adapters.journal.files import Ballast
from stairway.adapters.journal.journal import Journal, Reader, mark_path
from stairway.adapters.journal.mark import read_mark
from stairway.adapters.journal.settings import PAGE_BYTES, Settings
from stairway.adapters.journal.store import Row, Sync
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events.envelope import Head
from stairway.events.streams import is_durable

FILES = {"durable.db": Sync.FULL, "telemetry.db": Sync.NORMAL}


def file_of(stream: str) -> str:
    """Name of the file that holds ``stream``.

    Examples
    --------
    >>> file_of("fill"), file_of("timing")
    ('durable.db', 'telemetry.db')
    """
    return "durable.db" if is_durable(stream) else "telemetry.db"


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
        Then. A log that was killed as it was made holds no event, and is no such one.
    """
    gone = [
        n for n in FILES if not (folder / n).exists() and not mark_path(folder / n).exists()
    ]
    if gone and any(_is_filled(folder / name) for name in FILES):
        msg = (
            f"{folder / gone[0]} is gone, and its high-water mark with it, though the file "
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
    """Both journals and the ballast: the :class:`~.writer.Sink` of the writer's thread."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        _require_both(folder)
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

    def commit(self, rows: Sequence[Row]) -> None:
        """Write each row into its file; those that an earlier try wrote are left out.

        Telemetry goes first: what an order was decided on is never behind the order.
        """
        mine_by_file: dict[str, list[Row]] = {name: [] for name in reversed(FILES)}
        streams = {row.stream for row in rows}
        places = {stream: self._place(stream, mine_by_file) for stream in streams}
        for row in rows:
            mine, written = places[row.stream]
            if row.position > written:
                mine.append(row)
        for name, mine in mine_by_file.items():
            journal = self._journals[name]
            if mine:
                journal.commit(mine)
                self._bells.ring()

    def _place(self, stream: str, by_file: dict[str, list[Row]]) -> tuple[list[Row], int]:
        """Return where rows of ``stream`` go, and the last position that is written."""
        name = file_of(stream)
        return by_file[name], self._journals[name].heads.get(stream, Head()).position

    def tidy(self) -> None:
        """Move write-ahead logs that have grown into their databases."""
        for journal in self._journals.values():
            if journal.wal_pages * PAGE_BYTES >= self._settings.checkpoint_bytes:
                journal.checkpoint()

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
