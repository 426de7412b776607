"""Fold the record of a run again, and compare every decision with it.

The loop is the one that ran; models and venue are replaced by what they were recorded to
have said. Nothing is written, and no model is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from stairway.app.authority import as_recorded, keys_for, require_signed
from stairway.app.catalog import CODEC, Fact
from stairway.app.climb import Hand, furnish, require_same_run, walk
from stairway.app.facts import RunFinished, RunStarted
from stairway.app.folder import open_existing
from stairway.app.policy_store import STREAM as POLICIES
from stairway.app.progress import Progress
from stairway.app.record.engine import open_run
from stairway.app.recorder import Recorder, run_hash
from stairway.app.settings import decode
from stairway.app.world import RecordedWorld
from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.events.ports import EventLog
from stairway.lifecycle.generation import Keys
from stairway.market.bars import Bar, PairBar, PairBars
from stairway.models.prediction import Exclusion, Prediction
from stairway.trader.facts import Decided


class Replayed(msgspec.Struct, frozen=True):
    """What a replay found.

    Attributes
    ----------
    identical
        Every fact that the loop publishes again equals the record, byte for byte.
    finished
        The record goes to the last bar.
    compared
        Facts that were compared.
    difference
        Where and how the two part, if they do.
    """

    run: str
    identical: bool
    finished: bool
    bars: int
    compared: int
    run_hash: str
    difference: str | None

    @property
    def exit_code(self) -> int:
        """0 where the run is finished and identical, else 2."""
        return 0 if self.identical and self.finished else 2

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        if not self.identical:
            return f"DIFFERENT  {self.run}\n{self.difference}\n"
        state = (
            "finished" if self.finished else "not finished: stairway run --resume " + self.run
        )
        return (
            f"identical  {self.run}\n"
            f"  {self.compared} facts of {self.bars} bars compared, {state}\n"
            f"  {self.run_hash}\n"
        )


def replay(root: Path, progress: Progress) -> Replayed:
    """Replay the run in ``root``.

    Raises
    ------
    ConfigError
        If there is no run.
    DataError
        If its record is damaged, or has not begun.
    """
    folder, ask = open_existing(root)
    if ask.log is None and not folder.log.is_dir():
        msg = f"{root} has no record yet; finish it with: stairway run --resume {root}"
        raise ConfigError(msg)
    log = open_run(folder.log, decode(ask.policy, ask.policy_name).log, ask.log, read_only=True)
    try:
        for envelope in log.read("run"):
            require_same_run(CODEC.read(envelope), ask, folder)
            break
        return _compare(log, root, keys_for(folder, ask.policy_store), progress)
    finally:
        log.close()


def _compare(log: EventLog, root: Path, keys: Keys, progress: Progress) -> Replayed:
    recorder = Recorder(log, read_only=True)
    first, *others = _facts(log, "run") or (None,)
    if not isinstance(first, RunStarted):
        msg = f"the record of {root} has not begun; finish it: stairway run --resume {root}"
        raise DataError(msg)
    finished = any(isinstance(fact, RunFinished) for fact in others)
    difference: str | None = None
    bars = 0
    try:
        if keys:  # A record that was carried away without them is compared all the same.
            require_signed(log, keys)
        signed = _facts(log, POLICIES)
        for fact in (first, *(f for f in others if not isinstance(f, RunFinished)), *signed):
            recorder.publish(fact)
        shown = _bars(log)
        if finished:
            _require_all(shown, first)
        else:
            until = _last_whole(log, shown)
            shown = tuple(bar for bar in shown if bar.index < until)
        world, hand = RecordedWorld(log), Hand(log, ())
        desk = furnish(first, world, recorder, hand, as_recorded(log))
        bars = walk(desk, first, shown, progress)
        rest = recorder.left_over()
        if rest and finished:
            difference = f"recorded, but not decided again: {rest}"
        elif recorder.beyond:
            difference = f"decided now, but not recorded: {recorder.beyond} facts"
    except InvariantError as error:
        difference = str(error)
    return Replayed(
        run=str(root),
        identical=difference is None,
        finished=finished,
        bars=bars,
        compared=recorder.checked,
        run_hash=run_hash(log),
        difference=difference,
    )


def _facts(log: EventLog, stream: str) -> tuple[Fact, ...]:
    return tuple(map(CODEC.read, log.read(stream)))


def _bars(log: EventLog) -> tuple[PairBar, ...]:
    return tuple(fact for fact in _facts(log, "market.bar") if isinstance(fact, PairBar))


def _require_all(bars: Sequence[PairBar], start: RunStarted) -> None:
    """Raise unless these are, to the last digit, the bars that the run was started with."""
    values = np.array(
        [[msgspec.structs.astuple(one) for one in bar.bars] for bar in bars], np.float64
    ).reshape(-1, 2, len(Bar.__struct_fields__))
    columns = (np.ascontiguousarray(column) for column in np.moveaxis(values, 2, 0))
    shown = PairBars(
        start.instruments,
        np.array([bar.time_ns for bar in bars], np.int64),
        np.array([bar.session for bar in bars], np.int64),
        np.array([bar.last_of_session for bar in bars], np.bool_),
        *columns,
    )
    if shown.fingerprint != start.bars_fingerprint:
        msg = f"the {len(bars)} recorded bars are not those that the run was started with"
        raise InvariantError(msg)


def _last_whole(log: EventLog, bars: Sequence[PairBar]) -> int:
    """Say before which bar of an unfinished run every input and every fact is there.

    The two files of a log may end at different bars after a crash.
    """
    decided = [f.index for f in _facts(log, "trade.intent") if isinstance(f, Decided)]
    answered = [
        f.as_of_ns for f in _facts(log, "model.answer") if isinstance(f, Prediction | Exclusion)
    ]
    seen = [bar.index for bar in bars if answered and bar.time_ns <= answered[-1]]
    return min(max(decided, default=0), max(seen, default=0))
