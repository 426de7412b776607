"""A log that a user writes: the suites run over it, and notice one that breaks a promise.

``Memory`` is the whole of an engine in which nothing lasts longer than this process. It is
made of what ``stairway.events`` has for every engine: names, sizes, the chain, and consumer
groups as pure functions over one small state.
"""

from __future__ import annotations

import re
import threading
import time
from functools import wraps
from itertools import islice

import pytest

from stairway.base.errors import ConfigError, ConflictError, DataError, RecordError
from stairway.events import group as groups
from stairway.events.delivery import Delivery
from stairway.events.envelope import Envelope, Head, chain
from stairway.events.fold import in_order
from stairway.events.streams import require_name, require_size
from stairway.testing.groups import GroupContract
from stairway.testing.log import EventLogContract


class Shelf:
    """What outlasts the opening and closing of a log."""

    def __init__(self):
        self.turn = threading.RLock()
        self.streams, self.groups, self.last_ns, self.is_written = {}, {}, 0, False


class Memory:
    """The log, for its only writer or for those who look."""

    def __init__(self, shelf, read_only, clock_ns):
        self._shelf, self._clock_ns, self._is_open = shelf, clock_ns, True
        self._read_only = read_only
        if not read_only and shelf.is_written:
            msg = "a log has one writer: close it there, or open this one with read_only=True"
            raise ConfigError(msg)
        shelf.is_written |= not read_only

    def append(self, stream, payloads, expected=None):
        self.flush()
        if self._read_only:
            msg = "the log was opened with read_only=True: open it for writing"
            raise RecordError(msg)
        require_name(stream)
        for payload in payloads:
            require_size(stream, payload)
        with self._shelf.turn:
            head = self.head(stream)
            if expected not in {None, head.position}:
                msg = f"stream {stream!r} ends at {head.position}, not at {expected}"
                raise ConflictError(msg)
            for payload in payloads:
                self._shelf.last_ns = max(self._clock_ns(), self._shelf.last_ns + 1)
                digest = chain(head.hash, stream, head.position + 1, payload)
                head = Head(head.position + 1, digest)
                event = Envelope(stream, head.position, payload, digest, self._shelf.last_ns)
                self._shelf.streams.setdefault(stream, []).append(event)
            return head

    def flush(self):
        if not self._is_open:
            msg = "the log is closed: open it again"
            raise RecordError(msg)

    def read(self, stream, after=0):
        self.flush()
        return iter(self._shelf.streams.get(stream, [])[after:])

    def head(self, stream):
        events = self._shelf.streams.get(stream)
        return Head(events[-1].position, events[-1].hash) if events else Head()

    def streams(self):
        return tuple(sorted(self._shelf.streams))

    def group(self, name, rules):
        return MemoryGroup(self, self._shelf, name, rules)

    def close(self):
        self._shelf.is_written &= self._read_only or not self._is_open
        self._is_open = False


def alone(method):
    @wraps(method)
    def called(self, *arguments):
        with self._shelf.turn:
            return method(self, *arguments)

    return called


class MemoryGroup:
    """Consumers of a log in memory."""

    def __init__(self, log, shelf, name, rules):
        require_names(name, rules.streams)
        self._log, self._shelf, self._name, self._rules = log, shelf, name, rules
        state, letters = shelf.groups.setdefault(name, (groups.new_group(rules), ()))
        if set(state.cursors) != set(rules.streams):
            msg = f"group {name!r} reads other streams than {', '.join(rules.streams)}"
            raise ConfigError(msg)
        self._keep(state, letters)

    def _keep(self, state, letters):
        self._shelf.groups[self._name] = state, letters

    def _state(self):
        return self._shelf.groups[self._name]

    def _unseen(self, state, count):
        cursors = state.cursors.items()
        fresh = (e for e in in_order(self._log, [*state.cursors])
                 if e.position > dict(cursors)[e.stream].position)  # fmt: skip
        return list(islice(fresh, max(count, 0)))

    @alone
    def take(self, consumer, limit, now_ns):
        state, letters = self._state()
        state = groups.ticked(state, self._rules, now_ns)
        state, again, given_up = groups.taken_over(state, self._rules, consumer, limit)
        old = [self._log._shelf.streams[h.stream][h.position - 1] for h in again.values()]
        new = self._unseen(state, min(limit - len(old), groups.room(state)))
        state, first = groups.taken(state, self._rules, consumer, new)
        self._keep(state, letters + given_up)
        held = again | first
        return tuple(
            Delivery(envelope, held[token].tries, token)
            for token, envelope in zip(held, [*old, *new], strict=True)
        )

    @alone
    def ack(self, deliveries):
        state, letters = self._state()
        self._keep(groups.acknowledged(state, deliveries), letters)

    @alone
    def fail(self, delivery, cause, now_ns):
        state, letters = self._state()
        state, more = groups.given_back(state, self._rules, delivery, cause, now_ns)
        self._keep(state, letters + more)

    @alone
    def pending(self):
        return len(self._state()[0].held)

    @alone
    def dead_letters(self):
        return self._state()[1]

    def close(self):
        pass


def require_names(group, streams):
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", group):
        msg = f"{group!r} is no name for a group"
        raise ConfigError(msg)
    try:
        for stream in streams:
            require_name(stream)
    except DataError as error:
        raise ConfigError(str(error)) from error


def opener(engine):
    shelves = {}

    def opened(folder, *, read_only=False, clock_ns=time.time_ns):
        if read_only and folder not in shelves:
            msg = f"there is no log in {folder}"
            raise ConfigError(msg)
        return engine(shelves.setdefault(folder, Shelf()), read_only, clock_ns)

    return opened


@pytest.fixture
def open_log():
    return opener(Memory)


class TestMemory(EventLogContract):
    """See ``stairway.testing.log`` for what is asked."""


class TestMemoryGroups(GroupContract):
    """See ``stairway.testing.groups`` for what is asked."""


class Overtaking(Memory):
    """Looks at the end of a stream and then forgets what it saw."""

    def append(self, stream, payloads, expected=None):
        del expected
        return super().append(stream, payloads)


class Unchained(Memory):
    """Hashes each event by itself."""

    def head(self, stream):
        return Head(super().head(stream).position)


class Counting(Memory):
    """Believes the clock."""

    def append(self, stream, payloads, expected=None):
        self._shelf.last_ns = 0
        return super().append(stream, payloads, expected)


class Shared(Memory):
    """Lets a second one write."""

    def __init__(self, shelf, read_only, clock_ns):
        shelf.is_written = False
        super().__init__(shelf, read_only, clock_ns)


class Swallowing(Memory):
    """Leaves out what is too large, and says nothing."""

    def append(self, stream, payloads, expected=None):
        return super().append(stream, [p for p in payloads if len(p) < 1_000_000], expected)


class Forgetful(Memory):
    """Keeps nothing between two openings."""

    def __init__(self, shelf, read_only, clock_ns):
        shelf.streams = {}
        super().__init__(shelf, read_only, clock_ns)


def found_wanting(engine, folder):
    """Names of the suite's tests that an engine does not pass."""
    failed = set()
    for name in vars(EventLogContract):
        test = getattr(EventLogContract(), name)
        if not name.startswith("test_"):
            continue
        marks = getattr(test, "pytestmark", ())
        values = next((m.args[1] for m in marks if m.name == "parametrize"), [None])
        argument = next((m.args[0] for m in marks if m.name == "parametrize"), None)
        for n, value in enumerate(values):
            more = {} if argument is None else {argument: value}
            try:
                test(open_log=opener(engine), tmp_path=folder / f"{name}-{n}", **more)
            except (AssertionError, pytest.fail.Exception, ConflictError):
                failed.add(name)
    return failed


def test_the_suite_is_content_with_a_log_that_keeps_its_promises(tmp_path):
    assert found_wanting(Memory, tmp_path) == set()


@pytest.mark.parametrize(
    ("engine", "broken"),
    [
        (Overtaking, "a_wrong_expectation_appends_nothing"),
        (Unchained, "each_event_is_chained_to_the_one_before"),
        (Counting, "recording_times_give_the_order_of_the_calls"),
        (Shared, "two_writers_never_have_the_same_place"),
        (Swallowing, "an_event_that_is_too_large_is_refused_and_all_of_its_append"),
        (Forgetful, "a_log_goes_on_where_it_ended"),
    ],
)
def test_the_suite_goes_red_for_a_log_that_is_deliberately_wrong(tmp_path, engine, broken):
    assert f"test_{broken}" in found_wanting(engine, tmp_path)
