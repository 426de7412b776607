"""Which instant parts before from after: said as a time, or asked of whatever knows it.

=====================  ==========================================================
``2026-03-02T11:00Z``  that instant; a zone must be there, since hours would be guessed
``1772449200``         seconds, milli-, micro- or nanoseconds since 1970, by their number
``last-deploy``        the newest line of ``deployments.jsonl``
``systemd:UNIT``       when the unit last became active
``docker:CONTAINER``   when the container was last started
=====================  ==========================================================
"""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stairway.base.errors import ConfigError

DEPLOYMENTS = Path("deployments.jsonl")
"""One JSON object a line, oldest first: ``at``, and as you like ``commit`` and ``notes``."""

_ALLOWED = "a time like 2026-03-02T11:00:00Z, last-deploy, systemd:UNIT or docker:CONTAINER"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\\-]*\Z")
_FRACTION = re.compile(r"(\.\d{6})\d+")
_UNITS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}
_WAIT_S = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


class _Deployment(msgspec.Struct):
    at: str
    commit: str = ""
    notes: str = ""


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


def said(at_ns: int) -> str:
    """Write an instant, to the microsecond where it has such a fraction.

    Examples
    --------
    >>> said(1772449200000000000)
    '2026-03-02T11:00:00Z'
    """
    seconds, rest = divmod(at_ns, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
    return moment.isoformat().replace("+00:00", "Z")


def _found(asked: str, deployments: Path) -> Cutover:
    kind, _, name = asked.partition(":")
    if asked == "last-deploy":
        return _last_deployment(asked, deployments)
    if kind in {"systemd", "docker"}:
        if not _NAME.match(name):
            msg = f"{asked!r} names no {kind} unit or container; write {kind}:NAME"
            raise ConfigError(msg)
        at_ns = _unit(name) if kind == "systemd" else _container(name)
        return Cutover(at_ns, asked, f"{kind} says that {name} was started then")
    return Cutover(_instant(asked, f"--after {asked!r}"), asked, "as given")


def _instant(text: str, where: str) -> int:
    """Read an instant; raises :class:`ConfigError` if it is none, or might be several."""
    if text.isdigit() and len(text) in _UNITS:
        return int(text) * _UNITS[len(text)]
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError as error:
        msg = f"{where} is no instant; give {_ALLOWED}"
        raise ConfigError(msg) from error
    if moment.tzinfo is None:
        msg = f"{where} has no zone; end it in Z for UTC, or in an offset like +02:00"
        raise ConfigError(msg)
    past = moment - _EPOCH
    return ((past.days * 86_400 + past.seconds) * 10**6 + past.microseconds) * 1_000


def _last_deployment(asked: str, path: Path) -> Cutover:
    how = """write a line such as {"at": "2026-03-02T11:00:00Z", "commit": "4f1c2d"}"""
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    except OSError as error:
        msg = f"no deployment is on record: {path} is not there; {how} into it"
        raise ConfigError(msg) from error
    if not lines:
        msg = f"no deployment is on record: {path} is empty; {how} into it"
        raise ConfigError(msg)
    try:
        last = msgspec.json.decode(lines[-1], type=_Deployment)
    except msgspec.MsgspecError as error:
        msg = f"line {len(lines)} of {path} is no deployment ({error}); {how}"
        raise ConfigError(msg) from error
    at_ns = _instant(last.at, f"the instant {last.at!r} in line {len(lines)} of {path}")
    what = " ".join(part for part in (last.commit, last.notes) if part) or "no notes"
    return Cutover(at_ns, asked, f"deployed then: {what}")


def _unit(name: str) -> int:
    command = ["systemctl", "show", "--timestamp=us+utc", "--property=ActiveEnterTimestamp"]
    text = _asked([*command, "--", name], name).partition("=")[2]
    if not text:
        msg = f"systemd does not know when {name} became active; see: systemctl status {name}"
        raise ConfigError(msg)
    day, clock = text.split()[1:3]
    return _instant(f"{day}T{clock}+00:00", f"what systemd says of {name}, {text!r},")


def _container(name: str) -> int:
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}}", "--", name]
    text = _asked(command, name)
    if text.startswith("0001-"):
        msg = f"the container {name} was never started; see: docker ps -a"
        raise ConfigError(msg)
    return _instant(text, f"what docker says of {name}, {text!r},")


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
