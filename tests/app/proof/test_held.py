"""Positions of a walk forward are made of the past, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

from stairway.app.proof.held import positions_proved
from stairway.base.verdict import Pass, Refuse, Verdict
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.testing.leaks import series

BARS = series(400, seed=2)
WALK = [(np.arange(a - 2), np.arange(a, a + 60)) for a in (200, 260, 320)]


class Asked(NamedTuple):
    """What there is to say how much is held."""

    x: np.ndarray
    labels: Labelled
    rows: np.ndarray


How: TypeAlias = Callable[[Asked], np.ndarray]


def last(it: Asked) -> np.ndarray:
    return it.x[it.rows]


def moves(bars: Any) -> np.ndarray:
    x = np.log(bars["close"])
    return np.diff(x, prepend=x[0])


class Study:
    """Holds what ``how`` says at the rows of a test, from a mean that its training knows."""

    def __init__(self, how: How, folds: list[Fold]) -> None:
        self.how, self.cut = how, folds

    def features(self, market: Any) -> np.ndarray:
        return moves(market)[:, None]

    def labels(self, market: Any) -> Labelled:
        came = np.append(moves(market)[1:], 0.0)
        row = np.arange(came.size)
        end = np.minimum(row + 1 + (np.abs(came) > 5e-4), came.size)
        return Labelled((came > 0).astype(np.int64), row, end)

    def folds(self, _: Labelled) -> list[Fold]:
        return self.cut

    def positions(self, features: Any, labels: Any, folds: Any, _: int) -> np.ndarray:
        held = np.full(len(features), np.nan)
        for train, test in folds:
            held[test] = self.how(Asked(features[:, 0], labels, test)) + features[train].mean()
        return held


def proved(how: How, folds: list[Fold] | None = None) -> Verdict:
    return positions_proved(Study(how, WALK if folds is None else folds), BARS, 1e-9, seed=1)


def test_positions_of_what_was_known_pass_and_say_how_many_folds_were_asked() -> None:
    verdict = proved(last)
    assert isinstance(verdict, Pass)
    assert (
        verdict.findings[0].detail == "no position of 3 of 3 folds moved with what came later"
    )


@pytest.mark.parametrize(
    "how",
    [
        lambda it: it.labels.value[it.rows],
        lambda it: (it.labels.end - it.labels.start)[it.rows],
        lambda it: it.x[it.rows] / it.x[it.rows].std(),
        lambda it: it.x[np.minimum(it.rows + 1, 399)],
        lambda it: np.where(np.roll(it.x[it.rows], -1) > 0, np.nan, 1.0),
    ],
    ids=["labels", "spans", "scaled over the test", "next", "holes"],
)
def test_a_position_that_knows_what_comes_is_refused(how: How) -> None:
    verdict = proved(how)
    assert isinstance(verdict, Refuse)
    (finding,) = verdict.findings
    assert finding.code == "causality.looks_ahead"
    assert finding.value is not None
    assert finding.value >= 1


def test_folds_that_train_on_later_bars_are_not_asked() -> None:
    later = [(test, train) for train, test in WALK]
    verdict = proved(lambda it: it.labels.value[it.rows], later)
    assert isinstance(verdict, Pass)
    assert "no position was asked: none of 3 folds walks forward" in verdict.findings[0].detail
    mixed = proved(lambda it: it.labels.value[it.rows], [*later, WALK[0]])
    assert isinstance(mixed, Refuse)
    assert "(fold 4)" in mixed.findings[0].detail


def test_a_fold_whose_training_knows_bars_of_its_test_is_not_asked() -> None:
    touching = [(np.arange(201), np.arange(200, 260))]
    assert "none of 1 folds" in proved(last, touching).findings[0].detail


def test_what_a_study_raises_is_a_refusal() -> None:
    def raises(_: Asked) -> np.ndarray:
        raise ValueError

    verdict = proved(raises)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.raised"


def test_a_study_that_draws_afresh_is_refused_as_that() -> None:
    rng = np.random.default_rng(1)
    verdict = proved(lambda it: rng.random(it.rows.size))
    assert verdict.findings[0].code == "causality.not_repeatable"
