from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stairway.app.settings import load
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.proof_of_returns import ReturnsProof, proof_of_returns, wealth
from stairway.evaluation.sceptic.answer import Question
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.timing import HELD, Timed
from stairway.evaluation.skill import Forecasts


@pytest.fixture(scope="module")
def rules():
    settings = load("daily", {})
    return settings.evidence, msgspec.structs.replace(
        settings.proof, resamples=199, pbo_blocks=8
    )


def record(mean: float, n: int = 2_000, **more) -> Record:
    rng = np.random.default_rng(2)
    net = rng.normal([mean, 0.0, 0.0], 0.01, (n, 3))
    rule = rng.normal(0.0, 0.01, n)
    known = {"gross": net[:, 0] + 1e-4, "baseline": rule, "champion": rule, "n_trials": 3}
    return Record(
        net=net, names=("a", "b", "c"), chosen=0, periods_per_year=252.0, **(known | more)
    )


def test_an_edge_passes_every_question_that_returns_can_answer(rules) -> None:
    found = proof_of_returns(record(0.002), None, rules, np.random.default_rng(0))
    said = {one.question: one for one in found.answers}
    assert list(said) == list(Question)[2:]
    for question in (Question.TRIES, Question.BASELINE, Question.CHAMPION, Question.COSTS):
        assert isinstance(said[question].verdict, Pass), said[question]
    assert isinstance(said[Question.CHANCE].checks["timing"], Inconclusive)
    assert isinstance(said[Question.HONEST].verdict, Inconclusive)


def test_noise_is_refused_by_every_one_of_them(rules) -> None:
    found = proof_of_returns(record(0.0), None, rules, np.random.default_rng(0))
    for one in found.answers:
        wanted = Inconclusive if one.question is Question.HONEST else Refuse
        assert isinstance(one.verdict, wanted), one


def test_it_is_the_same_to_the_last_digit_from_the_same_seed(rules) -> None:
    once, again = (
        proof_of_returns(record(0.001), None, rules, np.random.default_rng(4)) for _ in range(2)
    )
    assert msgspec.json.encode(once) == msgspec.json.encode(again)


def test_figures_and_answers_can_be_read_back(rules) -> None:
    found = proof_of_returns(record(0.001), None, rules, np.random.default_rng(4))
    assert msgspec.json.decode(msgspec.json.encode(found), type=ReturnsProof) == found


@pytest.mark.parametrize("n", [0, 1, 2, 29, 40])
def test_a_handful_of_rows_is_open_and_nothing_is_a_number_that_looks_right(
    rules, n: int
) -> None:
    found = proof_of_returns(record(0.01, n=n), None, rules, np.random.default_rng(0))
    for one in found.answers:
        assert not isinstance(one.verdict, Pass), one
    assert isinstance(found.answers[0].verdict, Inconclusive)
    assert isinstance(found.answers[1].verdict, Inconclusive)


def test_constant_returns_have_no_figure_at_all(rules) -> None:
    flat = record(0.0, n_trials=3, gross=None, baseline=None, champion=None)
    flat = other(flat, np.full_like(flat.net, 0.001))
    figures = proof_of_returns(flat, None, rules, np.random.default_rng(0)).figures
    assert (figures.psr, figures.deflated, figures.mean, figures.track) == (None,) * 4
    assert figures.net.sharpe is None
    assert figures.sharpes == (None, None, None)


def other(one: Record, net: np.ndarray) -> Record:
    return Record(
        net=net,
        names=one.names,
        chosen=one.chosen,
        n_trials=one.n_trials,
        periods_per_year=one.periods_per_year,
    )


def test_a_constant_with_rounding_on_it_is_refused_by_name_and_has_no_ratio(rules) -> None:
    rng = np.random.default_rng(4)
    nearly = 0.001 + rng.normal(0.0, 1e-12, (1_500, 1))
    record = Record(
        net=nearly,
        names=("a",),
        chosen=0,
        n_trials=1,
        periods_per_year=252.0,
        gross=nearly[:, 0] + 1e-5,
    )
    found = proof_of_returns(record, None, rules, rng)
    by_question = {one.question: one for one in found.answers}
    for question in (Question.CHANCE, Question.TRIES, Question.COSTS):
        codes = {one.code for one in by_question[question].verdict.findings}
        assert codes == {"evidence.too_good_sharpe"}, question
    figures = found.figures
    assert (figures.psr, figures.track, figures.deflated) == (None, None, None)
    assert figures.net.sharpe is None


def test_wealth_that_is_gone_stays_gone() -> None:
    worth, fall = wealth(np.array([0.5, -1.0, 3.0]))
    assert worth.tolist() == [1.0, 1.5, 0.0, 0.0]
    assert fall.tolist() == [0.0, 0.0, -1.0, -1.0]


def foretold(returns: np.ndarray) -> Forecasts:
    """Probabilities that know a part of the next move, for one instrument of two."""
    n = returns.size
    up = (returns > 0.0).astype(np.int64)
    noise = np.random.default_rng(7).uniform(-0.2, 0.2, n)
    confidence = np.column_stack([0.5 + 0.1 * (2.0 * up - 1.0) + noise, np.full(n, np.nan)])
    outcome = np.column_stack([up, np.full(n, -1)])
    bars = np.column_stack([np.arange(n)] * 2)
    return Forecasts(confidence, outcome, bars, bars + 1, np.full(n, "range"))


def test_where_no_positions_are_given_the_probabilities_are_timed(rules) -> None:
    one = record(0.002)
    said = proof_of_returns(one, foretold(one.returns), rules, np.random.default_rng(0))
    timing = said.answers[0].checks["timing"]
    assert isinstance(timing, Pass)
    assert timing.findings[0].detail.startswith("what was said and what came")
    assert len(said.figures.shifts) == 1


def test_positions_that_are_given_are_timed_and_not_the_probabilities(rules) -> None:
    one = record(0.002)
    came = one.returns
    held = Timed("", np.random.default_rng(8).standard_normal(came.size), came, 1, HELD)
    found = proof_of_returns(one, foretold(came), rules, np.random.default_rng(0), (held,))
    timing = found.answers[0].checks["timing"]
    assert isinstance(timing, Refuse)
    assert timing.findings[0].detail.startswith("what was held and what came")
