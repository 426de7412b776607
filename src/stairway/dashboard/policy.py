"""Which signed policy a run traded under, and whether it ever had to hold back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stairway.lifecycle.facts import PolicyHeld

_SHORT = 12


class PolicyInForce(msgspec.Struct, frozen=True):
    """What the record says about the policy store.

    Attributes
    ----------
    generation, identity
        Number and digest of the generation in force at the end; ``None`` where nobody
        signed one, or none was believed.
    stale, frozen
        True where orders were ever reduced or held back since nobody confirmed the policy,
        or since generations contradicted each other.
    causes
        Everything that ever shortened the leash, in the order of the first time.
    alarms
        How many alarms were put on record.
    sentence
        The same for people.
    """

    generation: int | None
    identity: str | None
    stale: bool
    frozen: bool
    causes: tuple[str, ...]
    alarms: int
    sentence: str


def in_force(held: Sequence[PolicyHeld]) -> PolicyInForce:
    """Sum up what was held of the policy store, in the order of the record.

    Examples
    --------
    >>> in_force(()).sentence
    'not signed: the models were given'
    """
    if not held:
        said = "not signed: the models were given"
        return PolicyInForce(None, None, False, False, (), 0, said)  # noqa: FBT003 - a record
    last = held[-1]
    causes = tuple(dict.fromkeys(h.leash.cause for h in held if h.leash.size_frac < 1.0))
    return PolicyInForce(
        generation=last.number or None,
        identity=last.identity or None,
        stale=not {"policy.stale", "policy.closed"}.isdisjoint(causes),
        frozen="policy.conflict" in causes,
        causes=causes,
        alarms=sum(len(h.alarms) for h in held),
        sentence=_sentence(last, causes),
    )


def _sentence(last: PolicyHeld, causes: Sequence[str]) -> str:
    who = "no generation in force"
    if last.number:
        who = f"generation {last.number} ({last.identity[:_SHORT]})"
    if not causes:
        return f"{who}, never stale or frozen"
    return f"{who}; held back for a while: {', '.join(causes)}"
