"""A run of losses is a word; an alarm needs proof, and keeps its promised run length."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision import drift
from stairway.supervision.drift import DriftRules, lengthen, listen, rings, watch
from stairway.testing.climbing import drift_rules
from msgspec.structs import replace

RULES = drift_rules()


def chance_of_alert(win_rate: float, trades: int, rules: DriftRules = RULES) -> float:
    """Exact: move the distribution over the length of the run, one trade at a time."""
    alive, rung = {0: 1.0}, 0.0
    for _ in range(trades):
        after: dict[int, float] = {}
        for run, p in alive.items():
            for r, q in ((1.0, win_rate), (-1.0, 1 - win_rate)):
                longer = lengthen(run, r)
                if rings(longer, rules):
                    rung += p * q
                else:
                    after[longer] = after.get(longer, 0.0) + p * q
        alive = after
    return rung


def mean_trades_to_alert(win_rate: float, loss_run: int, trades: int) -> float:
    rules = replace(RULES, loss_run=loss_run)
    alive, total = np.zeros(loss_run), 0.0
    alive[0] = 1.0
    for _ in range(trades):
        total += alive.sum()
        after = np.zeros(loss_run)
        for run in range(loss_run):
            for r, q in ((1.0, win_rate), (-1.0, 1 - win_rate)):
                longer = lengthen(run, r)
                if not rings(longer, rules):
                    after[longer] += alive[run] * q
        alive = after
    return total


# -- LIFECYCLE.md, table 3.1, exactly ------------------------------------------------------


@pytest.mark.parametrize(
    ("win_rate", "chances", "mean"),
    [
        (0.35, (0.786, 0.965, 0.994, 1.000, 1.000), 7.5),
        (0.45, (0.607, 0.869, 0.956, 0.995, 1.000), 11.1),
        (0.50, (0.508, 0.787, 0.908, 0.983, 1.000), 14.0),
        (0.55, (0.409, 0.683, 0.830, 0.951, 0.998), 18.1),
        (0.65, (0.229, 0.435, 0.586, 0.777, 0.953), 34.3),
    ],
)
def test_three_losses_in_a_row_come_as_often_as_published(win_rate, chances, mean) -> None:
    for trades, chance in zip((10, 20, 30, 50, 100), chances, strict=True):
        assert chance_of_alert(win_rate, trades) == pytest.approx(chance, abs=0.0006)
    lost = 1 - win_rate
    formula = (1 - lost**3) / (lost**3 * win_rate)
    assert formula == pytest.approx(mean, abs=0.06)
    assert mean_trades_to_alert(win_rate, 3, 2_000) == pytest.approx(formula, rel=1e-6)


@pytest.mark.parametrize(
    ("loss_run", "mean"), [(3, 18.1), (4, 43), (5, 97), (6, 217), (7, 485), (8, 1079)]
)
def test_a_longer_run_is_a_rarer_signal(loss_run: int, mean: float) -> None:
    assert mean_trades_to_alert(0.55, loss_run, 15_000) == pytest.approx(mean, abs=0.6)


# -- the signal ----------------------------------------------------------------------------


def ringing(outcomes: list[float]) -> list[bool]:
    run, rung = 0, []
    for r in outcomes:
        run = lengthen(run, r)
        rung.append(rings(run, RULES))
    return rung


def test_the_third_loss_in_a_row_rings() -> None:
    assert ringing([-1, -1, -1]) == [False, False, True]


def test_a_run_rings_once_however_long_it_gets() -> None:
    assert sum(ringing([-1.0] * 20)) == 1


def test_it_rings_again_after_a_trade_that_is_no_loss() -> None:
    assert sum(ringing([-1, -1, -1, 0.0, -1, -1, -1])) == 2


def test_a_trade_of_nothing_is_no_loss() -> None:
    assert ringing([-1, -1, 0.0, -1]) == [False] * 4


def test_a_trade_that_cannot_be_read_lengthens_the_run() -> None:
    assert lengthen(2, math.nan) == 3


# -- the reference -------------------------------------------------------------------------


def test_too_few_trades_fall_back_to_the_policy() -> None:
    assert drift.reference_loss_rate(29, 29, RULES) == pytest.approx(0.45)


@given(trades=st.integers(30, 500), data=st.data())
def test_the_reference_is_no_better_than_what_was_shown(trades, data) -> None:
    kept = data.draw(st.integers(0, trades))
    rate = drift.reference_loss_rate(kept, trades, RULES)
    assert 0.01 <= rate <= 0.99
    assert rate >= min(1 - kept / trades, 0.99) - 1e-12


def test_more_trades_bring_the_reference_nearer_to_what_was_shown() -> None:
    few, many = (drift.reference_loss_rate(6 * n, 10 * n, RULES) for n in (5, 500))
    assert 0.4 < many < few < 0.5


def test_the_bound_is_wilsons() -> None:
    """33 of 60 at 90 %: against the textbook formula with the square completed."""
    n, p, z = 60, 33 / 60, RULES.approved_z
    centre, root = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    lower = (centre - root) / (1 + z * z / n)
    assert drift.reference_loss_rate(33, 60, RULES) == pytest.approx(1 - lower)


@given(reference=st.floats(0.01, 0.99))
def test_alternatives_are_always_worse_than_the_reference(reference) -> None:
    detector = watch(reference, RULES)
    assert all(reference < q < 1.0 for q in detector.alternatives)
    assert list(detector.alternatives) == sorted(detector.alternatives)


# -- the alarm: LIFECYCLE.md, table 3.5 ----------------------------------------------------


def first_alarm(lost: np.ndarray, rules: DriftRules, start: int = 0) -> float:
    """Trades from ``start`` to the first alarm that rings at or after it."""
    detector = watch(0.45, rules)
    for i, loss in enumerate(lost.tolist()):
        detector, level = listen(detector, -1.0 if loss else 1.0, rules)
        if level is not None and i >= start:
            return i - start + 1
    return math.inf


def delays(win_rate: float, rules: DriftRules, seed: int, paths: int = 150) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stable, bad = rng.random((paths, 150)) > 0.55, rng.random((paths, 400)) > win_rate
    series = np.concatenate((stable, bad), axis=1)
    return np.array([first_alarm(path, rules, 150) for path in series])


@pytest.mark.parametrize(
    ("run_length", "win_rate", "median"),
    [
        (1_000, 0.45, 94),
        (1_000, 0.40, 56),
        (1_000, 0.30, 25),
        (5_000, 0.40, 80),
        (5_000, 0.30, 40),
    ],
)
def test_a_lost_edge_is_found_as_soon_as_published(run_length, win_rate, median) -> None:
    rules = replace(RULES, run_length_trades=run_length)
    found = delays(win_rate, rules, seed=17)
    assert np.median(found) == pytest.approx(median, rel=0.2)
    assert np.mean(found < math.inf) > 0.95


def test_false_alarms_are_no_more_frequent_than_promised() -> None:
    """LIFECYCLE.md: 0.84 a thousand stable trades at A = 1,000; 1 is the bound."""
    lost = np.random.default_rng(23).random(60_000) > 0.55
    detector, alarms = watch(0.45, RULES), 0
    for loss in lost.tolist():
        detector, level = listen(detector, -1.0 if loss else 1.0, RULES)
        alarms += level is not None
    assert 0.4 <= alarms / 60 <= 1.0 + 2.5 * math.sqrt(1 / 60)


@given(past=st.lists(st.sampled_from([-1.0, 1.0]), max_size=12))
def test_under_the_reference_evidence_grows_by_exactly_one_a_trade(past) -> None:
    """Shiryaev-Roberts: M - n is a martingale, which is why the run length is kept."""
    detector = watch(0.45, RULES)
    for r in past:
        detector, _ = listen(detector, r, replace(RULES, run_length_trades=1e6))
    after = [
        listen(detector, r, replace(RULES, run_length_trades=1e6))[0].level for r in (-1.0, 1.0)
    ]
    assert 0.45 * after[0] + 0.55 * after[1] == pytest.approx(detector.level + 1.0, rel=1e-9)


def test_an_alarm_tells_its_evidence_and_starts_afresh() -> None:
    rules = replace(RULES, run_length_trades=3)
    detector, level = watch(0.45, rules), None
    while level is None:
        detector, level = listen(detector, -1.0, rules)
    assert level >= 3
    assert detector.level == 0.0
    assert detector.n == 0


def test_a_trade_that_cannot_be_read_counts_as_a_loss() -> None:
    detector = watch(0.45, RULES)
    assert listen(detector, math.nan, RULES) == listen(detector, -1.0, RULES)
