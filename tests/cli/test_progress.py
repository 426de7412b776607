from __future__ import annotations

import io

import pytest
from rich.console import Console

from stairway.cli import progress
from stairway.cli.progress import Bars


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal, as far as rich can tell."""
    file = io.StringIO()

    def console(**_: object) -> Console:
        return Console(file=file, force_terminal=True, width=100, highlight=False)

    monkeypatch.setattr(progress, "Console", console)
    return file


def test_plain_output_has_a_line_for_each_stage_and_quarter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Bars() as bars:
        bars.begin("climbing", 8)
        for done in range(9):
            bars.advance(done)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "climbing ...",
        *(f"climbing: {done} of 8" for done in (2, 4, 6, 8)),
    ]


def test_a_short_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars() as bars:
        bars.begin("reading bars", 1)
        bars.advance(1)
        bars.begin("nothing to do", 0)
        bars.advance(0)
    assert capsys.readouterr().err == "reading bars ...\nnothing to do ...\n"


def test_a_note_is_said_as_it_is_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    note = "[bold]not markup[/nor this] " + "word " * 60
    with Bars() as bars:
        bars.note(note)
        bars.begin("[/stage]", 9)
    assert capsys.readouterr().err == f"{note}\n[/stage] ...\n"


def test_a_terminal_gets_a_bar_that_ends_full(terminal: io.StringIO) -> None:
    with Bars() as bars:
        bars.begin("climbing [x]", 200)
        bars.advance(50)
        bars.begin("writing", 1)
        bars.note("by the way")
    drawn = terminal.getvalue()
    assert "climbing [x]" in drawn
    assert "200/200" in drawn, "a stage is done when the next begins"
    assert "1/1" in drawn, "and the last one when everything is"
    assert "by the way" in drawn


def test_a_stage_that_failed_is_not_drawn_as_done(terminal: io.StringIO) -> None:
    def failing() -> None:
        with Bars() as bars:
            bars.begin("climbing", 200)
            bars.advance(50)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert "200/200" not in terminal.getvalue()
    assert "50/200" in terminal.getvalue()
