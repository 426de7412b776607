from __future__ import annotations

import pytest

from stairway.app.practised import PractisedRun
from stairway.app.turned_away import unjudged, unseeing
from stairway.base.errors import NothingLearntError, TooLittleError
from stairway.base.verdict import Inconclusive, Pass, Refuse, passed, refuse
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.models.manifest import Family

RUN = PractisedRun("/runs/rl/early", "5eed" * 16)
CLEAN = passed("causality.clean", "nothing moved")
SEEN = CLEAN, CLEAN
LEAKY = refuse("leak.surrogates", "it earns where nobody can")


def test_who_can_see_the_future_is_refused_with_the_provers_words() -> None:
    told = unseeing("xgboost", refuse("causality.looks_ahead", "rsi moved"))
    assert isinstance(told.verdict, Refuse)
    assert (told.digest, told.version, told.oof) == (None, None, None)
    assert [e.gate for e in told.evidence] == ["causality"]


def test_too_little_is_inconclusive_with_both_figures_and_what_to_change() -> None:
    few = TooLittleError("50 samples are needed; given are 20", 19.9, 50)
    told = unjudged(Family.POLICY, RUN, SEEN, few)
    assert isinstance(told.verdict, Inconclusive)
    first = told.verdict.findings[0]
    assert (first.code, first.value, first.bound) == ("evidence.too_little", 19.9, 50.0)
    assert first.detail == (
        "the policy of early (training run 5eed5eed5eed5eed): 50 samples are needed; given are "
        "20; train it on a source that ends earlier, give this run later bars, or raise [run] "
        "train_frac"
    )
    assert isinstance(told.evidence[0].verdict, Pass)


@pytest.mark.parametrize(
    ("family", "run"),
    [(Family.LIGHTGBM, RUN), (Family.XGBOOST, None), (Family.POLICY, None)],
    ids=["tree beside it", "tree", "policy taught here"],
)
def test_only_what_practised_is_sent_back_to_its_training(
    family: Family, run: PractisedRun | None
) -> None:
    told = unjudged(family, run, SEEN, TooLittleError("too few"))
    detail = told.verdict.findings[0].detail
    assert detail == f"{family.value}: too few; give more bars, or raise [run] train_frac"


def test_a_policy_that_learnt_nothing_is_refused() -> None:
    told = unjudged(Family.POLICY, None, SEEN, NothingLearntError("weights are nan"))
    assert isinstance(told.verdict, Refuse)
    assert told.verdict.findings[0].code == "evidence.nothing_learnt"
    assert told.verdict.findings[0].detail.startswith("policy: weights are nan; ")


def test_every_gate_that_binds_says_why_it_did_not_pass() -> None:
    """Nothing is called unseen that was seen, or that could not be."""
    told = unjudged(Family.XGBOOST, None, (CLEAN, LEAKY), TooLittleError("too few"))
    said = {e.gate: e.verdict for e in told.evidence}
    assert set(said) == set(EVIDENCE_GATES)
    assert said["leak_battery"] == LEAKY
    assert said["deflated_sharpe"].findings[0].detail == (
        "xgboost was not made: it has no account"
    )
    clean = unjudged(Family.XGBOOST, None, SEEN, TooLittleError("too few"))
    assert not any("no evidence" in f.detail for f in clean.verdict.findings)
