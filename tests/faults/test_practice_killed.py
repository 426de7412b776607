"""A training run is killed as by ``kill -9``: whoever resumes it comes to the same result.

The process is killed once it has said so many lines, or at an instant that nobody chose,
again and again, and then left to finish.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import msgspec
import numpy as np
import pytest

from stairway.app.progress import Silent
from stairway.app.rl.train import train
from stairway.app.rl.folder import RlFolder, newest
from stairway.app.rl.ask import RlRequest
from stairway.app.rl.request import prepare
from stairway.testing.cycles import MINUTES, as_toml, minutes, quick_rules
from stairway.testing.runs import write_source
from stairway.testing.ears import Deaf

SEEDS = (3, 5)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run that was asked for, and the same one finished."""
    home = tmp_path_factory.mktemp("practice")
    (home / "practice.toml").write_text(as_toml(quick_rules()), "utf-8")
    source = write_source(home / "bars", minutes())
    with patch.dict("os.environ", MINUTES):
        prepare(
            RlRequest(
                source=str(source), policy="intraday", practice=str(home / "practice.toml"),
                seeds=SEEDS, out=home / "asked", gold=home / "gold",
            ),
            Silent(),
        )  # fmt: skip
    shutil.copytree(home / "asked", home / "undisturbed")
    train(home / "undisturbed", Deaf())
    return home


def start(root: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "stairway.app.ward", "rl", str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def killed_after(root: Path, lines: int, wait_ms: int = 0) -> int:
    """Let it say so many lines, wait a little, and kill it; return how many it said."""
    with start(root) as process:
        said = 0
        for line in process.stdout:
            assert "error" not in msgspec.json.decode(line), line
            said += 1
            if said == lines:
                linger(process, wait_ms)
                process.kill()
                break
        process.stdout.read()
        process.wait()
    return said


def linger(process: subprocess.Popen, wait_ms: int) -> None:
    """Wait for the process, or for so long, whichever is shorter."""
    try:
        process.wait(wait_ms / 1000)
    except subprocess.TimeoutExpired:
        return


def same_result(root: Path, home: Path) -> bool:
    return (root / "result.json").read_bytes() == (
        home / "undisturbed/result.json"
    ).read_bytes()


@pytest.mark.parametrize(("lines", "wait_ms"), [(3, 0), (12, 1), (14, 0), (30, 5)])
def test_killed_once_and_resumed_it_comes_to_the_same(
    lines: int, wait_ms: int, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "asked", tmp_path / "run")
    assert killed_after(tmp_path / "run", lines, wait_ms) == lines
    train(tmp_path / "run", Deaf())
    assert same_result(tmp_path / "run", home)


def test_killed_again_and_again_it_comes_to_the_same(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(home / "asked", root)
    rng = np.random.default_rng(7)
    kills = 0
    while not (root / "result.json").exists() and kills < 4:
        killed_after(root, int(rng.integers(4, 12)), int(rng.integers(0, 8)))
        kills += 1
        # Whatever counts is whole: each checkpoint that has its record can be read.
        folder = RlFolder(root)
        for at in (folder.cycles, *(folder.seed(seed) for seed in SEEDS)):
            for path in newest(at, ""):
                assert path.with_suffix(".safetensors").exists()
                msgspec.json.decode(path.with_suffix(".json").read_bytes())
    assert kills >= 2
    train(root, Deaf())
    assert same_result(root, home)


def test_ctrl_c_ends_the_process_and_leaves_what_can_be_resumed(
    home: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    shutil.copytree(home / "asked", root)
    with start(root) as process:
        for said, line in enumerate(process.stdout, 1):
            assert "error" not in msgspec.json.decode(line), line
            if said == 16:
                process.send_signal(signal.SIGINT)
        code = process.wait()
    assert code == 130
    assert not (root / "result.json").exists()
    train(root, Deaf())
    assert same_result(root, home)


def test_a_process_whose_parent_died_ends_and_leaves_what_can_be_resumed(
    home: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    shutil.copytree(home / "asked", root)
    with start(root) as process:
        process.stdout.readline()
        process.stdin.close()
        process.stdout.read()
        assert process.wait() == 3
    train(root, Deaf())
    assert same_result(root, home)
