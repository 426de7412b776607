from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

import stairway
from stairway.app.provenance import code_fingerprint, libraries


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("y = 1\n")
    return tmp_path


def test_the_fingerprint_changes_with_any_line_of_code(package: Path) -> None:
    before = code_fingerprint(package)

    (package / "inner" / "a.py").write_text("x = 2\n")

    assert code_fingerprint(package) != before


def test_the_fingerprint_changes_with_a_name_and_with_a_new_file(package: Path) -> None:
    before = code_fingerprint(package)
    (package / "b.py").rename(package / "c.py")
    renamed = code_fingerprint(package)
    (package / "b.py").write_text("")

    assert len({before, renamed, code_fingerprint(package)}) == 3


def test_the_fingerprint_is_of_code_alone_and_of_no_place(package: Path) -> None:
    before = code_fingerprint(package)
    (package / "notes.txt").write_text("not code")
    (package / "b.pyc").write_bytes(b"compiled")
    elsewhere = package.parent / "elsewhere"
    package.rename(elsewhere)

    assert code_fingerprint(elsewhere) == before


def test_what_grows_trees_is_named_with_its_version() -> None:
    found = libraries()

    assert found["lightgbm"] == version("lightgbm")
    assert found["numpy"] == version("numpy")
    assert any(name.startswith("xgboost") for name in found)
    assert "python" in found


def test_our_own_code_has_a_fingerprint() -> None:
    assert len(code_fingerprint(Path(stairway.__file__).parent)) == 64
