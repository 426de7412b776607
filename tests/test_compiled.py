"""A kernel that changed is compiled anew; one that did not is not."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stairway import compiled


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("features", "models/deep"):
        (tmp_path / "package" / name).mkdir(parents=True)
        (tmp_path / "package" / name / "kernels.py").write_text(f"# {name}\n")
    (tmp_path / "package" / "plain.py").write_text("")
    return tmp_path / "package"


def test_the_same_kernels_have_the_same_folder(package: Path) -> None:
    assert compiled.folder(package) == compiled.folder(package)


@pytest.mark.parametrize("name", ["features", "models/deep"])
def test_a_change_in_any_kernel_is_another_folder(package: Path, name: str) -> None:
    before = compiled.folder(package)
    path = package / name / "kernels.py"
    text = path.read_text()
    path.write_text(text + "\n")
    changed = compiled.folder(package)
    assert changed != before
    assert changed.parent == before.parent
    path.write_text(text)
    assert compiled.folder(package) == before


def test_a_change_elsewhere_is_not(package: Path) -> None:
    before = compiled.folder(package)
    (package / "plain.py").write_text("changed = True\n")
    assert compiled.folder(package) == before


def test_every_compiled_function_of_ours_lies_in_a_file_that_is_looked_at() -> None:
    ours = [p for p in compiled._PACKAGE.rglob("*.py") if "\n@njit" in p.read_text()]
    assert ours
    assert {p.name for p in ours} == {"kernels.py"}


def test_every_function_that_a_kernel_compiles_lies_in_a_file_that_is_looked_at() -> None:
    borrowed: set[str] = set()
    for path in compiled._PACKAGE.rglob("kernels.py"):
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
    assert {f"{name}.py" for name in borrowed} < set(compiled.COMPILED)


def test_every_number_that_is_compiled_in_lies_in_a_file_that_is_looked_at() -> None:
    borrowed = {
        (node.module or "").split(".")[-1]
        for path in compiled._PACKAGE.rglob("*.py")
        if path.name == "kernels.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stairway")
        if any(alias.name.isupper() for alias in node.names)
    }
    assert borrowed >= {"observation", "normaliser", "terms"}
    assert {f"{name}.py" for name in borrowed} <= set(compiled.COMPILED)


def test_a_change_in_what_kernels_borrow_is_another_folder(package: Path) -> None:
    before = compiled.folder(package)
    (package / "costs.py").write_text("cost = 2\n")
    assert compiled.folder(package) != before


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """What a person has who never heard of numba."""
    asked = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
    return asked | {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def said(program: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_it_lies_in_the_cache_of_the_person(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compiled.folder(package).parent == tmp_path / "cache" / "stairway"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert compiled.folder(package).parent == Path.home() / ".cache" / "stairway"


def test_where_the_operator_wants_it_a_change_is_another_folder_too(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    before = compiled.folder(package)
    assert before.parent == tmp_path
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(before))
    assert compiled.folder(package) == before
    (package / "costs.py").write_text("cost = 2\n")
    assert compiled.folder(package).parent == before


_PACKAGE = {
    "stairway/__init__.py": "",
    "stairway/a/__init__.py": "",
    "stairway/b/__init__.py": "",
    "stairway/a/kernels.py": (
        "from stairway.compiled import njit\n@njit(cache=True)\ndef number():\n    return 1\n"
    ),
    "stairway/b/kernels.py": (
        "from stairway.a.kernels import number\nfrom stairway.compiled import njit\n"
        "@njit(cache=True)\ndef asked():\n    return number()\n"
    ),
}


def test_a_change_in_what_another_file_calls_is_seen(
    tmp_path: Path, bare: dict[str, str]
) -> None:
    for name, text in _PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(compiled.__file__, tmp_path / "stairway" / "compiled.py")
    # Whoever asks has met numba before, as a notebook has.
    program = "import numba; from stairway.b.kernels import asked; print(asked(), dict(asked.stats.cache_hits))"
    bare["PYTHONPATH"] = str(tmp_path)
    assert said(program, bare).startswith("1 ")
    assert said(program, bare) == "1 {(): 1}"
    callee = tmp_path / "stairway" / "a" / "kernels.py"
    callee.write_text(callee.read_text().replace("return 1", "return 22"))
    assert said(program, bare).startswith("22 ")
    assert not list((tmp_path / "stairway").rglob("*.nb?"))


def test_every_kernel_of_ours_is_pinned_whoever_imports_it(bare: dict[str, str]) -> None:
    names = [
        ".".join(("stairway", *path.relative_to(compiled._PACKAGE).with_suffix("").parts))
        for path in sorted(compiled._PACKAGE.rglob("kernels.py"))
    ]
    assert len(names) > 20
    program = (
        "import numba, importlib, os; from numba.core.registry import CPUDispatcher as D\n"
        f"files = [importlib.import_module(name) for name in {names}]\n"
        "of = {d.stats.cache_path for f in files for d in vars(f).values() if isinstance(d, D)}\n"
        "print(*{os.path.dirname(p) for p in of if p}); print(repr(numba.config.CACHE_DIR))\n"
        "print('NUMBA_CACHE_DIR' in os.environ)"
    )
    where, others, told = said(program, bare).splitlines()
    assert where == str(Path(bare["XDG_CACHE_HOME"]) / "stairway" / compiled.folder().name)
    assert (others, told) == ("''", "False")
