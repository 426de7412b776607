"""The policy of a training run that is over: whether a run may have it as a member.

Looked at before anything is made, and without a training library:

1. The training run is finished, its gate accepted what came of it, and the files of the
   policy are those that its sealed result was written over.
2. It practised on this pair, in such sessions, seeing these features.
3. Whatever it practised or was validated on lies before the first bar that it is judged on
   here; gap and embargo of ``[splits]`` lie between.

Whether the numbers in its folder are the ones that were accepted, to the last bit, is found
out by the trainer (:mod:`stairway.app.admission`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stairway.app import settings as policies
from stairway.app.plain_file import read_plain
from stairway.app.practised import PractisedRun
from stairway.app.rl.ask import Ask, open_practice
from stairway.app.rl.folder import RlFolder
from stairway.app.rl.left import ARCHITECTURE, TENSORS, read_left
from stairway.app.rl.outcome import read_result
from stairway.base.arrays import IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import content_hash, digest
from stairway.base.units import UtcNs
from stairway.base.verdict import Refuse
from stairway.evaluation.splits import PurgedWalkForward, SplitRules
from stairway.market.bars import PairBars
from stairway.models import policy_form
from stairway.models.actor import Actor
from stairway.models.policy_form import Written
from stairway.training.journal import CycleReport, PracticeResult, is_accepted, last_kept

SEEN = ("training", "validation")
"""Spans that decided what a policy became. On held-out days nothing was ever decided."""

_SECTIONS = ("session", "features")
"""What a policy's observation is made by: it must be the same here."""

_SAID = 2
"""A sentence has room for so many reasons; the rest is in the training run's own page."""

_OTHERWISE = "or leave out --practised, and the run teaches a policy of its own"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A policy that its training gate accepted, and where it comes from.

    Attributes
    ----------
    folder, ask, result
        Of its training run.
    cycle
        The one that it was accepted in.
    written
        The policy as its files have it.
    actor
        The same, read.
    run
        The training run as it is now.
    """

    folder: RlFolder
    ask: Ask
    result: PracticeResult
    cycle: CycleReport
    written: Written
    actor: Actor
    run: PractisedRun

    @property
    def seen_ns(self) -> UtcNs:
        """Close of the last bar that it practised or was validated on."""
        return UtcNs(max(s.last_ns for s in self.result.spans if s.name in SEEN))

    @property
    def tries(self) -> int:
        """How many it was chosen among: each seed of each cycle could have been."""
        return len(self.result.seeds) * len(self.result.cycles)


def opened(root: Path) -> Accepted:
    """Read the policy of a training run.

    Raises
    ------
    ConfigError
        If there is no such run, or it is not finished, or its gate accepted nothing.
    DataError
        If what it left cannot be read.
    """
    folder, ask = open_practice(root)
    if not folder.result.exists():
        msg = (
            f"the training in {root} is not finished, and nothing was accepted yet; finish it "
            f"with: stairway train rl --resume {root}"
        )
        raise ConfigError(msg)
    result = read_result(folder)
    cycle = _accepted(folder, result)
    left = read_left(folder, result)
    written = Written(left[TENSORS], left[ARCHITECTURE])
    actor = policy_form.from_bytes(written)
    if isinstance(actor, Refuse):
        msg = f"{folder.policy} holds no sound policy: {actor.findings[0].detail}; restore it"
        raise DataError(msg)
    parts = (_bytes(folder.ask), _bytes(folder.result), *written)
    run = PractisedRun(str(root.absolute()), content_hash([digest(part) for part in parts]))
    return Accepted(folder, ask, result, cycle, written, actor, run)


def found(asked: PractisedRun) -> Accepted:
    """Open the training run that was asked for.

    Raises
    ------
    ConfigError, DataError
        If it cannot be had any more, or is not what it was when it was asked for.
    """
    there = opened(Path(asked.root))
    if there.run.sha256 != asked.sha256:
        msg = (
            f"{asked.root} is not what it was when this run was asked for: its hash is "
            f"{there.run.sha256[:12]}, and run.json says {asked.sha256[:12]}; restore it, or "
            "start a new run with another --out"
        )
        raise DataError(msg)
    return there


def require_member(policy: Accepted, settings: policies.Settings, bars: PairBars) -> int:
    """Refuse a policy that cannot be a member of a run on these bars.

    Parameters
    ----------
    bars
        Those that training sees, and no later ones.

    Returns
    -------
    int
        First of them that it is judged on.

    Raises
    ------
    ConfigError
        Naming what differs, or both times.
    """
    _require_same_market(policy, policies.plain(settings), bars)
    least = settings.evidence.min_sharpe_bars
    return first_judged(policy, bars.time_ns, settings.splits, least)


def first_judged(
    policy: Accepted, time_ns: IntArray, splits: SplitRules, least_bars: int
) -> int:
    """First bar that a policy is calibrated and judged on: it has seen none from there on.

    Parameters
    ----------
    time_ns : (n,) int64
        Closes of the bars that training sees.
    least_bars
        Without so many bars of evidence nobody is judged: ``[evidence] min_sharpe_bars``.

    Raises
    ------
    ConfigError
        If fewer are left behind the block that only feeds the calibration; names both times.
    """
    n = time_ns.size
    walk = PurgedWalkForward(splits, np.arange(n))
    seen = int(np.searchsorted(time_ns, policy.seen_ns, side="right"))
    apart = walk.left_out_rows
    first = max(int(walk.blocks()[0][0]), seen + apart)
    left = max(n - first, 0)
    evidence = left - math.ceil(left / splits.n_blocks)
    if not evidence >= least_bars:
        msg = (
            f"the policy of {policy.folder.root} practised and was validated on bars up to "
            f"{_day(policy.seen_ns)} UTC, and the bars that this run judges on end at "
            f"{_day(UtcNs(int(time_ns[-1])))} UTC: after {apart} bars of gap and embargo they "
            f"give {evidence} bars of evidence, and {least_bars} are needed; train it on a "
            "source that ends earlier, give this run later bars, raise [run] train_frac, "
            f"{_OTHERWISE}"
        )
        raise ConfigError(msg)
    return first


def _accepted(folder: RlFolder, result: PracticeResult) -> CycleReport:
    kept = last_kept(result.cycles)
    if kept is not None and is_accepted(result.cycles):
        return kept
    findings = () if kept is None else kept.gate.findings
    why = "; ".join(finding.detail for finding in findings[:_SAID]) or "no cycle was kept"
    msg = (
        f"the training gate of {folder.root} did not accept its policy ({why}), so it cannot "
        f"be a member: train on other bars or with other settings, {_OTHERWISE}"
    )
    raise ConfigError(msg)


def _require_same_market(policy: Accepted, plain: dict[str, Any], bars: PairBars) -> None:
    theirs, here = policy.ask.policy, _as_written(plain)
    kinds = [str(told["session"]["kind"]) for told in (theirs, here)]
    pairs = [_pair(policy.ask.instruments), _pair(_as_written(bars.instruments))]
    wrong: list[str] = []
    if [*policy.ask.instruments] != _as_written(bars.instruments):
        alike = "the same in other ticks or lots" if pairs[0] == pairs[1] else pairs[1]
        wrong.append(f"it practised on {pairs[0]}, and this run is on {alike}")
    if kinds[0] != kinds[1]:
        wrong.append(f"it practised on {kinds[0]} bars, and this run has {kinds[1]} ones")
    else:
        wrong += [
            f"[{section}] {key} was {theirs[section].get(key)!r} and is {value!r} here"
            for section in _SECTIONS
            for key, value in here[section].items()
            if theirs[section].get(key) != value
        ]
    if wrong:
        msg = (
            f"the policy of {policy.folder.root} cannot be a member of this run: "
            f"{'; '.join(wrong)}; use the --policy and --source that it was trained with, "
            f"{_OTHERWISE}"
        )
        raise ConfigError(msg)


def _bytes(path: Path) -> bytes:
    try:
        return read_plain(path)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); restore it, or train again"
        raise DataError(msg) from error


def _as_written(value: Any) -> Any:
    """As JSON has it: tuples are lists there."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _pair(instruments: Any) -> str:
    return " and ".join(str(one["symbol"]) for one in instruments)


def _day(time_ns: UtcNs) -> str:
    return str(np.datetime64(time_ns, "ns").astype("datetime64[s]"))
