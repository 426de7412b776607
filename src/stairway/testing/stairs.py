"""Drive the stairs from a test: tell facts one after the other, under a clock of its own."""

from __future__ import annotations

from typing import TypeVar

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Pass, Verdict
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import Proof, hash_of
from stairway.lifecycle import climb
from stairway.lifecycle.climb import Climb, ClimbRules
from stairway.lifecycle.facts import (
    CanaryHealth,
    ClimbFact,
    ClimbInput,
    Clock,
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    ProofGiven,
    TradePaired,
)
from stairway.lifecycle.stage import Stage
from stairway.testing.climbing import climb_rules, closed_trade
from stairway.testing.proofs import proof_of

F = TypeVar("F", bound=ClimbFact)

EVIDENCE = EVIDENCE_GATES
LIVE = "quality_gate"


class Stairs:
    """The climb, a clock that only a test moves, and everything that was decided.

    Examples
    --------
    >>> stairs = Stairs()
    >>> stairs.to_champion("d1")
    >>> stairs.stage("d1").value
    'champion'
    """

    def __init__(self, rules: ClimbRules | None = None) -> None:
        self.state: Climb = climb.start(rules or climb_rules())
        self.now_ns = UtcNs(1_000 * NS_PER_HOUR)
        self.facts: list[ClimbFact] = []
        self._trades = 0

    def tell(self, fact: ClimbInput) -> tuple[ClimbFact, ...]:
        """Tell one fact now; return what was decided."""
        self.state, facts = climb.on(self.state, fact, self.now_ns)
        self.facts.extend(facts)
        return facts

    def wait(self, hours: float) -> tuple[ClimbFact, ...]:
        """Let time pass, and one bar at its end."""
        self.now_ns = UtcNs(self.now_ns + int(hours * NS_PER_HOUR))
        return self.tell(Clock(self.now_ns))

    def register(
        self, digest: str, model: str = "lightgbm", stage: Stage = Stage.CANDIDATE
    ) -> None:
        """Make a candidate known with a proof that passed, or the static rule without one."""
        if stage is not Stage.CANDIDATE:
            name = f"v-{digest}"
            self.tell(ModelRegistered(self.now_ns, model, name, digest, None, 1, stage))
            return
        proof = proof_of(model)
        self.enter(digest, model, hash_of(proof))
        self.attach(digest, proof)

    def enter(
        self, digest: str, model: str = "lightgbm", proof: str | None = None, trials: int = 1
    ) -> None:
        """Make a candidate known, with the hash of a proof or without."""
        name = f"v-{digest}"
        self.tell(ModelRegistered(self.now_ns, model, name, digest, None, trials, proof=proof))

    def attach(self, digest: str, proof: Proof) -> tuple[ClimbFact, ...]:
        """Hand in the proof of a model."""
        return self.tell(ProofGiven(self.now_ns, proof.model, digest, proof))

    def gate(self, digest: str, name: str, verdict: Verdict) -> tuple[ClimbFact, ...]:
        """Let one gate answer."""
        return self.tell(GateGiven(self.now_ns, name, "lightgbm", digest, verdict))

    def trade(
        self, digest: str, r: float, *, book: str = "capital", stage: str | None = None
    ) -> tuple[ClimbFact, ...]:
        """Let a trade of the model be entered and closed, an hour apart."""
        self._trades += 1
        self.now_ns = UtcNs(self.now_ns + NS_PER_HOUR)
        day = self.now_ns / (24 * NS_PER_HOUR)
        at = stage or self.stage(digest).value
        return self.tell(closed_trade(digest, r, day=day, book=book, stage=at))

    def pair(self, digest: str, r: float, incumbent_r: float) -> tuple[ClimbFact, ...]:
        """Let a trade of the model be compared with the incumbent's."""
        self._trades += 1
        stage = self.stage(digest).value
        key = f"pair-{self._trades}"
        return self.tell(TradePaired(self.now_ns, key, digest, stage, r, incumbent_r))

    def healthy(self, digest: str) -> tuple[ClimbFact, ...]:
        """Let a canary give a healthy sign of life."""
        return self.tell(CanaryHealth(self.now_ns, digest, 1_000, 0, 1.0, 0.0))

    def order(self, digest: str, after: Stage, who: str = "ada") -> tuple[ClimbFact, ...]:
        """Let a person move a model by hand."""
        return self.tell(OperatorMoved(self.now_ns, digest, after, who, "a test"))

    def stage(self, digest: str) -> Stage:
        """Return where a model stands."""
        return self.state.entry(digest).stage

    def champion(self, model: str = "lightgbm") -> str | None:
        """Return who is in charge of a slot; ``None`` is the baseline."""
        return self.state.registry.slot(model).champion

    def causes(self) -> list[str]:
        """Return why everybody moved, in order."""
        return [fact.cause for fact in self.facts if isinstance(fact, ModelMoved)]

    def last(self, kind: type[F]) -> F:
        """Return the latest decision of one kind."""
        return next(fact for fact in reversed(self.facts) if isinstance(fact, kind))

    def to_shadow(self, digest: str, model: str = "lightgbm") -> None:
        """Take a new model to the shadow on passing gates."""
        self.register(digest, model)
        for name in EVIDENCE:
            self.gate(digest, name, Pass())

    def show_skill(self, digest: str, trades: int = 100) -> None:
        """Let a model win two times in three, its incumbent gaining nothing, until it moves."""
        stage = self.stage(digest)
        book = f"{stage.value}:{digest}"
        self.gate(digest, LIVE, Pass())
        for i in range(trades):
            if self.stage(digest) is not stage:
                break
            r = -1.0 if i % 3 == 0 else 1.0
            self.trade(digest, r, book=book)
            self.pair(digest, r, 0.0)

    def to_canary(self, digest: str, model: str = "lightgbm") -> None:
        """Take a new model to the canary on its own merits."""
        self.to_shadow(digest, model)
        self.show_skill(digest)

    def to_champion(self, digest: str, model: str = "lightgbm") -> None:
        """Take a new model all the way up on its own merits."""
        self.to_canary(digest, model)
        self.healthy(digest)
        self.show_skill(digest)

    def settle(self, digest: str, trades: int = 40) -> None:
        """Let a champion trade well until its probation and its ramp are over."""
        for i in range(trades):
            self.trade(digest, -1.0 if i % 3 == 0 else 1.0)
        self.wait(48)
