"""What was asked: the source, from where on, against which bounds."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from stairway.app.gate.rules import DEFAULT

_SHOWN = frozenset({"stream"})
_STREAMS = ("redis:", "rediss:")
_RUNNING = ("last-deploy", "systemd:", "docker:")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about one source.

    Attributes
    ----------
    source
        What to read, as it was given; it may carry a password, and is never shown so.
    after
        Where *after* begins, as ``--after`` says it; ``None`` judges all there is.
    policy, field_map
        Bounds, and what the fields of a foreign layout mean.
    waits
        Whether it is asked until there is enough to tell.
    """

    source: str
    after: str | None = None
    policy: str = DEFAULT
    field_map: Path | None = None
    waits: bool = False

    @property
    def live(self) -> bool:
        """Whether it asks about something that goes on: a stream, or since a deployment.

        Examples
        --------
        >>> Asked("redis://localhost/0?stream=a").live, Asked("bot.jsonl").live
        (True, False)
        >>> Asked("bot.jsonl", after="systemd:bot").live
        True
        """
        running = (self.after or "").startswith(_RUNNING)
        return self.waits or running or self.source.startswith(_STREAMS)

    @property
    def shown(self) -> str:
        """The source without its password.

        Examples
        --------
        >>> Asked("redis://bot:secret@localhost/0?stream=a").shown
        'redis://bot@localhost/0?stream=a'
        """
        return shown_source(self.source)

    def command(self, name: str = "gate") -> str:
        """Say the command that asks the same again.

        Examples
        --------
        >>> Asked("bot.jsonl", after="last-deploy").command()
        'stairway gate --source bot.jsonl --policy intraday --after last-deploy'
        """
        said = ["stairway", name, "--source", self.shown]
        if name == "gate":
            said.extend(("--policy", self.policy))
        if self.after is not None:
            said.extend(("--after", self.after))
        if self.field_map is not None:
            said.extend(("--field-map", str(self.field_map)))
        return shlex.join(said)


def shown_source(source: str) -> str:
    """Write a source without its password.

    Examples
    --------
    >>> shown_source("bot.csv.gz")
    'bot.csv.gz'
    """
    if "://" not in source:
        return source
    parts = urlsplit(source)
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    kept = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k in _SHOWN], safe=":/")
    return f"{parts.scheme}://{user}{host}{parts.path}" + (f"?{kept}" if kept else "")
