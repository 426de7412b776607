"""The supervisor hears of trades and answers, says what it sees, and acts on nothing."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.decision.intent import Vote
from stairway.models.prediction import Action
from stairway.supervision import supervisor
from stairway.supervision.facts import (
    DriftDetected,
    DriftLevel,
    SupervisionFact,
    WeightsPublished,
)
from stairway.supervision.supervisor import Approved, Practice, Supervisor
from stairway.testing.climbing import (
    closed_trade,
    predicted,
    quality_rules,
    supervision_rules,
)

RULES = supervision_rules()


class Desk:
    """Feeds a supervisor and keeps what it said."""

    def __init__(self, *seats: str) -> None:
        self.state: Supervisor = supervisor.start(RULES)
        self.facts: list[SupervisionFact] = []
        self.day = 0
        self.state, said = supervisor.on_seats(self.state, seats, UtcNs(0))
        self.facts.extend(said)

    def trade(self, digest: str, *outcomes: float, regime: str | None = None, **kind) -> None:
        for r in outcomes:
            self.day += 1
            trade = closed_trade(digest, r, day=self.day / 10, **kind)
            self.state, said = supervisor.on_trade(self.state, trade, regime)
            self.facts.extend(said)

    def drifts(self, level: DriftLevel) -> list[DriftDetected]:
        return [f for f in self.facts if isinstance(f, DriftDetected) and f.level is level]

    @property
    def weights(self) -> WeightsPublished:
        return next(f for f in reversed(self.facts) if isinstance(f, WeightsPublished))


# -- drift ---------------------------------------------------------------------------------


def test_three_losses_in_a_row_raise_a_signal_with_the_recent_figures() -> None:
    desk = Desk()
    desk.trade("d1", 1.0, -1.0, -0.5, -1.0)
    (signal,) = desk.drifts(DriftLevel.SIGNAL)
    assert (signal.model, signal.digest, signal.detector) == ("lightgbm", "d1", "loss_run")
    assert (signal.value, signal.bound, signal.trades) == (3.0, 3.0, 4)
    assert signal.recent_win_rate == 0.25
    assert signal.recent_average_r == pytest.approx(-0.375)


def test_the_signal_comes_once_for_a_run() -> None:
    desk = Desk()
    desk.trade("d1", *[-1.0] * 8)
    assert len(desk.drifts(DriftLevel.SIGNAL)) == 1
    desk.trade("d1", 0.0, -1.0, -1.0, -1.0)
    assert len(desk.drifts(DriftLevel.SIGNAL)) == 2


def test_recent_means_the_last_ten() -> None:
    desk = Desk()
    desk.trade("d1", *[1.0] * 30, -1.0, -1.0, -1.0)
    (signal,) = desk.drifts(DriftLevel.SIGNAL)
    assert signal.trades == 10
    assert signal.recent_win_rate == 0.7


def test_each_models_run_is_its_own() -> None:
    desk = Desk()
    desk.trade("d1", -1.0, -1.0)
    desk.trade("d2", -1.0, -1.0)
    assert desk.facts == []


def test_a_lost_edge_raises_the_alarm_that_moves_capital() -> None:
    desk = Desk()
    desk.trade("d1", *[1.0, 1.0, -1.0] * 5)
    assert desk.drifts(DriftLevel.DRIFT) == []
    desk.trade("d1", *[-1.0, -1.0, -1.0, 1.0] * 12)
    alarm = desk.drifts(DriftLevel.DRIFT)[0]
    assert alarm.detector == "e_detector"
    assert alarm.value >= alarm.bound == 1000


def test_a_shadow_is_not_yet_watched_for_drift() -> None:
    desk = Desk()
    desk.trade("d1", *[-1.0] * 60, book="shadow:d1", stage="shadow")
    assert desk.drifts(DriftLevel.DRIFT) == []
    assert len(desk.drifts(DriftLevel.SIGNAL)) == 1


def test_drift_is_measured_against_what_the_model_showed_in_its_shadow() -> None:
    """A trend follower that won 4 in 10 is approved at that, and is not alarmed by it."""
    desk = Desk()
    pattern = [2.0, -1.0, 2.0, -1.0, -1.0] * 20
    desk.trade("d1", *pattern, book="shadow:d1", stage="shadow")
    desk.trade("d1", *pattern, book="canary:d1", stage="canary")
    stay = desk.state.watches["d1"].stay
    assert isinstance(stay, Approved)
    assert 0.60 < stay.detector.reference_loss_rate < 0.68
    assert desk.drifts(DriftLevel.DRIFT) == []


def test_a_model_without_a_shadow_is_measured_against_the_policy() -> None:
    desk = Desk()
    desk.trade("d1", 1.0)
    stay = desk.state.watches["d1"].stay
    assert isinstance(stay, Approved)
    assert stay.detector.reference_loss_rate == pytest.approx(0.45)


def test_back_in_the_shadow_it_is_measured_anew() -> None:
    desk = Desk()
    desk.trade("d1", *[1.0] * 40, book="shadow:d1", stage="shadow")
    desk.trade("d1", *[-1.0] * 3, book="canary:d1", stage="canary")
    desk.trade("d1", *[1.0, -1.0] * 20, book="shadow:d1", stage="shadow")
    practice = desk.state.watches["d1"].stay
    assert isinstance(practice, Practice)
    assert (practice.trades, practice.kept) == (40, 20)


def test_a_shadow_trade_that_closes_after_the_promotion_disturbs_nothing() -> None:
    desk = Desk()
    desk.trade("d1", *[1.0] * 40, book="shadow:d1", stage="shadow")
    desk.trade("d1", 1.0, book="canary:d1", stage="canary")
    before = desk.state.watches["d1"].stay
    late = closed_trade("d1", -1.0, day=desk.day / 10, book="shadow:d1", stage="shadow")
    late = replace(late, opened_ns=UtcNs(0))
    state, _ = supervisor.on_trade(desk.state, late)
    assert state.watches["d1"].stay == before
    assert state.watches["d1"].record.trades == 42


# -- counting ------------------------------------------------------------------------------


def test_a_trade_is_credited_to_everybody_who_voted_for_it() -> None:
    votes = tuple(Vote("lightgbm", d, "champion", 0.5, 0.6) for d in ("d1", "d2"))
    trade = replace(closed_trade("d1", -1.0), votes=votes)
    state, _ = supervisor.on_trade(supervisor.start(RULES), trade)
    assert {d: w.record.trades for d, w in state.watches.items()} == {"d1": 1, "d2": 1}


def test_a_twin_is_credited_to_nobody() -> None:
    state, facts = supervisor.on_trade(
        supervisor.start(RULES), closed_trade("d1", -1.0, book="twin:baseline")
    )
    assert state == supervisor.start(RULES)
    assert facts == ()


def test_a_trade_that_is_delivered_again_counts_once() -> None:
    trade = closed_trade("d1", -1.0)
    once, _ = supervisor.on_trade(supervisor.start(RULES), trade)
    twice, facts = supervisor.on_trade(once, trade)
    assert twice.watches["d1"].record == once.watches["d1"].record
    assert twice.watches["d1"].loss_run == 1
    assert facts == ()


def test_a_trade_that_cannot_be_read_is_a_full_loss() -> None:
    desk = Desk()
    desk.trade("d1", math.nan)
    record = desk.state.watches["d1"].record
    assert (record.losses, record.total_r) == (1, -1.0)


@given(outcomes=st.lists(st.sampled_from([1.0, -1.0, 0.0, 0.4]), max_size=25), data=st.data())
def test_repeats_anywhere_change_nothing(outcomes, data) -> None:
    trades = [closed_trade("d1", r, day=i / 100) for i, r in enumerate(outcomes)]
    state, plain = supervisor.start(RULES), supervisor.start(RULES)
    for i, trade in enumerate(trades):
        plain, _ = supervisor.on_trade(plain, trade)
        for again in (trade, data.draw(st.sampled_from(trades[: i + 1]))):
            state, _ = supervisor.on_trade(state, again)
    for digest, watch in plain.watches.items():
        found = state.watches[digest]
        assert (found.record, found.loss_run) == (watch.record, watch.loss_run)
        assert found.stay == watch.stay
    assert set(state.watches) == set(plain.watches)


def test_regimes_are_counted_apart() -> None:
    desk = Desk()
    desk.trade("d1", 1.0, 1.0, regime="trend")
    desk.trade("d1", -1.0, regime="crisis")
    desk.trade("d1", -1.0)
    watch = desk.state.watches["d1"]
    assert {name: r.trades for name, r in watch.regimes.items()} == {"trend": 2, "crisis": 1}
    assert watch.record.trades == 4


# -- weights -------------------------------------------------------------------------------


def test_new_seats_publish_equal_weights() -> None:
    desk = Desk("d1", "d2")
    assert desk.weights.overall == {"d1": 0.5, "d2": 0.5}
    assert desk.weights.regimes == {}


def test_the_same_seats_publish_nothing() -> None:
    desk = Desk("d1", "d2")
    _, said = supervisor.on_seats(desk.state, ["d2", "d1", "d1"], UtcNs(1))
    assert said == ()


def test_empty_seats_publish_nothing() -> None:
    desk = Desk("d1")
    state, said = supervisor.on_seats(desk.state, [], UtcNs(1))
    assert said == ()
    assert state.seats == ()


def test_losses_cut_a_seated_models_weight() -> None:
    desk = Desk("bad", "d2", "d3", "d4")
    assert desk.weights.overall["bad"] == 0.25
    desk.trade("bad", *[-1.0] * 3)
    assert desk.weights.overall["bad"] < 0.15
    desk.trade("bad", *[-1.0] * 17)
    assert 0.05 <= desk.weights.overall["bad"] <= 0.10
    assert sum(desk.weights.overall.values()) == 1.0


def test_a_model_without_a_seat_moves_no_weight() -> None:
    desk = Desk("d1")
    published = len(desk.facts)
    desk.trade("d9", 1.0, -1.0)
    assert len(desk.facts) == published


def test_a_repeated_trade_publishes_no_weights() -> None:
    desk = Desk("d1", "d2")
    desk.trade("d1", 1.0)
    published = len(desk.facts)
    desk.day -= 1
    desk.trade("d1", 1.0)
    assert len(desk.facts) == published


def test_weights_of_a_regime_follow_its_own_trades() -> None:
    desk = Desk("d1", "d2", "d3", "d4")
    desk.trade("d1", *[1.0] * 10, regime="trend")
    desk.trade("d1", *[-1.0] * 10, regime="crisis")
    regimes = desk.weights.regimes
    assert set(regimes) == {"trend", "crisis"}
    assert regimes["trend"]["d1"] > desk.weights.overall["d1"] > regimes["crisis"]["d1"]
    assert all(sum(weights.values()) == 1.0 for weights in regimes.values())


# -- quality -------------------------------------------------------------------------------


def lively(desk: Desk, n: int, *, collapse_after: int | None = None) -> None:
    for i in range(n):
        dead = collapse_after is not None and i >= collapse_after
        confidence = 0.5 if dead else 0.3 + 0.4 * ((i * 37) % 101) / 101
        action = (Action.BUY, Action.SELL)[(i * 7) % 5 % 2]
        answer = predicted(
            "d1", confidence, at_ns=i * NS_PER_HOUR, symbol="AB"[i % 2], action=action
        )
        desk.state = supervisor.on_answer(desk.state, answer)


def test_a_model_nobody_heard_of_is_inconclusive() -> None:
    verdict = supervisor.quality(supervisor.start(RULES), "d1", quality_rules())
    assert isinstance(verdict, Inconclusive)


def test_a_lively_model_passes_the_quality_gate() -> None:
    desk = Desk()
    lively(desk, 300)
    assert isinstance(supervisor.quality(desk.state, "d1", quality_rules()), Pass)


def test_a_collapse_after_a_long_good_life_is_seen_within_one_window() -> None:
    desk = Desk()
    lively(desk, 1_000 + 260, collapse_after=1_000)
    verdict = supervisor.quality(desk.state, "d1", quality_rules())
    assert isinstance(verdict, Refuse)
    assert "gate.single_value" in {finding.code for finding in verdict.findings}


def test_the_measured_fact_says_what_the_verdict_says() -> None:
    desk = Desk()
    lively(desk, 250)
    fact = supervisor.measured_quality(desk.state, "d1", quality_rules(), UtcNs(9))
    assert fact.verdict == supervisor.quality(desk.state, "d1", quality_rules())
    assert (fact.time_ns, fact.model, fact.measured.events) == (9, "lightgbm", 250)


# -- the fold ------------------------------------------------------------------------------


def test_the_state_survives_being_written_down() -> None:
    desk = Desk("d1")
    desk.trade("d1", 1.0, -1.0, regime="trend")
    desk.trade("d2", 1.0, book="shadow:d2", stage="shadow")
    lively(desk, 5)
    packed = msgspec.msgpack.encode(desk.state)
    assert msgspec.msgpack.decode(packed, type=Supervisor) == desk.state


def test_facts_survive_being_written_down() -> None:
    desk = Desk("d1", "d2")
    desk.trade("d1", *[-1.0] * 3)
    packed = msgspec.msgpack.encode(desk.facts)
    assert msgspec.msgpack.decode(packed, type=list[SupervisionFact]) == desk.facts


def test_on_trade_leaves_the_state_it_was_given_alone() -> None:
    desk = Desk("d1")
    desk.trade("d1", 1.0)
    before, copy = desk.state, msgspec.msgpack.encode(desk.state)
    supervisor.on_trade(before, closed_trade("d1", -1.0, day=99))
    assert msgspec.msgpack.encode(before) == copy
