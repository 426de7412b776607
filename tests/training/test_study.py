"""The pipeline as the battery rebuilds it: bars turned over, and one honest answer."""

from __future__ import annotations

import numpy as np
import pytest

from stairway.app import settings
from stairway.base.verdict import Pass, passed
from stairway.evaluation.battery.study import Labelled
from stairway.features.spec import FEATURE_NAMES
from stairway.testing.bars import random_walk
from stairway.training.study import PipelineStudy, rebuilt, turned_over
from stairway.training.trainer_rules import rules_of

N = 1_300
WALK = random_walk(N, seed=5)
CLEAN = passed("causality.clean", "proved")


def rules(**battery: float):
    tables = settings.plain(settings.load("daily"))
    tables["boosting"] |= {"min_leaf_samples": 5.0}
    tables["battery"] |= {"cuts": 2, "surrogates": 8, "shuffles": 8, "rounds": 3} | battery
    return rules_of(tables)


def signs(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (1 - 2 * rng.integers(0, 2, N)).astype(np.int8)


def test_bars_that_are_not_turned_stay_as_they_were() -> None:
    same = turned_over(WALK, np.ones(N, np.int8))
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(getattr(same, name), getattr(WALK, name), rtol=1e-9)


def test_a_turned_bar_keeps_its_size_and_is_still_a_bar() -> None:
    turn = signs(1)
    other = turned_over(WALK, turn)
    moves = [np.diff(np.log(bars.close), axis=0) for bars in (WALK, other)]
    np.testing.assert_allclose(moves[1], moves[0] * turn[1:, None], atol=1e-9)
    np.testing.assert_allclose(
        np.log(other.high / other.low), np.log(WALK.high / WALK.low), atol=1e-9
    )
    inside = (other.low <= other.open) & (other.open <= other.high)
    assert bool(inside.all())
    np.testing.assert_array_equal(other.volume, WALK.volume)
    np.testing.assert_array_equal(other.time_ns, WALK.time_ns)


def test_nothing_before_a_turn_moves() -> None:
    turn = np.ones(N, np.int8)
    turn[700:] = signs(2)[700:]
    one, other = turned_over(WALK, np.ones(N, np.int8)), turned_over(WALK, turn)
    np.testing.assert_array_equal(one.close[:700], other.close[:700])
    np.testing.assert_array_equal(one.high[:700], other.high[:700])


def test_a_study_has_both_instruments_and_pays_by_the_next_close() -> None:
    study = PipelineStudy(rules())
    assert study.features(WALK).shape == (N, 2 * len(FEATURE_NAMES))
    paid = study.profit(WALK, np.ones(N))
    assert paid[10] == pytest.approx(np.log(WALK.close[11, 0] / WALK.close[10, 0]))
    assert paid[-1] == 0.0


def test_every_tested_row_has_a_position_and_no_other() -> None:
    study = PipelineStudy(rules())
    labels = study.labels(WALK)
    folds = study.folds(labels)
    held = study.positions(study.features(WALK), labels, folds, 1)
    tested = np.unique(np.concatenate([test for _, test in folds]))
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(held)), tested)
    assert float(np.abs(held[tested]).max()) < 1.0


def test_labels_of_the_other_half_teach_another_position() -> None:
    study = PipelineStudy(rules())
    labels, features = study.labels(WALK), study.features(WALK)
    folds = study.folds(labels)
    turned = np.where(labels.value >= 0, 1 - labels.value, -1)
    other = Labelled(turned, labels.start, labels.end)
    one, two = (study.positions(features, lab, folds, 1) for lab in (labels, other))
    tested = np.isfinite(one)
    assert np.corrcoef(one[tested], two[tested])[0, 1] < -0.5


def test_an_honest_pipeline_raises_no_alarm() -> None:
    report = rebuilt(WALK, rules(), 7, CLEAN, lambda *_: None)
    assert report.fired == ()
    assert report.causality is not None
    assert len(report.folds) == 5


def test_a_pipeline_that_was_taught_by_its_test_rows_does(monkeypatch) -> None:
    def touching(_study: PipelineStudy, labels: Labelled):
        rows = np.arange(labels.value.size)
        return [(rows[:-50], rows[600:-50])]

    monkeypatch.setattr(PipelineStudy, "folds", touching)
    report = rebuilt(WALK, rules(), 7, CLEAN, lambda *_: None)
    assert "purge" in report.fired
    assert not isinstance(report.verdict, Pass)


def test_only_the_last_bars_are_rebuilt_where_there_are_many() -> None:
    heard: list[str] = []
    report = rebuilt(WALK, rules(max_bars=900), 7, CLEAN, lambda name, *_: heard.append(name))
    assert sum(fold.n_test for fold in report.folds) < 900
    assert set(heard) == {"leak battery"}
