"""A training run in words and rows: the headline, who was compared with what, and the gate.

Everything is read from the result; nothing is measured here. What the reference did stands
beside what the seeds did, because a figure alone says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from stairway.dashboard.words import count, counted, figure, percent
from stairway.training.journal import CycleReport, Decision, Outcome, PracticeResult, SeedCycle
from stairway.training.measured import Criterion, ScenarioReport, Walked

_ENDS = {
    Outcome.CONTINUE: "not finished",
    Outcome.CONVERGED: "its figures had settled",
    Outcome.EARLY_STOP: "the last cycle brought too little",
    Outcome.FINISHED: "all cycles are done",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One policy over one span, as text."""

    who: str
    hold: str
    fills: str
    still: str
    total_return: str
    drawdown: str
    sharpe: str
    trips: str
    wins: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bound of the gate."""

    word: str
    what: str
    code: str
    value: str
    bound: str
    n: str


@dataclass(frozen=True, slots=True)
class Weather:
    """One scenario for one seed."""

    scenario: str
    provenance: str
    word: str
    why: str
    episodes: str
    length: str
    early: str
    mean_return: str
    worst: str
    hold: str
    fills: str


def headline(result: PracticeResult) -> str:
    """Say in one sentence what came of the training.

    Examples
    --------
    >>> from stairway.testing.journal import practice_result
    >>> headline(practice_result(accepted=False))
    'No policy was accepted'
    """
    if not result.finished:
        return "Training is not finished"
    if result.accepted and result.chosen_seed is not None:
        return f"The policy of seed {result.chosen_seed} was accepted"
    return "No policy was accepted"


def because(result: PracticeResult) -> str:
    """Say why training ended where it did."""
    done = counted(len(result.cycles), "cycle")
    kept = sum(1 for cycle in result.cycles if cycle.decision == Decision.KEEP)
    return f"{done} of {result.cycles_planned}, {kept} kept; {_ENDS[result.outcome]}"


def standing_cycle(result: PracticeResult) -> int:
    """Cycle whose policies the seeds ended with: the last one kept, 0 for the reference."""
    kept = (one.cycle for one in result.cycles if one.decision == Decision.KEEP)
    return max(kept, default=0)


def gate(result: PracticeResult) -> CycleReport | None:
    """Give the gate's answer about what stands; about the last cycle where none was kept."""
    last = standing_cycle(result)
    standing = [one for one in result.cycles if one.cycle == last]
    return (standing or list(result.cycles[-1:]) or [None])[-1]


def in_training(result: PracticeResult) -> tuple[str, str]:
    """Median hold rate and fills per session of the seeds' last kept cycle, as text."""
    mine = last_cycles(result)
    hold = [one.hold_rate for one in mine if one.hold_rate is not None]
    fills = [one.fills_per_session for one in mine if one.fills_per_session is not None]
    return (_share(median(hold)) if hold else "", _one(median(fills)) if fills else "")


def held_out(result: PracticeResult) -> tuple[str, str]:
    """Give the same for days that nothing was decided on."""
    walks = [one.sampled for one in result.held_out]
    if not walks:
        return "", ""
    return (
        _share(median(walk.hold_rate for walk in walks)),
        _one(median(walk.fills_per_session for walk in walks)),
    )


def last_cycles(result: PracticeResult) -> tuple[SeedCycle, ...]:
    """Every seed as it ended, by seed: after the last cycle that was kept.

    Where none was kept, as it was judged last, since that is what was refused.
    """
    standing = standing_cycle(result) or max((c.cycle for c in result.cycles), default=0)
    # Cycle 0 is the reference, which is no seed of this run, whatever number it was made under.
    last = {one.seed: one for one in result.seed_cycles if 0 < one.cycle <= standing}
    return tuple(last[seed] for seed in sorted(last))


def judged(result: PracticeResult) -> SeedCycle | None:
    """Give the seed that the page shows in detail: the chosen one, or the median of the end."""
    cycles = last_cycles(result)
    wanted = result.chosen_seed
    said = gate(result)
    if wanted is None and said is not None:
        wanted = said.median_seed
    return next((one for one in cycles if one.seed == wanted), cycles[0] if cycles else None)


def reasons(shown: SeedCycle) -> tuple[str, ...]:
    """Say which bounds of the gate this seed missed, one line each."""
    missed = (one for one in bars(shown.criteria) if one.word != "pass")
    return tuple(f"{one.what}: {one.value}, must be {one.bound}" for one in missed)


def rows(result: PracticeResult) -> tuple[Row, ...]:
    """Write reference and seeds on validation days as text."""
    gold = () if result.gold is None else (row("reference", result.gold.validation),)
    return (*gold, *(row(f"seed {c.seed}", c.validation) for c in last_cycles(result)))


def rows_held_out(result: PracticeResult) -> tuple[Row, ...]:
    """Write reference and seeds on days that nothing was decided on as text."""
    walk = None if result.gold is None else result.gold.held_out
    gold = () if walk is None else (row("reference", walk),)
    drawn = (row(f"seed {one.seed}", one.sampled) for one in result.held_out)
    likeliest = (row(f"seed {one.seed}, likeliest", one.greedy) for one in result.held_out)
    return (*gold, *drawn, *likeliest)


def row(who: str, walked: Walked) -> Row:
    """Write one walk as text."""
    return Row(
        who=who,
        hold=_share(walked.hold_rate),
        fills=_one(walked.fills_per_session),
        still=_share(walked.no_fill_share),
        total_return=percent(walked.return_frac),
        drawdown=percent(walked.drawdown_frac, signed=False),
        sharpe="undefined" if walked.sharpe is None else figure(walked.sharpe),
        trips=count(walked.round_trips),
        wins="" if walked.win_rate is None else percent(walked.win_rate, 0, signed=False),
    )


def bars(criteria: Sequence[Criterion]) -> tuple[Bar, ...]:
    """Write the bounds of the gate as text."""
    return tuple(
        Bar(
            word="pass" if one.holds else "refuse",
            what=one.what,
            code=one.code,
            value="not known" if one.value is None else figure(one.value),
            bound=_between(one.low, one.high),
            n=count(one.n),
        )
        for one in criteria
    )


def weathers(reports: Sequence[ScenarioReport], word: dict[str, str]) -> tuple[Weather, ...]:
    """Write what happened in each scenario as text; ``word`` holds verdicts by scenario."""
    return tuple(_weather(report, word[report.episodes.scenario]) for report in reports)


def cycle_line(cycle: CycleReport) -> str:
    """Say what became of one cycle."""
    return f"{cycle.decision.value}: {cycle.reason}"


def _weather(report: ScenarioReport, word: str) -> Weather:
    seen = report.episodes
    return Weather(
        scenario=seen.scenario.replace("_", " "),
        provenance=seen.provenance,
        word=word,
        why="; ".join(f.detail for f in report.verdict.findings) if word != "pass" else "",
        episodes=count(seen.n),
        length=figure(seen.length_bars),
        early=percent(seen.early_frac, 0, signed=False),
        mean_return=percent(seen.return_frac, 2),
        worst=percent(seen.worst_return_frac, 2),
        hold=_share(seen.hold_rate),
        fills=_one(seen.fills_per_session),
    )


def _between(low: float | None, high: float | None) -> str:
    """Write where a value must lie.

    Examples
    --------
    >>> _between(5.0, 25.0), _between(0.6, None), _between(None, 0.02)
    ('5 to 25', 'at least 0.6', 'at most 0.02')
    """
    if low is not None and high is not None:
        return f"{figure(low)} to {figure(high)}"
    if low is not None:
        return f"at least {figure(low)}"
    return "" if high is None else f"at most {figure(high)}"


def _share(value: float) -> str:
    return f"{value:.2f}"


def _one(value: float) -> str:
    """Write trades a day, which are many on minutes and next to none on days.

    Examples
    --------
    >>> _one(17.24), _one(0.046)
    ('17.2', '0.046')
    """
    return f"{value:.1f}" if value >= 1.0 else figure(value)
