"""The bugs that tests were tried on can still be planted: ``scripts/mutants.py`` does it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "scripts" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module  # its records look themselves up
    spec.loader.exec_module(module)
    return module


def test_what_a_bug_replaces_stands_once_in_its_file(script: Any) -> None:
    for one in script.listed():
        text = (ROOT / script.SOURCE / one.file).read_text()
        assert text.count(one.old) == 1, f"{one.said}: mend or remove it in tests/mutants"
        assert one.new != one.old


def test_every_bug_has_tests_that_are_there(script: Any) -> None:
    listed = script.listed()
    assert len(listed) > 100
    for one in listed:
        assert one.red
        assert all((ROOT / path).is_file() for path in one.red), one.said
    assert len({(one.file, one.old, one.new) for one in listed}) == len(listed)


def test_some_are_drawn_by_lot_and_some_by_name(script: Any) -> None:
    some = script.chosen(["splits"], 5, 1)
    assert len(some) == 5
    assert all("splits" in one.file for one in some)
    assert script.chosen(["splits"], 5, 1) == some != script.chosen(["splits"], 5, 2)
    assert script.chosen(["no such file"], None, 0) == []


@pytest.mark.parametrize(
    ("new", "word"), [("return a - b", "red"), ("return b + a", "LIVES"), ("return (", "red")]
)
def test_a_bug_is_planted_and_taken_out_again(
    script: Any, tmp_path: Path, new: str, word: str
) -> None:
    source = tmp_path / script.SOURCE
    source.mkdir(parents=True)
    text = "def add(a, b):\n    return a + b\n"
    (source / "sum.py").write_text(text)
    (tmp_path / "test_sum.py").write_text(
        "import sys\nsys.path.insert(0, 'src/stairway')\nfrom sum import add\n\n\n"
        "def test_it_adds():\n    assert add(2, 1) == 3\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long\n")
    mutant = script.Mutant("sum.py", "return a + b", new, ("test_sum.py",))
    assert script.first_red(tmp_path, mutant.red) is None
    assert script.tried(mutant, tmp_path).word == word
    assert (source / "sum.py").read_text() == text
