"""What the stories have in common: the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack

import pytest

from stairway.testing.runs import QUICK

STAIRWAY = (sys.executable, "-c", "from stairway.cli.main import main; main()")


@pytest.fixture
def environment() -> dict[str, str]:
    """Environment of a process that runs quickly."""
    return {**os.environ, **QUICK, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


@pytest.fixture
def stairway(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command to its end."""

    def call(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*STAIRWAY, *map(str, arguments)],
            env={**environment, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return call


@pytest.fixture
def begin(
    environment: dict[str, str],
) -> Generator[Callable[..., subprocess.Popen[str]]]:
    """Start the command, and do not wait for it. Whatever is left at the end is ended."""
    with ExitStack() as last:

        def start(*arguments: object) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*STAIRWAY, *map(str, arguments)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            last.enter_context(process)
            last.callback(process.kill)
            return process

        yield start
