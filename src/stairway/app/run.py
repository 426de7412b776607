"""The main job: bars, training, and the climb on bars that no training saw.

1. ``prepare``: read and align the bars, keep them, and write down what was asked for.
2. ``train`` in a process of its own, or ``--models`` that were sealed before.
3. ``climb``: open the log, load the models, and let the desk handle every bar.

Each step leaves whole files behind and begins by looking for them, so a run that was
stopped anywhere is finished by starting again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from stairway.app import caches, policy_shared
from stairway.app import folder as folders
from stairway.app import settings as policies
from stairway.app.accepted import found, opened, require_member
from stairway.app.climb import Climbed, climb
from stairway.app.environment import overrides
from stairway.app.facts import LAYOUT
from stairway.app.folder import Ask, Plan, RunFolder
from stairway.app.hold import held
from stairway.app.policy_cache import write_cache
from stairway.app.practised import PractisedRun, TeachingAsked
from stairway.app.progress import Progress
from stairway.app.record.engine import chosen, require_usable
from stairway.app.request import Request, next_folder, read_source
from stairway.app.rl import rules as rl_rules
from stairway.app.shelf import Shelf, given, made
from stairway.app.taught import require_taught
from stairway.app.train import train
from stairway.base.errors import DataError
from stairway.base.verdict import Pass
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.market.facts import DataReport

Misfortune: TypeAlias = Callable[[policies.Settings, PairBars, int], tuple[Plan, PairBars]]
"""Plants what a drill plants: settings, bars and seed in, its plan and its bars out."""

_CARRIED_SHARE = 20
"""One open in so many may equal the close before it by chance; more are said aloud."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that could begin: its folder, what was asked for, its settings and bars."""

    folder: RunFolder
    ask: Ask
    settings: policies.Settings
    bars: PairBars


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind.

    ``exit_code`` is 2 where a gate stopped the run before it could begin.
    """

    folder: RunFolder
    exit_code: int
    run_hash: str | None
    notes: tuple[str, ...] = ()


def run(request: Request, progress: Progress) -> Outcome:
    """Do everything that ``stairway run`` does, but for showing it."""
    prepared = prepare(request, progress)
    with held(prepared.folder):
        return finish(prepared, request, progress)


def finish(prepared: Prepared, request: Request, progress: Progress) -> Outcome:
    """Train and climb. Whoever calls it holds the run's folder, or is told to by its holder."""
    shelf = stock(request, prepared, progress)
    if shelf is None:
        return Outcome(prepared.folder, 2, None, ("the causality prover stopped the run",))
    climbed = climb_on(prepared, shelf, request, progress)
    return Outcome(prepared.folder, 0, climbed.run_hash)


def prepare(
    request: Request, progress: Progress, misfortune: Misfortune | None = None
) -> Prepared:
    """Read bars and policy, or find them where an earlier start left them.

    ``misfortune`` plants a drill's in the bars before anything is kept, so that no start of
    a drill can be taken for a plain run.
    """
    if request.resume is not None:
        folder, ask = folders.open_existing(request.resume)
        bars = folders.read_bars(folder, ask)
        if bars.fingerprint != ask.bars_fingerprint:
            msg = (
                f"{folder.bars} does not hold the bars that {folder.ask} speaks of; restore "
                "it, or start a new run with another --out"
            )
            raise DataError(msg)
        return Prepared(folder, ask, policies.decode(ask.policy, ask.policy_name), bars)
    settings = policies.load(request.policy, overrides())
    for name, text in sorted(overrides().items()):
        progress.note(f"from the environment: {name}={text}")
    raw, options = read_source(request.source)
    progress.begin("reading bars", 1)
    bars, report = align(raw, settings.bars, settings.session)
    progress.advance(1)
    plan = None
    if misfortune is not None:
        plan, bars = misfortune(settings, bars, request.seed)
    if request.models is not None and request.trust is not None:
        given(request.models, request.trust, settings, bars)
    member = taken(request, settings, bars, progress)
    taught = request.models is None and member is None
    root = request.out or next_folder(request.source)
    if request.log is not None:
        require_usable(request.log, root, settings.log)
    folder = begun(root, require_store(request, settings, progress))
    ask = Ask(
        layout=LAYOUT,
        version=version("stairway"),
        source=request.source,
        source_options=options,
        policy_name=request.policy,
        policy=policies.plain(settings),
        seed=request.seed,
        first_index=first_index(settings, bars) if request.models is None else None,
        instruments=tuple(msgspec.to_builtins(i) for i in bars.instruments),
        data_report=report,
        bars_fingerprint=bars.fingerprint,
        models=None if request.models is None else str(request.models),
        plan=plan,
        practice=practised(settings) if taught else None,
        practised=member,
        log=chosen(request.log, folder.root),
        policy_store=policy_shared.chosen(request.policy_store),
    )
    for line in describe(report):
        progress.note(line)
    prepared = Prepared(folder, ask, settings, bars)
    keep(prepared)
    return prepared


def begun(root: Path, store: policy_shared.InForce | None) -> RunFolder:
    """Make the folder of a run, with what it begins under in a shared policy store.

    What a start that was killed believed is not believed by this one.
    """
    folder = folders.create(root)
    if store is None:
        folder.operator.unlink(missing_ok=True)
        folder.policy_cache.unlink(missing_ok=True)
    else:
        folders.write_whole(folder.operator, store.public)
        write_cache(folder.policy_cache, store.standing)
    return folder


def require_store(
    request: Request, settings: policies.Settings, progress: Progress
) -> policy_shared.InForce | None:
    """Look at a shared policy store, if one was named; return what is in force there.

    Raises
    ------
    ConfigError
        If this run could enter nothing under what is in force there.
    """
    if request.policy_store is None or request.operator is None:
        return None
    public = policy_shared.read_public(request.operator)
    policy = policies.fingerprint(settings)
    found = policy_shared.require_in_force(request.policy_store, public, policy)
    says = found.says
    progress.note(
        f"policy store: generation {says.number}, stage {says.stage.value}: {says.why}"
    )
    for alarm in found.alarms:
        progress.note(f"policy store: {alarm.code}: {alarm.detail}")
    return found


def practised(settings: policies.Settings) -> TeachingAsked:
    """With which settings the run's own policies are taught; what was taught is kept."""
    _, tables = rl_rules.load(rl_rules.SHIPPED, settings.session.kind)
    return TeachingAsked(rl_rules.SHIPPED, tables, str(caches.lessons()))


def taken(
    request: Request, settings: policies.Settings, bars: PairBars, progress: Progress
) -> PractisedRun | None:
    """Look at the training run that a policy is to be taken from, if one was named.

    Raises
    ------
    ConfigError
        If it left no accepted policy, or that policy cannot be a member of this run.
    DataError
        If what it left cannot be read.
    """
    if request.practised is None:
        return None
    policy = opened(request.practised)
    seen = bars.part(0, first_index(settings, bars))
    judged = require_member(policy, settings, seen)
    progress.note(
        f"policy of {request.practised}: accepted in cycle {policy.cycle.cycle}, judged here "
        f"on bars {judged} to {len(seen) - 1}, which it did not see"
    )
    return policy.run


def keep(prepared: Prepared) -> None:
    """Write bars and request down; ``run.json`` last, since it makes the folder a run."""
    folders.write_bars(prepared.folder, prepared.bars)
    folders.write_json(prepared.folder.ask, prepared.ask)


def first_index(settings: policies.Settings, bars: PairBars) -> int:
    """First bar of the climb: everything before it is for training."""
    return int(settings.run.train_frac * len(bars))


def stock(request: Request, prepared: Prepared, progress: Progress) -> Shelf | None:
    """Get models: train them, or take those that were given. None where a gate refused.

    Raises
    ------
    DataError
        If the training run that a policy is to be taken from changed since it was asked for.
        Once this run is trained it is not looked at any more: what was taken is sealed.
    """
    if request.models is not None and request.trust is not None:
        return given(request.models, request.trust, prepared.settings, prepared.bars)
    count = first_index(prepared.settings, prepared.bars)
    if prepared.ask.practised is not None and not prepared.folder.training.exists():
        found(prepared.ask.practised)
    report = train(prepared.folder, prepared.ask, count, progress)
    if not isinstance(report.causality, Pass):
        for finding in report.causality.findings:
            progress.note(f"refused: {finding.code}: {finding.detail}")
        return None
    require_taught(prepared.folder, prepared.ask, report, prepared.bars, count)
    return made(prepared.folder, report, prepared.settings, count)


def climb_on(prepared: Prepared, shelf: Shelf, request: Request, progress: Progress) -> Climbed:
    """Let the models climb."""
    return climb(prepared.folder, prepared.ask, prepared.bars, shelf, request.hand, progress)


def describe(report: DataReport) -> tuple[str, ...]:
    """Say what became of the rows that were read."""
    day = [
        np.datetime64(t, "ns").astype("datetime64[D]")
        for t in (report.first_ns, report.last_ns)
    ]
    lines = [f"{report.bars} bars of both instruments, {day[0]} to {day[1]}"]
    for table in report.tables:
        dropped = ", ".join(f"{n} {why}" for why, n in table.dropped.items() if n) or "none"
        lines.append(f"  {table.symbol}: {table.rows} rows, left out: {dropped}")
        if table.carried_opens * _CARRIED_SHARE > report.bars:
            lines.append(
                f"  {table.symbol}: {table.carried_opens} opens only repeat the close before; "
                "fills there flatter"
            )
    return tuple(lines)
