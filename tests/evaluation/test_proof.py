"""A proof is named by its content, judged by the gates that bind, and recounted."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, refuse
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import (
    DEFLATED,
    account_of,
    apart,
    deflated_at,
    from_bytes,
    hash_of,
    judged,
    recounted,
    to_bytes,
)
from stairway.evaluation.proof_of_returns import proof_of_returns
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.significance.deflated import chance_variance
from stairway.evaluation.skill import Forecasts
from stairway.testing.proofs import account, proof_of
from stairway.testing.sceptic import evidence_rules, proof_rules


def test_a_proof_reads_back_as_it_was_written() -> None:
    proof = proof_of("lightgbm")
    assert from_bytes(to_bytes(proof)) == proof


def test_one_figure_makes_another_proof() -> None:
    proof = proof_of("lightgbm")
    other = replace(proof, account=account(0.2000001))
    assert hash_of(proof) == hash_of(proof_of("lightgbm"))
    assert hash_of(other) != hash_of(proof)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1],
        lambda raw: b" " + raw,
        lambda raw: raw.replace(b'"trials":1', b'"trials":"1"'),
        lambda raw: raw.replace(b'"per_bar":0.2', b'"per_bar":null'),
        lambda raw: raw.replace(b'"trials":1', b'"trials":1,"verdict":"pass"'),
    ],
    ids=["cut", "space", "text", "null", "unknown"],
)
def test_what_is_not_the_canonical_writing_is_refused(spoil) -> None:
    found = from_bytes(spoil(to_bytes(proof_of("lightgbm"))))
    assert isinstance(found, Refuse)
    assert found.findings[0].code == "proof.unreadable"


def test_a_proof_of_another_version_says_what_to_do() -> None:
    found = from_bytes(to_bytes(replace(proof_of("x"), schema_version=99)))
    assert isinstance(found, Refuse)
    assert "train the model again" in found.findings[0].detail


def test_the_hundredth_try_is_held_against_more_luck_than_the_first() -> None:
    traded = account(0.1)
    first, hundredth = deflated_at(traded, 1, 0.0), deflated_at(traded, 100, 0.0)
    assert isinstance(first, Pass)
    assert isinstance(hundredth, Refuse)
    assert first.findings[0].value > hundredth.findings[0].value


@given(trials=st.integers(1, 10_000), per_bar=st.floats(-0.5, 0.5))
def test_more_tries_never_make_a_record_better(trials: int, per_bar: float) -> None:
    traded = account(per_bar)
    fewer, more = deflated_at(traded, trials, 0.0), deflated_at(traded, trials + 1, 0.0)
    assert more.findings[0].value <= fewer.findings[0].value


def test_tries_that_lie_far_apart_show_more_luck_and_near_ones_no_less() -> None:
    traded = account(0.1)
    chance, far, near = (deflated_at(traded, 5, apart) for apart in (0.0, 0.01, 1e-9))
    assert isinstance(chance, Pass)
    assert isinstance(far, Refuse)
    assert near == chance
    for no_variance in (np.nan, -1.0, np.inf):
        with pytest.raises(DataError):
            deflated_at(traded, 5, no_variance)


def test_the_gate_takes_the_tries_to_lie_as_far_apart_as_the_page_shows() -> None:
    rng = np.random.default_rng(0)
    net = rng.normal(0.0, 0.01, (400, 3)) + np.array([0.004, -0.004, 0.0])
    record = Record(
        net=net, names=("a", "b", "c"), chosen=0, n_trials=3, periods_per_year=252.0
    )
    shown = proof_of_returns(record, None, (evidence_rules(), proof_rules()), rng)
    assert apart(shown) > 10 * chance_variance(400)
    proof = replace(proof_of("x", trials=3, traded=account(0.2)), shown=shown)
    alone = replace(proof, shown=None)
    assert isinstance(judged(alone, EVIDENCE_GATES, 3), Pass)
    assert isinstance(judged(proof, EVIDENCE_GATES, 3), Refuse)
    (said,) = (e.verdict for e in recounted(proof, 3) if e.gate == DEFLATED)
    assert said == deflated_at(proof.account, 3, apart(shown))


def test_without_a_ratio_nothing_is_better_than_luck() -> None:
    assert isinstance(deflated_at(replace(account(), psr=None), 1, 0.0), Inconclusive)


def test_a_proof_in_which_every_gate_passed_passes() -> None:
    assert isinstance(judged(proof_of("x"), EVIDENCE_GATES, 1), Pass)


@pytest.mark.parametrize("gate", [g for g in EVIDENCE_GATES if g != DEFLATED])
def test_one_gate_that_did_not_pass_is_named(gate: str) -> None:
    no, unsure = refuse("x", "no"), inconclusive("x", "few")
    refused = judged(proof_of("x", {gate: no}), EVIDENCE_GATES, 1)
    doubtful = judged(proof_of("x", {gate: unsure}), EVIDENCE_GATES, 1)
    assert isinstance(refused, Refuse)
    assert isinstance(doubtful, Inconclusive)
    assert gate in refused.findings[0].detail
    assert gate in doubtful.findings[0].detail


def test_a_gate_that_is_not_in_the_proof_has_not_passed() -> None:
    assert isinstance(judged(proof_of("x"), (*EVIDENCE_GATES, "another"), 1), Inconclusive)
    assert isinstance(judged(proof_of("x"), (), 1), Inconclusive)


def test_the_registry_may_not_count_fewer_trials_than_the_proof() -> None:
    proof = proof_of("x", trials=5)
    assert isinstance(judged(proof, EVIDENCE_GATES, 5), Pass)
    fewer = judged(proof, EVIDENCE_GATES, 4)
    assert isinstance(fewer, Refuse)
    assert fewer.findings[0].code == "proof.trials"


def test_what_a_proof_says_of_its_own_luck_is_not_believed() -> None:
    """The gate is worked out anew: a proof may be old, and others were tried since."""
    proof = proof_of("x", traded=account(0.1))
    assert isinstance(judged(proof, EVIDENCE_GATES, 1), Pass)
    assert isinstance(judged(proof, EVIDENCE_GATES, 100), Refuse)
    (again,) = (e.verdict for e in recounted(proof, 100) if e.gate == DEFLATED)
    assert isinstance(again, Refuse)
    assert [e.gate for e in recounted(proof, 100)] == [e.gate for e in proof.evidence]


def test_a_proof_keeps_its_hash_through_any_encoding() -> None:
    proof = proof_of("x")
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(proof), type=type(proof))
    assert hash_of(packed) == hash_of(proof)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_returns_with_a_hole_make_an_account_without_a_ratio(hole: float) -> None:
    returns = np.random.default_rng(0).normal(0.001, 0.01, 300)
    assert account_of(returns, 252.0, 0.95).psr is not None
    returns[7] = hole
    found = account_of(returns, 252.0, 0.95)
    assert (found.n_bars, found.psr) == (300, None)
    assert isinstance(deflated_at(found, 1, 0.0), Inconclusive)


def test_a_proof_with_a_regime_too_short_for_an_interval_reads_back() -> None:
    rng, n = np.random.default_rng(0), 1_000
    outcome = rng.integers(0, 2, (n, 2))
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    end, regime = bar + 1, np.full(n, "trend")
    end[100], regime[300 + 9 * np.arange(60)] = 140, "range"
    said = Forecasts(0.4 + 0.2 * outcome, outcome, bar, end, regime)
    net = rng.normal(0.001, 0.01, (n, 1))
    record = Record(net=net, names=("a",), chosen=0, n_trials=1, periods_per_year=252.0)
    shown = proof_of_returns(record, said, (evidence_rules(), proof_rules()), rng)
    proof = replace(proof_of("x"), shown=shown)
    assert [one.regime for one in shown.figures.honesty if not one.skill.interval] == ["range"]
    assert from_bytes(to_bytes(proof)) == proof


def test_an_interval_that_was_taken_out_of_a_proof_is_seen() -> None:
    net = np.random.default_rng(0).normal(0.001, 0.01, (400, 1))
    record = Record(net=net, names=("a",), chosen=0, n_trials=1, periods_per_year=252.0)
    bar = np.repeat(np.arange(400)[:, None], 2, axis=1)
    said = Forecasts(0.4 + 0.2 * (bar % 2), bar % 2, bar, bar + 1, np.full(400, "trend"))
    rules = evidence_rules(), proof_rules()
    shown = proof_of_returns(record, said, rules, np.random.default_rng(0))
    skill = shown.figures.honesty[0].skill
    raw = to_bytes(replace(proof_of("x"), shown=shown))
    spoilt = raw.replace(f'"low":{skill.low!r}'.encode(), b'"low":null')
    assert spoilt != raw
    assert isinstance(from_bytes(spoilt), Refuse)
