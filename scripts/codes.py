"""Write docs/reference/codes.md: every code that a gate or a clamp may answer with.

The table is read from the source: each call that makes a finding with a literal code. A
test keeps the page equal to what this prints.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "stairway"
PAGE = ROOT / "docs" / "reference" / "codes.md"
MAKERS = {"refuse": "refuse", "inconclusive": "inconclusive", "passed": "pass", "Finding": ""}
HEAD = """# Codes

Every code that a gate, the clamp or the ensemble may answer with, and where it is made.
Codes are stable: alerts may rely on them; the words beside them may change.
`scripts/codes.py` made this page.

| code | answers | where |
|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    rows: dict[str, tuple[set[str], set[str]]] = {}
    for path in sorted(SRC.rglob("*.py")):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            made = _made(node)
            if made is not None:
                code, kind = made
                kinds, places = rows.setdefault(code, (set(), set()))
                kinds |= {kind} - {""}
                places.add(f"`{path.relative_to(SRC)}`")
    lines = [
        f"| `{code}` | {', '.join(sorted(kinds))} | {', '.join(sorted(places))} |"
        for code, (kinds, places) in sorted(rows.items())
    ]
    return HEAD + "\n".join(lines) + "\n"


def _made(node: ast.AST) -> tuple[str, str] | None:
    match node:
        case ast.Call(func=ast.Name(id=maker), args=[ast.Constant(value=str(code)), *_]) if (
            maker in MAKERS and "." in code
        ):
            return code, MAKERS[maker]
        case _:
            return None


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
