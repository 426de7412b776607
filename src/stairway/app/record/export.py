"""Carry a log away: every event, decoded, as JSON lines or as Parquet.

Of a damaged log, what is still whole: the answer then says where it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import polars as pl

from stairway.adapters.journal.files import sync_folder
from stairway.adapters.journal.salvage import Salvage, SalvageElsewhere
from stairway.app.progress import Stages
from stairway.app.record.entries import UNREADABLE, entry, streams_named
from stairway.app.record.place import Place, opened
from stairway.base.errors import ConfigError
from stairway.events.envelope import Envelope
from stairway.events.fold import in_order

FORMATS = (".jsonl", ".parquet")
_EVERY = 4_096


class Exported(msgspec.Struct, frozen=True):
    """What was carried away.

    Attributes
    ----------
    complaints
        What is not in the file, since the log is damaged there, or is in it undecoded, since
        it is no fact that this version knows.
    """

    log: str
    file: str
    events: int
    size_bytes: int
    complaints: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where everything was carried away, 2 where the log is damaged."""
        return 2 if self.complaints else 0

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a line."""
        whole = f"{self.file}: {self.events} events, {self.size_bytes / 1e6:.1f} MB\n"
        lost = "".join(f"  {complaint}\n" for complaint in self.complaints)
        return whole + (f"DAMAGED, the file holds what is whole:\n{lost}" if lost else "")


def export(place: Place, to: Path, streams: Sequence[str], progress: Stages) -> Exported:
    """Write the events of ``streams`` (all where none is named) to ``to``, as recorded.

    The file appears whole or not at all.

    Raises
    ------
    ConfigError
        If ``to`` exists, or its name ends in no known format.
    DamagedLogError
        If a log elsewhere cannot even be opened. No file is left then.
    """
    if to.suffix not in FORMATS:
        msg = f"{to} is neither JSON lines nor Parquet: end the name in {' or '.join(FORMATS)}"
        raise ConfigError(msg)
    if to.exists():
        msg = f"{to} exists already: give another name, or move it away"
        raise ConfigError(msg)
    if not to.parent.is_dir():
        msg = f"there is no folder {to.parent}: make it first"
        raise ConfigError(msg)
    with closing(_source(place)) as log, TemporaryDirectory(dir=to.parent, prefix=".") as room:
        wanted = streams_named(log, streams)
        progress.begin("exporting", sum(log.head(stream).position for stream in wanted))
        lines = Path(room) / "events.jsonl"
        count, unknown = _write(lines, in_order(log, wanted), to.suffix, progress)
        whole = lines
        if to.suffix == ".parquet":
            whole = lines.with_suffix(".parquet")
            _to_parquet(lines, whole, count)
        _sync(whole)
        _put(whole, to)
    lost = tuple(dict.fromkeys([*log.complaints, *unknown]))
    return Exported(str(place), str(to), count, to.stat().st_size, lost)


def _write(
    lines: Path, events: Iterable[Envelope], ending: str, progress: Stages
) -> tuple[int, list[str]]:
    """Write events decoded; return how many, and which of them are no facts we know."""
    count = 0
    unknown: list[str] = []
    with lines.open("wb") as file:
        for count, envelope in enumerate(events, 1):
            said = entry(envelope)
            fact = said.fact
            if said.kind == UNREADABLE:
                where = f"stream {said.stream!r}, position {said.position}"
                unknown.append(f"{where}: the file has its bytes, but {fact['why']}")
            if ending == ".parquet":
                fact = msgspec.json.encode(fact).decode()
            line = msgspec.structs.replace(said, fact=fact).as_json()
            file.write(line.encode() + b"\n")
            if count % _EVERY == 0:
                progress.advance(count)
    return count, unknown


def _source(place: Place) -> Salvage | SalvageElsewhere:
    if place.folder is None:
        return SalvageElsewhere(opened(place))
    return Salvage(place.folder)


_COLUMNS = {
    "stream": pl.String, "position": pl.Int64, "recorded": pl.String,
    "recorded_ns": pl.Int64, "kind": pl.String, "fact": pl.String, "hash": pl.String,
}  # fmt: skip


def _to_parquet(lines: Path, to: Path, count: int) -> None:
    """Turn lines into columns without ever holding all of them."""
    if count == 0:
        pl.DataFrame(schema=_COLUMNS).write_parquet(to)
    else:
        pl.scan_ndjson(lines, schema=_COLUMNS).sink_parquet(to)


def _put(whole: Path, to: Path) -> None:
    """Let the file appear under its name, unless something else has appeared there."""
    try:
        to.hardlink_to(whole)
    except FileExistsError:
        msg = f"{to} has appeared meanwhile and was left alone: give another name"
        raise ConfigError(msg) from None
    sync_folder(to.parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
