"""What a worker holds of the policy store, on its own disk.

::

    FOLDER/policy.cache     SHA-256 of the rest, 32 bytes, and what is held (MessagePack)

It is replaced whole. One that is damaged is worth nothing and is said aloud; what it holds
is believed only as far as its signatures go, each time it is read.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec

from stairway.app.folder import write_whole
from stairway.app.policy_store import Observed, Shown
from stairway.base.errors import DamagedLogError, RecordError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.lifecycle.generation import Keys
from stairway.lifecycle.leash import Leash, StaleRules, leash
from stairway.lifecycle.policy_store import Reconciled, Standing, reconcile

_SEAL_BYTES = 32
_MOST_BYTES = 1 << 22
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Standing)


def read_cache(path: Path) -> tuple[Standing, tuple[Finding, ...]]:
    """Read what was held; nothing is held where the file is not there or not whole."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Standing(), ()
    except OSError as error:
        return Standing(), (Finding("policy.cache", f"{path}: {error.strerror}"),)
    seal, body = content[:_SEAL_BYTES], content[_SEAL_BYTES:]
    if len(content) <= _MOST_BYTES and hashlib.sha256(body).digest() == seal:
        with suppress(msgspec.MsgspecError):  # Of another version; said below.
            return _DECODER.decode(body), ()
    detail = f"{path} is not what was written there: the store decides alone"
    return Standing(), (Finding("policy.cache", detail),)


def write_cache(path: Path, standing: Standing) -> None:
    """Write down what is held, whole or not at all."""
    body = _ENCODER.encode(standing)
    write_whole(path, hashlib.sha256(body).digest() + body)


class PolicyCache:
    """One worker's hold on the policy store.

    Parameters
    ----------
    keys
        Whom it believes.
    keeps_age
        Write the cache also where nothing but its age changed: whoever starts in an outage
        then knows how long it has lasted. Without it, he takes it to have lasted longer.
    """

    def __init__(
        self, path: Path, keys: Keys, rules: StaleRules, *, keeps_age: bool = True
    ) -> None:
        self._path = path
        self._keys = keys
        self._rules = rules
        self._keeps_age = keeps_age
        self._last: _Last | None = None
        self._standing, self._found_damaged = read_cache(path)

    def refresh(self, store: Shown | None, now_ns: UtcNs) -> Reconciled:
        """Compare with the store, and keep what comes of it.

        ``None`` is a store that cannot be reached. One that breaks, or is damaged, is no
        better: nothing changes but the age of what is held.
        """
        seen = _unreachable("nobody asked it") if store is None else _look(store)
        result = self._reconciled(seen, now_ns)
        more = (*self._found_damaged, *seen.alarms)
        if self._is_news(result.standing):
            write_cache(self._path, result.standing)
        self._standing, self._found_damaged = result.standing, ()
        if not more:
            return result
        return msgspec.structs.replace(result, alarms=(*more, *result.alarms))

    def _reconciled(self, seen: Observed, now_ns: UtcNs) -> Reconciled:
        """Reconcile; where nothing moved since the last time, say the same as of now.

        Checking signatures takes longer than deciding on a bar, and what was confirmed for
        these very statements is confirmed again.
        """
        held, last = self._standing, self._last
        if last is not None and last.says_it_again(seen, held):
            if last.confirmed:
                held = Standing(held.agreed, held.rivals, now_ns)
            return Reconciled(held, last.result.verdict, last.result.alarms)
        result = reconcile(held, seen.statements, self._keys, now_ns)
        # Seen twice at one instant, whether it was confirmed now or before cannot be told.
        again = held.seen_ns != now_ns
        confirmed = result.standing.seen_ns == now_ns
        self._last = _Last(seen, held, result, confirmed) if again else None
        return result

    def _is_news(self, standing: Standing) -> bool:
        held = self._standing
        same = (held.agreed, held.rivals) == (standing.agreed, standing.rivals)
        return not same or (self._keeps_age and held != standing)

    def leash(self, now_ns: UtcNs) -> Leash:
        """Say how much may be done on it now."""
        return leash(self._standing, self._rules, now_ns)

    @property
    def standing(self) -> Standing:
        """What is held."""
        return self._standing


class _Last(msgspec.Struct, frozen=True):
    """What was reconciled with what, what came of it, and whether the store confirmed it."""

    seen: Observed
    held: Standing
    result: Reconciled
    confirmed: bool

    def says_it_again(self, seen: Observed, held: Standing) -> bool:
        """Return True where the very same objects would be reconciled once more."""
        same = seen is self.seen and held.agreed is self.held.agreed
        return same and held.rivals == self.held.rivals


def _look(store: Shown) -> Observed:
    try:
        return store.observe()
    except (RecordError, DamagedLogError) as error:
        return _unreachable(str(error))


def _unreachable(why: str) -> Observed:
    return Observed(None, (Finding("policy.unreachable", f"the policy store: {why}"),))
