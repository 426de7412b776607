"""Where a rollback goes, and how the stairs are kept from flapping.

Back to the champion before, if it is still fit; else to the static baseline. A champion
that was *restored* has none before it, so a rollback of a rollback can only go further
down. After each one the slot and the model rest; too many in a while, and the slot goes
to the baseline and rests for longer. A rollback itself is never refused.
"""

from __future__ import annotations

from typing import Annotated, assert_never

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.lifecycle.probation import Grade
from stairway.lifecycle.registry import Registry
from stairway.lifecycle.stage import Stage

_Hours = Annotated[float, Meta(ge=0, le=87_600)]


class RollbackRules(Config, frozen=True):
    """How long things rest.

    Attributes
    ----------
    cooldown_hours
        Before a rolled-back model may climb again, and before its slot takes another.
    likely_factor
        Times the evidence that a ``likely`` bad model needs the next time.
    max_rollbacks, window_hours
        More than this many in this time, and the slot goes to the baseline,
    freeze_hours
        for this long.
    """

    cooldown_hours: _Hours
    likely_factor: Annotated[float, Meta(ge=1, le=1_000)]
    max_rollbacks: Annotated[int, Meta(ge=1, le=100)]
    window_hours: Annotated[float, Meta(gt=0, le=87_600)]
    freeze_hours: _Hours


class Rest(msgspec.Struct, frozen=True):
    """What a slot remembers of its rollbacks, and until when it takes no new champion."""

    until_ns: UtcNs = UtcNs(0)
    rollbacks_ns: tuple[UtcNs, ...] = ()


def landing(grade: Grade) -> Stage:
    """Where a rolled-back model goes: only proof quarantines.

    Examples
    --------
    >>> landing(Grade.LIKELY), landing(Grade.CONFIRMED)
    (<Stage.SHADOW: 'shadow'>, <Stage.QUARANTINED: 'quarantined'>)
    """
    match grade:
        case Grade.SUSPECTED | Grade.LIKELY:
            return Stage.SHADOW
        case Grade.CONFIRMED:
            return Stage.QUARANTINED
        case _:
            assert_never(grade)


def rested(rest: Rest, now_ns: UtcNs, rules: RollbackRules) -> Rest:
    """Note one more rollback.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> len(rested(Rest(), UtcNs(0), climb_rules().rollback).rollbacks_ns)
    1
    """
    begin_ns = now_ns - int(rules.window_hours * NS_PER_HOUR)
    recent = (*(t for t in rest.rollbacks_ns if t > begin_ns), now_ns)
    flaps = len(recent) > rules.max_rollbacks
    hours = rules.freeze_hours if flaps else rules.cooldown_hours
    return Rest(UtcNs(max(rest.until_ns, now_ns + int(hours * NS_PER_HOUR))), recent)


def flaps(rest: Rest, rules: RollbackRules) -> bool:
    """Return True where a slot was rolled back too often."""
    return len(rest.rollbacks_ns) > rules.max_rollbacks


def target(registry: Registry, model: str, rest: Rest, rules: RollbackRules) -> str | None:
    """Digest of the champion to restore; ``None`` is the static baseline."""
    previous = registry.slot(model).previous
    if previous is None or flaps(rest, rules):
        return None
    return previous if registry.entries[previous].stage is Stage.RETIRED else None
