"""What trades imports nothing that trains: asked of a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRAINING = ("torch", "gymnasium", "pandas", "sklearn", "lightgbm", "xgboost", "arch")
ENTRIES = ("stairway.app.climb", "stairway.app.run", "stairway.app.replay", "stairway.cli.main")


def loaded_by(module: str) -> set[str]:
    program = f"import sys, {module}; print(' '.join(sys.modules))"
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in asked.stdout.split()}


@pytest.mark.parametrize("module", ENTRIES)
def test_nothing_that_trains_is_loaded_to_trade(module: str) -> None:
    assert loaded_by(module).isdisjoint(TRAINING)


def test_the_probe_would_notice() -> None:
    assert "sklearn" in loaded_by("sklearn")


def test_help_loads_neither_kernels_nor_tables() -> None:
    assert loaded_by("stairway.cli.main").isdisjoint({"numba", "numpy", "polars", "plotly"})
