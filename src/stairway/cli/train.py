"""``stairway train``: candidates are made here, and judged before anybody believes them."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from stairway.cli.stopping import STOPPED, Stopping, say

if TYPE_CHECKING:
    from stairway.app.rl.folder import RlFolder

GROUP_HELP = """Train candidates; nothing that is trained here trades before it has climbed.

[bold]Example[/bold]

    stairway train rl --help
"""

HELP = """Practise a policy on real bars in guarded cycles, and judge it by a gate.

All seeds start from one reference, a policy that holds nearly always. A cycle in which \
they fall back is undone. A policy is accepted only if the gate passes on days that no \
training saw. Mostly it does not.

[bold]Examples[/bold]

  The embedded sample, five seeds (one to three minutes the first time):

    stairway train rl

  A first look, in seconds (see docs/practice.md):

    stairway train rl --practice examples/small_practice.toml --seeds 1

  Your own minutes (see examples/):

    stairway train rl --source my.toml --policy intraday

  Only the reference, without a run of its own:

    stairway train rl --gold

  Finish a run that was stopped, anywhere, by anything:

    stairway train rl --resume runs/rl/sample-1

[bold]What lies in the folder[/bold]

  train.html     the report: one file, for any browser
  result.json    the same as data; --json prints it
  policy/        the median seed's policy, if it passed
  unaccepted/    the same instead, if it was refused
  live.json      the result so far, while it trains
  practice.json  how it was asked for
  bars.npz       the bars, after joining
  gold/ cycles/ seeds/    what --resume goes on from

References are made once for the same bars, settings and versions, and kept in a cache of \
yours, or in --cache. It may be removed at any time.

Progress is on standard error, the result alone on standard output.

Exit: 0 the gate accepted a policy, 2 it refused all, 1 an error, 130 stopped by Ctrl-C.
"""

REFUSED = 2
_DECIDED_AT_START = ("source", "policy", "practice", "seeds", "seed", "out", "cache")
_TOO_EARLY = "stopped before training began; nothing is lost, start it again"
_HALF_MADE = "stopping; half a reference is none, so start it again"
_KEPT = "stopping; what is finished is kept; resume with: {}"

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
        Path | None, typer.Option(help="Folder for the run.", show_default="runs/rl/SOURCE-N")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for references.", show_default="your cache folder"),
    ] = None,
    gold: Annotated[
        bool, typer.Option("--gold", help="Make the reference, and nothing else.")
    ] = False,
    resume: Annotated[Path | None, typer.Option(help="Finish this training run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Train a policy in cycles."""
    asked = _Asked(source, policy, practice, seeds, seed, out, cache, gold, resume)
    stopping = Stopping(_TOO_EARLY)
    try:
        with stopping, ExitStack() as stack:
            folder = _folder(stack, context, asked)
            stopping.listen()
            if gold:
                stopping.sentence = _HALF_MADE
                return _reference(folder, stopping, asked, as_json=as_json)
            stopping.sentence = _KEPT.format(_resuming(folder.root))
            return _perform(folder, stopping, as_json=as_json)
    except KeyboardInterrupt:
        return STOPPED


class _Asked(NamedTuple):
    """What was said on the command line."""

    source: str
    policy: str
    practice: str
    seeds: int
    seed: int
    out: Path | None
    cache: Path | None
    gold: bool
    resume: Path | None

    @property
    def settled(self) -> dict[str, str]:
        """Options that decide which reference it is, as they were said."""
        return {"--source": self.source, "--policy": self.policy, "--practice": self.practice}


def _folder(stack: ExitStack, context: typer.Context, asked: _Asked) -> RlFolder:
    """Open the folder of a run, or make one; that of a reference alone does not stay."""
    from stairway.app import caches
    from stairway.app.rl.ask import RlRequest, open_practice
    from stairway.app.rl.listen import passing, prepared
    from stairway.cli.progress import Bars
    from stairway.cli.settled import require_nothing_else

    if asked.resume is not None:
        require_nothing_else(context, _DECIDED_AT_START)
        return open_practice(asked.resume)[0]
    _require_few(asked.seeds)
    request = RlRequest(
        source=asked.source,
        policy=asked.policy,
        practice=asked.practice,
        seeds=tuple(range(asked.seed, asked.seed + asked.seeds)),
        out=asked.out,
        gold=None if asked.cache is None else caches.golds(asked.cache),
    )
    with Bars() as bars:
        if asked.gold:
            return stack.enter_context(passing(request, bars))
        return prepared(request, bars)


def _resuming(root: Path) -> str:
    return shlex.join(["stairway", "train", "rl", "--resume", str(root)])


def _from_it(asked: _Asked) -> str:
    """Say the command that trains from the reference that was made."""
    if asked.resume is not None:
        return _resuming(asked.resume)
    cache = {} if asked.cache is None else {"--cache": str(asked.cache)}
    given = {"--source": "sample", "--policy": "daily", "--practice": "practice"}
    said = [
        word
        for option, value in {**asked.settled, **cache}.items()
        if value != given.get(option)
        for word in (option, value)
    ]
    return shlex.join(["stairway", "train", "rl", *said])


def _require_few(seeds: int) -> None:
    from stairway.app.rl.ask import MOST_SEEDS
    from stairway.base.errors import ConfigError

    if not 1 <= seeds <= MOST_SEEDS:
        msg = f"--seeds is {seeds}; from 1 to {MOST_SEEDS} can run side by side"
        raise ConfigError(msg)


def _perform(folder: RlFolder, stopping: Stopping, *, as_json: bool) -> int:
    from stairway.app.rl.ask import open_practice, reference_steps
    from stairway.app.rl.listen import practise
    from stairway.cli.watching import Watching

    _, ask = open_practice(folder.root)
    before = 0 if folder.result.exists() else reference_steps(folder, ask)
    with Watching(ask.seeds, before) as watching:
        stopping.tell = watching.last_words
        result = practise(folder, watching)
    stopping.tell = say
    # Only now: what draws the page is not wanted in memory while others train.
    from stairway.dashboard.practice.conclude import conclude, draw

    conclude(folder, result, ask.practice_name)
    if as_json:
        _print(result)
    else:
        sys.stdout.write(draw(folder, result))
    return 0 if result.accepted else REFUSED


def _reference(folder: RlFolder, stopping: Stopping, asked: _Asked, *, as_json: bool) -> int:
    from stairway.app.rl.listen import make_reference
    from stairway.cli.watching import Watching

    with Watching(()) as watching:
        stopping.tell = watching.last_words
        where = make_reference(folder, watching)
    stopping.tell = say
    again = _from_it(asked)
    if as_json:
        _print({"reference": str(where), "train": again})
    else:
        sys.stdout.write(f"The reference is made, and kept in {where}; train from it with:\n")
        sys.stdout.write(f"  {again}\n")
    return 0


def _print(result: object) -> None:
    import msgspec

    written = msgspec.json.format(msgspec.json.encode(result), indent=2)
    sys.stdout.write(written.decode() + "\n")
