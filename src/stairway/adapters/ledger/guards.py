"""The tables do what we made them for: nothing added to them, nothing switched off.

A trigger of somebody else may drop or change what is inserted, and the server calls it
committed all the same; one of ours that is switched off guards nothing. So the triggers,
rules and kinds of our tables are held against what ``schema.sql`` and ``archive.sql`` make.
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
        *_of_tables(link), *_of_triggers(link, has_archive=has_archive), *_of_functions(link)
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
    return [
        f"stairway.{name} " + ("has a rule" if is_plain else "is no plain table")
        for name, is_plain, has_rules in sorted(found)
        if not is_plain or has_rules
    ]


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
    folder = files("stairway.adapters.ledger")
    text = "".join(
        folder.joinpath(name).read_text("utf-8") for name in ("schema.sql", "archive.sql")
    )
    return {name: body.split() for name, body in _BODY.findall(text)}
