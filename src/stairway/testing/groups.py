"""The promises of :class:`stairway.events.ports.Group`, as tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stairway.base.errors import ConfigError, ConflictError
from stairway.events.delivery import Delivery, GroupRules
from stairway.events.envelope import Head
from stairway.events.ports import EventLog, Group
from stairway.testing.log import DURABLE, TELEMETRY, OpenLog

NOW_NS = 1_700_000_000_000_000_000
HOUR_NS = 3_600_000_000_000


def group_rules(**changes: object) -> GroupRules:
    """Return rules for a group that is made and thrown away, with ``changes``."""
    usual: dict[str, object] = {"streams": (DURABLE,), "lease_ms": 1_000, "tries": 5}
    return GroupRules(**(usual | changes))  # type: ignore[arg-type] -- checked by GroupRules


def _log(open_log: OpenLog, folder: Path, events: int) -> EventLog:
    log = open_log(folder)
    log.append(DURABLE, [b"event %d" % n for n in range(1, events + 1)])
    return log


def _positions(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.envelope.position for delivery in deliveries]


class GroupContract:
    """Subclass, provide an ``open_log`` fixture (an ``OpenLog``), and pytest does the rest.

    Time is handed in. An engine whose leases follow the clock of a server overrides
    ``wait_out`` and waits there.
    """

    lease_ms = 1_000

    def wait_out(self, group: Group, now_ns: int, rules: GroupRules) -> int:
        """Let every lease run out, and return the time then; takes nothing."""
        for _ in range(16):
            now_ns += rules.lease_ms * 125_000
            assert group.take("nobody", 0, now_ns) == ()
        return now_ns

    def rules(self, **changes: object) -> GroupRules:
        """Return rules with the lease of this class, and ``changes``."""
        return group_rules(**({"lease_ms": self.lease_ms} | changes))

    def test_a_new_group_begins_at_the_first_event(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """What was there before the group is delivered too, in order and once."""
        log = _log(open_log, tmp_path, 7)
        group = log.group("desk", self.rules())
        first = group.take("a", 3, NOW_NS)
        rest = group.take("a", 99, NOW_NS)
        assert _positions([*first, *rest]) == [1, 2, 3, 4, 5, 6, 7]
        assert [d.envelope for d in (*first, *rest)] == list(log.read(DURABLE))
        assert {d.tries for d in (*first, *rest)} == {1}
        assert len({d.token for d in (*first, *rest)}) == len([*first, *rest])
        log.append(DURABLE, [b"later"])
        log.flush()
        assert _positions(group.take("a", 99, NOW_NS)) == [8]
        group.close()
        log.close()

    def test_an_event_is_held_by_one_consumer_at_a_time(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Consumers share the work, each with the group opened on its own."""
        log = _log(open_log, tmp_path, 4)
        log.flush()
        one, two = (log.group("desk", self.rules()) for _ in range(2))
        mine = one.take("a", 3, NOW_NS)
        assert _positions(two.take("b", 99, NOW_NS)) == [4]
        assert two.take("b", 99, NOW_NS) == ()
        assert (one.pending(), two.pending()) == (4, 4)
        one.ack(mine)
        assert two.pending() == 1
        for group in (one, two):
            group.close()
        log.close()

    def test_what_was_acknowledged_never_comes_back(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Also not when every lease has run out; acknowledging twice is refused."""
        log = _log(open_log, tmp_path, 3)
        rules = self.rules()
        group = log.group("desk", rules)
        done = group.take("a", 2, NOW_NS)
        group.ack(done)
        group.ack(())
        later_ns = self.wait_out(group, NOW_NS, rules)
        assert _positions(group.take("a", 99, later_ns)) == [3]
        with pytest.raises(ConflictError):
            group.ack(done)
        assert group.pending() == 1
        group.close()
        log.close()

    def test_an_event_whose_lease_ran_out_is_delivered_again(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """To somebody else, with one more try, another token, and before what is new."""
        log = _log(open_log, tmp_path, 3)
        rules = self.rules()
        group = log.group("desk", rules)
        (lost,) = group.take("a", 1, NOW_NS)
        later_ns = self.wait_out(group, NOW_NS, rules)
        again, new = group.take("b", 2, later_ns)
        assert again.envelope == lost.envelope
        assert (again.tries, new.tries) == (2, 1)
        assert again.token > lost.token
        assert _positions([new]) == [2]
        group.ack([again])
        group.close()
        log.close()

    def test_a_consumer_whose_lease_was_taken_over_cannot_acknowledge(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """And with the one that it lost, none is acknowledged."""
        log = _log(open_log, tmp_path, 3)
        rules = self.rules()
        group = log.group("desk", rules)
        slow = group.take("a", 1, NOW_NS)
        later_ns = self.wait_out(group, NOW_NS, rules)
        (again,) = group.take("b", 1, later_ns)
        kept = group.take("a", 1, later_ns)
        with pytest.raises(ConflictError, match="1"):
            group.ack([*kept, *slow])
        with pytest.raises(ConflictError):
            group.fail(slow[0], "too slow", later_ns)
        assert group.pending() == len([*kept, again])
        group.ack([*kept, again])
        assert group.pending() == 0
        group.close()
        log.close()

    def test_an_event_that_was_given_back_is_delivered_at_once(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Before any lease runs out; who gave it back does not hold it any more."""
        log = _log(open_log, tmp_path, 2)
        group = log.group("desk", self.rules())
        (first,) = group.take("a", 1, NOW_NS)
        group.fail(first, "no price", NOW_NS)
        assert group.pending() == 1
        with pytest.raises(ConflictError):
            group.ack([first])
        again = group.take("b", 99, NOW_NS)
        assert [(d.envelope.position, d.tries) for d in again] == [(1, 2), (2, 1)]
        group.close()
        log.close()

    def test_a_poisonous_event_becomes_a_dead_letter_and_holds_nothing_up(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """After the last try, with its last cause; it stays in its stream."""
        log = _log(open_log, tmp_path, 3)
        group = log.group("desk", self.rules())
        done: list[int] = []
        for n in range(1, 12):
            for delivery in group.take("a", 99, NOW_NS + n):
                if delivery.envelope.payload == b"event 2":
                    assert delivery.tries == n
                    group.fail(delivery, f"poison {n}", NOW_NS + n)
                else:
                    group.ack([delivery])
                    done.append(delivery.envelope.position)
        assert done == [1, 3]
        assert group.pending() == 0
        (letter,) = group.dead_letters()
        assert (letter.stream, letter.position, letter.tries) == (DURABLE, 2, 5)
        assert letter.cause == "poison 5"
        assert letter.given_up_ns == NOW_NS + 5
        assert [e.position for e in log.read(DURABLE)] == [1, 2, 3]
        group.close()
        log.close()

    def test_an_event_that_kills_its_consumers_becomes_a_dead_letter(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Leases that run out count as tries, and the cause says so."""
        log = _log(open_log, tmp_path, 1)
        rules, now_ns = self.rules(tries=2), NOW_NS
        group = log.group("desk", rules)
        for n in (1, 2):
            assert [d.tries for d in group.take("a", 9, now_ns)] == [n]
            now_ns = self.wait_out(group, now_ns, rules)
        assert group.take("a", 9, now_ns) == ()
        (letter,) = group.dead_letters()
        assert (letter.position, letter.tries) == (1, 2)
        assert "lease" in letter.cause
        assert group.pending() == 0
        group.close()
        log.close()

    def test_a_group_outlives_its_consumers_and_its_log(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Opened again it goes on: what was pending is pending, what was done is done."""
        log = _log(open_log, tmp_path, 5)
        rules = self.rules(tries=1)
        group = log.group("desk", rules)
        done, held, poison = group.take("a", 3, NOW_NS)
        group.ack([done])
        group.fail(poison, "poison", NOW_NS)
        group.close()
        log.close()
        log = open_log(tmp_path)
        group = log.group("desk", rules)
        assert group.pending() == 1
        assert [letter.position for letter in group.dead_letters()] == [3]
        assert _positions(group.take("b", 99, NOW_NS)) == [4, 5]
        group.ack([held])
        group.close()
        log.close()

    def test_groups_do_not_see_each_other(self, open_log: OpenLog, tmp_path: Path) -> None:
        """What one acknowledges, another still gets."""
        log = _log(open_log, tmp_path, 2)
        one, two = (log.group(name, self.rules()) for name in ("one", "two"))
        one.ack(one.take("a", 9, NOW_NS))
        assert _positions(two.take("a", 9, NOW_NS)) == [1, 2]
        assert (one.pending(), two.pending()) == (0, 2)
        for group in (one, two):
            group.close()
        log.close()

    def test_a_group_may_read_several_streams(self, open_log: OpenLog, tmp_path: Path) -> None:
        """Those of each in order, also of one that begins after the group."""
        log = _log(open_log, tmp_path, 2)
        group = log.group("desk", self.rules(streams=(DURABLE, TELEMETRY, "late")))
        log.append(TELEMETRY, [b"bar"] * 3)
        seen = list(group.take("a", 99, NOW_NS))
        log.append("late", [b"late"])
        log.append("unread", [b"unread"])
        log.flush()
        seen += group.take("a", 99, NOW_NS)
        for stream, count in ((DURABLE, 2), (TELEMETRY, 3), ("late", 1), ("unread", 0)):
            mine = [d.envelope.position for d in seen if d.envelope.stream == stream]
            assert mine == [*range(1, count + 1)]
        group.ack(seen)
        assert group.pending() == 0
        group.close()
        log.close()

    def test_a_group_of_that_name_with_other_streams_is_refused(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Or events of a new stream would have been passed by. Lease and tries may change."""
        log = _log(open_log, tmp_path, 1)
        log.group("desk", self.rules()).close()
        with pytest.raises(ConfigError, match=TELEMETRY):
            log.group("desk", self.rules(streams=(DURABLE, TELEMETRY)))
        log.group("desk", self.rules(lease_ms=7, tries=2)).close()
        log.close()

    @pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "../a", "ä", "a" * 129])
    def test_a_name_that_is_none_makes_no_group(
        self, open_log: OpenLog, tmp_path: Path, name: str
    ) -> None:
        """Names of groups and of their streams are plain ASCII."""
        log = _log(open_log, tmp_path, 1)
        with pytest.raises(ConfigError, match="name for a group"):
            log.group(name, self.rules())
        with pytest.raises(ConfigError, match="name for a stream"):
            log.group("desk", self.rules(streams=(name,)))
        log.close()

    @pytest.mark.parametrize("jump_ns", [-HOUR_NS, 0, HOUR_NS])
    def test_no_lease_ends_early_because_a_clock_was_set(
        self, open_log: OpenLog, tmp_path: Path, jump_ns: int
    ) -> None:
        """Back, not at all, or ahead by an hour at once."""
        log = _log(open_log, tmp_path, 1)
        group = log.group("desk", self.rules())
        (held,) = group.take("a", 9, NOW_NS)
        for _ in range(9):
            assert group.take("b", 9, NOW_NS + jump_ns) == ()
        group.ack([held])
        group.close()
        log.close()

    def test_consumers_may_open_the_log_to_read_only(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """They are other processes than the writer's."""
        log = _log(open_log, tmp_path, 3)
        log.flush()
        reader = open_log(tmp_path, read_only=True)
        group = reader.group("desk", self.rules())
        group.ack(group.take("a", 2, NOW_NS))
        log.append(DURABLE, [b"more"])
        log.flush()
        assert _positions(group.take("a", 9, NOW_NS)) == [3, 4]
        group.close()
        reader.close()
        assert log.head(DURABLE) == Head(4, log.head(DURABLE).hash)
        log.close()
