"""Gather what the fault tests counted into docs/reference/faults.json and its page.

``make test`` and ``make test-long`` leave ``build/faults/<row>.json``. What is newly
measured takes the place of what the page quoted; the rest stays. Remove
``docs/reference/faults.json`` first to begin anew. A test keeps page and JSON equal.

``--check`` says what the page lacks: figures of the long profile, or enough of them.
``tests/faults/demanded.toml`` says how many are enough, to the tests as well.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "faults"
RESULT = ROOT / "docs" / "reference" / "faults.json"
PAGE = ROOT / "docs" / "reference" / "faults.md"
_TABLE = re.compile(r"(<!-- faults -->\n).*?(<!-- /faults -->)", re.DOTALL)
_PLANTED = "planted: "

Rows = dict[str, dict[str, Any]]
DEMANDED: Rows = tomllib.loads((ROOT / "tests" / "faults" / "demanded.toml").read_text("utf-8"))


def too_few(figures: dict[str, Any], least: dict[str, float]) -> list[str]:
    """Return what was not counted, or not often enough."""
    return [
        f"{name} is {figures.get(name, 'not counted')}, and at least {wanted:,} is demanded"
        for name, wanted in least.items()
        if not figures.get(name, -1) >= wanted
    ]


def too_many(figures: dict[str, Any], most: dict[str, float]) -> list[str]:
    """Return what was more than it may be, or was not counted."""
    return [
        f"{name} is {figures.get(name, 'not counted')}, and at most {bound:,} is allowed"
        for name, bound in most.items()
        if not figures.get(name, float("inf")) <= bound
    ]


def complaints(rows: Rows, demanded: Rows) -> list[str]:
    """Say what the rows lack of what is demanded of their long profile."""
    said = [
        f"row {row}, {fault!r}: tests/faults/demanded.toml does not name it"
        for row, faults in rows.items()
        for fault in faults
        if fault not in demanded.get(row, {})
    ]
    for row, faults in demanded.items():
        for fault, wanted in faults.items():
            measured = rows.get(row, {}).get(fault, {}).get("long")
            said += [f"row {row}, {fault!r}: {what}" for what in _lacks(measured, wanted)]
    return said


def _lacks(measured: dict[str, Any] | None, wanted: dict[str, Any]) -> list[str]:
    if measured is None:
        return ["the long profile did not count it; run `make test-long`"]
    figures = measured["figures"]
    return too_few(figures, wanted["long"]) + too_many(figures, wanted.get("most", {}))


def gathered(known: Rows, folder: Path) -> Rows:
    """Return the rows known so far with what lies in ``folder`` put over them."""
    rows = {row: dict(faults) for row, faults in known.items()}
    for path in folder.glob("*.json"):
        found = json.loads(path.read_text("utf-8"))
        faults = rows.setdefault(str(found["row"]), {})
        for fault, profiles in found["faults"].items():
            faults[fault] = faults.get(fault, {}) | profiles
    return {row: dict(sorted(rows[row].items())) for row in sorted(rows, key=int)}


def table(rows: Rows) -> str:
    """Return both tables: what was survived, and what the checkers were tried on."""
    lines: dict[bool, list[str]] = {False: [], True: []}
    for row, faults in rows.items():
        for fault, profiles in faults.items():
            name = "long" if "long" in profiles else "short"
            least = DEMANDED.get(row, {}).get(fault, {}).get(name, {})
            lines[fault.startswith(_PLANTED)].append(
                f"| {row} | {fault.removeprefix(_PLANTED)} | {name} | {_words(least)} | "
                f"{_words(profiles[name]['figures'])} | `{_file(profiles[name]['test'])}` |"
            )
    head = "| row | {} | profile | at least | counted | test |\n|---|---|---|---|---|---|\n"
    return (
        f"\n{head.format('fault')}" + "\n".join(lines[False]) + "\n\n"
        "The checkers were tried on bugs that were planted on purpose:\n\n"
        f"{head.format('planted bug')}" + "\n".join(lines[True]) + "\n\n"
    )


def _words(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {number:,}"
        if isinstance(number, int)
        else f"{name.replace('_', ' ')} {number:.3g}"
        if isinstance(number, float)
        else f"{name.replace('_', ' ')}: {number}"
        for name, number in figures.items()
    )


def _file(test: str) -> str:
    return test.partition("::")[0]


def filled(text: str, rows: Rows) -> str:
    """Return the page as it should be."""
    return _TABLE.sub(lambda m: m[1] + table(rows) + m[2], text)


def _known() -> Rows:
    return json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        page, known = PAGE.read_text("utf-8"), _known()
        lacking = complaints(known, DEMANDED)
        if filled(page, known) != page:
            lacking.append(f"{PAGE.name} is not what {RESULT.name} says; run scripts/faults.py")
        sys.stderr.writelines(f"{line}\n" for line in lacking)
        sys.exit(bool(lacking))
    measured = gathered(_known(), BUILD)
    RESULT.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
    PAGE.write_text(filled(PAGE.read_text("utf-8"), measured), "utf-8")
