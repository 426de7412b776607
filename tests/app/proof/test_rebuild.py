"""A study is proved whole: what the leak battery leaves to the prover is tried by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stairway.app.progress import Silent
from stairway.app.proof.aside import asked_aside
from stairway.app.proof.told import StudyAnswer, StudyJob
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict, passed
from stairway.evaluation.battery.study import BatteryRules
from stairway.features.prover import ProverRules
from stairway.testing.leaks import series

STUDIES = """
from dataclasses import replace

import numpy as np
import polars as pl

from stairway.testing.studies import Folding, study


def moves(bars):
    x = np.log(bars["close"])
    return np.diff(x, prepend=x[0])


class Honest:
    def redrawn(self, bars, signs):
        other = bars["close"][0] * np.exp(np.cumsum(moves(bars) * signs))
        return bars | {name: bars[name] * other / bars["close"]
                       for name in ("open", "high", "low", "close")}

    def features(self, bars):
        return study().features(moves(bars))

    def labels(self, bars):
        return study().labels(moves(bars))

    def folds(self, labels):
        return study().folds(labels)

    def positions(self, *given):
        return study().positions(*given)

    def profit(self, bars, positions):
        return study().profit(np.expm1(moves(bars)), positions)


class OfSizes(Honest):
    def features(self, bars):
        coming = np.append(np.abs(moves(bars))[1:], 0.0)
        return np.column_stack([super().features(bars), coming])

    def positions(self, features, *given):
        return super().positions(features[:, :-1], *given) * features[:, -1]


class BySpan(Honest):
    def labels(self, bars):
        labels = super().labels(bars)
        size = np.append(np.abs(moves(bars))[1:], 0.0)
        end = np.minimum(labels.end + (size > np.median(size)), size.size - 1)
        return replace(labels, end=np.maximum(end, labels.start + 1))

    def positions(self, features, labels, folds, seed):
        held = super().positions(features, labels, folds, seed)
        return held * (labels.end - labels.start > 5)


class Draws(Honest):
    def positions(self, *given):
        held = super().positions(*given)
        return held + 1e-3 * np.random.default_rng().standard_normal(held.size)


class Combined(Honest):
    def folds(self, labels):
        return study(folding=Folding.COMBINATORIAL).folds(labels)

    def positions(self, *given):
        return study(folding=Folding.COMBINATORIAL).positions(*given)


class OfSeries(Honest):
    def labels(self, bars):
        given = super().labels(bars)
        return replace(given, value=pl.Series(given.value), end=pl.Series(given.end))

    def folds(self, labels):
        return [(pl.Series(train), test.tolist()) for train, test in super().folds(labels)]


class OnUntested(Honest):
    def positions(self, *given):
        held = super().positions(*given)
        held[100] = 1.0
        return held


class Lifts(Honest):
    def labels(self, bars):
        made = super().labels(bars)
        for name in ("open", "high", "low", "close"):
            bars[name] *= np.linspace(1.0, 3.0, bars[name].size)
        return made


class Flat(Honest):
    def features(self, bars):
        return super().features(bars)[:, 0]
"""
HARD = ProverRules(cuts=8, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9)
RULES = BatteryRules(cuts=2, surrogates=8, shuffles=8, min_rows=100)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(STUDIES)
    pl.DataFrame(series(700, seed=1)).drop("labels", "label_end_ns").write_csv("bars.csv")

    def ask(study: str, causality: Verdict | None = None) -> StudyAnswer:
        job = StudyJob(
            study=f"own.py:{study}",
            function=None,
            bars="bars.csv",
            prover=HARD,
            rules=RULES,
            seed=1,
            limit_s=30.0,
            causality=causality,
        )
        answer = asked_aside(job, Silent())
        assert isinstance(answer, StudyAnswer)
        return answer

    return ask


def test_a_study_that_knows_the_size_of_the_next_move_looks_ahead(asked: Any) -> None:
    causality = asked(
        "OfSizes", passed("causality.clean", "the function is causal")
    ).report.causality
    assert isinstance(causality, Refuse)
    finding, position = causality.findings
    assert finding.code == position.code == "causality.looks_ahead"
    assert position.detail.startswith("the position at row ")
    assert "column features[5] at row" in finding.detail
    assert "it looks at least 1 bar ahead" in finding.detail


def test_the_features_of_an_honest_study_are_proved_without_a_function(asked: Any) -> None:
    causality = asked("Honest").report.causality
    assert isinstance(causality, Pass)
    assert causality.findings[0].code == "causality.clean"
    assert "5 columns over 700 bars" in causality.findings[0].detail


def test_what_was_found_of_the_function_still_counts(asked: Any) -> None:
    open_ = Inconclusive(passed("causality.deaf", "x").findings)
    assert isinstance(asked("Honest", open_).report.causality, Inconclusive)


def test_features_that_are_no_table_are_refused_and_say_so(asked: Any) -> None:
    causality = asked("Flat").report.causality
    assert isinstance(causality, Refuse)
    assert "features of shape (700,); give rows by columns" in causality.findings[0].detail


def test_a_position_that_is_sized_by_the_span_of_its_own_label_looks_ahead(asked: Any) -> None:
    causality = asked("BySpan").report.causality
    assert isinstance(causality, Refuse)
    (finding,) = [one for one in causality.findings if one.code == "causality.looks_ahead"]
    assert finding.detail.startswith("the position at row ")
    assert "bar ahead" in finding.detail or "bars ahead" in finding.detail


def test_positions_that_differ_when_asked_again_are_refused(asked: Any) -> None:
    causality = asked("Draws").report.causality
    assert isinstance(causality, Refuse)
    assert causality.findings[0].code == "causality.not_repeatable"


def test_tests_are_counted_and_those_of_combined_folds_are_asked_too(asked: Any) -> None:
    honest = asked("Honest").report.causality.findings
    assert any("no position of 5 of 5 tests moved" in one.detail for one in honest)
    combined = asked("Combined").report.causality
    assert isinstance(combined, Pass)
    assert any("tests moved with what came later" in one.detail for one in combined.findings)


def test_folds_and_labels_that_are_no_arrays_are_taken_by_every_step(asked: Any) -> None:
    answer = asked("OfSeries")
    assert isinstance(answer.report.causality, Pass)
    assert answer.report.fired == ()
    assert len(answer.earned) == 700


def test_what_a_study_writes_into_its_bars_earns_nothing(asked: Any) -> None:
    lifted, honest = asked("Lifts"), asked("Honest")
    assert isinstance(lifted.report.causality, Pass)
    assert any(honest.earned)
    assert lifted.earned == honest.earned


def test_what_is_held_and_what_is_tested_must_be_the_same_rows(asked: Any) -> None:
    answer = asked("OnUntested")
    assert isinstance(answer.report.causality, Refuse)
    assert "causality.tests" in [one.code for one in answer.report.causality.findings]
    assert {"causality", "surrogates", "sentinel"} <= set(answer.report.fired)
    assert answer.earned == ()
