"""Who has a say follows from the record: seats, weights, ramp, gates and pairs."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from stairway.events.fold import in_order
from stairway.app.books import BASELINE_TWIN, CAPITAL
from stairway.app.catalog import CODEC
from stairway.app.climb import walk
from stairway.app.progress import Silent
from stairway.app.recorder import Recorder
from stairway.app.steward import QUALITY_GATE, StewardRules
from stairway.app import steward as stewarding
from stairway.app.world import RecordedWorld
from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse, refuse
from stairway.decision.cadence import Weather, interval, predicted
from stairway.decision.facts import WeightsInForce
from stairway.decision.intent import Enter
from stairway.events.ports import EventLog
from stairway.execution.facts import TradeClosed
from stairway.lifecycle.facts import (
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.stage import Stage
from stairway.models.prediction import Action, Prediction
from stairway.supervision import supervisor as supervising
from stairway.supervision.facts import QualityMeasured, WeightsPublished
from stairway.trader.facts import Decided, Marked
from stairway.testing.runs import MOVES

OpenLog = Callable[..., EventLog]
FOREST, BOOST = "lightgbm" * 8, "xgboost" * 8


def of(source: Any, stream: str | tuple[str, ...], kind: type) -> list[Any]:
    log = getattr(source, "log", source)
    facts = (
        CODEC.decode(e.payload)
        for e in in_order(log, (stream,) if isinstance(stream, str) else stream)
    )
    return [fact for fact in facts if isinstance(fact, kind)]


def stages(log: EventLog, digest: str) -> list[Stage]:
    return [m.after for m in of(log, MOVES, ModelMoved) if m.digest == digest]


def standing(desk: Any) -> list[Stage]:
    return [entry.stage for entry in desk.steward.registry.entries.values()]


def opened_again(log: Any) -> list[tuple[str, type]]:
    gates = [g for g in of(log, "gate.verdict", GateGiven) if g.gate == "artifact"]
    return [(g.model, type(g.verdict)) for g in gates]


def entered(log: EventLog, first: int = 0) -> list[tuple[str, int, str]]:
    return [
        (fact.book, fact.index, wish.route.value)
        for fact in of(log, "trade.intent", Decided)
        if fact.index >= first
        for wish in fact.intents
        if isinstance(wish, Enter)
    ]


def test_models_with_their_evidence_begin_in_the_shadow(story: Any) -> None:
    registered = of(story, MOVES, ModelRegistered)
    assert [r.digest for r in registered] == [FOREST, BOOST, story.run.baseline]
    for digest in (FOREST, BOOST):
        assert stages(story.log, digest)[0] is Stage.SHADOW


def test_without_one_of_the_gates_a_candidate_stays_one(little: Any, new_log: OpenLog) -> None:
    desk = little.desk(new_log())
    admitted = [
        f for f in little.start().admitted
        if not (isinstance(f, GateGiven) and f.gate == "after_cost_sharpe")
    ]  # fmt: skip
    desk.steward.welcome(admitted, desk.recorder)
    assert standing(desk) == [Stage.CANDIDATE, Stage.CANDIDATE, Stage.BASELINE]
    assert desk.steward.living == (little.baseline,)


def test_a_refused_gate_keeps_a_candidate_out(little: Any, new_log: OpenLog) -> None:
    desk = little.desk(new_log())
    for fact in little.start().admitted:
        if isinstance(fact, GateGiven) and fact.gate == "causality":
            leak = refuse("causality.leak", "it saw the next bar")
            desk.steward.welcome([msgspec.structs.replace(fact, verdict=leak)], desk.recorder)
        else:
            desk.steward.welcome([fact], desk.recorder)
    assert set(standing(desk)) == {Stage.QUARANTINED, Stage.BASELINE}
    assert desk.steward.living == (little.baseline,)


def test_the_baseline_is_asked_first_and_then_everybody_who_lives(story: Any) -> None:
    assert story.desk.steward.living == (story.run.baseline, FOREST, BOOST)


def test_only_champions_have_seats(story: Any, little: Any, new_log: OpenLog) -> None:
    seats = story.desk.steward.seats
    assert set(seats) == {FOREST}
    assert seats[FOREST].stage == "champion"
    assert 0.0 < seats[FOREST].weight <= 1.0
    assert little.go(new_log(), until=65).steward.seats == {}


def test_a_seat_of_its_own_has_the_whole_weight_and_a_stranger_has_none(story: Any) -> None:
    seat = story.desk.steward.seat_of(BOOST)
    assert (seat.model, seat.stage, seat.weight) == ("xgboost", "shadow", 1.0)
    assert story.desk.steward.seat_of("nobody") is None
    assert story.desk.steward.seat_of(None) is None


def test_the_ramp_is_what_the_champion_has_earned_and_the_baseline_needs_none(
    story: Any, little: Any, new_log: OpenLog
) -> None:
    (entry,) = story.desk.steward.registry.standing(Stage.CHAMPION)
    assert story.desk.steward.ramp == pytest.approx(entry.share)
    changes = [r.share for r in of(story, MOVES, RampChanged) if r.digest == FOREST]
    assert changes == [0.01, 0.05, 0.25]
    assert little.go(new_log(), until=65).steward.ramp == 1.0


def test_with_two_champions_the_ramp_is_their_weighted_mean(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(75, "xgboost", Stage.CHAMPION)
    steward = little.go(new_log(), until=90).steward
    champions = steward.registry.standing(Stage.CHAMPION)
    seats = steward.seats
    total = sum(seat.weight for seat in seats.values())
    assert len(champions) == len(seats) == 2
    assert math.isclose(
        steward.ramp, sum(seats[e.digest].weight * e.share for e in champions) / total
    )


def test_members_that_stand_apart_are_weighed_more_often(little: Any, new_log: OpenLog) -> None:
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(75, "xgboost", Stage.CHAMPION)
    log = new_log()
    steward = little.go(log, until=90).steward
    now, symbol = UtcNs(7), steward.symbols[0]

    def said(light: float, boost: float) -> list[Prediction]:
        last = {a.digest: a for a in of(log, "model.answer", Prediction)}
        pair = zip((FOREST, BOOST), (light, boost), strict=True)
        return [
            msgspec.structs.replace(last[d], symbol=symbol, as_of_ns=now, confidence=p)
            for d, p in pair
        ]

    assert steward._dispersion(said(0.9, 0.1), now) == pytest.approx(0.37, abs=0.04)
    assert steward._dispersion(said(0.6, 0.6), now) == pytest.approx(0.0)
    assert steward._dispersion([], now) is None

    rules = steward.bylaws.cadence
    pace = {
        name: interval(Weather(1.0, steward._dispersion(answers, now), news=False), rules)
        for name, answers in (("apart", said(0.9, 0.1)), ("together", said(0.6, 0.6)))
    }
    assert pace == {"apart": rules.divided_predictions, "together": rules.calm_predictions}


def test_the_pace_follows_what_was_answered(
    little: Any, new_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def counted(pace: Any, weather: Weather, rules: Any) -> Any:
        asked.append(weather.dispersion)
        return predicted(pace, weather, rules)

    monkeypatch.setattr(stewarding, "predicted", counted)
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.go(new_log(), until=80)
    assert None in asked, "before anybody had a seat"
    assert any(one is not None for one in asked)


def test_weights_of_the_champions_are_published_and_taken_at_once(story: Any) -> None:
    published = of(story, "model.weights", WeightsPublished)
    assert published
    assert all(math.isclose(sum(p.overall.values()), 1.0) for p in published if p.overall)
    in_force = of(story, "model.weights", WeightsInForce)
    moved = next(
        m.time_ns
        for m in of(story, MOVES, ModelMoved)
        if m.digest == FOREST and m.after is Stage.CHAMPION
    )
    assert in_force[0].time_ns == moved
    assert in_force[0].overall == {"lightgbm": 1.0}


def test_weights_are_put_on_record_only_when_they_change(story: Any) -> None:
    in_force = of(story, "model.weights", WeightsInForce)
    plain = [msgspec.structs.replace(w, time_ns=0) for w in in_force]
    assert all(a != b for a, b in pairwise(plain))


def test_what_an_operator_asked_for_is_done_and_on_record_once(story: Any) -> None:
    wishes = of(story, "operator", OperatorMoved)
    assert tuple(wishes) == story.run.hand
    by_hand = [m for m in of(story, MOVES, ModelMoved) if m.cause == "operator"]
    assert [(m.time_ns, m.digest, m.after) for m in by_hand] == [
        (w.time_ns, w.digest, w.after) for w in wishes
    ]


def test_quality_is_measured_every_so_many_bars_of_every_living_model(story: Any) -> None:
    every = story.run.settings.steward.quality_every_bars
    first, n = story.run.first_index, len(story.run.bars)
    times = [story.run.bars.at(i).time_ns for i in range(first, n) if i % every == 0]
    measured = of(story, "model.quality", QualityMeasured)
    assert [(m.time_ns, m.digest) for m in measured] == [
        (t, d) for t in times for d in (FOREST, BOOST)
    ]
    gates = [g for g in of(story, "gate.verdict", GateGiven) if g.gate == QUALITY_GATE]
    assert [g.verdict for g in gates] == [m.verdict for m in measured]
    assert all(isinstance(g.verdict, Inconclusive) for g in gates), "too few answers to judge"


@pytest.mark.parametrize("binding", ["said", "required"])
def test_champions_who_fight_are_taken_down_where_the_policy_requires_go(
    binding: str, little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(75, "xgboost", Stage.CHAMPION)
    log = new_log()
    desk = little.go(log, until=90)
    steward, now = desk.steward, UtcNs(desk.steward.climb.now_ns)
    last = {a.digest: a for a in of(log, "model.answer", Prediction)}
    quality = msgspec.structs.replace(
        steward.bylaws.quality,
        require_go=binding == "required",
        min_events=10,
        min_span_hours=0.0,
    )
    steward.bylaws = dataclasses.replace(steward.bylaws, quality=quality)
    for i in range(400):
        for digest, action in ((FOREST, Action.BUY), (BOOST, Action.SELL)):
            said = msgspec.structs.replace(
                last[digest], as_of_ns=UtcNs(now + i), action=action, confidence=0.3 + i / 1_000
            )
            steward.supervisor = supervising.on_answer(steward.supervisor, said)
    steward._measure_quality(now, desk.recorder)
    desk.recorder.flush()
    gates = [g for g in of(log, "gate.verdict", GateGiven) if g.gate == QUALITY_GATE][-2:]
    codes = [{f.code for f in gate.verdict.findings} for gate in gates]
    assert {g.digest for g in gates} == {FOREST, BOOST}
    assert [("gate.disagreement" in found) for found in codes] == 2 * [binding == "required"]


def test_a_models_trade_is_laid_beside_what_its_incumbent_made_meanwhile(story: Any) -> None:
    """Computed again, from the marks on record: in the same R, scaled to the same money."""
    trades = {t.trade_id: t for t in of(story, "trade.closed", TradeClosed)}
    marks: dict[str, dict[int, tuple[int, ...]]] = defaultdict(dict)
    worth: dict[tuple[str, int], int] = {}
    for m in of(story, "book.marked", Marked):
        marks[m.book][m.index] = m.pnl_micros
        worth[m.book, m.index] = m.equity_micros
    index_of = {t: i for i, t in enumerate(story.run.bars.time_ns.tolist())}
    crowned = next(m.time_ns for m in of(story, MOVES, ModelMoved) if m.after is Stage.CHAMPION)
    pairs = of(story, "trade.paired", TradePaired)
    for pair in pairs:
        trade = trades[pair.trade_id]
        assert pair.r == trade.r_multiple
        assert (pair.digest, pair.stage) == (trade.votes[0].digest, trade.votes[0].stage)
        assert not (pair.digest == FOREST and pair.time_ns > crowned)
        k = story.run.bars.symbols.index(trade.symbol)
        now, decided = index_of[pair.time_ns], index_of[trade.opened_ns] - 1
        made = marks[BASELINE_TWIN][now][k]
        made -= marks[BASELINE_TWIN][decided][k] if decided in marks[BASELINE_TWIN] else 0
        scale = worth[trade.book, now] / worth[BASELINE_TWIN, now]
        assert pair.incumbent_r == pytest.approx(made * scale / trade.risk_micros)
    assert len(pairs) > 30
    assert {p.stage for p in pairs} == {"shadow", "canary"}


def test_only_books_of_a_models_own_are_paired(story: Any) -> None:
    paired = {p.trade_id for p in of(story, "trade.paired", TradePaired)}
    for trade in of(story, "trade.closed", TradeClosed):
        if trade.book.partition(":")[0] not in {"shadow", "canary"}:
            assert trade.trade_id not in paired


def test_a_trade_is_credited_to_the_votes_of_its_entry(story: Any) -> None:
    entered: dict[tuple[str, int, str], Enter] = {}
    for fact in of(story, "trade.intent", Decided):
        for wish in fact.intents:
            if isinstance(wish, Enter):
                entered[fact.book, fact.index, wish.symbol] = wish
    index_of = {t: i for i, t in enumerate(story.run.bars.time_ns.tolist())}
    for trade in of(story, "trade.closed", TradeClosed):
        wish = entered[trade.book, index_of[trade.opened_ns] - 1, trade.symbol]
        assert trade.votes == wish.votes
        assert trade.side == wish.side


def test_an_artifact_is_opened_again_before_a_champion_decides(story: Any) -> None:
    gates = [g for g in of(story, "gate.verdict", GateGiven) if g.gate == "artifact"]
    assert [(g.digest, type(g.verdict)) for g in gates] == [(FOREST, Pass)]


def test_a_champion_whose_artifact_is_damaged_never_decides(
    little: Any, new_log: OpenLog
) -> None:
    little.order(70, "lightgbm", Stage.CHAMPION)
    little.reopen = lambda _: refuse("artifact.hash", "a byte changed")
    log = new_log()
    desk = little.go(log, until=80)
    assert stages(log, FOREST)[-2:] == [Stage.CHAMPION, Stage.QUARANTINED]
    assert desk.steward.seats == {}
    assert opened_again(log)[0] == ("lightgbm", Refuse)
    votes = [
        vote.digest
        for fact in of(log, "trade.intent", Decided)
        if fact.book == CAPITAL
        for wish in fact.intents
        if isinstance(wish, Enter)
        for vote in wish.votes
    ]
    assert FOREST not in votes


def test_a_canary_that_goes_and_comes_back_is_not_blamed_for_its_empty_book(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CANARY)
    little.order(80, "lightgbm", Stage.SHADOW)
    little.order(92, "lightgbm", Stage.CANARY)
    log = new_log()
    desk = little.go(log, until=97)
    assert stages(log, FOREST)[1:] == [Stage.CANARY, Stage.SHADOW, Stage.CANARY]
    vitals = desk.steward.vitals[FOREST]
    assert vitals.since_ns == little.bars.at(92).time_ns
    assert vitals.answers == 2 * (97 - 92)
    assert vitals.errors == 0


def test_a_stay_as_canary_is_counted_from_its_beginning(story: Any) -> None:
    vitals = story.desk.steward.vitals[BOOST]
    assert vitals.since_ns == story.run.bars.at(80).time_ns
    assert vitals.answers == 2 * (105 - 80)


def test_answers_are_remembered_by_model_for_the_quality_gate(story: Any) -> None:
    count = sum(a.digest == BOOST for a in of(story, "model.answer", Prediction))
    *_, last = (m for m in of(story, "model.quality", QualityMeasured) if m.digest == BOOST)
    assert 0 < last.measured.events <= count


@pytest.mark.parametrize("bars", [0, -1])
def test_quality_must_be_measured_at_some_spacing(bars: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        StewardRules(quality_every_bars=bars)


def test_welcoming_nobody_says_nothing(little: Any, new_log: OpenLog) -> None:
    log = new_log()
    desk = little.desk(log)
    desk.steward.welcome((), desk.recorder)
    desk.recorder.flush()
    assert log.streams() == ()
    assert isinstance(desk.recorder, Recorder)
    assert desk.steward.living == (little.baseline,)


def test_a_stranger_that_is_moved_by_hand_moves_nobody(little: Any, new_log: OpenLog) -> None:
    little.order(65, "nobody", Stage.CHAMPION)
    log = new_log()
    desk = little.go(log, until=70)
    assert [w.digest for w in of(log, "operator", OperatorMoved)] == ["nobody" * 8]
    assert desk.steward.seats == {}
    assert set(standing(desk)) == {Stage.SHADOW, Stage.BASELINE}


def test_an_illegal_order_is_refused_on_record(little: Any, new_log: OpenLog) -> None:
    little.order(65, "lightgbm", Stage.QUARANTINED)
    little.order(68, "lightgbm", Stage.CHAMPION)
    log = new_log()
    little.go(log, until=72)
    assert stages(log, FOREST) == [Stage.SHADOW, Stage.QUARANTINED]
    refused = [g for g in of(log, "gate.verdict", GateGiven) if g.gate == "operator"]
    assert [type(g.verdict) for g in refused] == [Refuse]


def test_a_model_that_is_quarantined_is_not_asked_any_more(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.QUARANTINED)
    log = new_log()
    desk = little.go(log, until=72)
    assert desk.steward.living == (little.baseline, BOOST)
    last = max(a.as_of_ns for a in of(log, "model.answer", Prediction) if a.digest == FOREST)
    assert last < little.bars.at(65).time_ns


def test_a_champion_taken_down_leaves_the_capital_to_the_baseline(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(80, "lightgbm", Stage.SHADOW)
    log = new_log()
    desk = little.go(log, until=95)
    assert (desk.steward.seats, desk.steward.ramp) == ({}, 1.0)
    later = [
        wish.route.value
        for fact in of(log, "trade.intent", Decided)
        if fact.book == CAPITAL and fact.index >= 80
        for wish in fact.intents
        if isinstance(wish, Enter)
    ]
    assert set(later) == {"baseline"}


# --- the baseline


def test_the_baseline_is_on_record_like_any_other_and_never_climbs(story: Any) -> None:
    (rule,) = [r for r in of(story, MOVES, ModelRegistered) if r.stage is Stage.BASELINE]
    assert (rule.model, rule.digest, rule.trials) == ("baseline", story.run.baseline, 1)
    (entry,) = story.desk.steward.registry.standing(Stage.BASELINE)
    assert entry.digest == story.run.baseline
    assert entry.share == 0.0
    for fact in (*of(story, MOVES, ModelMoved), *of(story, MOVES, RampChanged)):
        assert fact.digest != story.run.baseline
    promoted = [g for g in of(story, "gate.verdict", GateGiven) if "promotion" in g.gate]
    assert all(g.model != "baseline" for g in promoted)


@pytest.mark.parametrize("after", [s for s in Stage if s is not Stage.BASELINE])
def test_nobody_moves_the_baseline_by_hand(little: Any, new_log: OpenLog, after: Stage) -> None:
    log = new_log()
    at = little.bars.at(65).time_ns
    little.hand = (OperatorMoved(at, little.baseline, after, "ada", "a test"),)
    desk = little.go(log, until=70)
    assert stages(log, little.baseline) == []
    assert standing(desk) == [Stage.SHADOW, Stage.SHADOW, Stage.BASELINE]
    (refused,) = [g for g in of(log, "gate.verdict", GateGiven) if g.gate == "operator"]
    assert (refused.model, type(refused.verdict)) == ("baseline", Refuse)
    assert refused.verdict.findings[0].detail == f"ada: a baseline cannot be moved to {after}"


def test_a_model_is_not_made_the_baseline_by_hand(little: Any, new_log: OpenLog) -> None:
    little.order(65, "lightgbm", Stage.BASELINE)
    log = new_log()
    little.go(log, until=70)
    assert stages(log, FOREST) == [Stage.SHADOW]


def test_the_baseline_is_opened_again_when_a_slot_falls_to_it(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(80, "lightgbm", Stage.SHADOW)
    asked: list[str] = []
    whole = little.reopen
    little.reopen = lambda digest: (asked.append(digest), whole(digest))[1]
    log = new_log()
    desk = little.go(log, until=95)
    assert asked == [FOREST, little.baseline]
    assert opened_again(log) == [("lightgbm", Pass), ("baseline", Pass)]
    gate = of(log, "gate.verdict", GateGiven)
    at = next(g.time_ns for g in gate if g.gate == "artifact" and g.model == "baseline")
    assert at == little.bars.at(80).time_ns, "before it decides anything"
    assert desk.steward.baseline_is_whole
    assert "baseline" in {route for book, _, route in entered(log, 80) if book == CAPITAL}


def test_a_slot_that_falls_to_it_beside_another_champion_counts_too(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(66, "xgboost", Stage.CHAMPION)
    little.order(80, "lightgbm", Stage.QUARANTINED)
    log = new_log()
    little.go(log, until=85)
    assert [name for name, _ in opened_again(log)] == ["lightgbm", "xgboost", "baseline"]


def test_a_canary_that_falls_leaves_nothing_to_the_baseline(
    little: Any, new_log: OpenLog
) -> None:
    little.order(65, "lightgbm", Stage.CANARY)
    little.order(80, "lightgbm", Stage.SHADOW)
    log = new_log()
    little.go(log, until=85)
    assert opened_again(log) == []


def test_a_champion_whose_artifact_is_damaged_hands_over_to_a_baseline_that_is_whole(
    little: Any, new_log: OpenLog
) -> None:
    damaged = refuse("artifact.hash", "a byte changed")
    whole = little.reopen
    little.reopen = lambda digest: damaged if digest == FOREST else whole(digest)
    little.order(70, "lightgbm", Stage.CHAMPION)
    log = new_log()
    little.go(log, until=80)
    assert opened_again(log) == [("lightgbm", Refuse), ("baseline", Pass)]


def test_a_baseline_that_is_not_whole_decides_nothing_and_nobody_enters(
    little: Any, new_log: OpenLog
) -> None:
    verdict = refuse("artifact.hash", "a byte changed")
    whole = little.reopen
    little.reopen = lambda digest: verdict if digest == little.baseline else whole(digest)
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(80, "lightgbm", Stage.SHADOW)
    log = new_log()
    desk = little.go(log, until=95)
    assert opened_again(log)[-1] == ("baseline", Refuse)
    assert stages(log, FOREST)[-1] is Stage.SHADOW, "the rollback itself was not refused"
    assert not desk.steward.baseline_is_whole
    assert desk.steward.living == (FOREST, BOOST)
    assert entered(log, 60)
    assert entered(log, 80) == [], "who has no last resort does not trade"
    answers = [a for a in of(log, "model.answer", Prediction) if a.digest == little.baseline]
    assert max(a.as_of_ns for a in answers) < little.bars.at(80).time_ns


def test_a_baseline_that_is_found_whole_again_trades_again(
    little: Any, new_log: OpenLog
) -> None:
    verdicts = iter([refuse("artifact.unreadable", "gone"), Pass()])
    whole = little.reopen
    little.reopen = lambda d: next(verdicts) if d == little.baseline else whole(d)
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(66, "xgboost", Stage.CHAMPION)
    little.order(75, "lightgbm", Stage.SHADOW)
    little.order(85, "xgboost", Stage.SHADOW)
    log = new_log()
    desk = little.go(log, until=110)
    assert opened_again(log)[2:] == [("baseline", Refuse), ("baseline", Pass)]
    assert desk.steward.baseline_is_whole
    silent = [index for _, index, _ in entered(log, 75) if index < 85]
    assert silent == []
    assert entered(log, 85)


def test_a_replay_takes_the_refusal_of_the_baseline_from_the_record(
    little: Any, new_log: OpenLog
) -> None:
    whole = little.reopen
    gone = refuse("artifact.unreadable", "gone")
    little.reopen = lambda digest: gone if digest == little.baseline else whole(digest)
    little.order(65, "lightgbm", Stage.CHAMPION)
    little.order(80, "lightgbm", Stage.SHADOW)
    log = new_log()
    first = little.go(log, until=90)
    desk = little.desk(log, RecordedWorld(log), read_only=True)
    desk.recorder.publish(little.start())
    walk(desk, little.start(), little.bars.part(0, 90), Silent())
    assert not desk.steward.baseline_is_whole
    assert desk.steward.living == first.steward.living
    assert (desk.recorder.left_over(), desk.recorder.beyond) == ({}, 0)
