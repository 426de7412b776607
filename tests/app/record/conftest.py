"""A small log with real facts in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "log-1"


@pytest.fixture
def folder(tmp_path):
    """Copy a log of 61 events; reading leaves SQLite's own files beside it."""
    return shutil.copytree(GOLDEN, tmp_path / "log")
