"""From what the members believe to one wish, failing closed.

1. ``poll``: only champions have a say, each once, about this symbol and this close; every
   champion without a usable answer is excluded with a typed reason, and nothing stands in
   for it.
2. No champion at all: the baseline decides. It needs no model and no quorum.
3. Below quorum, by weight or by number: abstain.
4. The members stand too far apart: the fallback decides (the baseline, where there is
   none), and above the critical level at a reduced size.
5. The weighted mean of the calibrated probabilities lies within the action margin of even:
   abstain. Otherwise enter on its side, and credit the models that would have gone there
   on their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol, assert_never

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.decision.disagreement import Dispersion, Level, breaker, dispersion
from stairway.decision.facts import Polled
from stairway.decision.intent import Abstain, Enter, Intent, Route, Vote
from stairway.models.ask import action_of
from stairway.models.prediction import Action, Answer, Exclusion, ExclusionCode, Prediction

CHAMPION = "champion"
"""The one stage whose models have a say about capital; `lifecycle.stage.Stage.CHAMPION`."""

_ROUNDING = 1e-12
_HEAVIEST = 1e6  # weights add up to about one; anything near this is a mistake


class EnsembleRules(Config, frozen=True, kw_only=True):
    """When the members' belief is enough to act on.

    Attributes
    ----------
    quorum_weight
        Least share of the seats' weight that must answer. Exactly this share is enough.
    quorum_members
        Least number of members that must answer; all of them where fewer are seated.
    action_margin
        Distance from even odds at which a probability becomes an action.
    dispersion
        How the spread of the members is measured.
    dispersion_warning, dispersion_critical
        Spread above which the fallback decides, and above which it also does so small.
    reduce_factor
        Size multiplier above the critical spread.
    """

    quorum_weight: Annotated[float, Meta(gt=0.0, le=1.0)]
    quorum_members: Annotated[int, Meta(ge=1, le=100)]
    action_margin: Annotated[float, Meta(gt=0.0, lt=0.5)]
    dispersion: Dispersion
    dispersion_warning: Annotated[float, Meta(gt=0.0, le=0.5)]
    dispersion_critical: Annotated[float, Meta(gt=0.0, le=0.5)]
    reduce_factor: Annotated[float, Meta(gt=0.0, le=1.0)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.dispersion_warning <= self.dispersion_critical:
            msg = (
                f"[ensemble] dispersion_warning is {self.dispersion_warning} and "
                f"dispersion_critical {self.dispersion_critical}; the warning comes first"
            )
            raise ConfigError(msg)


class Seat(msgspec.Struct, frozen=True):
    """A model's place at the table, as it stands now. Weights need not sum to one."""

    model: str
    digest: str
    stage: str
    weight: float


class Routes(msgspec.Struct, frozen=True):
    """The two routes that need no quorum."""

    baseline: Answer
    fallback: Answer | None = None


def decide(
    answers: Sequence[Answer],
    seats: Mapping[str, Seat],
    routes: Routes,
    rules: EnsembleRules,
    symbol: str,
    as_of_ns: UtcNs,
) -> Intent:
    """Decide for one instrument at one close.

    Parameters
    ----------
    answers
        From anybody, in any order; only those of the champions in ``seats`` count.
    seats
        By digest.

    Examples
    --------
    >>> from stairway.testing import decision as some
    >>> answers = [some.answer("x", 0.60), some.answer("y", 0.56)]
    >>> wish = decide(answers, some.seats("x", "y"), some.routes(), some.rules(), "A", 1)
    >>> wish.side, round(wish.probability, 2), wish.route.value, len(wish.votes)
    (1, 0.58, 'ensemble', 2)
    >>> alone = decide(answers[:1], some.seats("x", "y"), some.routes(), some.rules(), "A", 1)
    >>> alone.findings[0].code
    'ensemble.quorum_members'
    """
    return decide_polled(poll(answers, seats, rules, symbol, as_of_ns), routes, rules)


def poll(
    answers: Sequence[Answer],
    seats: Mapping[str, Seat],
    rules: EnsembleRules,
    symbol: str,
    as_of_ns: UtcNs,
) -> Polled:
    """Hear every champion once, and sum up what was said. The order does not matter.

    Examples
    --------
    >>> from stairway.testing import decision as some
    >>> polled = poll([some.answer("x", 0.6)], some.seats("x", "y"), some.rules(), "A", 1)
    >>> polled.share, polled.probability, [f.code for f in polled.excluded]
    (0.5, 0.6, ['member.absent'])
    """
    table = sorted(
        (seat for seat in seats.values() if seat.stage == CHAMPION),
        key=lambda seat: (-seat.weight, seat.digest),
    )
    heard = [_hear(seat, answers, symbol, as_of_ns) for seat in table]
    votes = tuple(h for h in heard if isinstance(h, Vote))
    weights = [vote.weight for vote in votes]
    probabilities = [vote.confidence for vote in votes]
    weighed = bool(votes) and _can_be_weighed(table)
    return Polled(
        symbol=symbol,
        as_of_ns=as_of_ns,
        seats=len(table),
        share=_share(weights, table) if weighed else 0.0,
        probability=_mean(probabilities, weights) if weighed else None,
        dispersion=dispersion(probabilities, weights, rules.dispersion) if weighed else None,
        votes=votes,
        excluded=tuple(h for h in heard if isinstance(h, Finding)),
    )


def decide_polled(polled: Polled, routes: Routes, rules: EnsembleRules) -> Intent:
    """Decide from what was heard; :func:`decide` is a poll and this.

    Examples
    --------
    >>> from stairway.testing import decision as some
    >>> nobody = poll([], {}, some.rules(), "A", 1)
    >>> decide_polled(nobody, some.routes(0.7), some.rules()).route.value
    'baseline'
    """
    symbol, as_of_ns = polled.symbol, polled.as_of_ns
    if polled.seats == 0:
        return _one_voice(routes.baseline, Route.BASELINE, rules, symbol, as_of_ns)
    missing = _missing_quorum(polled, rules)
    if missing or polled.probability is None or polled.dispersion is None:
        return Abstain(symbol, as_of_ns, (*missing, *polled.excluded))
    level = breaker(polled.dispersion, rules.dispersion_warning, rules.dispersion_critical)
    match level:
        case Level.PROCEED:
            return _act(polled.probability, polled.votes, Route.ENSEMBLE, polled, rules)
        case Level.FALLBACK_SIMPLE:
            return _apart(polled, routes, rules, 1.0)
        case Level.REDUCE_SIZE:
            return _apart(polled, routes, rules, rules.reduce_factor)
        case _:
            assert_never(level)


def decide_alone(answer: Answer, seat: Seat, rules: EnsembleRules) -> Intent:
    """Decide by one model's vote alone, for the book that shows what it would have done.

    Examples
    --------
    >>> from stairway.testing import decision as some
    >>> wish = decide_alone(some.answer("x", 0.3), some.seats("x")["x"], some.rules())
    >>> wish.side, wish.route.value, wish.votes[0].weight
    (-1, 'member', 1.0)
    """
    alone = msgspec.structs.replace(seat, weight=1.0)
    heard = _hear(alone, (answer,), answer.symbol, answer.as_of_ns)
    if isinstance(heard, Finding):
        return Abstain(answer.symbol, answer.as_of_ns, (heard,))
    return _act(heard.confidence, (heard,), Route.MEMBER, answer, rules)


def decide_baseline(answer: Answer, rules: EnsembleRules) -> Intent:
    """Decide by the baseline, as where no model is in charge.

    Examples
    --------
    >>> from stairway.testing import decision as some
    >>> decide_baseline(some.answer("baseline", 0.51), some.rules()).findings[0].code
    'decision.hold'
    """
    return _one_voice(answer, Route.BASELINE, rules, answer.symbol, answer.as_of_ns)


def side_of(probability: float, action_margin: float) -> int:
    """+1, -1, or 0 within the margin of even odds. Exactly on the margin acts; NaN holds.

    Examples
    --------
    >>> side_of(0.52, 0.02), side_of(0.51, 0.02), side_of(0.48, 0.02)
    (1, 0, -1)
    """
    match action_of(probability, action_margin):
        case Action.BUY:
            return 1
        case Action.SELL:
            return -1
        case Action.HOLD:
            return 0


class _About(Protocol):
    """Anything that says which instrument and which instant it is about."""

    @property
    def symbol(self) -> str: ...

    @property
    def as_of_ns(self) -> UtcNs: ...


def _hear(
    seat: Seat, answers: Sequence[Answer], symbol: str, as_of_ns: UtcNs
) -> Vote | Finding:
    """Return the seat's vote, or why it has none."""
    said = [answer for answer in answers if answer.digest == seat.digest]
    if not said:
        return Finding("member.absent", f"{seat.model} did not answer")
    answer = said[0]
    if any(other != answer for other in said):
        return _broken(seat, "it answered twice, and not the same")
    if isinstance(answer, Exclusion):
        return Finding(answer.code.value, f"{seat.model}: {answer.detail}")
    wrong = _wrong(answer, seat, symbol, as_of_ns)
    return wrong or Vote(seat.model, seat.digest, seat.stage, seat.weight, answer.confidence)


def _wrong(answer: Prediction, seat: Seat, symbol: str, as_of_ns: UtcNs) -> Finding | None:
    if answer.model != seat.model or answer.symbol != symbol:
        return _broken(seat, f"it spoke as {answer.model} about {answer.symbol}")
    if answer.as_of_ns != as_of_ns:
        return Finding(ExclusionCode.STALE.value, f"{seat.model} spoke of another close")
    if not answer.honours_contract:
        return _broken(seat, f"raw {answer.raw}, confidence {answer.confidence}")
    return None


def _broken(seat: Seat, what: str) -> Finding:
    return Finding(ExclusionCode.CONTRACT.value, f"{seat.model}: {what}")


def _can_be_weighed(table: Sequence[Seat]) -> bool:
    """Say whether every weight makes sense; where one does not, nobody has a say."""
    return all(0.0 < seat.weight <= _HEAVIEST for seat in table)


def _share(answered: Sequence[float], table: Sequence[Seat]) -> float:
    """Share of the table's weight that answered."""
    return math.fsum(answered) / math.fsum(seat.weight for seat in table)


def _mean(probabilities: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted mean, kept between the least and the greatest in spite of rounding."""
    products = (w * p for w, p in zip(weights, probabilities, strict=True))
    mean = math.fsum(products) / math.fsum(weights)
    return min(max(mean, min(probabilities)), max(probabilities))


def _missing_quorum(polled: Polled, rules: EnsembleRules) -> tuple[Finding, ...]:
    """List what a quorum lacks: nothing where there is one."""
    findings: list[Finding] = []
    if not polled.share + _ROUNDING >= rules.quorum_weight:
        detail = f"{polled.share:.3f} of the weight answered"
        bound = rules.quorum_weight
        findings.append(
            Finding("ensemble.quorum_weight", detail, polled.share, bound, polled.seats)
        )
    needed = min(rules.quorum_members, polled.seats)
    if not len(polled.votes) >= needed:
        detail = f"{len(polled.votes)} of {polled.seats} members answered"
        findings.append(
            Finding("ensemble.quorum_members", detail, len(polled.votes), needed, polled.seats)
        )
    return tuple(findings)


def _apart(polled: Polled, routes: Routes, rules: EnsembleRules, caution: float) -> Intent:
    """Leave it to a simpler route, since the members do not agree."""
    symbol, as_of_ns = polled.symbol, polled.as_of_ns
    answer, route = routes.baseline, Route.BASELINE
    if isinstance(routes.fallback, Prediction):
        answer, route = routes.fallback, Route.FALLBACK
    intent = _one_voice(answer, route, rules, symbol, as_of_ns)
    if isinstance(intent, Enter):
        return msgspec.structs.replace(intent, caution=caution)
    why = Finding(
        "ensemble.disagreement",
        f"the members stand apart, so the {route} decided",
        polled.dispersion,
        rules.dispersion_warning,
        len(polled.votes),
    )
    return Abstain(symbol, as_of_ns, (*intent.findings, why))


def _one_voice(
    answer: Answer, route: Route, rules: EnsembleRules, symbol: str, as_of_ns: UtcNs
) -> Intent:
    """Decide by an answer that needs no quorum; its stage on record is the route."""
    seat = Seat(answer.model, answer.digest, route.value, 1.0)
    heard = _hear(seat, (answer,), symbol, as_of_ns)
    if isinstance(heard, Finding):
        return Abstain(symbol, as_of_ns, (heard,))
    return _act(heard.confidence, (heard,), route, answer, rules)


def _act(
    probability: float,
    votes: tuple[Vote, ...],
    route: Route,
    about: _About,
    rules: EnsembleRules,
) -> Intent:
    """Enter on the side of ``probability``, or hold."""
    side = side_of(probability, rules.action_margin)
    if side == 0:
        detail = f"probability {probability:.4f} is within the margin of even odds"
        return _hold(about, Finding("decision.hold", detail, probability, rules.action_margin))
    if not 0.0 < probability < 1.0:
        detail = "no calibrated probability is certain; look for a leak"
        return _hold(about, Finding("decision.certain", detail, probability))
    return Enter(
        symbol=about.symbol,
        as_of_ns=about.as_of_ns,
        side=side,
        probability=probability,
        route=route,
        votes=tuple(v for v in votes if side_of(v.confidence, rules.action_margin) == side),
    )


def _hold(about: _About, why: Finding) -> Abstain:
    return Abstain(about.symbol, about.as_of_ns, (why,))
