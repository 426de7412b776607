"""The log of a run, wherever it is kept: in the run's folder, or with an engine elsewhere.

``run.json`` names the engine by its URL without the password. The whole URL, secrets
included, travels in the environment (``STAIRWAY_LOG``), where child processes find it and
neither a list of processes nor a file does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl, urlencode

import msgspec

from stairway.adapters.journal.settings import Settings
from stairway.adapters.logs import sqlite
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.entries import entry, utc
from stairway.app.record.place import (
    EMBEDDED,
    VARIABLE,
    Place,
    lies_in,
    scheme,
    shown,
    split,
    whole,
)
from stairway.app.record.wiring import wired
from stairway.base.errors import ConfigError, DamagedLogError, NoLogError, RecordError
from stairway.base.verdict import Pass, Verdict
from stairway.events.ports import EventLog
from stairway.market.bars import PairBar

_EVERY = 50
_PATIENCE_S = 5.0
RUN = "run"
"""Stream whose first event says how a run began."""

_UNFIT = re.compile(r"[^a-z0-9]+")


def chosen(url: str | None, run: Path) -> str | None:
    """Take the URL that a person gave; return it as ``run.json`` may show it.

    Where it does not name a log, the log is called as the run's folder is; it has one
    writer, the run.

    Raises
    ------
    ConfigError
        If it names no engine.
    """
    if url is None:
        return None
    whole_url = named(url, run)
    os.environ[VARIABLE] = whole_url
    return shown(whole_url)


def named(url: str, run: Path) -> str:
    """Call the log as the run's folder is, where ``url`` leaves it open."""
    parts = split(url)
    options = dict(parse_qsl(parts.query))
    options.setdefault("log", _UNFIT.sub("-", run.absolute().name.lower()).strip("-") or "run")
    if scheme(url) == "postgresql":
        options.setdefault("writers", "one")
    return parts._replace(query=urlencode(options)).geturl()


def is_named(url: str, kept: str, variable: str = VARIABLE) -> bool:
    """Say whether ``url`` may be the one that ``run.json`` shows as ``kept``; take it if so.

    It may leave out what ``run.json`` knows, such as the name of the log.
    """
    said, known = shown(url).partition("?"), kept.partition("?")
    if said[0] != known[0] or not set(parse_qsl(said[2])) <= set(parse_qsl(known[2])):
        return False
    os.environ[variable] = url
    return True


def open_run(
    folder: Path, settings: Settings, url: str | None, *, read_only: bool = False
) -> EventLog:
    """Open the log of the run whose log folder is ``folder``.

    Parameters
    ----------
    url
        As ``run.json`` shows it; ``None`` where the log is embedded.

    Raises
    ------
    ConfigError
        If it cannot be opened as it is.
    DamagedLogError
        If it is not what was written.
    """
    if url is None or (read_only and lies_in(folder)):
        return sqlite.open_log(
            folder, msgspec.convert(msgspec.to_builtins(settings), sqlite.Config),
            read_only=read_only,
        )  # fmt: skip
    plugin, config = wired(scheme(url), settings)
    return plugin.open_log(folder, config, url=whole(url), read_only=read_only)


@runtime_checkable
class Watched(Protocol):
    """A log that can say how it is."""

    def health(self) -> Verdict:
        """Say whether new risk may be taken on."""
        ...


@runtime_checkable
class Forwarded(Watched, Protocol):
    """A log that somebody else gets too, later."""

    def catch_up(self, timeout_s: float) -> bool:
        """Wait until he has it all; False if he has not in time."""
        ...


def watched(bars: Iterable[PairBar], log: EventLog) -> Iterator[PairBar]:
    """Yield bars for as long as what they lead to can be recorded.

    Raises
    ------
    RecordError
        Once the log refuses new risk: a full disk, a reader that is stuck, an engine that
        wants a person. What was recorded is kept, and the run is finished by ``--resume``.
    """
    for number, bar in enumerate(bars):
        if number % _EVERY == 0 and isinstance(log, Watched):
            verdict = log.health()
            if not isinstance(verdict, Pass):
                why = "; ".join(finding.detail for finding in verdict.findings)
                msg = (
                    f"the record refuses new risk: {why}. See to it, then finish with --resume"
                )
                raise RecordError(msg)
        yield bar


def unsent(log: EventLog) -> str | None:
    """Say why an engine elsewhere has not got everything; wait a moment for it first."""
    if not isinstance(log, Forwarded) or log.catch_up(_PATIENCE_S):
        return None
    verdict = log.health()
    return "; ".join(finding.detail for finding in verdict.findings) or "it is slow"


def left_behind(log: EventLog) -> tuple[str, ...]:
    """Say what an engine elsewhere has not got of a run; wait a moment for it first."""
    why = unsent(log)
    if why is None:
        return ()
    sentence = (
        f"the record is whole in the run's folder, but not all of it was sent on ({why}); see "
        "to it, and stairway run --resume sends the rest"
    )
    return (sentence,)


def send_rest(folder: Path, settings: Settings, url: str | None) -> tuple[str, ...]:
    """Send on what an engine elsewhere lacks of a finished log; say what is still missing."""
    if url is None or not lies_in(folder):
        return ()
    with closing(open_run(folder, settings, url)) as log:
        return left_behind(log)


def require_usable(url: str, folder: Path, settings: Settings) -> None:
    """Refuse an address that a new run cannot use, before any work is done.

    A Redis that is out of reach can be caught up with later; a PostgreSQL cannot.

    Raises
    ------
    ConfigError
        If it has no such form, names the embedded engine, the server refuses us, or a run is
        on record there already.
    """
    name = scheme(url)
    if name == EMBEDDED:
        msg = "the embedded log lies in the run's folder: leave out --log"
        raise ConfigError(msg)
    plugin, config = wired(name, settings)
    address = named(url, folder)
    plugin.require_usable(address, config)
    try:
        log = plugin.open_log(None, config, url=address, read_only=True)
    except (NoLogError, RecordError):
        return
    with closing(log) as there:
        _require_unused(there, shown(address))


def _held(log: EventLog, streams: tuple[str, ...]) -> str:
    if RUN not in streams:
        return f"{len(streams)} streams, and no run"
    try:
        first = next(log.read(RUN))
    except ConfigError:
        return "a run whose first events were archived"
    seed = entry(first).fact.get("seed")
    return f"a run that was begun at {utc(first.recorded_ns)}, seed {seed}"


def _require_unused(log: EventLog, address: str) -> None:
    streams = log.streams()
    if not streams:
        return
    msg = (
        f"{address} holds {_held(log, streams)}: a log is one run's. Name this one otherwise "
        "(?log=NAME, or another --out), or go on with that one from its folder: stairway run "
        "--resume FOLDER"
    )
    raise ConfigError(msg)


def require_whole(folder: Path, url: str | None) -> None:
    """Refuse a log that is not what was written.

    Raises
    ------
    DamagedLogError
        Naming stream, position and cause.
    """
    place = Place(folder) if lies_in(folder) or url is None else Place(None, whole(url))
    complaints = check(place, Silent()).complaints
    if complaints:
        raise DamagedLogError(complaints[0])
