from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from stairway.app.userfunc import apart, load, load_study, within
from stairway.base.attempted import OverdueError
from stairway.base.errors import ConfigError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_a_function_is_found_in_a_file_and_its_neighbours_too(tmp_path: Path) -> None:
    (tmp_path / "beside_it_6a.py").write_text("FACTOR = 2")
    (tmp_path / "mine_6a.py").write_text(
        "from beside_it_6a import FACTOR\ndef twice(x): return FACTOR * x\n"
        "class Box:\n    @staticmethod\n    def thrice(x): return 3 * x\n"
    )
    assert load("mine_6a.py:twice")(4) == 8
    assert load("mine_6a:Box.thrice")(4) == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise ValueError('no\\nway')", "ValueError: no way"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_a_sentence(
    text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "broken_6a.py").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load("broken_6a.py:f")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "named", ["", ":", "a:", ":b", "a.py", "gone.py:f", "math:pi", "math:x"]
)
def test_what_names_no_function_says_what_to_say(named: str) -> None:
    with pytest.raises(ConfigError):
        load(named)


def test_what_is_printed_apart_goes_to_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with apart():
        print("inside")  # noqa: T201 - as somebody else would
    print("outside")  # noqa: T201
    said = capfd.readouterr()
    assert (said.out, said.err) == ("outside\n", "inside\n")


def test_a_call_that_takes_too_long_raises_and_the_next_one_need_not() -> None:
    with pytest.raises(OverdueError, match=r"not done after 0\.05 s; .* raise --limit-s"):
        within(time.sleep, 0.05)(5.0)
    assert within(abs, 0.05)(-1) == 1
    time.sleep(0.06)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("features", "is a function, .*; missing are all of them"),
        ("Half", "is a Half, .*; missing are redrawn, folds, positions, profit"),
        ("gone", "nothing named 'gone'"),
    ],
)
def test_a_study_without_its_steps_is_refused_when_it_is_loaded(
    name: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "study_6b.py").write_text(
        "def features(bars): return bars\n"
        "class Half:\n    folds = 7\n    def features(self, bars): return bars\n"
        "    def labels(self, bars): return bars\n"
        "class Whole(Half):\n    redrawn = folds = positions = profit = len\n"
    )
    assert type(load_study("study_6b.py:Whole")).__name__ == "Whole"
    with pytest.raises(ConfigError, match=words):
        load_study(f"study_6b.py:{name}")
