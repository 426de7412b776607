from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from stairway.app import ward


def finished(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a process whose standard input stays open until it ends."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return finished([sys.executable, "-m", "stairway.app.ward", *arguments])


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return msgspec.json.decode(done.stdout.splitlines()[-1])["error"]


@pytest.mark.parametrize("work", ["trainer", "climber"])
def test_what_the_work_says_is_wrong_comes_out_as_one_line(work: str) -> None:
    done = call(work, "/nowhere")
    assert (done.returncode, done.stderr) == (1, "")
    said = error_of(done)
    assert said["kind"] == "ConfigError"
    assert "/nowhere" in said["message"]


def test_no_other_module_can_be_named() -> None:
    done = call("run", "x")
    assert done.returncode == 1
    told = "no work named 'run'; there is climber, request, rl, trainer"
    assert error_of(done)["message"] == told


def test_a_fault_of_our_own_is_one_sentence_and_no_traceback() -> None:
    code = (
        "import sys; from stairway.app import climber, ward\n"
        "def broken(arguments): raise KeyError('price')\n"
        "climber.main = broken\n"
        "sys.exit(ward.main(['climber', 'x']))"
    )
    done = finished([sys.executable, "-c", code])
    assert (done.returncode, done.stderr) == (1, "")
    assert error_of(done)["kind"] == "InvariantError"
    assert "KeyError('price')" in error_of(done)["message"]


def test_a_process_whose_pipe_ends_is_gone_at_once() -> None:
    code = (
        "import threading; from stairway.app.ward import end_with_parent\n"
        "threading.Thread(target=end_with_parent, args=(0,)).start()\n"
        "print('up', flush=True)\n"
        "while True: sum(range(1000))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "up\n"
        process.stdin.write("said something\n")
        process.stdin.flush()
        assert process.poll() is None, "only the end of the pipe ends it"
        process.stdin.close()
        try:
            assert process.wait(timeout=30.0) == ward.ORPHANED
        finally:
            process.kill()
