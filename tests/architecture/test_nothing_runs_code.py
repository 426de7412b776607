"""No form of data that can run code is ever read, and no flag makes it so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stairway

SRC = Path(stairway.__file__).parent
MODULES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "skops"}
CALLS = {"eval", "exec", "compile", "__import__"}
TRUE_MEANS_DANGER = {"allow_pickle", "shell"}


def sins(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, a.name) for a in names if root(a.name) in MODULES)
            case ast.ImportFrom(module=str(module)) if root(module) in MODULES:
                yield node.lineno, module
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="torch"))):
                yield node.lineno, "torch.load"
            case ast.keyword(arg=str(arg), value=ast.Constant(value=True)) if (
                arg in TRUE_MEANS_DANGER
            ):
                yield node.value.lineno, arg
            case _:
                pass


def root(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(x, shell=True)",
        "torch.load(f)",
    ],
)
def test_each_sin_is_noticed(text: str) -> None:
    assert list(sins(ast.parse(text)))


def test_nothing_in_the_package_can_run_what_it_reads() -> None:
    guilty = [
        f"{path.relative_to(SRC)}:{line} {what}"
        for path in sorted(SRC.rglob("*.py"))
        for line, what in sins(ast.parse(path.read_text()))
    ]
    assert guilty == []


def test_broad_excepts_stand_only_where_they_may() -> None:
    """A user's own function may do anything, and so may a member; a thread hands its own on.

    An error in the divergence check, whoever raised it, counts as divergence.
    """
    allowed = {
        "base/attempted.py",
        "app/proof/worker.py",
        "app/world.py",
        "app/ward.py",
        "adapters/journal/writer.py",
        "training/divergence.py",
    }
    broad = {
        str(path.relative_to(SRC))
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not any(isinstance(s, ast.Raise) for s in ast.walk(node))
    }
    assert broad == allowed
