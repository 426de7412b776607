"""A program that compiled begins anew without the compiler's memory, and once only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numba
from stairway.app.rl.compiling import said_once

@numba.njit(cache=True)
def kernel(x):
    return x + 1

heard = []
with said_once(heard.append) as compiling:
    kernel(1)
    print("heard", len(heard))
    compiling.let_go()
print("done")
"""


def test_a_program_that_compiled_begins_anew_and_finds_its_kernels(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    cached = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, str(program)]
    said = [
        subprocess.run(command, env=cached, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == ["heard 1\nheard 0\ndone\n", "heard 0\ndone\n"]
