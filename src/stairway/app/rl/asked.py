"""What a run was begun with, as its checkpoints keep it, beside what ``practice.json`` says.

A hash tells that two settings differ, and not in what. So every checkpoint of the whole run
holds what was asked for, and a run that is taken up after ``practice.json`` was edited is
refused with the key, what it says now and what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def _differences(now: Mapping[str, Any], begun: Any) -> Iterator[str]:
    is_now, was = dict(_flat(now)), dict(_flat(begun))
    for key in sorted(is_now.keys() | was.keys()):
        if key not in was or key not in is_now or is_now[key] != was[key]:
            yield f"{key} is {_value(is_now, key)} and was {_value(was, key)}"


def _value(found: Mapping[str, Any], key: str) -> str:
    return shown(found[key]) if key in found else "nothing"


def _flat(found: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value inside of tables by its keys; what is no table is one value."""
    if not isinstance(found, Mapping) or not found:
        yield at, found
        return
    for key, value in cast("Mapping[str, Any]", found).items():
        yield from _flat(value, f"{at}.{key}" if at else str(key))
