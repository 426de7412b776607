"""``report.html`` of the gate: one file without a script, which loads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from stairway.app.gate.instants import said
from stairway.app.gate.report import GateReport, ModelReport
from stairway.dashboard.gate import account, picture
from stairway.dashboard.gate.cleaning import clean
from stairway.dashboard.report import environment
from stairway.dashboard.words import word


@dataclass(frozen=True, slots=True)
class Shown:
    """One model as it is set."""

    report: ModelReport
    title: str
    word: str
    why: tuple[str, ...]
    spikes: tuple[str, ...]
    vitals: str
    figures: tuple[account.Row, ...]
    before: picture.Histogram | None
    after: picture.Histogram
    matrix_before: tuple[tuple[picture.Cell, ...], ...]
    matrix: tuple[tuple[picture.Cell, ...], ...]
    symbols: tuple[picture.Symbol, ...]

    @property
    def marked(self) -> bool:
        """Whether any exact value is marked, on either side."""
        return any(side.marks for side in (self.before, self.after) if side is not None)


def page(report: GateReport) -> str:
    """Set the whole page."""
    report = clean(report)
    cut = report.cutover
    return (
        environment()
        .get_template("gate.html.j2")
        .render(
            report=report,
            headline=account.headline(report),
            word=word(report.verdict),
            scope=account.scope(report),
            parting=account.parting(report),
            cutover="" if cut is None else said(cut.at_ns),
            span=account.hours(report.rate.span_hours),
            shown=tuple(_shown(one) for one in account.order(report.models)),
            actions=account.ACTIONS,
            chance=account.chance,
            percent_of=account.percent_of,
            named=frozenset(m.model for m in report.models),
        )
    )


def _shown(one: ModelReport) -> Shown:
    before, after = picture.histograms(one)
    return Shown(
        report=one,
        title=account.title(one),
        word=word(one.verdict),
        why=account.why(one),
        spikes=account.spikes(one.after),
        vitals=account.vitals(one.after),
        figures=account.figures(one),
        before=before,
        after=after,
        matrix_before=() if one.before is None else picture.matrix(one.before),
        matrix=picture.matrix(one.after),
        symbols=picture.symbols(one.after),
    )
