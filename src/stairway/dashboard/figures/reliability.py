"""Do things happen as often as a model says? One small diagram per model and regime."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stairway.dashboard.figures.plain import Figure, Trace, figure
from stairway.dashboard.words import count, counted
from stairway.evaluation.beside import told_apart
from stairway.evaluation.metrics import Reliability
from stairway.training.report import CandidateReport, TrainingReport

_BIGGEST, _SMALLEST = 13.0, 5.0
_STEP, _LEAST_STEPS = 0.05, 4
_PLACES = 3
SMALL, LARGE = 230, 400
"""Heights: one of many beside each other, and one that a page is about; pixels."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """One diagram and what to read from it."""

    regime: str
    n: str
    said: str
    error: str
    word: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Diagrams:
    """All diagrams of one candidate, the whole first."""

    model: str
    diagrams: tuple[Diagram, ...]


def diagrams(report: TrainingReport) -> tuple[Diagrams, ...]:
    """Draw the diagrams of every candidate that was trained."""
    found = (_of(candidate) for candidate in report.candidates)
    return tuple(one for one in found if one.diagrams)


def _of(candidate: CandidateReport) -> Diagrams:
    regimes = sorted(candidate.reliability, key=lambda regime: regime != "all")
    shown = (diagram(r, candidate.reliability[r]) for r in regimes)
    return Diagrams(candidate.model, tuple(one for one in shown if one is not None))


def diagram(regime: str, found: Reliability, height: int = SMALL) -> Diagram | None:
    """Draw one diagram with the band of what happened; ``None`` where nothing was said.

    Both axes show the stretch in which forecasts and bands lie, in whole twentieths.

    Examples
    --------
    >>> from stairway.evaluation.metrics import Bin
    >>> drawn = diagram("trend", Reliability((Bin(90, 0.6, 0.7, 0.6, 0.8),), 0.1, 0.06, 0.08))
    >>> drawn.n, drawn.said, drawn.error
    ('90 forecasts', 'beyond chance', 'error 0.100, chance up to 0.080')
    """
    if not found.bins:
        return None
    by_chance = found.ece <= found.ece_bound
    error, chance = told_apart(found.ece, found.ece_bound, _PLACES)
    return Diagram(
        regime="all regimes" if regime == "all" else regime,
        n=counted(sum(b.n for b in found.bins), "forecast"),
        said="within chance" if by_chance else "beyond chance",
        error=f"error {error}, chance up to {chance}",
        word="pass" if by_chance else "refuse",
        figure=_figure(found, height),
    )


def _figure(found: Reliability, height: int) -> Figure:
    traces = [_band(found), _diagonal(), _points(found)]
    axis = {"range": _stretch(found), "nticks": 6, "tickformat": ".0%"}
    axes = {
        "xaxis": {**axis, "title": {"text": "said"}, "constrain": "domain"},
        "yaxis": {**axis, "title": {"text": "happened"}, "scaleanchor": "x"},
    }
    margin = {"l": 48, "r": 10, "t": 8, "b": 40}
    return figure(traces, height, axes, showlegend=False, margin=margin)


def _stretch(found: Reliability) -> list[float]:
    """Give the ends of the stretch to be shown, at least a fifth, for both axes."""
    ends = [end for b in found.bins for end in (b.confidence, b.low, b.high)]
    most = round(1.0 / _STEP)
    low = max(math.floor(min(ends) / _STEP), 0)
    high = min(math.ceil(max(ends) / _STEP), most)
    missing = max(_LEAST_STEPS - (high - low), 0)
    low = max(min(low - missing // 2, most - _LEAST_STEPS), 0)
    high = min(max(high, low + _LEAST_STEPS), most)
    return [round(low * _STEP, 2), round(high * _STEP, 2)]


def _band(found: Reliability) -> Trace:
    """Shade the interval of what happened, on independent samples."""
    said = [round(b.confidence, 4) for b in found.bins]
    low = [round(b.low, 4) for b in found.bins]
    high = [round(b.high, 4) for b in found.bins]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*said, *reversed(said)],
        "y": [*high, *reversed(low)],
        "fill": "toself",
        "fillcolor": "--real-soft",
        "line": {"width": 0, "color": "--real"},
        "hoverinfo": "skip",
    }


def _diagonal() -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"dash": "dot", "width": 1, "color": "--muted"},
        "hoverinfo": "skip",
    }


def _points(found: Reliability) -> Trace:
    most = max(b.n for b in found.bins)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [round(b.confidence, 4) for b in found.bins],
        "y": [round(b.hit_frac, 4) for b in found.bins],
        "text": [f"{count(b.n)} forecasts" for b in found.bins],
        "hovertemplate": "said %{x:.0%}, happened %{y:.0%}<br>%{text}<extra></extra>",
        "line": {"width": 1, "color": "--real"},
        "marker": {
            "color": "--real",
            "size": [
                round(_SMALLEST + (_BIGGEST - _SMALLEST) * b.n / most, 1) for b in found.bins
            ],
            "line": {"width": 1, "color": "--paper"},
        },
    }
