"""Stopped anywhere, by anybody, a run is finished by ``--resume``, and ends the same."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

Begin = Callable[..., "subprocess.Popen[str]"]
Call = Callable[..., "subprocess.CompletedProcess[str]"]

KILLS = (
    # after this line on stderr, and so many milliseconds
    ("lightgbm: walk-forward", 0),
    ("proving the pipeline", 300),
    ("xgboost: back-test", 40),
    ("climbing ...", 0),
    ("climbing ...", 120),
    ("climbing: 140 of 440", 7),
    ("climbing: 340 of 440", 31),
    ("writing the report", 50),
)
"""Later ones see the stages of a run that was resumed: what is done is not done again."""

KILLED_WHILE_KEEPING = """
import os, signal, sys
from pathlib import Path
real = Path.replace
def replace(self, target):
    if Path(target).name == {name!r}:
        {after}os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.replace = replace
from stairway.cli.main import main
main()
"""


def await_line(process: subprocess.Popen[str], words: str) -> bool:
    """Read stderr up to a line; False if the process ends before it comes."""
    assert process.stderr is not None
    return any(words in line for line in process.stderr)


def end(process: subprocess.Popen[str], how: signal.Signals) -> int:
    process.send_signal(how)
    process.communicate()
    return process.returncode


def hash_in(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["run_hash"])


@pytest.fixture(scope="session")
def undisturbed(finished_run: Path) -> str:
    from stairway.app.folder import open_existing  # noqa: PLC0415
    from stairway.app.progress import Silent  # noqa: PLC0415
    from stairway.app.replay import replay  # noqa: PLC0415

    assert open_existing(finished_run)[1].seed == 7
    return replay(finished_run, Silent()).run_hash


def test_kill_9_again_and_again_and_the_same_hash_at_the_end(
    undisturbed: str, walk_source: Path, begin: Begin, stairway: Call, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    start = ("run", "--source", walk_source, "--out", out)
    killed = 0
    for words, ms in KILLS:
        process = begin(*start)
        if await_line(process, words):
            time.sleep(ms / 1e3)
        killed += end(process, signal.SIGKILL) == -signal.SIGKILL
        start = ("run", "--resume", out)
    assert killed >= len(KILLS) - 1, "the kills came before the end"
    assert hash_in(stairway("run", "--resume", out, "--json")) == undisturbed
    assert stairway("replay", out).returncode == 0


@pytest.mark.parametrize("words", ["lightgbm: walk-forward", "climbing: 140 of 440"])
def test_ctrl_c_ends_in_one_sentence_and_leaves_what_resume_finishes(
    words: str,
    undisturbed: str,
    walk_source: Path,
    begin: Begin,
    stairway: Call,
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    process = begin("run", "--source", walk_source, "--out", out)
    assert await_line(process, words)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate()
    assert (process.returncode, said) == (130, "")
    assert "Traceback" not in complaint
    assert complaint.splitlines()[-1] == (
        "stairway: stopped; nothing recorded is lost, "
        f"finish it with: stairway run --resume {out}"
    )
    assert hash_in(stairway("run", "--resume", out, "--json")) == undisturbed


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("bars.npz", ""),
        ("run.json", ""),
        ("run.json", "real(self, target); "),
        ("perf.json", ""),
    ],
)
def test_killed_while_a_file_is_written_the_run_begins_or_goes_on(
    name: str,
    after: str,
    undisturbed: str,
    walk_source: Path,
    environment: dict[str, str],
    stairway: Call,
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    script = KILLED_WHILE_KEEPING.format(name=name, after=after)
    start = ("run", "--source", str(walk_source), "--out", str(out))
    done = subprocess.run(
        [sys.executable, "-c", script, *start],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    begun = (out / "run.json").exists()
    assert begun is (
        name not in {"bars.npz", "run.json"} or (name == "run.json" and after != "")
    )
    again = ("run", "--resume", out) if begun else start
    assert hash_in(stairway(*again, "--json")) == undisturbed


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_trainer_dies_with_the_run_that_started_it(
    how: signal.Signals, walk_source: Path, begin: Begin, tmp_path: Path
) -> None:
    process = begin("run", "--source", walk_source, "--out", tmp_path / "run")
    assert await_line(process, "proving the pipeline")
    children = psutil.Process(process.pid).children()
    assert [any("trainer" in word for word in c.cmdline()) for c in children] == [True]
    end(process, how)
    gone, alive = psutil.wait_procs(children, timeout=20.0)
    assert (len(gone), alive) == (1, [])
    assert not (tmp_path / "run" / "training.json").exists()


def test_two_cannot_climb_in_the_same_folder(
    walk_source: Path, begin: Begin, stairway: Call, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    first = begin("run", "--source", walk_source, "--out", out)
    assert await_line(first, "climbing ...")
    os.kill(first.pid, signal.SIGSTOP)
    second = stairway("run", "--resume", out)
    os.kill(first.pid, signal.SIGCONT)
    first.communicate()
    assert first.returncode == 0
    assert (second.returncode, second.stdout) == (1, "")
    assert "Traceback" not in second.stderr
    assert f"{out} is being worked on by another process" in second.stderr.splitlines()[-1]


# -- no room -------------------------------------------------------------------------------


def limited(n_bytes: int) -> Callable[[], None]:
    """No file of this process may grow beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


@pytest.mark.parametrize("n_bytes", [2_000, 110_000, 400_000])
def test_a_full_disk_is_said_and_what_is_there_is_finished_later(
    n_bytes: int,
    undisturbed: str,
    walk_source: Path,
    environment: dict[str, str],
    stairway: Call,
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    start = ("run", "--source", str(walk_source), "--out", str(out))
    done = subprocess.run(
        [sys.executable, "-c", "from stairway.cli.main import main; main()", *start],
        env=environment,
        preexec_fn=limited(n_bytes),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("stairway: ")
    assert "room" in last or "full" in last or "large" in last
    again = ("run", "--resume", out) if (out / "run.json").exists() else start
    assert hash_in(stairway(*again, "--json")) == undisturbed


def test_a_disk_that_is_really_full_is_said_too(
    walk_source: Path, stairway: Call, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        done = stairway("run", "--source", walk_source, "--out", disk / "run")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("stairway: ")
