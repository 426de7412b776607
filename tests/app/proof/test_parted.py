"""Folds may hang on what was known, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest

from stairway.app.proof.handed import Handed
from stairway.app.proof.held import positions_proved
from stairway.app.proof.parted import Parted, folds_told
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.testing.leaks import series

N = 400
BARS = series(N, seed=2)
ROW = np.arange(N)
EDGES = ((200, 260), (260, 320), (320, 399))
Made: TypeAlias = Callable[[Labelled], Sequence[Fold]]


def moves(bars: Any) -> np.ndarray:
    x = np.log(bars["close"])
    return np.diff(x, prepend=x[0])


class Study:
    """Holds the last move; its labels name large moves alone, and its folds are given."""

    def __init__(self, made: Made) -> None:
        self.made = made

    def features(self, market: Any) -> np.ndarray:
        return moves(market)[:, None]

    def labels(self, market: Any) -> Labelled:
        came = np.append(moves(market)[1:], 0.0)
        value = np.where(np.abs(came) > 3e-4, (came > 0).astype(np.int64), -1)
        return Labelled(value, ROW, np.minimum(ROW + 1 + (came > 0), N))

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        return self.made(labels)

    def positions(self, features: Any, _: Any, folds: Any, __: int) -> np.ndarray:
        held = np.full(N, np.nan)
        for train, test in folds:
            held[test] = features[test, 0] + 0.0 * features[train].sum()
        return held


def proved(made: Made) -> Verdict:
    return positions_proved(Study(made), BARS, 1e-9, seed=1)


def labelled(labels: Labelled, rows: np.ndarray) -> np.ndarray:
    return rows[labels.value[rows] >= 0]


def purged(labels: Labelled, a: int, b: int) -> np.ndarray:
    """Labelled rows whose span does not touch rows a to b, on both sides."""
    rows = labelled(labels, ROW)
    last = labels.end[a:b].max()
    return rows[(labels.end[rows] < a) | (rows > last)]


def with_rule(keep: Callable[[Labelled, np.ndarray], np.ndarray]) -> Made:
    return lambda it: [(ROW[: a - 3], ROW[a:b][keep(it, ROW[a:b])]) for a, b in EDGES]


HONEST: dict[str, Made] = {
    "fixed": lambda _: [(ROW[: a - 3], ROW[a:b]) for a, b in EDGES],
    "trains on what has a label": lambda it: [
        (labelled(it, ROW[: a - 3]), ROW[a:b]) for a, b in EDGES
    ],
    "purged by spans before": lambda it: [
        (labelled(it, ROW[:a])[it.end[labelled(it, ROW[:a])] < a], ROW[a:b]) for a, b in EDGES
    ],
    "purged by spans on both sides": lambda it: [
        (purged(it, a, b), ROW[a:b]) for a, b in ((0, 130), (130, 260), (260, 399))
    ],
    "pauses after a label that ended": with_rule(lambda it, rows: it.value[rows - 3] >= 0),
}


@pytest.mark.parametrize("name", HONEST)
def test_folds_of_what_was_known_pass(name: str) -> None:
    assert isinstance(proved(HONEST[name]), Pass)


def best_half(it: Labelled, test: np.ndarray) -> np.ndarray:
    """The training rows that are most like the test: it knows how that ended."""
    early, late = ROW[:90], ROW[90:180]
    rose = (it.value[test] == 1).mean()
    return min((early, late), key=lambda rows: abs((it.value[rows] == 1).mean() - rose))


def moving(it: Labelled) -> list[Fold]:
    edge = 230 + int((it.value == 1).sum() % 7)
    return [(ROW[:197], ROW[200:edge]), (ROW[: edge - 3], ROW[edge:399])]


LEAKS: dict[str, Made] = {
    "tests large moves alone": with_rule(lambda it, rows: it.value[rows] >= 0),
    "tests rises alone": with_rule(lambda it, rows: it.value[rows] == 1),
    "leaves out one rare fall": with_rule(
        lambda it, rows: ~((rows % 61 == 7) & (it.value[rows] == 0))
    ),
    "leaves out long spans": with_rule(lambda it, rows: it.end[rows] - rows < 2),
    "trains on what is like the test": lambda it: [
        (best_half(it, ROW[a:b]), ROW[a:b]) for a, b in EDGES
    ],
    "edges by all labels": moving,
}


@pytest.mark.parametrize("name", LEAKS)
def test_folds_that_know_what_comes_are_refused(name: str) -> None:
    verdict = proved(LEAKS[name])
    assert isinstance(verdict, Refuse)
    (finding,) = verdict.findings
    assert finding.code == "causality.looks_ahead"
    assert "tested" in finding.detail or "trained" in finding.detail
    assert finding.value is not None
    assert finding.value >= 1


def test_folds_that_are_drawn_afresh_are_refused_as_that() -> None:
    rng = np.random.default_rng(1)

    def drawn(_: Labelled) -> list[Fold]:
        return [(rng.permutation(ROW[:150])[:100], ROW[200:399])]

    verdict = proved(drawn)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.not_repeatable"
    assert verdict.findings[0].detail.startswith("folds differ")


def test_the_first_row_whose_test_hangs_on_what_comes_is_named_with_what_to_do() -> None:
    detail = proved(LEAKS["tests large moves alone"]).findings[0].detail
    assert "which rows are tested must not hang on what comes; test every row" in detail


def test_the_order_of_the_folds_that_test_a_row_is_looked_at() -> None:
    labels = Labelled(ROW % 2, ROW, ROW + 1)
    one, two = (ROW[:50], ROW[100:]), (ROW[50:90], ROW[100:])
    own = Parted(Handed([one, two], N), labels, ROW, ROW)
    other = Parted(Handed([two, one], N), labels, ROW, ROW)
    probe = Probe(200, Perturbation.NOISE, 1)
    assert folds_told(own, own, 1, ROW[100:200], probe) is None
    assert isinstance(folds_told(own, other, 1, ROW[100:200], probe), Refuse)


def test_what_trains_is_compared_where_its_label_had_ended_alone() -> None:
    early = Labelled(ROW % 2, ROW, ROW + 1)
    late = Labelled(ROW % 2, ROW, np.where(ROW == 60, 150, ROW + 1))
    own = Parted(Handed([(ROW[:90], ROW[100:])], N), early, ROW, ROW)
    other = Parted(Handed([(np.delete(ROW[:90], 60), ROW[100:])], N), late, ROW, ROW)
    assert own.otherwise_trained(other, ROW[100:120], 200)
    assert not own.otherwise_trained(other, ROW[100:120], 150)


def test_a_row_may_not_be_tested_by_its_own_bar_where_that_is_known_later() -> None:
    def large(bars: Any) -> np.ndarray:
        return np.abs(moves(bars)) > 3e-4

    class OfOwn(Study):
        def labels(self, market: Any) -> Labelled:
            return Labelled(large(market).astype(np.int64), ROW, ROW)

    study = OfOwn(with_rule(lambda it, rows: it.value[rows] == 1))
    bars = {name: column for name, column in BARS.items() if "label" not in name}
    assert isinstance(positions_proved(study, bars, 1e-9, seed=1), Pass)
    late = bars | {"available_ns": bars["time_ns"][np.minimum(ROW + 2, N - 1)]}
    study.positions = lambda *_: np.where(  # pyright: ignore[reportAttributeAccessIssue]
        np.isin(ROW, np.concatenate([test for _, test in study.folds(study.labels(late))])),
        0.0,
        np.nan,
    )
    verdict = positions_proved(study, late, 1e-9, seed=1)
    assert isinstance(verdict, Refuse)
    assert "which rows are tested must not hang on what comes" in verdict.findings[0].detail


LAST_ALONE = [(ROW[: a - 2], ROW[a : a + 1]) for a in range(200, N)]


def test_a_test_of_the_last_row_alone_is_left_out_and_named() -> None:
    verdict = proved(lambda _: LAST_ALONE)
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].detail.endswith(
        "; test 200 has no bar behind it, and was left out"
    )


def test_a_test_of_the_last_two_rows_is_asked_like_any_other() -> None:
    two = [*LAST_ALONE[:-2], (ROW[: N - 5], ROW[N - 2 :])]
    verdict = proved(lambda _: two)
    assert isinstance(verdict, Pass)
    assert "left out" not in verdict.findings[0].detail


def test_where_no_test_has_a_bar_behind_it_the_question_is_open() -> None:
    assert isinstance(proved(lambda _: LAST_ALONE[-1:]), Inconclusive)
