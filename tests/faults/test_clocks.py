"""Clocks that stand still, go back and jump: order is by position, and no lease ends early."""

from __future__ import annotations

import os

import msgspec
import numpy as np
import pytest

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.events import group as groups
from stairway.testing.groups import HOUR_NS, NOW_NS, group_rules
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())
RUNS = 200 if os.environ.get("STAIRWAY_PROFILE") == "long" else 5
LEASE_NS = 1_000_000_000
FAULTS = ("back an hour", "ahead an hour", "stands still", "goes back and forth")


def clock_of(fault, rng):
    """Yield (what a clock shows, what time has really passed), both in nanoseconds."""
    passed_ns, error_ns, at = 0, 0, int(rng.integers(3, 12))
    for n in range(60):
        step_ns = int(rng.integers(0, LEASE_NS // 12))
        passed_ns += step_ns
        if fault == "stands still" and n > at:
            error_ns -= step_ns
        elif n == at and fault != "stands still":
            error_ns = HOUR_NS if fault == "ahead an hour" else -HOUR_NS
        elif fault == "goes back and forth" and n % 7 == 0:
            error_ns = -HOUR_NS - error_ns
        yield NOW_NS + passed_ns + error_ns, passed_ns


def watch_leases(folder, fault, rng):
    """Hold events and let another ask for them all the while; count what came early."""
    log = open_log(folder, CONFIG)
    log.append("fill", [b"x"] * 5)
    group = log.group("desk", group_rules())
    early = late = 0
    since_ns = {}
    for now_ns, passed_ns in clock_of(fault, rng):
        for delivery in group.take("b", 9, now_ns):
            place = delivery.envelope.position
            if place in since_ns:
                early += passed_ns - since_ns[place] < LEASE_NS
                late += 1
            since_ns[place] = passed_ns
    group.close()
    log.close()
    return early, late


@pytest.mark.parametrize("fault", FAULTS)
def test_no_lease_ends_early_whatever_the_clock_does(tmp_path, figures, fault):
    early = again = 0
    for seed in range(RUNS):
        found = watch_leases(tmp_path / str(seed), fault, np.random.default_rng(seed))
        early, again = early + found[0], again + found[1]
    assert early == 0
    # Where the clock goes on to show the time that passes, leases do run out.
    assert (again > 0) == (fault in {"ahead an hour", "goes back and forth"})
    figures(12, f"the clock of consumers: {fault}", runs=RUNS,
            leases_ended_early=early, delivered_again=again)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("fault", ["ahead an hour"])
def test_leases_by_the_wall_clock_are_seen_to_end_early(tmp_path, figures, monkeypatch, fault):
    def believe(state, _rules, now_ns):
        return msgspec.structs.replace(state, own_ns=now_ns - NOW_NS + 1, seen_ns=now_ns)

    monkeypatch.setattr(groups, "ticked", believe)
    early = 0
    for seed in range(10):
        early += watch_leases(tmp_path / str(seed), fault, np.random.default_rng(seed))[0]
    assert early > 0
    figures(12, "planted: leases by the wall clock", noticed=early)


@pytest.mark.parametrize("fault", FAULTS)
def test_events_keep_the_order_in_which_they_were_appended(tmp_path, figures, fault):
    for seed in range(RUNS):
        rng, wanted = np.random.default_rng(seed), []
        readings = [now_ns for now_ns, _ in clock_of(fault, rng)]
        assert fault == "ahead an hour" or readings != sorted(set(readings))
        clock = iter(readings)
        log = open_log(tmp_path / str(seed), CONFIG, clock_ns=lambda clock=clock: next(clock))
        for n in range(len(readings)):
            stream = ("fill", "timing")[n % 2]
            log.append(stream, [b"%d" % n])
            wanted.append(b"%d" % n)
        events = [e for s in log.streams() for e in log.read(s)]
        log.close()
        assert [e.payload for e in sorted(events, key=lambda e: e.recorded_ns)] == wanted
        for stream in ("fill", "timing"):
            mine = [e for e in events if e.stream == stream]
            assert [e.position for e in mine] == [*range(1, 31)]
    figures(12, f"the clock of the writer: {fault}", runs=RUNS, out_of_order=0)
