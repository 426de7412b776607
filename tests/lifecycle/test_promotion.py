"""Only everything passing takes a model up; whatever is missing is named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, refuse
from stairway.lifecycle import promotion
from stairway.lifecycle.promotion import proof, refusing
from stairway.supervision import eprocess
from stairway.supervision.eprocess import EProcess
from stairway.testing.climbing import climb_rules

RULES = climb_rules().promotion
VERDICTS = st.sampled_from([Pass(), refuse("x.bad", "bad"), inconclusive("x.few", "few")])


@given(gates=st.dictionaries(st.sampled_from("abc"), VERDICTS))
def test_proof_passes_exactly_if_every_named_gate_passed(gates) -> None:
    verdict = proof(gates, "abc")
    assert isinstance(verdict, Pass) == all(isinstance(gates.get(g), Pass) for g in "abc")
    if any(isinstance(v, Refuse) for v in gates.values()):
        assert isinstance(verdict, Refuse)


def test_no_gates_at_all_prove_nothing() -> None:
    assert isinstance(proof({}, ()), Inconclusive)


def test_a_missing_gate_is_named() -> None:
    verdict = proof({"a": Pass()}, ("a", "b"))
    assert isinstance(verdict, Inconclusive)
    assert "'b'" in verdict.findings[0].detail


def test_refusals_are_gathered_and_nothing_else() -> None:
    gates = {"a": refuse("a.bad", "1"), "b": Pass(), "c": refuse("c.bad", "2")}
    assert refusing(gates, ("a", "b", "c", "d")) == Refuse(
        (*refuse("a.bad", "1").findings, *refuse("c.bad", "2").findings)
    )
    assert refusing(gates, ("b", "d")) is None


@pytest.mark.parametrize(("hours", "kind"), [(23.99, Inconclusive), (24.0, Pass), (25.0, Pass)])
def test_exactly_the_hours_are_enough(hours: float, kind: type) -> None:
    now_ns = UtcNs(int(hours * NS_PER_HOUR))
    assert isinstance(promotion.enough_hours(UtcNs(0), now_ns, 24), kind)


@pytest.mark.parametrize(("trades", "kind"), [(49, Inconclusive), (50, Pass)])
def test_exactly_the_trades_are_enough(trades: int, kind: type) -> None:
    assert isinstance(promotion.enough_trades(trades, 50), kind)


@pytest.mark.parametrize(
    ("e", "kind"), [(19.99, Inconclusive), (20.0001, Pass), (math.inf, Pass)]
)
def test_the_evidence_must_reach_its_bound(e: float, kind: type) -> None:
    assert isinstance(promotion.no_worse(EProcess((math.log(e),), 9), 20.0), kind)


@pytest.mark.parametrize(("left", "kind"), [(1, Inconclusive), (0, Pass), (-5, Pass)])
def test_a_resting_model_waits(left: int, kind: type) -> None:
    assert isinstance(promotion.cooled(UtcNs(100), UtcNs(100 + left), "it"), kind)


def paired_after(differences: list[float]) -> EProcess:
    process = eprocess.start(RULES.betting)
    for d in differences:
        process = promotion.paired(process, d, 0.0, RULES)
    return process


def test_an_equal_model_gathers_evidence_slowly() -> None:
    """Nothing gained or lost is 0.05 R better than the claim of "0.05 R worse"."""
    assert 1.0 < eprocess.e_value(paired_after([0.0] * 50)) < 20.0


def test_a_better_model_is_shown_to_be_no_worse() -> None:
    process = paired_after([1.0, -0.5] * 40)
    assert isinstance(promotion.no_worse(process, RULES.e_needed), Pass)


def test_a_model_that_trails_by_exactly_the_tolerance_passes_at_most_once_in_twenty() -> None:
    rng = np.random.default_rng(6)
    passed = 0
    for _ in range(200):
        process = eprocess.start(RULES.betting)
        for d in (rng.choice([-1.0, 1.0], 300) - RULES.tolerance_r).tolist():
            process = promotion.paired(process, d, 0.0, RULES)
            if isinstance(promotion.no_worse(process, RULES.e_needed), Pass):
                passed += 1
                break
    assert passed / 200 <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 200)


def test_pairing_on_the_same_events_finds_an_edge_sooner() -> None:
    """LIFECYCLE.md 3.4: with correlated R's, differences need less than half the trades."""
    rng = np.random.default_rng(9)
    needed: dict[float, list[int]] = {0.0: [], 0.8: []}
    for rho, trades in needed.items():
        for _ in range(60):
            common = rng.standard_normal(900)
            theirs = np.clip(-0.05 + 1.1 * common, -1.2, 3)
            own = rho * common + math.sqrt(1 - rho**2) * rng.standard_normal(900)
            mine = np.clip(0.20 + 1.1 * own, -1.2, 3)
            process, n = eprocess.start(RULES.betting), 900
            for i, (r, other) in enumerate(zip(mine.tolist(), theirs.tolist(), strict=True)):
                process = promotion.paired(process, r, other, RULES)
                if eprocess.e_value(process) >= RULES.e_needed:
                    n = i
                    break
            trades.append(n)
    assert np.median(needed[0.8]) < 0.6 * np.median(needed[0.0])


@pytest.mark.parametrize(
    ("r", "incumbent_r"), [(math.nan, 0.0), (0.0, math.nan), (math.inf, 0.0), (1.0, -math.inf)]
)
def test_a_pair_that_cannot_be_read_is_never_in_a_models_favour(r, incumbent_r) -> None:
    before = paired_after([1.0] * 20)
    after = promotion.paired(before, r, incumbent_r, RULES)
    assert eprocess.e_value(after) < eprocess.e_value(before)
