"""Nothing is taken out of a stream in Redis, but by the archiver's one call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import stairway

SRC = Path(stairway.__file__).parent
ARCHIVER = {"adapters/outbox/trimming.py", "adapters/outbox/lua/trim.lua"}
WORDS = re.compile(
    r"\b(maxlen|minid|xtrim|xdel|xsetid|flushall|flushdb|unlink|swapdb|migrate|pexpire)\b",
    re.IGNORECASE,
)
CALLS = {"xtrim", "xdel", "flushall", "flushdb", "swapdb", "migrate", "xadd", "execute_command"}


def sins(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Appends past the one wrapper, and whatever takes something out."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in CALLS:
                yield node.lineno, attr
            case ast.keyword(arg="maxlen" | "minid", value=value):
                yield value.lineno, "maxlen"
            case ast.Constant(value=str(text)) if id(node) not in docs and WORDS.search(text):
                yield node.lineno, text
            case _:
                pass


@pytest.mark.parametrize(
    "text",
    [
        "client.xadd('bus:a', {})",
        "client.xadd('bus:a', {}, maxlen=10)",
        "send(stream, maxlen=10)",
        "client.xtrim('bus:a', 1)",
        "client.execute_command(x)",
        "pipe('XADD bus:a MAXLEN 10 * a b')",
        "client.flushall()",
    ],
)
def test_each_sin_is_noticed(text: str) -> None:
    assert list(sins(ast.parse(text)))


def test_only_the_archiver_takes_anything_out() -> None:
    guilty = [
        f"{path.relative_to(SRC)}:{line} {what}"
        for path in sorted(SRC.rglob("*.py"))
        if str(path.relative_to(SRC)) not in ARCHIVER and "redis" in path.read_text("utf-8")
        for line, what in sins(ast.parse(path.read_text("utf-8")))
    ]
    assert guilty == []


def test_scripts_take_nothing_out_either() -> None:
    scripts = sorted(SRC.rglob("*.lua"))
    assert len(scripts) > len(ARCHIVER)
    for path in scripts:
        if str(path.relative_to(SRC)) not in ARCHIVER:
            assert not WORDS.search(path.read_text("utf-8")), path
