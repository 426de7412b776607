"""JSON lines, plain or compressed (``.gz``, ``.zst``): one event to a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stairway.adapters.records.files import RecordFile, naming, nothing_in
from stairway.adapters.records.growing import Growing
from stairway.adapters.records.lines import blocks_in, blocks_of
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Documents


def open_feed(uri: str, opening: Opening) -> JsonLines:
    """Open the file at ``uri``, a path.

    Raises
    ------
    ConfigError
        If it is not there or may not be read.
    DataError
        If it is empty.
    """
    del opening  # a line is a record: there is nothing to say about that
    return JsonLines(Path(uri))


class JsonLines(RecordFile):
    """The :class:`~stairway.supervision.ports.Feed` of one file of JSON lines."""

    def head(self, rows: int) -> Documents:
        """Return the first lines."""
        for chunk in self.chunks(rows):
            return chunk
        raise nothing_in(str(self.path))

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Documents]:
        """Yield lines; each is kept whole, whatever is wanted of it."""
        del only
        with naming(str(self.path)):
            yield from blocks_of(self.path, rows)

    def more(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Documents] | None:
        """Yield the whole lines that came since; a packed file is written anew."""
        del only
        growing = self.news()
        return None if growing is None else self._news(growing, rows)

    def _news(self, growing: Growing, rows: int) -> Iterator[Documents]:
        with naming(str(self.path)), growing.news() as lines:
            yield from blocks_in(lines, rows, str(self.path), growing.line)

    def size(self) -> int | None:
        """Nobody knows without reading it."""
        return None
