"""The two files of a log side by side: what must survive a power cut, and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from stairway.adapters.journal.files import Ballast
from stairway.adapters.journal.journal import Journal, Reader, mark_path
from stairway.adapters.journal.settings import PAGE_BYTES, Settings
from stairway.adapters.journal.store import Row, Sync
from stairway.base.errors import ConfigError
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


class ReadingPair:
    """Both files, for reading, each with a connection of its own."""

    def __init__(self, folder: Path) -> None:
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
        self._settings = settings
        self._ballast = Ballast(folder / "ballast", settings.ballast_bytes)
        self._journals: dict[str, Journal] = {}
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
        for name in reversed(FILES):
            journal = self._journals[name]
            mine = [
                row
                for row in rows
                if file_of(row.stream) == name
                and row.position > journal.heads.get(row.stream, Head()).position
            ]
            if mine:
                journal.commit(mine)

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
        with ExitStack() as last:
            for journal in self._journals.values():
                last.callback(journal.close, failed=failed)
