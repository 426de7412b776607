"""What a server has to be like to be trusted with a record, and where its tables come from."""

from __future__ import annotations

import hashlib
import threading
from importlib.resources import files
from typing import Final

from stairway.adapters.ledger.address import Address, Writers
from stairway.adapters.ledger.guards import require_guards
from stairway.adapters.ledger.line import Link
from stairway.base.errors import ConfigError, NoLogError

FORMAT = "2"
READABLE = ("1", "2")
"""Format 1 has no marks of what was archived, and is the same otherwise."""

SERVER_FLOOR = 140_000
"""PostgreSQL 14: the oldest that is still maintained."""

_WHY = {
    Writers.ONE: "a log has one writer",
    Writers.MANY: "a log has writers that share it, and that one does not",
}
_CLAIMS, _PAUSE_S = 15, 0.02
"""A server takes a moment to notice that a writer was killed."""
_LAYING_OUT = 0x57A1_4A77
_ASK: Final = """
    select current_setting('server_version_num')::int, pg_is_in_recovery(),
        current_setting('server_encoding'), current_setting('fsync'),
        current_setting('full_page_writes'), current_setting('synchronous_commit'),
        exists (select from pg_tables where schemaname = 'stairway' and tablename = 'about')"""
_LAID_OUT: Final = """
    select 1 from pg_tables where schemaname = 'stairway' and tablename = 'about'"""
_FORMAT: Final = "select value from stairway.about where name = 'format'"
_KNOWN: Final = "select 1 from stairway.log where name = %s"
_MAKE: Final = "insert into stairway.log (name) values (%s) on conflict do nothing"
_HOLDER: Final = """
    select pid from pg_locks where locktype = 'advisory' and granted
        and classid = %s and objid = %s and pid <> pg_backend_pid() limit 1"""


def require_safe(address: Address, link: Link, *, read_only: bool) -> None:
    """Refuse a server that could lose what it called committed; make missing tables.

    A connection that only reads is told how long a question may take (``query_ms``).

    Raises
    ------
    ConfigError
        Saying which setting it is, and what it has to be.
    DamagedLogError
        If the tables are not as they were made.
    """
    found = link.execute(_ASK).fetchone() or (0, False, "", "", "", "", False)
    version, standby, encoding, fsync, full_pages, commits, laid_out = found
    wrong = {
        f"PostgreSQL {version // 10_000} is too old: use 14 or later": version < SERVER_FLOOR,
        f"its encoding is {encoding}: make the database with encoding 'UTF8'": encoding
        != "UTF8",
    }
    if not read_only:
        wrong |= {
            "it is a standby, which cannot be written: name its primary": standby,
            f"fsync = {fsync} loses acknowledged events: set it to on": fsync != "on",
            f"full_page_writes = {full_pages} corrupts pages in a power cut: set it to on": (
                full_pages != "on"
            ),
            f"synchronous_commit = {commits} loses acknowledged events: set it to on": (
                commits == "off"
            ),
        }
    for cause, is_so in wrong.items():
        if is_so:
            msg = f"{address} is not safe to use: {cause}"
            raise ConfigError(msg)
    if read_only:
        link.execute(
            "select set_config('statement_timeout', %s, false)", (str(address.query_ms),)
        )
    if laid_out:
        _require_format(address, link)
    elif not read_only:
        lay_out(link)


def _require_format(address: Address, link: Link) -> None:
    found = format_of(link)
    if found not in READABLE:
        msg = (
            f"{address} was written in format {found!r}, and this version of Stairway reads "
            f"formats {' and '.join(map(repr, READABLE))}: use the version that wrote it"
        )
        raise ConfigError(msg)
    require_guards(address, link, has_archive=found == FORMAT)


def format_of(link: Link) -> str | None:
    """Return the format of the tables; ``None`` where they do not say."""
    row = link.execute(_FORMAT).fetchone()
    return None if row is None else str(row[0])


def lay_out(link: Link) -> None:
    """Make the tables, all or none, unless somebody made them meanwhile."""
    with link.transaction():
        link.execute("select pg_advisory_xact_lock(%s)", (_LAYING_OUT,))
        # Asked of the table of tables: a cache may not have heard of them yet.
        row = link.execute(_LAID_OUT).fetchone()
        if row is None:
            for name in ("schema.sql", "archive.sql"):
                script = files("stairway.adapters.ledger").joinpath(name)
                link.execute(script.read_bytes())


def claim(address: Address, link: Link) -> None:
    """Make the log where there is none, and take the right to write to it.

    The right is the session's: the server takes it back from the dead. One writer has it
    alone; many share it.

    Raises
    ------
    ConfigError
        If somebody has it who does not share it.
    """
    link.execute(_MAKE, (address.log,))
    key = _key(address.log)
    for _ in range(_CLAIMS):
        if _is_taken(address, link, key):
            return
        threading.Event().wait(_PAUSE_S)
    raise _held(address, link, key)


def _is_taken(address: Address, link: Link, key: int) -> bool:
    if address.writers is Writers.ONE:
        row = link.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone()
    else:
        row = link.execute("select pg_try_advisory_lock_shared(%s)", (key,)).fetchone()
    return row is not None and row[0] is True


def release(link: Link) -> None:
    """Give the right back at once; the server would notice a moment after we are gone."""
    link.execute("select pg_advisory_unlock_all()")


def _held(address: Address, link: Link, key: int) -> ConfigError:
    halves = ((key >> 32) & 0xFFFF_FFFF, key & 0xFFFF_FFFF)
    holder = link.execute(_HOLDER, halves).fetchone()
    who = holder[0] if holder else "unknown"
    return ConfigError(
        f"{address} is being written by server process {who}; opened with "
        f"writers={address.writers.value}, {_WHY[address.writers]}: stop that writer, or "
        "open the log with read_only=True"
    )


def require_there(address: Address, link: Link) -> None:
    """Refuse to read a log that nobody made."""
    laid_out = link.execute(_LAID_OUT).fetchone() is not None
    if not laid_out or link.execute(_KNOWN, (address.log,)).fetchone() is None:
        msg = f"there is no log: {address} was never written; check its name"
        raise NoLogError(msg)


def _key(log: str) -> int:
    """Give each log a lock of its own among all advisory locks of the database."""
    seal = hashlib.sha256(f"stairway.log/{log}".encode()).digest()
    return int.from_bytes(seal[:8], "big", signed=True)
