"""The process that trains: ``python -m stairway.app.trainer JOB.json``.

It is a process of its own for two reasons. It imports the training libraries, which the
trading process never does; and it makes the key that signs the run's models, which dies
with it and is never written down. What it leaves behind is inert: sealed models, the
signed policy, the public key, the predictions out of fold, and last ``training.json``.

1. Prove the pipeline on the training bars; if the past can move, train nothing.
2. Compute features, regimes and labels once, for everybody.
3. Seal the rule of the policy, which trades where no model may.
4. Make each candidate, judge it, seal it with all of its evidence. One that there is too
   little for is refused with a verdict, and the others go on.
5. Sign the policy of the run, while the key is there.
6. For a drill, offer the leaking pipeline too; the prover has to refuse it.

The same job gives the same digests. Progress goes to standard output, one JSON object a
line: ``{"label": ..., "done": ..., "total": ...}``; an error ends it as ``{"error": ...}``.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np

import stairway
from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app import accepted, authority
from stairway.app.backtesting import backtest_of
from stairway.app.folder import RunFolder, load_bars, write_json, write_whole
from stairway.app.practised import PractisedRun, TeachingAsked
from stairway.app.provenance import code_fingerprint, libraries
from stairway.app.teaching import TeachingInputs, teacher
from stairway.app.terms import terms_hash
from stairway.app.turned_away import unjudged, unseeing
from stairway.base.errors import (
    ConfigError,
    DataError,
    InvariantError,
    NothingLearntError,
    StairwayError,
    TooLittleError,
)
from stairway.base.hashing import content_hash
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass
from stairway.features.causality import prove
from stairway.features.pipeline import columns
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.market.instrument import Instrument
from stairway.models.manifest import Family, version_label
from stairway.training.candidate import (
    Backtest,
    Candidate,
    CandidateRules,
    judged,
    make_candidate,
)
from stairway.training.leak import leaking_columns
from stairway.training.material import Material, Observed, material_of, observe
from stairway.training.origin import Origin
from stairway.training.policy_craft import Policies, Teach, already
from stairway.training.report import CandidateReport, TrainingReport
from stairway.training.rule import rule_bundle
from stairway.training.trainer_rules import TrainerRules, rules_of

LEAKING = "leaking"
"""Name of the candidate that a drill offers."""


Say: TypeAlias = Callable[[str, int, int], None]


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to train, on what, and where to leave it.

    Attributes
    ----------
    root
        Folder of the run, with ``bars.npz`` in it.
    n_bars
        Train on the first so many bars; the others are not looked at.
    instruments
        First and second, as in the run's own record.
    policy
        All sections of the policy, as plain data.
    families
        Candidates to make.
    drill
        True: offer the leaking pipeline as well.
    seed
        Of trees, policies, parity rows, prover, and back-test.
    practice
        How policies are taught; needed where one is among the families ...
    practised
        ... unless one is taken from the training run named here.
    """

    root: str
    n_bars: int
    instruments: tuple[Instrument, Instrument]
    policy: dict[str, Any]
    families: tuple[Family, ...]
    drill: bool
    seed: int
    practice: TeachingAsked | None = None
    practised: PractisedRun | None = None


BacktestOf: TypeAlias = Callable[[Job, Observed], Backtest]
"""Makes the back-test of a job."""


def train(job: Job, backtest_of: BacktestOf, say: Say) -> TrainingReport:
    """Do a job, and leave everything but ``training.json`` in its folder.

    Raises
    ------
    ConfigError
        If the policy lacks a section, or the folder cannot be written, or it was trained
        in already.
    DataError
        If the bars are missing, damaged, or too few to learn from.
    """
    rules = rules_of(job.policy)
    bars = read_bars(job)
    clear(RunFolder(Path(job.root)))
    say("proving the pipeline", 0, 1)
    causality = prove(partial(columns, rules=rules), bars, rules.prover, job.seed).verdict
    say("proving the pipeline", 1, 1)
    origin = Origin(
        causality=causality,
        last_data_ns=UtcNs(int(bars.time_ns[-1])),
        schema_hash=terms_hash(job.policy, job.instruments, planted=job.drill),
        data_fingerprint=bars.fingerprint,
        code_fingerprint=code_fingerprint(Path(stairway.__file__).parent),
        libraries=libraries(),
        trials=max(len(job.families), 1),
        seed=job.seed,
    )
    match causality:
        case Pass():
            baseline, made = _made(job, rules, bars, origin, backtest_of, say)
        case _:
            baseline = None
            made = tuple(unseeing(family.value, causality) for family in job.families)
    if job.drill:
        made = (*made, _leaking(job, rules, bars, say))
    return TrainingReport(
        n_bars=len(bars),
        data_fingerprint=origin.data_fingerprint,
        code_fingerprint=origin.code_fingerprint,
        schema_hash=origin.schema_hash,
        causality=causality,
        candidates=made,
        baseline=baseline,
    )


def clear(folder: RunFolder) -> None:
    """Take away what a training that was stopped left behind: its key is lost.

    Raises
    ------
    ConfigError
        If the training was finished: its models may be in use and are not touched.
    """
    if folder.training.exists():
        msg = f"{folder.root} was trained already; start a new run with another --out"
        raise ConfigError(msg)
    try:
        folder.trust.unlink(missing_ok=True)
        folder.generation.unlink(missing_ok=True)
        if folder.models.exists():
            shutil.rmtree(folder.models)
    except OSError as error:
        msg = f"cannot clear {folder.models}: {error.strerror}; choose another --out"
        raise ConfigError(msg) from error


def read_bars(job: Job) -> PairBars:
    """Read the bars that training may see, and no others.

    Raises
    ------
    DataError
        If the file is missing, damaged, or shorter than the job says.
    """
    folder = RunFolder(Path(job.root))
    bars = load_bars(folder, job.instruments)
    held, bars = len(bars), bars.part(0, job.n_bars)
    if not 0 < len(bars) == job.n_bars:
        msg = f"{folder.bars} holds {held} bars, but the job trains on the first {job.n_bars}"
        raise DataError(msg)
    return bars


def _made(
    job: Job,
    rules: TrainerRules,
    bars: PairBars,
    origin: Origin,
    backtest_of: BacktestOf,
    say: Say,
) -> tuple[str, tuple[CandidateReport, ...]]:
    """Seal the rule, and make, judge and seal each family that there is enough for.

    The key lives no longer than this call. Returns the digest of the rule as well.
    """
    folder, key = RunFolder(Path(job.root)), new_key()
    baseline = seal(folder.models, rule_bundle(rules.baseline, origin), key)
    observed = observe(bars, rules)
    material, backtest = material_of(observed, rules), backtest_of(job, observed)
    makers = _Makers(job, rules, observed, material, origin, backtest)
    made: list[CandidateReport] = []
    for family in job.families:
        try:
            candidate = makers.candidate(family, _named(say, family))
        except (TooLittleError, NothingLearntError) as error:
            made.append(unjudged(family, job.practised, origin.causality, error))
            continue
        sealed = seal(folder.models, candidate.bundle, key)
        made.append(_report(candidate, sealed, _keep_oof(folder, candidate, material, bars)))
    authority.begin(folder, job.policy, key, origin.last_data_ns)
    write_whole(folder.trust, public_bytes(key))
    return baseline, tuple(made)


@dataclass(frozen=True, slots=True)
class _Makers:
    """What all candidates of a job are made of and judged by."""

    job: Job
    rules: TrainerRules
    observed: Observed
    material: Material
    origin: Origin
    backtest: Backtest

    def candidate(self, family: Family, progress: Say) -> Candidate:
        """Make a candidate of one family."""
        how = CandidateRules(
            splits=self.rules.splits,
            boosting=self.rules.boosting,
            calibration=self.rules.calibration,
            evidence=self.rules.evidence,
        )
        if family is not Family.POLICY:
            return make_candidate(
                family, self.material, how, self.origin, self.backtest, progress
            )
        if self.job.practised is not None:
            return self._practised(self.job.practised, how, progress)
        craft = Policies(self._teacher())
        return judged(craft, self.material, how, self.origin, self.backtest, progress)

    def _practised(self, run: PractisedRun, how: CandidateRules, progress: Say) -> Candidate:
        """Take a policy that was trained before; judge it on bars that it did not see."""
        from stairway.app import admission  # noqa: PLC0415 - PyTorch, for those who train

        progress("verifying", 0, 1)
        policy = accepted.found(run)
        taught = admission.verified(policy, self.observed, self.rules, self.job.seed)
        progress("verifying", 1, 1)
        made = judged(
            Policies(already(taught)),
            self.material,
            admission.later(how, policy, self.observed.bars),
            admission.tried(self.origin, policy),
            self.backtest,
            progress,
        )
        return admission.endorsed(made, policy)

    def _teacher(self) -> Teach:
        if self.job.practice is None:
            msg = "a policy is to be trained, but the job has no practice settings; add them"
            raise ConfigError(msg)
        session = msgspec.convert(self.job.policy["session"], SessionRules)
        origin = content_hash((self.origin.code_fingerprint, self.origin.libraries))
        ground = TeachingInputs(self.observed.bars, self.rules, session, self.job.seed, origin)
        return teacher(self.job.practice, ground)


def _named(say: Say, family: Family) -> Say:
    def tell(stage: str, done: int, total: int) -> None:
        say(f"{family.value}: {stage}", done, total)

    return tell


def _report(candidate: Candidate, sealed: str, oof: str) -> CandidateReport:
    passport = candidate.bundle.passport
    return CandidateReport(
        model=passport.model,
        digest=sealed,
        version=version_label(passport.last_data_ns),
        verdict=candidate.verdict,
        evidence=passport.evidence,
        metrics=passport.metrics,
        reliability=candidate.reliability,
        oof=oof,
    )


def _leaking(job: Job, rules: TrainerRules, bars: PairBars, say: Say) -> CandidateReport:
    say(f"{LEAKING}: proving the pipeline", 0, 1)
    proof = prove(partial(leaking_columns, rules=rules), bars, rules.prover, job.seed)
    say(f"{LEAKING}: proving the pipeline", 1, 1)
    if isinstance(proof.verdict, Pass):
        msg = "the planted leak was not found: the causality prover cannot be trusted"
        raise InvariantError(msg)
    return unseeing(LEAKING, proof.verdict)


def _keep_oof(
    folder: RunFolder, candidate: Candidate, material: Material, bars: PairBars
) -> str:
    """Write the predictions out of fold, for the report; return where."""
    name = f"oof/{candidate.bundle.passport.model}.npz"
    raw = io.BytesIO()
    np.savez(
        raw,
        time_ns=bars.time_ns,
        margin=candidate.oof.margin,
        confidence=candidate.oof.confidence,
        outcome=material.labels.outcome,
        regime=material.regime,
        returns=candidate.returns,
    )
    write_whole(folder.root / name, raw.getvalue())
    return name


def main(arguments: Sequence[str]) -> int:
    """Do the job in the file named; 0 when ``training.json`` was written."""
    try:
        job = read_job(arguments)
        report = train(job, _backtest_of, _say)
        write_json(RunFolder(Path(job.root)).training, report)
    except StairwayError as error:
        _tell({"error": {"kind": type(error).__name__, "message": str(error)}})
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def read_job(arguments: Sequence[str]) -> Job:
    """Read the job named on the command line.

    Raises
    ------
    ConfigError
        If there is none, or it cannot be understood.
    """
    if len(arguments) != 1:
        msg = f"usage: python -m stairway.app.trainer JOB.json; got {len(arguments)} arguments"
        raise ConfigError(msg)
    try:
        return msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Job)
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{arguments[0]} is no training job: {error}"
        raise ConfigError(msg) from error


def _backtest_of(job: Job, observed: Observed) -> Backtest:
    return backtest_of(job.policy, observed.bars, observed.features, observed.regimes, job.seed)


def _say(label: str, done: int, total: int) -> None:
    _tell({"label": label, "done": done, "total": total})


def _tell(line: Any) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
