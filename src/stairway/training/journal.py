"""What came of a training run in cycles, as the terminal, the page and the tests read it.

Imports no training library: reading what was found takes a core install only. What was
measured on the way is in :mod:`stairway.training.measured`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from stairway.base.hashing import content_hash
from stairway.base.verdict import Pass, Verdict
from stairway.training.measured import (
    Criterion,
    DivergenceReport,
    Rollout,
    ScenarioReport,
    Walked,
)

LAYOUT = 3
"""Raised whenever a struct below changes, so that an old file is refused by name."""


class SeedCycle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one seed showed at the end of one cycle.

    Attributes
    ----------
    seed, cycle, steps
        As in :class:`Rollout`; cycle 0 is the reference before any training.
    hold_rate, fills_per_session, no_fill_share
        In training, means over the cycle's steps.
    validation
        The whole validation span, walked once.
    scenarios
        In the order in which they are named.
    divergence
        From the reference.
    gate
        Answer of the training gate for this seed alone.
    criteria
        Every bound of the gate, held or not, in its order.
    attainment
        How near the gate is, in [0, 1]; 1 where every criterion holds.
    progress
        How far training has come, in [0, 1]: how near to the targets in the practice of this
        cycle, with what care for risk on validation days.
    rolled_back
        True where this seed went back to its last accepted parameters.
    """

    seed: int
    cycle: int
    steps: int
    hold_rate: float | None
    fills_per_session: float | None
    no_fill_share: float | None
    validation: Walked
    scenarios: tuple[ScenarioReport, ...]
    divergence: DivergenceReport
    gate: Verdict
    criteria: tuple[Criterion, ...]
    attainment: float
    progress: float
    rolled_back: bool


class Decision(StrEnum):
    """What became of a cycle."""

    KEEP = "keep"
    REVERT = "revert"


class Outcome(StrEnum):
    """Whether training goes on after a cycle, and if not, why not."""

    CONTINUE = "continue"
    CONVERGED = "converged"
    EARLY_STOP = "early_stop"
    FINISHED = "finished"


class Gains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the controller's shipped gains are multiplied by, per lane."""

    hold: float
    trades: float


class CycleReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cycle of all seeds, and what was decided over the median and the worst.

    Attributes
    ----------
    cycle
        From 1.
    gate
        Pass only where the median seed's figures and the worst seed's figures all pass.
    median_seed, worst_seed
        Seeds whose attainment is the (lower) median and the least.
    attainment, worst_attainment
        Of the gate, by these two seeds.
    progress, worst_progress
        Lower median and least progress of the seeds that did not diverge.
    improvement_frac
        Of ``progress`` over the best that was kept before (the reference for cycle 1).
    stability
        Of the median figures against the last kept cycle's, in [0, 1].
    decision, reason
        Kept or reverted, and one line why.
    gains
        Of the controller in the *next* cycle.
    outcome
        Whether there is a next cycle.
    """

    cycle: int
    gate: Verdict
    median_seed: int
    worst_seed: int
    attainment: float
    worst_attainment: float
    progress: float
    worst_progress: float
    improvement_frac: float
    stability: float
    decision: Decision
    reason: str
    gains: Gains
    outcome: Outcome


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of the sessions: ``training``, ``validation`` or ``held_out``.

    Attributes
    ----------
    name
        Which part.
    sessions, bars
        How many of each.
    first_ns, last_ns
        Close of its first and of its last bar.
    fingerprint
        Hash of the course made of it.
    """

    name: str
    sessions: int
    bars: int
    first_ns: int
    last_ns: int
    fingerprint: str


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hashes of what must not change while a run lasts; compared at every cycle.

    Attributes
    ----------
    data
        Bars, split and normaliser.
    settings
        Everything that decides how training goes.
    environment
        Rules of the environment and the courses it walks.
    architecture
        Names, shapes and dtypes of the policy's tensors.
    gold
        Parameters of the reference.
    gate
        Bounds of the training gate and of the scenarios.
    """

    data: str
    settings: str
    environment: str
    architecture: str
    gold: str
    gate: str


class GoldReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reference that a run starts from.

    Attributes
    ----------
    identity
        Hash of the data and settings that it is cached by.
    digest
        Hash of its parameters.
    steps
        Steps it was trained for.
    hold_rate
        In training, over its last roll-outs; must be over the bound of the rules.
    validation, held_out
        Walks with actions drawn from the policy.
    """

    identity: str
    digest: str
    steps: int
    hold_rate: float
    validation: Walked
    held_out: Walked | None


class HeldOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days that nothing was decided on, walked once by the policy a seed ended with.

    Attributes
    ----------
    sampled
        Actions drawn from the policy, as in training.
    greedy
        The likeliest action at each bar.
    """

    seed: int
    sampled: Walked
    greedy: Walked


class LeftFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the policy that a run left, bound to its verdict.

    Attributes
    ----------
    name
        Path inside the run's folder, with ``/``.
    sha256
        Of its bytes, 64 hexadecimal digits.
    """

    name: str
    sha256: str


class PracticeResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``result.json`` of a training run; ``live.json`` while it lasts.

    Attributes
    ----------
    layout, version
        Of this file, and of the program.
    finished
        False in ``live.json``.
    symbols, source, policy_name
        What was trained on and how it was asked for.
    seeds
        In the order of their numbers.
    cycles_planned, steps_per_cycle
        At most so many cycles of so many steps.
    spans
        Training, validation, held out.
    frozen
        Hashes; empty strings until they are known.
    gold
        ``None`` until it is made.
    gold_rollouts
        Learning curve of the reference, thinned; kept with it in the cache.
    rollouts
        Of all seeds, by cycle, then seed, then steps.
    seed_cycles
        By cycle, then seed; cycle 0 holds the reference.
    cycles
        One for each cycle that was judged.
    outcome
        How it ended; ``CONTINUE`` while it lasts.
    chosen_seed, policy_digest
        The median seed of the last kept cycle and the hash of its parameters; ``None``
        where no cycle was kept.
    accepted
        True where the gate passed at the last kept cycle.
    held_out
        For each seed, and empty until the end.
    files
        Of the policy of the chosen seed; empty where no cycle was kept, and in
        ``live.json``.
    seal
        Hash of all of this but the seal; empty in ``live.json``.
    """

    layout: int
    version: str
    finished: bool
    symbols: tuple[str, str]
    source: str
    policy_name: str
    seeds: tuple[int, ...]
    cycles_planned: int
    steps_per_cycle: int
    spans: tuple[Span, ...]
    frozen: Frozen
    gold: GoldReport | None
    gold_rollouts: tuple[Rollout, ...]
    rollouts: tuple[Rollout, ...]
    seed_cycles: tuple[SeedCycle, ...]
    cycles: tuple[CycleReport, ...]
    outcome: Outcome
    chosen_seed: int | None
    policy_digest: str | None
    accepted: bool
    held_out: tuple[HeldOut, ...]
    files: tuple[LeftFile, ...]
    seal: str


def last_kept(reports: Sequence[CycleReport]) -> CycleReport | None:
    """Return the last cycle that was kept, if one was."""
    kept = [report for report in reports if report.decision is Decision.KEEP]
    return kept[-1] if kept else None


def is_accepted(reports: Sequence[CycleReport]) -> bool:
    """Whether the gate passed at the last kept cycle.

    Examples
    --------
    >>> is_accepted([])
    False
    """
    kept = last_kept(reports)
    return kept is not None and isinstance(kept.gate, Pass)


def seal_of(result: PracticeResult) -> str:
    """Hash of everything in a result but its seal."""
    # As it will be read: what was 1 in a place for a fraction is 1.0 then.
    written = msgspec.json.encode(msgspec.structs.replace(result, seal=""))
    return content_hash(msgspec.json.decode(written, type=PracticeResult))


def sealed(result: PracticeResult) -> PracticeResult:
    """Seal a result, so that a later change shows.

    Examples
    --------
    >>> from stairway.testing.journal import practice_result
    >>> whole = sealed(practice_result())
    >>> changed = msgspec.structs.replace(whole, accepted=False)
    >>> seal_of(whole) == whole.seal, seal_of(changed) == changed.seal
    (True, False)
    """
    return msgspec.structs.replace(result, seal=seal_of(result))
