from __future__ import annotations

import io

import pytest
from rich.console import Console

from stairway.cli import watching
from stairway.cli.watching import Watching
from stairway.testing.journal import practice_result

RESULT = practice_result(accepted=False)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal, as far as rich can tell."""
    file = io.StringIO()

    def console(**_: object) -> Console:
        return Console(file=file, force_terminal=True, width=100, highlight=False)

    monkeypatch.setattr(watching, "Console", console)
    return file


def test_without_a_terminal_each_event_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Watching(RESULT.seeds) as ear:
        ear.begin("cycle 1 of 4", 12)
        ear.advance(3)
        ear.rollout(RESULT.rollouts[0])
        ear.seed_cycle(RESULT.seed_cycles[-1])
        ear.cycle(RESULT.cycles[0])
        ear.note("live.json cannot be written")

    out, err = capsys.readouterr()
    assert out == ""
    first, second, third, last = err.splitlines()
    assert first == "cycle 1 of 4 ..."
    assert second.startswith("seed 2, cycle 2: hold rate 56 %")
    assert third.startswith("cycle 1 undone: ")
    assert last == "live.json cannot be written"


def test_a_stage_that_is_told_twice_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Watching((1,)) as ear:
        ear.begin("cycle 1 of 4", 12)
        ear.begin("cycle 1 of 4", 12)
        ear.begin("cycle 2 of 4", 12)

    assert capsys.readouterr().err.splitlines() == ["cycle 1 of 4 ...", "cycle 2 of 4 ..."]


def test_a_long_stage_says_a_line_at_each_quarter_and_none_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Watching(()) as ear:
        ear.begin("making the reference", 200)
        for done in range(201):
            ear.advance(done)

    assert capsys.readouterr().err.splitlines() == [
        "making the reference ...",
        *(f"making the reference: {done} of 200" for done in (50, 100, 150)),
    ]


def test_a_terminal_gets_a_board_and_no_lines(terminal: io.StringIO) -> None:
    with Watching(RESULT.seeds) as ear:
        ear.begin("cycle 1 of 4", 12)
        ear.rollout(RESULT.rollouts[0])
        ear.seed_cycle(RESULT.seed_cycles[-1])
        ear.note("said above the board")

    drawn = terminal.getvalue()
    assert "cycle 1 of 4 ..." not in drawn
    assert "hold rate" in drawn
    assert "waiting" in drawn
    assert "said above the board" in drawn


def test_the_board_ends_with_what_is_to_be_typed_on_a_line_of_its_own(
    terminal: io.StringIO,
) -> None:
    with Watching((1,)) as ear:
        ear.last_words("stopping; resume with: stairway train rl --resume x")

    shown = terminal.getvalue()
    assert "resume with:" in shown
    assert "\n  stairway train rl --resume x" in shown.replace("\x1b[33m", "").replace(
        "\x1b[0m", ""
    )


def test_without_a_terminal_the_last_words_are_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Watching((1,)) as ear:
        ear.last_words("stopping; resume with: x")

    assert capfd.readouterr().err == "stairway: stopping; resume with: x\n"
