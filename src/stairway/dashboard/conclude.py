"""What a run came to: the stairs for the terminal, the same as data, and the picture."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from stairway.app.folder import write_json
from stairway.app.progress import Progress
from stairway.app.run import Outcome
from stairway.dashboard.accounts import accounts
from stairway.dashboard.honesty import honesty
from stairway.dashboard.policy import in_force
from stairway.dashboard.report import write_report
from stairway.dashboard.result import Result, Stopped
from stairway.dashboard.stairs import headline, stairs
from stairway.dashboard.terminal import draw
from stairway.dashboard.views import RunView, view
from stairway.dashboard.words import day

NO_PROMISE = (
    "Nothing here promises a profit.\nTrading with learned models loses money for most."
)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A result, and how to show it. ``seen`` is ``None`` where nothing was traded."""

    result: Result | Stopped
    seen: RunView | None

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self.result), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Draw the stairs and say where the rest lies."""
        if self.seen is None or isinstance(self.result, Stopped):
            return "\n".join(self.result.notes) + "\n"
        return f"{draw(self.result, self.seen)}\n{NO_PROMISE}\n"


def conclude(outcome: Outcome, progress: Progress) -> Conclusion:
    """Read the record of a run that is over; leave ``result.json`` and ``report.html``."""
    if outcome.run_hash is None:
        stopped = Stopped(str(outcome.folder.root), outcome.notes)
        return Conclusion(stopped, None)
    progress.begin("writing the report", 2)
    seen = view(outcome.folder.root)
    progress.advance(1)
    result = result_of(outcome, seen)
    write_report(outcome.folder, seen, result.steps, outcome.notes)
    write_json(outcome.folder.result, result)
    progress.advance(2)
    return Conclusion(result, seen)


def result_of(outcome: Outcome, seen: RunView) -> Result:
    """Put the result of a run together from its record."""
    root = outcome.folder.root
    steps = stairs(seen)
    return Result(
        run=str(root),
        run_hash=seen.run_hash,
        headline=headline(steps),
        drill=seen.is_drill,
        finished=seen.finished,
        bars=seen.started.bars,
        first_index=seen.started.first_index,
        first_day=day(seen.bars[seen.first_index].time_ns),
        last_day=day(seen.bars[-1].time_ns),
        steps=steps,
        accounts=accounts(seen),
        honesty=honesty(seen),
        moves=len(seen.moves),
        policy=in_force(seen.policies),
        notes=outcome.notes,
        replay=f"stairway replay {root}",
        report=str(outcome.folder.report),
    )
