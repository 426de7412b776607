"""Row 21: two to eight promoters race over PostgreSQL and are killed at random.

Exactly one wins each generation, the chain has no gap, and what a promoter was told that it
won is there. Each tells through a pipe what it won; the pipe is read to its end after the
kill.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from stairway.adapters.logs.postgresql import Config, open_log, verify
from stairway.app.policy_store import STREAM, Change, PolicyStore, Signer
from stairway.base.verdict import Pass
from stairway.events.envelope import GENESIS
from stairway.lifecycle.generation import opened
from stairway.lifecycle.stage import Stage
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings
from stairway.testing.policy import KEY

IS_LONG = os.environ.get("STAIRWAY_PROFILE") == "long"
ROUNDS = 22 if IS_LONG else 2
MOST = 8 if IS_LONG else 3
SECONDS = 1.0 if IS_LONG else 0.5
SETTINGS = small_settings() | postgresql_settings()
SERIAL = itertools.count()
PROMOTER = """
import json, os, sys
from pathlib import Path
from stairway.adapters.logs.postgresql import Config, open_log
from stairway.app.policy_store import Change, PolicyStore, Signer
from stairway.base.errors import ConflictError
from stairway.lifecycle.generation import sign
from stairway.testing.policy import KEY

url, me, settings, planted = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
log = open_log(Path("."), Config(**settings), url=url)
if planted:
    append = log.append
    log.append = lambda stream, payloads, expected=None: append(stream, payloads)
store, signer = PolicyStore(log), Signer(KEY, Path("."), bytes(32))
known = []
observe = store.observe
def seen_before():
    # What was read is not read again, so that the race is for the append.
    new = list(log.read("policy.generation", len(known)))
    from stairway.app.catalog import CODEC
    from stairway.app.policy_store import Observed
    known.extend(CODEC.decode(e.payload) for e in new)
    return Observed(tuple(known), (), len(known))
store.observe = seen_before
os.write(1, b"ready\\n")
while True:
    try:
        said = signer.issue(store, Change(why=f"promoted by {me}"), 7)
        os.write(1, b"W %d %s\\n" % (said.number, sign(said, KEY).identity.encode()))
    except ConflictError:
        os.write(1, b"L\\n")
"""


def race(url, tag, promoters, rng, planted=""):
    """Return what each was told it won, how many lost, and how many were killed."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTER, url, f"{tag}.{k}", json.dumps(SETTINGS), planted],
            stdout=subprocess.PIPE,
        )
        for k in range(promoters)
    ]
    for child in children:
        assert child.stdout.readline() == b"ready\n"
    won, lost, killed = [], 0, 0
    for child in children:
        threading.Event().wait(SECONDS * (0.5 + rng.random()) / promoters)
        child.send_signal(signal.SIGKILL)
    for child in children:
        for line in child.stdout.read().decode().split("\n")[:-1]:
            if line.startswith("W"):
                won.append((int(line.split()[1]), line.split()[2]))
            else:
                lost += 1
        child.stdout.close()
        killed += child.wait() == -signal.SIGKILL
    return won, lost, killed


def findings(server, name, won):
    """Everything that is wrong with the chain, or with what was told of it."""
    log = open_log(server.folder, Config(**SETTINGS), url=server.url(name), read_only=True)
    signer = Signer(KEY, server.folder, bytes(32))
    statements = PolicyStore(log).observe().statements
    says = [opened(s, signer.keys) for s in statements]
    numbers = [g.number for g in says]
    there = {(g.number, s.identity) for g, s in zip(says, statements, strict=True)}
    told = [n for n, _ in won]
    parents = [GENESIS, *(s.identity for s in statements[:-1])]
    assert log.head(STREAM).position == len(statements)
    log.close()
    return {
        "promotions": len(statements),
        "won_twice": len(numbers) - len(set(numbers)) + len(told) - len(set(told)),
        "gaps": sum(n != k for k, n in enumerate(sorted(set(numbers)), 1)),
        "parted": sum(g.parent != p for g, p in zip(says, parents, strict=True)),
        "acknowledged_and_missing": len(set(won) - there),
    }


def begun(server):
    """Make a log with a first generation."""
    name = f"race-{next(SERIAL)}"
    log = open_log(server.folder, Config(**SETTINGS), url=server.url(name))
    first = Change(policy="ab" * 32, stage=Stage.SHADOW, why="begin")
    Signer(KEY, server.folder, bytes(32)).issue(PolicyStore(log), first, 7)
    log.close()
    return name


def test_of_promoters_that_race_and_die_one_wins_each_generation(postgresql, figures):
    rng = np.random.default_rng(21)
    name = begun(postgresql)
    won, lost, killed, raced = [], 0, 0, 0
    for number in range(ROUNDS):
        promoters = 2 + number % (MOST - 1)
        told, beaten, dead = race(postgresql.url(name), number, promoters, rng)
        won, lost, killed, raced = won + told, lost + beaten, killed + dead, raced + promoters
    found = findings(postgresql, name, won)
    wrong = {k: n for k, n in found.items() if k != "promotions" and n}
    assert wrong == {}
    assert isinstance(verify(postgresql.url(name), Config(**SETTINGS)), Pass)
    assert killed == raced
    assert lost > 0
    assert len(won) > 10 * ROUNDS
    figures(21, "promoters race and are killed", rounds=ROUNDS, promoters_most=MOST, kills=killed,
            acknowledged=len(won), beaten=lost, **found)  # fmt: skip


@pytest.mark.long
def test_promoters_that_do_not_compare_are_noticed(postgresql, figures):
    name = begun(postgresql)
    won, _, _ = race(postgresql.url(name), "x", 3, np.random.default_rng(1), "no-compare")
    found = findings(postgresql, name, won)
    assert found["won_twice"] > 0
    figures(21, "planted: no compare-and-set", noticed=found["won_twice"])
