"""Is a model still answering, or has it collapsed? Judged on its telemetry alone.

Everything is counted in integers, so that exactly the bound passes: confidences are whole
millionths, quantiles are values that occurred (nearest rank), and spreads are compared
without a division. ``measure`` only counts; ``judge`` holds the counts against the rules.

Sticky actions make 200 answers worth 22, so shares are judged only where the effective
number of answers is large enough: with r the chance of repeating an action beyond what its
shares explain, ``n (1 - r) / (1 + r)``. Too little of anything is inconclusive, which
blocks exactly as a refusal does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Verdict, all_of, inconclusive, passed, refuse
from stairway.models.prediction import Action

PPM = 1_000_000
_LEAST_FOR_SPREAD = 2

_Count = Annotated[int, Meta(ge=1, le=10**6)]
_Percent = Annotated[int, Meta(ge=1, le=100)]
_Share = Annotated[float, Meta(ge=0, le=1)]


class QualityRules(Config, frozen=True):
    """What telemetry must look like.

    Attributes
    ----------
    min_events, min_effective_events
        Answers needed, as counted and after allowing for sticky actions.
    min_span_hours, min_symbols
        How long and over how many instruments they must stretch.
    max_majority_pct, max_hold_pct
        Most that any one action, and HOLD, may take.
    min_std, min_width
        Least standard deviation of confidence, and least distance from P10 to P90.
    constant_std
        Below this an output is constant.
    min_distinct, max_single_pct
        Distinct confidences needed, and most that any one value may take.
    holds_by_design
        Slots whose members declare that they hold: HOLD then has only its own bound.
    require_go
        Whether the word on their agreement binds: anything but GO then does not pass.
    """

    min_events: _Count
    min_effective_events: _Count
    min_span_hours: Annotated[float, Meta(ge=0, le=87_600)]
    min_symbols: _Count
    max_majority_pct: _Percent
    max_hold_pct: _Percent
    min_std: _Share
    min_width: _Share
    constant_std: _Share
    min_distinct: _Count
    max_single_pct: _Percent
    holds_by_design: tuple[str, ...]
    require_go: bool


class Sample(NamedTuple):
    """One answer. ``confidence_ppm`` is ``None`` where the contract was broken."""

    as_of_ns: UtcNs
    symbol: str
    action: Action
    confidence_ppm: int | None


class Measured(msgspec.Struct, frozen=True):
    """What was counted over a window of answers.

    Attributes
    ----------
    events, violations
        Answers that kept the contract, and those that broke it.
    effective
        Worth of the answers in independent ones, rounded down.
    span_ns, symbols
        From the first to the last answer, and how many instruments.
    actions
        How often each action was chosen.
    spread
        n * sum(x^2) - sum(x)^2 of confidence in millionths; n (n - 1) variances.
    p10_ppm, p90_ppm
        Nearest-rank quantiles of confidence.
    distinct, commonest
        Distinct confidences, and how often the commonest occurred.
    """

    events: int
    violations: int
    effective: int
    span_ns: int
    symbols: int
    actions: dict[str, int]
    spread: int
    p10_ppm: int
    p90_ppm: int
    distinct: int
    commonest: int

    @property
    def std(self) -> float:
        """Standard deviation of confidence; 0 where there are not two answers."""
        pairs = self.events * (self.events - 1)
        return (max(self.spread, 0) / pairs) ** 0.5 / PPM if pairs > 0 else 0.0


class Counted(Measured, frozen=True):
    """What was counted over a stream of somebody else's, where more can be wrong.

    Every fault is a violation too: ``violations`` is the sum of the three kinds.

    Attributes
    ----------
    absent, strange, outside
        Answers in which something is missing (or no number), whose action nobody knows, and
        whose confidence lies outside [0, 1].
    repeats
        Answers that were given before. They are counted here and nowhere else.
    opposed
        Answers without an id that differ from one of the same instant and instrument.
    reused
        Answers whose event has the id of another: they differ in action, confidence, instant
        or instrument from what the same model said under it before. They are counted.
    """

    absent: int = 0
    strange: int = 0
    outside: int = 0
    repeats: int = 0
    opposed: int = 0
    reused: int = 0


def measure(samples: Sequence[Sample]) -> Measured:
    """Count a window of answers, oldest first.

    Examples
    --------
    >>> measure([Sample(UtcNs(1), "A", Action.BUY, 600_000)]).actions
    {'BUY': 1, 'HOLD': 0, 'SELL': 0}
    """
    kept = [s for s in samples if s.confidence_ppm is not None]
    ppm = sorted(s.confidence_ppm for s in kept if s.confidence_ppm is not None)
    actions = Counter(s.action for s in kept)
    return Measured(
        events=len(ppm),
        violations=len(samples) - len(kept),
        effective=_effective(kept, actions),
        span_ns=samples[-1].as_of_ns - samples[0].as_of_ns if samples else 0,
        symbols=len({s.symbol for s in kept}),
        actions={action.value: actions[action] for action in Action},
        spread=len(ppm) * sum(x * x for x in ppm) - sum(ppm) ** 2,
        p10_ppm=_nearest_rank(ppm, 10),
        p90_ppm=_nearest_rank(ppm, 90),
        distinct=len(set(ppm)),
        commonest=max(Counter(ppm).values(), default=0),
    )


def judge(measured: Measured, model: str, rules: QualityRules) -> Verdict:
    """Hold the counts of one model against the rules.

    Parameters
    ----------
    model
        Slot name, to know whether it declared that it holds by design.
    """
    return all_of(_checks(measured, model, rules))


def judge_spread(measured: Measured, rules: QualityRules) -> Verdict:
    """Hold confidence alone against the rules: its spread and its values.

    Too few answers are inconclusive, as in :func:`judge`.
    """
    n, least = measured.events, max(rules.min_events, _LEAST_FOR_SPREAD)
    if not n >= least:
        return _at_least("gate.too_few", "answers", n, least, n)
    return all_of([*_spread(measured, rules), _distinct(measured, rules)])


def _checks(m: Measured, model: str, rules: QualityRules) -> Iterator[Verdict]:
    yield from _of_stream(m) if isinstance(m, Counted) else (_contract(m),)
    hours = m.span_ns / NS_PER_HOUR
    yield _at_least("gate.too_few", "answers", m.events, rules.min_events, m.events)
    yield _at_least("gate.span", "hours of answers", hours, rules.min_span_hours, m.events)
    yield _at_least("gate.symbols", "instruments", m.symbols, rules.min_symbols, m.events)
    if not m.events >= max(rules.min_events, _LEAST_FOR_SPREAD):
        return
    yield from _spread(m, rules)
    yield _distinct(m, rules)
    least = rules.min_effective_events
    yield _at_least("gate.effective", "answers' worth", m.effective, least, m.events)
    if m.effective >= least:
        yield from _shares(m, model in rules.holds_by_design, rules)


def _contract(m: Measured) -> Verdict:
    if m.violations > 0:
        detail = f"{m.violations} answers broke the contract (confidence outside [0, 1])"
        return refuse("gate.contract", detail, m.violations, 0, m.events + m.violations)
    return passed("gate.contract", "every answer kept the contract", 0, 0, m.events)


def _of_stream(m: Counted) -> Iterator[Verdict]:
    yield from _faults(m)
    if m.reused > 0:
        seen = m.events + m.violations
        yield refuse("gate.event_id", reused_ids(m), m.reused, 0, seen)
    if m.repeats > 0 and m.opposed > 0:
        detail = (
            f"{m.repeats} answers repeat one of the same instant and instrument and "
            f"{m.opposed} contradict one, so nobody can tell what was sent again: give every "
            "event an event_id"
        )
        yield inconclusive("gate.repeats", detail, m.opposed, 0, m.events)


def reused_ids(m: Counted) -> str:
    """Say how many answers bear the id of another one, and what helps.

    Examples
    --------
    >>> reused_ids(Counted(9, 0, 2, 1, 1, {}, 0, 0, 0, 2, 1, reused=1)).partition(" (")[0]
    '1 of 9 answers has the event_id of another answer'
    """
    return (
        f"{m.reused} of {m.events + m.violations} answers {'has' if m.reused == 1 else 'have'} "
        "the event_id of another answer (its action, confidence, instant or instrument "
        "differs), so nobody can tell what was sent again: give every event an id of its own"
    )


def _faults(m: Counted) -> Iterator[Verdict]:
    seen, kinds = m.events + m.violations, 0
    for count, what in (
        (m.absent, "lack a model, an action, a confidence, an instrument or a time"),
        (m.strange, "have an action that is none of BUY, HOLD and SELL"),
        (m.outside, "have a confidence outside [0, 1]"),
    ):
        if count > 0:
            kinds += 1
            yield refuse("gate.contract", f"{count} of {seen} answers {what}", count, 0, seen)
    if kinds == 0:
        yield _contract(m)


def _at_least(code: str, what: str, value: float, bound: float, n: int) -> Verdict:
    if value >= bound:
        return passed(code, f"{value:g} {what}", value, bound, n)
    return inconclusive(code, f"{value:g} of {bound:g} {what}", value, bound, n)


def _spread(m: Measured, rules: QualityRules) -> Iterator[Verdict]:
    n, pairs, std = m.events, m.events * (m.events - 1), m.std
    width_ppm = m.p90_ppm - m.p10_ppm
    if m.spread < _ppm(rules.constant_std) ** 2 * pairs or width_ppm == 0:
        detail = f"the output is constant (P10 = {m.p10_ppm / PPM:g})"
        yield refuse("gate.constant", detail, std, rules.constant_std, n)
    if m.spread >= _ppm(rules.min_std) ** 2 * pairs:
        yield passed("gate.std", "spread of confidence", std, rules.min_std, n)
    else:
        yield refuse("gate.std", "confidence hardly moves", std, rules.min_std, n)
    width = width_ppm / PPM
    if width_ppm >= _ppm(rules.min_width):
        yield passed("gate.width", "confidence from P10 to P90", width, rules.min_width, n)
    else:
        yield refuse("gate.width", "P10 to P90 is narrow", width, rules.min_width, n)


def _distinct(m: Measured, rules: QualityRules) -> Verdict:
    if not m.distinct >= rules.min_distinct:
        detail = f"only {m.distinct} different confidence{'s' if m.distinct != 1 else ''}"
        return refuse("gate.distinct", detail, m.distinct, rules.min_distinct, m.events)
    return _share("gate.single_value", "one value", m.commonest, m.events, rules.max_single_pct)


def _shares(m: Measured, holds: bool, rules: QualityRules) -> Iterator[Verdict]:  # noqa: FBT001 - one question, asked once, by name
    judged = {a: c for a, c in m.actions.items() if not (holds and a == Action.HOLD)}
    action = max(judged, key=lambda a: judged[a])
    most = rules.max_majority_pct
    yield _share("gate.majority", action, judged[action], m.events, most)
    held = m.actions[Action.HOLD]
    yield _share("gate.dead_zone", Action.HOLD, held, m.events, rules.max_hold_pct)


def _share(code: str, what: str, count: int, n: int, max_pct: int) -> Verdict:
    share, detail = count / n, f"{what} in {count} of {n} answers"
    if 100 * count <= max_pct * n:
        return passed(code, detail, share, max_pct / 100, n)
    return refuse(code, detail, share, max_pct / 100, n)


def _effective(kept: Sequence[Sample], actions: Counter[Action]) -> int:
    """Effective number of answers; r is measured inside each instrument's sequence."""
    repeats, steps, last = 0, 0, dict[str, Action]()
    for sample in kept:
        before = last.get(sample.symbol)
        steps += before is not None
        repeats += before == sample.action
        last[sample.symbol] = sample.action
    return worth(tuple(actions.values()), repeats, steps)


def worth(actions: Sequence[int], repeats: int, steps: int) -> int:
    """Return how many independent answers sticky ones are worth, rounded down.

    Parameters
    ----------
    actions
        How often each action was chosen.
    repeats, steps
        Of the answers that follow another about the same instrument, those that repeat it,
        and all of them.

    Examples
    --------
    >>> worth((100, 100), repeats=99, steps=198), worth((100, 100), repeats=178, steps=198)
    (200, 22)
    """
    n = sum(actions)
    chance_top, chance_bottom = sum(c * c for c in actions), n * n
    if steps == 0 or chance_top == chance_bottom:
        return n
    chance = chance_top / chance_bottom
    sticky = max((repeats / steps - chance) / (1 - chance), 0.0)
    return int(n * (1 - sticky) / (1 + sticky))


def _nearest_rank(ordered: Sequence[int], percent: int) -> int:
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else 0


def _ppm(value: float) -> int:
    return round(value * PPM)
