"""Clocks that stand still, go back and jump: order is by position, and no lease ends early.

Clocks are handed in; one test lies to a whole process instead, through libfaketime.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.verdict import Pass
from stairway.events import group as groups
from stairway.testing.groups import HOUR_NS, NOW_NS, group_rules
from stairway.testing.log import small_settings
from stairway.testing.runs import QUICK

CONFIG = Config(**small_settings())
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
def test_no_lease_ends_early_whatever_the_clock_does(tmp_path, figures, demanded, fault):
    early = again = runs = 0
    for seed in range(demanded(12, f"the clock of consumers: {fault}")["runs"]):
        found = watch_leases(tmp_path / str(seed), fault, np.random.default_rng(seed))
        early, again, runs = early + found[0], again + found[1], runs + 1
    assert early == 0
    # Where the clock goes on to show the time that passes, leases do run out.
    assert (again > 0) == (fault in {"ahead an hour", "goes back and forth"})
    figures(12, f"the clock of consumers: {fault}", runs=runs,
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
def test_events_keep_the_order_in_which_they_were_appended(tmp_path, figures, demanded, fault):
    runs = disordered = 0
    for seed in range(demanded(12, f"the clock of the writer: {fault}")["runs"]):
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
        found = [e.payload for e in sorted(events, key=lambda e: e.recorded_ns)]
        disordered += sum(a != b for a, b in zip(found, wanted, strict=True))
        assert found == wanted
        for stream in ("fill", "timing"):
            mine = [e for e in events if e.stream == stream]
            assert [e.position for e in mine] == [*range(1, 31)]
        runs += 1
    figures(12, f"the clock of the writer: {fault}", runs=runs, out_of_order=disordered)


FAKED = """
import json, sys, time
from pathlib import Path
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.testing.groups import group_rules
from stairway.testing.log import small_settings

log = open_log(Path(sys.argv[1]), Config(**small_settings()))
group = log.group("desk", group_rules(lease_ms=60_000))
log.append("fill", [b"held"] * 5)
assert len(group.take("a", 5, time.time_ns())) == 5
print("ready", flush=True)
for line in sys.stdin:
    log.append("fill", [line.encode()] * 3)
    taken = group.take("b", 9, time.time_ns())
    said = [time.time(), time.strftime("%Z"), [d.envelope.position for d in taken]]
    print(json.dumps(said), flush=True)
group.close()
log.close()
"""
JUMPS = ("+0", "+1h", "-1h")
ZONES = {
    "@2026-03-08 00:30:00": "EST", "@2026-03-08 04:30:00": "EDT",
    "@2026-11-01 00:30:00": "EDT", "@2026-11-01 04:30:00": "EST",
}  # fmt: skip
"""The night in which New York's clocks leave an hour out, and the one that has it twice."""


def liar():
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "scripts/setup.sh tests installs libfaketime, and it is not there"
    return str(found[0])


def test_a_process_that_is_lied_to_about_the_time_keeps_order_and_leases(tmp_path, figures):
    said = tmp_path / "said"
    said.write_text(JUMPS[0])
    lies = {
        "LD_PRELOAD": liar(), "FAKETIME_TIMESTAMP_FILE": str(said), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "America/New_York",
    }  # fmt: skip
    seen = []
    with subprocess.Popen(
        [sys.executable, "-c", FAKED, tmp_path / "log"],
        env=os.environ | lies, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout.readline() == "ready\n"
        for word in (*JUMPS, *ZONES):
            said.write_text(word)
            child.stdin.write(f"{word}\n")
            child.stdin.flush()
            seen.append(json.loads(child.stdout.readline()))
        child.stdin.close()
        assert child.wait() == 0
    # The fault fired: the process believed each word.
    now_s = datetime.now(UTC).timestamp()
    assert [round((told_s - now_s) / 3_600) for told_s, _, _ in seen[:3]] == [0, 1, -1]
    assert [zone for _, zone, _ in seen[3:]] == [*ZONES.values()]
    # What one consumer holds is not handed to the other, though an hour seems to have gone by.
    assert [taken for _, _, taken in seen[:3]] == [[6, 7, 8], [9, 10, 11], [12, 13, 14]]
    assert isinstance(verify(tmp_path / "log"), Pass)
    log = open_log(tmp_path / "log", CONFIG, read_only=True)
    events = list(log.read("fill"))
    log.close()
    assert [e.position for e in events] == [*range(1, 27)]
    times = [e.recorded_ns for e in events]
    disordered = sum(b <= a for a, b in pairwise(times))
    early = sum(position <= 5 for _, _, taken in seen for position in taken)
    figures(12, "the clock of a process, through libfaketime: ahead, back, summer time",
            lies=len(seen), out_of_order=disordered, leases_ended_early=early)  # fmt: skip


RESTING = """
import json, sys, time
import msgspec, numpy as np
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass
from stairway.lifecycle.promotion import cooled
from stairway.lifecycle.rollback import Rest, rested
from stairway.market import calendar
from stairway.testing.climbing import climb_rules

began_ns, bars_ns, session = json.loads(sys.argv[1])
days = msgspec.convert(session, calendar.SessionRules)
rules = msgspec.structs.replace(climb_rules().rollback, cooldown_hours=0.5)
clock = lambda bar_ns: bar_ns
{plant}
rest = rested(Rest(), UtcNs(clock(began_ns)), rules)
print("ready", flush=True)
for line in sys.stdin:
    is_over = isinstance(cooled(UtcNs(clock(int(line))), rest.until_ns, "the slot"), Pass)
    found = calendar.place(np.array(bars_ns), days).day.tolist()
    print(json.dumps([time.time(), is_over, found]), flush=True)
"""
SESSION = {
    "kind": "intraday", "tz": "America/New_York", "close": "24:00", "early_close_days": [],
    "early_by_minutes": 0, "overnight": "hold", "flat_by_close": False, "lead_out_bars": 1,
    "bar_seconds": 3_600, "bars_per_session": 24, "periods_per_year": 8_760.0,
}  # fmt: skip
MINUTE_NS, NIGHTS = 60_000_000_000, ((2026, 3, 7), (2026, 10, 31))


def hours():
    """Bars of three days and nights around those in which the clocks are changed."""
    begun = [int(datetime(*day, 12, tzinfo=UTC).timestamp()) for day in NIGHTS]
    return [(begin + hour * 3_600) * 10**9 for begin in begun for hour in range(72)]


def days_of(bars_ns):
    """Say to which day in New York a bar belongs: the one in which its last moment lies."""
    zone, epoch = ZoneInfo("America/New_York"), date(1970, 1, 1)
    local = [datetime.fromtimestamp(ns / 1e9 - 1e-3, UTC).astimezone(zone) for ns in bars_ns]
    return [(moment.date() - epoch).days for moment in local]


def rest_under_lies(folder, plant=""):
    """Let a slot rest half an hour while the process is lied to; count what is wrong."""
    said, began_ns = folder / "said", time.time_ns()
    said.write_text(JUMPS[0])
    lies = {
        "LD_PRELOAD": liar(), "FAKETIME_TIMESTAMP_FILE": str(said), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "Asia/Tokyo",
    }  # fmt: skip
    words, told = json.dumps([began_ns, hours(), SESSION]), []
    with subprocess.Popen(
        [sys.executable, "-c", RESTING.replace("{plant}", plant), words],
        env=os.environ | lies, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout.readline() == "ready\n"
        # The last bar closes when the rest is over.
        for minute, word in zip((*range(1, 7), 31), (*JUMPS, *ZONES), strict=True):
            said.write_text(word)
            child.stdin.write(f"{began_ns + minute * MINUTE_NS}\n")
            child.stdin.flush()
            told.append(json.loads(child.stdout.readline()))
        child.stdin.close()
        assert child.wait() == 0
    shown = [round((told_s - began_ns / 1e9) / 3_600) for told_s, _, _ in told[:3]]
    assert shown == [0, 1, -1], "the fault did not fire"
    wanted = days_of(hours())
    return {
        "lies": len(told),
        "cooldowns_ended_early": sum(is_over for _, is_over, _ in told[:-1]),
        "cooldowns_ended": int(told[-1][1]),
        "days": len(wanted) * len(told),
        "days_mistaken": sum(
            a != b for _, _, days in told for a, b in zip(days, wanted, strict=True)
        ),
    }


def test_no_cool_down_ends_early_and_no_day_is_mistaken_whatever_the_clock_says(
    tmp_path, figures
):
    found = rest_under_lies(tmp_path)
    figures(
        12, "the clock of a process: cool-downs, and days of the exchange's calendar", **found
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("bug", "plant", "what"),
    [
        (
            "cool-downs by the wall clock",
            "clock = lambda _bar_ns: time.time_ns()",
            "cooldowns_ended_early",
        ),
        (
            "days by the clock of the machine",
            "calendar._utc_offset_ns = lambda ns, _zone: 10**9 * time.localtime().tm_gmtoff",
            "days_mistaken",
        ),
    ],
    ids=["cool-downs", "days"],
)
def test_what_asks_the_machine_for_the_time_is_seen_to_be_wrong(
    tmp_path, figures, bug, plant, what
):
    found = rest_under_lies(tmp_path, plant)
    assert found[what] > 0
    figures(12, f"planted: {bug}", noticed=found[what])


@pytest.mark.long
def test_a_whole_run_is_the_same_under_clocks_that_lie(finished_run, figures):
    """All of it is done again, cool-downs and sessions too, and compared byte by byte."""
    same, lies = 0, ("+1h", "-1h", *ZONES)
    for word in lies:
        faked = {"LD_PRELOAD": liar(), "FAKETIME": word, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "stairway", "replay", finished_run],
            env=os.environ | QUICK | faked | {"TZ": "America/New_York"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        same += 1
    figures(12, "a whole run is replayed under clocks that lie", lies=len(lies), same=same)
