"""What the gate found in words, the same in the terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from stairway.app.gate.instants import said
from stairway.app.gate.report import GateReport, ModelReport, Side
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse
from stairway.dashboard.words import (
    MINUS,
    count,
    counted,
    figure,
    listed,
    plain,
    sentence,
    word,
)

ACTIONS = ("SELL", "HOLD", "BUY")
DASH = "\N{EN DASH}"
_MOST_SPIKES = 3
_UNLIKELY = 1e-12
_DAY_S, _LONG_DAYS = 86_400, 7
STD, WIDTH = "std of confidence", f"P10{DASH}P90"
_SHARES = frozenset({"gate.majority", "gate.dead_zone", "gate.single_value"})
_COUNTED = frozenset(
    {
        "gate.contract",
        "gate.event_id",
        "gate.repeats",
        "gate.silent",
        "gate.span",
        "gate.symbols",
        "gate.too_few",
    }
)
_WHOLE = {
    "gate.future": "answers are dated after now",
    "gate.no_answers": "there are no answers",
    "gate.no_before": "there is no before",
    "gate.source_changed": "the source changed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one model, before and after; ``before`` is empty without a cutover."""

    what: str
    before: str
    after: str
    change: str


def title(one: ModelReport) -> str:
    """Name a model, and its stage where that is not the usual one."""
    return one.model if one.stage in {"calibrated", one.model} else f"{one.model}, {one.stage}"


def headline(report: GateReport) -> str:
    """Say the verdict and whom it is about, in one sentence."""
    days = _silent_days(report)
    if isinstance(report.verdict, Pass) and days:
        last = report.rate.last.partition("T")[0]
        was = f"Was alive: {_passing(report)} up to {last}; silent for {days:,} days since."
        return was + _last_spoke(report)
    return _verdict(report) + (f" Silent for {days:,} days." if days else "")


def _verdict(report: GateReport) -> str:
    bad = [title(m) for m in report.models if word(m.verdict) == word(report.verdict)]
    bad = bad or list(dict.fromkeys(_WHOLE.get(f.code, f.code) for f in report.missing))
    match report.verdict:
        case Pass():
            return f"Alive: {_passing(report)}.{_last_spoke(report)}"
        case Refuse():
            return f"Refused: {listed(bad)}." if bad else "Refused."
        case Inconclusive():
            return f"Not enough to tell: {listed(bad)}." if bad else "Not enough to tell."
        case _:
            assert_never(report.verdict)


def _passing(report: GateReport) -> str:
    n, left = len(report.models), sum(not one.last_spoke for one in report.models)
    if left < n:
        return f"{left} of {n} {'passes' if left == 1 else 'pass'}"
    return "it passes" if n == 1 else f"all {n} pass"


def _last_spoke(report: GateReport) -> str:
    """Say when those last answered who are not called alive; nothing where there is none."""
    late = [
        f"{title(one)} last spoke at {one.last_spoke}"
        for one in report.models
        if one.last_spoke
    ]
    return f" {'; '.join(late)}." if late else ""


def _silent_days(report: GateReport) -> int:
    """Return for how many days nothing has come, if that is a week; else 0."""
    if not report.rate.first:
        return 0
    days = (_instant(report.at) - _instant(report.rate.last)).total_seconds() / _DAY_S
    return round(days) if days >= _LONG_DAYS else 0


def scope(report: GateReport) -> str:
    """Say what was looked at, in one line."""
    rate = report.rate
    said_rate = "" if rate.per_minute is None else f", {figure(rate.per_minute)} a minute"
    models = counted(len({m.model for m in report.models}), "model")
    return f"{counted(rate.events, 'event')} of {models}, {hours(rate.span_hours)}{said_rate}"


def times(report: GateReport) -> str:
    """Say when the first and the last event were, and how long it is silent; or nothing."""
    rate = report.rate
    if not rate.first:
        return ""
    silent_s = (_instant(report.at) - _instant(rate.last)).total_seconds()
    now = f"silent since, for {hours(silent_s / 3600)}" if silent_s >= 0 else "not yet"
    return f"{rate.first} to {rate.last}, {now}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def design(one: ModelReport, report: GateReport) -> str:
    """Say which bound was waived for a model that holds by design; else nothing."""
    if not one.holds_by_design:
        return ""
    waived, holds = report.rules["max_majority_pct"], report.rules["max_hold_pct"]
    return f"holds by design: {waived} % bound waived, {holds} % holds"


def noticed(report: GateReport) -> tuple[str, ...]:
    """Say what was noticed while it was read."""
    return report.understood[1:]


def warned(report: GateReport) -> tuple[str, ...]:
    """Say what a reader has to be warned of."""
    alert = (report.rate.alert,) if report.rate.alert else ()
    return (*alert, *report.warnings, *noticed(report))


def hours(span_hours: float) -> str:
    """Say how long, in the unit that fits.

    Examples
    --------
    >>> hours(3.9967), hours(0.13), hours(72.0)
    ('4.0 hours', '8 minutes', '3.0 days')
    """
    if span_hours < 1:
        return counted(round(span_hours * 60), "minute")
    return f"{span_hours:.1f} hours" if span_hours < 48 else f"{span_hours / 24:.1f} days"  # noqa: PLR2004


def why(one: ModelReport) -> tuple[str, ...]:
    """Say in one sentence each what decided about a model; nothing where it passed."""
    if isinstance(one.verdict, Pass):
        return ()
    return tuple(f"{_because(finding)} ({finding.code})" for finding in one.verdict.findings)


def _because(one: Finding) -> str:
    """Put a finding in words: counts as counts, and no bound that reads like what it bounds.

    Examples
    --------
    >>> _because(Finding("gate.majority", "BUY in 701 of 1001 answers", 0.7003, 0.7, 1001))
    'BUY in 701 of 1,001 answers, at most 700 may be'
    """
    if one.code in _SHARES and one.bound is not None and one.n:
        return f"{plain(one.detail)}, at most {round(100 * one.bound) * one.n // 100:,} may be"
    if one.code in _COUNTED:
        return plain(one.detail)
    return sentence(one)


def vitals(side: Side) -> str:
    """Say in one line how a model answers."""
    if side.std is None or side.hold_frac is None:
        return counted(side.counted.events, "answer")
    parts = (
        counted(side.counted.events, "answer"),
        f"HOLD {percent_of(side.hold_frac)}",
        f"std {side.std:.3f}",
        f"P10{DASH}P90 {width(side)}",
    )
    return ", ".join(parts)


def width(side: Side) -> str:
    """Write P10 to P90; nothing without answers."""
    if side.quantiles is None:
        return ""
    low, high = side.quantiles
    return f"{low:.2f}{DASH}{high:.2f}"


def spikes(side: Side) -> tuple[str, ...]:
    """Say which exact values occur too often."""
    return tuple(
        f"{one.value:g} in {percent_of(one.share_frac)} of answers: {count(one.count)} times, "
        f"where its neighbours suggest {figure(round(one.expected, 1))} ({chance(one.p_value)})"
        for one in side.spikes[:_MOST_SPIKES]
    )


def percent_of(frac: float) -> str:
    """Write a share; what is not whole is not called whole.

    Examples
    --------
    >>> percent_of(0.73), percent_of(0.0801), percent_of(0.9996)
    ('73.0 %', '8.0 %', '99.9 %')
    """
    return f"{min(100 * frac, 99.9) if frac < 1 else 100:.1f} %"


def chance(p_value: float) -> str:
    """Write a p-value; below what anybody can picture, only that.

    Examples
    --------
    >>> chance(0.03124), chance(0.0)
    ('p = 0.0312', 'p < 1e-12')
    """
    return f"p = {figure(p_value)}" if p_value >= _UNLIKELY else "p < 1e-12"


def figures(one: ModelReport) -> tuple[Row, ...]:
    """Put the figures of a model side by side."""
    return tuple(_rows(one.before, one.after))


def _rows(before: Side | None, after: Side) -> Iterator[Row]:
    for what, text, value in _FIGURES:
        was = None if before is None else value(before)
        now = value(after)
        change = "" if was is None or now is None else _change(now - was, text)
        if what == WIDTH:
            yield Row(what, "" if before is None else width(before), width(after), change)
            continue
        yield Row(what, text(was), text(now), change)


def _count(value: float | None) -> str:
    return "" if value is None else count(int(value))


def _share(value: float | None) -> str:
    return "" if value is None else percent_of(value)


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _change(change: float, text: Callable[[float | None], str]) -> str:
    """Write a change with its sign; that of a share in points of a per cent."""
    if text is _count:
        written = f"{change:+,.0f}"
    elif text is _share:
        written = f"{100 * change:+.1f} pp"
    else:
        written = f"{change:+.3f}"
    return written.replace("-", MINUS)


def _wide(side: Side) -> float | None:
    return None if side.quantiles is None else side.quantiles[1] - side.quantiles[0]


def _answers(side: Side) -> float | None:
    return side.counted.events


def _worth(side: Side) -> float | None:
    return side.counted.effective


def _different(side: Side) -> float | None:
    return side.counted.distinct


_FIGURES: tuple[
    tuple[str, Callable[[float | None], str], Callable[[Side], float | None]], ...
] = (
    ("answers", _count, _answers),
    ("worth, of independent ones", _count, _worth),
    ("HOLD", _share, lambda side: side.hold_frac),
    (STD, _three, lambda side: side.std),
    (WIDTH, _three, _wide),
    ("commonest value", _share, lambda side: side.single_frac),
    ("different values", _count, _different),
)


def parting(report: GateReport) -> str:
    """Say where before ends; nothing without a cutover."""
    cut = report.cutover
    return "" if cut is None else f"Judged from {said(cut.at_ns)} on ({cut.origin})."


def order(models: Sequence[ModelReport]) -> tuple[ModelReport, ...]:
    """Put those first that decided."""
    rank = ("refuse", "inconclusive", "pass")
    return tuple(sorted(models, key=lambda m: rank.index(word(m.verdict))))
