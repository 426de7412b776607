from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.sceptic import luck
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.testing.sceptic import proof_rules
from stairway.evaluation.sharpe import Sharpe, sharpe
from stairway.evaluation.significance.bootstrap import resampled_means
from stairway.evaluation.significance.deflated import chance_variance

Made = Callable[..., Record]


def ratio(one: Record, evidence: EvidenceRules):
    return sharpe(one.returns, one.periods_per_year, evidence.level)


def test_skill_is_seen_and_noise_is_not(
    record: Made, evidence: EvidenceRules, proof: ProofRules
) -> None:
    rng = np.random.default_rng(1)
    good, none = record(0.002), record(0.0, seed=3)
    for found in (
        luck.skilled(good, evidence),
        luck.long_enough(good, evidence),
        luck.earning(good, evidence, proof, rng),
        luck.more_than_luck(good, evidence),
        luck.years_enough(good, ratio(good, evidence), evidence),
    ):
        assert isinstance(found[1], Pass)
        assert found[0] is not None
    assert isinstance(luck.skilled(none, evidence)[1], Refuse)
    assert isinstance(luck.earning(none, evidence, proof, rng)[1], Refuse)


def test_a_record_that_is_too_short_for_its_ratio_is_open_with_what_it_needs(
    record: Made, evidence: EvidenceRules
) -> None:
    found, said = luck.long_enough(record(0.0005, n=400, seed=0), evidence)
    assert found is not None
    assert not found.long_enough
    assert isinstance(said, Inconclusive)
    assert said.findings[0].value == 400
    assert said.findings[0].bound == np.ceil(found.needed_bars)


def test_from_too_few_returns_nothing_is_concluded_however_good_they_are(
    record: Made, evidence: EvidenceRules, proof: ProofRules
) -> None:
    few = record(0.02, n=249)
    rng = np.random.default_rng(1)
    for _, said in (
        luck.skilled(few, evidence),
        luck.long_enough(few, evidence),
        luck.earning(few, evidence, proof, rng),
        luck.more_than_luck(few, evidence),
        luck.years_enough(few, ratio(few, evidence), evidence),
    ):
        assert isinstance(said, Inconclusive)
    assert luck.skilled(few, evidence)[1].findings[0].detail == "249 of 250 returns needed"


@pytest.mark.parametrize(
    ("n", "verdict"), [(500, Refuse), (20, Inconclusive), (0, Inconclusive)]
)
def test_constant_returns_are_undefined_and_never_infinite(
    record: Made, evidence: EvidenceRules, proof: ProofRules, n: int, verdict: type
) -> None:
    flat = record(0.0, net=np.full((n, 1), 0.01))
    rng = np.random.default_rng(1)
    for found, said in (
        luck.skilled(flat, evidence),
        luck.long_enough(flat, evidence),
        luck.earning(flat, evidence, proof, rng),
        luck.more_than_luck(flat, evidence),
        luck.years_enough(flat, ratio(flat, evidence), evidence),
    ):
        assert found is None
        assert isinstance(said, verdict)
    assert luck.annual_sharpes(flat) == (None,)


def test_the_same_ratio_is_worth_less_the_more_was_tried(
    record: Made, evidence: EvidenceRules
) -> None:
    chances: list[float] = []
    for n in (1, 10, 1_000):
        found, _ = luck.more_than_luck(record(0.0012, n_trials=n), evidence)
        assert found is not None
        chances.append(found.probability)
    assert chances[0] > chances[1] > chances[2]


def test_tries_that_are_alike_do_not_make_luck_small(record: Made) -> None:
    one = record(0.001).net
    alike = record(0.0, 0.0, net=np.hstack([one, one * 1.0001]))
    assert luck.trials_of(alike).sharpe_variance == chance_variance(1_000)
    apart = record(-0.01, 0.01)
    assert luck.trials_of(apart).sharpe_variance > chance_variance(1_000)


def test_years_are_needed_where_much_was_tried(record: Made, evidence: EvidenceRules) -> None:
    short = record(0.0012, n=500, n_trials=10_000, seed=2)
    needed, said = luck.years_enough(short, ratio(short, evidence), evidence)
    assert needed is not None
    assert needed > short.years
    assert isinstance(said, Inconclusive)


def test_a_ratio_below_nought_is_no_edge_however_long(
    record: Made, evidence: EvidenceRules
) -> None:
    bad = record(-0.001, seed=4)
    assert isinstance(luck.years_enough(bad, ratio(bad, evidence), evidence)[1], Refuse)
    assert isinstance(luck.long_enough(bad, evidence)[1], Refuse)


def test_choosing_among_noise_is_overfitting(
    record: Made, evidence: EvidenceRules, proof: ProofRules
) -> None:
    found, said = luck.choice(record(*[0.0] * 8, seed=1), evidence, proof)
    assert isinstance(said, Refuse)
    assert found is not None
    assert sum(found.counts) == found.n_splits == 70
    assert list(found.logits) == sorted(found.logits)


def test_the_best_everywhere_was_no_accident_if_every_try_is_shown(
    record: Made, evidence: EvidenceRules, proof: ProofRules
) -> None:
    means = (0.005, *[0.0] * 7)
    assert isinstance(luck.choice(record(*means), evidence, proof)[1], Pass)
    found, said = luck.choice(record(*means, n_trials=9), evidence, proof)
    assert found is not None
    assert isinstance(said, Inconclusive)
    assert "returns of 8 of 9 tries are there" in said.findings[0].detail


def test_one_try_chose_nothing_and_one_column_of_many_shows_nothing(
    record: Made, evidence: EvidenceRules, proof: ProofRules
) -> None:
    assert isinstance(luck.choice(record(0.0), evidence, proof)[1], Pass)
    assert isinstance(luck.choice(record(0.0, n_trials=2), evidence, proof)[1], Inconclusive)


def test_a_long_record_is_resampled_in_sums_and_its_interval_is_as_wide(
    record: Made, proof: ProofRules
) -> None:
    returns = record(0.001, n=6_000).returns
    coarse = proof_rules(resamples=999)
    fine = luck.mean_interval(returns, 252.0, 0.95, proof, np.random.default_rng(1))
    summed = luck.mean_interval(returns, 252.0, 0.95, coarse, np.random.default_rng(1))
    assert isinstance(fine, luck.MeanInterval)
    assert isinstance(summed, luck.MeanInterval)
    assert summed.annual == fine.annual == pytest.approx(returns.mean() * 252.0)
    assert summed.high - summed.low == pytest.approx(fine.high - fine.low, rel=0.25)
    assert summed.block_rows >= 6.0


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1, 1)), st.integers(1, 70))
def test_putting_rows_together_loses_none(values: FloatArray, most: int) -> None:
    sums, rows = luck.together(values[:, None], most)
    assert sums.shape[0] <= most
    assert sums.shape[0] == -(-values.size // rows)
    assert sums.sum() == pytest.approx(values.sum(), abs=1e-9)


def with_column(one: Record, column: FloatArray, name: str) -> Record:
    net = np.column_stack([one.net, column])
    return Record(
        net=net,
        names=(*one.names, name),
        chosen=0,
        n_trials=net.shape[1],
        periods_per_year=one.periods_per_year,
    )


def three() -> Record:
    net = np.random.default_rng(5).normal([0.002, 0.0, 0.0], 0.01, (1_000, 3))
    return Record(net=net, names=("a", "b", "c"), chosen=0, n_trials=3, periods_per_year=252.0)


def test_a_try_that_held_nothing_counts_and_refuses_nothing(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    before = three()
    after = with_column(before, np.zeros(1_000), "idle")
    assert luck.trials_of(after).n == 4
    assert luck.trials_of(after).sharpe_variance == luck.trials_of(before).sharpe_variance
    found, said = luck.choice(after, evidence, proof)
    assert isinstance(said, Pass)
    assert found == luck.choice(before, evidence, proof)[0]
    assert "(idle is constant)" in said.findings[0].detail


def test_a_copy_counts_as_a_try_is_named_and_lowers_no_bar(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    before = three()
    after = with_column(before, before.net[:, 0].copy(), "again")
    assert luck.trials_of(after).n == 4
    assert luck.trials_of(after).sharpe_variance == luck.trials_of(before).sharpe_variance
    found, said = luck.choice(after, evidence, proof)
    assert isinstance(said, Pass)
    assert found == luck.choice(before, evidence, proof)[0]
    assert "(again is a copy of a)" in said.findings[0].detail


def test_where_all_others_are_copies_nothing_was_chosen(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    one = three()
    alone = Record(net=one.net[:, :1], names=("a",), chosen=0, n_trials=1, periods_per_year=252)
    said = luck.choice(with_column(alone, one.net[:, 0], "again"), evidence, proof)[1]
    assert isinstance(said, Inconclusive)
    assert "again is a copy of a" in said.findings[0].detail


def test_the_ratio_says_which_one_it_is(evidence: EvidenceRules) -> None:
    detail = luck.more_than_luck(three(), evidence)[1].findings[0].detail
    assert "bars taken as independent" in detail


def test_years_that_are_there_and_years_that_are_needed_are_never_the_same(
    record: Made, evidence: EvidenceRules
) -> None:
    alike = 0
    for seed in range(30):
        few = record(0.004, n=20, n_trials=6, seed=seed)
        needed, said = luck.years_enough(few, ratio(few, evidence), evidence)
        if needed is None or not few.years < needed:
            continue
        assert isinstance(said, Inconclusive)
        found = re.match(r"([\d.]+) of ([\d.]+) years: in fewer", said.findings[0].detail)
        assert found is not None
        assert float(found[1]) < float(found[2])
        alike += f"{few.years:.1f}" == f"{needed:.1f}"
    assert alike


def test_the_years_that_are_needed_go_by_the_ratio_that_knows_serial_correlation(
    record: Made, evidence: EvidenceRules
) -> None:
    # Given a ratio of 1 a year, which looks like 2 to who takes bars as independent
    four_years = record(0.001, n=1_008, n_trials=45)
    per_bar = 2.0 / 252.0**0.5
    ratio = Sharpe(1_008, per_bar, 2.0, 1.0, 3.0, annual=1.0, low=0.2, high=1.8)

    needed, said = luck.years_enough(four_years, ratio, evidence)

    # Then it takes five years, and not the fifth part of them (Bailey and others 2014)
    of_45 = (1.0 - np.euler_gamma) * norm.ppf(1.0 - 1.0 / 45.0)
    of_45 += np.euler_gamma * norm.ppf(1.0 - 1.0 / (45.0 * np.e))
    assert needed == pytest.approx(of_45**2)
    assert needed == pytest.approx(5.0, abs=0.1)
    assert isinstance(said, Inconclusive)


def test_a_year_of_sums_holds_as_many_returns_as_a_year_does(record: Made) -> None:
    # Given sums of eleven returns each, and a last one of two
    returns, years = record(0.001, n=10_001).returns, 10_001 / 252.0
    rules = proof_rules(resamples=499, resample_rows=1_000)

    found = luck.mean_interval(returns, 252.0, 0.95, rules, np.random.default_rng(1))

    # Then a history drawn anew is what its sums come to, over the years that it stands for
    assert isinstance(found, luck.MeanInterval)
    sums = np.array([[returns[at : at + 11].sum()] for at in range(0, 10_001, 11)])
    means = resampled_means(sums, found.block_rows / 11.0, 499, np.random.default_rng(1))
    ends = np.quantile(means * sums.size / years, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(ends), rel=1e-9)


def test_the_columns_that_were_counted_as_tries_are_named(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    one = three()
    assert (
        "3 columns (a, b, c) in one half"
        in luck.choice(one, evidence, proof)[1].findings[0].detail
    )
    more = replace(one, n_trials=9)
    assert (
        "3 of 9 tries are there (a, b, c);"
        in luck.choice(more, evidence, proof)[1].findings[0].detail
    )


def test_one_row_of_returns_is_too_few_and_no_lack_of_columns(
    evidence: EvidenceRules, proof: ProofRules
) -> None:
    row = replace(three(), net=np.array([[0.01, 0.02, 0.03]]))
    found, said = luck.choice(row, evidence, proof)
    assert found is None
    assert isinstance(said, Inconclusive)
    assert said.findings[0].detail == "1 of 250 returns needed"
    idle = replace(three(), net=np.zeros((1_000, 3)))
    assert "constant" in luck.choice(idle, evidence, proof)[1].findings[0].detail
