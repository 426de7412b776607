"""The tables and the example of docs/prove.md are what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from stairway.testing.leaks import CAUSAL, LEAKS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "prove.md").read_text("utf-8")


def table(title: str) -> dict[str, str]:
    rows = PAGE.split(f"| {title} | what it is |\n|---|---|\n")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.MULTILINE))


def test_the_tables_list_the_catalogue() -> None:
    assert table("leak") == {name: entry.what for name, entry in LEAKS.items()}
    assert table("causal") == {name: entry.what for name, entry in CAUSAL.items()}
    assert len(LEAKS) >= 13
    assert len(CAUSAL) >= 9


def test_the_example_prints_what_the_page_says() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert f"That prints `{done.stdout.strip()}`." in PAGE


def test_the_readme_counts_the_leaks_of_the_table() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    (said,) = re.findall(r"\[The (\d+) leaks it knows\]\(docs/prove\.md\)", readme)
    assert int(said) == len(table("leak"))
