"""The command ``stairway``.

Heavy things are imported by the command that needs them, so that ``--help`` answers at
once. Exit codes: 0 done or passed, 2 a gate refused or could not tell, 1 an error or
wrong usage. Whatever goes wrong is said in one sentence on standard error.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from io import TextIOWrapper
from types import TracebackType
from typing import Annotated, Protocol, cast

import typer
from typer.main import get_command

from stairway.base.errors import StairwayError
from stairway.cli import (
    constants,
    deployed,
    diagnose,
    gate,
    log,
    prove,
    replay,
    run,
    train,
    validate,
)
from stairway.cli.prose import flowing

_FRAMED_COLUMNS = 72
"""Fewer have no room for help in a frame: it would cut the names of options."""
_framed = shutil.get_terminal_size().columns >= _FRAMED_COLUMNS

app = typer.Typer(
    name="stairway",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if _framed else None,
    help="Stands between a trading model and the market: models climb on evidence only.",
)
app.command("run", help=run.HELP)(run.command)
app.command("replay", help=replay.HELP)(replay.command)
app.command("gate", help=gate.HELP)(gate.command)
app.command("diagnose", help=diagnose.HELP)(diagnose.command)
app.command("constants", help=constants.HELP)(constants.command)
app.command("prove", help=prove.HELP)(prove.command)
app.command("validate", help=validate.HELP)(validate.command)
app.command("deployed", help=deployed.HELP)(deployed.command)
app.add_typer(train.group)
app.add_typer(log.group)
for group in (app, train.group, log.group):
    for one in group.registered_commands:
        one.help = flowing(one.help or "", framed=_framed)

FAILED = 1


class _Usage(Protocol):
    """Wrong usage, as typer tells it."""

    ctx: typer.Context | None

    def format_message(self) -> str:
        """Say what is wrong."""
        ...


# typer carries a click of its own, so the class is taken from typer and not from click.
_USAGE: type[BaseException] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("stairway"))
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Stairway."""


def main() -> None:
    """Run the command line; wrong usage exits 1, since 2 means that a gate refused."""
    _open_what_was_closed()
    sys.excepthook = _last_resort
    # To be told to end is to be stopped: what Ctrl-C leaves behind is whole.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        # Not app(...): that puts an excepthook of its own in the place of ours.
        code = get_command(app)(prog_name="stairway", standalone_mode=False)
        sys.stdout.flush()
    except _USAGE as error:
        code = _fail(_about(cast("_Usage", error)))
    except StairwayError as error:
        code = _fail(str(error))
    except BrokenPipeError:
        # Whoever read our output has left. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except OSError as error:
        code = _fail(f"{error.strerror or error}{_where(error)}; see to it and try again")
    sys.exit(code if isinstance(code, int) else 0)


def _open_what_was_closed() -> None:
    """Let closed standard streams lead nowhere: ``stairway replay RUN >&-``.

    Python has ``None`` in their place, and the next file that is opened, the record perhaps,
    would get their number. The exit code still says what there is to say.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the lowest number that is free is this one's
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _fail(sentence: str) -> int:
    typer.echo(f"stairway: {' '.join(sentence.split())}", err=True)
    return FAILED


def _about(error: _Usage) -> str:
    path = "stairway" if error.ctx is None else error.ctx.command_path
    said = error.format_message().strip().rstrip(".")
    return f"{said[:1].lower()}{said[1:]}; see: {path} --help"


def _where(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


def _last_resort(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Say what nobody foresaw in one sentence too; Python then exits with 1."""
    from stairway.app.lines import last_words

    del kind, trace
    _fail(last_words(error))
