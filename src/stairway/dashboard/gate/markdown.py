"""The gate as Markdown: for a merge request, a ticket, a hand-over."""

from __future__ import annotations

from collections.abc import Iterator

from stairway.app.gate.instants import said
from stairway.app.gate.report import GateReport, ModelReport
from stairway.dashboard.gate import account
from stairway.dashboard.gate.cleaning import clean
from stairway.dashboard.words import capital, figure, word


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
        return
    yield from ("| | before | after | change |", "|---|---:|---:|---:|")
    for row in account.figures(one):
        yield f"| {row.what} | {row.before} | {row.after} | {row.change} |"
    for one_test in one.tests:
        p = "" if one_test.p_value is None else f", {account.chance(one_test.p_value)}"
        yield f"\n{one_test.what}: {one_test.effect_name} {figure(one_test.effect)}{p}"


def _evidence(report: GateReport) -> Iterator[str]:
    yield f"- policy `{_code(report.policy)}`, bounds `{report.policy_digest[:16]}`"
    yield f"- Stairway {report.version}, at {report.at}"
    yield f"- what was read, before: `{_code(str(report.marks[0]))}`"
    if not report.untouched:
        yield f"- and after: `{_code(str(report.marks[1]))}`"
    cut = report.cutover
    if cut is not None:
        yield f"- cutover {said(cut.at_ns)}, asked for as `{_code(cut.asked)}`"
    yield f"- {report.statement}"
    yield f"- again: `{_code(report.command)}`"


def _plain(text: str) -> str:
    """Let a name stay a name: it makes no link, no table and no element."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")
