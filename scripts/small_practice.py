"""Write examples/small_practice.toml: the shipped practice file with a smaller budget.

It is made for looking, not for believing: with so few steps and episodes nothing that a
policy shows says much. A test keeps the example what this makes of the shipped file;
``--check`` says whether it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "src" / "stairway" / "policies" / "practice.toml"
EXAMPLE = ROOT / "examples" / "small_practice.toml"

SMALLER = (
    ("gold", "steps", "409_600", "40_960"),
    ("gold", "bonus", "0.6", "1.2"),
    ("cycles", "cycles", "4", "2"),
    ("cycles", "episodes_per_scenario", "100", "12"),
    ("scenarios", "draws", "6", "3"),
)
"""Table (of whichever kind of bars), key, what is shipped, and what the example has."""

HEAD = """\
# Practice in small: the shipped practice.toml with a budget of seconds instead of a minute.
#
#   stairway train rl --practice examples/small_practice.toml --seeds 1
#
# What differs from the shipped file is marked "small:". It is for looking at how a training
# goes, and nothing that comes of it says much. Written by scripts/small_practice.py.
#
"""


class StaleError(Exception):
    """The shipped file no longer says what is to be replaced in it."""


def small(text: str) -> str:
    """Return the example, given the text of the shipped file."""
    table, wanted, seen = "", {(t, k): (old, new) for t, k, old, new in SMALLER}, set()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            table = line.split("]", maxsplit=1)[0].strip("[").split(".")[0]
            inner = len(line.split("]", maxsplit=1)[0].split(".")) > 2  # noqa: PLR2004 - a kind
            table = "" if inner else table
        key = line.split("=", maxsplit=1)[0].strip()
        if (table, key) in wanted:
            old, new = wanted[table, key]
            if f"= {old} " not in line:
                msg = f"[{table}] {key} is no longer {old}: {line}"
                raise StaleError(msg)
            smaller = line.replace(f"= {old} ", f"= {new} ").replace("# ", "# small: ", 1)
            lines.append(smaller)
            seen.add((table, key))
        else:
            lines.append(line)
    if seen != wanted.keys():
        msg = f"not found any more: {sorted(wanted.keys() - seen)}"
        raise StaleError(msg)
    return HEAD + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the example, or with ``--check`` say whether it is what it should be."""
    made = small(SHIPPED.read_text("utf-8"))
    if arguments == ["--check"]:
        there = EXAMPLE.is_file() and EXAMPLE.read_text("utf-8") == made
        sys.stdout.write(f"{EXAMPLE.name} is {'as it should be' if there else 'stale'}\n")
        return 0 if there else 1
    EXAMPLE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
