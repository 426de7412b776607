from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.main import get_command

from stairway.base.errors import DataError
from stairway.cli import main as cli

COMMANDS = (
    ("run",),
    ("replay",),
    ("gate",),
    ("diagnose",),
    ("constants",),
    ("deployed",),
    ("prove",),
    ("validate",),
    ("train", "rl"),
    *(
        ("log", name)
        for name in (
            "tail",
            "stats",
            "groups",
            "verify",
            "archive",
            "attest",
            "export",
            "key",
            "sign",
        )
    ),
)
HEAVY = {"numba", "numpy", "polars", "apsw", "plotly", "cryptography", "psutil", "stairway.app"}
HELP = "import sys; sys.argv[1:] = {argv}; from stairway.cli.main import main\ntry: main()\nexcept SystemExit as e: print(e.code, sorted(sys.modules), file=sys.stderr)"


def raising(error: BaseException) -> typer.Typer:
    """An app whose only command raises."""
    app = typer.Typer()

    @app.command()
    def _fail() -> None:
        raise error

    return app


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", [("--nonsense",), ("a", "b", "c")])
def test_wrong_usage_of_any_command_ends_with_1_and_points_to_its_help(
    command: tuple[str, ...], wrong: tuple[str, ...], refused: Callable[..., str]
) -> None:
    assert refused(*command, *wrong).endswith(f"see: stairway {' '.join(command)} --help")


def test_every_command_is_in_the_list_above() -> None:
    alone = {(c.name,) for c in cli.app.registered_commands}
    grouped = {
        (group.name or group.typer_instance.info.name, c.name)
        for group in cli.app.registered_groups
        for c in group.typer_instance.registered_commands
    }
    assert alone | grouped == set(COMMANDS)


def test_a_command_that_does_not_exist_or_is_left_out_is_wrong_usage(
    refused: Callable[..., str],
) -> None:
    assert "'climb'" in refused("climb")
    assert refused() == "missing command; see: stairway --help"
    assert refused("train") == "missing command; see: stairway train --help"
    assert "'run'" in refused("replay"), "the folder is missing"
    assert "--json" in refused("replay", "--json=maybe", "x")


def test_the_version_is_the_package_s(stairway: Callable[..., Any]) -> None:
    said = stairway("--version")
    assert (said.code, said.out, said.err) == (0, version("stairway") + "\n", "")


@pytest.mark.parametrize("argv", [(), *COMMANDS])
def test_help_gives_examples_and_the_exit_codes(
    argv: tuple[str, ...], stairway: Callable[..., Any]
) -> None:
    said = stairway(*argv, "--help")
    assert (said.code, said.err) == (0, "")
    if argv:
        assert f"stairway {' '.join(argv)}" in said.out
        assert "Examples" in said.out
        assert "Exit: 0" in said.out
    else:
        assert all(command[0] in said.out for command in COMMANDS)


def found(path: tuple[str, ...]) -> Any:
    """The command behind these words."""
    command: Any = get_command(cli.app)
    for word in path:
        command = command.commands[word]
    return command


def examples(path: tuple[str, ...]) -> list[list[str]]:
    """What its help says to type, as a shell would take it apart."""
    lines = re.findall(r"^ {2,}stairway (.+)$", found(path).help, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def parsed(words: list[str]) -> tuple[str, ...]:
    """Take a command line apart without running it; return which command it names."""
    command, context, path = get_command(cli.app), None, ()
    while True:
        context = command.make_context("stairway", list(words), parent=context)
        if not hasattr(command, "commands"):
            return path
        name, command, words = command.resolve_command(
            context, context._protected_args + context.args
        )
        path = (*path, name)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_example_of_each_command_is_of_that_command_and_parses(
    command: tuple[str, ...],
) -> None:
    shown = examples(command)
    assert shown
    assert [parsed(words) for words in shown] == [command] * len(shown)


@pytest.mark.parametrize(
    "words",
    [
        ["gate"],
        ["gate", "--source"],
        ["run", "--polcy", "daily"],
        ["log", "tail", "x", "-n", "y"],
    ],
    ids=" ".join,
)
def test_an_example_that_would_not_run_does_not_parse(words: list[str]) -> None:
    with pytest.raises(cli._USAGE):
        parsed(words)


@pytest.mark.parametrize(
    "argv", [["--help"], ["run", "--help"], ["train", "rl", "--help"], ["--version"]]
)
def test_help_imports_nothing_that_is_slow_to_import(argv: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP.format(argv=argv)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, _, modules = done.stderr.partition(" ")
    assert code == "0"
    loaded = set(json.loads(modules.replace("'", '"')))
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("two\nlines"), 1, "two lines"),
        (PermissionError(13, "Permission denied", "/x"), 1, "Permission denied: /x"),
        (OSError("odd"), 1, "odd"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    error: BaseException,
    code: int,
    words: str,
    stairway: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "app", raising(error))
    said = stairway()
    assert (said.code, said.out) == (code, "")
    assert said.sentence.startswith(words)


@pytest.mark.parametrize(("returned", "code"), [(0, 0), (2, 2), (None, 0)])
def test_the_exit_code_of_a_command_is_passed_on(
    returned: int | None,
    code: int,
    stairway: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = typer.Typer()
    app.command()(lambda: returned)
    monkeypatch.setattr(cli, "app", app)
    assert stairway().code == code


def test_what_nobody_foresaw_is_one_sentence_too() -> None:
    script = (
        "import sys, typer; from stairway.cli import main as cli; sys.argv = ['stairway']\n"
        "cli.app = typer.Typer(pretty_exceptions_enable=False)\n"
        "@cli.app.command()\ndef fail(): raise KeyError('price')\ncli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("stairway: a fault in stairway itself, KeyError('price')")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_is_no_reason_to_complain() -> None:
    script = (
        "import sys, typer; from stairway.cli import main as cli; sys.argv = ['stairway']\n"
        "cli.app = typer.Typer()\n"
        "@cli.app.command()\ndef talk(): sys.stdin.read(); sys.stdout.write('x' * 1_000_000)\n"
        "cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, complaint = process.communicate(b"")
    assert (process.returncode, complaint) == (1, b"")
