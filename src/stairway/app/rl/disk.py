"""A training run on disk: what the school hands over is written down, and read back whole."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from numpy.typing import NDArray

from stairway.app.rl.folder import (
    RESTORE,
    RlFolder,
    cycle_name,
    forget_old,
    newest,
    read_newest,
    rollout_name,
    way_out,
    write_checkpoint,
)
from stairway.base.errors import DataError, StairwayError
from stairway.training.checkpoint import Checkpoint, Mark
from stairway.training.cycle import Phase, State
from stairway.training.journal import Frozen, SeedCycle
from stairway.training.keeping import Midway, Saved
from stairway.training.measured import Rollout
from stairway.training.pupil_state import Good, PutDown

Notes = TypeVar("Notes")

_ALL = -1
"""Stands for the seed in the mark of a checkpoint of all of them. No seed is below 0."""

_WITHOUT = "remove {0}.json, and --resume takes the seed up from what is before that"
"""The way out where no checkpoint of a seed inside a cycle is good: the run's own is."""


class _SeedNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notes: dict[str, Any]
    adam_steps: Annotated[int, Meta(ge=0)]


class _RunNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    machine: State
    seeds: dict[int, _SeedNotes]
    rollouts: tuple[Rollout, ...]
    seed_cycles: tuple[SeedCycle, ...]
    asked: dict[str, Any] = {}


class _MidwayNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notes: dict[str, Any]
    rollouts: tuple[Rollout, ...]


class Disk:
    """A keeper that writes into a run's folder. Seeds write into folders of their own.

    Parameters
    ----------
    asked
        What decides the run (:mod:`stairway.app.rl.asked`), kept for who takes it up; not
        needed to read.
    """

    def __init__(
        self, folder: RlFolder, identity: Frozen, asked: dict[str, Any] | None = None
    ) -> None:
        self._folder, self._identity, self._asked = folder, identity, asked or {}

    def midway(self, midway: Midway) -> None:
        """Keep one seed inside a cycle."""
        at, count = self._folder.seed(midway.seed), len(midway.rollouts)
        mark = Mark(midway.seed, midway.cycle, count, midway.rollouts[-1].steps)
        notes = _MidwayNotes(midway.put_down.notes, midway.rollouts)
        checkpoint = Checkpoint(
            mark, self._identity, midway.put_down.tensors, msgspec.to_builtins(notes)
        )
        written = at / rollout_name(midway.cycle, count)
        write_checkpoint(written, checkpoint)
        forget_old(written)

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
            asked=self._asked,
        )
        steps = max((r.steps for r in saved.rollouts), default=0)
        mark = Mark(_ALL, index, 0, steps)
        checkpoint = Checkpoint(mark, self._identity, tensors, msgspec.to_builtins(notes))
        written = self._folder.cycles / cycle_name(index)
        write_checkpoint(written, checkpoint)
        forget_old(written)

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
        with self.blaming():
            saved = _saved(found)
        if saved.machine.phase is Phase.DONE:
            return saved, {}
        midways = (self._midway(seed, saved.machine.cycle) for seed in saved.pupils)
        return saved, {midway.seed: midway for midway in midways if midway is not None}

    @contextmanager
    def blaming(self, midway: Midway | None = None) -> Generator[None]:
        """Name the checkpoint that the run, or a seed inside its cycle, is taken up from.

        Raises
        ------
        DataError
            For whatever is wrong with it, and what to do: one that was sealed anew after it
            was changed can hold anything.
        """
        try:
            yield
        except (MemoryError, OSError):
            # Of the machine, whatever the checkpoint holds.
            raise
        except Exception as error:
            paths, without = newest(self._folder.cycles, ""), RESTORE
            if midway is not None:
                at = self._folder.seed(midway.seed)
                paths, without = newest(at, cycle_name(midway.cycle)), _WITHOUT
            why = str(error) if isinstance(error, StairwayError) else repr(error)
            msg = (
                f"{paths[0]}.json holds what no run can go on from: {why}; "
                f"{way_out(paths, self._identity, without)}"
            )
            raise DataError(msg) from error

    def _midway(self, seed: int, cycle: int) -> Midway | None:
        # Those of an earlier cycle are behind, and there are none of a later one.
        paths = newest(self._folder.seed(seed), cycle_name(cycle))
        found = read_newest(paths, self._identity, _WITHOUT)
        if found is None:
            return None
        named = rollout_name(cycle, found.mark.rollout)
        _require_place(found.mark, seed, paths[0], named)
        midway = Midway(seed, cycle, PutDown(dict(found.tensors), {}), ())
        with self.blaming(midway):
            notes = _notes(found, _MidwayNotes)
            steps = max((one.steps for one in notes.rollouts), default=0)
            _require_mark(found.mark, Mark(seed, cycle, len(notes.rollouts), steps))
        put_down = midway.put_down._replace(notes=notes.notes)
        return midway._replace(put_down=put_down, rollouts=notes.rollouts)


def _saved(found: Checkpoint) -> Saved:
    notes = _notes(found, _RunNotes)
    steps = max((one.steps for one in notes.rollouts), default=0)
    _require_mark(found.mark, Mark(_ALL, len(notes.machine.reports) + 1, 0, steps))
    return Saved(
        machine=notes.machine,
        pupils={s: PutDown(_of(found, s, "now"), n.notes) for s, n in notes.seeds.items()},
        goods={s: Good(_of(found, s, "good"), n.adam_steps) for s, n in notes.seeds.items()},
        rollouts=notes.rollouts,
        seed_cycles=notes.seed_cycles,
    )


def _require_mark(said: Mark, wanted: Mark) -> None:
    if said != wanted:
        msg = f"it says that it was made at {said}, and what it holds was left at {wanted}"
        raise DataError(msg)


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
