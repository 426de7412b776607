"""One bar, start to finish, for every book: on record first, and to the last micro."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace as with_field
from typing import Any

import pytest
from msgspec.structs import replace

from stairway.app.books import BASELINE_TWIN, CAPITAL, Books
from stairway.app.catalog import CODEC
from stairway.app.facts import Funded, RunFinished, Timing
from stairway.app.recorder import Recorder, run_hash, telemetry_hash
from stairway.app.vitals import VitalRules
from stairway.app.world import RecordedWorld
from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Refuse
from stairway.decision.intent import Enter, Route
from stairway.events.ports import EventLog
from stairway.execution.facts import CommandSent, TradeClosed, VenueSaid
from stairway.execution.orders import Filled, Leg, Submit
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar
from stairway.models.prediction import Exclusion, ExclusionCode, Prediction
from stairway.risk.clamp import ClampedOrder
from stairway.simulation.misfortune import freeze_feed
from stairway.supervision.facts import CalibrationTracked
from stairway.trader.facts import Decided, Marked

START = 10**12
OpenLog = Callable[..., EventLog]


def of(story: Any, stream: str, kind: type) -> list[Any]:
    return [fact for fact in story.facts(stream) if isinstance(fact, kind)]


def test_real_money_is_the_start_and_what_was_traded_at_every_bar(story: Any) -> None:
    for books in story.books:
        real = [book for name, book in books.items() if Books.is_real(name)]
        assert sum(b.cash_micros for b in real) == START + sum(sum(b.flow_micros) for b in real)


def test_each_virtual_book_has_its_own_start_and_what_it_traded(story: Any) -> None:
    for books in story.books:
        for name, book in books.items():
            if not Books.is_real(name):
                assert book.cash_micros == START + sum(book.flow_micros)


def test_cash_and_lots_are_the_sum_of_the_recorded_fills_and_transfers(story: Any) -> None:
    sides = {s.command.order_id: s.command for s in of(story, "order", CommandSent)
             if isinstance(s.command, Submit)}  # fmt: skip
    cash: dict[str, int] = defaultdict(int)
    held: dict[tuple[str, str], int] = defaultdict(int)
    for said in of(story, "fill", VenueSaid):
        if isinstance(said.event, Filled):
            fill, order = said.event, sides[said.event.order_id]
            cash[said.book] -= order.side * fill.lots * fill.price_ticks * 10_000
            cash[said.book] -= fill.fee_micros
            held[said.book, order.symbol] += order.side * fill.lots
    for moved in of(story, "book.funded", Funded):
        cash[moved.source] -= moved.micros
        cash[moved.target] += moved.micros
    for name, book in story.desk.books.items():
        start = 0 if name.startswith("canary:") else START
        assert book.cash_micros == start + cash[name], name
        assert book.held == (held[name, "ALPHA"], held[name, "BETA"]), name


def test_a_book_that_is_flat_has_earned_what_its_trades_say(story: Any) -> None:
    flat = 0
    for name, book in story.desk.books.items():
        if book.is_flat:
            trades = [t for t in of(story, "trade.closed", TradeClosed) if t.book == name]
            assert sum(t.pnl_micros for t in trades) == sum(book.flow_micros), name
            flat += len(trades)
    assert flat > 10


def test_the_last_fill_of_a_book_that_is_ended_is_marked(story: Any) -> None:
    ended = [n for n, b in story.desk.books.items() if b.entries_frozen and b.is_flat]
    assert any(name.startswith("canary:") for name in ended)
    for name in ended:
        *_, last = (m for m in of(story, "book.marked", Marked) if m.book == name)
        assert last.held == (0, 0)
        assert sum(last.pnl_micros) == sum(story.desk.books[name].flow_micros)


def test_a_mark_is_cash_and_what_is_held_at_the_close(story: Any) -> None:
    marks = {(m.index, m.book): m for m in of(story, "book.marked", Marked)}
    bars = {bar.index: bar for bar in of(story, "market.bar", PairBar)}
    for (index, name), fact in marks.items():
        book = story.books[index - story.run.first_index][name]
        closes = [round(bar.close * 100) for bar in bars[index].bars]
        worth = sum(h * c * 10_000 for h, c in zip(fact.held, closes, strict=True))
        moved = [m for m in of(story, "book.funded", Funded) if m.index == index]
        sent = sum(m.micros for m in moved if m.source == name)
        got = sum(m.micros for m in moved if m.target == name)
        assert fact.equity_micros == book.cash_micros + worth + sent - got


def test_no_command_leaves_before_it_is_on_record_and_none_for_money_before_the_disk(
    story: Any,
) -> None:
    recorded: dict[tuple[str, str, str], int] = {}
    flushed, sends = -1, 0
    for at, (what, content) in enumerate(story.heard.used):
        if what == "order":
            fact = CODEC.decode(content)
            if isinstance(fact, CommandSent):
                key = (fact.book, fact.command.order_id, repr(fact.command))
                recorded[key] = at
        elif what == "flush":
            flushed = at
        elif what == "send":
            book, command = content
            key = (book, command.order_id, repr(command))
            sends += 1
            if Books.is_real(book):
                assert recorded.pop(key) < flushed
    assert sends == len(of(story, "order", CommandSent)) > 300


def test_every_living_model_answers_about_both_instruments_at_every_bar(story: Any) -> None:
    answers = of(story, "model.answer", Prediction) + of(story, "model.answer", Exclusion)
    by_bar: dict[int, list[str]] = defaultdict(list)
    for answer in answers:
        by_bar[answer.as_of_ns].append(answer.digest)
    first = story.run.first_index
    assert sorted(by_bar) == story.run.bars.time_ns[first:].tolist()
    assert all(len(set(d)) == 3 and len(d) == 6 for d in by_bar.values())


def test_every_book_that_does_not_rest_decides_once_a_bar(story: Any) -> None:
    seen: dict[int, list[str]] = defaultdict(list)
    for fact in of(story, "trade.intent", Decided):
        seen[fact.index].append(fact.book)
    for offset, books in enumerate(story.books):
        names = seen[story.run.first_index + offset]
        awake = {n for n, b in books.items() if not (b.entries_frozen and b.is_flat)}
        assert len(names) == len(set(names))
        assert set(names) == awake


def test_a_book_that_was_ended_enters_nothing(story: Any) -> None:
    frozen = 0
    for fact in of(story, "trade.intent", Decided):
        book = story.books[fact.index - story.run.first_index][fact.book]
        if book.entries_frozen:
            frozen += 1
            for outcome in fact.outcomes:
                assert outcome is None or outcome.findings[0].code == "book.frozen"
    assert frozen > 0


def test_each_book_decides_by_its_own_mandate(story: Any) -> None:
    routes: dict[str, set[Route]] = defaultdict(set)
    voters: dict[str, set[str]] = defaultdict(set)
    for fact in of(story, "trade.intent", Decided):
        for wish in fact.intents:
            if isinstance(wish, Enter):
                routes[fact.book].add(wish.route)
                voters[fact.book] |= {vote.digest for vote in wish.votes}
    assert routes[BASELINE_TWIN] == {Route.BASELINE}
    assert routes[CAPITAL] == {Route.BASELINE, Route.ENSEMBLE}
    for name, found in routes.items():
        kind, _, digest = name.partition(":")
        if kind in {"shadow", "canary", "twin"} and name != BASELINE_TWIN:
            assert found == {Route.MEMBER}
            assert voters[name] == {digest}


def test_a_new_champions_orders_are_small_at_first(story: Any) -> None:
    """The ramp begins at a twentieth; the champion's twin trades at full size."""
    lots: dict[str, list[int]] = defaultdict(list)
    for sent in of(story, "order", CommandSent):
        order = sent.command
        if isinstance(order, Submit) and order.leg is Leg.ENTRY and 96 <= sent.index < 110:
            lots[sent.book].append(order.lots)
    twin = next(name for name in lots if name.startswith("twin:lightgbm"))
    assert max(lots[CAPITAL]) < 0.1 * max(lots[twin])


def test_the_stages_of_a_decision_are_timed_and_add_up(story: Any) -> None:
    timings = of(story, "timing", Timing)
    assert len(timings) == len(story.books)
    for timing in timings:
        parts = [timing.stages_ns[name] for name in ("observe", "answer", "judge", "decide")]
        assert sum(parts) == timing.stages_ns["decision"]
        assert min(parts) > 0
    assert set(story.desk.latencies.manifest().stages) == set(timings[0].stages_ns)


def test_the_record_ends_with_the_end(story: Any) -> None:
    last = story.run.bars.at(len(story.run.bars) - 1)
    finished = RunFinished(last.index, last.time_ns, telemetry_hash(story.log))
    assert story.facts("run")[-1] == finished


@pytest.mark.parametrize("cut", [62, 81, 101])
def test_a_run_that_was_stopped_anywhere_ends_like_one_that_was_not(
    story: Any, new_log: OpenLog, cut: int
) -> None:
    run = story.run
    broken = new_log("broken")
    run.go(broken, until=cut)
    assert not any(isinstance(CODEC.decode(e.payload), RunFinished) for e in broken.read("run"))
    resumed = run.go(broken)
    assert run_hash(broken) == run_hash(story.log)
    assert resumed.recorder.checked > 10 * (cut - run.first_index)


def test_the_record_repeats_itself_without_models_and_without_a_venue(story: Any) -> None:
    run = story.run
    desk = run.desk(story.log, RecordedWorld(story.log), read_only=True)
    desk.recorder.publish(run.start())
    for _ in run.steps(desk):
        pass
    desk.finish(run.bars.at(len(run.bars) - 1))
    assert desk.recorder.left_over() == {}
    assert desk.recorder.beyond == 0
    measured = len(of(story, "timing", Timing))
    total = sum(story.log.head(s).position for s in story.log.streams())
    assert desk.recorder.checked == total - measured


def test_a_changed_rule_parts_from_the_record_and_says_where(story: Any) -> None:
    run = story.run
    desk = run.desk(story.log, RecordedWorld(story.log), read_only=True)
    desk.rules = with_field(desk.rules, round_trip_bps=desk.rules.round_trip_bps + 1.0)
    desk.recorder.publish(run.start())
    with pytest.raises(InvariantError, match=r"part ways at trade\.intent #"):
        for _ in run.steps(desk):
            pass


class Broken:
    """A model that always raises."""

    def __init__(self, card: Any) -> None:
        self.card = card

    def predict(self, row: Any, regime: str) -> tuple[float, float]:
        raise ZeroDivisionError(regime, row.shape)


def test_a_champion_that_raises_is_excluded_and_enters_nothing(
    little: Any, new_log: OpenLog
) -> None:
    little.order(70, "lightgbm", Stage.CHAMPION)
    digest = "lightgbm" * 8
    little.runtimes[digest] = Broken(little.runtimes[digest].card)
    log = new_log()
    little.go(log, until=90)
    answers = [CODEC.decode(e.payload) for e in log.read("model.answer")]
    own = [a for a in answers if a.digest == digest]
    assert own
    assert all(isinstance(a, Exclusion) and a.code is ExclusionCode.RAISED for a in own)
    decided = [CODEC.decode(e.payload) for e in log.read("trade.intent")]
    for fact in decided:
        if fact.book == CAPITAL and fact.index >= 70:
            assert not any(isinstance(wish, Enter) for wish in fact.intents)
        if fact.book == BASELINE_TWIN and fact.index == 75:
            assert len(fact.intents) == 2


def test_while_the_feed_hangs_nothing_is_entered(little: Any, new_log: OpenLog) -> None:
    little.bars = freeze_feed(little.bars, start=70, count=6)
    log = new_log()
    little.go(log, until=80)
    hung = [
        outcome
        for fact in (CODEC.decode(e.payload) for e in log.read("trade.intent"))
        if 72 <= fact.index <= 76
        for outcome in fact.outcomes
        if outcome is not None
    ]
    assert hung
    assert all(isinstance(o, Refuse) for o in hung)
    assert {o.findings[0].code for o in hung} == {"risk.frozen_feed"}


def entered(log: EventLog) -> list[Any]:
    """What became of every wish to enter."""
    decided = [CODEC.decode(e.payload) for e in log.read("trade.intent")]
    return [o for fact in decided for o in fact.outcomes if o is not None]


def at_a_second_each(little: Any, max_bar_age_s: float) -> None:
    """Let each of the six answers about a bar take one second."""
    slow = VitalRules(latency_median_ms=1_000.0, latency_log_sigma=0.0)
    limits = replace(little.settings.limits, max_bar_age_s=max_bar_age_s)
    little.settings = replace(little.settings, vitals=slow, limits=limits)


def test_answers_that_come_too_late_open_nothing(little: Any, new_log: OpenLog) -> None:
    at_a_second_each(little, 5.999_999_999)
    log = new_log()
    little.go(log, until=75)
    outcomes = entered(log)
    assert {o.findings[0].code for o in outcomes} == {"risk.stale_bar"}
    assert {o.findings[0].value for o in outcomes} == {6.0}
    assert not {"order", "fill"} & set(log.streams())


def test_answers_that_come_just_in_time_change_nothing(little: Any, new_log: OpenLog) -> None:
    prompt, late = new_log("prompt"), new_log("late")
    little.go(prompt, until=75)
    at_a_second_each(little, 6.0)
    little.go(late, until=75)
    assert any(isinstance(o, ClampedOrder) for o in entered(late))
    for stream in ("trade.intent", "order", "fill"):
        assert [e.payload for e in late.read(stream)] == [
            e.payload for e in prompt.read(stream)
        ]


def test_what_was_too_late_is_too_late_again_in_a_replay(little: Any, new_log: OpenLog) -> None:
    ragged = VitalRules(latency_median_ms=1_000.0, latency_log_sigma=1.0)
    limits = replace(little.settings.limits, max_bar_age_s=10.0)
    little.settings = replace(little.settings, vitals=ragged, limits=limits)
    log = new_log()
    little.go(log)
    late = [isinstance(o, Refuse) for o in entered(log)]
    assert any(late)
    assert not all(late)
    again = little.desk(log, RecordedWorld(log), read_only=True)
    again.recorder.publish(little.start())
    for _ in little.steps(again):
        pass
    assert again.recorder.beyond == 0


def test_a_bar_from_the_future_opens_nothing(little: Any, new_log: OpenLog) -> None:
    log = new_log()
    desk = little.desk(log)
    desk.answered_ns = lambda bar, _: UtcNs(bar.time_ns - 1)
    for bar in little.steps(desk, until=75):
        assert bar.index < 75
    desk.recorder.flush()
    assert {o.findings[0].code for o in entered(log)} == {"risk.unusable_input"}


def test_a_baseline_that_is_gone_enters_nothing(little: Any, new_log: OpenLog) -> None:
    del little.runtimes[little.baseline]
    log = new_log()
    little.go(log, until=70)
    wishes = [
        w
        for fact in (CODEC.decode(e.payload) for e in log.read("trade.intent"))
        if fact.book in {CAPITAL, BASELINE_TWIN}
        for w in fact.intents
    ]
    assert wishes
    assert not any(isinstance(w, Enter) for w in wishes)


def test_a_recorder_that_only_reads_leaves_the_log_as_it_was(story: Any) -> None:
    before = run_hash(story.log)
    Recorder(story.log, read_only=True).publish(*story.facts("run"))
    assert run_hash(story.log) == before


def test_what_models_said_is_held_against_what_came_and_put_on_record(story: Any) -> None:
    facts = of(story, "model.calibration", CalibrationTracked)
    by_model = {fact.model for fact in facts}
    assert by_model == {"lightgbm", "xgboost"}  # the rule has no probabilities of its own
    labels = story.run.settings.labels
    last: dict[tuple[str, str], int] = {}
    for fact in facts:
        assert fact.n > last.get((fact.digest, fact.regime), 0)
        last[fact.digest, fact.regime] = fact.n
    for digest in {digest for digest, _ in last}:
        told = sum(n for (one, _), n in last.items() if one == digest)
        said = [p for p in of(story, "model.answer", Prediction) if p.digest == digest]
        assert len(said) - 2 * labels.horizon_bars <= told <= len(said) - 2


def test_the_last_reading_is_on_record_before_the_run_ends(story: Any) -> None:
    end = story.run.bars.at(len(story.run.bars) - 1).time_ns
    facts = of(story, "model.calibration", CalibrationTracked)
    assert facts[-1].time_ns == end
