"""Run every benchmark, one after another, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run those whose names are given, or all."""
    wanted = sys.argv[1:] or sorted(p.stem for p in HERE.glob("bench_*.py"))
    failed = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        failed += (
            subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode
            != 0
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
