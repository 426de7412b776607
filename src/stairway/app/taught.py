"""What is asked for must be what was trained: ``run.json`` held against what training left.

``run.json`` is plain text, and whoever may write in a run's folder may change it. Once the
climb has begun, the first fact of the record holds it
(:func:`stairway.app.climb.require_same_run`). Between training and the first fact nothing
else does, and a changed file would let models climb on bars that they saw, or under costs
and limits that their evidence does not speak of. So it is held against two files that
training left: ``job.json``, what the trainer was told, and ``training.json``, what it found.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stairway.app.folder import Ask, RunFolder
from stairway.app.plain_file import read_plain
from stairway.app.terms import terms_hash
from stairway.base.errors import DataError
from stairway.market.bars import PairBars
from stairway.training.report import TrainingReport


class Told(msgspec.Struct, frozen=True):
    """What the trainer was told, as ``job.json`` has it."""

    n_bars: int
    instruments: tuple[dict[str, Any], ...]
    policy: dict[str, Any]
    seed: int
    drill: bool
    practised: dict[str, Any] | None = None


def require_taught(
    folder: RunFolder, ask: Ask, report: TrainingReport, bars: PairBars, n_bars: int
) -> None:
    """Refuse a request that is not the one the models were trained for.

    Parameters
    ----------
    bars, n_bars
        All bars of the run, and how many of them training was to see by this request.

    Raises
    ------
    DataError
        If they differ, or what the trainer was told is gone; names what differs.
    """
    drill = ask.plan is not None
    practised = None if ask.practised is None else msgspec.to_builtins(ask.practised)
    asked = Told(n_bars, ask.instruments, ask.policy, ask.seed, drill, practised)
    found = (
        ("bars of training", (report.n_bars, ask.first_index), (n_bars, n_bars)),
        ("bars", report.data_fingerprint, bars.part(0, n_bars).fingerprint),
        ("terms", report.schema_hash, terms_hash(ask.policy, bars.instruments, planted=drill)),
    )
    wrong = [*_differences(asked, _told(folder)), *(n for n, a, b in found if a != b)]
    if wrong:
        msg = (
            f"{folder.ask} asks for other {', '.join(wrong)} than the models of this run were "
            "trained for; it, or what training left, was changed since: restore it, or start a "
            "new run with another --out"
        )
        raise DataError(msg)


def _told(folder: RunFolder) -> Told:
    path = folder.root / "job.json"
    try:
        return msgspec.json.decode(read_plain(path), type=Told)
    except (OSError, ValueError) as error:
        msg = (
            f"{path} cannot be read ({error}), so nobody can tell what the models of this run "
            "were trained for: restore it, or start a new run with another --out"
        )
        raise DataError(msg) from error


def _differences(asked: Told, told: Told) -> list[str]:
    """Name what differs; of the policy, the sections."""
    # As the file has it: tuples are lists there.
    now = msgspec.json.decode(msgspec.json.encode(asked), type=Told)
    names = ("n_bars", "instruments", "seed", "drill", "practised")
    wrong = [name for name in names if getattr(now, name) != getattr(told, name)]
    sections = sorted({*now.policy, *told.policy})
    return [
        *wrong,
        *(f"[{name}]" for name in sections if now.policy.get(name) != told.policy.get(name)),
    ]
