"""``report.html``: one file that holds everything it needs, and asks nobody for more.

1. Read what lies beside the record: the request, what training found, latencies.
2. Make a context of plain values, the verdict first.
3. Let the template set it; every value is escaped on its way into the page.
4. Put Plotly's own script in, from its wheel, behind everything that can be read.

A policy inside the page forbids it to load anything from anywhere.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stairway.app.folder import Ask, RunFolder, open_existing, write_whole
from stairway.app.plain_file import read_plain
from stairway.app.train import read_report
from stairway.base.errors import ConfigError
from stairway.dashboard import clamp, gates, words
from stairway.dashboard import stairs as climbing
from stairway.dashboard.accounts import accounts
from stairway.dashboard.figures.holdings import holdings
from stairway.dashboard.figures.money import equity
from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.figures.reliability import diagrams
from stairway.dashboard.figures.stages import timeline
from stairway.dashboard.honesty import banded, honesty, pictures, said
from stairway.dashboard.policy import in_force
from stairway.dashboard.stairs import RISE, Step
from stairway.dashboard.story import events, misfortunes
from stairway.dashboard.views import RunView
from stairway.training.report import TrainingReport

_TREADS = {
    "refused": "at the door",
    "candidate": "evidence only",
    "shadow": "virtual money",
    "canary": "a little of the capital",
    "champion": "votes on the capital",
    "retired": "off the stairs",
    "quarantined": "never again",
}


@dataclass(frozen=True, slots=True)
class Tread:
    """One step of the drawn stairs: who stands on it, and who stood there at the highest."""

    stage: str
    meaning: str
    height: int
    here: tuple[Step, ...]
    once: tuple[Step, ...]


def write_report(
    folder: RunFolder, seen: RunView, steps: Sequence[Step], notes: Sequence[str] = ()
) -> None:
    """Write the report of a run into its folder, whole or not at all.

    Raises
    ------
    ConfigError
        If there is no room or no permission, or Plotly is not installed.
    """
    write_whole(folder.report, page(folder, seen, steps, notes).encode())


def page(folder: RunFolder, seen: RunView, steps: Sequence[Step], notes: Sequence[str]) -> str:
    """Set the whole page."""
    _, ask = open_existing(folder.root)
    training = read_report(folder) if folder.training.is_file() else None
    planted = misfortunes(seen, notes)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run=folder.root.name,
            root=str(folder.root),
            ask=ask,
            again=again(ask),
            seen=seen,
            steps=steps,
            named={step.model for step in steps},
            floor=next((step for step in steps if not step.is_model), None),
            headline=climbing.headline(steps),
            treads=treads(steps),
            accounts=accounts(seen),
            money=equity(seen, planted),
            timeline=timeline(seen) if seen.registered else None,
            holdings=holdings(seen),
            reliability=() if training is None else diagrams(training),
            honesty=honesty(seen),
            came_true=pictures(seen),
            training=training,
            gate_tables=gates.tables(seen),
            prover=_prover(training, seen),
            events=events(seen),
            planted=planted,
            limits=clamp.limits(seen),
            latency=_latency(folder.perf),
            notes=notes,
            policy=in_force(seen.policies),
            plotly=Markup(plotly_script()),  # noqa: S704 - a file of the installed wheel
        )
    )


def treads(steps: Sequence[Step]) -> tuple[Tread, ...]:
    """Lay the stairs out from left to right: the door, then the steps.

    A stage off the stairs (refused, retired, quarantined) is drawn where somebody is.
    """
    off = [s for s in ("refused", "quarantined", "retired") if _at(steps, s)]
    shown = [*off, *RISE]
    return tuple(
        Tread(
            stage=stage,
            meaning=_TREADS[stage],
            height=RISE.index(stage) + 1 if stage in RISE else 0,
            here=_at(steps, stage),
            once=()
            if stage == RISE[0]
            else tuple(s for s in steps if s.reached == stage != s.stage),
        )
        for stage in shown
    )


def again(ask: Ask) -> str:
    """Say the command that does the same run again, from the same data and seed."""
    said = ["stairway", "run", "--source", ask.source, "--policy", ask.policy_name]
    said.extend(("--seed", str(ask.seed)))
    if ask.plan is not None:
        said.append("--drill")
    if ask.models is not None:
        said.extend(("--models", ask.models, "--trust", "PUBLIC_KEY"))
    return shlex.join(said)


def plotly_script() -> str:
    """Read Plotly's own script, from its wheel.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    spec = find_spec("plotly")
    places = spec.submodule_search_locations if spec is not None else None
    path = Path(next(iter(places or ()), "")) / "package_data" / "plotly.min.js"
    try:
        return path.read_text("utf-8")
    except OSError as error:
        msg = "the report needs plotly's own script; install it: pip install 'plotly>=6'"
        raise ConfigError(msg) from error


def _at(steps: Sequence[Step], stage: str) -> tuple[Step, ...]:
    return tuple(step for step in steps if step.stage == stage)


def _prover(training: TrainingReport | None, seen: RunView) -> tuple[str, Sequence[gates.Line]]:
    """Say what the causality prover found about the honest features."""
    if training is None:
        return "inconclusive", ()
    return words.word(training.causality), gates.lines(training.causality, seen.names)


def _latency(path: Path) -> dict[str, Any] | None:
    """Read measured durations, which are never part of a hash, and often not there."""
    try:
        return msgspec.json.decode(read_plain(path), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return None


@cache
def environment() -> Environment:
    """Templates of this package: everything is escaped, and a name left out is an error."""
    templates = Environment(
        loader=PackageLoader("stairway.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "plot": _plot,
        "banded": banded,
        "capital": words.capital,
        "count": words.count,
        "counted": words.counted,
        "day": words.day,
        "figure": words.figure,
        "percent": words.percent,
        "r": words.r_multiple,
        "record": climbing.record,
        "said": said,
        "short": words.short,
        "standing": climbing.standing,
    }
    templates.filters.update(filters)
    return templates


def _plot(figure: Figure) -> Markup:
    """Write a figure as JSON that cannot end the script element it stands in."""
    text = msgspec.json.encode(figure).decode()
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704 - escaped here
