"""Ask again when more has come, until there is enough to tell.

A pass reads the whole source, so it is made again only when the rate says that enough may
have come: after half of what is still missing, and never more often than once a second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Protocol

from stairway.app.gate.asked import Asked
from stairway.app.gate.listen import field_map
from stairway.app.gate.once import gated
from stairway.app.gate.report import GateReport
from stairway.app.gate.source import opened
from stairway.app.progress import Silent
from stairway.base.errors import ConfigError, NoRecordsError
from stairway.base.verdict import Inconclusive
from stairway.supervision.field_map import Opening

_LEAST_S, _MOST_S = 1.0, 60.0


class Line(Protocol):
    """Somebody who is told how it stands."""

    def say(self, report: GateReport, seconds: float) -> None:
        """Hear what there is so far, and for how many seconds nothing is asked."""
        ...


def waited(asked: Asked, line: Line) -> GateReport:
    """Ask until the answer is a pass or a refusal.

    Raises
    ------
    ConfigError
        If the source is standard input, which ends, or whatever ``gate`` raises.
    """
    if asked.source == "-":
        msg = "standard input is read once and cannot be waited for; leave out --wait"
        raise ConfigError(msg)
    while True:
        report = gated(asked, Silent())
        if not isinstance(report.verdict, Inconclusive):
            return report
        seconds = pause(report)
        line.say(report, seconds)
        more(asked, report.marks[1], seconds)


def pause(report: GateReport) -> float:
    """Seconds until it is worth asking again."""
    eta = report.rate.eta_minutes
    return _LEAST_S if eta is None else min(max(eta * 30.0, _LEAST_S), _MOST_S)


def more(asked: Asked, mark: Mapping[str, Any], seconds: float) -> None:
    """Return once the pause is over and there is more than when ``mark`` was made."""
    begun = time.monotonic()
    mapped = field_map(asked)
    try:
        with closing(opened(asked.source, mapped.source if mapped else Opening())) as feed:
            while feed.mark() == mark and not feed.wait(_MOST_S):
                pass
    except NoRecordsError:
        pass
    time.sleep(max(seconds - (time.monotonic() - begun), 0.0))
