"""What a run was begun with, as its checkpoints keep it, beside what ``practice.json`` says.

A hash tells that two settings differ, and not in what. So every checkpoint of the whole run
holds what was asked for, and a run that is taken up after ``practice.json`` was edited is
refused with the key, what it says now and what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import msgspec

from stairway.app.plain_file import read_plain
from stairway.app.rl.ask import Ask
from stairway.app.rl.folder import RlFolder, newest
from stairway.app.rl.rules import shown
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse
from stairway.trader.observe import WatchRules
from stairway.training.checkpoint import read_record
from stairway.training.practice_rules import PracticeRules

NAME = "asked"
"""Under which it stands in the notes of a checkpoint."""

_MOST = 3
"""Differences that are named in one sentence."""

_NOTHING: Any = object()


def told(ask: Ask, rules: PracticeRules, watch: WatchRules) -> dict[str, Any]:
    """Say what decides a run, as JSON can say it.

    Where references are kept, where figures are sent and other parts of the policy decide
    nothing here, and may change between two starts.
    """
    whole = {
        "source": ask.source,
        "policy_name": ask.policy_name,
        "seeds": ask.seeds,
        "instruments": ask.instruments,
        "practice": rules,
        "policy": watch,
    }
    return msgspec.json.decode(msgspec.json.encode(whole))


def require_same(folder: RlFolder, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a run that was begun with something else.

    A checkpoint that cannot be read is left to whoever takes the run up from it.

    Raises
    ------
    DataError
        Naming what differs, what it is now and what it was.
    """
    for path in newest(folder.cycles, "")[:1]:
        begun = _begun_with(path)
        if begun is None:
            continue
        wrong = [*_differences(asked, begun)]
        if wrong:
            more = f", and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
            msg = (
                f"{folder.ask} was changed since the run was begun, as {path}.json keeps it: "
                f"{', '.join(wrong[:_MOST])}{more}; put it back, or start a new run"
            )
            raise DataError(msg)


def _begun_with(path: Path) -> Any:
    try:
        record = read_record(read_plain(path.with_suffix(".json")))
    except OSError:
        return None
    return None if isinstance(record, Refuse) else record.notes.get(NAME)


def _differences(now: Any, was: Any, at: str = "") -> Iterator[str]:
    if now == was:
        return
    parts = _parts(now, was)
    if not parts:
        yield f"{at} is {_value(now)} and was {_value(was)}"
    for key, is_now, was_then in parts:
        yield from _differences(is_now, was_then, f"{at}.{key}" if at else str(key))


def _parts(now: Any, was: Any) -> list[tuple[Any, Any, Any]]:
    """Take tables apart by their keys, and lists that cannot be shown whole by their places."""
    if isinstance(now, list) and isinstance(was, list):
        is_now, was_then = cast("list[Any]", now), cast("list[Any]", was)
        if _is_short(is_now) and _is_short(was_then):
            return []
        pairs = zip_longest(is_now, was_then, fillvalue=_NOTHING)
        return [(place, *pair) for place, pair in enumerate(pairs)]
    table, other = _table(now), _table(was)
    if table is None or other is None:
        return []
    keys = sorted(table.keys() | other.keys())
    return [(key, table.get(key, _NOTHING), other.get(key, _NOTHING)) for key in keys]


def _table(found: Any) -> Mapping[str, Any] | None:
    if found is _NOTHING:
        return {}
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else None


def _is_short(found: list[Any]) -> bool:
    return shown(found) == repr(found) and not any(isinstance(one, Mapping) for one in found)


def _value(found: Any) -> str:
    return "nothing" if found is _NOTHING else shown(found)
