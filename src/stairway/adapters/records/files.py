"""One file that is read and never written: that it is there, and whole, and the same."""

from __future__ import annotations

import gzip
import hashlib
import io
import time
import weakref
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, cast

import polars as pl

from stairway.adapters.records.growing import Growing
from stairway.base.errors import ConfigError, DataError, NoRecordsError

_BLOCK, _HASHED = 1 << 20, 1 << 22
_SHA256 = "sha256"
_PACKED = frozenset({".gz", ".zst"})
_POLL_S = 0.2
_DAMAGE = (
    OSError,
    EOFError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    UnicodeDecodeError,
)


class RecordFile:
    """A file of records.

    Raises
    ------
    ConfigError
        If it does not exist, is no file, or may not be read.
    DataError
        If there is nothing in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = 0
        self._growing: Growing | None = None
        if not path.is_file():
            state = "is no file" if path.exists() else "does not exist"
            msg = f"{path} {state} (looked in {Path.cwd()}): give the path of a file of records"
            raise ConfigError(msg)
        try:
            with path.open("rb"):
                pass
        except PermissionError as error:
            msg = f"{path} may not be read: change its permissions"
            raise ConfigError(msg) from error
        if not path.stat().st_size:
            raise nothing_in(str(path))

    def mark(self) -> Mapping[str, Any]:
        """Size and SHA-256 of the whole file, and when it was changed last.

        Once :meth:`news` was asked for, of as much as that has given. The file is hashed
        beside whatever is done next; whoever looks at the hash waits for it.
        """
        if self._growing is not None:
            return self._growing.mark()
        about = self.path.stat()
        self._bytes = about.st_size
        said = {
            "path": str(self.path),
            "bytes": about.st_size,
            "modified_ns": about.st_mtime_ns,
        }
        return Hashed(self.path, said)

    def news(self) -> Growing | None:
        """Whole lines that came since the last time; ``None`` where it is no plain text."""
        if self.path.suffix in _PACKED:
            self.looked_at()
            return None
        if self._growing is None:
            self._growing = Growing(self.path)
        return self._growing

    def looked_at(self) -> None:
        """Remember how long the file is, for whoever waits until it is not."""
        self._bytes = self._size()

    def wait(self, seconds: float) -> bool:
        """Wait until the file is longer than it was marked, or another one."""
        if self._growing is not None:
            self._bytes = self._growing.size
        known = self._bytes or self.path.stat().st_size
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._size() != known:
                return True
            time.sleep(max(0.0, min(_POLL_S, until - time.monotonic())))
        return self._size() != known

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return -1  # whoever reads it next says what became of it

    def close(self) -> None:
        """Nothing is held open between two passes."""


class Hashed(Mapping[str, Any]):
    """What is known of a file, and its ``sha256``, which a thread of its own finds out.

    A hash that nobody can ask for any more is not finished.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     found = Hashed(Path(file.name), {"bytes": 0})
    ...     sorted(found), found["sha256"][:12]
    (['bytes', 'sha256'], 'e3b0c44298fc')
    """

    def __init__(self, path: Path, said: Mapping[str, Any]) -> None:
        self._said = dict(said)
        self._sha256: Future[str] = Future()
        # Opened here, so that a path that leads to another file by now is not followed.
        file = path.open("rb", buffering=0)
        work = (file, self._sha256, weakref.ref(self))
        Thread(target=_hash, args=work, name="hash", daemon=True).start()

    def __getitem__(self, name: str) -> Any:
        return self._sha256.result() if name == _SHA256 else self._said[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._said
        yield _SHA256

    def __len__(self) -> int:
        return len(self._said) + 1


def _hash(file: io.FileIO, found: Future[str], wanted: weakref.ref[Hashed]) -> None:
    """Hash a file to its end, as long as anybody wants to know."""
    sha, room = hashlib.sha256(), memoryview(bytearray(_HASHED))
    try:
        with file:
            while wanted() is not None and (n := file.readinto(room)):
                sha.update(room[:n])
    except OSError as error:
        found.set_exception(error)
    else:
        found.set_result(sha.hexdigest())


def nothing_in(what: str) -> NoRecordsError:
    """Say that there are no records."""
    return NoRecordsError(f"{what} is empty: there are no records to judge in it")


@contextmanager
def naming(what: str) -> Generator[None]:
    """Say of which source an error of a library is.

    Raises
    ------
    DataError
        If what is read is damaged.
    """
    try:
        yield
    except _DAMAGE as error:
        why = str(error).strip().partition("\n")[0]
        msg = (
            f"{what} cannot be read to its end ({why}): it is damaged, cut short or of another "
            "format; fetch it again"
        )
        raise DataError(msg) from error


@contextmanager
def bytes_of(path: Path) -> Generator[BinaryIO]:
    """Open a file, unpacking what ends in ``.gz``; its checksum is verified at its end."""
    if path.suffix != ".gz":
        with path.open("rb", buffering=_BLOCK) as file:
            yield file
        return
    with gzip.open(path, "rb") as packed:
        yield cast("BinaryIO", io.BufferedReader(cast("Any", packed), _BLOCK))
