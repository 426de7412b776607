from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.sceptic.answer import NOT_SHOWN, Question
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rivals import IN_CHARGE, THE_RULE, ahead_of, standing
from stairway.evaluation.sceptic.rules import ProofRules

Made = Callable[..., Record]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def rival(n: int = 1_000) -> np.ndarray:
    return np.random.default_rng(9).normal(0.0, 0.01, n)


def ask(one: Record, against, rules, rng):
    return ahead_of(Question.BASELINE, against, one, rules, rng)


def test_a_rival_that_is_not_given_is_not_beaten(record: Made, evidence, proof, rng) -> None:
    lead, said = ask(record(0.01), None, (evidence, proof), rng)
    assert lead is None
    assert isinstance(said, Inconclusive)
    assert said.findings[0].code == f"{NOT_SHOWN}.baseline"


def test_a_clear_lead_passes_and_an_equal_does_not(record: Made, evidence, proof, rng) -> None:
    lead, said = ask(record(0.003), rival(), (evidence, proof), rng)
    assert isinstance(said, Pass)
    assert lead is not None
    assert lead.annual > 0.0
    assert lead.p_value <= 0.05
    assert isinstance(ask(record(0.0), rival(), (evidence, proof), rng)[1], Refuse)
    assert isinstance(ask(record(-0.003), rival(), (evidence, proof), rng)[1], Refuse)


def test_that_another_column_leads_does_not_help_the_chosen_one(
    record: Made, evidence, proof, rng
) -> None:
    # It is ahead by a little itself, so that only its own p-value keeps it back.
    one = record(0.0, 0.005, seed=2)
    own = rival() + 0.00005 + np.random.default_rng(3).normal(0.0, 0.005, 1_000)
    own += 0.0001 - np.mean(own - rival())
    both = record(0.0, 0.0, net=np.column_stack([own, one.net[:, 1]]))
    lead, said = ask(both, rival(), (evidence, proof), rng)
    assert lead is not None
    assert lead.best == "b"
    assert lead.annual > 0.0
    assert isinstance(said, Refuse)


def test_a_lead_that_holds_alone_may_not_hold_among_many(
    record: Made, evidence: EvidenceRules, proof: ProofRules
) -> None:
    alone, among = (
        ask(record(*means, seed=11), rival(), (evidence, proof), np.random.default_rng(3))[0]
        for means in ((0.0008,), (0.0008, *[0.0] * 9))
    )
    assert alone is not None
    assert among is not None
    assert among.p_value > alone.p_value


def test_a_column_that_is_the_rival_himself_is_left_out_and_no_try_is_lost(
    record: Made, evidence, proof, rng
) -> None:
    one = record(0.003, 0.0)
    same = np.ascontiguousarray(one.net[:, 1])
    assert isinstance(ask(one, same, (evidence, proof), rng)[1], Pass)
    lead, said = ask(one, one.returns.copy(), (evidence, proof), rng)
    assert lead is None
    assert isinstance(said, Refuse)
    assert "undefined" in said.findings[0].detail


def test_too_few_returns_conclude_nothing(record: Made, evidence, proof, rng) -> None:
    few = record(0.02, n=100, champion=rival(100))
    assert isinstance(ask(few, rival(100), (evidence, proof), rng)[1], Inconclusive)
    assert isinstance(standing(few, evidence, proof, rng)[1], Inconclusive)


def test_who_is_worse_than_the_best_is_told_from_it(record: Made, evidence, proof, rng) -> None:
    good = record(0.004, champion=rival())
    place, said = standing(good, evidence, proof, rng)
    assert isinstance(said, Pass)
    assert place is not None
    assert place.members == ("a",)
    bad = record(-0.004, 0.004, champion=rival(), baseline=rival()[::-1].copy())
    place, said = standing(bad, evidence, proof, rng)
    assert isinstance(said, Refuse)
    assert place is not None
    assert place.names == ("a", "b", IN_CHARGE, THE_RULE)


def test_a_rule_that_is_in_charge_is_compared_once(record: Made, evidence, proof, rng) -> None:
    both = record(0.001, champion=rival(), baseline=rival())
    place, _ = standing(both, evidence, proof, rng)
    assert place is not None
    assert place.names == ("a", IN_CHARGE)
    assert isinstance(standing(record(0.001), evidence, proof, rng)[1], Inconclusive)


def test_who_leads_is_named_though_a_column_before_him_is_the_rival(
    record: Made, evidence, proof, rng
) -> None:
    noise = record(0.0, 0.001, 0.004).net
    net = np.column_stack([rival(), noise[:, 1:]])
    lead, _ = ask(
        record(net=net, names=("a", "b", "c"), chosen=1, n_trials=3),
        rival(),
        (evidence, proof),
        rng,
    )
    assert lead is not None
    assert lead.best == "c"


def test_one_column_alone_is_not_called_none_of_one(record: Made, evidence, proof, rng) -> None:
    one = ask(record(0.003), rival(), (evidence, proof), rng)[1].findings[0].detail
    assert "where it is not ahead, chance shows" in one
    two = ask(record(0.003, 0.0), rival(), (evidence, proof), rng)[1].findings[0].detail
    assert "where none of 2 is ahead, chance shows" in two
