"""``stairway run``: from bars to stairs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stairway.app.request import Request

HELP = """Train and judge models on real bars, then let them climb on bars that no training saw.

[bold]Examples[/bold]

  The embedded sample, S&P 500 and Nasdaq, daily:

    stairway run

  The same with announced misfortunes:

    stairway run --drill

  Your own bars (see examples/):

    stairway run --source my.toml --policy intraday

  With a policy that [bold]stairway train rl[/bold] made of earlier bars:

    stairway run --source my.toml --policy intraday --practised runs/rl/early

  The record with an engine that others can read too (see deploy/):

    stairway run --log redis://stairway@localhost:6379/0

  Under a policy that an operator signed for several machines (see docs/record.md):

    stairway run --policy-store "postgresql://me@HOST/DB?log=policies" --operator operator.pub

  Finish a run that was stopped:

    stairway run --resume runs/sample-1

  No training, models that were sealed before:

    stairway run --models DIR --trust trust.pub

Exit: 0 done, 2 a gate stopped the run, 1 an error, 130 stopped by Ctrl-C.
"""

STOPPED = 130
_DECIDED_AT_START = ("source", "policy", "out", "seed", "drill", "practised", "operator")

Practised = Annotated[
    Path | None,
    typer.Option(help="Finished training run whose accepted policy is a member."),
]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="STAIRWAY_LOG",
        help="Where the record goes: redis://... or postgresql://... [default: the folder]",
    ),
]
PolicyStore = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="STAIRWAY_POLICY_STORE",
        help="Signed policies that machines share: redis://..., postgresql://...",
    ),
]
Operator = Annotated[
    Path | None, typer.Option(help="Public key that --policy-store is signed with.")
]


def command(
    context: typer.Context,
    source: Annotated[
        str, typer.Option(help="sample, or a TOML file that says where bars are.")
    ] = "sample",
    policy: Annotated[
        str, typer.Option(help="daily, intraday, literal, or a TOML file of your own.")
    ] = "daily",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run. [default: runs/SOURCE-N]")
    ] = None,
    seed: Annotated[int, typer.Option(help="0 or more; same seed, same run.")] = 7,
    drill: Annotated[
        bool, typer.Option("--drill", help="Inject announced misfortunes.")
    ] = False,
    models: Annotated[
        Path | None, typer.Option(help="Folder of sealed models; skips training.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="Public key that --models must be signed with.")
    ] = None,
    practised: Practised = None,
    log: Log = None,
    policy_store: PolicyStore = None,
    operator: Operator = None,
    resume: Annotated[Path | None, typer.Option(help="Finish this run folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Do the whole job."""
    from stairway.app.request import Request, next_folder, resumed
    from stairway.cli.settled import require_nothing_else

    if resume is not None:
        require_nothing_else(context, _DECIDED_AT_START)
        request = resumed(resume, models, trust, log, policy_store)
    else:
        request = Request(
            source=source,
            policy=policy,
            out=out or next_folder(source),
            seed=seed,
            drill=drill,
            models=models,
            trust=trust,
            practised=practised,
            log=log,
            policy_store=policy_store,
            operator=operator,
        )
    try:
        return _perform(request, as_json=as_json)
    except KeyboardInterrupt:
        typer.echo(f"stairway: stopped; {_how_to_go_on(request)}", err=True)
        return STOPPED


def _perform(request: Request, *, as_json: bool) -> int:
    from stairway.app.drill import run_drill
    from stairway.app.run import run
    from stairway.cli.progress import Bars
    from stairway.dashboard.conclude import conclude

    # Polars put a handler of its own in place when it was imported, which waits.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    perform = run_drill if request.drill else run
    with Bars() as progress:
        outcome = perform(request, progress)
        conclusion = conclude(outcome, progress)
    sys.stdout.write(conclusion.as_json() if as_json else conclusion.as_text())
    return outcome.exit_code


def _how_to_go_on(request: Request) -> str:
    from stairway.app.folder import RunFolder

    if request.out is None or not RunFolder(request.out).ask.exists():
        return "nothing was begun yet"
    again = f"stairway run --resume {request.out}"
    if request.models is not None:
        again += f" --models {request.models} --trust {request.trust}"
    return f"nothing recorded is lost, finish it with: {again}"
