"""A training run that is over, without the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app.rl.folder import RlFolder, cycle_name, write_checkpoint
from stairway.app.rl.left import FILES, leave
from stairway.app.rl.outcome import write_result
from stairway.testing.journal import practice_result
from stairway.training.checkpoint import Checkpoint, Mark
from stairway.training.journal import PracticeResult

Over = Callable[..., tuple[RlFolder, PracticeResult]]


@pytest.fixture
def over(tmp_path: Path) -> Over:
    """Leave what a run leaves that came to this: checkpoint, files of a policy, result."""

    def make(result: PracticeResult | None = None) -> tuple[RlFolder, PracticeResult]:
        result = result or practice_result()
        folder, index = RlFolder(tmp_path), len(result.cycles) + 1
        notes = {
            "machine": {"reports": result.cycles, "cycle": index},
            "seeds": {},
            "rollouts": result.rollouts,
            "seed_cycles": result.seed_cycles,
        }
        mark = Mark(-1, index, 0, 24_000)
        tensors = {"x": np.ones(1)}
        last = Checkpoint(mark, result.frozen, tensors, msgspec.to_builtins(notes))
        write_checkpoint(folder.cycles / cycle_name(index), last)
        at = folder.policy if result.accepted else folder.unaccepted
        if result.chosen_seed is not None:
            files = leave(folder, at, {name: name.encode() for name in FILES})
            result = msgspec.structs.replace(result, files=files)
        return folder, write_result(folder, result)

    return make
