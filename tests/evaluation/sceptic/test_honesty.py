from __future__ import annotations

import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.sceptic.honesty import honest
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.skill import Forecasts


def forecasts(
    bend: float = 1.0, n: int = 4_000, regime: object = "range", seed: int = 6
) -> Forecasts:
    """What an honest forecaster says, its distance from one half times ``bend``."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.2, 0.8, n)
    outcome = (rng.random(n) < truth).astype(np.int64)
    said = 0.5 + bend * (truth - 0.5)
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    return Forecasts(
        np.column_stack([said, np.full(n, np.nan)]),
        np.column_stack([outcome, np.full(n, -1)]),
        bar + 1,
        bar + 2,
        np.broadcast_to(np.asarray(regime), (n,)).astype(np.str_),
    )


def test_an_honest_forecaster_with_skill_passes(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    shown, checks = honest(forecasts(), evidence, proof)
    assert all(isinstance(one, Pass) for one in checks.values()), checks
    assert [one.regime for one in shown] == ["all", "range"]
    assert shown[0].measures is not None
    assert shown[0].skill is not None
    assert shown[0].skill.low > 0.0


@pytest.mark.parametrize("bend", [1.6, 0.3])
def test_boldness_and_timidity_are_both_dishonest(
    evidence: EvidenceRules, proof: ProofRules, bend: float
) -> None:
    _, checks = honest(forecasts(bend), evidence, proof)
    assert isinstance(checks["reliability"], Refuse)
    assert isinstance(checks["spiegelhalter"], Refuse)


def test_one_dishonest_regime_is_found_though_the_whole_is_well(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    regime = np.where(np.arange(4_000) < 400, "crisis", "trend")
    good = forecasts(regime=regime)
    bent = forecasts(1.6, regime=regime)
    mixed = np.where(regime[:, None] == "crisis", bent.confidence, good.confidence)
    made = Forecasts(mixed, good.outcome, good.start, good.end, good.regime)
    shown, checks = honest(made, evidence, proof)
    assert [one.regime for one in shown] == ["all", "trend", "crisis"]
    assert isinstance(checks["spiegelhalter.crisis"], Refuse)
    assert isinstance(checks["spiegelhalter.trend"], Pass)


def test_a_regime_with_too_little_says_how_much_is_missing(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    regime = np.where(np.arange(4_000) < 20, "crisis", "mine")
    shown, checks = honest(forecasts(regime=regime), evidence, proof)
    assert [one.regime for one in shown] == ["all", "crisis", "mine"]
    assert shown[1].measures is None
    assert shown[1].missing == "20 of 50 independent forecasts"
    assert "spiegelhalter.crisis" not in checks
    rare = checks["unjudged.crisis"]
    assert isinstance(rare, Pass)
    assert rare.findings[0].detail == (
        "in crisis: not judged, 20 of 50 independent forecasts; regimes that cannot be judged "
        "hold 0.5 % of the forecasts, and 5 % may go unjudged"
    )


@pytest.mark.parametrize(
    ("rows", "kind"), [(25, Pass), (26, Inconclusive)], ids=["within", "beyond"]
)
def test_rare_regimes_together_keep_the_question_open_where_they_hold_too_much(
    evidence: EvidenceRules, proof: ProofRules, rows: int, kind: type
) -> None:
    regime = np.full(1_000, "trend", dtype="<U8")
    regime[:rows], regime[rows:50] = "crisis", "a storm"
    _, checks = honest(forecasts(n=1_000, regime=regime), evidence, proof)
    assert isinstance(checks["unjudged.crisis"], Pass)
    regime[: rows + 25] = np.where(np.arange(rows + 25) < rows, "crisis", "a storm")
    _, checks = honest(forecasts(n=1_000, regime=regime), evidence, proof)
    assert isinstance(checks["unjudged.crisis"], kind)
    assert isinstance(checks["unjudged.a storm"], kind)


@pytest.mark.parametrize(
    ("rows", "kind"), [(50, Pass), (51, Inconclusive)], ids=["within", "beyond"]
)
def test_rows_that_name_no_regime_where_others_do_are_counted_as_unjudged(
    evidence: EvidenceRules, proof: ProofRules, rows: int, kind: type
) -> None:
    regime = np.where(np.arange(1_000) < rows, "", "trend")
    _, checks = honest(forecasts(n=1_000, regime=regime), evidence, proof)
    blank = checks["unjudged.rows without a regime"]
    assert isinstance(blank, kind)
    assert blank.findings[0].n == rows
    nowhere = honest(forecasts(n=1_000, regime=np.full(1_000, "")), evidence, proof)[1]
    assert not any(name.startswith("unjudged") for name in nowhere)


def test_the_level_is_parted_among_all_that_are_judged(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    regime = np.where(np.arange(4_000) < 1_500, "trend", "range")
    _, checks = honest(forecasts(regime=regime), evidence, proof)
    asked = [one for name, one in checks.items() if name.startswith("spiegelhalter")]
    assert len(asked) == 3
    for one in asked:
        assert one.findings[0].bound == pytest.approx((1.0 - evidence.level) / 3)


def test_few_forecasts_or_a_single_outcome_conclude_nothing(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    _, checks = honest(forecasts(n=60), evidence, proof)
    assert isinstance(checks["reliability"], Inconclusive)
    assert isinstance(checks["skill"], Inconclusive)
    good = forecasts()
    ones = np.where(good.outcome >= 0, 1, -1)
    single = Forecasts(good.confidence, ones, good.start, good.end, good.regime)
    _, checks = honest(single, evidence, proof)
    assert isinstance(checks["reliability"], Inconclusive)
    alone = "all 4,000 outcomes are 1; at least 1 that is 0 is needed"
    assert checks["reliability"].findings[0].detail == alone
    assert isinstance(checks["skill"], Inconclusive)
    said = checks["skill"].findings[0]
    assert (said.code, said.detail) == ("evidence.one_outcome", f"over all bars: {alone}")
    assert (said.value, said.bound, said.n) == (0, 1, 4_000)


def test_nobody_is_honest_who_said_nothing(evidence: EvidenceRules, proof: ProofRules) -> None:
    shown, checks = honest(None, evidence, proof)
    assert shown == ()
    assert isinstance(checks["probabilities"], Inconclusive)


def test_no_more_than_chance_is_said_in_words_and_more_in_figures(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    seen: set[bool] = set()
    for seed in range(12):
        _, checks = honest(forecasts(seed=seed), evidence, proof)
        detail = checks["reliability"].findings[0].detail
        assert "(0.0000 more" not in detail
        seen.add("(no more than chance makes of" in detail)
    assert seen == {True, False}


def test_forecasts_whose_labels_overlap_are_worth_less_than_their_number(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    said = forecasts()
    long = Forecasts(said.confidence, said.outcome, said.start, said.start + 10, said.regime)
    (alone, *_), _ = honest(said, evidence, proof)
    (overlapping, *_), _ = honest(long, evidence, proof)
    assert alone.measures is not None
    assert overlapping.measures is not None
    assert alone.measures.n_independent == 4_000
    assert overlapping.measures.n_independent == pytest.approx(400, rel=0.01)
    assert overlapping.measures.reliability.ece_bound > alone.measures.reliability.ece_bound


def test_a_regime_too_short_for_an_interval_says_how_many_bars_it_needs(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    regime = np.full(4_000, "trend")
    regime[300 + 9 * np.arange(60)] = "range"
    said = forecasts(regime=regime)
    said.end[100] = 140
    shown, checks = honest(said, evidence, proof)
    (skill,) = (one.skill for one in shown if one.regime == "range")
    assert skill is not None
    assert skill.interval is None
    assert skill.missing == "no interval: 82 bars are needed, 60 were judged"
    assert isinstance(checks["skill"], Inconclusive)
