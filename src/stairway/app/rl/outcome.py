"""What came of a training run: sealed when it is written, and doubted when it is read.

``result.json`` is plain text that people open, and its verdict is what they act on. So it
is believed only where it is what was written, where what it says of the cycles is what the
last checkpoint says of them, and what it says of what was asked for is what
``practice.json`` says: one that was edited has to agree with all three. The files of the
policy are bound to it (:mod:`stairway.app.rl.left`), and the weights in them to the
checkpoint (:mod:`stairway.app.rl.weights`).

The seal finds damage and carelessness. It is no signature: who may write the folder may
write a run.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stairway.app import folder as folders
from stairway.app.plain_file import read_plain
from stairway.app.rl.folder import RlFolder, newest
from stairway.app.rl.left import read_left
from stairway.app.rl.weights import require_kept
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse
from stairway.training.checkpoint import Record, read_record
from stairway.training.journal import (
    LAYOUT,
    CycleReport,
    PracticeResult,
    SeedCycle,
    is_accepted,
    last_kept,
    seal_of,
    sealed,
)
from stairway.training.measured import Rollout


class _Layout(msgspec.Struct, frozen=True):
    layout: int


class _Machine(msgspec.Struct, frozen=True):
    reports: tuple[CycleReport, ...]


class _Named(msgspec.Struct, frozen=True):
    symbol: str


class _Asked(msgspec.Struct, frozen=True):
    """What ``practice.json`` says that a result says too."""

    version: str
    source: str
    policy_name: str
    seeds: tuple[int, ...]
    instruments: tuple[_Named, _Named]


class _Kept(msgspec.Struct, frozen=True):
    """What a checkpoint of the whole run says that a result says too."""

    machine: _Machine
    rollouts: tuple[Rollout, ...]
    seed_cycles: tuple[SeedCycle, ...]


def write_result(folder: RlFolder, result: PracticeResult) -> PracticeResult:
    """Seal a result and keep it; return it as it will be read.

    Raises
    ------
    ConfigError
        If there is no room or no permission.
    """
    whole = sealed(result)
    folders.write_json(folder.result, whole)
    return whole


def read_result(folder: RlFolder) -> PracticeResult:
    """Read what came of a training run that is finished.

    Raises
    ------
    DataError
        If it is missing, damaged, of another layout, was changed since it was written, or
        says other things than the last checkpoint or ``practice.json``; or if a file of the
        policy is not the one that was left, or does not hold the weights that the
        checkpoint keeps.
    """
    again = f"remove it, and stairway train rl --resume {folder.root} writes it again"
    try:
        content = read_plain(folder.result)
        layout = msgspec.json.decode(content, type=_Layout).layout
        if layout != LAYOUT:
            msg = (
                f"{folder.result} was written by another version (layout {layout}, here "
                f"{LAYOUT}); read it with that version, or start a new run"
            )
            raise DataError(msg)
        result = msgspec.json.decode(content, type=PracticeResult)
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{folder.result} cannot be read ({error}); {again}"
        raise DataError(msg) from error
    if seal_of(result) != result.seal:
        msg = f"{folder.result} was changed after it was written: its seal differs; {again}"
        raise DataError(msg)
    for whose, pairs in (
        ("the last checkpoint", _both(folder, result)),
        (folder.ask.name, _asked_for(folder, result)),
    ):
        wrong = [name for name, said, kept in pairs if said != kept]
        if wrong:
            msg = (
                f"{folder.result} and {whose} say different things of {', '.join(wrong)}; "
                f"{again}"
            )
            raise DataError(msg)
    require_kept(folder, result, read_left(folder, result))
    return result


def _asked_for(folder: RlFolder, result: PracticeResult) -> tuple[tuple[str, Any, Any], ...]:
    """Lay what a result says beside what was asked for."""
    try:
        asked = msgspec.json.decode(read_plain(folder.ask), type=_Asked)
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{folder.ask} cannot be read ({error}); restore it, or start a new run"
        raise DataError(msg) from error
    return (
        ("version", result.version, asked.version),
        ("source", result.source, asked.source),
        ("policy_name", result.policy_name, asked.policy_name),
        ("seeds", result.seeds, asked.seeds),
        ("symbols", result.symbols, tuple(one.symbol for one in asked.instruments)),
    )


def _both(folder: RlFolder, result: PracticeResult) -> tuple[tuple[str, Any, Any], ...]:
    """Lay what a result says beside what the last checkpoint says."""
    record, kept = _last(folder)
    reports = kept.machine.reports
    chosen = last_kept(reports)
    return (
        ("frozen", result.frozen, record.identity),
        ("rollouts", result.rollouts, kept.rollouts),
        ("seed_cycles", result.seed_cycles, kept.seed_cycles),
        ("cycles", result.cycles, reports),
        ("outcome", result.outcome, reports[-1].outcome if reports else None),
        ("chosen_seed", result.chosen_seed, chosen.median_seed if chosen else None),
        ("accepted", result.accepted, is_accepted(reports)),
        ("finished", result.finished, True),
    )


def _last(folder: RlFolder) -> tuple[Record, _Kept]:
    paths = newest(folder.cycles, "")
    if not paths:
        msg = (
            f"{folder.result} cannot be held against a checkpoint, as there is none in "
            f"{folder.cycles}; restore them, or start a new run"
        )
        raise DataError(msg)
    path = paths[0].with_suffix(".json")
    try:
        record = read_record(read_plain(path))
        if not isinstance(record, Refuse):
            return record, msgspec.convert(record.notes, _Kept, strict=False)
        why = record.findings[0].detail
    except (OSError, msgspec.ValidationError) as error:
        why = str(error)
    msg = (
        f"{folder.result} cannot be held against {path}: {why}; restore that file, or start a "
        "new run"
    )
    raise DataError(msg)
