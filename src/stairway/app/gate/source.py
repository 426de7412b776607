"""Which feed reads a source: by the scheme of its URL, or by what its name ends in."""

from __future__ import annotations

from pathlib import Path

from stairway.app import plugins
from stairway.app.gate.asked import shown_source
from stairway.base.errors import ConfigError
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Feed

_ALSO = {"rediss": "redis", "file": ""}
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".db": "sqlite",
}
_PACKED = (".gz", ".zst")
_FILES = frozenset({"csv", "jsonl", "parquet", "sqlite"})


def opened(source: str, opening: Opening) -> Feed:
    """Open a source to read it; ``opening`` says how a file of text is cut into values.

    Raises
    ------
    ConfigError
        If nothing reads such a source, or it cannot be opened.
    """
    name = kind(source)
    scheme, colon, rest = source.partition(":")
    is_path = colon and scheme in {name, "file"} and name in _FILES
    where = rest.removeprefix("//") if is_path else source
    return plugins.load("feeds", name).open_feed(where, opening)


def kind(source: str) -> str:
    """Name the feed that reads a source.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> kind("redis://localhost/0?stream=a"), kind("bot.jsonl.gz"), kind("-")
    ('redis', 'jsonl', 'stdin')
    """
    if source == "-":
        return "stdin"
    scheme, colon, rest = source.partition(":")
    scheme = _ALSO.get(scheme, scheme)
    if colon and scheme in plugins.names("feeds"):
        return scheme
    if "://" in source and scheme:
        raise ConfigError(_unknown(source))
    path = Path(rest if colon and not scheme else source)
    if source and path.is_dir():
        return "sqlite"
    name = path.name
    for packed in _PACKED:
        name = name.removesuffix(packed)
    found = _ENDINGS.get(Path(name).suffix.lower())
    if found is None:
        raise ConfigError(_unknown(source))
    return found


def _unknown(source: str) -> str:
    return (
        f"nothing here reads {shown_source(source)!r}; give redis://HOST:PORT/DB?stream=KEY, "
        "the folder of a run, a .jsonl, .csv or .parquet file, or - for standard input"
    )
