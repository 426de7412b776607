from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.dashboard import gates, words
from stairway.dashboard.views import RunView


def verdict(word: str) -> Verdict:
    makers = {"pass": passed, "refuse": refuse, "inconclusive": inconclusive}
    return makers[word]("code", word)


def the_row(seen: RunView, gate: str) -> gates.Row:
    rows = [row for table in gates.tables(seen) for row in (*table.gates, *table.measured)]
    return next(row for row in rows if row.gate == gate)


def test_every_model_that_a_gate_spoke_of_has_a_table(story: RunView) -> None:
    found = [(table.model, table.digest) for table in gates.tables(story)]

    assert found == [
        ("leaking", ""),
        ("lightgbm", "aaaaaaaa"),
        ("xgboost", "bbbbbbbb"),
        ("baseline", "eeeeeeee"),
    ]


def test_two_models_of_one_name_have_a_table_each(teller: Any, digests: Any) -> None:
    for digest in digests[:2]:
        teller.gate("causality", verdict("pass"), digest=digest)

    assert len(gates.tables(teller.view())) == 2


def test_every_verdict_of_the_record_is_in_a_tally(story: RunView) -> None:
    tables = gates.tables(story)
    rows = [row for table in tables for row in (*table.gates, *table.measured)]

    steps = [move for move in story.moves if move.cause.startswith("promotion.")]
    said = len(story.gates) + len(steps)
    assert steps
    assert sum(sum(row.tally.values()) for row in rows) == said
    assert sum(run.times for row in rows for run in row.history) == said


def test_a_gate_that_let_a_model_up_has_passed_it(story: RunView) -> None:
    steps = [move for move in story.moves if move.cause == "promotion.champion"]

    for step in steps:
        table = next(t for t in gates.tables(story) if t.digest == step.digest[:8])
        row = next(row for row in table.gates if row.gate == "promotion.champion")
        assert row.tally["pass"] == sum(s.digest == step.digest for s in steps)
    assert steps


def test_what_a_gate_said_stands_in_the_order_of_time(teller: Any) -> None:
    # Given a model that must wait, climbs, falls, and must wait again
    teller.gate("promotion.canary", verdict("inconclusive"), 22)
    teller.move(24, "shadow", "canary", "promotion.canary")
    teller.gate("promotion.canary", verdict("refuse"), 25)

    row = the_row(teller.view(), "promotion.canary")

    assert [run.word for run in row.history] == ["inconclusive", "pass", "refuse"]
    assert row.word == "refuse"


def test_the_last_word_of_a_gate_is_its_word(story: RunView) -> None:
    row = the_row(story, "quality_gate")

    assert row.word == "refuse"
    assert row.lines[0].detail == "constant"
    assert row.tally == {"pass": 1, "inconclusive": 1, "refuse": 1}


def test_measurements_stand_apart(story: RunView) -> None:
    table = next(t for t in gates.tables(story) if t.model == "lightgbm")

    assert [row.gate for row in table.measured] == ["measured.skill.trend"]
    assert "measured.skill.trend" not in {row.gate for row in table.gates}


def test_a_finding_keeps_value_bound_and_sample(story: RunView) -> None:
    line = the_row(story, "causality").lines[0]

    assert "SP500.momentum_short" in line.detail
    assert (line.value, line.bound, line.n) == ("1", "0", "204")


def test_what_a_finding_does_not_have_is_left_blank(teller: Any) -> None:
    line = the_row(teller.gate("artifact", verdict("pass")).view(), "artifact").lines[0]

    assert (line.value, line.bound, line.n) == ("", "", "")


def test_a_gate_says_what_it_asks_and_an_unknown_one_nothing(teller: Any) -> None:
    teller.gate("causality", verdict("pass")).gate("gate.of_tomorrow", verdict("pass"))
    seen = teller.view()

    assert the_row(seen, "causality").question == "Does any feature see the future?"
    assert the_row(seen, "gate.of_tomorrow").question == ""


def test_whole_digests_in_findings_become_names(teller: Any, digests: Any) -> None:
    teller.model("old", digests[1]).gate("e", refuse("c", f"worse than {digests[1]}"))

    assert the_row(teller.view(), "e").lines[0].detail == "worse than old bbbbbbbb"


@given(st.lists(st.sampled_from(["pass", "refuse", "inconclusive"]), min_size=1, max_size=30))
def test_a_history_holds_every_verdict_in_its_order(words: list[str]) -> None:
    runs = gates.history(words)

    assert [word for run in runs for word in [run.word] * run.times] == words
    assert all(a.word != b.word for a, b in pairwise(runs))
    assert runs[0].start == 0.0
    assert runs[-1].start + runs[-1].width == pytest.approx(1.0)
    assert all(a.start + a.width == pytest.approx(b.start) for a, b in pairwise(runs))


def test_a_record_without_gates_has_no_tables(teller: Any) -> None:
    assert gates.tables(teller.view()) == ()


def test_a_finding_reads_below_as_it_reads_at_the_top(teller: Any) -> None:
    told = "over all bars: interval -0.0615 to +0.0560, in 3116 outcomes"
    said = refuse("evidence.skill", told, -0.06153, 0.0, 338)

    line = the_row(teller.gate("calibration_skill", said).view(), "calibration_skill").lines[0]

    assert line.detail == "over all bars: interval -0.0615 to +0.056, in 3,116 outcomes"
    assert words.sentence(said.findings[0]) == (
        f"{line.detail} ({line.end} {line.value} against {line.bound}, n {line.n})"
    )


def test_a_line_says_which_end_of_an_interval_its_figure_is(teller: Any) -> None:
    both = [
        passed("evidence.skill", "in trend", 0.0221, 0.0, 68),
        passed("evidence.harm", "in trend", 0.217, 0.0, 68),
        passed("gate.std", "spread", 0.2, 0.05, 68),
    ]
    for name, one in zip("abc", both, strict=True):
        teller.gate(name, one)
    seen = teller.view()

    assert [the_row(seen, name).lines[0].end for name in "abc"] == ["low end", "high end", ""]


def test_a_figure_of_a_line_is_told_apart_from_its_bound(teller: Any) -> None:
    said = refuse("gate.majority", "BUY too often", 0.70004, 0.7, 300)
    line = the_row(teller.gate("quality_gate", said).view(), "quality_gate").lines[0]

    assert (line.value, line.bound) == ("0.70004", "0.7")
