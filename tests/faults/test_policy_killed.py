"""Row 22: kill -9 at every step of registering, promoting and rolling back.

What the steps are called is not written down here: one run that is not killed tells them
all, and then each of them is the last thing that some process ever does. Whoever comes
after finds the old champion or the new one, whole, and finishes the work.
"""

from __future__ import annotations

import os
import signal
from itertools import count

import pytest

from stairway.adapters.artifacts.directory import HIDDEN, open_sealed, seal, sweep
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.app.catalog import CODEC, stream_of
from stairway.app.policy_cache import PolicyCache
from stairway.app.policy_store import Change, PolicyStore, Signer, champion_of, rolled_back
from stairway.base.verdict import Pass, Refuse
from stairway.lifecycle.facts import ModelRegistered
from stairway.lifecycle.stage import Stage
from stairway.testing.log import small_settings
from stairway.testing.models import toy_bundle
from stairway.testing.policy import KEY, TRUSTED, public, some_stale_rules

SLOT, MODELS_KEY = "lightgbm", KEY
BUNDLES = [toy_bundle(seed) for seed in (1, 2)]


class Work:
    """Register two models, promote the one and then the other, and go back.

    It looks first what is done already, as every start does.
    """

    def __init__(self, folder, at, tell):
        self.folder, self.at, self.tell = folder, at, tell
        self.models = folder / "models"
        self.log = open_log(folder / "log", Config(**small_settings()))
        self.store = PolicyStore(self.log)
        self.signer = Signer(KEY, self.models, public(MODELS_KEY))
        self.cache = PolicyCache(folder / "policy.cache", TRUSTED, some_stale_rules())

    def register(self, bundle):
        digest = seal(self.models, bundle, MODELS_KEY, self.at)
        self.at("register.append")
        fact = ModelRegistered(7, SLOT, digest[:6], digest, None, 1)
        stream = stream_of(fact)
        known = [CODEC.decode(e.payload).digest for e in self.log.read(stream)]
        if digest not in known:
            self.log.append(stream, [CODEC.encode(fact)], expected=len(known))
            self.log.flush()
        self.at("register.appended")
        return digest

    def issue(self, number, change):
        if len(self.store.observe().statements) < number:
            self.signer.issue(self.store, change(), 7, self.at)
        self.at("cache.refresh")
        self.cache.refresh(self.store, 9)
        self.at("cache.refreshed")
        self.tell(number)

    def do(self):
        sweep(self.models)
        self.issue(1, lambda: Change(policy="ab" * 32, stage=Stage.SHADOW, why="begin"))
        for number, bundle in enumerate(BUNDLES, 2):
            digest = self.register(bundle)
            self.issue(number, lambda d=digest: Change(champions={SLOT: d}, why="it passed"))
        self.issue(4, lambda: rolled_back(self.store, TRUSTED, SLOT, "it lost"))
        self.log.close()


def worked_until(folder, last, work=Work):
    """Work in a process of its own that is killed at step ``last``; return the last number told."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        steps = count()

        def at(_name):
            if next(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(folder, at, lambda number: os.write(say, bytes([number]))).do()
        finally:
            os._exit(0)
    os.close(say)
    with os.fdopen(hear, "rb") as told:
        numbers = told.read()
    _, status = os.waitpid(child, 0)
    assert (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL) is (last >= 0)
    return numbers[-1] if numbers else 0


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Names of all steps, and who is in charge after each generation."""
    names, digests = [], []

    class Listening(Work):
        def register(self, bundle):
            digests.append(super().register(bundle))
            return digests[-1]

    Listening(tmp_path_factory.mktemp("whole"), names.append, lambda _number: None).do()
    a, b = digests
    return names, [None, None, a, b, a]


def complaints(folder, acked, charge):
    """Everything that is wrong after a kill."""
    found = []
    if not isinstance(verify(folder / "log"), Pass):
        found.append("the record is damaged")
    log = open_log(folder / "log", Config(**small_settings()), read_only=True)
    worker = PolicyCache(folder / "policy.cache", TRUSTED, some_stale_rules())
    fresh = PolicyCache(folder / "fresh.cache", TRUSTED, some_stale_rules())
    store = PolicyStore(log)
    held = []
    for cache in (worker, fresh):
        result = cache.refresh(store, 9)
        held.append(champion_of(result.standing, TRUSTED, SLOT))
        if result.alarms or (isinstance(result.verdict, Refuse) and acked):
            found.append(f"a worker refuses: {result.alarms} {result.verdict}")
    log.close()
    if held[0] != held[1]:
        found.append("two workers see different champions")
    if held[0] not in charge[acked : acked + 2]:
        found.append("neither the old champion nor the new one is in charge")
    if held[0] is not None and isinstance(
        open_sealed(folder / "models", held[0], public(MODELS_KEY)), Refuse
    ):
        found.append("the champion is not whole")
    return found


def test_whoever_comes_after_a_kill_finds_the_old_champion_or_the_new(ram, told, figures):
    names, charge = told
    new = old = swept = wrong = 0
    for last, name in enumerate(names):
        folder = ram / f"at-{last}"
        folder.mkdir()
        acked = worked_until(folder, last)
        said = complaints(folder, acked, charge)
        wrong += len(said)
        assert said == [], name
        log = open_log(folder / "log", Config(**small_settings()), read_only=True)
        issued = log.head("policy.generation").position
        log.close()
        new, old = new + (issued > acked), old + (issued == acked)
        halves = list((folder / "models").glob(f"{HIDDEN}*"))
        swept += len(halves)
        assert worked_until(folder, -1) == 4
        said = complaints(folder, 4, charge)
        wrong += len(said)
        assert said == [], name
        assert len(list((folder / "models").iterdir())) == 2
    figures(22, "kill -9 at each step of register, promote, roll back", steps=len(names),
            kills=new + old, old=old, new=new, half_models_swept=swept, wrong=wrong)  # fmt: skip


def test_a_handover_in_two_generations_is_noticed(ram, told, figures):
    """Planted: the old champion leaves in one generation and the new one comes in the next."""
    names, charge = told

    class InTwo(Work):
        def issue(self, number, change):
            if number == 3 and len(self.store.observe().statements) < number:
                leave = Change(champions={SLOT: None}, why="make room")
                self.signer.issue(self.store, leave, 7, self.at)
            super().issue(number, change)

    noticed = 0
    for last in range(len(names)):
        folder = ram / f"two-{last}"
        folder.mkdir()
        acked = worked_until(folder, last, InTwo)
        if (folder / "log" / "durable.db").exists() and acked == 2:
            said = complaints(folder, acked, charge)
            noticed += "neither the old champion nor the new one is in charge" in said
    assert noticed > 0
    figures(22, "planted: a handover in two generations", noticed=noticed)
