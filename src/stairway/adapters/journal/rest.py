"""Whether a database lies at rest: SQLite may be told so, and has to be told otherwise.

On a medium that cannot be written to, SQLite can read a file only if it is told that nobody
changes it; it then takes no lock and looks at no write-ahead log. Yet where the medium is only
shown read-only here, a writer may come at any time. He fills a write-ahead log before he
changes anything, and what he leaves has another size or time. So whoever was told that a file
is at rest looks after each answer whether that was so.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Rest(NamedTuple):
    """What a database looks like that nobody writes to."""

    inode: int
    size_bytes: int
    changed_ns: int


def rest_of(path: Path) -> Rest | None:
    """Look at the database at ``path``; ``None`` where it is not at rest, or is not there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "durable.db"
    ...     _ = path.write_bytes(b"whole")
    ...     before = rest_of(path)
    ...     _ = path.with_name("durable.db-wal").write_bytes(b"more")
    ...     before.size_bytes, rest_of(path)
    (5, None)
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    try:
        # Looked at last: he who fills one changes the database only afterwards. One that holds
        # nothing is left by whoever only looked.
        if path.with_name(f"{path.name}-wal").stat().st_size > 0:
            return None
    except FileNotFoundError:
        pass
    return Rest(found.st_ino, found.st_size, found.st_mtime_ns)
