"""Put what the benchmarks of the record measured into docs/record.md.

``benchmarks/bench_outage.py`` and the other benchmarks of the record measure; this reads
what they wrote. A test keeps the page true: ``--check`` says whether it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "record.md"
_BLOCK = re.compile(r"(<!-- outage -->\n).*?(<!-- /outage -->)", re.DOTALL)


def outage(result: dict[str, Any]) -> str:
    """Lay out who lost what while Redis was away."""
    lines = [
        "| who | sent | lost | doubled | out of order | slowest publish |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in result["publishers"]:
        lost = f"{row['lost']:,} ({100 * row['lost_share']:.1f} %)"
        lines.append(
            f"| {row['who']} | {row['sent']:,} | {lost} | {row['doubled']} | "
            f"{row['disordered']} | {row['slowest_publish_ms']:,.0f} ms |"
        )
    return "\n".join(lines)


def filled(text: str) -> str:
    """Return the page as it should be."""
    table = outage(json.loads((RESULTS / "outage.json").read_text("utf-8")))
    return _BLOCK.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


if __name__ == "__main__":
    now = PAGE.read_text("utf-8")
    if "--check" in sys.argv:
        sys.exit(now != filled(now))
    PAGE.write_text(filled(now), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
