"""Row 21: two to eight promoters race over PostgreSQL and are killed at random.

Exactly one wins each generation, the chain has no gap, and what a promoter was told that it
won is there. Each tells through a pipe what it won; the pipe is read to its end after the
kill.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from stairway.adapters.logs.postgresql import Config, open_log, verify
from stairway.app.catalog import CODEC
from stairway.app.policy_store import STREAM, Change, Observed, PolicyStore, Signer
from stairway.base.errors import ConflictError
from stairway.base.verdict import Pass
from stairway.events.envelope import GENESIS
from stairway.lifecycle.generation import opened, sign
from stairway.lifecycle.stage import Stage
from stairway.testing.log import small_settings
from stairway.testing.policy import KEY
from stairway.testing.postgresql import postgresql_settings

RACES, MOST_ROUNDS, SECONDS = 4, 800, 1.0
"""So many to a chain: whoever promotes opens all of it, and a long one makes for few promotions."""

SETTINGS = small_settings() | postgresql_settings()
SERIAL = itertools.count()


def promote(url, me, say, *, compare):
    """Issue one generation after the other, and tell what was won, for ever."""
    log = open_log(Path(), Config(**SETTINGS), url=url)
    if not compare:
        append = log.append
        log.append = lambda stream, payloads, **_: append(stream, payloads)
    store, signer, known = PolicyStore(log), Signer(KEY, Path(), bytes(32)), []

    def observe():
        """What was read is not read again, so that the race is for the append."""
        known.extend(CODEC.decode(e.payload) for e in log.read(STREAM, len(known)))
        return Observed(tuple(known), (), len(known))

    store.observe = observe
    os.write(say, b"ready\n")
    while True:
        try:
            said = signer.issue(store, Change(why=f"promoted by {me}"), 7)
            os.write(say, b"W %d %s\n" % (said.number, sign(said, KEY).identity.encode()))
        except ConflictError:
            os.write(say, b"L\n")


class Promoter:
    """A process forked from this one, and what it tells."""

    def __init__(self, child, told):
        self.child, self.told, self._code = child, told, None

    def ended(self):
        """Wait for its end, and return how it came about."""
        if self._code is None:
            _, status = os.waitpid(self.child, 0)
            self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def end(self):
        """Kill it unless its end is known: until then nobody else has its number."""
        if self._code is None:
            os.kill(self.child, signal.SIGKILL)
            self.ended()


@contextmanager
def promoter(url, me, *, compare):
    """Let one promote until it is killed, at the latest on the way out."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            promote(url, me, say, compare=compare)
        except BaseException:  # noqa: BLE001 -- this copy of the tests ends here
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(say)
    with os.fdopen(hear, "rb") as told:
        one = Promoter(child, told)
        try:
            yield one
        finally:
            one.end()


def race(url, tag, promoters, rng, *, compare=True):
    """Return what each was told it won, how many lost, and how many were killed."""
    won, lost, killed = [], 0, 0
    with ExitStack() as stack:
        children = [
            stack.enter_context(promoter(url, f"{tag}.{k}", compare=compare))
            for k in range(promoters)
        ]
        for one in children:
            assert one.told.readline() == b"ready\n"
        for one in children:
            threading.Event().wait(SECONDS * (0.5 + rng.random()) / promoters)
            os.kill(one.child, signal.SIGKILL)
        for one in children:
            for line in one.told.read().decode().split("\n")[:-1]:
                if line.startswith("W"):
                    won.append((int(line.split()[1]), line.split()[2]))
                else:
                    lost += 1
            killed += one.ended() == -signal.SIGKILL
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
        "promotions": len(statements) - 1,
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


def race_on_one_chain(server, rng, first, most, seen):
    """Race a few times, each with one more promoter; add to what was ``seen``."""
    name, won = begun(server), []
    for number in range(first, first + RACES):
        promoters = 2 + number % (most - 1)
        told, beaten, killed = race(server.url(name), number, promoters, rng)
        won += told
        seen.update(
            rounds=1, raced=promoters, kills=killed, acknowledged=len(told), beaten=beaten
        )
        seen["promoters_most"] = max(seen["promoters_most"], killed)
    seen.update(findings(server, name, won))
    assert isinstance(verify(server.url(name), Config(**SETTINGS)), Pass)


def give_up(url):
    with promoter(url, "x", compare=True) as one:
        assert one.told.readline() == b"ready\n"
        raise KeyboardInterrupt(one)


def test_a_race_that_ends_before_its_time_leaves_no_promoter_behind(postgresql):
    with pytest.raises(KeyboardInterrupt) as caught:
        give_up(postgresql.url(begun(postgresql)))
    (one,) = caught.value.args
    assert one.ended() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(one.child, 0)


@pytest.mark.timeout(1800)
def test_of_promoters_that_race_and_die_one_wins_each_generation(postgresql, figures, demanded):
    rng, wanted = np.random.default_rng(21), demanded(21, "promoters race and are killed")
    most, seen = wanted["promoters_most"], Counter(rounds=0)
    while seen["kills"] < wanted["kills"] or seen["promotions"] < wanted["promotions"]:
        assert seen["rounds"] < MOST_ROUNDS
        race_on_one_chain(postgresql, rng, seen["rounds"], most, seen)
    wrong = ("won_twice", "gaps", "parted", "acknowledged_and_missing")
    assert {name: seen[name] for name in wrong if seen[name]} == {}
    assert seen["kills"] == seen.pop("raced")
    figures(21, "promoters race and are killed", **dict.fromkeys(wrong, 0) | seen)


@pytest.mark.long
def test_promoters_that_do_not_compare_are_noticed(postgresql, figures):
    name = begun(postgresql)
    won, _, _ = race(postgresql.url(name), "x", 3, np.random.default_rng(1), compare=False)
    found = findings(postgresql, name, won)
    assert found["won_twice"] > 0
    figures(21, "planted: no compare-and-set", noticed=found["won_twice"])
