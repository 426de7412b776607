"""A figure is worth something only beside the machine it was measured on."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from stairway.app import machine
from stairway.app.machine import Machine, describe, peak_memory_mib


def test_the_machine_says_what_it_is() -> None:
    found = describe()
    assert found.python == platform.python_version()
    assert found.cores == psutil.cpu_count()
    assert 0.0 < found.memory_gib < 1e5
    assert found.kernel == platform.release().partition("-")[0]
    assert found.libraries["numpy"] == np.__version__
    assert set(found.libraries) >= {"stairway", "numba", "msgspec", "apsw"}


def test_what_cannot_be_told_is_none_and_never_empty() -> None:
    found = describe()
    for value in (found.cpu, found.cores, found.numa_nodes, found.governor, found.commit):
        assert value is None or value


def test_the_commit_is_that_of_the_working_copy() -> None:
    root = Path(machine.__file__).resolve().parents[3]
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    expected = head.stdout.strip() or None
    assert describe().commit == expected
    assert expected is None or re.fullmatch("[0-9a-f]{40}", expected)


def test_without_git_there_is_no_commit_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe().commit is None


def test_a_file_that_is_not_there_has_no_first_line(tmp_path: Path) -> None:
    assert machine._first_line(str(tmp_path / "gone")) is None
    (tmp_path / "governor").write_text("performance\n")
    assert machine._first_line(str(tmp_path / "governor")) == "performance"


def test_the_peak_is_at_least_what_is_used_now_and_only_rises() -> None:
    before = peak_memory_mib()
    block = np.ones(30 * 2**20 // 8)
    after = peak_memory_mib()
    assert after >= before > 1.0
    assert after >= 0.9 * psutil.Process().memory_info().rss / 2**20
    assert block.sum() > 0


def test_a_machine_survives_json() -> None:
    found = describe()
    assert msgspec.json.decode(msgspec.json.encode(found), type=Machine) == found


@pytest.mark.parametrize("name", ["stairway", "numpy", "numba", "msgspec", "apsw", "polars"])
def test_every_library_that_decides_speed_is_named_with_its_version(name: str) -> None:
    assert re.match(r"\d+\.\d+", describe().libraries[name])


def test_looking_twice_sees_the_same_machine() -> None:
    assert describe() == describe()


def test_a_machine_is_a_value() -> None:
    with pytest.raises(AttributeError):
        describe().cores = 1  # type: ignore[misc]
