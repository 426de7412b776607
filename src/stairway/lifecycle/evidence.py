"""All that speaks for or against one model, kept from one trade to the next."""

from __future__ import annotations

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Verdict
from stairway.evaluation.proof import Proof
from stairway.lifecycle import canary, probation
from stairway.lifecycle.canary import Beside
from stairway.lifecycle.facts import CanaryHealth
from stairway.lifecycle.probation import Health, ProbationRules
from stairway.lifecycle.promotion import PromotionRules
from stairway.lifecycle.stage import Stage
from stairway.supervision import eprocess
from stairway.supervision.dedupe import Dedupe
from stairway.supervision.eprocess import EProcess

_PROMOTIONS = (Stage.CANARY, Stage.CHAMPION)


class Evidence(msgspec.Struct, frozen=True):
    """What is known about one model.

    Attributes
    ----------
    gates
        Last verdict of each gate that has a say.
    paired, beside
        Evidence of the present stage: no worse than the incumbent; and worse than it.
    health, own_r
        Evidence that it loses, and its last R-multiples, over all stages.
    flown
        What the preflight said of these R-multiples; ``None`` until it is asked.
    needed_e
        Evidence that its next step up takes.
    resting_until_ns
        Until when it may not climb.
    vitals, quiet_clocks
        A canary's last signs of life, and the bars since.
    ramp_since_ns, ramp_trades
        When its share of the capital last changed, and trades since.
    closed, pairs
        Trades that were counted, so that none is counted twice.
    told
        The last thing that was put on record about its next step.
    attached
        Its proof, as it was handed in; whether it counts is asked at each step.
    """

    paired: EProcess
    beside: Beside
    health: Health
    needed_e: float
    gates: dict[str, Verdict] = {}
    own_r: tuple[float, ...] = ()
    flown: Verdict | None = None
    resting_until_ns: UtcNs = UtcNs(0)
    vitals: CanaryHealth | None = None
    quiet_clocks: int = 0
    ramp_since_ns: UtcNs = UtcNs(0)
    ramp_trades: int = 0
    closed: Dedupe = Dedupe()
    pairs: Dedupe = Dedupe()
    told: tuple[str, ...] = ()
    attached: Proof | None = None


def unknown(promotion: PromotionRules, breaker: ProbationRules) -> Evidence:
    """Begin with nothing known."""
    return Evidence(
        paired=eprocess.start(promotion.betting),
        beside=canary.beside(promotion.betting),
        health=probation.healthy(breaker),
        needed_e=promotion.e_needed,
    )


def moved(
    evidence: Evidence, after: Stage, promotion: PromotionRules, breaker: ProbationRules
) -> Evidence:
    """Turn the page: a stage is judged on what happens in it.

    Evidence that the model loses is carried on; its second process begins again with every
    promotion.
    """
    live = promotion.live_gates
    health = evidence.health
    if after in _PROMOTIONS:
        health = probation.renewed(health, breaker)
    return msgspec.structs.replace(
        evidence,
        paired=eprocess.start(promotion.betting),
        beside=canary.beside(promotion.betting),
        health=health,
        gates={name: v for name, v in evidence.gates.items() if name not in live},
        vitals=None,
        quiet_clocks=0,
        ramp_trades=0,
        told=(),
    )
