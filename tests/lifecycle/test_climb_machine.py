"""Whatever is told, in whatever order: nobody climbs without all of the evidence.

An oracle that is written differently keeps its own books (plain lists, numpy) and is asked
at every promotion whether it was earned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from msgspec.structs import replace

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Pass, Refuse, inconclusive, refuse
from stairway.evaluation.proof import hash_of
from stairway.lifecycle import climb, registry
from stairway.lifecycle.climb import ClimbRules
from stairway.lifecycle.facts import (
    CanaryHealth,
    ClimbFact,
    ClimbInput,
    Clock,
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    ProbationChanged,
    ProofGiven,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.probation import Status
from stairway.lifecycle.stage import MOVES, Stage
from stairway.supervision.facts import DriftDetected, DriftLevel
from stairway.testing.climbing import climb_rules, closed_trade
from stairway.testing.proofs import proof_of
from stairway.testing.stairs import EVIDENCE, LIVE

MODELS = {"a1": "a", "a2": "a", "b1": "b"}
GATES = (*EVIDENCE, LIVE)
ORDERS = (
    *(Stage.SHADOW, Stage.CHAMPION, Stage.CHAMPION, Stage.CANARY),
    *(Stage.RETIRED, Stage.QUARANTINED, Stage.CANDIDATE),
)
R = st.sampled_from([1.0, 1.0, 1.0, 0.5, -1.0, math.nan])


def quick_rules() -> ClimbRules:
    """The same stairs with small numbers, so that a short history reaches the top."""
    usual = climb_rules()
    return replace(
        usual,
        promotion=replace(
            usual.promotion,
            shadow_hours=2,
            shadow_trades=2,
            canary_hours=2,
            canary_trades=2,
            e_needed=1.3,
            preflight=replace(usual.promotion.preflight, min_trades=1, paths=5, trades=12),
        ),
        canary=replace(usual.canary, silent_clocks=4, ramp_hours=1, ramp_trades=1),
        probation=replace(
            usual.probation, window_hours=3, min_trades=3, trades_to_pass=3, e_likely=1.5
        ),
        rollback=replace(usual.rollback, cooldown_hours=3, freeze_hours=20),
    )


RULES = quick_rules()


@dataclass
class Books:
    """The oracle's own account of one model, for its present stage."""

    stage: Stage = Stage.CANDIDATE
    since_ns: int = 0
    gates: dict[str, str] = field(default_factory=dict)
    pairs: list[float] = field(default_factory=list)
    resting_until_ns: int = 0
    likely: int = 0

    def turn(self, move: ModelMoved) -> None:
        self.stage, self.since_ns, self.pairs = move.after, move.time_ns, []
        self.gates.pop(LIVE, None)
        if move.grade == "likely":
            self.likely += 1
        if move.grade:
            hours = RULES.rollback.cooldown_hours
            self.resting_until_ns = move.time_ns + int(hours * NS_PER_HOUR)

    def evidence(self) -> float:
        """Mean over bets of the product of (1 + stake * surprise), all at once."""
        betting, null = RULES.promotion.betting, -RULES.promotion.tolerance_r
        d = np.array(self.pairs)
        d = np.where(np.isfinite(d), np.minimum(d, betting.clip_r), -betting.bound_r)
        stakes = np.array(betting.bets)[:, None] / (betting.bound_r + null)
        return float(np.prod(1 + stakes * (d - null), axis=1).mean())

    def has_earned(self, now_ns: int) -> bool:
        rules = RULES.promotion
        return (
            all(self.gates.get(name) == "pass" for name in GATES)
            and now_ns - self.since_ns >= 2 * NS_PER_HOUR
            and len(self.pairs) >= rules.shadow_trades
            and self.evidence() >= rules.e_needed * 2**self.likely * (1 - 1e-9)
            and now_ns >= self.resting_until_ns
        )


class Climbing(RuleBasedStateMachine):
    """Tell the stairs anything; hold every answer against the oracle."""

    @initialize()
    def begin(self) -> None:
        self.state = climb.start(RULES)
        self.now_ns = UtcNs(100 * NS_PER_HOUR)
        self.books = {digest: Books(since_ns=self.now_ns) for digest in MODELS}
        self.recorded = registry.Registry()
        self.pair_ids: set[str] = set()
        self.last_fact: ClimbInput | None = None
        self.trades = 0
        for digest, model in MODELS.items():
            proof = proof_of(model)
            name = hash_of(proof)
            born = ModelRegistered(self.now_ns, model, "v", digest, None, 1, proof=name)
            self.recorded = registry.on(self.recorded, born)
            self.tell(born)
            self.tell(ProofGiven(self.now_ns, model, digest, proof))

    def tell(self, fact: ClimbInput, *, by_hand: bool = False) -> tuple[ClimbFact, ...]:
        self.last_fact = fact
        self.state, facts = climb.on(self.state, fact, self.now_ns)
        for said in facts:
            if isinstance(said, ModelMoved | RampChanged):
                self.recorded = registry.on(self.recorded, said)
            if isinstance(said, ModelMoved):
                self.check(said, by_hand=by_hand)
        return facts

    def check(self, move: ModelMoved, *, by_hand: bool) -> None:
        books = self.books[move.digest]
        assert move.before is books.stage
        assert move.after in MOVES[move.before]
        if move.cause == "promotion.shadow":
            assert all(books.gates.get(name) == "pass" for name in EVIDENCE)
        elif move.cause.startswith("promotion."):
            assert books.has_earned(self.now_ns)
            assert isinstance(move.verdict, Pass)
        elif move.cause == "operator":
            assert by_hand
        elif move.after is Stage.CHAMPION:
            assert move.cause == "rollback.restored"
            assert "refuse" not in books.gates.values()
        else:
            down = ("rollback.", "gate.refused", "superseded")
            assert move.cause.startswith(down)
        books.turn(move)

    # -- what may happen -------------------------------------------------------------------

    @rule(
        digest=st.sampled_from(sorted(MODELS)),
        gate=st.sampled_from(GATES),
        kind=st.integers(0, 9),
    )
    def gate(self, digest: str, gate: str, kind: int) -> None:
        verdict = {0: refuse("x.bad", "bad"), 1: inconclusive("x.few", "few")}.get(kind, Pass())
        word = {0: "refuse", 1: "inconclusive"}.get(kind, "pass")
        self.books[digest].gates[gate] = word
        self.tell(GateGiven(self.now_ns, gate, MODELS[digest], digest, verdict))

    @rule(digest=st.sampled_from(sorted(MODELS)))
    def all_gates(self, digest: str) -> None:
        for name in GATES:
            self.books[digest].gates[name] = "pass"
            self.tell(GateGiven(self.now_ns, name, MODELS[digest], digest, Pass()))

    @rule(digest=st.sampled_from(sorted(MODELS)), r=R, other=R, n=st.integers(1, 4))
    def pairs(self, digest: str, r: float, other: float, n: int) -> None:
        for _ in range(n):
            self.trades += 1
            books, key = self.books[digest], f"p{self.trades}"
            books.pairs.append(r - other)
            stage = books.stage.value
            self.tell(TradePaired(self.now_ns, key, digest, stage, r, other))

    @rule(digest=st.sampled_from(sorted(MODELS)), stage=st.sampled_from(sorted(Stage)))
    def pair_of_another_stage(self, digest: str, stage: str) -> None:
        if stage != self.books[digest].stage:
            self.trades += 1
            key = f"p{self.trades}"
            self.tell(TradePaired(self.now_ns, key, digest, stage, 3.0, 0.0))

    @rule()
    def again(self) -> None:
        """Deliver the last fact once more. A trade counts once; an order is an order."""
        if isinstance(self.last_fact, TradePaired | ModelRegistered | CanaryHealth):
            assert self.tell(self.last_fact) == ()

    @rule(digest=st.sampled_from(sorted(MODELS)), r=R, n=st.integers(1, 5))
    def trade(self, digest: str, r: float, n: int) -> None:
        for _ in range(n):
            stage = self.books[digest].stage.value
            book = "capital" if stage == "champion" else f"{stage}:{digest}"
            self.trades += 1
            self.now_ns = UtcNs(self.now_ns + NS_PER_HOUR // 10)
            trade = closed_trade(digest, r, book=book, stage=stage, model=MODELS[digest])
            trade = replace(
                trade,
                trade_id=f"t{self.trades}",
                opened_ns=UtcNs(self.now_ns - 1),
                closed_ns=self.now_ns,
            )
            before = self.state
            self.tell(trade)
            same = before.known[digest].own_r
            assert len(self.state.known[digest].own_r) == min(
                len(same) + (stage not in {"candidate", "retired", "quarantined"}), 400
            )
            self.last_fact = None

    @rule(digest=st.sampled_from(sorted(MODELS)), fine=st.booleans())
    def health(self, digest: str, *, fine: bool) -> None:
        latency_ms = 1.0 if fine else None
        self.tell(CanaryHealth(self.now_ns, digest, 100, 0, latency_ms, 0.0))
        if not fine:
            assert self.state.entry(digest).stage is not Stage.CANARY

    @rule(digest=st.sampled_from(sorted(MODELS)), level=st.sampled_from(DriftLevel))
    def drift(self, digest: str, level: DriftLevel) -> None:
        before = self.state.entry(digest).stage
        model = MODELS[digest]
        self.tell(
            DriftDetected(self.now_ns, model, digest, level, "e", 9.0, 9.0, 10, 0.2, -0.5)
        )
        after = self.state.entry(digest).stage
        moved = level is DriftLevel.DRIFT and before in {Stage.CANARY, Stage.CHAMPION}
        assert (after is not before) == moved

    @rule(digest=st.sampled_from(sorted(MODELS)), n=st.integers(4, 9))
    def good_spell(self, digest: str, n: int) -> None:
        """Everything goes well for a while, in whatever stage the model is."""
        self.all_gates(digest)
        self.health(digest, fine=True)
        for _ in range(n):
            self.pairs(digest, 1.0, 0.0, 1)
            self.trade(digest, 1.0, 1)
            self.wait(0.5)
            self.health(digest, fine=True)

    @rule()
    def succession(self) -> None:
        """One champion takes another's place by hand, and drifts at once."""
        for digest in ("a1", "a2"):
            self.order(digest, Stage.CHAMPION)
        self.drift("a2", DriftLevel.DRIFT)

    @rule(digest=st.sampled_from(sorted(MODELS)))
    def bad_spell(self, digest: str) -> None:
        """Twelve losses in a row: no fresh champion survives them."""
        before = self.state.entry(digest)
        fresh = before.stage is Stage.CHAMPION and self.state.probation(digest).wins == 0
        monitoring = fresh and self.state.probation(digest).status is Status.MONITORING
        self.trade(digest, -1.0, 12)
        if monitoring:
            assert self.state.entry(digest).since_ns != before.since_ns

    @rule(digest=st.sampled_from(sorted(MODELS)), after=st.sampled_from(ORDERS))
    def order(self, digest: str, after: Stage) -> None:
        stage = self.state.entry(digest).stage
        order = OperatorMoved(self.now_ns, digest, after, "ada", "why")
        facts = self.tell(order, by_hand=True)
        self.last_fact = None
        refused = any(isinstance(f, GateGiven) and isinstance(f.verdict, Refuse) for f in facts)
        assert refused or self.state.entry(digest).stage is after
        if stage is Stage.QUARANTINED:
            assert refused

    @rule(hours=st.sampled_from([0.5, 1.0, 3.0, 30.0]))
    def wait(self, hours: float) -> None:
        self.now_ns = UtcNs(self.now_ns + int(hours * NS_PER_HOUR))
        self.tell(Clock(self.now_ns))

    # -- what always holds -----------------------------------------------------------------

    @invariant()
    def the_record_is_the_registry(self) -> None:
        assert self.recorded == self.state.registry

    @invariant()
    def a_slot_has_at_most_one_champion_and_knows_it(self) -> None:
        for model in set(MODELS.values()):
            slot = self.state.registry.slot(model)
            crowned = [
                entry.digest
                for entry in self.state.registry.standing(Stage.CHAMPION)
                if entry.model == model
            ]
            assert crowned == ([slot.champion] if slot.champion else [])
            assert slot.previous != slot.champion or slot.champion is None

    @invariant()
    def capital_goes_only_to_those_who_are_in_charge(self) -> None:
        shares = {Stage.CANARY: {0.01}, Stage.CHAMPION: {0.05, 0.25, 1.0}}
        for entry in self.state.registry.entries.values():
            assert entry.share in shares.get(entry.stage, {0.0})

    @invariant()
    def every_champion_was_put_on_probation(self) -> None:
        for entry in self.state.registry.standing(Stage.CHAMPION):
            watched = self.state.probation(entry.digest)
            assert watched is not None
            assert watched.status is not Status.ROLLED_BACK
            assert watched.promoted_at == entry.since_ns

    @invariant()
    def no_harm_is_left_standing(self) -> None:
        for entry in self.state.registry.standing(Stage.CANARY, Stage.CHAMPION):
            gates = self.books[entry.digest].gates
            assert "refuse" not in gates.values() or self.was_moved_by_hand(entry.digest)

    def was_moved_by_hand(self, digest: str) -> bool:
        """A person may lift a refused model; the next fact about it brings it down again."""
        state, _ = climb.on(self.state, Clock(self.now_ns), self.now_ns)
        return state.entry(digest).stage not in {Stage.CANARY, Stage.CHAMPION}


Climbing.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
test_anything_told_to_the_stairs = Climbing.TestCase


def registered(now: UtcNs) -> climb.Climb:
    proof = proof_of("a")
    born = ModelRegistered(now, "a", "v", "d", None, 1, proof=hash_of(proof))
    state, _ = climb.on(climb.start(climb_rules()), born, now)
    return climb.on(state, ProofGiven(now, "a", "d", proof), now)[0]


SPOILED = ("gate", "nan", "incumbent", "repeat", "hours", "stage", "inconclusive")


@given(spoiled=st.sampled_from(SPOILED), trades=st.integers(10, 40), data=st.data())
def test_one_thing_missing_and_nobody_is_promoted(spoiled: str, trades: int, data) -> None:
    """Missing, not a number, repeated, too short, of another stage: never a canary."""
    now = UtcNs(0)
    state = registered(now)
    missing = data.draw(st.sampled_from(GATES)) if spoiled in {"gate", "inconclusive"} else ""
    for name in GATES:
        if name == missing and spoiled == "gate":
            continue
        verdict = inconclusive("x", "few") if name == missing else Pass()
        state, _ = climb.on(state, GateGiven(now, name, "a", "d", verdict), now)
        if name == EVIDENCE[-1]:
            state, _ = climb.on(state, Clock(now), now)
    for i in range(trades * 5):
        now = UtcNs(now + (1 if spoiled == "hours" else NS_PER_HOUR))
        r = math.nan if spoiled == "nan" else 1.5
        other = math.nan if spoiled == "incumbent" else 0.0
        stage = "canary" if spoiled == "stage" else "shadow"
        nth = i % 49 if spoiled == "repeat" else i
        closed_ns = UtcNs(nth * NS_PER_HOUR // 3)
        pair = TradePaired(closed_ns, str(nth), "d", stage, r, other)
        state, _ = climb.on(state, pair, now)
    assert state.entry("d").stage in {Stage.CANDIDATE, Stage.SHADOW}


def test_with_nothing_missing_the_same_history_is_promoted() -> None:
    """The property above is not empty: unspoiled, it ends in a canary."""
    now = UtcNs(0)
    state = registered(now)
    for name in GATES[:-1]:
        state, _ = climb.on(state, GateGiven(now, name, "a", "d", Pass()), now)
    state, _ = climb.on(state, GateGiven(now, LIVE, "a", "d", Pass()), now)
    for i in range(50):
        now = UtcNs(now + NS_PER_HOUR)
        state, facts = climb.on(state, TradePaired(now, str(i), "d", "shadow", 1.5, 0.0), now)
    assert state.entry("d").stage is Stage.CANARY
    assert not any(isinstance(fact, ProbationChanged) for fact in facts)
