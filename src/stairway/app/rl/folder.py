"""The folder of a training run: what lies where, and how a run is taken up from it.

::

    runs/NAME/
      practice.json     how it was asked for; written first
      bars.npz          the aligned bars
      gold/state.*      the reference it starts from, as it was when the run began
      cycles/cycle-CC.* the whole run where cycle CC begins; the newest two are kept
      seeds/SEED/cycle-CC-rollout-RR.*
                        one seed inside a cycle; the newest two are kept
      policy/           the chosen policy, inert, where the gate passed at the last kept cycle:
                        policy.safetensors and architecture.json, which we read, and
                        policy.onnx for the runtimes of other people
      unaccepted/       the same files instead of it, where the gate did not pass
      live.json         what there is to see so far
      result.json       what came of it; written last

A checkpoint is ``NAME.safetensors`` and ``NAME.json``. The second is written last and makes
the first one count, so a run that is killed anywhere between leaves whole checkpoints and
perhaps half of one more, which is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stairway.app import folder as folders
from stairway.app.folder import write_whole
from stairway.app.plain_file import read_plain
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse
from stairway.training.checkpoint import Checkpoint, Encoded, decode, encode
from stairway.training.journal import Frozen

KEPT = 2
"""How many checkpoints of a kind are kept: the newest, and the one before it."""

_OURS = re.compile(r"cycle-\d+(-rollout-\d+)?")
"""Names of checkpoints."""

RESTORE = "restore it, or start a new run"
"""The way out where nothing here can be gone on from."""


@dataclass(frozen=True, slots=True)
class RlFolder:
    """Paths inside one training run's folder."""

    root: Path

    @property
    def ask(self) -> Path:
        """How it was asked for."""
        return self.root / folders.PRACTICE

    @property
    def gold(self) -> Path:
        """The reference: path of its checkpoint, without ending."""
        return self.root / "gold" / "state"

    @property
    def policy(self) -> Path:
        """The chosen policy, if it was accepted."""
        return self.root / "policy"

    @property
    def unaccepted(self) -> Path:
        """The chosen policy, if the gate did not pass for it."""
        return self.root / "unaccepted"

    @property
    def live(self) -> Path:
        """What there is to see so far."""
        return self.root / "live.json"

    @property
    def result(self) -> Path:
        """What came of it."""
        return self.root / "result.json"

    @property
    def cycles(self) -> Path:
        """Where checkpoints of the whole run lie."""
        return self.root / "cycles"

    def seed(self, seed: int) -> Path:
        """Where checkpoints of one seed lie."""
        return self.root / "seeds" / str(seed)


def cycle_name(cycle: int) -> str:
    """Name of the checkpoint at the start of a cycle."""
    return f"cycle-{cycle:02d}"


def rollout_name(cycle: int, rollout: int) -> str:
    """Name of the checkpoint after so many roll-outs of a cycle."""
    return f"{cycle_name(cycle)}-rollout-{rollout:04d}"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint at ``path``, given without ending.

    Raises
    ------
    ConfigError
        If there is no room or no permission; what was there before is untouched.
    """
    write_encoded(path, encode(checkpoint))


def write_encoded(path: Path, encoded: Encoded, *, shared: bool = False) -> None:
    """Keep both files, the one that makes the other count last.

    ``shared`` says that other runs may write the same two at the same time, as in a cache:
    whoever makes the same thing writes the same bytes.
    """
    write_whole(path.with_suffix(".safetensors"), encoded.tensors, shared=shared)
    write_whole(path.with_suffix(".json"), encoded.record, shared=shared)


def read_encoded(path: Path, what: str, remedy: str) -> Encoded:
    """Read both files of a checkpoint.

    Raises
    ------
    DataError
        If one of them is missing or cannot be read; it ends with the ``remedy``.
    """
    try:
        return Encoded(
            read_plain(path.with_suffix(".safetensors")),
            read_plain(path.with_suffix(".json")),
        )
    except OSError as error:
        msg = f"{what} {error.filename} cannot be read ({error.strerror}); {remedy}"
        raise DataError(msg) from error


def kept_at(cache: Path, identity: Frozen) -> Path:
    """Where a reference is kept between runs: path of its checkpoint, without ending."""
    return cache / f"gold-{identity.settings[:16]}" / "state"


def newest(folder: Path, prefix: str) -> list[Path]:
    """Checkpoints that count, newest first, without ending.

    Whatever else lies there under a name that is not one of ours is somebody's own.

    Raises
    ------
    DataError
        If what lies in the folder's place is none: that is not the same as no checkpoint.
    """
    if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
        msg = (
            f"{folder} is no folder, and the checkpoints of the run belong there; take it away "
            "and put the folder back from a copy, or start a new run"
        )
        raise DataError(msg)
    there = (path for path in folder.glob(f"{prefix}*.json") if _OURS.fullmatch(path.stem))
    return [path.with_suffix("") for path in sorted(there, key=_numbers, reverse=True)]


def _numbers(path: Path) -> tuple[int, ...]:
    """Numbers in a name: as text, cycle 100 would come before cycle 99."""
    return tuple(map(int, re.findall(r"\d+", path.stem)))


def read_newest(
    paths: Sequence[Path], expected: Frozen, without: str = RESTORE
) -> Checkpoint | None:
    """Read the newest checkpoint; ``None`` where there is none.

    Parameters
    ----------
    without
        What to do where no other is good; ``{0}`` in it is the newest one, without ending.

    Raises
    ------
    DataError
        If it is damaged or of something else. Nothing is repaired, and no older one is
        taken silently: the sentence names it.
    """
    if not paths:
        return None
    answer = _read(paths[0], expected)
    if isinstance(answer, Checkpoint):
        return answer
    msg = f"{paths[0]}.json: {answer}; {way_out(paths, expected, without)}"
    raise DataError(msg)


def way_out(paths: Sequence[Path], expected: Frozen, without: str = RESTORE) -> str:
    """Say what to do about the newest of these checkpoints, as :func:`read_newest` does."""
    older = [path for path in paths[1:] if isinstance(_read(path, expected), Checkpoint)]
    if older:
        return (
            f"the last good one is {older[0]}.json: remove {paths[0]}.json to go on from there"
        )
    return without.format(paths[0])


def _read(path: Path, expected: Frozen) -> Checkpoint | str:
    """Read one, or say what is wrong with it."""
    try:
        encoded = read_encoded(path, "its file", "")
    except DataError as error:
        return str(error).removesuffix("; ")
    answer = decode(encoded, expected)
    return answer.findings[0].detail if isinstance(answer, Refuse) else answer


def forget_old(written: Path) -> None:
    """Remove the checkpoints beside the one just written, but for those that are kept.

    Later ones go too: they are of a time that the run was taken back from, by hand.
    """
    there = newest(written.parent, "")
    at = there.index(written)
    for path in (*there[:at], *there[at + KEPT :]):
        # The file that makes the other one count goes first.
        path.with_suffix(".json").unlink(missing_ok=True)
        path.with_suffix(".safetensors").unlink(missing_ok=True)
