"""``--drill``: the same job, with misfortune on order, each announced before it happens.

1. An edge is planted in the bars and dies at a known bar; the feed hangs for a while.
2. A candidate is offered whose features see the future: it must be refused by name.
3. The climb runs in a process of its own and is killed with ``kill -9`` half way.
4. It is resumed here; beside it an undisturbed run climbs in a folder of its own.
5. Both must end with the same hash.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import msgspec

from stairway.app.child import Child
from stairway.app.climb import Climbed
from stairway.app.climber import CLIMBED
from stairway.app.folder import Plan, RunFolder, write_bars, write_json
from stairway.app.hold import held
from stairway.app.progress import Progress, Silent
from stairway.app.request import Request
from stairway.app.run import Outcome, Prepared, climb_on, first_index, prepare, stock
from stairway.app.settings import Settings
from stairway.app.shelf import Shelf
from stairway.app.train import FAMILIES
from stairway.base.errors import ConfigError, InvariantError
from stairway.market.bars import PairBars
from stairway.simulation.misfortune import freeze_feed, plant_edge

_TWIN = "undisturbed"


def run_drill(request: Request, progress: Progress) -> Outcome:
    """Run a drill, or finish one.

    Raises
    ------
    ConfigError
        If the run to finish is no drill.
    InvariantError
        If the killed and resumed run ends otherwise than the undisturbed one.
    """
    prepared = prepare(request, progress, unfortunate)
    plan = prepared.ask.plan
    if plan is None:
        msg = f"{prepared.folder.root} is no drill; finish it with --resume and without --drill"
        raise ConfigError(msg)
    with held(prepared.folder):
        shelf = stock(request, prepared, progress)
        if shelf is None:
            return Outcome(prepared.folder, 2, None, ("the causality prover stopped the run",))
        twin = _twin(prepared)
        killed = _until_killed(prepared, plan, progress)
        climbed = _both(prepared, shelf, request, twin, progress)
    notes = [f"undisturbed run: same hash {climbed.run_hash[:16]}"]
    if killed:
        bar = plan.kill_index
        notes.insert(0, f"kill -9 at bar {bar}: resumed, {climbed.checked} facts found again")
    return Outcome(prepared.folder, 0, climbed.run_hash, tuple(notes))


def plan_of(settings: Settings, bars: PairBars) -> Plan:
    """Where in the run each misfortune lies."""
    rules, first = settings.drill, first_index(settings, bars)
    climb = len(bars) - first

    def at(share: float) -> int:
        return first + int(share * climb)

    return Plan(
        edge_dies_index=at(rules.edge_dies_at),
        collapse_index=at(rules.collapse_at),
        collapse_model=FAMILIES[-1],
        freeze_index=at(rules.freeze_at),
        freeze_bars=rules.freeze_bars,
        kill_index=at(rules.kill_at),
    )


def unfortunate(settings: Settings, bars: PairBars, seed: int) -> tuple[Plan, PairBars]:
    """Plant what is planted in the bars."""
    plan, first = plan_of(settings, bars), first_index(settings, bars)
    bars = plant_edge(bars, settings.drill.edge, seed, first, plan.edge_dies_index)
    return plan, freeze_feed(bars, plan.freeze_index, plan.freeze_bars)


def _twin(prepared: Prepared) -> RunFolder:
    """Make a folder for the undisturbed run, with the same bars and the same models.

    ``run.json`` is written last: without it the folder is begun anew.
    """
    root = prepared.folder.root / _TWIN
    twin = RunFolder(root)
    if twin.ask.exists():
        return twin
    try:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(prepared.folder.models, twin.models)
        job = prepared.folder.root / "job.json"
        for path in (
            prepared.folder.trust,
            prepared.folder.generation,
            prepared.folder.training,
            job,
        ):
            shutil.copy2(path, root / path.name)
    except OSError as error:
        why = error.strerror or "some file could not be copied"
        msg = f"cannot write {root}: {why}; make room there, then --resume"
        raise ConfigError(msg) from error
    write_bars(twin, prepared.bars)
    # One log has one writer: the undisturbed run keeps its record in its own folder.
    write_json(twin.ask, msgspec.structs.replace(prepared.ask, log=None))
    return twin


def _until_killed(prepared: Prepared, plan: Plan, progress: Progress) -> bool:
    """Climb in another process and kill it half way, unless that was done before."""
    if prepared.folder.log.exists():
        return False
    share = plan.kill_index - first_index(prepared.settings, prepared.bars)
    with Child("climber", prepared.folder.root) as victim:
        return victim.listen(progress, stop_at=share)


def _both(
    prepared: Prepared, shelf: Shelf, request: Request, twin: RunFolder, progress: Progress
) -> Climbed:
    """Finish the run, with the undisturbed one beside it; they must end alike."""
    with ThreadPoolExecutor(max_workers=1) as aside, Child("climber", twin.root) as other:
        undisturbed = aside.submit(other.listen, Silent())
        climbed = climb_on(prepared, shelf, request, progress)
        progress.begin("waiting for the undisturbed run", 1)
        undisturbed.result()
        progress.advance(1)
    ended = msgspec.json.decode((twin.root / CLIMBED).read_bytes())["run_hash"]
    if climbed.run_hash != ended:
        msg = (
            f"the resumed run ended with {climbed.run_hash} and the undisturbed one with "
            f"{ended}: the record does not repeat itself"
        )
        raise InvariantError(msg)
    return climbed
