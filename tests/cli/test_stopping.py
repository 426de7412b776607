"""Ctrl-C on real processes: heard at once, whatever a library left in the handler's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from stairway.cli.stopping import STOPPED, Stopping

START = """
import signal, subprocess, sys
from stairway.cli.stopping import Stopping
sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
waited = subprocess.Popen(sleeping, stdout=subprocess.PIPE)
try:
    with Stopping("too early") as stopping:
        {inside}
        stopping.sentence = "stopping; resume with: x"
        stopping.listen()
        try:
            print("ready", flush=True)
            waited.stdout.read()
        finally:
            {cleaning}
except KeyboardInterrupt:
    sys.exit(130)
finally:
    waited.kill()
"""


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that waits for another one, as the command waits for a training."""
    with ExitStack() as stack:

        def start(inside: str = "pass", cleaning: str = "pass") -> subprocess.Popen[str]:
            code = START.format(inside=inside, cleaning=cleaning)
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", code],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            stack.callback(_kill_group, child.pid)
            assert child.stdout.readline() == "ready\n"
            return child

        yield start


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_and_says_how_to_go_on(
    number: signal.Signals, started: Callable[..., subprocess.Popen[str]]
) -> None:
    child = started()

    child.send_signal(number)

    assert child.stderr.read() == "stairway: stopping; resume with: x\n"
    assert child.wait(timeout=30) == STOPPED


def test_it_is_heard_although_a_library_put_its_own_handler_there(
    started: Callable[..., subprocess.Popen[str]],
) -> None:
    child = started(inside="import polars")

    child.send_signal(signal.SIGINT)

    assert "resume with: x" in child.stderr.read()
    assert child.wait(timeout=30) == STOPPED


def test_the_second_one_ends_at_once_though_the_first_is_still_at_work(
    started: Callable[..., subprocess.Popen[str]],
) -> None:
    child = started(cleaning="waited.wait()")

    child.send_signal(signal.SIGINT)
    assert child.stderr.readline() == "stairway: stopping; resume with: x\n"
    time.sleep(0.2)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)

    assert child.wait(timeout=30) == STOPPED


def test_an_interrupt_that_another_raised_is_said_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyboardInterrupt), Stopping("nothing is lost"):
        raise KeyboardInterrupt

    assert capsys.readouterr().err == "stairway: nothing is lost\n"


def test_what_went_wrong_otherwise_is_not_called_a_stop(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="other"), Stopping("nothing is lost"):
        raise ValueError("other")  # noqa: EM101

    assert capsys.readouterr().err == ""


def test_handlers_are_those_of_before_when_it_is_over() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    with Stopping("x"):
        assert signal.getsignal(signal.SIGINT) != before[0]

    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_what_is_told_is_told_by_whom_it_is_given() -> None:
    told: list[str] = []
    stopping = Stopping("x")
    stopping.tell = told.append

    with pytest.raises(KeyboardInterrupt), stopping:
        signal.raise_signal(signal.SIGINT)

    assert told == ["x"]
