"""A kernel that changed is compiled anew; one that did not is not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stairway.app import kernelcache


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("features", "models/deep"):
        (tmp_path / "package" / name).mkdir(parents=True)
        (tmp_path / "package" / name / "kernels.py").write_text(f"# {name}\n")
    (tmp_path / "package" / "plain.py").write_text("")
    return tmp_path / "package"


def test_the_same_kernels_have_the_same_folder(package: Path) -> None:
    assert kernelcache.folder(package) == kernelcache.folder(package)


@pytest.mark.parametrize("name", ["features", "models/deep"])
def test_a_change_in_any_kernel_is_another_folder(package: Path, name: str) -> None:
    before = kernelcache.folder(package)
    path = package / name / "kernels.py"
    text = path.read_text()
    path.write_text(text + "\n")
    changed = kernelcache.folder(package)
    assert changed != before
    assert changed.parent == before.parent
    path.write_text(text)
    assert kernelcache.folder(package) == before


def test_a_change_elsewhere_is_not(package: Path) -> None:
    before = kernelcache.folder(package)
    (package / "plain.py").write_text("changed = True\n")
    assert kernelcache.folder(package) == before


def test_every_compiled_function_of_ours_lies_in_a_file_that_is_looked_at() -> None:
    compiled = [p for p in kernelcache._PACKAGE.rglob("*.py") if "@njit" in p.read_text()]
    assert compiled
    assert {p.name for p in compiled} == {"kernels.py"}


def test_every_function_that_a_kernel_compiles_lies_in_a_file_that_is_looked_at() -> None:
    borrowed: set[str] = set()
    for path in kernelcache._PACKAGE.rglob("kernels.py"):
        tree = ast.parse(path.read_text())
        home = {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for call in ast.walk(tree):
            if (
                isinstance(call, ast.Call)
                and getattr(call.func, "id", "") == "njit"
                and call.args
            ):
                given = call.args[0]
                name = given.value.id if isinstance(given, ast.Attribute) else given.id
                module, member = home[name]
                borrowed.add(
                    member if isinstance(given, ast.Attribute) else module.split(".")[-1]
                )
    assert borrowed == {"costs", "reward"}
    assert {f"{name}.py" for name in borrowed} < set(kernelcache.COMPILED)


def test_every_number_that_is_compiled_in_lies_in_a_file_that_is_looked_at() -> None:
    borrowed = {
        (node.module or "").split(".")[-1]
        for path in kernelcache._PACKAGE.rglob("*.py")
        if path.name == "kernels.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stairway")
        if any(alias.name.isupper() for alias in node.names)
    }
    assert borrowed >= {"observation", "normaliser", "terms"}
    assert {f"{name}.py" for name in borrowed} <= set(kernelcache.COMPILED)


def test_a_change_in_what_kernels_borrow_is_another_folder(package: Path) -> None:
    before = kernelcache.folder(package)
    (package / "costs.py").write_text("cost = 2\n")
    assert kernelcache.folder(package) != before


def test_it_lies_in_the_cache_of_the_person(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert kernelcache.folder(package).parent == tmp_path / "cache" / "stairway"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert kernelcache.folder(package).parent == Path.home() / ".cache" / "stairway"


def test_the_operators_wish_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    kernelcache.prepare()
    assert os.environ["NUMBA_CACHE_DIR"] == "/elsewhere"
    assert os.environ["NUMBA_NUM_THREADS"] == "2"


def test_preparing_comes_before_numba_and_points_it_there() -> None:
    code = (
        "from stairway.app import kernelcache; import sys; assert 'numba' not in sys.modules;"
        "kernelcache.prepare(); import numba.core.config as c;"
        "assert c.CACHE_DIR == str(kernelcache.folder()), c.CACHE_DIR;"
        "assert c.NUMBA_NUM_THREADS == 1"
    )
    bare = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
