"""The record on one machine: :mod:`stairway.adapters.journal.log` as a plug-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stairway.adapters.journal import log as journal
from stairway.adapters.journal.log import open_folder as open_log
from stairway.adapters.journal.salvage import lost
from stairway.adapters.journal.settings import Settings
from stairway.base.verdict import Finding, Refuse, Verdict
from stairway.events.envelope import Envelope

__all__ = ["Config", "open_log", "verify"]


class Config(Settings, frozen=True, kw_only=True):
    """Options under ``[log]``."""


def verify(folder: Path, seen: Callable[[Envelope], object] = lambda _: None) -> Verdict:
    """Check every event in ``folder``, as :func:`stairway.adapters.journal.log.verify` does.

    Of a file that SQLite cannot read as a whole it is said which streams can be read all the
    same, up to which position, and which position of each other stream is the first that
    cannot.
    """
    reached: dict[str, int] = {}

    def look(envelope: Envelope) -> None:
        reached[envelope.stream] = envelope.position
        seen(envelope)

    good, found = journal.examined(folder, look)
    if not found:
        return journal.whole(good)
    said = (*(one.said for one in found), *lost(folder, reached, found))
    return Refuse(tuple(Finding("log.damaged", line) for line in said))
