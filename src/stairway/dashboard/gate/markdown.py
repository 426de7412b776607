"""The gate as Markdown: for a merge request, a ticket, a hand-over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stairway.app.gate.instants import said
from stairway.app.gate.report import GateReport, ModelReport
from stairway.dashboard.gate import account
from stairway.dashboard.gate.cleaning import clean
from stairway.dashboard.words import capital, figure, word

_MOST_SYMBOLS = 50


def draw(report: GateReport) -> str:
    """Write the whole account."""
    return "\n".join(_lines(clean(report))) + "\n"


def _lines(report: GateReport) -> Iterator[str]:
    yield f"# {_plain(account.headline(report))}"
    yield ""
    parting = account.parting(report)
    yield f"{account.scope(report)}, from `{_code(report.source)}`. {parting}".strip()
    for finding in report.missing:
        yield from ("", f"**{_plain(finding.detail)}**")
    yield from ("", account.times(report))
    for one in account.order(report.models):
        yield from _model(one, report)
    for line in report.diagnosis:
        yield from ("", _plain(line))
    if report.agreement is not None:
        yield from ("", f"**{report.agreement.word}**: {_plain(report.agreement.detail)}")
    for warning in account.warned(report):
        yield from ("", f"> {_plain(warning)}")
    yield from ("", "## Evidence", "")
    yield from _evidence(report)


def _model(one: ModelReport, report: GateReport) -> Iterator[str]:
    yield from ("", f"## {_plain(account.title(one))}: {word(one.verdict)}", "")
    spikes = (f"exactly {line}" for line in account.spikes(one.after))
    found = (*account.why(one), *filter(None, [account.design(one, report)]), *spikes)
    yield from (f"- {_plain(capital(line))}" for line in found)
    if found:
        yield ""
    if one.before is None:
        yield from ("| | |", "|---|---:|")
        yield from (f"| {row.what} | {row.after} |" for row in account.figures(one))
    else:
        yield from _change(one)
    yield from _moves(one)
    yield from _symbols(one)


def _change(one: ModelReport) -> Iterator[str]:
    yield from ("| | before | after | change |", "|---|---:|---:|---:|")
    for row in account.figures(one):
        yield f"| {row.what} | {row.before} | {row.after} | {row.change} |"
    for one_test in one.tests:
        p = "" if one_test.p_value is None else f", {account.chance(one_test.p_value)}"
        yield f"\n{one_test.what}: {one_test.effect_name} {figure(one_test.effect)}{p}"


def _moves(one: ModelReport) -> Iterator[str]:
    """Set what followed each action, before and after."""
    sides = (("before", one.before), ("after", one.after))
    for name, side in sides:
        if side is None:
            continue
        when = "" if one.before is None else f", {name}"
        yield from ("", f"What followed each action{when}:", "")
        yield f"| | {' | '.join(account.ACTIONS)} |"
        yield "|---|---:|---:|---:|"
        for action, row in zip(account.ACTIONS, side.transitions, strict=True):
            yield f"| {action} | {' | '.join(f'{n:,}' for n in row)} |"


def _symbols(one: ModelReport) -> Iterator[str]:
    """Set the actions of each instrument, those that are talked about most first."""
    if not one.after.symbols:
        return
    yield from ("", f"| instrument | {' | '.join(account.ACTIONS)} |", "|---|---:|---:|---:|")
    ranked = sorted(one.after.symbols.items(), key=lambda item: -sum(item[1]))
    for name, mix in ranked[:_MOST_SYMBOLS]:
        yield f"| {_plain(name)} | {' | '.join(f'{n:,}' for n in mix)} |"
    if len(ranked) > _MOST_SYMBOLS:
        yield f"\nand {len(ranked) - _MOST_SYMBOLS:,} more instruments"


def _evidence(report: GateReport) -> Iterator[str]:
    yield f"- policy `{_code(report.policy)}`, bounds `{report.policy_digest[:16]}`"
    yield f"- Stairway {report.version}, at {report.at}"
    yield f"- what was read, before: {_mark(report.marks[0])}"
    yield f"- and after: {'the same' if report.untouched else _mark(report.marks[1])}"
    cut = report.cutover
    if cut is not None:
        yield f"- cutover {said(cut.at_ns)}, asked for as `{_code(cut.asked)}`"
    yield f"- {report.statement}"
    yield f"- again: `{_code(report.command)}`"


def _mark(mark: Mapping[str, Any]) -> str:
    return ", ".join(f"{_plain(key)} `{_code(str(value))}`" for key, value in mark.items())


def _plain(text: str) -> str:
    """Let a name stay a name: it makes no link, no table and no element."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")
