"""A decision keeps no figure that nobody can get again, and names nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
MEASURED = re.compile(
    r"^\|.*\d\.\d.*\|$|\b\d+ (?:of|out of) \d+\b|\btook \d|\d s of\b", re.MULTILINE
)
SOURCE = re.compile(r"benchmarks/results/\w+\.json")


def anchors(page: Path) -> set[str]:
    """Headings of a page, as links name them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", DECISIONS, ids=lambda p: p.stem)
def test_figures_of_a_decision_have_a_file_that_a_command_writes(page: Path) -> None:
    parts = ["", *page.read_text("utf-8").split("\n\n"), ""]
    for before, part, behind in zip(parts, parts[1:], parts[2:], strict=False):
        named = SOURCE.search(before + part + behind)
        assert named or MEASURED.findall(part) == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda p: p.stem)
def test_every_file_and_heading_that_a_decision_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    files = re.findall(r"\b(?:benchmarks|tests|scripts|src)/[\w/]+\.\w+", text)
    assert [name for name in files if not (ROOT / name).is_file()] == []
    for place, heading in re.findall(r"\]\(([\w./-]+\.md)#([\w-]+)\)", text):
        assert heading in anchors(page.parent / place), f"{place}#{heading}"


def test_the_page_on_the_battery_names_the_command_that_counts() -> None:
    page = (ROOT / "docs/battery.md").read_text("utf-8")
    assert "`python benchmarks/bench_battery.py`" in page
    assert "../benchmarks/results/battery.json" in page
