"""What was counted one by one is what is measured over the whole history at once."""

from __future__ import annotations

import math
from functools import reduce

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from stairway.base.verdict import Inconclusive, Refuse
from stairway.evaluation import bins, metrics
from stairway.evaluation.calibration import Estimate, murphy
from stairway.evaluation.calibration_state import (
    CalibrationState,
    Outcome,
    Tracked,
    TrackRules,
    add,
    climatology,
    critical,
    empty,
    read,
)
from stairway.evaluation.skill import Forecasts, Skill, brier_skill
from stairway.models.calibration import REGIMES

RULES = TrackRules(
    n_bins=10, eps=1e-3, prior_n=20.0, block_outcomes=4, min_blocks=10, level=0.95
)


def told(state: CalibrationState, outcome: Outcome) -> CalibrationState:
    found = add(state, outcome)
    assert isinstance(found, CalibrationState)
    return found


def counted(
    p: np.ndarray,
    rival: np.ndarray,
    y: np.ndarray,
    regime: np.ndarray | None = None,
    rules: TrackRules = RULES,
) -> CalibrationState:
    where = np.full(p.size, "trend") if regime is None else regime
    rows = zip(where.tolist(), p.tolist(), rival.tolist(), y.tolist(), strict=True)
    return reduce(told, (Outcome(*row) for row in rows), empty(rules))


def of_trend(state: CalibrationState) -> Tracked:
    found = read(state)["trend"]
    assert isinstance(found, Tracked)
    return found


def in_blocks(values: np.ndarray, size: int) -> np.ndarray:
    whole = values.size // size * size
    return values[:whole].reshape(-1, size).sum(axis=1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(40, 130))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    said = {
        "anything": rng.uniform(0.0, 1.0, n),
        "even": rng.uniform(0.45, 0.55, n),
        "certain": rng.choice([0.0, 0.3, 1.0], n),
        "one": np.full(n, 0.37),
    }[draw(st.sampled_from(["anything", "even", "certain", "one"]))]
    y = (rng.random(n) < 0.2 + 0.6 * said).astype(np.int64)
    y[:2] = (0, 1)
    return said, rng.uniform(0.3, 0.7, n), y


# --- equal to the whole at once


@settings(max_examples=60)
@given(histories())
def test_counting_one_by_one_is_measuring_all_at_once(
    history: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    p, rival, up = history
    y, found = up.astype(float), of_trend(counted(*history))
    table = bins.by_width(p, y, RULES.n_bins)
    loss, clipped = metrics.log_loss(p, y, RULES.eps)
    apart = murphy(table, found.murphy.brier, RULES.level, found.independent_frac)
    plain = metrics.reliability_of(table, found.independent_frac, RULES.level)

    assert found.n == p.size
    assert found.murphy.brier.value == pytest.approx(metrics.brier(p, y))
    assert found.log_loss.value == pytest.approx(loss)
    assert found.clipped == clipped
    assert found.skill.value == pytest.approx(
        1.0 - metrics.brier(p, y) / np.mean((rival - y) ** 2)
    )
    assert (found.reliability.ece, found.reliability.ece_bound) == pytest.approx(
        (plain.ece, plain.ece_bound)
    )
    for part in ("reliability", "resolution", "uncertainty"):
        ours, theirs = getattr(found.murphy, part), getattr(apart, part)
        assert msgspec.structs.astuple(ours) == pytest.approx(
            msgspec.structs.astuple(theirs), abs=1e-6
        )
    z = metrics.spiegelhalter_z(p, y)
    if isinstance(z, float):
        assert found.spiegelhalter_z == pytest.approx(z * math.sqrt(found.independent_frac))


@settings(max_examples=40)
@given(histories(), st.integers(1, 4))
def test_bands_are_those_of_block_sums(
    history: tuple[np.ndarray, np.ndarray, np.ndarray], size: int
) -> None:
    p, rival, y = history
    rules = msgspec.structs.replace(RULES, block_outcomes=size)
    found = of_trend(counted(*history, rules=rules))
    error, other = (p - y) ** 2, (rival - y) ** 2
    inside = np.clip(p, RULES.eps, 1.0 - RULES.eps)
    lost = -np.log(np.where(y == 1, inside, 1.0 - inside))
    k = p.size // size
    wide = critical(0.95, k)

    assert found.n_blocks == k
    for band, values in ((found.murphy.brier, error), (found.log_loss, lost)):
        half = wide * in_blocks(values, size).std(ddof=1) / math.sqrt(k) / size
        assert band.high - band.value == pytest.approx(half, abs=1e-7)
    ratio = error.sum() / other.sum()
    influence = in_blocks(error, size) - ratio * in_blocks(other, size)
    half = wide * influence.std(ddof=1) * math.sqrt(k) / in_blocks(other, size).sum()
    assert found.skill.high - found.skill.value == pytest.approx(half, abs=1e-6)


def test_skill_is_that_against_causal_climatology() -> None:
    rng, n = np.random.default_rng(5), 300
    p = rng.uniform(0.3, 0.7, (n, 2))
    up = (rng.random((n, 2)) < p).astype(np.int64)
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    regime = rng.choice(REGIMES, n)

    state, waiting = empty(RULES), []
    for i in range(n):
        # The outcome of bar i - 1 is known at the close of bar i, before its forecast is made.
        for outcome in waiting:
            state = told(state, outcome)
        known = climatology(state)
        waiting = [Outcome(str(regime[i]), p[i, k], known, int(up[i, k])) for k in range(2)]
    for outcome in waiting:
        state = told(state, outcome)

    late = Forecasts(p, up, bar, bar + 2, regime)
    for name in REGIMES:
        one_by_one, whole = read(state)[name], brier_skill(late, regime == name, 20.0, 0.95)
        assert isinstance(one_by_one, Tracked)
        assert isinstance(whole, Skill)
        assert one_by_one.n == whole.n
        assert one_by_one.murphy.brier.value == pytest.approx(whole.brier)
        assert one_by_one.skill.value == pytest.approx(whole.skill)


# --- bands and independence


def overlapping(n: int, span: int, rng: np.random.Generator) -> np.ndarray:
    """Outcomes that share all but one of ``span`` steps with the next."""
    steps = rng.standard_normal(n + span)
    return (np.convolve(steps, np.ones(span), "valid")[:n] > 0.0).astype(np.int64)


def test_bands_hold_the_truth_though_labels_overlap() -> None:
    rules = msgspec.structs.replace(RULES, block_outcomes=50, min_blocks=20)
    rng, runs, inside = np.random.default_rng(11), 60, 0
    for _ in range(runs):
        y = overlapping(1_500, 10, rng)
        found = of_trend(counted(np.full(y.size, 0.6), np.full(y.size, 0.5), y, rules=rules))
        # Half of the outcomes are up, so the score of 0.6 is 0.26 in the long run.
        inside += found.murphy.brier.low <= 0.26 <= found.murphy.brier.high
        assert found.independent_frac < 0.5

    assert inside / runs >= 0.88


def test_outcomes_that_do_not_overlap_count_nearly_fully() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 0.7, 4_000)
    y = (rng.random(p.size) < p).astype(np.int64)
    found = of_trend(counted(p, np.full(p.size, 0.5), y))

    assert found.independent_frac > 0.85
    assert isinstance(found.spiegelhalter_p, float)
    assert found.spiegelhalter_p > 0.01
    assert found.skill.low < found.skill.value < found.skill.high


@given(st.integers(10, 5_000), st.floats(0.5, 0.9999))
def test_critical_values_are_students_as_nearly_as_is_said(n_blocks: int, level: float) -> None:
    near = 1e-3 if level <= 0.99 else 1e-2

    assert critical(level, n_blocks) == pytest.approx(
        t.ppf(0.5 + level / 2, n_blocks - 1), rel=near
    )


def test_outcomes_that_repeat_one_another_are_worth_one_in_each_block() -> None:
    # Given blocks of four that hold one and the same error
    p = np.repeat(np.tile([0.1, 0.4], 6), 4)
    y = np.repeat([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1], 4)

    found = of_trend(counted(p, np.full(p.size, 0.5), y))

    assert found.independent_frac == 0.25


def test_the_diagram_is_as_sure_as_the_rules_say() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 0.7, 400)
    y = (rng.random(p.size) < p).astype(np.int64)
    plain, sure = (
        of_trend(counted(p, np.full(p.size, 0.5), y, rules=rules)).reliability
        for rules in (RULES, msgspec.structs.replace(RULES, level=0.999))
    )

    assert sure.ece_bound > plain.ece_bound
    assert sure.bins[0].low < plain.bins[0].low


# --- the state itself


def test_the_state_does_not_grow() -> None:
    rng = np.random.default_rng(0)
    sizes = []
    for n in (50, 2_000):
        p = rng.uniform(0.1, 0.9, n)
        state = counted(p, np.full(n, 0.5), rng.integers(0, 2, n))
        sizes.append(len(msgspec.msgpack.encode(state)))

    assert sizes[1] <= sizes[0] + 64


def test_a_state_survives_being_written_down() -> None:
    rng = np.random.default_rng(0)
    state = counted(rng.random(60), np.full(60, 0.5), rng.integers(0, 2, 60))

    written = msgspec.json.encode(state)
    assert msgspec.json.decode(written, type=CalibrationState) == state


def test_an_older_state_is_left_as_it_was() -> None:
    before = empty(RULES)
    after = told(before, Outcome("trend", 0.7, 0.5, 1))

    assert before == empty(RULES)
    assert (after.known, after.ups, after.tallies["trend"].n) == (1, 1, 1)
    assert after.tallies["range"] == before.tallies["range"]


def test_climatology_learns_from_every_regime() -> None:
    state = reduce(told, [Outcome(r, 0.5, 0.5, 1) for r in REGIMES], empty(RULES))

    assert climatology(state) == pytest.approx((10 + 3) / (20 + 3))


def test_too_few_outcomes_say_how_many_are_needed() -> None:
    state = counted(np.full(39, 0.5), np.full(39, 0.5), np.arange(39) % 2)
    found = read(state)

    assert all(isinstance(one, Inconclusive) for one in found.values())
    assert found["trend"].findings[0].detail == "39 of 40 outcomes"
    assert isinstance(read(told(state, Outcome("trend", 0.5, 0.5, 1)))["trend"], Tracked)


@pytest.mark.parametrize("only", [0, 1])
def test_one_outcome_alone_is_no_evidence(only: int) -> None:
    found = read(counted(np.full(50, 0.5), np.full(50, 0.5), np.full(50, only)))["trend"]

    assert isinstance(found, Inconclusive)
    (said,) = found.findings
    assert (said.code, said.value, said.bound, said.n) == ("calibration.one_outcome", 0, 1, 50)
    assert said.detail.startswith(f"all 50 outcomes are {only}; ")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"regime": "calm"}, "calibration.regime"),
        ({"confidence": math.nan}, "calibration.forecast"),
        ({"confidence": 1.01}, "calibration.forecast"),
        ({"confidence": -0.01}, "calibration.forecast"),
        ({"climatology": math.nan}, "calibration.climatology"),
        ({"climatology": 0.0}, "calibration.climatology"),
        ({"climatology": 1.0}, "calibration.climatology"),
        ({"climatology": 1e-300}, "calibration.climatology"),
        ({"up": -1}, "calibration.outcome"),
        ({"up": 2}, "calibration.outcome"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(change: dict[str, object], code: str) -> None:
    sound = Outcome("trend", 0.5, 0.5, 1)
    found = add(empty(RULES), msgspec.structs.replace(sound, **change))

    assert isinstance(found, Refuse)
    assert found.findings[0].code == code


def test_an_estimate_never_falls_below_nothing() -> None:
    p = np.full(60, 0.01)
    y = np.zeros(60, np.int64)
    y[0] = 1
    found = of_trend(counted(p, np.full(60, 0.5), y))

    assert isinstance(found.murphy.brier, Estimate)
    assert found.murphy.brier.low == 0.0
    assert found.log_loss.low == 0.0
