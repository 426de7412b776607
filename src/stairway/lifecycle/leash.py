"""How much a worker may do on a policy that nobody confirmed for a while: ever less.

A leash only narrows: it multiplies a size by at most one, it may forbid entries, and of two
leashes the shorter one counts. Exits are never on a leash.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.lifecycle.generation import Generation
from stairway.lifecycle.policy_store import Standing
from stairway.lifecycle.stage import Stage

_Seconds = Annotated[float, Meta(gt=0.0, le=2_678_400.0)]  # a month


class StaleRules(Config, frozen=True, kw_only=True):
    """When a policy that was not confirmed is stale, and what then.

    Attributes
    ----------
    refresh_s
        Seconds between two looks at the store; not more than ``reduce_after_s``, or what
        the store confirms every time would be stale in between.
    reduce_after_s
        Seconds without a word from the store after which orders get smaller.
    reduce_frac
        What is left of an order's size from then on.
    close_after_s
        Seconds after which there are no new entries; not before ``reduce_after_s``.
    """

    refresh_s: _Seconds
    reduce_after_s: _Seconds
    reduce_frac: Annotated[float, Meta(gt=0.0, le=1.0)]
    close_after_s: _Seconds

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.refresh_s <= self.reduce_after_s:
            msg = (
                f"refresh_s = {self.refresh_s} is over reduce_after_s = "
                f"{self.reduce_after_s}: look at the store at least that often"
            )
            raise msgspec.ValidationError(msg)
        if not self.reduce_after_s <= self.close_after_s:
            msg = (
                f"close_after_s = {self.close_after_s} is before reduce_after_s = "
                f"{self.reduce_after_s}: close later than reduce, or at the same time"
            )
            raise msgspec.ValidationError(msg)


class Leash(msgspec.Struct, frozen=True):
    """A limit on new risk.

    Attributes
    ----------
    size_frac
        What is left of an order's size, in [0, 1].
    cause
        Dotted name of what made it this short; ``"policy.fresh"`` where nothing did.
    """

    size_frac: Annotated[float, Meta(ge=0.0, le=1.0)]
    cause: str

    def __post_init__(self) -> None:
        # Written so that NaN is refused.
        if not 0.0 <= self.size_frac <= 1.0:
            msg = f"a leash of {self.size_frac} would widen a limit; it may be 0 to 1"
            raise msgspec.ValidationError(msg)

    @property
    def may_enter(self) -> bool:
        """Return True while new entries are allowed at all."""
        return self.size_frac > 0.0


LOOSE = Leash(1.0, "policy.fresh")


def shorter(one: Leash, other: Leash) -> Leash:
    """Return the leash that allows less; the first where they allow the same.

    Examples
    --------
    >>> shorter(Leash(0.5, "policy.stale"), LOOSE).size_frac
    0.5
    """
    return other if other.size_frac < one.size_frac else one


def leash(standing: Standing, rules: StaleRules, now_ns: UtcNs) -> Leash:
    """Say how much may be done on what a worker holds.

    A clock that went back by more than a bound is as bad as silence for as long: how old
    the policy is, nobody knows then.

    Examples
    --------
    >>> rules = StaleRules(
    ...     refresh_s=30.0, reduce_after_s=60.0, reduce_frac=0.5, close_after_s=600.0
    ... )
    >>> leash(Standing(), rules, UtcNs(0))
    Leash(size_frac=0.0, cause='policy.none')
    """
    if standing.is_frozen:
        alone = len(standing.rivals) == 1
        return Leash(0.0, "policy.orphan" if alone else "policy.conflict")
    if standing.agreed is None:
        return Leash(0.0, "policy.none")
    age_s = abs(now_ns - standing.seen_ns) / NS_PER_SECOND
    if not age_s < rules.close_after_s:
        return Leash(0.0, "policy.closed")
    if not age_s < rules.reduce_after_s:
        return Leash(rules.reduce_frac, "policy.stale")
    return LOOSE


ACTING = (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)
"""Stages of a policy at which it may act with anything, if only with virtual money."""


def permitted(says: Generation, policy: str) -> Leash:
    """Say how much a worker that runs ``policy`` may do under what is in force.

    ``policy`` is the digest of its own settings. A worker with other settings than those in
    force takes nothing new: somebody decided otherwise, and it does not know better.

    Examples
    --------
    >>> from stairway.lifecycle.generation import after
    >>> first = after(None, "ab" * 32, Stage.SHADOW, {}, UtcNs(0), "begin")
    >>> permitted(first, "ab" * 32).may_enter, permitted(first, "cd" * 32).cause
    (True, 'policy.superseded')
    """
    if says.policy != policy:
        return Leash(0.0, "policy.superseded")
    if says.stage not in ACTING:
        return Leash(0.0, "policy.withdrawn")
    return LOOSE
