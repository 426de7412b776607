"""A stretch of a stream that has left the database for a Parquet file.

The file can be read by anything that reads Parquet: ``stream``, ``position``,
``recorded_ns`` (UTC), ``hash`` and ``payload`` (the bytes of the fact). Its SHA-256 is kept
in the index of the archive and looked at before the file is parsed, so what is parsed is
what was written.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

import msgspec
import polars as pl

from stairway.adapters.journal.failures import damaged
from stairway.adapters.journal.files import replace, require_plain
from stairway.base.hashing import digest
from stairway.events.envelope import Envelope, Head, chain

_SCHEMA = {
    "stream": pl.String,
    "position": pl.Int64,
    "recorded_ns": pl.Int64,
    "hash": pl.String,
    "payload": pl.Binary,
}


class Segment(msgspec.Struct, frozen=True):
    """Where a stretch lies, and what it has to be."""

    stream: str
    first: int
    before: str
    """Hash of the event ahead of the first."""

    last: int
    hash: str
    """Hash of the last."""

    last_ns: int
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """File, below the archive's folder; its order is the order of the events.

        Examples
        --------
        >>> Segment("fill", 1, "", 70, "", 0, 0, "").name
        'fill/000000000001-000000000070.parquet'
        """
        return f"{self.stream}/{self.first:012d}-{self.last:012d}.parquet"


def write_segment(folder: Path, before: Head, events: Sequence[Envelope]) -> Segment:
    """Write ``events``, which follow ``before``, to a file; read it back before returning.

    Raises
    ------
    OSError
        If it cannot be written. No file of that name is left then.
    DamagedLogError
        If the disk hands back something else.
    """
    columns = [[getattr(event, name) for event in events] for name in _SCHEMA]
    file = io.BytesIO()
    pl.DataFrame(dict(zip(_SCHEMA, columns, strict=True)), _SCHEMA).write_parquet(
        file, compression="zstd"
    )
    content = file.getvalue()
    last = events[-1]
    segment = Segment(
        stream=last.stream,
        first=events[0].position,
        before=before.hash,
        last=last.position,
        hash=last.hash,
        last_ns=last.recorded_ns,
        size_bytes=len(content),
        sha256=digest(content),
    )
    path = folder / segment.name
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, content)
    for again, event in zip(read_segment(folder, segment), events, strict=True):
        if again != event:
            cause = "the file reads otherwise"
            raise damaged(path, event.stream, event.position, cause, folder.parent)
    return segment


def read_segment(
    folder: Path, segment: Segment, address: str | None = None
) -> Iterator[Envelope]:
    """Yield the events of ``segment``, each checked against the one before it.

    ``address`` is that of the log where a server keeps it; errors tell.

    Raises
    ------
    DamagedLogError
        If the file is missing, or is not the one that was written.
    """
    path, log = folder / segment.name, address or folder.parent
    content = content_of(folder, segment, address)
    previous = Head(segment.first - 1, segment.before)
    for stream, position, recorded_ns, found, payload in pl.read_parquet(content).iter_rows():
        linked = chain(previous.hash, stream, previous.position + 1, payload)
        if (stream, position, found) != (segment.stream, previous.position + 1, linked):
            cause = "it does not follow from the one before"
            raise damaged(path, segment.stream, previous.position + 1, cause, log)
        previous = Head(position, found)
        yield Envelope(stream, position, payload, found, recorded_ns)
    if previous != Head(segment.last, segment.hash):
        cause = "the file ends too early"
        raise damaged(path, segment.stream, previous.position + 1, cause, log)


def content_of(folder: Path, segment: Segment, address: str | None = None) -> bytes:
    """Return the file of ``segment`` as it was written.

    Raises
    ------
    DamagedLogError
        If it is missing, or is not the one that was written.
    """
    with _opened(folder, segment, address) as file:
        content = file.read()
    _require_hash(digest(content), folder, segment, address)
    return content


def require_content(folder: Path, segment: Segment, address: str | None = None) -> None:
    """Refuse what ``content_of`` refuses, and hold none of it in memory.

    Raises
    ------
    DamagedLogError
        If the file is missing, or is not the one that was written.
    """
    with _opened(folder, segment, address) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    _require_hash(found, folder, segment, address)


def _opened(folder: Path, segment: Segment, address: str | None) -> BufferedReader:
    path = folder / segment.name
    require_plain([path], folder.parent)
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        cause = "this part of the archive is missing"
        raise damaged(
            path, segment.stream, segment.first, cause, address or folder.parent
        ) from error


def _require_hash(found: str, folder: Path, segment: Segment, address: str | None) -> None:
    if found != segment.sha256:
        cause = "this part of the archive is not what was written"
        path, log = folder / segment.name, address or folder.parent
        raise damaged(path, segment.stream, segment.first, cause, log)
