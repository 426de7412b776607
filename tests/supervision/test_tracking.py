"""Live probabilities are held against what came: the same labels, the same rival, no later."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation import calibration_state as tallies
from stairway.evaluation.calibration_state import Outcome
from stairway.evaluation.skill import climatology
from stairway.features.labels import LabelRules, triple_barrier
from stairway.market.bars import PairBars
from stairway.models.prediction import Action, Exclusion, ExclusionCode, Prediction
from stairway.supervision import tracking
from stairway.supervision.facts import CalibrationTracked
from stairway.supervision.tracking import Tracker
from stairway.testing.bars import random_walk
from stairway.testing.climbing import label_rules, tracking_rules

RULES = tracking_rules()
REGIMES = ("trend", "range", "crisis")
NOW = UtcNs(0)


def said(
    digest: str, symbol: str, confidence: float, regime: str = "trend", as_of_ns: int = 0
) -> Prediction:
    at = UtcNs(as_of_ns)
    return Prediction(
        "lightgbm", "v1", digest, symbol, at, regime, 0.0, confidence, Action.HOLD
    )


def regime_at(index: int) -> str:
    return REGIMES[index // 7 % 3]


def spoken(bars: PairBars, seed: int, digests: tuple[str, ...]) -> np.ndarray:
    """(n, models, 2) probabilities."""
    return np.random.default_rng(seed).uniform(0.05, 0.95, (len(bars), len(digests), 2))


def tracked(
    bars: PairBars,
    volatility: np.ndarray,
    p: np.ndarray,
    labels: LabelRules,
    digests: tuple[str, ...] = ("a", "b"),
    until: int | None = None,
) -> Tracker:
    """Feed a tracker bar by bar; the second model keeps silent at every third bar."""
    state = tracking.start(RULES, labels, bars.symbols)
    for bar in bars.part(0, until or len(bars)):
        answers = [
            said(d, s, p[bar.index, m, k], regime_at(bar.index))
            for m, d in enumerate(digests)
            for k, s in enumerate(bars.symbols)
            if m == 0 or bar.index % 3
        ]
        first, second = volatility[bar.index]
        state = tracking.on_close(state, bar, (float(first), float(second)), answers)
    return state


def counted_at_once(
    bars: PairBars, volatility: np.ndarray, p: np.ndarray, labels: LabelRules
) -> dict[str, tallies.CalibrationState]:
    """Do the same from whole columns, with the labels that training uses."""
    found = triple_barrier(bars, volatility, labels)
    rival = climatology(found.outcome, found.end, RULES.prior_n)
    rows = [
        (int(found.end[i, k]), i, k)
        for i in range(len(bars))
        for k in range(2)
        if found.labelled[i, k]
    ]
    states: dict[str, tallies.CalibrationState] = {}
    for _, i, k in sorted(rows):
        for m, digest in enumerate("ab"):
            if m == 0 or i % 3:
                one = Outcome(
                    regime_at(i), float(p[i, m, k]), float(rival[i]), int(found.outcome[i, k])
                )
                grown = tallies.add(states.get(digest) or tallies.empty(RULES), one)
                assert isinstance(grown, tallies.CalibrationState)
                states[digest] = grown
    return states


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    horizon=st.integers(1, 12),
    day=st.sampled_from([86_400, 1_800]),
    within=st.booleans(),
)
def test_bar_by_bar_it_counts_the_labels_that_training_makes_against_the_same_rival(
    seed: int, horizon: int, day: int, *, within: bool
) -> None:
    labels = label_rules(horizon, within_session=within)
    bars = random_walk(120, seed=seed, bar_seconds=day)
    volatility = np.random.default_rng(seed).uniform(0.002, 0.02, (120, 2))
    volatility[:5] = np.nan
    volatility[-horizon:] = np.nan  # nothing is decided so late that its label never comes
    p = spoken(bars, seed, ("a", "b"))
    state = tracked(bars, volatility, p, labels)
    expected = counted_at_once(bars, volatility, p, labels)
    assert state.known == int(triple_barrier(bars, volatility, labels).labelled.sum())
    assert {d: one.tallies for d, one in state.models.items()} == {
        d: one.tallies for d, one in expected.items()
    }


@given(cut=st.integers(20, 100), seed=st.integers(0, 1_000))
@settings(max_examples=20)
def test_no_outcome_is_counted_before_the_bar_that_decides_it(cut: int, seed: int) -> None:
    labels = label_rules(8)
    bars = random_walk(120, seed=seed)
    volatility = np.full((120, 2), 0.01)
    state = tracked(bars, volatility, spoken(bars, seed, ("a", "b")), labels, until=cut)
    found = triple_barrier(bars, volatility, labels)
    assert state.known == int((found.labelled & (found.end <= cut)).sum())
    assert len(state.open) == 2 * cut - state.known


def test_what_is_kept_does_not_grow_with_the_length_of_a_run() -> None:
    labels = label_rules(5)
    bars = random_walk(400, seed=1)
    p, volatility = spoken(bars, 1, ("a", "b")), np.full((400, 2), 0.05)
    sizes = [
        len(tracked(bars, volatility, p, labels, until=until).open) for until in (100, 400)
    ]
    assert max(sizes) <= 2 * (labels.horizon_bars + 1)


def test_a_decision_at_the_end_of_a_session_has_no_label() -> None:
    labels = label_rules(30, within_session=True)
    bars = random_walk(40, seed=3, bar_seconds=1_800)
    state = tracked(bars, np.full((40, 2), 0.01), spoken(bars, 3, ("a", "b")), labels, until=13)
    assert bars.at(12).last_of_session
    assert (len(state.open), state.known) == (0, 24)


def test_a_session_that_ends_without_a_word_is_decided_by_its_last_close() -> None:
    # Each daily bar is a session of its own, and none says that it is the last.
    labels = label_rules(5, within_session=True)
    bars = random_walk(30, seed=3)
    state = tracked(bars, np.full((30, 2), 0.01), spoken(bars, 3, ("a", "b")), labels)
    assert (state.known, len(state.open)) == (0, 2)


def test_silence_and_a_broken_contract_count_as_nothing_said() -> None:
    bars = random_walk(30, seed=5)
    state = tracking.start(RULES, label_rules(2), bars.symbols)
    gone = Exclusion("xgboost", "v1", "b", "ALPHA", NOW, ExclusionCode.RAISED, "it raised")
    for bar in bars.part(0, 30):
        answers = [gone, said("c", "ALPHA", float("nan")), said("d", "OTHER", 0.5)]
        state = tracking.on_close(state, bar, (0.01, 0.01), answers)
    assert state.known > 40
    assert state.models == {}


def test_a_regime_that_nobody_knows_is_our_own_mistake() -> None:
    bars = random_walk(20, seed=5)
    state = tracking.start(RULES, label_rules(2), bars.symbols)
    answers = [said("a", "ALPHA", 0.5, "unheard of")]
    first, second = bars.part(0, 2)
    state = tracking.on_close(state, first, (1e-9, 1e-9), answers)
    with pytest.raises(InvariantError, match="unheard of"):
        tracking.on_close(state, second, (1e-9, 1e-9), answers)


# -- what is put on record -----------------------------------------------------------------


def of_outcomes(p: np.ndarray, y: np.ndarray, block_outcomes: int = 4) -> Tracker:
    rules = tracking_rules(block_outcomes=block_outcomes)
    tally = tallies.empty(rules)
    for one, up in zip(p.tolist(), y.tolist(), strict=True):
        grown = tallies.add(tally, Outcome("trend", one, 0.5, int(up)))
        assert isinstance(grown, tallies.CalibrationState)
        tally = grown
    begun = tracking.start(rules, label_rules(), ("ALPHA", "BETA"))
    return replace(begun, models={"a": tally}, names={"a": "lightgbm"})


def only(state: Tracker) -> CalibrationTracked:
    (fact,) = tracking.readings(state, NOW)[1]
    return fact


def outcomes(n: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < 0.5).astype(np.float64)


def test_probabilities_that_are_upside_down_raise_an_alarm() -> None:
    y = outcomes(400)
    fact = only(of_outcomes(0.5 - 0.4 * (y - 0.5), y))
    assert isinstance(fact.verdict, Refuse)
    assert fact.verdict.findings[0].code == "calibration.no_skill"
    assert fact.tracked is not None
    assert fact.tracked.skill.high < 0.0


def test_probabilities_that_are_right_pass_and_guesses_prove_nothing() -> None:
    y = outcomes(400)
    assert isinstance(only(of_outcomes(0.5 + 0.4 * (y - 0.5), y)).verdict, Pass)
    noise = np.random.default_rng(9).uniform(0.49, 0.51, 400)
    assert isinstance(only(of_outcomes(noise, y)).verdict, Inconclusive)


def test_too_few_outcomes_are_said_to_be_too_few_and_raise_nothing() -> None:
    fact = only(of_outcomes(np.full(39, 0.01), np.ones(39)))
    assert (fact.n, fact.tracked) == (39, None)
    assert isinstance(fact.verdict, Inconclusive)
    assert fact.verdict.findings[0].code == "calibration.too_few"


def test_honest_forecasts_without_skill_seldom_raise_the_alarm() -> None:
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.3, 0.7, 120)
        y = (rng.random(120) < p).astype(np.float64)
        alarms += isinstance(only(of_outcomes(p, y)).verdict, Refuse)
    assert alarms <= 5


def test_a_skill_that_is_no_number_refuses() -> None:
    fact = only(of_outcomes(np.full(80, 0.4), outcomes(80)))
    assert fact.tracked is not None
    nan = replace(fact.tracked.skill, low=float("nan"), high=float("nan"))
    assert isinstance(tracking.judge(replace(fact.tracked, skill=nan)), Refuse)


def test_what_was_read_is_not_read_again_until_something_new_is_known() -> None:
    state, facts = tracking.readings(of_outcomes(np.full(80, 0.4), outcomes(80)), NOW)
    assert [fact.regime for fact in facts] == ["trend"]
    assert tracking.readings(state, NOW)[1] == ()
    grown = tallies.add(state.models["a"], Outcome("crisis", 0.5, 0.5, 1))
    assert isinstance(grown, tallies.CalibrationState)
    again = tracking.readings(replace(state, models={"a": grown}), NOW)[1]
    assert [(fact.regime, fact.n) for fact in again] == [("crisis", 1)]
