"""Which instant parts before from after: said as a time, or asked of whatever knows it.

=====================  ==========================================================
``2026-03-02T11:00Z``  that instant; a zone must be there, since hours would be guessed
``1772449200``         seconds, milli-, micro- or nanoseconds since 1970, by their number
``last-deploy``        the newest line of ``deployments.jsonl`` (``stairway deployed``)
``last-deploy:FILE``   the newest line of that file (``stairway deployed --file FILE``)
``systemd:UNIT``       when the unit last became active
``docker:CONTAINER``   when the container was last started
=====================  ==========================================================
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec

from stairway.app.gate.deployments import DEPLOYMENTS, newest, newest_ns
from stairway.app.gate.instants import instant, said
from stairway.base.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\\-]*\Z")
_WAIT_S = 20


class Cutover(msgspec.Struct, frozen=True):
    """An instant, and where it was found.

    Attributes
    ----------
    at_ns
        The instant. An event at it belongs to *after*.
    asked
        What ``--after`` said.
    origin
        In a few words, where the instant comes from.
    """

    at_ns: int
    asked: str
    origin: str


def cutover(asked: str, now_ns: int, deployments: Path = DEPLOYMENTS) -> Cutover:
    """Find the instant that ``--after`` asks for.

    Raises
    ------
    ConfigError
        If it says nothing that is understood, nobody knows the instant, or it is to come.

    Examples
    --------
    >>> cutover("2026-03-02T11:00:00Z", now_ns=2 * 10**18).at_ns
    1772449200000000000
    >>> cutover("1772449200", now_ns=2 * 10**18).at_ns
    1772449200000000000
    """
    found = _found(asked.strip(), deployments)
    if found.at_ns > now_ns:
        away = _apart(found.at_ns, now_ns)
        msg = (
            f"the cutover {said(found.at_ns)} lies in the future, {away} from now; give an "
            "instant that has passed, with its zone"
        )
        raise ConfigError(msg)
    return found


def _found(asked: str, deployments: Path) -> Cutover:
    kind, _, name = asked.partition(":")
    if kind == "last-deploy":
        path = Path(name) if name else deployments
        return Cutover(newest_ns(path), asked, f"deployed then: {newest(path).what}")
    if kind in {"systemd", "docker"}:
        if not _NAME.match(name):
            msg = f"{asked!r} names no {kind} unit or container; write {kind}:NAME"
            raise ConfigError(msg)
        at_ns = _unit(name) if kind == "systemd" else _container(name)
        return Cutover(at_ns, asked, f"{kind} says that {name} was started then")
    return Cutover(instant(asked, f"--after {asked!r}"), asked, "as given")


def _unit(name: str) -> int:
    command = ["systemctl", "show", "--timestamp=us+utc", "--property=ActiveEnterTimestamp"]
    text = _asked([*command, "--", name], name).partition("=")[2]
    if not text:
        msg = f"systemd does not know when {name} became active; see: systemctl status {name}"
        raise ConfigError(msg)
    day, clock = text.split()[1:3]
    return instant(f"{day}T{clock}+00:00", f"what systemd says of {name}, {text!r},")


def _container(name: str) -> int:
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}}", "--", name]
    text = _asked(command, name)
    if text.startswith("0001-"):
        msg = f"the container {name} was never started; see: docker ps -a"
        raise ConfigError(msg)
    return instant(text, f"what docker says of {name}, {text!r},")


def _asked(command: list[str], name: str) -> str:
    """Run a command that only reads, and return the line that it prints."""
    try:
        done = subprocess.run(  # noqa: S603 - the name was matched against what names may be
            command, capture_output=True, text=True, timeout=_WAIT_S, check=False
        )
    except FileNotFoundError as error:
        msg = f"{command[0]} is not installed here, so nobody knows when {name} was started"
        raise ConfigError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"{command[0]} did not answer within {_WAIT_S} s about {name}; give the instant"
        raise ConfigError(msg) from error
    if done.returncode != 0:
        why = done.stderr.strip().splitlines() or ["no reason given"]
        msg = f"{command[0]} does not say when {name} was started: {why[0]}"
        raise ConfigError(msg)
    return done.stdout.strip()


def _apart(later_ns: int, earlier_ns: int) -> str:
    hours = (later_ns - earlier_ns) / 3_600e9
    for unit, size in (("days", 24.0), ("hours", 1.0)):
        if hours >= 2 * size:
            return f"{hours / size:.0f} {unit}"
    return f"{60 * hours:.0f} minutes"
