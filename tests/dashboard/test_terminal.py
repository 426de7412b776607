from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from stairway.app.folder import RunFolder
from stairway.app.run import Outcome
from stairway.base.verdict import inconclusive, refuse
from stairway.dashboard import terminal
from stairway.dashboard.conclude import result_of
from stairway.dashboard.result import Result
from stairway.dashboard.views import RunView

WIDTHS = (60, 80, 120)


def result(seen: RunView, *notes: str) -> Result:
    return result_of(Outcome(RunFolder(Path("runs/drill-1")), 0, "h", notes), seen)


def drawn(seen: RunView, width: int = 80, *notes: str) -> str:
    return terminal.draw(result(seen, *notes), seen, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_terminal_but_paths_and_hashes(
    story: RunView, width: int
) -> None:
    lines = drawn(story, width).splitlines()

    assert all(len(line) <= width for line in lines if not line.startswith(("hash", "report")))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_verdict_is_the_first_line(story: RunView, width: int) -> None:
    first = drawn(story, width).splitlines()[0]

    assert first == "No model may touch money. The static rule trades."


def test_a_drill_says_so_before_any_figure(story: RunView) -> None:
    text = drawn(story)

    assert text.index("A drill:") < text.index("after costs")


def test_a_real_run_does_not_speak_of_drills(teller: Any) -> None:
    assert "drill:" not in drawn(teller.marks("capital", [1.0]).view()).lower()


def test_each_step_stands_higher_and_further_in_than_the_one_below(story: RunView) -> None:
    lines = drawn(story).splitlines()
    indents = [
        len(line) - len(line.lstrip())
        for stage in ("champion", "canary", "shadow", "candidate")
        for line in lines
        if line.lstrip().startswith("┏") and f" {stage} " in line
    ]

    assert indents == [9, 6, 3, 0]


def test_everybody_stands_on_their_step(story: RunView) -> None:
    text = drawn(story)

    assert re.search(r"┏━━┛ +shadow +✕ lightgbm", text)
    assert re.search(r"┏━━━ champion +nobody", text)
    assert re.search(r"refused +✕ leaking", text)
    assert re.search(r"retired +✕ xgboost", text)
    assert re.search(r"━ +floor +✓ static rule", text)


def test_all_who_share_a_step_stand_on_it(teller: Any, digests: Any) -> None:
    for name, digest in zip(("tree", "wood"), digests, strict=False):
        teller.model(name, digest).move(
            20, "candidate", "shadow", "promotion.shadow", None, name, digest
        )
    text = drawn(teller.marks("capital", [1.0]).view())

    assert re.search(r"shadow +✓ tree +✓ wood", text)


def test_an_inconclusive_gate_is_a_question_mark(teller: Any) -> None:
    teller.model().gate("promotion.canary", inconclusive("p", "41 of 50 trades"), 30)

    assert "? lightgbm aaaaaaaa may not" in drawn(teller.marks("capital", [1.0]).view())


def test_each_model_says_what_it_may_do_and_why_not(story: RunView) -> None:
    text = " ".join(drawn(story).split())

    assert "✕ lightgbm aaaaaaaa may not: it was champion, and fell back to shadow" in text
    assert "e_detector rang after 10 recent trades (1,408 against 1,000)" in text
    assert "column SP500.momentum_short" in text


def test_one_in_charge_is_not_argued_with(teller: Any) -> None:
    teller.model().move(40, "canary", "champion", "promotion.champion").ramp(40, 0.25)
    text = drawn(teller.marks("capital", [1.0]).view())

    assert "✓ lightgbm aaaaaaaa may trade 25 % of full size" in text
    assert "60 trades (60 against 50" not in text


def test_many_reasons_are_counted_and_not_recited(teller: Any) -> None:
    teller.model()
    for k in range(5):
        teller.gate(f"gate.{k}", refuse("c", f"reason number {k}"))
    text = drawn(teller.marks("capital", [1.0]).view())

    assert "reason number 1" in text
    assert "reason number 2" not in text
    assert "3 more reasons in the report" in text


def test_figures_stand_in_columns(story: RunView) -> None:
    lines = drawn(story).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("after costs"))
    rows = lines[start + 1 : start + 6]

    ends = {line.index("%") for line in rows}
    assert len(ends) == 1
    assert rows[0].startswith("capital (paper)")


def test_whole_digests_appear_nowhere_but_in_the_hash(story: RunView, digests: Any) -> None:
    text = drawn(story)

    assert not any(digest in text for digest in digests)


def test_of_many_moves_only_the_latest_are_told(teller: Any) -> None:
    teller.model()
    for k in range(20):
        up = k % 2 == 0
        teller.move(
            20 + k,
            "shadow" if up else "canary",
            "canary" if up else "shadow",
            "promotion.canary" if up else "rollback.drift",
        )
    text = drawn(teller.marks("capital", [1.0]).view())

    assert "8 earlier moves in the report" in text
    assert text.count("→") == 12


def test_why_somebody_fell_is_told_where_there_is_room(story: RunView) -> None:
    assert "(suspected)" in drawn(story, 80)
    assert "(suspected)" not in drawn(story, 60)


def test_notes_and_places_come_last(story: RunView) -> None:
    lines = drawn(story, 80, "undisturbed run: same hash").splitlines()

    assert lines[-6] == "undisturbed run: same hash"
    assert lines[-4] == "policy  not signed: the models were given"
    assert lines[-3] == "report  runs/drill-1/report.html"
    assert lines[-2] == "check   stairway replay runs/drill-1"
    assert lines[-1] == f"hash    {story.run_hash}"


def test_a_pipe_gets_plain_text_without_trailing_blanks(story: RunView) -> None:
    text = drawn(story)

    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_terminal_gets_colours(story: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(Console, "is_terminal", property(lambda _: True))

    assert "\x1b[" in drawn(story)


def test_a_terminal_without_those_signs_gets_others() -> None:
    assert terminal.readable("✕ a → b ┏━┛", "ascii") == "x a > b +-+"
    assert terminal.readable("✕ a", "utf-8") == "✕ a"
    assert terminal.readable("✕ é", "latin-1") == "x ?"
    assert terminal.readable("✕", "no such encoding") == "x"


def test_a_name_is_no_markup(teller: Any) -> None:
    teller.model("[red]bold[/red]").marks("capital", [1.0])

    assert "[red]bold[/red]" in drawn(teller.view())


def test_a_narrow_window_still_draws(story: RunView) -> None:
    assert "report" in drawn(story, 5)


def test_a_result_is_drawn_as_it_is(story: RunView) -> None:
    changed = replace(result(story), headline="Everything is otherwise.")

    assert terminal.draw(changed, story, 80).startswith("Everything is otherwise.\n")
