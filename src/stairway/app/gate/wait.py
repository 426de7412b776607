"""Look again when more has come, until there is enough to tell.

1. The first look reads everything; each later one goes on from where the last one ended, and
   the counters are kept. What is written anew each time, packed or as Parquet, is read anew.
2. It is looked at again when the rate says that enough may have come: after half of what is
   still missing, and never more often than once a second.
3. Where what was counted is no longer there (a file that was rotated or truncated, a stream
   that was trimmed), waiting ends without an answer: ``gate.source_changed``.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from stairway.app.gate.asked import Asked
from stairway.app.gate.listen import ROWS, Counting, asked_cutover, opened_as
from stairway.app.gate.once import gated, nothing, reported
from stairway.app.gate.report import GateReport
from stairway.app.gate.rules import policy
from stairway.app.progress import Silent
from stairway.base.errors import ConfigError, NoRecordsError, SourceChangedError
from stairway.base.verdict import Inconclusive
from stairway.supervision.ports import Feed

_LEAST_S, _MOST_S = 1.0, 60.0


class Line(Protocol):
    """Somebody who is told how it stands."""

    def say(self, report: GateReport, seconds: float) -> None:
        """Hear what there is so far, and for how many seconds nothing is asked."""
        ...


def waited(asked: Asked, line: Line) -> GateReport:
    """Look until the answer is a pass or a refusal, or there is nothing left to wait for.

    Raises
    ------
    ConfigError
        If the source is standard input, which ends, or whatever ``gate`` raises.
    """
    if asked.source == "-":
        msg = "standard input is read once and cannot be waited for; leave out --wait"
        raise ConfigError(msg)
    with closing(Looks(asked)) as looks:
        while True:
            report = looks.again()
            if not isinstance(report.verdict, Inconclusive) or looks.ended:
                return report
            seconds = pause(report)
            line.say(report, seconds)
            looks.rest(seconds)


def pause(report: GateReport) -> float:
    """Seconds until it is worth asking again."""
    eta = report.rate.eta_minutes
    return _LEAST_S if eta is None else min(max(eta * 30.0, _LEAST_S), _MOST_S)


class Looks:
    """Looks at one source, each going on from where the last one ended.

    Attributes
    ----------
    ended
        True where what was counted is gone, so that no look will ever tell.

    Raises
    ------
    ConfigError
        If the cutover or the policy cannot be used.
    """

    def __init__(self, asked: Asked) -> None:
        self.ended = False
        self._asked = replace(asked, waits=True)
        self._bounds, self._cut = policy(asked.policy), asked_cutover(asked)
        self._feed: Feed | None = None
        self._counting: Counting | None = None

    def again(self) -> GateReport:
        """Count what came since, and judge all of it. Raises what ``gate`` raises."""
        try:
            feed = self._feed = self._feed or opened_as(self._asked)
            counting = self._counting or Counting(feed, self._asked, self._cut)
        except NoRecordsError as error:
            self.close()
            return nothing(self._asked, self._bounds, str(error))
        chunks = feed.more(ROWS, counting.columns)
        if chunks is None:
            return gated(self._asked, Silent())
        self._counting = counting
        try:
            counting.add(chunks, Silent())
            report = reported(self._asked, self._bounds, counting.heard(({}, {})))
            if isinstance(report.verdict, Inconclusive):
                return report
            # Looked at once more, from its beginning: what was counted is still there.
            mark = dict(feed.mark())
        except SourceChangedError as error:
            self.ended = True
            heard = counting.heard(({}, {}), changed=str(error))
            return reported(self._asked, self._bounds, heard)
        return reported(self._asked, self._bounds, counting.heard((mark, mark)))

    def rest(self, seconds: float) -> None:
        """Return once the pause is over and something has come meanwhile."""
        begun = time.monotonic()
        if self._feed is not None:
            while not self._feed.wait(_MOST_S):
                pass
        time.sleep(max(seconds - (time.monotonic() - begun), 0.0))

    def close(self) -> None:
        """Let go of the source."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()
