from __future__ import annotations

from dataclasses import replace

import numpy as np

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.sceptic.timing import HELD, Timed, in_time, timed
from stairway.evaluation.skill import Forecasts


def linked(strength: float, seed: int = 0, n: int = 1_000) -> Timed:
    rng = np.random.default_rng(seed)
    came = rng.standard_normal(n)
    return Timed("", strength * came + rng.standard_normal(n), came, 5)


def said(confidence: np.ndarray, outcome: np.ndarray) -> Forecasts:
    n = confidence.shape[0]
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    return Forecasts(confidence, outcome, bar + 1, bar + 4, np.full(n, "range"))


def test_timing_that_matters_passes_and_any_other_time_as_good_refuses(
    evidence: EvidenceRules,
) -> None:
    shown, verdict = in_time((linked(0.3),), evidence)
    assert isinstance(verdict, Pass)
    assert sum(shown[0].counts) == shown[0].n_shifts
    assert shown[0].link > max(shown[0].edges)
    assert isinstance(in_time((linked(0.0, seed=3),), evidence)[1], Refuse)
    assert isinstance(in_time((linked(-0.3),), evidence)[1], Refuse)


def test_the_best_of_two_instruments_pays_for_both(evidence: EvidenceRules) -> None:
    weak, none = linked(0.06, seed=4), linked(-0.2, seed=8)
    (alone,), _ = in_time((weak,), evidence)
    _, both = in_time((weak, none), evidence)
    assert both.findings[0].value == 2.0 * alone.p_greater


def test_a_series_that_never_forgets_is_too_short_and_says_so(evidence: EvidenceRules) -> None:
    slow = np.cumsum(np.random.default_rng(1).standard_normal(400))
    _, verdict = in_time((Timed("", slow, np.diff(slow, append=0.0), 5),), evidence)
    assert isinstance(verdict, Inconclusive)
    assert "rows needed" in verdict.findings[0].detail


def test_positions_that_never_change_have_no_timing(evidence: EvidenceRules) -> None:
    came = np.random.default_rng(0).standard_normal(1_000)
    _, verdict = in_time((Timed("", np.ones(1_000), came, 5),), evidence)
    assert isinstance(verdict, Refuse)
    assert "constant" in verdict.findings[0].detail


def test_probabilities_are_positions_from_the_first_to_the_last(
    evidence: EvidenceRules,
) -> None:
    confidence, outcome = np.full((8, 2), np.nan), np.full((8, 2), -1)
    confidence[2:6, 0], outcome[2:6, 0] = [0.4, np.nan, 0.6, 0.8], [1, 0, 0, 1]
    (one,) = timed(said(confidence, outcome))
    assert one.name == ""
    assert one.held.tolist() == [0.4, (0.4 + 0.6 + 0.8) / 3, 0.6, 0.8]
    assert one.gap_rows == 4
    assert timed(said(np.full((3, 2), np.nan), np.zeros((3, 2), np.int64))) == ()
    assert isinstance(in_time((), evidence)[1], Inconclusive)


def test_positions_were_held_and_probabilities_were_said(evidence: EvidenceRules) -> None:
    one = linked(0.3)
    said_so = in_time((one,), evidence)[1].findings[0].detail
    held_so = in_time((replace(one, what=HELD),), evidence)[1].findings[0].detail
    assert said_so.startswith("what was said and what came go together by ")
    assert held_so == said_so.replace("what was said", "what was held")
    few = replace(one, held=one.held[:20], came=one.came[:20], gap_rows=1, what=HELD)
    assert (
        "since what was held, or what came" in in_time((few,), evidence)[1].findings[0].detail
    )


def test_rows_are_counted_in_thousands(evidence: EvidenceRules) -> None:
    rng = np.random.default_rng(0)
    short = Timed("", rng.standard_normal(1_500), rng.standard_normal(1_500), 300)
    detail = in_time((short,), evidence)[1].findings[0].detail
    assert detail.startswith("the timing: 1,500 of 6,600 rows needed, since")


def test_one_row_is_one(evidence: EvidenceRules) -> None:
    """Fewer than a block length can be measured on: only the horizon counts."""
    short = Timed("", np.array([1.0, -1.0]), np.array([0.1, 0.2]), 1)
    detail = in_time((short,), evidence)[1].findings[0].detail
    assert "is like itself for 1 row, and" in detail
