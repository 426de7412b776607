from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from stairway.cli import validate
from stairway.cli.prose import flowing

LONG = (
    "A sentence that\ngoes on.\n\n[bold]Examples[/bold]\n\n  stairway x\n  --y\n\nExit: 0,\n1."
)


def test_paragraphs_are_joined_and_examples_are_not() -> None:
    assert flowing(LONG, framed=True) == (
        "A sentence that goes on.\n\n[bold]Examples[/bold]\n\n  stairway x\n  --y\n\nExit: 0, 1."
    )


def test_without_a_frame_no_mark_is_left_and_examples_are_not_wrapped() -> None:
    assert flowing(LONG, framed=False) == (
        "A sentence that goes on.\n\nExamples\n\n\b\n  stairway x\n  --y\n\nExit: 0, 1."
    )


@pytest.mark.parametrize("columns", [50, 72])
def test_no_option_and_no_example_is_cut_in_a_narrow_terminal(columns: int) -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from stairway.cli.main import main; main()",
            "validate",
            "--help",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "dumb"},
    ).stdout
    assert "…" not in said
    assert "[bold]" not in said
    names = validate.command.__annotations__.keys() - {"target", "return", "as_json"}
    for name in names:
        assert re.search(rf"--{name.replace('_', '-')}\b", said), name
    if columns == 50:
        assert "  stairway validate returns.csv --periods-per-year 252 --trials 40\n" in said
