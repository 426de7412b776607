from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from stairway.app import child
from stairway.app.child import Child
from stairway.base.errors import ConfigError, DamagedLogError, DataError, InvariantError


class Heard:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.done: list[int] = []

    def begin(self, label: str, total: int) -> None:
        self.begun.append((label, total))

    def advance(self, done: int) -> None:
        self.done.append(done)

    def note(self, line: str) -> None:
        raise AssertionError(line)


@pytest.fixture
def speaking(monkeypatch: pytest.MonkeyPatch):
    """A child that runs the script it is given, in the place of our own work."""
    real = subprocess.Popen

    def start(script: str, work: str = "climber", *more: str) -> Child:
        def instead(command: list[str], **how: object) -> subprocess.Popen[str]:
            assert command[1:4] == ["-m", "stairway.app.ward", work]
            return real([sys.executable, "-c", script], **how)

        monkeypatch.setattr(child.subprocess, "Popen", instead)
        return Child(work, Path("runs/x"), *more)

    return start


def line(done: int, label: str = "climbing") -> str:
    return f'print(\'{{"label": "{label}", "done": {done}, "total": 9}}\', flush=True)\n'


def test_progress_is_passed_on_and_each_stage_begins_once(speaking) -> None:
    heard = Heard()
    with speaking(line(0) + line(5) + line(9) + line(0, "reporting")) as process:
        assert process.listen(heard) is False
    assert heard.begun == [("climbing", 9), ("reporting", 9)]
    assert heard.done == [0, 5, 9, 0]


def test_a_stage_that_does_not_say_where_it_begins_has_begun_all_the_same(speaking) -> None:
    heard = Heard()
    with speaking(line(0) + line(9) + line(1, "leak battery") + line(2, "leak battery")) as one:
        one.listen(heard)
    assert heard.begun == [("climbing", 9), ("leak battery", 9)]
    assert heard.done == [0, 9, 1, 2]


def test_what_is_not_meant_for_us_goes_to_standard_error(
    speaking, capsys: pytest.CaptureFixture[str]
) -> None:
    with speaking("print('[LightGBM] hello')\n" + line(0)) as process:
        process.listen(Heard())
    assert capsys.readouterr().err == "[LightGBM] hello\n"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ConfigError", ConfigError),
        ("DataError", DataError),
        ("DamagedLogError", DamagedLogError),
        ("SystemExit", InvariantError),
        ("annotations", InvariantError),
    ],
)
def test_an_error_is_raised_again_as_what_it_was(
    kind: str, expected: type[Exception], speaking
) -> None:
    script = f'print(\'{{"error": {{"kind": "{kind}", "message": "no room"}}}}\')'
    with speaking(script) as process, pytest.raises(expected, match="no room") as caught:
        process.listen(Heard())
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit(5)", "ended with code 5"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9"),
    ],
)
def test_a_process_that_dies_without_a_word_is_our_fault(
    script: str, words: str, speaking
) -> None:
    with speaking(script) as process, pytest.raises(InvariantError, match=words):
        process.listen(Heard())


@pytest.mark.parametrize(
    ("work", "said"),
    [("rl", "the training was killed"), ("trainer", "the trainer was killed")],
)
def test_who_died_is_said_in_words(work: str, said: str, speaking) -> None:
    script = "import os; os.kill(os.getpid(), 9)"
    with speaking(script, work) as process, pytest.raises(InvariantError, match=said):
        process.listen(Heard())


@pytest.mark.parametrize(
    ("work", "more", "then"),
    [
        ("rl", (), "what it did is kept, so --resume"),
        ("trainer", (), "what it did is kept, so --resume"),
        ("request", (), "so give the same command again"),
        ("rl", ("gold",), "so give the same command again"),
    ],
)
def test_what_is_left_of_who_died_is_said(
    work: str, more: tuple[str, ...], then: str, speaking
) -> None:
    script = "import os; os.kill(os.getpid(), 9)"
    with speaking(script, work, *more) as process, pytest.raises(InvariantError, match=then):
        process.listen(Heard())


def test_it_is_killed_once_it_is_far_enough(speaking) -> None:
    heard = Heard()
    endless = line(0) + line(4) + line(6) + "import time; time.sleep(3600)"
    with speaking(endless) as process:
        assert process.listen(heard, stop_at=5) is True
        assert not psutil.pid_exists(process.pid)
    assert heard.done == [0, 4, 6]


def test_leaving_it_ends_the_process_whatever_happened(speaking) -> None:
    with pytest.raises(KeyboardInterrupt), speaking("import time; time.sleep(3600)") as process:
        raise KeyboardInterrupt
    assert not psutil.pid_exists(process.pid)


def test_ctrl_c_at_the_terminal_does_not_reach_it(speaking) -> None:
    with speaking("import time; time.sleep(3600)") as process:
        assert os.getpgid(process.pid) != os.getpgid(0)
