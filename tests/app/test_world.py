"""The record, asked instead of models and venue, says what they said, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as with_field
from typing import Any

import pytest
from msgspec.structs import replace

from stairway.app.catalog import CODEC, ORDERS
from stairway.app.collapse import Capped
from stairway.app.recorder import Recorder
from stairway.app.world import Heard, RecordedWorld
from stairway.base.errors import InvariantError
from stairway.base.units import Lots, UtcNs
from stairway.base.verdict import Pass, refuse
from stairway.events.ports import EventLog
from stairway.execution.facts import CommandSent, VenueSaid
from stairway.execution.orders import Accepted, Cancel, Canceled, Filled, Leg, OrderKind, Submit
from stairway.lifecycle.facts import GateGiven
from stairway.models.prediction import Exclusion, ExclusionCode, Prediction
from stairway.testing.decision import answer
from stairway.testing.trading import sight

OpenLog = Callable[..., EventLog]


def entry(order_id: str = "o1", symbol: str = "ALPHA") -> Submit:
    return Submit(
        order_id, symbol, Leg.ENTRY, OrderKind.MARKET, 1, Lots(5), None, reduce_only=False
    )


def merged(batches: list[Heard], ended: set[int]) -> list[Heard]:
    """Batches that no command interrupts are one to whoever reads the record."""
    found: list[Heard] = []
    for n, batch in enumerate(batches):
        if found and n - 1 not in ended:
            found[-1] = (*found[-1], *batch)
        else:
            found.append(batch)
    return found


def interrupted(story: Any, orders: list[Any], index: int) -> set[int]:
    """Which batches of a bar were followed by commands, by the order of the record."""
    sizes = [len(batch) for batch in story.heard.batches.get(index, [])]
    ends = {sum(sizes[: n + 1]): n for n in range(len(sizes))}
    heard, found = 0, set()
    for fact in orders:
        if fact.index == index and isinstance(fact, VenueSaid):
            heard += 1
        elif fact.index == index and heard:
            found.add(ends[heard])
    return found


def test_the_record_gives_the_batches_that_the_live_world_gave(story: Any) -> None:
    world, orders = RecordedWorld(story.log), story.facts(*ORDERS)
    several = 0
    for bar in story.run.bars.part(0, len(story.run.bars)):
        again = list(world.heard(bar))
        live = story.heard.batches.get(bar.index, [])
        assert [e for batch in again for e in batch] == [e for batch in live for e in batch]
        assert again == merged(live, interrupted(story, orders, bar.index)), bar.index
        several += len(again) > 1
    assert several > 20


def test_the_record_gives_the_answers_that_the_models_gave(story: Any) -> None:
    world, run = RecordedWorld(story.log), story.run
    recorded = iter(story.facts("model.answer"))
    for bar in run.bars.part(run.first_index, len(run.bars)):
        now = run.bars.at(run.first_index + bar.index).time_ns
        seen = sight(run.bars.at(run.first_index + bar.index))
        digests = (run.baseline, "lightgbm" * 8, "xgboost" * 8)
        answers = world.answers(seen, digests)
        assert [a.digest for a in answers] == [d for d in digests for _ in range(2)]
        assert answers == [next(recorded) for _ in answers]
        assert {a.as_of_ns for a in answers} == {now}


def test_an_answer_of_another_bar_stops_the_replay(story: Any) -> None:
    run = story.run
    later = sight(run.bars.at(run.first_index + 1))
    with pytest.raises(InvariantError, match="the next recorded answer is of baseline"):
        RecordedWorld(story.log).answers(later, (run.baseline,))


def test_an_answer_of_another_model_stops_the_replay(story: Any) -> None:
    run = story.run
    first = sight(run.bars.at(run.first_index))
    with pytest.raises(InvariantError, match="asked was lightgbm"):
        RecordedWorld(story.log).answers(first, ("lightgbm" * 8, run.baseline))


def test_where_the_record_ends_there_are_no_more_answers(new_log: OpenLog, story: Any) -> None:
    log, run = new_log(), story.run
    recorder = Recorder(log)
    first = story.facts("model.answer")[0]
    recorder.publish(first)
    recorder.flush()
    seen = sight(run.bars.at(run.first_index))
    assert RecordedWorld(log).answers(seen, (run.baseline, "x")) == [first]


def recorded_orders(log: EventLog, *facts: CommandSent | VenueSaid) -> RecordedWorld:
    recorder = Recorder(log)
    recorder.publish(*facts)
    recorder.flush()
    return RecordedWorld(log)


def test_a_command_parts_two_batches_and_one_of_an_earlier_bar_does_not(
    new_log: OpenLog, story: Any
) -> None:
    says = [VenueSaid(3, "capital", Accepted(f"o{n}", UtcNs(n))) for n in range(4)]
    sent = [CommandSent(i, "capital", Cancel("o0")) for i in (2, 3)]
    world = recorded_orders(new_log(), sent[0], says[0], says[1], sent[1], says[2], says[3])
    bar = story.run.bars.at(3)
    batches = [[event.order_id for _, event in batch] for batch in world.heard(bar)]
    assert batches == [["o0", "o1"], ["o2", "o3"]]
    assert list(world.heard(bar)) == []


def test_what_belongs_to_a_later_bar_waits_for_it(new_log: OpenLog, story: Any) -> None:
    says = [VenueSaid(i, "capital", Accepted(f"o{i}", UtcNs(i))) for i in (3, 5)]
    world = recorded_orders(new_log(), says[0], says[1])
    bars = story.run.bars
    assert list(world.heard(bars.at(2))) == []
    assert list(world.heard(bars.at(3))) == [(("capital", says[0].event),)]
    assert list(world.heard(bars.at(4))) == []
    assert list(world.heard(bars.at(5))) == [(("capital", says[1].event),)]


def test_sending_into_the_record_sends_nothing(story: Any) -> None:
    before = story.log.head("order")
    RecordedWorld(story.log).send("capital", Cancel("o1"))
    assert story.log.head("order") == before


def test_an_artifact_is_as_whole_as_it_was_then(new_log: OpenLog) -> None:
    log = new_log()
    recorder = Recorder(log)
    gone = refuse("artifact.missing", "it is gone")
    for digest, gate, verdict in (
        ("a", "causality", Pass()),
        ("a", "artifact", gone),
        ("b", "artifact", Pass()),
    ):
        recorder.publish(GateGiven(UtcNs(1), gate, "lightgbm", digest, verdict))
    recorder.flush()
    world = RecordedWorld(log)
    assert world.reopen("a") == gone
    assert world.reopen("b") == Pass()
    with pytest.raises(InvariantError, match="says nothing about opening the artifact c again"):
        world.reopen("c")


def test_each_book_has_an_account_of_its_own(little: Any) -> None:
    world, bars = little.live(), little.bars
    for index in (0, 1):
        list(world.heard(bars.at(index)))
    world.send("capital", entry())
    world.send("shadow:d", entry())
    world.send("shadow:d", Cancel("o1"))
    (batch, *_) = world.heard(bars.at(2))
    assert batch[0] == ("capital", Accepted("o1", bars.at(1).time_ns))
    assert [type(e) for name, e in batch if name == "shadow:d"] == [Accepted, Canceled]
    assert any(isinstance(e, Filled) for name, e in batch if name == "capital")


def test_what_is_sent_at_a_close_is_filled_at_the_next_open_and_not_before(little: Any) -> None:
    world, bars = little.live(), little.bars
    list(world.heard(bars.at(4)))
    world.send("capital", entry())
    heard = [e for batch in world.heard(bars.at(5)) for _, e in batch]
    fills = [e for e in heard if isinstance(e, Filled)]
    assert fills
    assert all(f.time_ns == bars.at(5).time_ns for f in fills)
    price = fills[0].price_ticks * 0.01
    assert price == pytest.approx(bars.open[5, 0], rel=2e-3)


def test_what_is_sent_between_two_batches_acts_inside_the_same_bar(little: Any) -> None:
    world, bars = little.live(), little.bars
    list(world.heard(bars.at(4)))
    world.send("capital", entry())
    heard: list[object] = []
    for n, batch in enumerate(world.heard(bars.at(5))):
        heard.extend(event for _, event in batch)
        if n == 0:
            world.send("capital", entry("o2", "BETA"))
    assert Accepted("o2", bars.at(5).time_ns) in heard


def test_a_model_that_is_not_loaded_is_excluded_by_name(little: Any) -> None:
    answers = little.live().answers(sight(little.bars.at(0)), ("nobody",))
    assert [a.symbol for a in answers] == ["ALPHA", "BETA"]
    for one in answers:
        assert isinstance(one, Exclusion)
        assert (one.digest, one.code) == ("nobody", ExclusionCode.NO_MODEL)


class Raises:
    def __init__(self, card: Any) -> None:
        self.card = card

    def predict(self, row: Any, regime: str) -> tuple[float, float]:
        raise RuntimeError(regime, row.shape)


def test_a_model_that_raises_is_excluded_and_the_others_are_not(little: Any) -> None:
    bad, good = "lightgbm" * 8, "xgboost" * 8
    little.runtimes[bad] = Raises(little.runtimes[bad].card)
    answers = little.live().answers(sight(little.bars.at(0)), (bad, good))
    assert [type(a) for a in answers] == [Exclusion, Exclusion, Prediction, Prediction]
    excluded = answers[0]
    assert isinstance(excluded, Exclusion)
    assert excluded.code is ExclusionCode.RAISED
    # Its name and no more: an address in its words would give every run another hash.
    assert excluded.detail == "RuntimeError"


def test_while_windows_fill_a_model_is_warming_up(little: Any) -> None:
    cold = sight(little.bars.at(0), volatility=float("nan"))
    for one in little.live().answers(cold, tuple(little.runtimes)):
        assert isinstance(one, Exclusion)
        assert one.code is ExclusionCode.WARMING_UP


def test_whoever_stands_in_is_asked_in_a_models_place(little: Any) -> None:
    world, digest = little.live(), "lightgbm" * 8
    world.stand_in = lambda index, runtime: Capped(runtime.card) if index >= 5 else runtime
    before, after = (world.answers(sight(little.bars.at(i)), (digest,))[0] for i in (4, 5))
    assert isinstance(before, Prediction)
    assert isinstance(after, Prediction)
    assert (after.confidence, after.digest) == (0.75, digest)
    assert before.confidence != 0.75


def test_artifacts_are_asked_of_whoever_keeps_them(little: Any) -> None:
    gone = refuse("artifact.missing", "it is gone")
    little.reopen = lambda digest: gone if digest == "a" else Pass()
    world = little.live()
    assert (world.reopen("a"), world.reopen("b")) == (gone, Pass())


def test_answers_come_back_from_the_record_as_they_were_said() -> None:
    said = answer("x", 0.6)
    assert CODEC.decode(CODEC.encode(said)) == said


def lots_filled(little: Any, digest: str, slot: str, book: str) -> list[int]:
    """What an entry of a model's book fills, bar by bar, where every fill is cut short."""
    paper = replace(little.settings.paper, partial_fill_prob=1.0)
    little.settings = replace(little.settings, paper=paper)
    runtime = little.runtimes["lightgbm" * 8]
    card = replace(runtime.card, model=slot, digest=digest)
    little.runtimes = {digest: with_field(runtime, card=card)}
    world = little.live()
    order = replace(entry(f"o-{digest}"), lots=Lots(10**6))
    world.send(f"{book}:{digest}", order)
    said = [e for bar in little.bars.part(0, 12) for batch in world.heard(bar) for e in batch]
    return [event.lots for _, event in said if isinstance(event, Filled)]


def test_a_model_that_was_made_anew_has_the_luck_of_its_slot(little: Any) -> None:
    old = lots_filled(little, "a" * 64, "lightgbm", "shadow")
    little.runtimes = {"lightgbm" * 8: little.runtimes["a" * 64]}
    new = lots_filled(little, "b" * 64, "lightgbm", "shadow")
    assert old == new
    assert len(set(old)) > 4


def test_every_slot_and_every_kind_of_book_has_luck_of_its_own(little: Any) -> None:
    model = little.runtimes["lightgbm" * 8]
    found = []
    for slot, book in (("lightgbm", "shadow"), ("xgboost", "shadow"), ("lightgbm", "canary")):
        little.runtimes = {"lightgbm" * 8: model}
        found.append(tuple(lots_filled(little, "a" * 64, slot, book)))
    assert len(set(found)) == 3
