"""Machine code that nobody pinned goes stale in silence: only one file may ask numba for it."""

from __future__ import annotations

import ast
from pathlib import Path

import stairway

SOURCE = Path(stairway.__file__).parent
MAY = {
    "compiled.py",  # it pins what it declares
    "app/rl/compiling.py",  # it hears that something is compiled, and declares nothing
}


def imports_numba(text: str) -> bool:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        if any(name.partition(".")[0] == "numba" for name in names):
            return True
    return False


def test_nothing_but_the_one_file_asks_numba() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if imports_numba(path.read_text("utf-8"))
    }
    assert found == MAY


def test_the_probe_would_notice() -> None:
    assert imports_numba("def f():\n    from numba import njit\n")
    assert imports_numba("import numba.core as nb\n")
    assert not imports_numba("from stairway.compiled import njit\n")
