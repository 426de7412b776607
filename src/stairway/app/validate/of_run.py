"""Validate the candidates of a run, from what lies in its folder.

1. The bars that training saw, their features and labels, computed as training did.
2. What each candidate said of bars that it had not seen, and what its account came to.
3. The same questions that training asked, by the same functions
   (:mod:`stairway.training.proving`). The count of tries is that of the registry in the
   run's record.
4. What training found out and sealed: causality, and the leak battery.
5. The proof that was sealed with it (:mod:`.sealed`): it is the one that was registered,
   and says what is measured now. Where nothing was sealed, nothing passes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from stairway.adapters.artifacts.directory import MANIFEST, SIGNATURE
from stairway.app.backtesting import backtest_of
from stairway.app.folder import Ask, RunFolder, open_existing, read_bars
from stairway.app.progress import Stages
from stairway.app.settings import Settings, decode, fingerprint
from stairway.app.train import read_report
from stairway.app.validate.asked import Asked
from stairway.app.validate.foreseen import foreseen
from stairway.app.validate.report import Curve, ModelProof, Report, curve
from stairway.app.validate.report import fingerprint as file_hash
from stairway.app.validate.sealed import REGISTRY, Registry, Today, read_again, registry_of
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import all_of
from stairway.evaluation.sceptic.answer import Answer, Question, answer, in_order
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.skill import Forecasts
from stairway.training.material import Material, Observed, material_of, observe
from stairway.training.proving import Contest, Heard, contest, record_of, shown
from stairway.training.report import CandidateReport, TrainingReport
from stairway.training.trading import Backtest
from stairway.training.trainer_rules import rules_of

_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class _Past:
    """A run, opened, with what its training was made of."""

    folder: RunFolder
    ask: Ask
    settings: Settings
    training: TrainingReport
    observed: Observed
    material: Material
    among: Contest
    backtest: Backtest
    registry: Registry


def run_proofs(asked: Asked, progress: Stages) -> Report:
    """Prove each candidate of a run, or one.

    Raises
    ------
    ConfigError
        If there is no run, no such candidate, or an option is for a file of returns.
    DataError
        If what lies in the folder is damaged, or nothing was trained.
    """
    _require_run_options(asked)
    progress.begin("reading the run", 1)
    past = _opened(asked.target)
    shown = [one for one in past.training.candidates if asked.model in {None, one.model}]
    if not shown:
        there = ", ".join(one.model for one in past.training.candidates) or "none"
        msg = f"{asked.target} has no candidate {asked.model!r}; it has: {there}"
        raise ConfigError(msg)
    proofs: list[ModelProof] = []
    progress.begin("proving candidates", len(shown))
    for done, candidate in enumerate(shown, start=1):
        proofs.append(_proof(candidate, past, asked.seed))
        progress.advance(done)
    return Report(
        subject=str(asked.target),
        command=asked.command,
        version=version("stairway"),
        policy=past.ask.policy_name,
        policy_digest=fingerprint(past.settings),
        periods_per_year=past.settings.session.periods_per_year,
        level=past.settings.evidence.level,
        seed=asked.seed,
        read=_read(past, shown),
        verdict=all_of(one.verdict for one in proofs),
        proofs=tuple(proofs),
    )


def _proof(candidate: CandidateReport, past: _Past, seed: int) -> ModelProof:
    training = past.training
    if candidate.model not in {one.model for one in past.among.heard}:
        return _unheard(candidate, foreseen(training.causality, training.battery))
    heard = next(one for one in past.among.heard if one.model == candidate.model)
    trials = past.registry.trials(candidate.digest)
    record = record_of(past.among, candidate.model, trials, past.backtest)
    labels = past.material.labels
    said = Forecasts(
        heard.confidence, labels.outcome, labels.start, labels.end, past.material.regime
    )
    bounds = (past.settings.evidence, past.settings.proof)
    found = shown(record, said, bounds, np.random.default_rng(seed))
    today = Today(found.figures, training.causality, training.battery)
    again = read_again(past.folder, candidate, past.registry, today)
    # The seal is believed before training.json; that they differ is a check of its own.
    source = again.proof or training
    answers = in_order([*foreseen(source.causality, source.battery), *found.answers])
    checks = again.sealed.checks.values()
    return ModelProof(
        name=candidate.model,
        verdict=all_of([*(one.verdict for one in answers), *checks]),
        answers=answers,
        figures=found.figures,
        curves=_curves(past, record),
        battery=source.battery,
        sealed=again.sealed,
    )


def _unheard(candidate: CandidateReport, future: tuple[Answer, ...]) -> ModelProof:
    """Say of a candidate that left no returns why it did not."""
    refused = answer(Question.FUTURE, {"training": candidate.verdict})
    answers = in_order([*future, *(() if future else (refused,))])
    verdicts = [*(one.verdict for one in answers), candidate.verdict]
    return ModelProof(
        name=candidate.model,
        verdict=all_of(verdicts),
        answers=answers,
        figures=None,
        curves={},
    )


def _opened(root: Path) -> _Past:
    folder, ask = open_existing(root)
    settings = decode(ask.policy, ask.policy_name)
    if not folder.training.is_file():
        msg = f"{root} was not trained yet; finish it with: stairway run --resume {root}"
        raise ConfigError(msg)
    training = read_report(folder)
    bars = read_bars(folder, ask).part(0, training.n_bars)
    rules = rules_of(ask.policy)
    observed = observe(bars, rules)
    material = material_of(observed, rules)
    heard = tuple(
        _heard(folder.root / one.oof, one.model, observed)
        for one in training.candidates
        if one.oof is not None
    )
    backtest = backtest_of(ask.policy, bars, observed.features, observed.regimes, ask.seed)
    among = contest(heard, observed.features, rules.baseline, backtest)
    registry = registry_of(folder, ask, settings)
    return _Past(folder, ask, settings, training, observed, material, among, backtest, registry)


def _heard(path: Path, model: str, observed: Observed) -> Heard:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as columns:
            time_ns, confidence = columns["time_ns"], columns["confidence"]
            returns = columns["returns"]
    except _UNREADABLE as error:
        msg = f"{path} cannot be read ({error}); restore it from a copy, or start a new run"
        raise DataError(msg) from error
    n = len(observed.bars)
    shapes = (confidence.shape, returns.shape) == ((n, 2), (n,))
    if not (shapes and np.array_equal(time_ns, observed.bars.time_ns)):
        msg = f"{path} speaks of other bars than this run has; restore it from a copy"
        raise DataError(msg)
    return Heard(model, confidence, returns)


def _curves(past: _Past, record: Record) -> dict[str, Curve]:
    time_ns = past.observed.bars.time_ns[past.among.first :]
    drawn = {"net": record.returns, "gross": record.gross, "baseline": record.baseline}
    return {
        name: curve(time_ns, returns) for name, returns in drawn.items() if returns is not None
    }


def _read(past: _Past, shown: Sequence[CandidateReport]) -> dict[str, str]:
    """Hash what was read: each file, and what the registry has of the models.

    The record is more than its registry, and may lie in an engine elsewhere: its entries are
    hashed as they were read. A manifest names every part of its model by hash.
    """
    files = {str(path): file_hash(path) for path in _files(past, shown)}
    where = past.ask.log or past.folder.log
    entries = past.registry.entries
    return files | ({f"{where}: {REGISTRY}": content_hash(entries)} if entries else {})


def _files(past: _Past, shown: Sequence[CandidateReport]) -> tuple[Path, ...]:
    folder = past.folder
    kept = [folder.root / one.oof for one in shown if one.oof is not None]
    digests = (one.digest or past.registry.digest_of(one.model) for one in shown if one.oof)
    sealed = [
        folder.models / digest / part
        for digest in digests
        if digest is not None
        for part in (MANIFEST, SIGNATURE)
    ]
    trust = [folder.trust] if sealed else []
    return (folder.ask, folder.bars, folder.training, *kept, *trust, *sealed)


def _require_run_options(asked: Asked) -> None:
    foreign = [name for name in asked.options() if name != "--model"]
    if asked.costs:
        foreign.append("--cost")
    if foreign:
        msg = (
            f"{', '.join(foreign)} belongs to a file of returns; a run has its own returns, "
            "rule, costs and policy"
        )
        raise ConfigError(msg)
