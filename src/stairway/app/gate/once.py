"""Judge a source: one pass, then every model on its own, then the whole.

1. Listen: both sides of a cutover are counted in one pass.
2. Judge what each model said after it; before is counted and shown, and decides nothing.
3. Compare both sides, look for exact values with too much mass, ask whether models agree.
4. Nothing heard, or no before where one was asked for, is inconclusive: it never passes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from stairway.app.gate.asked import Asked
from stairway.app.gate.became import became, gone, new, quiet, sentences, who_is_judged
from stairway.app.gate.instants import said
from stairway.app.gate.listen import Heard, listen
from stairway.app.gate.models import judged, rate
from stairway.app.gate.report import LAYOUT, Agreement, GateReport, ModelReport, Rate
from stairway.app.gate.rules import DEFAULT, GatePolicy, policy
from stairway.app.progress import Silent, Stages
from stairway.base.errors import NoRecordsError
from stairway.base.verdict import Finding, Verdict, all_of, inconclusive, refuse
from stairway.supervision.agreement import MEMBERS_TO_AGREE, agreement, judge_agreement
from stairway.supervision.agreement import Agreement as Agreed
from stairway.supervision.answers import Stage
from stairway.supervision.collapse import diagnose
from stairway.supervision.cutover import compare
from stairway.supervision.silence import silences

_SEED = 7
_EMPTY = Rate(0, 0, 0, "", "", 0.0, None, 0.0)


def gate(
    source: str | Path,
    *,
    after: str | None = None,
    policy: str = DEFAULT,
    field_map: Path | None = None,
) -> GateReport:
    """Judge whether the models in ``source`` still answer as if alive.

    Parameters
    ----------
    source
        A file, the folder of a run, or a URL such as ``redis://localhost/0?stream=KEY``. It
        is read and never written.
    after
        Judge from there on: an instant, ``last-deploy``, ``last-deploy:FILE``,
        ``systemd:UNIT``, ``docker:CONTAINER``.
    policy
        A shipped policy, or a TOML file with ``[quality_gate]``.
    field_map
        A TOML file that says which field of a foreign layout means what.

    Raises
    ------
    ConfigError
        If the source, the policy, the map or the cutover cannot be used as given.
    DataError
        If what is there is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from stairway.testing.telemetry import telemetry, write
    >>> with TemporaryDirectory() as folder:
    ...     report = gate(write(telemetry("violation"), Path(folder) / "bot.jsonl"))
    >>> report.passed, report.exit_code, report.codes
    (False, 2, ('gate.contract',))
    """
    return gated(Asked(str(source), after, policy, field_map), Silent())


def gated(asked: Asked, progress: Stages) -> GateReport:
    """Do what ``gate`` does, and say how far it is. Raises the same."""
    bounds = policy(asked.policy)
    try:
        heard = listen(asked, progress)
    except NoRecordsError as error:
        return nothing(asked, bounds, str(error))
    return reported(asked, bounds, heard)


def reported(asked: Asked, bounds: GatePolicy, heard: Heard) -> GateReport:
    """Make the report of a pass."""
    # The seed is a constant, so that the same telemetry has the same p-values.
    rng = np.random.default_rng(_SEED)
    compared = None if heard.sides is None else compare(heard.sides, rng)
    rules = bounds.rules if heard.own else replace(bounds.rules, holds_by_design=())
    found = became(heard, rules)
    silent = silences(heard.after, rules, heard.before, own=heard.own)
    models = judged(heard, compared, rules, found, silent)
    names = [one.model for one in models]
    agreed = _agreement(heard, bounds.rules.min_events)
    verdicts = [*_verdicts(heard, models)]
    if bounds.rules.require_go:
        verdicts.append(judge_agreement(agreed))
    return GateReport(
        layout=LAYOUT,
        version=version("stairway"),
        at=_now(),
        verdict=all_of(verdicts),
        source=asked.shown,
        marks=(dict(heard.marks[0]), dict(heard.marks[1])),
        understood=heard.understood,
        policy=bounds.name,
        policy_digest=bounds.digest,
        rules=msgspec.to_builtins(bounds.rules),
        cutover=heard.cutover,
        rate=rate(heard, models, bounds.rules, time.time_ns() if asked.live else None),
        models=models,
        agreement=None if agreed is None else _told(agreed),
        warnings=(
            *_repeats(heard),
            *sentences(found, names, heard),
            *quiet(silent, set(who_is_judged(heard)) - found.replaced.keys(), rules),
            *(() if compared is None else compared.warnings),
        ),
        command=asked.command(),
        diagnosis=tuple(one.sentence for one in diagnose(heard.after, bounds.rules).deaths),
        gone=gone(found, names),
        new=new(found),
    )


def _repeats(heard: Heard) -> Iterator[str]:
    """Say how many answers were not counted, since they came before."""
    tally = heard.after
    counted = [tally.measured(*who) for who in tally.answering()]
    repeats = sum(one.repeats for one in counted)
    opposed = sum(one.opposed for one in counted)
    n = repeats + sum(one.events + one.violations for one in counted)
    if repeats > 0:
        yield f"{repeats:,} of {n:,} answers were repeats, counted once"
    if opposed > 0:
        yield (
            f"{opposed:,} of {n:,} answers contradict one of the same model, instant and "
            "instrument: without an event_id, all of them count"
        )


def _agreement(heard: Heard, least: int) -> Agreed | None:
    """Ask whether members agree; of a single member there is nothing to say."""
    members = sum(stage is Stage.CALIBRATED for _, stage in heard.after.heard())
    return agreement(heard.after.events, least) if members >= MEMBERS_TO_AGREE else None


def _told(found: Agreed) -> Agreement:
    share = None if found.share is None else float(found.share)
    hard = found.hard / found.events if found.events else None
    return Agreement(found.go.value, found.why, found.events, share, hard)


def _verdicts(heard: Heard, models: tuple[ModelReport, ...]) -> Iterator[Verdict]:
    if not models:
        detail = f"none of {heard.records} records holds an answer of a model"
        if heard.cutover is not None and heard.before is not None and heard.before.events.count:
            detail = f"no model answered from the cutover {said(heard.cutover.at_ns)} on"
        yield inconclusive("gate.no_answers", detail, 0, 1, heard.records)
    yield from _no_before(heard)
    if heard.unseen > 0:
        what = "entry was" if heard.unseen == 1 else "entries were"
        detail = f"trimmed while it was read: {heard.unseen} {what} not seen"
        yield inconclusive("gate.source_changed", detail, heard.unseen, 0, heard.records)
    if heard.changed:
        yield inconclusive("gate.source_changed", heard.changed, 1, 0, heard.records)
    if heard.future is not None:
        one = heard.future
        what = "answer is" if one.count == 1 else "answers are"
        detail = (
            f"{one.count} {what} dated after now: the first, of {one.model}, says "
            f"{said(one.at_ns)} ({one.place})"
        )
        yield refuse("gate.future", detail, one.count, 0, heard.records)
    for one in models:
        yield _of(one.model, one.verdict)


def _no_before(heard: Heard) -> Iterator[Verdict]:
    if heard.before is None or heard.cutover is None or heard.before.events.count:
        return
    cut, first = said(heard.cutover.at_ns), said(heard.after.events.earliest_ns)
    detail = f"the cutover {cut} lies before the first event, {first}"
    if cut == first:
        detail = f"the first event is that of the cutover, {cut}, and belongs to after"
    yield inconclusive("gate.no_before", f"{detail}: there is no before", 0, 1, 0)


def _of(model: str, verdict: Verdict) -> Verdict:
    """Name the model in every finding."""
    found = (_named(model, finding) for finding in verdict.findings)
    return replace(verdict, findings=tuple(found))


def _named(model: str, finding: Finding) -> Finding:
    return replace(finding, detail=f"{model}: {finding.detail}")


def nothing(asked: Asked, bounds: GatePolicy, why: str) -> GateReport:
    """Make the report of a source in which there is nothing."""
    return GateReport(
        layout=LAYOUT,
        version=version("stairway"),
        at=_now(),
        verdict=inconclusive("gate.no_answers", why, 0, 1, 0),
        source=asked.shown,
        marks=({}, {}),
        understood=(),
        policy=bounds.name,
        policy_digest=bounds.digest,
        rules=msgspec.to_builtins(bounds.rules),
        cutover=None,
        rate=_EMPTY,
        models=(),
        agreement=None,
        warnings=(),
        command=asked.command(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
