"""A model that has collapsed is seen on its telemetry, and too little telemetry never passes."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy import stats

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.models.prediction import Action
from stairway.supervision.quality_gate import QualityRules, Sample, judge, measure
from stairway.testing.climbing import quality_rules

RULES = quality_rules()
STEP_NS = NS_PER_HOUR // 30


def samples(
    confidences: np.ndarray | list[float], actions: list[Action] | None = None
) -> list[Sample]:
    """Answers about two instruments in turn, two minutes apart."""
    chosen = actions or itertools.cycle([Action.BUY, Action.BUY, Action.SELL, Action.SELL])
    return [
        Sample(UtcNs(i * STEP_NS), "AB"[i % 2], action, round(float(p) * 1e6))
        for i, (p, action) in enumerate(zip(confidences, chosen, strict=False))
    ]


def spread_out(n: int) -> np.ndarray:
    return np.linspace(0.3, 0.7, n)[np.random.default_rng(1).permutation(n)]


def with_counts(buys: int, holds: int, sells: int) -> list[Sample]:
    actions = [Action.BUY] * buys + [Action.HOLD] * holds + [Action.SELL] * sells
    order = np.random.default_rng(2).permutation(len(actions))
    return samples(spread_out(len(actions)), [actions[i] for i in order])


def answer(window: list[Sample], rules: QualityRules = RULES, model: str = "lightgbm"):
    return judge(measure(window), model, rules)


def codes(verdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


def test_a_lively_model_passes() -> None:
    verdict = answer(with_counts(90, 60, 90))
    assert isinstance(verdict, Pass)
    assert {"gate.contract", "gate.std", "gate.width", "gate.majority"} <= codes(verdict)


def test_a_model_that_never_answered_does_not_pass() -> None:
    verdict = answer([])
    assert isinstance(verdict, Inconclusive)
    assert "gate.too_few" in codes(verdict)


# -- how much there is ---------------------------------------------------------------------


@pytest.mark.parametrize(("n", "kind"), [(199, Inconclusive), (200, Pass)])
def test_exactly_two_hundred_answers_are_enough(n: int, kind: type) -> None:
    assert isinstance(answer(samples(spread_out(n))), kind)


def test_answers_about_one_instrument_alone_are_inconclusive() -> None:
    one = [s._replace(symbol="A") for s in with_counts(90, 60, 90)]
    assert codes(answer(one)) == {"gate.symbols"}


def test_answers_within_too_short_a_time_are_inconclusive() -> None:
    quick = [s._replace(as_of_ns=UtcNs(i)) for i, s in enumerate(with_counts(90, 60, 90))]
    assert codes(answer(quick)) == {"gate.span"}


def test_sticky_actions_are_worth_little_and_not_judged_by_share() -> None:
    actions = [Action.BUY] * 180 + [Action.SELL] * 60
    verdict = answer(samples(spread_out(240), actions))
    assert isinstance(verdict, Inconclusive)
    assert codes(verdict) == {"gate.effective"}


@pytest.mark.parametrize(
    ("persistence", "worth"), [(0.0, 200), (0.5, 67), (0.8, 22), (0.9, 11)]
)
def test_two_hundred_sticky_answers_are_worth_as_many_as_published(persistence, worth) -> None:
    """LIFECYCLE.md 3.6: n (1 - r) / (1 + r); persistence 0.8 makes 200 answers worth 22."""
    rng = np.random.default_rng(5)
    worths = []
    for _ in range(40):
        action, window = Action.BUY, []
        for i in range(200):
            if rng.random() >= persistence:
                action = Action.BUY if rng.random() < 0.6 else Action.SELL
            window.append(Sample(UtcNs(i), "A", action, 500_000))
        worths.append(measure(window).effective)
    assert np.median(worths) == pytest.approx(worth, rel=0.25)


def test_a_model_that_always_says_the_same_is_refused_not_called_sticky() -> None:
    verdict = answer(with_counts(240, 0, 0))
    assert isinstance(verdict, Refuse)
    assert codes(verdict) == {"gate.majority"}


# -- exact bounds, on integer counts -------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "bad"),
    [
        ((140, 10, 50), set()),
        ((141, 9, 50), {"gate.majority"}),
        ((30, 140, 30), set()),
        ((29, 141, 30), {"gate.majority"}),
        ((14, 172, 14), {"gate.majority", "gate.dead_zone"}),
        ((10, 170, 20), {"gate.majority"}),
    ],
)
def test_exactly_the_bound_passes(counts, bad) -> None:
    verdict = answer(with_counts(*counts))
    assert (codes(verdict) if isinstance(verdict, Refuse) else set()) == bad


def test_hold_counts_towards_the_majority() -> None:
    assert codes(answer(with_counts(25, 150, 25))) == {"gate.majority"}


def test_a_member_that_holds_by_design_has_only_the_bound_on_hold() -> None:
    rules = replace(RULES, holds_by_design=("ppo",))
    assert isinstance(answer(with_counts(20, 160, 20), rules, "ppo"), Pass)
    assert codes(answer(with_counts(10, 180, 10), rules, "ppo")) == {"gate.dead_zone"}
    assert codes(answer(with_counts(20, 160, 20), rules, "lightgbm")) == {"gate.majority"}
    assert codes(answer(with_counts(160, 20, 20), rules, "ppo")) == {"gate.majority"}


def two_values(low: float, high: float, n: int = 200) -> list[float]:
    return [low if i % 2 else high for i in range(n)]


def test_the_width_is_compared_in_whole_millionths() -> None:
    """0.56 - 0.44 is 0.12000000000000005 in floating point, 0.62 - 0.50 is 0.12 exactly."""
    rules = replace(RULES, min_distinct=1)
    for low in (0.10, 0.44, 0.50, 0.57, 0.83):
        window = samples(two_values(low, round(low + 0.12, 2)))
        assert isinstance(answer(window, rules), Pass), low
        narrow = samples(two_values(low, round(low + 0.12, 2) - 1e-6))
        assert codes(answer(narrow, rules)) == {"gate.width"}


def test_the_spread_is_compared_without_rounding() -> None:
    """n values at +-d: sample variance is d^2 n / (n - 1)."""
    rules = replace(RULES, min_distinct=1, min_width=0.0, min_std=0.05)
    at_bound = 0.05 * (199 / 200) ** 0.5
    above, below = at_bound + 2e-6, at_bound - 2e-6
    assert isinstance(answer(samples(two_values(0.5 - above, 0.5 + above)), rules), Pass)
    verdict = answer(samples(two_values(0.5 - below, 0.5 + below)), rules)
    assert codes(verdict) == {"gate.std"}


# -- collapse ------------------------------------------------------------------------------


def test_a_constant_output_is_refused_by_name() -> None:
    verdict = answer(samples([0.6] * 240))
    assert isinstance(verdict, Refuse)
    assert {"gate.constant", "gate.std", "gate.width", "gate.distinct"} <= codes(verdict)


def test_an_output_that_only_trembles_is_constant_too() -> None:
    trembling = 0.6 + 0.001 * np.sin(np.arange(240))
    assert "gate.constant" in codes(answer(samples(trembling)))


def test_a_frozen_model_with_a_few_outliers_does_not_hide_behind_its_spread() -> None:
    """LIFECYCLE.md 3.6: 95 % at 0.60 and 5 % at 0.90 passes the deviation 93.8 % of the time."""
    confidences = [0.90 if i % 20 == 0 else 0.60 for i in range(240)]
    verdict = answer(samples(confidences))
    assert "gate.std" not in codes(verdict)
    assert {"gate.width", "gate.constant"} <= codes(verdict)


def test_two_values_that_satisfy_every_spread_are_still_refused() -> None:
    verdict = answer(samples(two_values(0.55, 0.68)))
    assert codes(verdict) == {"gate.distinct"}


def test_one_value_with_most_of_the_mass_is_refused() -> None:
    confidences = np.where(np.arange(240) % 2 < 1, 0.5, spread_out(240))
    confidences[:10] = 0.5
    verdict = answer(samples(confidences))
    assert codes(verdict) == {"gate.single_value"}


def test_a_broken_contract_is_refused_however_few_answers_there_are() -> None:
    broken = [Sample(UtcNs(0), "A", Action.BUY, None)]
    verdict = answer(broken)
    assert isinstance(verdict, Refuse)
    assert codes(verdict) == {"gate.contract"}


def test_one_broken_answer_among_many_is_refused() -> None:
    window = with_counts(90, 60, 90)
    window[17] = window[17]._replace(confidence_ppm=None)
    assert codes(answer(window)) == {"gate.contract"}


@functools.cache
def refuses_a_majority_of(count: int) -> bool:
    return isinstance(answer(with_counts(count, 0, 200 - count)), Refuse)


@pytest.mark.parametrize(("true_share", "fails"), [(0.60, 0.002), (0.65, 0.078), (0.68, 0.300)])
def test_the_majority_rule_errs_as_often_as_published(true_share, fails) -> None:
    """LIFECYCLE.md 3.6, n = 200. Its figures count exactly 70 % as failing; the rule passes it."""
    chances = stats.binom(200, true_share)
    refused = sum(
        chances.pmf(count) for count in range(130, 200) if refuses_a_majority_of(count)
    )
    assert refused + chances.pmf(140) == pytest.approx(fails, abs=0.002)


# -- counting ------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1_000_000), min_size=2, max_size=60))
def test_counts_agree_with_numpy(ppm: list[int]) -> None:
    measured = measure([Sample(UtcNs(i), "A", Action.BUY, x) for i, x in enumerate(ppm)])
    n = len(ppm)
    assert measured.spread / (n * (n - 1)) == pytest.approx(np.var(ppm, ddof=1), abs=1e-3)
    method = "inverted_cdf"
    assert measured.p10_ppm == np.quantile(ppm, 0.1, method=method)
    assert measured.p90_ppm == np.quantile(ppm, 0.9, method=method)
    assert measured.distinct == len(set(ppm))
    assert measured.commonest == max(ppm.count(x) for x in ppm)


@given(st.lists(st.sampled_from(Action), max_size=80))
def test_the_worth_of_answers_is_never_more_than_their_number(actions) -> None:
    measured = measure([Sample(UtcNs(i), "A", a, 500_000) for i, a in enumerate(actions)])
    assert 0 <= measured.effective <= measured.events == len(actions)
    assert sum(measured.actions.values()) == len(actions)


@given(cut=st.integers(0, 240))
def test_no_piece_of_a_good_window_that_is_too_short_passes(cut: int) -> None:
    verdict = answer(with_counts(90, 60, 90)[:cut])
    assert not isinstance(verdict, Refuse) or cut >= 200
    if cut < 200:
        assert isinstance(verdict, Inconclusive)
