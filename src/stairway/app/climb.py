"""The climb: every bar from the first that no training saw to the last.

Starting and resuming are one thing: the log is opened, and the desk handles all bars; what
is on record already is compared, what is not is appended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from stairway.app import plugins
from stairway.app.authority import UNSIGNED, Authority, asking, beginning
from stairway.app.books import Books, Money
from stairway.app.catalog import CODEC
from stairway.app.collapse import Collapse
from stairway.app.desk import Desk
from stairway.app.facts import DrillAnnounced, RunFinished, RunStarted
from stairway.app.folder import Ask, Plan, RunFolder, write_json
from stairway.app.progress import Progress
from stairway.app.record.engine import left_behind, open_run, require_whole, send_rest, watched
from stairway.app.recorder import Recorder, run_hash, telemetry_hash
from stairway.app.rules import bylaws, equity_micros, trader_rules, watch_rules
from stairway.app.settings import Settings, decode
from stairway.app.shelf import Shelf
from stairway.app.steward import Steward
from stairway.app.vitals import VirtualClock
from stairway.app.world import Account, LiveWorld, World
from stairway.base.errors import ConfigError, DamagedLogError, DataError
from stairway.events.ports import EventLog
from stairway.lifecycle import state as climb_state
from stairway.lifecycle.facts import OperatorMoved
from stairway.lifecycle.registry import Registry
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar, PairBars
from stairway.market.calendar import utc_text
from stairway.supervision import supervisor, tracking
from stairway.trader import observe

_EVERY = 50


@dataclass(frozen=True, slots=True)
class Climbed:
    """What a climb comes to: the hash of its record, and how much of that was there before."""

    run_hash: str
    checked: int
    appended: int


def climb(
    folder: RunFolder,
    ask: Ask,
    bars: PairBars,
    shelf: Shelf,
    hand: Sequence[OperatorMoved],
    progress: Progress,
) -> Climbed:
    """Handle every bar; leave a finished record and its latencies.

    A record that is finished is left as it is: ``stairway replay`` checks it.

    Raises
    ------
    ConfigError
        If an operator's wish is for no bar of the climb.
    DataError
        If the key of the run did not sign its policy.
    """
    settings = decode(ask.policy, ask.policy_name)
    ended = None if hand else _ended(folder, ask, settings)
    if ended is not None:
        for sentence in send_rest(folder.log, settings.log, ask.log):
            progress.note(sentence)
        return Climbed(ended, 0, 0)
    signed = beginning(folder, ask)
    if signed is None and ask.policy_store is None:
        progress.note(UNSIGNED)
    with ExitStack() as last:
        log = open_run(folder.log, settings.log, ask.log)
        last.callback(log.close)
        recorder = Recorder(log)
        start = started(ask, bars, shelf)
        known = Hand(log, hand)
        _require_bars(hand, bars, shelf.first_index)
        _require_ahead(known.fresh, log)
        authority = Authority((), 0, None)
        if signed is not None or ask.policy_store is not None:
            rules = settings.policy_store
            authority = asking(folder, log, rules, start.settings, ask.policy_store)
            last.callback(authority.close)
        world = live_world(settings, bars, shelf, ask)
        desk = furnish(start, world, recorder, known, authority)
        recorder.publish(start, ask.data_report, *announcements(ask.plan))
        if signed is not None:
            recorder.publish(signed)
        recorder.commit()  # The desk asks the log for it.
        walk(desk, start, watched(bars, log), progress)
        hashed = run_hash(log)
        for sentence in left_behind(log):
            progress.note(sentence)
    write_json(folder.perf, desk.latencies.manifest())
    return Climbed(hashed, recorder.checked, recorder.appended)


def require_same_run(first: Any, ask: Ask, folder: RunFolder) -> None:
    """Refuse a record that was not made by what ``run.json`` asks for.

    Raises
    ------
    DataError
        If the two disagree, or the record does not begin with a start.
    """
    asked = (ask.layout, ask.version, ask.seed, ask.policy, ask.instruments)
    if isinstance(first, RunStarted):
        began = (first.layout, first.version, first.seed, first.settings, first.instruments)
        same = msgspec.to_builtins(began) == msgspec.to_builtins(asked)
        if same and first.bars_fingerprint == ask.bars_fingerprint:
            return
    msg = (
        f"the record in {folder.log} was not made by what {folder.ask} asks for; one of them "
        "is another run's or was changed: restore it, or start a new run with another --out"
    )
    raise DataError(msg)


def _ended(folder: RunFolder, ask: Ask, settings: Settings) -> str | None:
    """Hash of a record that is finished, having checked every event of it."""
    if not folder.perf.exists():
        return None
    require_whole(folder.log, ask.log)
    log = open_run(folder.log, settings.log, ask.log, read_only=True)
    try:
        facts = [*map(CODEC.read, log.read("run"))]
        if facts:
            require_same_run(facts[0], ask, folder)
        finished = next((fact for fact in facts if isinstance(fact, RunFinished)), None)
        if finished is None:
            return None
        if finished.telemetry != telemetry_hash(log):
            msg = (
                f"{folder.log / 'telemetry.db'} does not hold the bars, answers and marks of "
                "this run, though it is whole: restore the file, or start a new run"
            )
            raise DamagedLogError(msg)
        return run_hash(log)
    finally:
        log.close()


def _require_bars(hand: Sequence[OperatorMoved], bars: PairBars, first_index: int) -> None:
    """Refuse an order that would never be carried out, rather than forget it."""
    times = set(bars.time_ns[first_index:].tolist())
    for wish in hand:
        if wish.time_ns not in times:
            msg = (
                f"{wish.who} moves {wish.digest[:12]} at {wish.time_ns}, when no bar of the "
                "climb closes; give the close of one that does"
            )
            raise ConfigError(msg)


def _require_ahead(fresh: Sequence[OperatorMoved], log: EventLog) -> None:
    """Refuse a new order for a record that is finished: it would stand behind its own end."""
    if fresh and any(isinstance(CODEC.read(event), RunFinished) for event in log.read("run")):
        msg = (
            f"{fresh[0].who} moves {fresh[0].digest[:12]} at {fresh[0].time_ns}, and the "
            "record is finished; start a new run with another --out"
        )
        raise ConfigError(msg)


def walk(desk: Desk, start: RunStarted, bars: Iterable[PairBar], progress: Progress) -> int:
    """Show the desk the bars before the climb, register the models, and climb.

    Returns how many bars there were.
    """
    progress.begin("climbing", start.bars - start.first_index)
    bar: PairBar | None = None
    for bar in bars:
        if bar.index < start.first_index:
            desk.recorder.publish(bar)
            desk.watch, _ = observe.observe(desk.watch, bar)
            continue
        before = desk.steward.registry
        if bar.index == start.first_index:
            desk.steward.welcome(start.admitted, desk.recorder)
        desk.step(bar)
        for step in _steps(before, desk.steward.registry):
            progress.note(f"{utc_text(bar.time_ns)} {step}")
        if bar.index % _EVERY == 0:
            progress.advance(bar.index - start.first_index)
    if bar is None:
        return 0
    if bar.index + 1 == start.bars:
        desk.finish(bar)
    progress.advance(bar.index + 1 - start.first_index)
    return bar.index + 1


def _steps(before: Registry, after: Registry) -> Iterator[str]:
    """Say who stands on another stair than before; mostly nobody does."""
    if after is before:
        return
    for digest, entry in after.entries.items():
        was = before.entries.get(digest)
        stage = Stage.CANDIDATE if was is None else was.stage
        if entry.stage not in (stage, Stage.BASELINE):
            yield f"{entry.model} {digest[:8]} goes from {stage} to {entry.stage}"


def started(ask: Ask, bars: PairBars, shelf: Shelf) -> RunStarted:
    """Put everything on record that decides how the run goes."""
    return RunStarted(
        layout=ask.layout,
        version=ask.version,
        seed=ask.seed,
        settings=ask.policy,
        instruments=bars.instruments,
        bars_fingerprint=bars.fingerprint,
        bars=len(bars),
        first_index=shelf.first_index,
        baseline=shelf.baseline,
        admitted=shelf.facts(bars.at(shelf.first_index).time_ns),
    )


def furnish(
    start: RunStarted, world: World, recorder: Recorder, hand: Hand, authority: Authority
) -> Desk:
    """Put a desk together from what the run was started with, and from nothing else."""
    settings = decode(start.settings, "of the recorded run")
    first, second = start.instruments
    steward = Steward(
        bylaws=bylaws(settings),
        climb=climb_state.start(settings.climb),
        supervisor=supervisor.start(settings.supervision),
        baseline=start.baseline,
        symbols=(first.symbol, second.symbol),
        seed=start.seed,
        hand=hand,
        reopen=world.reopen,
    )
    return Desk(
        rules=trader_rules(settings, start.instruments),
        ensemble=settings.ensemble,
        watch=observe.start(watch_rules(settings)),
        steward=steward,
        tracker=tracking.start(settings.tracking, settings.labels, steward.symbols),
        books=Books(Money(equity_micros(settings)), session=-1),
        world=world,
        recorder=recorder,
        answered_ns=VirtualClock(settings.vitals, start.seed),
        authority=authority,
    )


def live_world(settings: Settings, bars: PairBars, shelf: Shelf, ask: Ask) -> LiveWorld:
    """Models that are loaded and paper accounts, with a drill's misfortunes among them."""
    broker = plugins.load("brokers", settings.broker.kind)

    def open_account(name: str) -> Account:
        account = broker.Config(
            instruments=bars.instruments,
            costs=settings.costs,
            paper=settings.paper,
            seed=ask.seed,
            account=name,
        )
        return broker.connect(account)

    margin = settings.ensemble.action_margin
    stand_in = Collapse(ask.plan)
    return LiveWorld(shelf.runtimes, stand_in, open_account, bars.symbols, margin, shelf.reopen)


def announcements(plan: Plan | None) -> tuple[DrillAnnounced, ...]:
    """Say beforehand what a drill is going to do."""
    if plan is None:
        return ()
    return (
        DrillAnnounced(0, "leak", "a candidate is offered with a feature that sees the future"),
        DrillAnnounced(0, "edge", "an edge is planted: volume betrays the drift of later bars"),
        DrillAnnounced(plan.edge_dies_index, "edge_dies", "the planted edge is switched off"),
        DrillAnnounced(
            plan.collapse_index,
            "collapse",
            f"{plan.collapse_model} answers a constant from here",
        ),
        DrillAnnounced(
            plan.freeze_index, "freeze", f"the feed repeats itself for {plan.freeze_bars} bars"
        ),
        DrillAnnounced(plan.kill_index, "kill", "the process is killed with kill -9"),
    )


class Hand:
    """What operators asked for, by time: as recorded, then as asked for now."""

    def __init__(self, log: EventLog, now: Iterable[OperatorMoved]) -> None:
        self._by_time: dict[int, list[OperatorMoved]] = defaultdict(list)
        recorded = map(CODEC.read, log.read("operator"))
        known = [fact for fact in recorded if isinstance(fact, OperatorMoved)]
        self.fresh = tuple(wish for wish in now if wish not in known)
        for wish in (*known, *self.fresh):
            self._by_time[wish.time_ns].append(wish)

    def __call__(self, bar: PairBar) -> Sequence[OperatorMoved]:
        """Return what was asked for at this bar."""
        return self._by_time.get(bar.time_ns, ())
