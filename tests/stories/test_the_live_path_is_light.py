"""A trading process that is given models needs no library that trains any."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "gymnasium", "pandas", "sklearn", "lightgbm", "xgboost", "arch", "scipy")
WITHOUT = f"""
import sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Forbidden())
from stairway.cli.main import main
main()
"""


def call(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_with_given_models_and_its_replay_import_no_training_library(
    finished_run: Path, walk_source: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    given = ("--models", finished_run / "models", "--trust", finished_run / "trust.pub")
    done = call(environment, "run", "--source", walk_source, "--out", out, "--json", *given)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bars"] == 1_100
    again = call(environment, "replay", out, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["run_hash"] == json.loads(done.stdout)["run_hash"]


def test_the_sample_without_its_package_is_one_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = call(environment, "run", "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert "arch" in done.stderr.splitlines()[-1]


def test_training_without_its_libraries_is_one_sentence(
    walk_source: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    blocked = tmp_path / "site"
    blocked.mkdir()
    name = "lightgbm"
    (blocked / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})", "utf-8")
    changed = environment | {"PYTHONPATH": f"{blocked}:{environment.get('PYTHONPATH', '')}"}
    done = call(changed, "run", "--source", walk_source, "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(
        "stairway: training needs lightgbm, which is not installed: pip install"
    )
