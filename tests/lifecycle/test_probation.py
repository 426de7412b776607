"""The breaker errs as often as published; what cannot be undone waits for evidence."""

from __future__ import annotations

import functools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.lifecycle import probation
from stairway.lifecycle.probation import (
    Grade,
    Probation,
    Status,
    Tally,
    bleeds,
    count,
    evidence,
    grade,
    healthy,
    judge,
    observe,
    renewed,
    trips,
)
from stairway.testing.climbing import betting_rules, climb_rules

RULES = climb_rules().probation
DAY_NS = UtcNs(24 * NS_PER_HOUR)


def tally(*outcomes: float) -> Tally:
    return functools.reduce(count, outcomes, Tally())


def on_probation(*outcomes: float) -> Probation:
    begun = probation.begin("lightgbm", "new", "old", UtcNs(0), RULES)
    return functools.reduce(probation.closed, outcomes, begun)


# -- the rule ------------------------------------------------------------------------------


def test_nine_losses_do_not_trip_and_the_tenth_does() -> None:
    assert not trips(tally(*[-1.0] * 9), RULES)
    assert trips(tally(*[-1.0] * 10), RULES)


@pytest.mark.parametrize(
    ("wins", "trades", "tripped"),
    [(7, 20, False), (6, 20, True), (4, 10, False), (3, 10, True)],
)
def test_exactly_thirty_five_percent_stays(wins: int, trades: int, *, tripped) -> None:
    """Losses are made small, so that the average never decides."""
    assert trips(Tally(trades, wins, trades - wins, 0.0), RULES) is tripped


@pytest.mark.parametrize(
    ("total_r", "tripped"), [(-3.0, False), (-3.0000001, True), (-2.9, False), (5.0, False)]
)
def test_exactly_minus_a_third_of_a_third_stays(total_r: float, *, tripped) -> None:
    """Ten trades, nine of them won: the bound on the average is -0.3 R."""
    assert trips(Tally(10, 9, 1, total_r), RULES) is tripped


@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_an_average_that_is_no_number_trips(bad: float) -> None:
    assert trips(Tally(10, 9, 1, bad), RULES)


def test_a_trade_of_nothing_is_neither_won_nor_lost() -> None:
    assert tally(0.0, 1.0, -1.0) == Tally(3, 1, 1, 0.0)


@given(st.lists(st.floats(-3, 3), max_size=40))
def test_a_worse_trade_never_saves_a_model(outcomes) -> None:
    if outcomes and trips(tally(*outcomes), RULES):
        assert trips(tally(*outcomes[:-1], min(outcomes[-1], -1.0)), RULES)


# -- LIFECYCLE.md, table 3.2 ---------------------------------------------------------------

LOOKS = (10, 15, 20, 30, 50, 100)


def chance_of_rollback(win_rate: float, win: float, loss: float = 1.0) -> tuple[float, ...]:
    """Exact: the distribution over tallies, moved one trade at a time through the breaker."""
    alive: dict[tuple[int, int], tuple[float, Tally]] = {(0, 0): (1.0, Tally())}
    tripped, at = 0.0, []
    for n in range(1, max(LOOKS) + 1):
        after: dict[tuple[int, int], tuple[float, Tally]] = {}
        for p, seen in alive.values():
            for r, q in ((win, win_rate), (-loss, 1 - win_rate)):
                now = count(seen, r)
                if trips(now, RULES):
                    tripped += p * q
                else:
                    key = (now.wins, now.losses)
                    after[key] = (after.get(key, (0.0, now))[0] + p * q, now)
        alive = after
        if n in LOOKS:
            at.append(tripped)
    return tuple(at)


@pytest.mark.parametrize(
    ("win_rate", "win", "published"),
    [
        (0.55, 1.0, (0.102, 0.145, 0.150, 0.160, 0.162, 0.162)),
        (0.55, 1.2, (0.101, 0.146, 0.152, 0.162, 0.164, 0.164)),
        (0.60, 1.0, (0.055, 0.079, 0.081, 0.084, 0.085, 0.085)),
        (0.70, 0.6, (0.048, 0.063, 0.066, 0.068, 0.068, 0.068)),
        (0.40, 2.0, (0.383, 0.515, 0.541, 0.609, 0.651, 0.685)),
        (0.35, 2.5, (0.512, 0.659, 0.690, 0.769, 0.825, 0.875)),
        (0.50, 1.0, (0.172, 0.243, 0.254, 0.279, 0.287, 0.289)),
        (0.45, 1.0, (0.266, 0.370, 0.389, 0.434, 0.456, 0.468)),
        (0.40, 1.0, (0.383, 0.516, 0.542, 0.609, 0.652, 0.685)),
        (0.30, 1.0, (0.648, 0.791, 0.822, 0.895, 0.940, 0.976)),
        (0.20, 1.0, (0.879, 0.959, 0.972, 0.993, 0.999, 1.000)),
        (0.55, 0.5, (0.264, 0.417, 0.459, 0.498, 0.527, 0.546)),
    ],
)
def test_the_breaker_errs_exactly_as_often_as_published(win_rate, win, published) -> None:
    assert chance_of_rollback(win_rate, win) == pytest.approx(published, abs=0.004)


def clustered(rho: float, paths: int, trades: int, seed: int) -> np.ndarray:
    """55 % wins of +1.2 R, noisy sizes, outcomes clustered by a latent AR(1)."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((paths, trades))
    for t in range(1, trades):
        z[:, t] = rho * z[:, t - 1] + math.sqrt(1 - rho**2) * z[:, t]
    won = z > -0.12566134685507416  # the 45 % quantile of a normal
    sizes = 1.2 * rng.lognormal(-0.18, 0.6, (paths, trades))
    losses = np.minimum(1.5, rng.lognormal(-0.045, 0.3, (paths, trades)))
    return np.where(won, sizes, -losses)


@pytest.mark.parametrize(
    ("rho", "by_15", "by_30"), [(0.0, 0.173, 0.191), (0.3, 0.233, 0.265), (0.6, 0.311, 0.362)]
)
def test_clustered_losses_trip_it_more_often_as_published(rho, by_15, by_30) -> None:
    when = []
    for path in clustered(rho, 2_500, 30, seed=11).tolist():
        seen, at = Tally(), math.inf
        for n, r in enumerate(path, 1):
            seen = count(seen, r)
            if trips(seen, RULES):
                at = n
                break
        when.append(at)
    assert np.mean(np.array(when) <= 15) == pytest.approx(by_15, abs=0.025)
    assert np.mean(np.array(when) <= 30) == pytest.approx(by_30, abs=0.025)


def test_the_win_rate_rule_alone_causes_the_false_alarms_of_trend_followers() -> None:
    """LIFECYCLE.md, notes to 3.2: .61 by the win rate, .24 by the average R."""
    both = chance_of_rollback(0.40, 2.0)[3]
    no_wins = replace(RULES, min_win_rate=1e-9)
    assert both == pytest.approx(0.609, abs=0.004)
    seen = [functools.reduce(count, path, Tally()) for path in ([2.0] * 3 + [-1.0] * 7,)]
    assert trips(seen[0], RULES)
    assert not trips(seen[0], no_wins)


# -- the course of a probation -------------------------------------------------------------


def test_it_passes_once_window_and_trades_are_both_reached() -> None:
    good = on_probation(*[1.0, -1.0] * 5)
    assert isinstance(judge(good, DAY_NS, RULES), Pass)


def test_a_window_that_ends_with_nine_trades_proves_nothing() -> None:
    nine = on_probation(*[1.0] * 9)
    verdict = judge(nine, UtcNs(DAY_NS * 30), RULES)
    assert isinstance(verdict, Inconclusive)
    assert [finding.code for finding in verdict.findings] == ["probation.trades"]


def test_ten_trades_before_the_window_ends_prove_nothing() -> None:
    verdict = judge(on_probation(*[1.0] * 10), UtcNs(DAY_NS - 1), RULES)
    assert isinstance(verdict, Inconclusive)
    assert [finding.code for finding in verdict.findings] == ["probation.window"]


def test_as_first_written_it_ends_with_the_window_alone() -> None:
    literal = replace(RULES, trades_to_pass=0)
    assert isinstance(judge(on_probation(), DAY_NS, literal), Pass)


def test_a_trip_refuses_and_names_what_tripped() -> None:
    verdict = judge(on_probation(*[-1.0] * 10), UtcNs(0), RULES)
    assert isinstance(verdict, Refuse)
    codes = {finding.code: finding for finding in verdict.findings}
    assert set(codes) == {"probation.average_r", "probation.win_rate"}
    assert (codes["probation.average_r"].value, codes["probation.average_r"].n) == (-1.0, 10)


def test_a_trip_refuses_after_the_window_too() -> None:
    assert isinstance(judge(on_probation(*[-1.0] * 10), UtcNs(DAY_NS * 2), RULES), Refuse)


def test_the_state_has_the_fields_of_the_specification() -> None:
    state = on_probation(1.0, -0.5)
    fields = (
        "model_type new_version old_version promoted_at monitoring_until "
        "trades_count wins losses total_r status"
    )
    assert [field.name for field in msgspec.structs.fields(state)] == fields.split()
    assert (state.trades_count, state.wins, state.losses, state.total_r) == (2, 1, 1, 0.5)
    assert state.status is Status.MONITORING
    assert state.monitoring_until == DAY_NS


def test_the_state_survives_a_restart() -> None:
    state = on_probation(1.0, -0.5, 0.0)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Probation) == state


# -- grading -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e", "expected"),
    [
        (0.0, Grade.SUSPECTED),
        (4.999, Grade.SUSPECTED),
        (5.0, Grade.LIKELY),
        (19.999, Grade.LIKELY),
        (20.0, Grade.CONFIRMED),
        (math.inf, Grade.CONFIRMED),
        (math.nan, Grade.CONFIRMED),
    ],
)
def test_a_trip_is_graded_by_the_evidence(e: float, expected: Grade) -> None:
    assert grade(e, RULES) is expected


def health_after(*outcomes: float) -> probation.Health:
    return functools.reduce(lambda h, r: observe(h, r, RULES), outcomes, healthy(RULES))


def test_a_model_of_which_nothing_is_known_is_only_suspected() -> None:
    assert evidence(healthy(RULES)) == 1.0
    assert grade(evidence(healthy(RULES)), RULES) is Grade.SUSPECTED


def test_a_slow_bleeder_is_found_without_the_rule() -> None:
    """55 % wins of half an R: the win rate looks fine, and the average stays above -0.3."""
    outcomes = [0.5, -1.0] * 9 + [0.5, 0.5]
    assert not trips(tally(*outcomes * 10), RULES)
    bled = functools.reduce(
        lambda health, r: observe(health, r, UNIT), outcomes * 10, healthy(UNIT)
    )
    assert isinstance(bleeds(bled, UNIT), Refuse)


def test_a_healthy_model_does_not_bleed() -> None:
    assert isinstance(bleeds(health_after(*[1.0, -1.0, 1.0] * 100), RULES), Pass)


def test_a_long_good_past_cannot_hide_a_present_decay() -> None:
    good = health_after(*[1.0, 1.0, -1.0] * 60)
    decayed = renewed(good, RULES)
    for _ in range(18):
        decayed = observe(decayed, -1.0, RULES)
        good = observe(good, -1.0, RULES)
    assert evidence(good) < 1.0
    assert evidence(decayed) > 20.0


def test_evidence_from_before_the_promotion_is_carried_over() -> None:
    shadowed = renewed(health_after(*[-1.0] * 8), RULES)
    assert shadowed.fresh.n == 0
    assert evidence(shadowed) > 2 * evidence(healthy(RULES))


UNIT = replace(RULES, betting=betting_rules(bound_r=1.0))


def ends(win_rate: float, trades: int) -> dict[str, float]:
    """Exact: how paths end within ``trades`` under rule and evidence together.

    The evidence depends on the counts alone, but its peak does not: whether it ever reached
    5 is part of the state.
    """
    ended = dict.fromkeys((*Grade, "tripped"), 0.0)
    alive = {(0, 0, False): (1.0, Tally(), healthy(UNIT))}
    for _ in range(trades):
        after: dict[tuple[int, int, bool], tuple[float, Tally, probation.Health]] = {}
        for p, seen, health in alive.values():
            for r, q in ((1.0, win_rate), (-1.0, 1 - win_rate)):
                now, hurt = count(seen, r), observe(health, r, UNIT)
                graded = grade(hurt.peak, UNIT)
                if trips(now, UNIT) or graded is Grade.CONFIRMED:
                    ended[graded] += p * q
                    ended["tripped"] += p * q
                else:
                    key = (now.wins, now.losses, graded is Grade.LIKELY)
                    after[key] = (after.get(key, (0.0,))[0] + p * q, now, hurt)
        alive = after
    return ended


def chance_of_evidence(win_rate: float, win: float, trades: int, level: float) -> float:
    """Exact: chance that the evidence ever reaches ``level`` within ``trades``."""
    alive, reached = {(0, 0): (1.0, healthy(UNIT))}, 0.0
    for _ in range(trades):
        after: dict[tuple[int, int], tuple[float, probation.Health]] = {}
        for (wins, losses), (p, health) in alive.items():
            for key, r, q in (
                ((wins + 1, losses), win, win_rate),
                ((wins, losses + 1), -1.0, 1 - win_rate),
            ):
                hurt = observe(health, r, UNIT)
                if evidence(hurt) >= level:
                    reached += p * q
                else:
                    after[key] = (after.get(key, (0.0,))[0] + p * q, hurt)
        alive = after
    return reached


def test_hardly_any_healthy_model_is_thrown_out_for_good() -> None:
    """LIFECYCLE.md 3.4: of a healthy model's trips 1.0 % have e >= 20, 15.8 % e >= 5."""
    ended = ends(0.55, 30)
    tripped = ended["tripped"]
    assert tripped == pytest.approx(0.160, abs=0.004)
    assert ended[Grade.CONFIRMED] / tripped == pytest.approx(0.010, abs=0.002)
    at_least_likely = (ended[Grade.CONFIRMED] + ended[Grade.LIKELY]) / tripped
    assert at_least_likely == pytest.approx(0.158, abs=0.006)
    assert ended[Grade.CONFIRMED] == pytest.approx(0.002, abs=0.0005)


def test_healthy_models_reach_proof_as_rarely_as_published() -> None:
    """LIFECYCLE.md 3.4: 0.5 % by trade 30, where a trip that was final would be 16 %."""
    assert chance_of_evidence(0.55, 1.0, 30, 20) == pytest.approx(0.005, abs=0.0006)


def test_slow_bleeders_are_found_more_often_than_by_the_rule() -> None:
    """LIFECYCLE.md 3.4, 55 % +.5/-1: P(e >= 5 in 100) = .75, and .55 by the rule."""
    assert chance_of_evidence(0.55, 0.5, 100, 5) == pytest.approx(0.75, abs=0.012)


@given(st.lists(st.sampled_from([1.0, -1.0, 0.5]), max_size=30))
def test_the_peak_is_the_most_there_ever_was(outcomes) -> None:
    health, most = healthy(RULES), 1.0
    for r in outcomes:
        health = observe(health, r, RULES)
        most = max(most, evidence(health))
    assert health.peak == most
    assert renewed(health, RULES).peak == evidence(renewed(health, RULES))
