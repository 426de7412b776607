"""A training run on disk: what the school hands over is written down, and read back whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from numpy.typing import NDArray

from stairway.app.rl.folder import (
    RlFolder,
    cycle_name,
    forget_old,
    newest,
    read_newest,
    rollout_name,
    write_checkpoint,
)
from stairway.base.errors import DataError
from stairway.training.checkpoint import Checkpoint, Mark
from stairway.training.cycle import Phase, State
from stairway.training.journal import Frozen, SeedCycle
from stairway.training.keeping import Midway, Saved
from stairway.training.measured import Rollout
from stairway.training.pupil_state import Good, PutDown

Notes = TypeVar("Notes")

_ALL = -1
"""Stands for the seed in the mark of a checkpoint of all of them. No seed is below 0."""


class _SeedNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notes: dict[str, Any]
    adam_steps: int


class _RunNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    machine: State
    seeds: dict[int, _SeedNotes]
    rollouts: tuple[Rollout, ...]
    seed_cycles: tuple[SeedCycle, ...]


class _MidwayNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notes: dict[str, Any]
    rollouts: tuple[Rollout, ...]


class Disk:
    """A keeper that writes into a run's folder. Seeds write into folders of their own."""

    def __init__(self, folder: RlFolder, identity: Frozen) -> None:
        self._folder, self._identity = folder, identity

    def midway(self, midway: Midway) -> None:
        """Keep one seed inside a cycle."""
        at, count = self._folder.seed(midway.seed), len(midway.rollouts)
        mark = Mark(midway.seed, midway.cycle, count, midway.rollouts[-1].steps)
        notes = _MidwayNotes(midway.put_down.notes, midway.rollouts)
        checkpoint = Checkpoint(
            mark, self._identity, midway.put_down.tensors, msgspec.to_builtins(notes)
        )
        write_checkpoint(at / rollout_name(midway.cycle, count), checkpoint)
        forget_old(newest(at, ""))

    def cycle(self, saved: Saved) -> None:
        """Keep the whole run where a cycle begins."""
        index = len(saved.machine.reports) + 1
        tensors: dict[str, NDArray[Any]] = {}
        for seed in saved.pupils:
            tensors |= {f"{seed}/now/{n}": t for n, t in saved.pupils[seed].tensors.items()}
            tensors |= {f"{seed}/good/{n}": t for n, t in saved.goods[seed].tensors.items()}
        notes = _RunNotes(
            machine=saved.machine,
            seeds={
                seed: _SeedNotes(saved.pupils[seed].notes, saved.goods[seed].adam_steps)
                for seed in saved.pupils
            },
            rollouts=saved.rollouts,
            seed_cycles=saved.seed_cycles,
        )
        steps = max((r.steps for r in saved.rollouts), default=0)
        mark = Mark(_ALL, index, 0, steps)
        checkpoint = Checkpoint(mark, self._identity, tensors, msgspec.to_builtins(notes))
        write_checkpoint(self._folder.cycles / cycle_name(index), checkpoint)
        forget_old(newest(self._folder.cycles, ""))

    def read(self) -> tuple[Saved, Mapping[int, Midway]] | None:
        """Read where the run stands; ``None`` where it has not begun.

        Raises
        ------
        DataError
            If the newest checkpoint is damaged or of something else.
        """
        paths = newest(self._folder.cycles, "")
        found = read_newest(paths, self._identity)
        if found is None:
            return None
        _require_place(found.mark, _ALL, paths[0], cycle_name(found.mark.cycle))
        notes = _notes(found, _RunNotes)
        saved = Saved(
            machine=notes.machine,
            pupils={s: PutDown(_of(found, s, "now"), n.notes) for s, n in notes.seeds.items()},
            goods={
                s: Good(_of(found, s, "good"), n.adam_steps) for s, n in notes.seeds.items()
            },
            rollouts=notes.rollouts,
            seed_cycles=notes.seed_cycles,
        )
        if notes.machine.phase is Phase.DONE:
            return saved, {}
        midways = (self._midway(seed, notes.machine.cycle) for seed in notes.seeds)
        return saved, {midway.seed: midway for midway in midways if midway is not None}

    def _midway(self, seed: int, cycle: int) -> Midway | None:
        # Those of an earlier cycle are behind, and there are none of a later one.
        paths = newest(self._folder.seed(seed), cycle_name(cycle))
        found = read_newest(paths, self._identity)
        if found is None:
            return None
        named = rollout_name(cycle, found.mark.rollout)
        _require_place(found.mark, seed, paths[0], named)
        notes = _notes(found, _MidwayNotes)
        return Midway(seed, cycle, PutDown(dict(found.tensors), notes.notes), notes.rollouts)


def _require_place(mark: Mark, seed: int, path: Path, named: str) -> None:
    """Refuse a checkpoint that lies where another belongs, whole as it may be."""
    if (mark.seed, path.name) == (seed, named):
        return
    whose = "the whole run" if mark.seed == _ALL else f"seed {mark.seed}"
    msg = (
        f"{path}.json is a checkpoint of {whose}, cycle {mark.cycle}, roll-out {mark.rollout}, "
        "and lies in another one's place; put the right one back, or remove this one"
    )
    raise DataError(msg)


def _notes(found: Checkpoint, kind: type[Notes]) -> Notes:
    try:
        return msgspec.convert(found.notes, kind, strict=False)
    except msgspec.ValidationError as error:
        msg = f"the checkpoint of cycle {found.mark.cycle} holds other notes: {error}"
        raise DataError(msg) from error


def _of(found: Checkpoint, seed: int, what: str) -> dict[str, NDArray[Any]]:
    prefix = f"{seed}/{what}/"
    return {n.removeprefix(prefix): t for n, t in found.tensors.items() if n.startswith(prefix)}
