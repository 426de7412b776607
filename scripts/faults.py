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
NOTES: dict[str, str] = DEMANDED.pop("notes")
NEVER = frozenset({
    "altered", "appended_by_the_old_one", "cooldowns_ended_early", "damaged", "days_mistaken",
    "disordered", "doubled", "gaps", "leases_ended_early", "lost", "out_of_order", "phantom",
    "wrong",
})  # fmt: skip
"""What may not happen at all where no bug was planted, by the names it is counted under."""


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


def forbidden(fault: str, figures: dict[str, Any]) -> list[str]:
    """Return what happened and may not."""
    if fault.startswith(_PLANTED):
        return []
    return [
        f"{name} is {figures[name]}, and it must be 0"
        for name in sorted(NEVER & figures.keys())
        if figures[name] != 0
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
            if measured is None:
                lacks = ["the long profile did not count it; run `make test-long`"]
            else:
                lacks = held_against(fault, measured["figures"], wanted, "long")
            said += [f"row {row}, {fault!r}: {what}" for what in lacks]
    return said


def held_against(
    fault: str, figures: dict[str, Any], wanted: dict[str, Any], profile: str
) -> list[str]:
    """Say what figures lack of what is demanded of them in one of the profiles."""
    said = too_few(figures, wanted[profile]) + forbidden(fault, figures)
    # Beside the short profile many other tests run; how long things take is for the long one.
    return said + (too_many(figures, wanted.get("most", {})) if profile == "long" else [])


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
            wanted = DEMANDED.get(row, {}).get(fault, {})
            lines[fault.startswith(_PLANTED)].append(
                f"| {row} | {fault.removeprefix(_PLANTED)} | {name} | "
                f"{_words(wanted.get(name, {}))} | {_words(wanted.get('most', {}))} | "
                f"{_words(profiles[name]['figures'])} | `{_file(profiles[name]['test'])}` |"
            )
    head = (
        "| row | {} | profile | at least | at most | counted | test |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    notes = "".join(f"- Row {row}: {said}\n" for row, said in NOTES.items())
    return (
        f"\n{head.format('fault')}" + "\n".join(lines[False]) + "\n\n"
        f"What the figures mean, where that is not plain:\n\n{notes}\n"
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
    """Return the page as it should be.

    Raises
    ------
    ValueError
        If it has no place for the tables: an empty page is what it should be of nothing.
    """
    said, places = _TABLE.subn(lambda m: m[1] + table(rows) + m[2], text)
    if places != 1:
        msg = f"{PAGE.name} has {places} places for the tables, between two marks: give it one"
        raise ValueError(msg)
    return said


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
