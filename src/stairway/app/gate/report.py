"""What one pass found, as plain values: what JSON says, and what every page is made of."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, assert_never

import msgspec

from stairway.app.gate.cutover import Cutover
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, Verdict
from stairway.supervision.quality_gate import PPM, Counted

LAYOUT = 1
STATEMENT = (
    "Nothing was trained, nothing was activated, and nothing was written to what was read."
)
_REFUSED = 2
_OF_ALL = frozenset({"gate.no_answers", "gate.no_before", "gate.future", "gate.source_changed"})

SideName: TypeAlias = Literal["before", "after"]


class Spike(msgspec.Struct, frozen=True):
    """One exact value that occurs more often than a smooth distribution allows.

    Attributes
    ----------
    value, count, share_frac
        The confidence, how often it occurred, and its share of the answers.
    expected
        How often its neighbours let one expect it.
    p_value
        Of so many by chance, after correction for every value that was looked at.
    """

    value: float
    count: int
    share_frac: float
    expected: float
    p_value: float


class Example(msgspec.Struct, frozen=True):
    """One answer that broke the contract, as it was found."""

    what: str
    at: str
    action: str
    confidence: float | None
    kind: str = ""


class Side(msgspec.Struct, frozen=True):
    """What one model said, before or after.

    Attributes
    ----------
    counted
        What was counted.
    verdict
        What that comes to, held against the policy.
    bars
        Answers in each of a hundred equal bins of confidence from 0 to 1.
    transitions
        ``transitions[a][b]``: how often action b followed a about the same instrument;
        SELL, HOLD, BUY.
    symbols
        SELL, HOLD and BUY of each instrument.
    """

    counted: Counted
    verdict: Verdict
    bars: tuple[int, ...]
    spikes: tuple[Spike, ...]
    transitions: tuple[tuple[int, ...], ...]
    symbols: dict[str, tuple[int, ...]]
    examples: tuple[Example, ...] = ()

    @property
    def hold_frac(self) -> float | None:
        """Share of HOLD; ``None`` without answers."""
        return self._of_events(self.counted.actions["HOLD"])

    @property
    def single_frac(self) -> float | None:
        """Share of the commonest confidence; ``None`` without answers."""
        return self._of_events(self.counted.commonest)

    @property
    def std(self) -> float | None:
        """Standard deviation of confidence; ``None`` with fewer than two answers."""
        return None if self.counted.events < 2 else self.counted.std  # noqa: PLR2004

    @property
    def quantiles(self) -> tuple[float, float] | None:
        """P10 and P90 of confidence; ``None`` without answers."""
        if self.counted.events == 0:
            return None
        return self.counted.p10_ppm / PPM, self.counted.p90_ppm / PPM

    def _of_events(self, part: int) -> float | None:
        return part / self.counted.events if self.counted.events else None


class Comparison(msgspec.Struct, frozen=True):
    """One comparison of before and after.

    Attributes
    ----------
    what, effect_name
        What was compared, and what the effect is called.
    effect
        How large the change is; ``None`` where there is too little to say.
    p_value
        Of a change as large by chance; ``None`` where there is too little to say.
    """

    what: str
    effect_name: str
    effect: float | None
    p_value: float | None
    detail: str = ""


class ModelReport(msgspec.Struct, frozen=True):
    """One model at one stage. ``before`` and ``tests`` where there was a cutover.

    ``holds_by_design`` says that HOLD had only its own bound. ``last_spoke`` is when it last
    answered, of one that has been silent since while nobody can tell whether it died: it is
    not called alive.
    """

    model: str
    stage: str
    after: Side
    before: Side | None = None
    tests: tuple[Comparison, ...] = ()
    holds_by_design: bool = False
    last_spoke: str = ""

    @property
    def verdict(self) -> Verdict:
        """What decides: the answers after the cutover, all of them where there is none."""
        return self.after.verdict


class Agreement(msgspec.Struct, frozen=True):
    """Do the models agree? GO, WAIT or NO-GO, which decides only where a policy says so."""

    word: str
    detail: str
    events: int
    agree_frac: float | None
    opposed_frac: float | None


class Rate(msgspec.Struct, frozen=True):
    """How fast events come.

    Attributes
    ----------
    events, duplicates, late
        Events counted, those that came twice and counted once, and those out of order.
    first, last, span_hours, per_minute, largest_gap_s
        When, and how densely.
    eta_minutes
        Until every model has answered often and long enough at its own pace; 0 if it has,
        and ``None`` where one does not answer.
    alert
        A sentence where the rate is too low.
    """

    events: int
    duplicates: int
    late: int
    first: str
    last: str
    span_hours: float
    per_minute: float | None
    largest_gap_s: float
    eta_minutes: float | None = None
    alert: str = ""


class GateReport(msgspec.Struct, frozen=True):
    """Everything one pass found.

    Attributes
    ----------
    verdict
        Of the whole: a model that is refused refuses it, by its name.
    source, marks
        What was read, without passwords, and its mark before and after the pass.
    understood
        How the records were read, in sentences.
    command
        The same again.
    diagnosis
        Where confidence dies on its way from score to intent, a sentence each.
    gone, new
        Versions of models that were replaced at the cutover and are not judged, and who was
        not heard before it.
    """

    layout: int
    version: str
    at: str
    verdict: Verdict
    source: str
    marks: tuple[dict[str, Any], dict[str, Any]]
    understood: tuple[str, ...]
    policy: str
    policy_digest: str
    rules: dict[str, Any]
    cutover: Cutover | None
    rate: Rate
    models: tuple[ModelReport, ...]
    agreement: Agreement | None
    warnings: tuple[str, ...]
    command: str
    diagnosis: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    statement: str = STATEMENT

    @property
    def exit_code(self) -> int:
        """0 where it passes, else 2."""
        match self.verdict:
            case Pass():
                return 0
            case Refuse() | Inconclusive():
                return _REFUSED
            case _:
                assert_never(self.verdict)

    @property
    def passed(self) -> bool:
        """True only where everything was looked at and nothing is wrong."""
        return isinstance(self.verdict, Pass)

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """What decided, where it did not pass."""
        return () if self.passed else self.verdict.findings

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What was found of the whole: nothing heard, no before, not all, or too early."""
        return tuple(finding for finding in self.reasons if finding.code in _OF_ALL)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of what decided, each once, in order."""
        return tuple(dict.fromkeys(finding.code for finding in self.reasons))

    @property
    def untouched(self) -> bool:
        """True where the mark is the same before and after; standard input is gone after."""
        return self.source == "-" or self.marks[0] == self.marks[1]

    def why(self) -> str:
        """Say what decided, a line each: what a failing test prints.

        Examples
        --------
        >>> GateReport.why.__name__
        'why'
        """
        lines = [f"{type(self.verdict).__name__}: {self.source}"]
        lines.extend(f"  {one.code}: {one.detail}" for one in self.reasons)
        return "\n".join(lines)

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"
