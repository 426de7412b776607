from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from stairway.app.gate import gate
from stairway.app.gate.report import GateReport
from stairway.testing.telemetry import telemetry, write


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], GateReport]:
    """What the gate says of a fixture."""
    folder: Path = tmp_path_factory.mktemp("bots")

    @cache
    def judged(name: str) -> GateReport:
        made = telemetry(name)
        return gate(write(made, folder / f"{name}.jsonl"), after=made.cutover)

    return judged
