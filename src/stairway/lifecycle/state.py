"""The climb's state, and the one way to change who stands where: by a fact."""

from __future__ import annotations

import msgspec

from stairway.base.config import Config
from stairway.base.units import UtcNs
from stairway.lifecycle import evidence, registry
from stairway.lifecycle.canary import CanaryRules
from stairway.lifecycle.evidence import Evidence
from stairway.lifecycle.facts import ClimbFact, ModelMoved, ProbationChanged, RampChanged
from stairway.lifecycle.probation import Probation, ProbationRules
from stairway.lifecycle.promotion import PromotionRules
from stairway.lifecycle.registry import Entry, Registry
from stairway.lifecycle.rollback import Rest, RollbackRules


class ClimbRules(Config, frozen=True):
    """All that the stairs ask for, and when they let somebody fall."""

    promotion: PromotionRules
    canary: CanaryRules
    probation: ProbationRules
    rollback: RollbackRules


class Climb(msgspec.Struct, frozen=True):
    """Who stands where, and all that is known about them.

    Attributes
    ----------
    now_ns
        Latest instant that was heard of; never goes back.
    known
        Evidence by digest.
    probations, rests
        By slot.
    """

    rules: ClimbRules
    registry: Registry = Registry()
    known: dict[str, Evidence] = {}
    probations: dict[str, Probation] = {}
    rests: dict[str, Rest] = {}
    now_ns: UtcNs = UtcNs(0)

    def entry(self, digest: str) -> Entry:
        """Return where a registered model stands."""
        return registry.known(self.registry, digest)

    def rest(self, model: str) -> Rest:
        """Return what a slot remembers of its rollbacks."""
        return self.rests.get(model, Rest())

    def probation(self, digest: str) -> Probation | None:
        """Return a model's own probation, if its slot is, or was last, watched for it."""
        found = self.probations.get(self.entry(digest).model)
        return found if found is not None and found.new_version == digest else None


def start(rules: ClimbRules) -> Climb:
    """Begin with empty stairs.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> start(climb_rules()).registry.entries
    {}
    """
    return Climb(rules)


def learned(state: Climb, digest: str, what: Evidence) -> Climb:
    """Replace what is known about one model."""
    return msgspec.structs.replace(state, known=state.known | {digest: what})


def recorded(state: Climb, *facts: ClimbFact) -> Climb:
    """Apply facts to the state, in order: what is recorded is what is so."""
    for fact in facts:
        match fact:
            case ModelMoved():
                state = _moved(state, fact)
            case RampChanged():
                state = _ramped(state, fact)
            case ProbationChanged(probation=watched):
                probations = state.probations | {watched.model_type: watched}
                state = msgspec.structs.replace(state, probations=probations)
            case _:
                pass
    return state


def _moved(state: Climb, fact: ModelMoved) -> Climb:
    rules = state.rules
    turned = evidence.moved(
        state.known[fact.digest], fact.after, rules.promotion, rules.probation
    )
    state = msgspec.structs.replace(state, registry=registry.on(state.registry, fact))
    return learned(state, fact.digest, turned)


def _ramped(state: Climb, fact: RampChanged) -> Climb:
    state = msgspec.structs.replace(state, registry=registry.on(state.registry, fact))
    what = msgspec.structs.replace(
        state.known[fact.digest], ramp_since_ns=fact.time_ns, ramp_trades=0
    )
    return learned(state, fact.digest, what)
