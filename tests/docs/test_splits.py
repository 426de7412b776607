"""The examples in docs/splits.md run, and print what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "splits.md"


def test_the_examples_of_the_page_on_splits_print_what_it_says() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False)

    assert found.attempted >= 15
    assert found.failed == 0
