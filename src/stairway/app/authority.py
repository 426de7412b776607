"""By what right the desk trades: the policy store, asked as often as the policy says.

1. The trainer signs the first generation while it has the key of the run, and the key dies
   with it. Whoever climbs holds public keys only, and can sign nothing.
2. The climb refuses a policy that generation does not name, and puts it on record.
3. At each close the desk asks how much it may do. The store is looked at again when
   ``refresh_s`` of the bars' own time have passed; in between, age alone decides.
4. What comes of it is a fact whenever it changes. A replay, and the part of a run that is on
   record already, take the answers of that time.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stairway.app.catalog import CODEC
from stairway.app.folder import Ask, RunFolder, write_whole
from stairway.app.plain_file import read_plain
from stairway.app.policy_cache import PolicyCache
from stairway.app.policy_distant import Distant
from stairway.app.policy_shared import reached
from stairway.app.policy_store import STREAM, PolicyStore
from stairway.base.errors import DataError, InvariantError
from stairway.base.hashing import content_hash
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.base.verdict import Finding, Refuse
from stairway.events.ports import EventLog
from stairway.lifecycle.facts import PolicyHeld
from stairway.lifecycle.generation import (
    Generation,
    Keys,
    SignedGeneration,
    after,
    key_id,
    opened,
    sign,
)
from stairway.lifecycle.leash import LOOSE, StaleRules, permitted, shorter
from stairway.lifecycle.stage import Stage
from stairway.trader.facts import Decided

HELD = "policy.held"
UNSIGNED = (
    "nobody signed the policy of this run, since its models were given: the policy store is "
    "not asked, and nothing is stale"
)
_ALWAYS = 2**63 - 1


# -- the first generation --------------------------------------------------------------


def begin(
    folder: RunFolder, policy: dict[str, Any], key: Ed25519PrivateKey, last_data_ns: UtcNs
) -> None:
    """Sign the policy of a run, while the key is there, and leave that in its folder.

    Nobody is in charge yet, and the policy has come as far as virtual money.
    """
    why = "the run begins; everybody is in the hands of the baseline"
    first = after(None, content_hash(policy), Stage.SHADOW, {}, last_data_ns, why)
    write_whole(folder.generation, CODEC.encode(sign(first, key)))


def beginning(folder: RunFolder, ask: Ask) -> SignedGeneration | None:
    """Read the signed policy of a run; ``None`` where its models were given.

    Raises
    ------
    DataError
        If it is missing, was not signed with the key of the run, or is another policy.
    """
    if ask.models is not None:
        return None
    try:
        signed = CODEC.decode(read_plain(folder.generation))
        key = read_plain(folder.trust)
    except (OSError, DataError) as error:
        raise _refused(folder, str(error)) from error
    if not isinstance(signed, SignedGeneration):
        raise _refused(folder, f"it holds a {type(signed).__name__}")
    says = opened(signed, {key_id(key): key})
    if isinstance(says, Refuse):
        raise _refused(folder, says.findings[0].detail)
    if says.policy != content_hash(ask.policy) or says.number != 1:
        raise _refused(folder, f"it is not about the policy that {folder.ask} asks for")
    return signed


def _refused(folder: RunFolder, why: str) -> DataError:
    msg = (
        f"{folder.generation}, the signed policy of this run, cannot be believed: {why}. "
        "Restore it, or start a new run with another --out"
    )
    return DataError(msg)


def keys_of(folder: RunFolder) -> Keys:
    """Whom a run believes: its trainer and, where there is one, its operator."""
    return _keys_in(folder.trust, folder.operator)


def keys_for(folder: RunFolder, shared: str | None) -> Keys:
    """Whom a run believes about its store: of a ``shared`` one, nobody but its operator.

    Whoever made this run's key may not speak for other runs.
    """
    return keys_of(folder) if shared is None else _keys_in(folder.operator)


def _keys_in(*paths: Path) -> Keys:
    found: dict[str, bytes] = {}
    for path in paths:
        if path.is_file():
            content = read_plain(path)
            found[key_id(content)] = content
    return found


# -- while it trades -------------------------------------------------------------------


class Worker:
    """One that trades on what the store says, by the time of its bars.

    Parameters
    ----------
    store
        Where it looks. What it holds of one that is elsewhere goes on record as it is signed.
    policy
        Digest of the settings that it runs.
    """

    def __init__(
        self,
        cache: PolicyCache,
        store: PolicyStore | Distant,
        keys: Keys,
        rules: StaleRules,
        policy: str,
    ) -> None:
        self._cache = cache
        self._store = store
        self._keys = keys
        self._every_ns = int(rules.refresh_s * NS_PER_SECOND)
        self._policy = policy
        self._looked_ns = self._due_ns = 0
        self._agreed: SignedGeneration | None = None
        self._number, self._identity = 0, ""
        self._own = LOOSE
        self._alarms: tuple[Finding, ...] = ()

    def __call__(self, time_ns: UtcNs, held: PolicyHeld | None) -> PolicyHeld:
        """Say what is held now: ``held`` itself where that is what was said last."""
        if not self._looked_ns <= time_ns < self._due_ns:
            self._look(time_ns)
        now = shorter(self._own, self._cache.leash(time_ns))
        if held is not None and held.leash == now and self._is_said(held):
            return held
        signed = msgspec.UNSET
        if isinstance(self._store, Distant) and self._identity and self._agreed is not None:
            signed = self._agreed
        return PolicyHeld(time_ns, self._number, self._identity, now, self._alarms, signed)

    def close(self) -> None:
        """Let go of a store that is elsewhere; the log of a run is not the worker's."""
        if isinstance(self._store, Distant):
            self._store.close()

    def _is_said(self, held: PolicyHeld) -> bool:
        return held.identity == self._identity and held.alarms == self._alarms

    def _look(self, time_ns: UtcNs) -> None:
        result = self._cache.refresh(self._store, time_ns)
        self._looked_ns, self._due_ns = time_ns, time_ns + self._every_ns
        self._alarms = result.alarms
        if isinstance(result.verdict, Refuse):
            against = (f for f in result.verdict.findings if f not in result.alarms)
            self._alarms = (*result.alarms, *against)
        agreed = result.standing.agreed
        if agreed is self._agreed:
            return
        self._agreed, self._number, self._identity, self._own = agreed, 0, "", LOOSE
        says = None if agreed is None else opened(agreed, self._keys)
        if agreed is not None and isinstance(says, Generation):
            self._number, self._identity = says.number, agreed.identity
            self._own = permitted(says, self._policy)


class Authority:
    """What the desk asks at each close: the record as far as it goes, then the store.

    Parameters
    ----------
    recorded
        What was held then, whenever it changed.
    until_ns
        Close of the last bar that was decided already.
    worker
        Who answers after it; ``None`` where everything is on record, or no store is asked.
    """

    def __init__(
        self, recorded: Iterable[PolicyHeld], until_ns: int, worker: Worker | None
    ) -> None:
        self._recorded = {fact.time_ns: fact for fact in recorded}
        self._until_ns = until_ns
        self._worker = worker
        self._held: PolicyHeld | None = None

    def __call__(self, time_ns: UtcNs) -> PolicyHeld | None:
        """Say what is held at a close; ``None`` where nobody signed anything."""
        then = self._recorded.get(time_ns)
        if then is not None:
            self._held = then
        elif self._worker is not None and time_ns > self._until_ns:
            self._held = self._worker(time_ns, self._held)
        return self._held

    def close(self) -> None:
        """Let go of what the worker looks at."""
        if self._worker is not None:
            self._worker.close()


def as_recorded(log: EventLog) -> Authority:
    """Hold what was held then, and nothing else."""
    return Authority(_held(log), _ALWAYS, None)


def asking(
    folder: RunFolder,
    log: EventLog,
    rules: StaleRules,
    policy: dict[str, Any],
    shared: str | None = None,
) -> Authority:
    """Hold what is on record, then ask the store: the log of the run, or the ``shared`` one."""
    keys = keys_for(folder, shared)
    cache = PolicyCache(folder.policy_cache, keys, rules, keeps_age=False)
    store = PolicyStore(log) if shared is None else reached(shared)
    worker = Worker(cache, store, keys, rules, content_hash(policy))
    return Authority(_held(log), _decided_ns(log), worker)


def require_signed(log: EventLog, keys: Keys) -> None:
    """Refuse a record that says more was in force than a key of the run has signed.

    Raises
    ------
    InvariantError
        Naming the generation.
    """
    held_so = _held(log)
    facts = (*map(CODEC.read, log.read(STREAM)), *(held.signed for held in held_so))
    signed = {
        fact.identity
        for fact in facts
        if isinstance(fact, SignedGeneration) and isinstance(opened(fact, keys), Generation)
    }
    for held in held_so:
        if held.identity and held.identity not in signed:
            msg = (
                f"generation {held.number} ({held.identity[:12]}) is on record as in force, "
                "and no key that this run trusts signed it"
            )
            raise InvariantError(msg)


def _held(log: EventLog) -> tuple[PolicyHeld, ...]:
    facts = map(CODEC.read, log.read(HELD))
    return tuple(fact for fact in facts if isinstance(fact, PolicyHeld))


def _decided_ns(log: EventLog) -> int:
    """Close of the last bar with a decision on record; 0 before the first."""
    last = log.head("trade.intent").position
    for envelope in log.read("trade.intent", after=max(last - 1, 0)):
        fact = CODEC.read(envelope)
        if isinstance(fact, Decided):
            return fact.time_ns
    return 0
