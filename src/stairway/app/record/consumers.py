"""Who consumes a log, how far each group has come, and what it gave up on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from shlex import quote
from shutil import get_terminal_size
from textwrap import fill

import msgspec

from stairway.adapters.journal.group_files import GroupFiles, no_group
from stairway.app.record.entries import utc
from stairway.app.record.place import Place, opened, server_of, shipped
from stairway.app.record.wiring import wired
from stairway.base.errors import ConfigError
from stairway.events import group as rules
from stairway.events.delivery import DeadLetter
from stairway.events.group import Held
from stairway.events.ports import EventLog, Groups

_WIDE = 79


class Reads(msgspec.Struct, frozen=True):
    """A stream that a group reads.

    Attributes
    ----------
    handed_out
        Last position that was delivered at all.
    lag
        Events behind it.
    pending
        Events that were delivered and not acknowledged.
    given_back
        How many of those wait for somebody to take them again.
    oldest, oldest_recorded
        Position and recording time of the first of those; ``None`` where none is pending.
    """

    stream: str
    handed_out: int
    lag: int
    pending: int
    given_back: int
    oldest: int | None
    oldest_recorded: str | None


class Letter(msgspec.Struct, frozen=True):
    """An event that a group gave up on, and that nobody has dealt with."""

    stream: str
    position: int
    tries: int
    cause: str
    given_up: str


class GroupLook(msgspec.Struct, frozen=True):
    """One group."""

    group: str
    streams: tuple[Reads, ...]
    dead: tuple[Letter, ...]


class Consumers(msgspec.Struct, frozen=True):
    """All groups of a log."""

    log: str
    groups: tuple[GroupLook, ...]

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self, width: int | None = None) -> str:
        """Say it in lines of at most ``width`` characters, causes wrapped."""
        width = width or get_terminal_size().columns
        if not self.groups:
            return f"no group consumes {self.log}\n"
        return "".join(_group_text(self.log, one, width) for one in self.groups)


def consumers(place: Place) -> Consumers:
    """Look at every group of the log at ``place``; changes nothing.

    Raises
    ------
    ConfigError
        If there is no such log, or its engine keeps no groups.
    DamagedLogError
        If what a group remembers is not what was written.
    """
    with closing(opened(place)) as log, _shelves(place) as shelves:
        looks = [_look(log, shelf, name) for shelf in shelves for name in shelf.names()]
    return Consumers(str(place), tuple(looks))


@contextmanager
def _shelves(place: Place) -> Generator[list[Groups]]:
    """Open what keeps the groups of a log: files beside it, or the server, or both."""
    with ExitStack() as stack:
        shelves: list[Groups] = []
        if place.folder is not None:
            shelves.append(GroupFiles(place.folder))
        server = server_of(place)
        if server is not None:
            plugin, config = wired(server.engine, shipped())
            if not hasattr(plugin, "groups"):
                msg = f"the groups of {place} cannot be looked at: its engine shows none"
                raise ConfigError(msg)
            shelves.append(stack.enter_context(closing(plugin.groups(server.url, config))))
        yield shelves


def needed(place: Place) -> dict[str, int]:
    """Return the first position of each stream that some group is not done with.

    Raises
    ------
    DamagedLogError
        If what a group remembers is not what was written.
    RecordError
        If a server that keeps groups does not answer: nobody knows then what they need.
    """
    with _shelves(place) as shelves:
        states = [shelf.state(name) for shelf in shelves for name in shelf.names()]
    return rules.first_needed(states)


def give_again(place: Place, group: str, stream: str, position: int) -> None:
    """Give a dead letter back to its group: whoever takes next has it, with all its tries.

    Raises
    ------
    ConfigError
        If there is no such letter, or its event has left the server for an archive, where
        consumers would not find it.
    """
    with closing(opened(place)) as log, _shelf_of(place, group) as groups:
        number, letter = _letter(groups, group, stream, position)
        _require_at_hand(place, log, letter)
        groups.change(group, lambda state: rules.revived(state, number, letter))


def settle(place: Place, group: str, stream: str, position: int) -> None:
    """Lay a dead letter aside: somebody has seen to it.

    Raises
    ------
    ConfigError
        If there is no such letter.
    """
    with _shelf_of(place, group) as groups:
        number, _ = _letter(groups, group, stream, position)
        groups.change(group, lambda state: rules.settled(state, number))


@contextmanager
def _shelf_of(place: Place, group: str) -> Generator[Groups]:
    with _shelves(place) as shelves:
        holders = [shelf for shelf in shelves if group in shelf.names()]
        if not holders:
            there = tuple(name for shelf in shelves for name in shelf.names())
            raise no_group(group, there)
        yield holders[0]


def _letter(groups: Groups, group: str, stream: str, position: int) -> tuple[int, DeadLetter]:
    letters = rules.unsettled(groups.state(group), groups.letters(group))
    for number, one in letters.items():
        if (one.stream, one.position) == (stream, position):
            return number, one
    known = ", ".join(f"{one.stream} {one.position}" for one in letters.values()) or "none"
    msg = f"group {group!r} has no dead letter {stream} {position}; there are: {known}"
    raise ConfigError(msg)


def _require_at_hand(place: Place, log: EventLog, letter: DeadLetter) -> None:
    url = None if place.folder is not None else server_of(place)
    if url is not None:
        plugin, config = wired(url.engine, shipped())
        with closing(plugin.kept(url.url, config)) as kept:
            gone = kept.forgotten(letter.stream).position
        if letter.position <= gone:
            msg = (
                f"event {letter.position} of {letter.stream!r} was archived, and consumers "
                "read the server: see to it yourself (stairway log tail), and lay it aside "
                "with --settle"
            )
            raise ConfigError(msg)
    next(log.read(letter.stream, letter.position - 1))


def _look(log: EventLog, groups: Groups, name: str) -> GroupLook:
    state = groups.state(name)
    held: dict[str, list[Held]] = defaultdict(list)
    for one in state.held.values():
        held[one.stream].append(one)
    letters = rules.unsettled(state, groups.letters(name))
    return GroupLook(
        group=name,
        streams=tuple(
            _reads(log, stream, head.position, held[stream])
            for stream, head in sorted(state.cursors.items())
        ),
        dead=tuple(
            Letter(one.stream, one.position, one.tries, one.cause, utc(one.given_up_ns))
            for one in letters.values()
        ),
    )


def _reads(log: EventLog, stream: str, handed_out: int, held: list[Held]) -> Reads:
    oldest = min((one.position for one in held), default=None)
    recorded = None
    if oldest is not None:
        recorded = utc(next(log.read(stream, oldest - 1)).recorded_ns)
    return Reads(
        stream=stream,
        handed_out=handed_out,
        lag=max(0, log.head(stream).position - handed_out),
        pending=len(held),
        given_back=sum(one.until_ns == 0 for one in held),
        oldest=oldest,
        oldest_recorded=recorded,
    )


def _group_text(log: str, one: GroupLook, width: int) -> str:
    wide = max(len("stream"), *(len(each.stream) for each in one.streams))
    lines = [
        one.group,
        f"  {'stream':<{wide}} {'handed out':>10} {'lag':>7} {'pending':>8}  oldest",
    ]
    for each in one.streams:
        oldest = "" if each.oldest is None else f"#{each.oldest}"
        if each.oldest_recorded is not None and width > _WIDE:
            oldest += f" {each.oldest_recorded[:19]}"
        lines.append(
            f"  {each.stream:<{wide}} {each.handed_out:>10,} {each.lag:>7,} {each.pending:>8,}"
            f"  {oldest}".rstrip()
        )
    lines += [_letter_text(letter, width) for letter in one.dead]
    if one.dead:
        first = one.dead[0]
        place = f"{one.group} {first.stream} {first.position}"
        lines.append("  give it back to the group, or lay it aside:")
        lines += [
            f"    stairway log groups {quote(log)} --{how} {place}"
            for how in ("again", "settle")
        ]
    return "\n".join(lines) + "\n"


def _letter_text(letter: Letter, width: int) -> str:
    said = (
        f"dead letter: {letter.stream} #{letter.position}, {letter.tries} tries, given up "
        f"{letter.given_up[:19]}: {letter.cause}"
    )
    return fill(said, max(width, 20), initial_indent="  ", subsequent_indent="    ")
