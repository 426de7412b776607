from __future__ import annotations

from pathlib import Path

import pytest

from stairway.testing.telemetry import FIXTURES, telemetry, write


@pytest.fixture(scope="session")
def bots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every fixture as JSON lines."""
    folder = tmp_path_factory.mktemp("bots")
    for name in FIXTURES:
        write(telemetry(name), folder / f"{name}.jsonl")
    return folder
