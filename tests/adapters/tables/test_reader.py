"""The process that may die of a file: what it says, and what it may use."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from stairway.adapters.tables import reader

MODULE = "stairway.adapters.tables.reader"
MEMORY, SECONDS = str(4 * 2**30), "60"


def ask(content: bytes, tmp_path: Path) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "stdin"
    path.write_bytes(content)
    with path.open("rb") as file:
        return subprocess.run(
            [sys.executable, "-m", MODULE, MEMORY, SECONDS],
            stdin=file,
            capture_output=True,
            check=False,
        )


def test_a_table_leaves_as_an_arrow_stream(tmp_path: Path) -> None:
    table, file = pl.DataFrame({"close": [1.0, 2.0]}), io.BytesIO()
    table.write_parquet(file)
    answer = ask(file.getvalue(), tmp_path)
    assert answer.returncode == 0
    assert answer.stderr == b"ready\n"
    assert pl.read_ipc_stream(answer.stdout).equals(table)


def test_damage_is_said_in_one_line_after_ready(tmp_path: Path) -> None:
    answer = ask(b"PAR1 no table PAR1", tmp_path)
    assert answer.returncode == reader.DAMAGED
    assert answer.stdout == b""
    ready, *words = answer.stderr.decode().splitlines()
    assert ready == reader.READY
    assert words
    assert words[-1]


def test_nothing_at_all_is_damage(tmp_path: Path) -> None:
    assert ask(b"", tmp_path).returncode == reader.DAMAGED


def test_the_exit_code_is_none_that_python_uses_itself() -> None:
    assert reader.DAMAGED not in {0, 1, 2}


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_CORE"])
def test_every_limit_is_set_before_the_file_is_looked_at(limit: str, tmp_path: Path) -> None:
    program = (
        "import resource, sys\n"
        f"from {MODULE} import main\n"
        f"main([{MEMORY!r}, {SECONDS!r}])\n"
        f"print(resource.getrlimit(resource.{limit}), file=sys.stderr)"
    )
    empty = tmp_path / "empty"
    empty.touch()
    with empty.open("rb") as file:
        asked = subprocess.run(
            [sys.executable, "-c", program], stdin=file, capture_output=True, check=True
        )
    wanted = {"RLIMIT_AS": int(MEMORY), "RLIMIT_CPU": int(SECONDS), "RLIMIT_CORE": 0}[limit]
    assert f"({wanted}, {wanted})" in asked.stderr.decode()


def test_the_reader_loads_the_table_library_and_nothing_of_the_house() -> None:
    program = f"import sys, {MODULE}; print(' '.join(sys.modules))"
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(asked.stdout.split())
    assert {m.partition(".")[0] for m in loaded}.isdisjoint(
        {"torch", "numba", "pandas", "msgspec"}
    )
    ours = {m for m in loaded if m.startswith("stairway")}
    assert ours == {"stairway", "stairway.adapters", "stairway.adapters.tables", MODULE}
