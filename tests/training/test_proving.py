"""What a proof is put together of: candidates, the rule, and no costs, at the same bars."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stairway.app import settings
from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse, passed
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.proof import account_of, from_bytes
from stairway.evaluation.proof_of_returns import proof_of_returns
from stairway.evaluation.sceptic.answer import Question
from stairway.evaluation.skill import Forecasts
from stairway.models.baseline import BaselineRules, confidence
from stairway.testing.models import toy_passport
from stairway.training.candidate import Backtest
from stairway.training.origin import Origin
from stairway.training.proving import (
    Contest,
    Heard,
    Told,
    contest,
    proof_of,
    record_of,
    shown,
)
from stairway.training.trainer_rules import rules_of

N, LATE = 900, 300
RNG = np.random.default_rng(3)
CAME = np.where(RNG.random((N, 2)) < 0.5, 1, 0)
FEATURES = RNG.standard_normal((N, 2, 12))
RULES = rules_of(settings.plain(settings.load("daily")))
BOUNDS = (RULES.evidence, RULES.proof)
GOOD = passed("x", "y")


def returns_of(cost: float):
    """Win a hundredth of what was right, and pay for every opinion; the first bar is 0."""

    def earned(said: np.ndarray) -> np.ndarray:
        side = np.nan_to_num(np.sign(said - 0.5))
        paid = 0.01 * side * (2 * CAME - 1) - cost * np.abs(side)
        return np.concatenate([[0.0], paid[:-1].mean(axis=1)])

    return earned


BACKTEST = Backtest(returns_of(0.001), returns_of(0.0), 252.0)


def candidate(name: str, skill: float, seed: int, first: int = 0) -> Heard:
    rng = np.random.default_rng(seed)
    right = rng.random((N, 2)) < 0.5 + skill
    said = np.where(right == (CAME == 1), 0.5 + skill, 0.5 - skill)
    said[:first] = np.nan
    returns = BACKTEST.returns_of(said)
    returns[:first] = np.nan
    return Heard(name, said, returns)


@pytest.fixture(scope="module")
def among() -> Contest:
    heard = [candidate("good", 0.2, 1), candidate("late", 0.01, 2, LATE)]
    return contest(heard, FEATURES, RULES.baseline, BACKTEST)


def forecasts(said: np.ndarray) -> Forecasts:
    bar = np.repeat(np.arange(N)[:, None], 2, axis=1)
    return Forecasts(said, CAME, bar, bar + 1, np.full(N, "trend"))


def test_everybody_is_held_against_the_rule_at_the_bars_all_have(among: Contest) -> None:
    assert (among.first, among.rule.shape) == (LATE, (N - LATE,))
    rows = FEATURES.reshape(N * 2, -1)
    said = np.array([confidence(RULES.baseline, row) for row in rows]).reshape(N, 2)
    said[:LATE] = np.nan
    np.testing.assert_array_equal(among.rule, BACKTEST.returns_of(said)[LATE:])
    assert np.ptp(among.rule) > 0.0


def test_another_rule_comes_to_another_account() -> None:
    dull = BaselineRules(max_edge=RULES.baseline.max_edge, scale_sigmas=1e3)
    by_edge = Backtest(lambda said: said.mean(axis=1), BACKTEST.gross_of, 252.0)
    heard = [candidate("good", 0.2, 1)]
    one, other = (contest(heard, FEATURES, r, by_edge) for r in (RULES.baseline, dull))
    assert np.nanstd(one.rule) > 10.0 * np.nanstd(other.rule)


def test_the_record_of_one_has_all_beside_it_and_the_same_without_costs(
    among: Contest,
) -> None:
    record = record_of(among, "late", 7, BACKTEST)
    assert (record.names, record.chosen, record.n_trials) == (("good", "late"), 1, 7)
    np.testing.assert_array_equal(record.net[:, 0], among.heard[0].returns[LATE:])
    np.testing.assert_array_equal(record.baseline, among.rule)
    np.testing.assert_array_equal(record.champion, among.rule)
    assert (record.gross[1:] > record.returns[1:]).all(), "what it would earn for nothing"


def test_no_fewer_tries_are_counted_than_candidates_are_there(among: Contest) -> None:
    assert record_of(among, "good", 1, BACKTEST).n_trials == 2


def test_every_question_on_returns_is_answered(among: Contest) -> None:
    record = record_of(among, "good", 2, BACKTEST)
    found = shown(record, forecasts(among.heard[0].confidence), BOUNDS, rng())
    said = {one.question: one.verdict for one in found.answers}
    assert list(said) == list(Question)[2:]
    for question in (Question.BASELINE, Question.COSTS):
        assert isinstance(said[question], Pass), said[question]
    figures = found.figures
    assert None not in (figures.gross, figures.baseline, figures.champion, figures.choice)
    assert figures.gross.total_return_frac > figures.net.total_return_frac


def test_of_a_single_candidate_no_choice_can_be_judged() -> None:
    alone = contest([candidate("good", 0.2, 1)], FEATURES, RULES.baseline, BACKTEST)
    record = record_of(alone, "good", 3, BACKTEST)
    found = shown(record, forecasts(alone.heard[0].confidence), BOUNDS, rng())
    assert found.figures.choice is None
    tries = next(one for one in found.answers if one.question is Question.TRIES)
    assert isinstance(tries.checks["pbo"], Inconclusive)
    assert "returns of 1 of 3 tries" in tries.checks["pbo"].findings[0].detail


def test_figures_without_an_end_are_left_out_and_the_proof_reads_back() -> None:
    """Where labels overlap too much, skill has a figure and no finite interval."""
    heard = candidate("good", 0.2, 1)
    alone = contest([heard], FEATURES, RULES.baseline, BACKTEST)
    bar = np.repeat(np.arange(N)[:, None], 2, axis=1)
    said = Forecasts(heard.confidence, CAME, bar, np.full((N, 2), N), np.full(N, "trend"))
    found = shown(record_of(alone, "good", 1, BACKTEST), said, BOUNDS, rng())
    proof = from_bytes(proof_of(toy_passport("good"), ORIGIN, told(found)))
    assert not isinstance(proof, Refuse)
    assert proof.shown.figures == found.figures
    assert all(one.measures is None for one in found.figures.honesty)


def test_a_skill_without_an_interval_is_kept_and_says_how_many_bars_it_needs() -> None:
    """One label that is open to the end makes all bars hang together, and few samples less."""
    heard = candidate("good", 0.2, 1)
    alone = contest([heard], FEATURES, RULES.baseline, BACKTEST)
    bar = np.repeat(np.arange(N)[:, None], 2, axis=1)
    end = bar + 1
    end[0] = N
    said = Forecasts(heard.confidence, CAME, bar, end, np.full(N, "trend"))
    record = record_of(alone, "good", 1, BACKTEST)
    figures = proof_of_returns(record, said, BOUNDS, rng()).figures
    assert [one.skill.interval for one in figures.honesty] == [None, None]
    assert [one.skill.needed_bars for one in figures.honesty] == [2 * N + 2] * 2
    kept = shown(record, said, BOUNDS, rng()).figures.honesty
    assert [one.regime for one in kept] == ["all", "trend"]
    assert kept == figures.honesty
    assert None not in [one.measures for one in kept]


def test_a_proof_says_of_whom_it_speaks_and_all_that_was_found(among: Contest) -> None:
    found = shown(
        record_of(among, "good", 2, BACKTEST),
        forecasts(among.heard[0].confidence),
        BOUNDS,
        rng(),
    )
    passport = toy_passport("good")
    proof = from_bytes(proof_of(passport, ORIGIN, told(found)))
    assert (proof.model, proof.trials) == ("good", passport.trials)
    assert (proof.evidence, proof.causality) == (passport.evidence, GOOD)
    assert (proof.battery, proof.shown) == (BATTERY, found)
    assert proof.account.psr.shape.n_bars == N


def test_a_proof_that_would_not_read_back_is_our_own_mistake(among: Contest) -> None:
    record = record_of(among, "good", 2, BACKTEST)
    found = shown(record, forecasts(among.heard[0].confidence), BOUNDS, rng())
    broken = msgspec.structs.replace(found.figures, years=float("nan"))
    with pytest.raises(InvariantError, match="does not read back"):
        proof_of(toy_passport("good"), ORIGIN, told(replace_figures(found, broken)))


BATTERY = BatteryReport(
    causality=None, purge=GOOD, surrogates=GOOD, sentinel=GOOD, fired=(), verdict=GOOD
)
ORIGIN = Origin(
    causality=GOOD,
    battery=GOOD,
    last_data_ns=UtcNs(1),
    schema_hash="5" * 64,
    data_fingerprint="d",
    code_fingerprint="c",
    libraries={},
    trials=2,
    seed=1,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def told(found) -> Told:
    returns = candidate("good", 0.2, 1).returns
    return Told(BATTERY, account_of(returns, 252.0, 0.95), found)


def replace_figures(found, figures):
    return msgspec.structs.replace(found, figures=figures)
