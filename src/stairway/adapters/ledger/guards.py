"""The tables do what we made them for: nothing added to them, nothing switched off.

A trigger of somebody else may drop or change what is inserted, and the server calls it
committed all the same; one of ours that is switched off guards nothing; what a column says by
itself, or a child table adds, nobody recorded. So the triggers, rules, columns and kinds of our
tables are held against what ``schema.sql`` and ``archive.sql`` make.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from stairway.adapters.ledger.address import Address
from stairway.adapters.ledger.line import Link
from stairway.base.errors import DamagedLogError

_ROW, _BEFORE, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 8, 16, 32
"""Bits of ``pg_trigger.tgtype``."""

_FORWARD = _ROW | _BEFORE | _DELETE | _UPDATE
_TABLES: Final = """
    select relname, relkind = 'r' and not relrowsecurity,
        exists (select from pg_rewrite as r where r.ev_class = c.oid)
    from pg_class as c
    where relnamespace = 'stairway'::regnamespace and relkind in ('r', 'v', 'm', 'f', 'p')"""
_RELATED: Final = """
    select c.relname, i.inhparent = c.oid,
        (case when i.inhparent = c.oid then i.inhrelid else i.inhparent end)::regclass::text
    from pg_inherits as i join pg_class as c on c.oid in (i.inhparent, i.inhrelid)
    where c.relnamespace = 'stairway'::regnamespace and c.relkind = 'r'"""
_COLUMNS: Final = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        coalesce(pg_get_expr(d.adbin, d.adrelid), '')
            || a.attidentity::text || a.attgenerated::text
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'stairway'::regnamespace and c.relkind = 'r' and a.attnum > 0
        and not a.attisdropped"""
_TRIGGERS: Final = """
    select c.relname, t.tgname, p.proname, p.pronamespace = 'stairway'::regnamespace,
        t.tgtype::int, t.tgenabled::text, t.tgqual is null and t.tgattr::text = ''
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_proc as p on p.oid = t.tgfoid
    where c.relnamespace = 'stairway'::regnamespace and not t.tgisinternal"""
_UNLINKED: Final = """
    select c.relname, t.tgname from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
    where c.relnamespace = 'stairway'::regnamespace and t.tgisinternal
        and t.tgenabled not in ('O', 'A')"""
_BODIES: Final = """
    select proname, prosrc from pg_proc where pronamespace = 'stairway'::regnamespace"""
_BODY = re.compile(
    r"create (?:or replace )?function stairway\.(\w+)\(\)[^$]*\$\$(.*?)\$\$", re.DOTALL
)
_TABLE = re.compile(r"create table (?:if not exists )?stairway\.(\w+) \((.*?)\);\n", re.DOTALL)
_COLUMN = re.compile(r"(\w+) (text|bigint|bytea|uuid)\b([^,\n]*)")


class Column(NamedTuple):
    """What a column has to be; ``default`` is empty where it says nothing by itself."""

    kind: str
    is_needed: bool
    default: str


class Guard(NamedTuple):
    """A trigger of ours, and the modes in which it guards."""

    function: str
    kind: int
    modes: str = "OA"


_GUARDS: Final = {
    ("event", "keep_events"): Guard(
        "keep_events", _BEFORE | _DELETE | _UPDATE | _TRUNCATE, "A"
    ),
    ("stream", "only_forward"): Guard("head_forward", _FORWARD),
    ("stream", "keep_heads"): Guard("keep_events", _BEFORE | _TRUNCATE),
    ("log", "only_forward"): Guard("log_forward", _FORWARD),
    ("log", "keep_logs"): Guard("keep_events", _BEFORE | _TRUNCATE),
}
_GUARDS_OF_ARCHIVES: Final = {
    ("event", "only_archived"): Guard("only_archived", _DELETE, "A"),
    ("archived", "only_forward"): Guard("head_forward", _FORWARD),
    ("archived", "keep_marks"): Guard("keep_events", _BEFORE | _TRUNCATE),
}


def require_guards(address: Address, link: Link, *, has_archive: bool) -> None:
    """Refuse tables to which something was added, or whose guards are not at work.

    Parameters
    ----------
    has_archive
        Whether ``archive.sql`` was run: format 1 has none of what it makes.

    Raises
    ------
    DamagedLogError
        Naming the table, what is wrong with it, and what its owner can do.
    """
    for cause in (
        *_of_tables(link), *_of_columns(link, has_archive=has_archive),
        *_of_triggers(link, has_archive=has_archive), *_of_functions(link),
    ):  # fmt: skip
        msg = (
            f"{address}: {cause}. What was appended since may be missing or changed, though "
            "the server called it committed: let the owner of the tables put this right "
            "(src/stairway/adapters/ledger/schema.sql and archive.sql say how they are made), "
            "then run `stairway log verify URL`"
        )
        raise DamagedLogError(msg)


def _of_tables(link: Link) -> list[str]:
    found = link.execute(_TABLES).fetchall()
    causes = [
        f"stairway.{name} " + ("has a rule" if is_plain else "is no plain table")
        for name, is_plain, has_rules in sorted(found)
        if not is_plain or has_rules
    ]
    for name, is_parent, other in sorted(link.execute(_RELATED).fetchall()):
        how = "has a child table" if is_parent else "is a child of the table"
        causes.append(f"stairway.{name} {how} {other!r} that Stairway did not make")
    return causes


def _of_columns(link: Link, *, has_archive: bool) -> list[str]:
    wanted = dict(_columns())
    if not has_archive:
        wanted = {place: one for place, one in wanted.items() if place[0] != "archived"}
    tables = {table for table, _ in wanted}
    causes: list[str] = []
    for table, name, *found in sorted(link.execute(_COLUMNS).fetchall()):
        ours = wanted.pop((table, name), None)
        where, one = f"stairway.{table} has a column {name!r}", Column(*found)
        if ours is None and table in tables:
            causes.append(f"{where} that Stairway did not make")
        elif ours is not None and ours != one:
            what = "type" if ours[:2] != one[:2] else "default"
            causes.append(f"{where} whose {what} is not as Stairway made it")
    causes += [f"stairway.{table} lacks its column {name!r}" for table, name in sorted(wanted)]
    return causes


def _of_triggers(link: Link, *, has_archive: bool) -> list[str]:
    wanted = _GUARDS | (_GUARDS_OF_ARCHIVES if has_archive else {})
    causes: list[str] = []
    for table, name, function, is_ours, kind, mode, is_plain in link.execute(_TRIGGERS):
        guard = wanted.pop((table, name), None)
        where = f"stairway.{table} has a trigger {name!r}"
        if guard is None:
            causes.append(f"{where} that Stairway did not make")
        elif (function, kind) != guard[:2] or not (is_ours and is_plain):
            causes.append(f"{where} that is not as Stairway made it")
        elif mode not in guard.modes:
            causes.append(f"{where} that is switched off")
    causes += [f"stairway.{table} lacks its trigger {name!r}" for table, name in wanted]
    causes += [
        f"stairway.{table} has a constraint that is switched off ({name})"
        for table, name in link.execute(_UNLINKED)
    ]
    return causes


def _of_functions(link: Link) -> list[str]:
    return [
        f"the function stairway.{name} is not as Stairway made it"
        for name, body in link.execute(_BODIES)
        if name in _bodies() and body.split() != _bodies()[name]
    ]


@cache
def _bodies() -> dict[str, list[str]]:
    return {name: body.split() for name, body in _BODY.findall(_script())}


@cache
def _columns() -> dict[tuple[str, str], Column]:
    found: dict[tuple[str, str], Column] = {}
    for table, body in _TABLE.findall(_script()):
        for name, kind, rest in _COLUMN.findall(body):
            needed = "not null" in rest or f"{name} {kind} primary key" in body
            default = rest.partition("default ")[2].partition(" ")[0]
            found[table, name] = Column(kind, needed, default)
    return found


@cache
def _script() -> str:
    folder = files("stairway.adapters.ledger")
    return "".join(
        folder.joinpath(name).read_text("utf-8") for name in ("schema.sql", "archive.sql")
    )
