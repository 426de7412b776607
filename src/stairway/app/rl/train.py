"""Train a policy in cycles, in a folder that ``rl.request.prepare`` made ready.

1. Read what was asked for, and make the ground: courses, made-up markets, probes.
2. Fetch the reference, or take the copy that the run started from.
3. Take the run up where it stands, or begin it, and let the school do its cycles. Each
   seed has a thread of its own; kernels let go of the interpreter's lock.
4. Walk the held-out days, leave the chosen policy where it is plain whether it was
   accepted, and write ``result.json`` last.

Starting is the same as finishing what was started: a run that was stopped at any instant,
by Ctrl-C or by ``kill -9``, comes to the result that it would have come to.

``python -m stairway.app.ward rl FOLDER`` does this in a process of its own, since nothing
that trades may import a training library. It says what it hears as JSON lines:
``{"label", "done", "total"}``, ``{"rollout"}``, ``{"seed_cycle"}``, ``{"cycle"}``,
``{"note"}``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from stairway.app import folder as folders
from stairway.app.folder import RunFolder
from stairway.app.hold import held
from stairway.app.lines import Lines, say_error
from stairway.app.rl import gold as rl_gold
from stairway.app.rl.ask import Ask, open_practice
from stairway.app.rl.asked import require_same, told
from stairway.app.rl.compiling import said_once
from stairway.app.rl.disk import Disk
from stairway.app.rl.folder import (
    RlFolder,
    kept_at,
    newest,
    read_encoded,
    write_encoded,
)
from stairway.app.rl.left import ARCHITECTURE, ONNX, TENSORS, leave
from stairway.app.rl.live import Live, Stopped
from stairway.app.rl.meters import Metered, meters_of
from stairway.app.rl.outcome import read_result, write_result
from stairway.app.rl.request import understood
from stairway.app.rules import watch_rules
from stairway.base.errors import ConfigError, DataError, StairwayError
from stairway.base.hashing import content_hash
from stairway.market.instrument import Instrument
from stairway.models.actor import Actor
from stairway.models.policy_form import to_bytes
from stairway.training.ear import Ear, Result
from stairway.training.gold import Gold
from stairway.training.journal import (
    LAYOUT,
    CycleReport,
    GoldReport,
    HeldOut,
    LeftFile,
    Outcome,
    PracticeResult,
    SeedCycle,
)
from stairway.training.keeping import ordered
from stairway.training.measured import Rollout
from stairway.training.policy_onnx import to_onnx
from stairway.training.ppo.export import policy_from
from stairway.training.practice_ground import PracticeGround, prepare
from stairway.training.school import School

STOPPED = 130
"""Exit code after Ctrl-C."""


def train(root: Path, ear: Ear) -> PracticeResult:
    """Begin or finish the training run in ``root``; return what came of it.

    Raises
    ------
    ConfigError
        If another process works on it, or it cannot be written.
    DataError
        If bars, reference or a checkpoint are missing, damaged, or of something else.
    KeyboardInterrupt
        After Ctrl-C, once every seed has come to the end of its roll-out or judgement. (A
        process of its own does not wait for that.)
    """
    folder, ask = open_practice(root)
    with held(RunFolder(root)), threadpool_limits(limits=1):
        if folder.result.exists():
            return read_result(folder)
        return _Run(folder, ask, ear).go()


def make_gold(root: Path, ear: Ear) -> None:
    """Make the reference of the run in ``root``, or find that it is made, and nothing else.

    Raises
    ------
    ConfigError
        If it cannot be kept for other runs; and as :func:`train`.
    """
    folder, ask = open_practice(root)
    with held(RunFolder(root)), threadpool_limits(limits=1):
        run = _Run(folder, ask, ear)
        run.gold()
        run.keep_gold()


class _Run:
    """One training run at work."""

    def __init__(self, folder: RlFolder, ask: Ask, ear: Ear) -> None:
        self._folder, self._ask = folder, ask
        self._ear = ear
        asked = understood(folder, ask)
        self._rules, self._watch = asked.rules, watch_rules(asked.settings)
        self._asked = told(ask, self._rules, self._watch)
        require_same(folder, self._asked)
        self._ground = self._prepared(asked.pair)
        self._stop = Event()

    def _prepared(self, pair: tuple[Instrument, Instrument]) -> PracticeGround:
        bars = folders.load_bars(RunFolder(self._folder.root), pair)
        if bars.fingerprint != self._ask.bars_fingerprint:
            msg = (
                f"{self._folder.root} does not hold the bars that its {self._folder.ask.name} "
                "speaks of; restore bars.npz, or start a new run"
            )
            raise DataError(msg)
        rng = np.random.Generator(np.random.PCG64(self._rules.cycles.judging_seed))
        return prepare(bars, self._watch, self._rules, rng, self._ear)

    def gold(self) -> Gold:
        """Take the run's own copy of the reference; the first time, fetch one."""
        began = newest(self._folder.cycles, "")
        if not began and not self._folder.gold.with_suffix(".json").exists():
            cache = Path(self._ask.gold)
            fetched = rl_gold.fetched(cache, self._ground, self._rules, self._ear)
            write_encoded(self._folder.gold, fetched)
        return rl_gold.opened(self._folder, self._ground, self._rules)

    def keep_gold(self) -> None:
        """Make sure that the reference is there for other runs: it was asked for."""
        expected = rl_gold.expected_identity(self._ground, self._rules)
        at = kept_at(Path(self._ask.gold), expected)
        if not at.with_suffix(".json").exists():
            own = read_encoded(self._folder.gold, "the reference", "make it again")
            rl_gold.keep(at, own)

    def go(self) -> PracticeResult:
        gold = self.gold()
        self._ear.begin("setting up the learners", 1)
        # What decides nothing (where figures are sent, say) may change between two starts.
        asked = content_hash(self._watch)
        school = School(self._ground, self._rules, gold, self._ask.seeds, asked)
        disk = Disk(self._folder, school.frozen, self._asked)
        begun = taken_up(school, disk)
        self._ear.advance(1)
        if not begun:
            self._ear.begin("judging the reference", 1)
            disk.cycle(school.begin())
            self._ear.advance(1)

        def so_far() -> PracticeResult:
            return self._result(school, gold, ())

        meters = meters_of(self._ask.practice, self._folder.root, school.seeds)
        bars = self._ground.training.bars_per_session
        metered = Metered(self._ear, meters, self._rules.learner.rollout_steps, bars)
        try:
            live = Live(self._folder, so_far, metered, self._stop)
            school.run(disk, live, self._side_by_side)
        finally:
            metered.close()
        self._ear.begin("walking the held-out days", 1)
        seen = school.unseen(self._side_by_side)
        self._ear.advance(1)
        result = self._result(school, gold, seen)
        files = self._leave_policy(school, result)
        return write_result(self._folder, msgspec.structs.replace(result, files=files))

    def _side_by_side(
        self, work: Callable[[int], Result], seeds: Sequence[int]
    ) -> list[Result]:
        return side_by_side(work, seeds, self._stop)

    def _leave_policy(self, school: School, result: PracticeResult) -> tuple[LeftFile, ...]:
        if result.chosen_seed is None:
            return ()
        policy = school.good_policy(result.chosen_seed)
        actor = Actor(policy_from(policy.layout, policy.flat), self._ground.normaliser)
        at = self._folder.policy if result.accepted else self._folder.unaccepted
        tensors, architecture = to_bytes(actor)
        content = {TENSORS: tensors, ARCHITECTURE: architecture, ONNX: to_onnx(actor)}
        return leave(self._folder, at, content)

    def _result(self, school: School, gold: Gold, seen: tuple[HeldOut, ...]) -> PracticeResult:
        kept, ask = school.last_kept, self._ask
        chosen = kept.median_seed if kept is not None else None
        return PracticeResult(
            layout=LAYOUT,
            version=ask.version,
            finished=bool(seen),
            symbols=self._ground.training.symbols,
            source=ask.source,
            policy_name=ask.policy_name,
            seeds=school.seeds,
            cycles_planned=self._rules.cycles.cycles,
            steps_per_cycle=self._rules.cycles.steps_per_cycle,
            spans=self._ground.spans,
            frozen=school.frozen,
            gold=self._gold_report(school, gold, seen),
            gold_rollouts=gold.rollouts,
            rollouts=ordered(school.rollouts),
            seed_cycles=tuple(school.seed_cycles),
            cycles=school.reports,
            outcome=school.reports[-1].outcome if school.reports else Outcome.CONTINUE,
            chosen_seed=chosen,
            policy_digest=None if chosen is None else school.digest(chosen),
            accepted=school.accepted,
            held_out=seen[1:],
            files=(),
            seal="",
        )

    @cached_property
    def _made_as(self) -> str:
        """Hash that the reference is kept by; ``live.json`` wants it after each roll-out."""
        return rl_gold.expected_identity(self._ground, self._rules).settings

    def _gold_report(self, school: School, gold: Gold, seen: tuple[HeldOut, ...]) -> GoldReport:
        return GoldReport(
            identity=self._made_as,
            digest=school.frozen.gold,
            steps=self._rules.gold.steps,
            hold_rate=gold.hold_rate,
            validation=school.seed_cycles[0].validation,
            held_out=seen[0].sampled if seen else None,
        )


def taken_up(school: School, disk: Disk) -> bool:
    """Take a run up where its checkpoints have it; return whether it was begun.

    Raises
    ------
    DataError
        Naming the checkpoint that cannot be gone on from, and what to do.
    """
    found = disk.read()
    if found is None:
        return False
    saved, midways = found
    with disk.blaming():
        school.resume(saved, {})
    for midway in midways.values():
        with disk.blaming(midway):
            school.resume_seed(midway)
    return True


def side_by_side(
    work: Callable[[int], Result], seeds: Sequence[int], stop: Event
) -> list[Result]:
    """Give each seed a thread; the first error of any, or Ctrl-C, sets ``stop`` for all.

    Whoever is at work then ends when it next looks at ``stop``; who has not begun never does.
    """
    workers = max(1, min(len(seeds), os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, seed) for seed in seeds]
        try:
            ended = wait(futures, return_when=FIRST_EXCEPTION).done
            return [future.result() for future in futures if future in ended]
        except BaseException:
            # First those that have not begun, or a thread that ends would begin one of them.
            for future in futures:
                future.cancel()
            stop.set()
            wait(futures)
            raise


class RlLines(Lines):
    """An ear that says everything as JSON lines, for the process that listens."""

    def rollout(self, rollout: Rollout) -> None:
        """Say what a roll-out was."""
        _say({"rollout": rollout})

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Say what a seed showed."""
        _say({"seed_cycle": seed_cycle})

    def cycle(self, report: CycleReport) -> None:
        """Say what was decided."""
        _say({"cycle": report})

    def note(self, line: str) -> None:
        """Say it."""
        _say({"note": line})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Begin or finish the run in the folder named; with ``gold``, make its reference only."""
    if len(arguments) not in {1, 2} or [*arguments[1:]] not in ([], ["gold"]):
        say_error(ConfigError(f"usage: ward rl FOLDER [gold]; got {arguments!r}"))
        return 1
    work: Callable[[Path, Ear], Any] = make_gold if arguments[1:] else train
    lines = RlLines()
    try:
        with _ending_at_once(), said_once(lines.note):
            work(Path(arguments[0]), lines)
    except StairwayError as error:
        say_error(error)
        return 1
    except (KeyboardInterrupt, Stopped):
        return STOPPED
    return 0


@contextmanager
def _ending_at_once() -> Generator[None]:
    """End this process on Ctrl-C where it stands, as ``kill -9`` would.

    Nothing waits for the threads of the seeds, which may be in the middle of a judgement:
    what counts is written whole, so there is nothing that they would have to finish.
    """

    def end(*_: object) -> None:
        os._exit(STOPPED)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
