"""Two processes never work on one run."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stairway.app.folder import RunFolder
from stairway.app.hold import held
from stairway.base.errors import ConfigError

PROGRAM = """
import sys
from pathlib import Path
from stairway.app.folder import RunFolder
from stairway.app.hold import held
with held(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_that_is_held_is_refused_to_everybody_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with (
        held(folder),
        pytest.raises(ConfigError, match="another process"),
        held(folder),
    ):
        pytest.fail("two held it")


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError), held(RunFolder(tmp_path)):
            pytest.fail("two held it")
        other.kill()
        other.wait()
    with held(RunFolder(tmp_path)):
        pass


def test_where_files_cannot_be_locked_nothing_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", full)
    said = r"\.lock cannot be locked \(No locks available\).* where locks are kept"
    with pytest.raises(ConfigError, match=said), held(RunFolder(tmp_path)):
        pytest.fail("it was held")


def link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, link], ids=["a pipe", "a folder", "a link"]
)
def test_a_lock_that_is_no_file_is_named_and_not_waited_for(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / ".lock")
    with (
        pytest.raises(
            ConfigError, match=r"\.lock cannot be opened .*take away what lies there"
        ),
        held(RunFolder(tmp_path)),
    ):
        pytest.fail("it was held")
    assert not (tmp_path / "elsewhere").exists()
