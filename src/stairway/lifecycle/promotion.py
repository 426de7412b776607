"""What a model must show before it takes a step up.

Every check answers ``Pass``, ``Refuse`` or ``Inconclusive``; only all of them passing moves
a model. What is missing, not a number, repeated or too little is never a pass: the model
stays where it is, and the verdict says what for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Pass, Refuse, Verdict, all_of, inconclusive, passed, refuse
from stairway.evaluation.proof import Proof, hash_of, judged
from stairway.lifecycle.preflight import PreflightRules
from stairway.lifecycle.registry import Entry
from stairway.supervision import eprocess
from stairway.supervision.eprocess import BettingRules, Claim, EProcess

_Names = Annotated[tuple[str, ...], Meta(min_length=1)]
_Hours = Annotated[float, Meta(ge=0, le=87_600)]
_Trades = Annotated[int, Meta(ge=0, le=10**6)]


class PromotionRules(Config, frozen=True):
    """What each step up asks for.

    Attributes
    ----------
    evidence_gates
        Must all pass before a candidate trades at all, and stay passed.
    live_gates
        Must have passed in the present stage as well, and roll a model back on refusing.
    quarantine_gates
        Gates whose refusal quarantines: the artifact itself is at fault.
    shadow_hours, shadow_trades, canary_hours, canary_trades
        Least stay in each stage, in the bars' own time and in closed trades.
    e_needed
        Evidence against "no better than the incumbent minus the tolerance".
    tolerance_r
        How much worse per trade a model may be and still count as no worse, R.
    betting
        How that evidence is made; its bound is on the *difference* of two R.
    keep_trades
        Own trades that are remembered for the preflight.
    late_hours
        A trade that closed this long before the newest is not counted any more.
    """

    evidence_gates: _Names
    live_gates: tuple[str, ...]
    quarantine_gates: tuple[str, ...]
    shadow_hours: _Hours
    shadow_trades: _Trades
    canary_hours: _Hours
    canary_trades: _Trades
    e_needed: Annotated[float, Meta(gt=1, le=1e9)]
    tolerance_r: Annotated[float, Meta(ge=0, le=1)]
    betting: BettingRules
    preflight: PreflightRules
    keep_trades: Annotated[int, Meta(ge=1, le=10**6)]
    late_hours: Annotated[float, Meta(gt=0, le=87_600)]


def proof(gates: Mapping[str, Verdict], names: Iterable[str]) -> Verdict:
    """Combine the named gates; one that never answered is inconclusive.

    Examples
    --------
    >>> proof({}, ["causality"]).findings[0].code
    'promotion.gate_missing'
    """
    return all_of(gates.get(name, _missing(name)) for name in names)


def proven(entry: Entry, attached: Proof | None, names: Iterable[str]) -> Verdict:
    """Say whether a model has a proof that counts; without one it does not leave the ground.

    It is the one that was registered, to the bit; it speaks of this model; and in it every
    named gate passed, with as many trials as the registry counts.

    Examples
    --------
    >>> from stairway.lifecycle.stage import Stage
    >>> entry = Entry("lightgbm", "v1", "d1", None, 3, Stage.CANDIDATE, UtcNs(0))
    >>> proven(entry, None, ["causality"]).findings[0].detail
    'no proof is attached to v1 of lightgbm: train it again with this version'
    """
    name = f"{entry.version} of {entry.model}"
    if attached is None or entry.proof is None:
        detail = f"no proof is attached to {name}: train it again with this version"
        return inconclusive("promotion.no_proof", detail)
    if not (hash_of(attached) == entry.proof and attached.model == entry.model):
        detail = f"the proof that was handed in is not the one that was registered with {name}"
        return refuse("promotion.no_proof", detail)
    found = judged(attached, names, entry.trials)
    detail = f"proof {entry.proof[:12]} of {name}: {found.findings[0].detail}"
    match found:
        case Pass():
            return passed("promotion.proof", detail, n=entry.trials)
        case Refuse():
            return refuse("promotion.no_proof", detail)
        case _:
            return inconclusive("promotion.no_proof", detail)


def refusing(gates: Mapping[str, Verdict], names: Iterable[str]) -> Verdict | None:
    """Return the refusals among the named gates as one, or ``None`` without any."""
    bad = [v for name in names if isinstance(v := gates.get(name), Refuse)]
    return all_of(bad) if bad else None


def paired(process: EProcess, r: float, incumbent_r: float, rules: PromotionRules) -> EProcess:
    """Take one trade beside the incumbent's into account.

    The claim under test is that the model is *worse* than the incumbent by more than the
    tolerance; gains speak against it. What cannot be read counts as the worst.
    """
    return eprocess.step(
        process, r - incumbent_r, -rules.tolerance_r, Claim.AT_MOST, rules.betting
    )


def no_worse(process: EProcess, needed: float) -> Verdict:
    """Pass where it is shown that the model is no worse than the incumbent.

    Examples
    --------
    >>> no_worse(EProcess((3.0,), 40), 20.0).findings[0].n
    40
    """
    e, n = eprocess.e_value(process), process.n
    if e >= needed:
        return passed("promotion.e_value", "no worse than the incumbent", e, needed, n)
    detail = "not shown to be no worse than the incumbent"
    return inconclusive("promotion.e_value", detail, e, needed, n)


def enough_hours(since_ns: UtcNs, now_ns: UtcNs, hours: float) -> Verdict:
    """Pass once a model has stood on its step for ``hours``."""
    stood = (now_ns - since_ns) / NS_PER_HOUR
    if stood >= hours:
        return passed("promotion.hours", f"{stood:.1f} hours", stood, hours)
    return inconclusive("promotion.hours", f"{stood:.1f} of {hours:g} hours", stood, hours)


def enough_trades(trades: int, needed: int) -> Verdict:
    """Pass once a model has closed ``needed`` trades on its step."""
    if trades >= needed:
        return passed("promotion.trades", f"{trades} trades", trades, needed, trades)
    detail = f"{trades} of {needed} trades"
    return inconclusive("promotion.trades", detail, trades, needed, trades)


def cooled(now_ns: UtcNs, until_ns: UtcNs, what: str) -> Verdict:
    """Pass once the rest after a rollback is over."""
    left = (until_ns - now_ns) / NS_PER_HOUR
    if now_ns >= until_ns:
        return passed("promotion.cooldown", f"{what} is not resting")
    return inconclusive("promotion.cooldown", f"{what} rests for {left:.1f} hours", left, 0)


def _missing(name: str) -> Verdict:
    return inconclusive("promotion.gate_missing", f"gate {name!r} has not answered")
