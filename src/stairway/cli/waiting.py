"""A live line while the gate waits; plain lines where nobody looks."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from stairway.app.gate.report import GateReport
from stairway.dashboard.words import counted, figure


class Waiting:
    """Says on stderr what is still missing. Use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def say(self, report: GateReport, seconds: float) -> None:
        """Show how it stands."""
        line = told(report, seconds)
        if self._console.is_terminal:
            self._live.update(Text(line))
        else:
            self._console.print(line, markup=False, soft_wrap=True)


def told(report: GateReport, seconds: float) -> str:
    """Say what is there, how fast more comes, and when there will be enough."""
    rate = report.rate
    pace = "" if rate.per_minute is None else f", {figure(rate.per_minute)} a minute"
    missing = report.reasons[0].detail if report.reasons else ""
    eta = (
        "no telling when there will be enough"
        if rate.eta_minutes is None
        else f"enough in about {counted(max(round(rate.eta_minutes), 1), 'minute')}"
    )
    asked = f"asked again in {seconds:.0f} s"
    return f"waiting: {counted(rate.events, 'event')}{pace}; {missing}; {eta}; {asked}"
