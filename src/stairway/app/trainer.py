"""The process that trains: ``python -m stairway.app.trainer JOB.json``.

It is a process of its own for two reasons. It imports the training libraries, which the
trading process never does; and it makes the key that signs the run's models, which dies
with it and is never written down. What it leaves behind is inert: sealed models, the
signed policy, the public key, the predictions out of fold, and last ``training.json``.

1. Prove the pipeline on the training bars; if the past can move, train nothing.
2. Run the leak battery on the pipeline, once for all families.
3. Compute features, regimes and labels once, for everybody.
4. Seal the rule of the policy, which trades where no model may.
5. Make and judge each candidate. One that there is too little for is refused with a
   verdict, and the others go on.
6. Write the proof of each, now that all are there, and seal it with its model.
7. Sign the policy of the run, while the key is there.
8. For a drill, offer the leaking pipeline too; the prover has to refuse it.

The same job gives the same digests. Progress goes to standard output, one JSON object a
line: ``{"label": ..., "done": ..., "total": ...}``; an error ends it as ``{"error": ...}``.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np

import stairway
from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app import accepted, authority
from stairway.app.backtesting import backtest_of
from stairway.app.folder import RunFolder, write_json, write_whole
from stairway.app.job import Job, read_bars, read_job
from stairway.app.practised import PractisedRun
from stairway.app.provenance import code_fingerprint, libraries
from stairway.app.teaching import TeachingInputs, teacher
from stairway.app.terms import terms_hash
from stairway.app.turned_away import unjudged, unseeing
from stairway.base.errors import (
    ConfigError,
    InvariantError,
    NothingLearntError,
    StairwayError,
    TooLittleError,
)
from stairway.base.hashing import content_hash
from stairway.base.hashing import digest as digest_of
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, inconclusive
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.proof import apart, deflated_anew, deflated_at
from stairway.features.causality import prove
from stairway.features.pipeline import columns
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.models.manifest import Family, version_label
from stairway.training.candidate import (
    Backtest,
    Candidate,
    CandidateRules,
    binding_verdict,
    judged,
    make_candidate,
)
from stairway.training.leak import leaking_columns
from stairway.training.material import Material, Observed, material_of, observe
from stairway.training.origin import Origin
from stairway.training.policy_craft import Policies, Teach, already
from stairway.training.proving import Contest, Heard, Told, contest, proof_of, record_of, shown
from stairway.training.report import CandidateReport, TrainingReport
from stairway.training.rule import rule_bundle
from stairway.training.study import rebuilt
from stairway.training.trainer_rules import TrainerRules, rules_of

LEAKING = "leaking"
"""Name of the candidate that a drill offers."""


Say: TypeAlias = Callable[[str, int, int], None]


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
    battery, baseline = None, None
    origin = Origin(
        causality=causality,
        battery=inconclusive("leak.unasked", "the causality prover stopped the training"),
        last_data_ns=UtcNs(int(bars.time_ns[-1])),
        schema_hash=terms_hash(job.policy, job.instruments, planted=job.drill),
        data_fingerprint=bars.fingerprint,
        code_fingerprint=code_fingerprint(Path(stairway.__file__).parent),
        libraries=libraries(),
        trials=tried(job),
        seed=job.seed,
    )
    match causality:
        case Pass():
            battery = rebuilt(bars, rules, job.seed, causality, say)
            origin = replace(origin, battery=battery.verdict)
            made_of = _Ground(job, rules, bars, origin, battery)
            baseline, made = _made(made_of, backtest_of, say)
        case _:
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
        battery=battery,
    )


def tried(job: Job) -> int:
    """Count what a training tries: a policy that practised was chosen among many.

    Every candidate of a training is one of all that it tried, whichever is looked at.
    """
    families = max(len(job.families), 1)
    if job.practised is None:
        return families
    return families - 1 + accepted.found(job.practised).tries


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


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all candidates of a job stand on."""

    job: Job
    rules: TrainerRules
    bars: PairBars
    origin: Origin
    battery: BatteryReport


def _made(
    ground: _Ground, backtest_of: BacktestOf, say: Say
) -> tuple[str, tuple[CandidateReport, ...]]:
    """Seal the rule; make and judge each family that there is enough for; prove and seal it.

    The key lives no longer than this call. Returns the digest of the rule as well.
    """
    job, rules, origin = ground.job, ground.rules, ground.origin
    folder, key = RunFolder(Path(job.root)), new_key()
    baseline = seal(folder.models, rule_bundle(rules.baseline, origin), key)
    observed = observe(ground.bars, rules)
    material, backtest = material_of(observed, rules), backtest_of(job, observed)
    makers = _Makers(job, rules, observed, material, origin, backtest)
    made: list[Candidate | CandidateReport] = []
    seen = (origin.causality, origin.battery)
    for family in job.families:
        try:
            made.append(makers.candidate(family, _named(say, family)))
        except (TooLittleError, NothingLearntError) as error:
            made.append(unjudged(family, job.practised, seen, error))
    judged = [one for one in made if isinstance(one, Candidate)]
    heard = [Heard(_slot(one), one.oof.confidence, one.returns) for one in judged]
    among = contest(heard, observed.features, rules.baseline, backtest)

    def sealed(done: int, one: Candidate | CandidateReport) -> CandidateReport:
        say("proving candidates", done, len(made))
        if isinstance(one, CandidateReport):
            return one
        proved = _proved(one, ground, among, backtest)
        digest = seal(folder.models, proved.bundle, key)
        return _report(proved, digest, _keep_oof(folder, proved, material, ground.bars))

    reports = tuple(sealed(done, one) for done, one in enumerate(made))
    say("proving candidates", len(made), len(made))
    authority.begin(folder, job.policy, key, origin.last_data_ns)
    write_whole(folder.trust, public_bytes(key))
    return baseline, reports


def _proved(
    candidate: Candidate, ground: _Ground, among: Contest, backtest: Backtest
) -> Candidate:
    """Put its proof beside a candidate, to be sealed with it."""
    rules, origin, bundle = ground.rules, ground.origin, candidate.bundle
    record = record_of(among, _slot(candidate), origin.trials, backtest)
    rng = np.random.default_rng(origin.seed)
    found = shown(record, candidate.said, (rules.evidence, rules.proof), rng)
    told = Told(ground.battery, candidate.account, found)
    # How far apart the tries lie is known only now that all of them were made.
    luck = deflated_at(candidate.account, origin.trials, apart(found))
    evidence = deflated_anew(bundle.passport.evidence, luck)
    passport = msgspec.structs.replace(bundle.passport, evidence=evidence)
    proof = proof_of(passport, origin, told)
    whole = replace(bundle, passport=passport, proof=proof)
    return replace(candidate, verdict=binding_verdict(evidence), bundle=whole)


def _slot(candidate: Candidate) -> str:
    return candidate.bundle.passport.model


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
            self.origin,
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
        proof=None if candidate.bundle.proof is None else digest_of(candidate.bundle.proof),
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


def _backtest_of(job: Job, observed: Observed) -> Backtest:
    return backtest_of(job.policy, observed.bars, observed.features, observed.regimes, job.seed)


def _say(label: str, done: int, total: int) -> None:
    _tell({"label": label, "done": done, "total": total})


def _tell(line: Any) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
