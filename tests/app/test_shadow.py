"""Recorded days, replayed through the code that serves, with the models asked anew."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import numpy as np
import pytest

from stairway.events.fold import in_order
from stairway.testing.log import write_again
from stairway.adapters.logs.sqlite import open_log, verify
from stairway.app.catalog import CODEC, ORDERS
from stairway.app.facts import Timing
from stairway.app.progress import Silent
from stairway.app.request import resumed
from stairway.app.run import Prepared, prepare, stock
from stairway.app.shadow import LINKS, STREAM, Shadowed, judge, serve, shadow, ticks_of
from stairway.app.shelf import Shelf
from stairway.app.world import LiveWorld, World
from stairway.base.arrays import FloatArray
from stairway.base.errors import ConfigError, DataError, RecordError
from stairway.base.verdict import Finding, Pass, Refuse, Verdict
from stairway.evaluation.replay import Link, ReplayRules, chained, is_whole
from stairway.events.ports import EventLog
from stairway.execution.facts import CommandSent, VenueSaid
from stairway.execution.orders import Filled, Submit
from stairway.market.bars import PairBar
from stairway.models.ports import ModelCard, Runtime
from stairway.models.prediction import Answer, Exclusion, Prediction
from stairway.trader.facts import Decided, Marked
from stairway.trader.observe import Seen

RULES = ReplayRules(
    min_ticks=20,
    max_profit_difference_ppm=1_000,
    profit_floor_ppm=100,
    max_drawdown_ppm=500_000,
)
OpenLog = Callable[..., EventLog]
LIGHT, OTHER = "lightgbm" * 8, "xgboost" * 8


def facts(log: EventLog, *streams: str) -> list[object]:
    return [CODEC.decode(envelope.payload) for envelope in in_order(log, streams)]


def links(log: EventLog) -> list[Link]:
    return [LINKS.decode(envelope.payload) for envelope in log.read(STREAM)]


def finding(verdict: Verdict) -> Finding:
    assert isinstance(verdict, Refuse), verdict
    return verdict.findings[0]


@dataclass
class Recorded:
    """A little run with its record, and a way to replay it."""

    run: Any
    log: EventLog
    new_log: OpenLog

    def replayed(
        self,
        name: str = "own",
        *,
        world: World | None = None,
        model: str | None = None,
        rules: ReplayRules = RULES,
    ) -> tuple[EventLog, Verdict]:
        own, start = self.new_log(name), self.run.start()
        serve(start, world or self.run.live(), (self.log, own), self.run.bars, Silent())
        _, verdict = judge(start, (self.log, own), rules, model)
        return own, verdict


@pytest.fixture
def recorded(story: Any, new_log: OpenLog) -> Recorded:
    """Both models climb by hand, so there are books, orders and fills of every kind."""
    return Recorded(replace(story.run, hand=()), story.log, new_log)


@dataclass(frozen=True, slots=True)
class Slip:
    """A model that says something else at one bar, and what it always says at all others."""

    inner: Runtime
    at: int
    said: float
    asked: list[int]

    @property
    def card(self) -> ModelCard:
        return self.inner.card

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        self.asked.append(0)
        raw, confidence = self.inner.predict(row, regime)
        if len(self.asked) - 1 in {2 * self.at, 2 * self.at + 1}:
            return (raw, self.said) if math.isfinite(self.said) else (self.said, self.said)
        return raw, confidence


def slipping(recorded: Recorded, at: int, said: float) -> LiveWorld:
    """A world in which the first model slips at the bar ``at`` of the climb."""
    world = recorded.run.live()
    slip = Slip(recorded.run.runtimes[LIGHT], at, said, [])
    return replace(world, runtimes={**recorded.run.runtimes, LIGHT: slip})


# -- equal -----------------------------------------------------------------------------


def test_models_asked_anew_make_the_same_ticks_decisions_and_orders(recorded: Recorded) -> None:
    own, verdict = recorded.replayed()
    assert isinstance(verdict, Pass), verdict
    assert verdict.findings[0].value == 60
    for stream in (
        "market.bar",
        "model.answer",
        "trade.intent",
        "order",
        "fill",
        "trade.closed",
    ):
        assert facts(own, stream) == facts(recorded.log, stream)
    assert any(isinstance(f, VenueSaid) for f in facts(own, "fill")), "something was traded"


@pytest.mark.parametrize("model", [LIGHT, OTHER])
def test_one_model_is_judged_by_its_own_answers_books_and_orders(
    model: str, recorded: Recorded
) -> None:
    _, verdict = recorded.replayed(model=model)
    assert isinstance(verdict, Pass), verdict


def test_the_chain_lies_in_the_log_of_the_replay(recorded: Recorded) -> None:
    own, _ = recorded.replayed()
    kept = links(own)
    assert [link.tick.index for link in kept] == list(range(60, 120))
    assert isinstance(is_whole(kept, "kept"), Pass)
    again = chained(ticks_of(recorded.log, recorded.run.start(), None))
    assert tuple(kept) == again


def test_its_files_are_sqlite_with_a_write_ahead_log(
    recorded: Recorded, tmp_path: Path
) -> None:
    own, _ = recorded.replayed()
    own.close()
    assert isinstance(verify(tmp_path / "own"), Pass)
    for name in ("durable.db", "telemetry.db"):
        connection = apsw.Connection(
            str(tmp_path / "own" / name), flags=apsw.SQLITE_OPEN_READONLY
        )
        assert connection.execute("pragma journal_mode").fetchall() == [("wal",)]
        connection.close()


def test_durations_are_facts_of_their_own_and_in_no_hash(recorded: Recorded) -> None:
    first, _ = recorded.replayed("first")
    second, _ = recorded.replayed("second")
    took = [
        [f.stages_ns["decision"] for f in facts(log, "timing") if isinstance(f, Timing)]
        for log in (first, second)
    ]
    assert len(took[0]) == len(took[1]) == 60
    assert took[0] != took[1], "no two runs take the same nanoseconds"
    assert links(first) == links(second)


def test_the_record_is_not_touched(recorded: Recorded) -> None:
    before = {s: recorded.log.head(s) for s in recorded.log.streams()}
    recorded.replayed()
    assert {s: recorded.log.head(s) for s in recorded.log.streams()} == before


def test_what_operators_did_is_done_again(recorded: Recorded) -> None:
    own, _ = recorded.replayed()
    assert len(facts(own, "operator")) == 4
    assert facts(own, "operator") == facts(recorded.log, "operator")


# -- where they part -------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 17, 59])
@pytest.mark.parametrize("model", [None, LIGHT])
def test_one_changed_prediction_names_its_tick(
    at: int, model: str | None, recorded: Recorded
) -> None:
    _, verdict = recorded.replayed(world=slipping(recorded, at, 0.99), model=model)
    found = finding(verdict)
    assert found.code == "replay.diverged"
    assert found.value == 60 + at
    assert f"tick {60 + at} (" in found.detail
    assert "predictions differ" in found.detail


def test_a_prediction_that_is_no_number_names_its_tick(recorded: Recorded) -> None:
    own, verdict = recorded.replayed(world=slipping(recorded, 30, math.nan))
    assert finding(verdict).value == 90
    excluded = [f for f in facts(own, "model.answer") if isinstance(f, Exclusion)]
    assert {f.code.value for f in excluded if f.as_of_ns} >= {"member.not_finite"}


def test_the_slip_of_one_model_is_not_held_against_another(recorded: Recorded) -> None:
    """Ensemble weights and stages may move with it; answers and the shadow's book do not."""
    _, verdict = recorded.replayed(world=slipping(recorded, 59, 0.99), model=OTHER)
    assert isinstance(verdict, Pass), verdict


def test_a_model_that_is_not_there_any_more_names_the_first_tick(recorded: Recorded) -> None:
    world = recorded.run.live()
    gone = replace(world, runtimes={k: v for k, v in world.runtimes.items() if k != LIGHT})
    _, verdict = recorded.replayed(world=gone, model=LIGHT)
    assert finding(verdict).value == 60
    assert "predictions differ" in finding(verdict).detail


def test_other_bars_name_the_tick_at_which_they_begin(recorded: Recorded) -> None:
    close = recorded.run.bars.close.copy()
    close[77, 1] *= 1.0001
    high = np.maximum(recorded.run.bars.high, close)
    low = np.minimum(recorded.run.bars.low, close)
    recorded.run.bars = replace(recorded.run.bars, close=close, high=high, low=low)
    found = finding(recorded.replayed()[1])
    assert found.value == 77
    assert "inputs differ" in found.detail


def test_costs_that_came_out_otherwise_show_in_the_profit(
    recorded: Recorded,
) -> None:
    @dataclass
    class Unlucky:
        """The same world; the venue takes five thousand dollars more of every fill."""

        inner: LiveWorld

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def heard(self, bar: PairBar) -> Iterator[object]:
            for batch in self.inner.heard(bar):
                yield tuple((book, worse(event)) for book, event in batch)

    def worse(event: object) -> object:
        if isinstance(event, Filled):
            return msgspec.structs.replace(event, fee_micros=event.fee_micros + 5_000_000_000)
        return event

    _, verdict = recorded.replayed(world=Unlucky(recorded.run.live()))
    assert isinstance(verdict, Refuse)
    codes = {found.code for found in verdict.findings}
    assert "replay.profit" in codes


def test_a_replay_that_stops_early_is_refused(recorded: Recorded) -> None:
    own, start = recorded.new_log("own"), recorded.run.start()
    part = recorded.run.bars.part(0, 110)
    serve(start, recorded.run.live(), (recorded.log, own), part, Silent())
    _, verdict = judge(start, (recorded.log, own), RULES, None)
    found = finding(verdict)
    assert (found.code, found.value) == ("replay.truncated", 110)


def test_too_few_ticks_prove_nothing(recorded: Recorded) -> None:
    strict = msgspec.structs.replace(RULES, min_ticks=61)
    _, verdict = recorded.replayed(rules=strict)
    assert not isinstance(verdict, Pass | Refuse)
    assert verdict.findings[0].code == "replay.too_short"


def test_a_fall_beyond_the_bound_is_refused_though_every_hash_is_equal(
    recorded: Recorded,
) -> None:
    strict = msgspec.structs.replace(RULES, max_drawdown_ppm=0)
    found = finding(recorded.replayed(rules=strict, model=OTHER)[1])
    assert found.code == "replay.drawdown"


def test_a_model_that_never_took_part_cannot_be_judged(recorded: Recorded) -> None:
    with pytest.raises(ConfigError, match="model nobody gave no answer"):
        recorded.replayed(model="nobody")


# -- what a tick holds -----------------------------------------------------------------


def test_worth_and_turnover_are_what_the_books_and_fills_say(recorded: Recorded) -> None:
    start = recorded.run.start()
    every = list(ticks_of(recorded.log, start, OTHER))
    mine = [
        f
        for f in facts(recorded.log, "book.marked")
        if isinstance(f, Marked) and OTHER in f.book
    ]
    last: dict[str, int] = {f.book: sum(f.pnl_micros) for f in mine}
    equity = round(recorded.run.settings.account.equity_usd * 1e6)
    assert every[0].value_micros == equity
    assert every[-1].value_micros == equity + sum(last.values())
    price = {i.symbol: i.micros_per_tick_lot for i in start.instruments}
    orders = facts(recorded.log, *ORDERS)
    symbol = {
        f.command.order_id: f.command.symbol
        for f in orders
        if isinstance(f, CommandSent) and isinstance(f.command, Submit)
    }
    traded = sum(
        f.event.lots * f.event.price_ticks * price[symbol[f.event.order_id]]
        for f in orders
        if isinstance(f, VenueSaid) and OTHER in f.book and isinstance(f.event, Filled)
    )
    assert every[-1].turnover_micros == traded > 0


def test_as_a_whole_only_real_money_counts(recorded: Recorded) -> None:
    every = list(ticks_of(recorded.log, recorded.run.start(), None))
    real: dict[str, int] = {}
    for f in facts(recorded.log, "book.marked"):
        if isinstance(f, Marked) and (f.book == "capital" or f.book.startswith("canary:")):
            real[f.book] = sum(f.pnl_micros)
    assert every[-1].value_micros - every[0].value_micros == sum(real.values())


def test_every_answer_decision_and_order_is_in_some_tick(recorded: Recorded) -> None:
    """Leave any one of them out of the log, and the chain is another."""
    start = recorded.run.start()
    whole = chained(ticks_of(recorded.log, start, None))

    @dataclass
    class Without:
        stream: str
        position: int

        def read(self, stream: str, after: int = 0) -> Iterator[object]:
            for envelope in recorded.log.read(stream, after):
                if (stream, envelope.position) != (self.stream, self.position):
                    yield envelope

    kinds = {
        "model.answer": (Prediction, Exclusion),
        "trade.intent": Decided,
        "order": CommandSent,
    }
    for stream, kind in kinds.items():
        for position, fact in enumerate(facts(recorded.log, stream), start=1):
            if (
                isinstance(fact, kind)
                and position % 41 == 0
                and not isinstance(getattr(fact, "command", None), Submit)
            ):
                other = chained(ticks_of(Without(stream, position), start, None))
                assert other[-1].hashes != whole[-1].hashes


# -- a whole run -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def ready(finished_run: Path) -> tuple[Prepared, Shelf]:
    asked = resumed(finished_run)
    prepared = prepare(asked, Silent())
    shelf = stock(asked, prepared, Silent())
    assert shelf is not None
    return prepared, shelf


def test_a_whole_run_replays_equal_with_its_sealed_models(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    found = shadow(*ready, tmp_path / "shadow", RULES, Silent())
    assert isinstance(found, Shadowed)
    assert isinstance(found.verdict, Pass), found.verdict
    assert found.ticks > 200
    assert found.model is None
    log = open_log(tmp_path / "shadow", ready[0].settings.log, read_only=True)
    try:
        assert links(log)[-1].hashes == found.hashes
        assert len(links(log)) == found.ticks
    finally:
        log.close()


def test_a_sealed_model_is_judged_by_itself(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    digest = ready[1].baseline
    found = shadow(*ready, tmp_path / "shadow", RULES, Silent(), digest)
    assert isinstance(found.verdict, Pass), found.verdict
    assert found.model == digest
    assert msgspec.json.decode(msgspec.json.encode(found), type=Shadowed) == found


def test_a_model_that_a_gate_kept_out_cannot_be_judged_and_nothing_is_written(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    digest = ready[1].sealed[0].digest
    with pytest.raises(ConfigError, match=f"model {digest[:12]} gave no answer"):
        shadow(*ready, tmp_path / "shadow", RULES, Silent(), digest)
    assert not (tmp_path / "shadow").exists()


def test_a_folder_that_holds_something_is_left_alone(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(ConfigError, match="already holds something"):
        shadow(*ready, tmp_path, RULES, Silent())
    assert (tmp_path / "mine").read_text() == "precious"


def copied(ready: tuple[Prepared, Shelf], root: Path, lengths: Mapping[str, int]) -> Prepared:
    """The run with a record of which only beginnings of some streams are left."""
    folder = replace(ready[0].folder, root=root)
    root.mkdir()
    shutil.copy2(ready[0].folder.ask, folder.ask)
    rules = ready[0].settings.log
    old, new = open_log(ready[0].folder.log, rules, read_only=True), open_log(folder.log, rules)
    try:
        write_again(old, new, lambda s, payloads: payloads[: lengths.get(s, len(payloads))])
    finally:
        new.close()
        old.close()
    return replace(ready[0], folder=folder)


@pytest.mark.parametrize("kept", [0, 2])
def test_a_run_that_is_not_finished_is_told_how_to_go_on(
    kept: int, ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    cut = copied(ready, tmp_path / "run", {"run": kept})
    with pytest.raises(DataError, match=r"not finished; finish it: stairway run --resume"):
        shadow(cut, ready[1], tmp_path / "shadow", RULES, Silent())


def test_a_record_with_a_lost_end_is_refused_by_the_tick(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    bars = len(ready[0].bars)
    cut = copied(ready, tmp_path / "run", {"market.bar": bars - 5})
    found = shadow(cut, ready[1], tmp_path / "shadow", RULES, Silent())
    assert finding(found.verdict).code == "replay.truncated"
    assert finding(found.verdict).value == bars - 5


def test_the_record_of_another_run_is_refused(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    other = replace(ready[0], ask=msgspec.structs.replace(ready[0].ask, seed=8))
    with pytest.raises(DataError, match="was not made by what"):
        shadow(other, ready[1], tmp_path / "shadow", RULES, Silent())


def test_a_run_without_a_record_is_refused(
    ready: tuple[Prepared, Shelf], tmp_path: Path
) -> None:
    empty = replace(ready[0], folder=replace(ready[0].folder, root=tmp_path / "none"))
    with pytest.raises((ConfigError, DataError, RecordError)):
        shadow(empty, ready[1], tmp_path / "shadow", RULES, Silent())


def test_an_answer_is_never_taken_from_the_record(recorded: Recorded) -> None:
    @dataclass
    class Counting:
        inner: LiveWorld
        asked: int = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def answers(self, seen: Seen, digests: list[str]) -> list[Answer]:
            self.asked += 1
            return self.inner.answers(seen, digests)

    world = Counting(recorded.run.live())
    recorded.replayed(world=world)
    assert world.asked == 60
