"""Fill the tables of docs/battery.md from what the benchmark wrote.

``benchmarks/bench_battery.py`` counts and writes ``benchmarks/results/battery.json``; a
test keeps the page equal to what this prints.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from stairway.testing.leak_counts import Counts, table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "battery.md"
RESULTS = ROOT / "benchmarks" / "results" / "battery.json"


def counts() -> Counts:
    """Return what was counted."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=Counts)


def filled(page: str, found: Counts) -> str:
    """Return the page with its tables as they should be."""
    seconds = ", ".join(
        f"{spent:g} s on {int(rows):,} rows" for rows, spent in found.seconds.items()
    )
    cost = (
        f"One battery of the honest study (walk-forward, {found.rules.cuts} futures, "
        f"{found.rules.surrogates} surrogates, {found.rules.shuffles} shuffles) takes one core "
        f"{seconds}.\n"
    )
    rules = found.rules
    asked = (
        "Counted with what every shipped policy asks, and so `stairway validate`: "
        f"{rules.cuts} futures, {rules.surrogates} surrogates,\n{rules.shuffles} shuffles of "
        f"blocks as long as the longest label span and {rules.block_rows} row at least, a "
        f"level of {rules.level:g}.\n"
    )
    parts = {"battery rules": asked, "battery table": table(found), "battery cost": cost}
    for name, told in parts.items():
        page = re.sub(
            rf"(?s)(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, told=told: f"{match[1]}\n{told}\n{match[2]}",
            page,
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8"), counts()), "utf-8")
