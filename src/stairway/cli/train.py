"""``stairway train``: candidates are made here, and judged before anybody believes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stairway.app.rl.folder import RlFolder

GROUP_HELP = "Train candidates; nothing that is trained here trades before it has climbed."

HELP = """Practise a policy on real bars in guarded cycles, and judge it by a gate.

All seeds start from one reference that holds nearly always. A cycle that falls back is undone.

Leaves train.html, result.json and a policy: accepted where the gate passed, else marked so.

[bold]Examples[/bold]

  The embedded sample, five seeds:

    stairway train rl

  Your own minutes (see examples/):

    stairway train rl --source my.toml --policy intraday --seeds 5

  Only the reference, made once for these bars and settings:

    stairway train rl --gold

  Finish a run that was stopped:

    stairway train rl --resume runs/rl/sample-1

Exit: 0 accepted, 2 the gate refused, 1 an error, 130 stopped by Ctrl-C.
"""

STOPPED, REFUSED = 130, 2
MOST_SEEDS = 64
_DECIDED_AT_START = ("source", "policy", "practice", "seeds", "seed", "out")

group = typer.Typer(name="train", help=GROUP_HELP, no_args_is_help=False)


@group.callback()
def _train() -> None:
    """Train candidates."""


@group.command("rl", help=HELP)
def rl(
    context: typer.Context,
    source: Annotated[
        str, typer.Option(help="sample, or a TOML file that says where bars are.")
    ] = "sample",
    policy: Annotated[
        str, typer.Option(help="daily, intraday, literal, or a TOML file of your own.")
    ] = "daily",
    practice: Annotated[
        str, typer.Option(help="practice, or a TOML file with settings of the training.")
    ] = "practice",
    seeds: Annotated[int, typer.Option(help="How many seeds run side by side.")] = 5,
    seed: Annotated[int, typer.Option(help="Number of the first of them.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run. [default: runs/rl/SOURCE-N]")
    ] = None,
    gold: Annotated[
        bool, typer.Option("--gold", help="Make the reference, and nothing else.")
    ] = False,
    resume: Annotated[Path | None, typer.Option(help="Finish this training run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Train a policy in cycles."""
    from stairway.app import kernelcache

    kernelcache.prepare()
    from stairway.app.rl.folder import open_practice
    from stairway.app.rl.request import RlRequest, prepare
    from stairway.cli.progress import Bars
    from stairway.cli.settled import require_nothing_else

    if resume is not None:
        require_nothing_else(context, _DECIDED_AT_START)
        folder, _ = open_practice(resume)
    else:
        _require_few(seeds)
        numbers = tuple(range(seed, seed + seeds))
        request = RlRequest(source, policy, practice, numbers, out)
        with Bars() as bars:
            folder = prepare(request, bars)
    try:
        return _reference(folder) if gold else _perform(folder, as_json=as_json)
    except KeyboardInterrupt:
        again = f"stairway train rl --resume {folder.root}"
        typer.echo(
            f"stairway: stopped; nothing kept is lost, finish it with: {again}", err=True
        )
        return STOPPED


def _require_few(seeds: int) -> None:
    from stairway.base.errors import ConfigError

    if not 1 <= seeds <= MOST_SEEDS:
        msg = f"--seeds is {seeds}; from 1 to {MOST_SEEDS} can run side by side"
        raise ConfigError(msg)


def _perform(folder: RlFolder, *, as_json: bool) -> int:
    import msgspec

    from stairway.app.rl.folder import open_practice
    from stairway.app.rl.listen import practise
    from stairway.cli.watching import Watching
    from stairway.dashboard.practice.conclude import conclude, draw

    _, ask = open_practice(folder.root)
    with Watching(ask.seeds) as watching:
        result = practise(folder, watching)
    conclude(folder, result)
    if as_json:
        written = msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"
        sys.stdout.write(written)
    else:
        sys.stdout.write(draw(folder, result))
    return 0 if result.accepted else REFUSED


def _reference(folder: RlFolder) -> int:
    from stairway.app.rl.listen import make_reference
    from stairway.cli.watching import Watching

    with Watching(()) as watching:
        make_reference(folder, watching)
    sys.stdout.write(f"The reference of {folder.root} is made; go on with:\n")
    sys.stdout.write(f"  stairway train rl --resume {folder.root}\n")
    return 0
