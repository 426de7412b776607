"""A file of lines that somebody else appends to, read on from where it was left.

What was read is remembered by its place, its hash and its last bytes. A file that is another
one now, shorter, or other than it was is refused by name: counters that were kept would
belong to nothing that anybody can look at.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from stairway.base.errors import SourceChangedError

_BLOCK = 1 << 20
_KEPT = 4_096


class Growing:
    r"""How far a file was read.

    Attributes
    ----------
    size
        Of the file when it was looked at last, a line that is not whole included.
    line
        Number of the line that comes next.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "bot.jsonl"
    ...     _ = path.write_bytes(b"one\ntwo\nth")
    ...     growing = Growing(path)
    ...     with growing.news() as first:
    ...         said = first.read()
    ...     _ = path.write_bytes(b"one\ntwo\nthree\n")
    ...     with growing.news() as then:
    ...         said, then.read()
    (b'one\ntwo\n', b'three\n')
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size, self.line = 0, 1
        self._at = 0
        self._hash = hashlib.sha256()
        self._last = b""
        self._file: tuple[int, int] | None = None

    @contextmanager
    def news(self) -> Generator[BinaryIO]:
        """Open the whole lines that came since, and nothing else; read them to their end.

        Raises
        ------
        SourceChangedError
            If what was read before is no longer there.
        """
        with self._opened() as file:
            about = os.fstat(file.fileno())
            self._require_same(file, about)
            self._file, self.size = (about.st_dev, about.st_ino), about.st_size
            end = _whole(file, self._at, about.st_size)
            file.seek(self._at)
            part = _Part(file, end - self._at, self._hash)
            yield io.BufferedReader(part, _BLOCK)
            self._at, self.line = end - part.left, self.line + part.lines
            self._last = _tail(file, self._at)

    def _opened(self) -> BinaryIO:
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            msg = f"cannot be opened any more ({error.strerror})"
            raise self._changed(msg) from error

    def _require_same(self, file: BinaryIO, about: os.stat_result) -> None:
        if self._file is None:
            return
        if self._file != (about.st_dev, about.st_ino):
            msg = "is another file now: it was rotated"
            raise self._changed(msg)
        if about.st_size < self._at:
            words = f"was truncated to {about.st_size:,} bytes, and {self._at:,} were read"
            raise self._changed(words)
        if _tail(file, self._at) != self._last:
            msg = "was written anew"
            raise self._changed(msg)

    def mark(self) -> Mapping[str, Any]:
        """Read what was read once more; return its size and SHA-256.

        Raises
        ------
        SourceChangedError
            If it is no longer the same.
        """
        with self._opened() as file:
            about = os.fstat(file.fileno())
            self._require_same(file, about)
            again = hashlib.sha256()
            left = self._at
            file.seek(0)
            while left and (block := file.read(min(_BLOCK, left))):
                again.update(block)
                left -= len(block)
        if again.digest() != self._hash.digest():
            msg = "was written anew"
            raise self._changed(msg)
        return {
            "path": str(self.path),
            "bytes": self._at,
            "modified_ns": about.st_mtime_ns,
            "sha256": again.hexdigest(),
        }

    def _changed(self, how: str) -> SourceChangedError:
        msg = (
            f"{self.path} {how} while it was waited for, so what was counted is no longer "
            "there to be looked at; ask again, and keep the file until there is an answer"
        )
        return SourceChangedError(msg)


class _Part(io.RawIOBase):
    """So many bytes of a file from where it stands, hashed as they are read."""

    def __init__(self, file: BinaryIO, size: int, sha: Any) -> None:
        self._file: Any = file
        self._sha = sha
        self.left, self.lines = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:
        room = memoryview(into)[: self.left]
        n = int(self._file.readinto(room)) if self.left else 0
        self._sha.update(room[:n])
        self.lines += bytes(room[:n]).count(b"\n")
        self.left -= n
        return n


def _whole(file: BinaryIO, start: int, end: int) -> int:
    """Return where the last whole line between two places ends."""
    while end > start:
        first = max(start, end - _BLOCK)
        file.seek(first)
        found = file.read(end - first).rfind(b"\n")
        if found >= 0:
            return first + found + 1
        end = first
    return start


def _tail(file: BinaryIO, end: int) -> bytes:
    """Return the last bytes before a place."""
    file.seek(max(0, end - _KEPT))
    return file.read(min(_KEPT, end))
