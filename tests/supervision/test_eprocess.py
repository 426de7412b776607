"""Evidence may be looked at after every trade, and still cannot be fooled by looking."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.supervision.eprocess import (
    BettingRules,
    Claim,
    EProcess,
    e_value,
    start,
    step,
)
from stairway.testing.climbing import betting_rules

RULES = betting_rules(bound_r=1.0, clip_r=1.5)
SANE = st.floats(-1.0, 1.0)


def run(values: list[float], claim: Claim, rules: BettingRules = RULES, null: float = 0.0):
    process = start(rules)
    for value in values:
        process = step(process, value, null, claim, rules)
    return process


def first_proof(values: np.ndarray, rules: BettingRules, threshold: float = 20.0) -> float:
    """Trade at which evidence first reaches the threshold; infinite where it never does."""
    process = start(rules)
    for i, value in enumerate(values.tolist(), 1):
        process = step(process, value, 0.0, Claim.AT_LEAST, rules)
        if e_value(process) >= threshold:
            return i
    return math.inf


def coin(rng: np.random.Generator, win_rate: float, paths: int, trades: int) -> np.ndarray:
    return np.where(rng.random((paths, trades)) < win_rate, 1.0, -1.0)


def test_before_any_trade_the_evidence_is_one() -> None:
    assert e_value(start(RULES)) == 1.0
    assert start(RULES).n == 0


def test_a_loss_feeds_the_evidence_that_a_model_loses() -> None:
    rules = BettingRules(bets=(0.5,), bound_r=2.0, clip_r=1.5)
    process = step(start(rules), -1.0, 0.0, Claim.AT_LEAST, rules)
    assert e_value(process) == pytest.approx(1 + 0.5 / 2.0)
    assert process.n == 1


def test_a_gain_feeds_the_evidence_that_a_model_is_better() -> None:
    rules = BettingRules(bets=(0.5,), bound_r=2.0, clip_r=2.0)
    process = step(start(rules), 1.0, -0.05, Claim.AT_MOST, rules)
    assert e_value(process) == pytest.approx(1 + 0.5 * 1.05 / 1.95)


def test_the_e_value_is_the_mean_wealth_of_the_gamblers() -> None:
    process = EProcess((math.log(2.0), math.log(4.0)), 3)
    assert e_value(process) == pytest.approx(3.0)


@given(
    win=st.floats(0.05, 1.0),
    loss=st.floats(0.05, 1.4),
    past=st.lists(SANE, max_size=5),
    claim=st.sampled_from(Claim),
)
def test_a_fair_game_gains_the_gambler_nothing(win, loss, past, claim) -> None:
    """The martingale property, exactly: under the claim's boundary the next step is free."""
    rules = betting_rules(bound_r=1.5, clip_r=1.5)
    before = run(past, claim, rules)
    chance_of_win = loss / (win + loss)
    after_win = e_value(step(before, win, 0.0, claim, rules))
    after_loss = e_value(step(before, -loss, 0.0, claim, rules))
    mean = chance_of_win * after_win + (1 - chance_of_win) * after_loss
    assert mean == pytest.approx(e_value(before), rel=1e-9)


@given(
    null=st.floats(-0.5, 0.5),
    spread=st.floats(0.05, 0.5),
    better=st.floats(0.0, 0.3),
)
def test_a_model_that_keeps_its_claim_never_feeds_the_evidence_on_average(
    null, spread, better
) -> None:
    rules = betting_rules(bound_r=2.0, clip_r=2.0)
    before = start(rules)
    after = [
        e_value(step(before, null + better + side * spread, null, Claim.AT_LEAST, rules))
        for side in (-1, 1)
    ]
    assert sum(after) / 2 <= 1.0 + 1e-12


@given(values=st.lists(SANE, max_size=30))
def test_the_two_claims_are_mirror_images(values) -> None:
    rules = betting_rules(bound_r=1.5, clip_r=1.5)
    down = run(values, Claim.AT_LEAST, rules)
    up = run([-value for value in values], Claim.AT_MOST, rules)
    assert e_value(down) == pytest.approx(e_value(up), rel=1e-12)


@given(values=st.lists(SANE, max_size=20), a=SANE, b=SANE)
def test_a_worse_trade_is_never_less_evidence_of_harm(values, a, b) -> None:
    before = run(values, Claim.AT_LEAST)
    worse, better = sorted((a, b))
    harm = e_value(step(before, worse, 0.0, Claim.AT_LEAST, RULES))
    assert harm >= e_value(step(before, better, 0.0, Claim.AT_LEAST, RULES))


@given(values=st.permutations([-1.0, -1.0, 0.5, 1.0, 0.25, -0.3]))
def test_the_order_of_trades_does_not_matter_to_the_end_value(values) -> None:
    once = e_value(run(values, Claim.AT_LEAST))
    assert once == pytest.approx(e_value(run(sorted(values), Claim.AT_LEAST)), rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_cannot_be_read_counts_as_the_worst_a_model_could_do(bad: float) -> None:
    harm = run([bad], Claim.AT_LEAST)
    assert e_value(harm) == e_value(run([-RULES.clip_r], Claim.AT_LEAST)) > 1.0
    good = run([bad], Claim.AT_MOST)
    assert e_value(good) == e_value(run([-RULES.bound_r], Claim.AT_MOST)) < 1.0


def test_one_gap_convicts_nobody() -> None:
    crash = e_value(run([-50.0], Claim.AT_LEAST))
    assert crash == e_value(run([-RULES.clip_r], Claim.AT_LEAST)) < 2.0


def test_one_stroke_of_luck_proves_nothing() -> None:
    luck = e_value(run([50.0], Claim.AT_MOST))
    assert luck == e_value(run([RULES.clip_r], Claim.AT_MOST)) < 2.0


def test_a_win_beyond_the_bound_ruins_the_boldest_bets_only() -> None:
    process = run([1.5], Claim.AT_LEAST)
    ruined = [wealth == -math.inf for wealth in process.log_wealth]
    assert ruined == [False, False, False, False, False, False, True]
    assert 0.0 < e_value(process) < 1.0


def test_ruin_is_for_good() -> None:
    process = run([1.5, *[-1.0] * 50], Claim.AT_LEAST)
    assert process.log_wealth[-1] == -math.inf
    assert e_value(process) > 1.0


def test_when_every_gambler_is_ruined_there_is_no_evidence() -> None:
    assert e_value(run([1_000.0], Claim.AT_LEAST)) == 0.0


def test_evidence_beyond_counting_is_infinite_and_no_error() -> None:
    assert e_value(EProcess((800.0, 0.0), 5_000)) == math.inf


@pytest.mark.parametrize("null", [1.0, -1.0, 2.0, math.nan])
def test_a_claim_outside_the_bound_is_a_mistake_of_ours(null: float) -> None:
    with pytest.raises(InvariantError, match="must lie inside the bound"):
        step(start(RULES), 0.0, null, Claim.AT_LEAST, RULES)


def test_the_state_survives_being_written_down() -> None:
    process = run([-1.0, 1.5, 0.2], Claim.AT_LEAST)
    packed = msgspec.msgpack.encode(process)
    assert msgspec.msgpack.decode(packed, type=EProcess) == process


@pytest.mark.parametrize(
    "changes",
    [{"bets": ()}, {"bets": (1.0,)}, {"bets": (0.0,)}, {"bound_r": 0.0}, {"clip_r": math.nan}],
)
def test_rules_that_would_break_the_guarantee_cannot_be_made(changes) -> None:
    usual = {"bets": (0.5,), "bound_r": 1.0, "clip_r": 1.0}
    with pytest.raises(msgspec.ValidationError):
        BettingRules(**(usual | changes))


# -- figures of LIFECYCLE.md, section 3.4 --------------------------------------------------


def test_a_model_at_the_boundary_is_rejected_at_most_once_in_twenty() -> None:
    """LIFECYCLE.md: 2.4-3.6 % within 1,000 trades; Ville promises at most 5 %."""
    paths = coin(np.random.default_rng(1), 0.5, 250, 1_000)
    share = np.mean([first_proof(path, RULES) < math.inf for path in paths])
    assert share <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 250)


def test_a_healthy_model_is_practically_never_rejected() -> None:
    """LIFECYCLE.md: 0.0-0.6 % within 1,000 trades."""
    paths = coin(np.random.default_rng(2), 0.55, 150, 600)
    assert np.mean([first_proof(path, RULES) < math.inf for path in paths]) <= 0.02


@pytest.mark.parametrize(
    ("win_rate", "trades", "power", "median"),
    [(0.2, 30, 0.83, 18), (0.3, 30, 0.41, 37), (0.3, 100, 0.94, 37), (0.4, 100, 0.33, 157)],
)
def test_power_is_as_published(win_rate, trades, power, median) -> None:
    paths = coin(np.random.default_rng(3), win_rate, 500, 300)
    when = np.array([first_proof(path, RULES) for path in paths])
    assert np.mean(when <= trades) == pytest.approx(power, abs=0.07)
    assert np.median(when) == pytest.approx(median, rel=0.15)


def test_a_trend_follower_with_rare_great_wins_is_left_alone() -> None:
    """{-1: 70 %, +3: 25 %, +10: 5 %}: clipping wins at 2 R would falsely reject 38 %."""
    u = np.random.default_rng(4).random((150, 400))
    paths = np.where(u < 0.7, -1.0, np.where(u < 0.95, 3.0, 10.0))
    honest = betting_rules(bound_r=10.0)
    assert not any(first_proof(path, honest) < math.inf for path in paths)
    too_low = betting_rules(bound_r=2.0)
    share = np.mean([first_proof(path, too_low) < math.inf for path in paths])
    assert share < 0.05, "a bound that is too low ruins bets; it must not convict"
