"""Validate a file of returns: read it, measure it, try what made it, say what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from stairway.app.progress import Stages
from stairway.app.proof.aside import Gone, asked_aside
from stairway.app.proof.prove import Asked as ProveAsked
from stairway.app.proof.prove import proved
from stairway.app.proof.tables import TEXT
from stairway.app.proof.told import ProveAnswer, StudyAnswer, StudyJob
from stairway.app.request import source_files
from stairway.app.settings import Settings, fingerprint, load, shipped
from stairway.app.validate.asked import Asked
from stairway.app.validate.foreseen import foreseen
from stairway.app.validate.given import Given, forecasts, given
from stairway.app.validate.hints import with_hints
from stairway.app.validate.of_run import run_proofs
from stairway.app.validate.report import Curve, ModelProof, Report, curve
from stairway.app.validate.report import fingerprint as file_hash
from stairway.app.validate.scale import require_returns
from stairway.app.validate.tied import tied, unshown
from stairway.base.errors import ConfigError
from stairway.base.verdict import Verdict, all_of, refuse
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.proof_of_returns import proof_of_returns
from stairway.evaluation.sceptic.answer import in_order

POLICY = "daily"
"""Whose bounds a file is held against, where nobody says."""


def validated(asked: Asked, progress: Stages) -> Report:
    """Read, measure and judge.

    Raises
    ------
    ConfigError
        If a file, column or option is missing or does not fit.
    DataError
        If what was read cannot be judged; the message names the row.
    """
    if asked.target.is_dir():
        return run_proofs(asked, progress)
    _require_file(asked)
    policy = asked.policy or POLICY
    settings = load(policy)
    progress.begin("reading", 1)
    found = given(asked)
    require_returns(found, settings.proof, str(asked.target))
    said = None
    if asked.probabilities is not None:
        said = forecasts(asked.probabilities, found.time_ns)
    progress.begin("measuring", 1)
    rng = np.random.default_rng(asked.seed)
    rules = (settings.evidence, settings.proof)
    proof = proof_of_returns(found.record, said, rules, rng, found.positions)
    own = _tried(asked, settings, found, progress)
    future = foreseen(own.causality, own.battered, own.ties)
    answers = in_order([*future, *proof.answers])
    answers = with_hints(answers)
    model = ModelProof(
        name=found.record.names[found.record.chosen],
        verdict=all_of(one.verdict for one in answers),
        answers=answers,
        figures=proof.figures,
        curves=_curves(found),
        battery=own.battered,
    )
    return Report(
        subject=str(asked.target),
        command=asked.command,
        version=version("stairway"),
        policy=policy,
        policy_digest=fingerprint(settings),
        periods_per_year=found.record.periods_per_year,
        level=settings.evidence.level,
        seed=asked.seed,
        read={str(path): file_hash(path) for path in _files(asked, own.files)},
        verdict=model.verdict,
        proofs=(model,),
    )


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of the user's own code, what ties it to the returns, and its files."""

    causality: Verdict | None = None
    battered: BatteryReport | None = None
    ties: dict[str, Verdict] | None = None
    files: tuple[str, ...] = ()


def _tried(asked: Asked, settings: Settings, found: Given, progress: Stages) -> _Tried:
    if asked.function is None and asked.study is None:
        if asked.bars is not None:
            msg = "--bars is for --function or --study; name what is to be tried on them"
            raise ConfigError(msg)
        return _Tried()
    if asked.bars is None:
        msg = "--function and --study need --bars: the bars to try it on"
        raise ConfigError(msg)
    causality, files = None, tuple[str, ...]()
    prove = ProveAsked(asked.function or "", asked.bars, seed=asked.seed, limit_s=asked.limit_s)
    if asked.function is not None:
        came = proved(prove, progress)
        causality, files = came.proof.verdict, came.files
    if asked.study is None:
        ties = {"tied": unshown("nothing ties the function to these returns; give --study")}
        return _Tried(causality, None, ties, files)
    job = StudyJob(
        study=asked.study,
        function=asked.function,
        bars=asked.bars,
        prover=prove.rules,
        rules=settings.battery.asked,
        seed=asked.seed,
        limit_s=asked.limit_s,
        causality=causality,
    )
    return _rebuilt(job, files, found, progress)


def _rebuilt(job: StudyJob, files: tuple[str, ...], found: Given, progress: Stages) -> _Tried:
    """Have a study rebuilt; ``files`` are those of the function that was tried before it."""
    match asked_aside(job, progress):
        case StudyAnswer() as answer:
            ties = {"tied": tied(found, answer)}
            if answer.covered is not None:
                ties["covered"] = answer.covered
            return _Tried(job.causality, answer.report, ties, (*files, *answer.files))
        case Gone(why):
            return _Tried(job.causality, _left(f"{job.study} {why}"), None, files)
        case ProveAnswer():
            why = "answered as a function does, not as a study"
            return _Tried(job.causality, _left(f"{job.study} {why}"), None, files)


def _left(detail: str) -> BatteryReport:
    """Report a study that ended its process: every stage of the battery has refused."""
    said = refuse("leak.raised", f"{detail}; nothing of it was judged")
    stages = dict.fromkeys(("causality", "purge", "surrogates", "sentinel"), said)
    return BatteryReport(**stages, fired=tuple(stages), verdict=said)


def _curves(found: Given) -> dict[str, Curve]:
    record = found.record
    beside = {"gross": record.gross, "baseline": record.baseline, "champion": record.champion}
    if record.champion is not None and record.baseline is not None:
        # One line where the static rule is in charge; a file has it in two arrays.
        same = np.array_equal(record.baseline, record.champion)
        beside["champion"] = None if same else record.champion
    drawn = {"net": curve(found.time_ns, record.returns)}
    return drawn | {
        name: curve(found.time_ns, one) for name, one in beside.items() if one is not None
    }


def _files(asked: Asked, code: tuple[str, ...]) -> tuple[Path, ...]:
    """Every file of a user's own that was read, each once: tables, bounds, and code."""
    tables = [asked.target, *filter(None, [asked.probabilities]), *_bars_files(asked.bars)]
    bounds = () if asked.policy in {None, *shipped()} else (Path(asked.policy or ""),)
    here = Path.cwd()
    own = (
        one.relative_to(here) if one.is_relative_to(here) else one for one in map(Path, code)
    )
    return tuple(dict.fromkeys([*tables, *bounds, *own]))


def _bars_files(source: str | None) -> tuple[Path, ...]:
    """Give the table of bars; of a source, what names its tables, and those."""
    if source is None:
        return ()
    return (Path(source),) if source.endswith((*TEXT, ".parquet")) else source_files(source)


def _require_file(asked: Asked) -> None:
    if asked.model is not None:
        msg = f"--model is for the folder of a run, and {asked.target} is none; use --chosen"
        raise ConfigError(msg)
