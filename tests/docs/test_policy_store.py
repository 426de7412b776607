"""The commands and the worker that the page on the record shows, on a real server."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/record.md").read_text("utf-8")
DATABASE = "shown"
STAIRWAY = (sys.executable, "-c", "from stairway.cli.main import main; main()")


def commands(url: Callable[[str], str]) -> list[list[str]]:
    """Words of the page's ``stairway log key`` and ``sign``, with a server that is there."""
    lines = re.findall(r"^stairway (log (?:key|sign) .*)$", PAGE, re.MULTILINE)
    return [[url(word) for word in shlex.split(line)] for line in lines]


def test_the_example_of_a_worker_trades_on_what_the_commands_above_it_signed(
    postgresql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def there(text: str) -> str:
        return re.sub(
            r"postgresql://\w+@db\.example/stairway\?log=policies",
            postgresql.url("policies", database=DATABASE),
            text,
        )

    postgresql.execute(f"create database {DATABASE}")
    monkeypatch.chdir(tmp_path)
    said = commands(there)
    assert [words[1] for words in said] == ["key", "sign"]
    for words in said:
        program = [*STAIRWAY, *words]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (example,) = (
        one.split("```")[0] for one in PAGE.split("```python\n") if "PolicyCache" in one[:300]
    )
    names: dict[str, Any] = {}
    exec(compile(there(example), "docs/record.md", "exec"), names)  # noqa: S102 -- our own page
    with closing(names["store"]):
        leash, alarms = names["look"](1_700_000_000 * 10**9)
    assert (leash.size_frac, leash.cause, alarms) == (1.0, "policy.fresh", [])
