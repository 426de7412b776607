"""Put real output and measured figures into README.md.

Blocks that follow ``<!-- docs/examples/NAME.txt -->`` hold that file; the table between
``<!-- figures -->`` marks is made from ``benchmarks/results``. A test keeps both true.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
_BATCH = 64
_BLOCK = re.compile(r"(<!-- (docs/examples/\w+\.txt) -->\n```\n).*?(```)", re.DOTALL)
_FIGURES = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return the page as it should be."""
    text = _BLOCK.sub(lambda m: m[1] + (ROOT / m[2]).read_text("utf-8") + m[3], text)
    return _FIGURES.sub(lambda m: m[1] + figures() + m[2], text)


def figures() -> str:
    """Return the table of what things cost, from what was measured."""
    run, log, perf = (_read(name) for name in ("run", "event_log", "perf_manifest"))
    batch = next(row for row in log["durable"] if row["batch"] == _BATCH)
    decision = perf["stages"]["decision"]
    rows = [
        ("`make run` after set-up, first time (kernels compile)", f"{run['first_run_s']} s"),
        ("`make run` after that, median", f"{run['warm_run_median_s']} s"),
        ("`stairway replay` of it", f"{run['replay_s']} s"),
        ("largest memory of any process", f"{run['peak_memory_mib']} MiB"),
        ("`stairway --help`, median", f"{run['help_median_s']} s"),
        (
            "one bar to clamped orders, two members, two instruments",
            "p50 {p50_us:.0f} us, p99 {p99_us:.0f} us, p99.9 {p999_us:.0f} us".format(
                **decision
            ),
        ),
        (
            "durable events/s at batches of 64 (bare apsw beside it)",
            f"{batch['log_events_s']:,.0f} ({batch['bare_apsw_events_s']:,.0f})",
        ),
    ]
    machine = run["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB"
    table = "\n".join(f"| {what} | {much} |" for what, much in rows)
    return (
        f"\nMeasured by `make bench` on {where}; the files are in `benchmarks/results`.\n\n"
        f"| what | measured |\n|---|---|\n{table}\n\n"
    )


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


if __name__ == "__main__":
    text = README.read_text("utf-8")
    if sys.argv[1:] == ["--check"]:
        sys.exit(filled(text) != text)
    README.write_text(filled(text), "utf-8")
