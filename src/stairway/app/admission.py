"""A policy that practised before is made a member: verified to the last bit, then judged.

The trainer does this, as it takes the training library. Nothing in the folder of the
training run is believed that can be computed again:

1. Its bars, split and normaliser are those that its checkpoints are sealed with, and the
   pipeline of *this* run makes the same normaliser of those bars, to the bit.
2. The parameters of the last checkpoint have the hash that was accepted, and the policy in
   the folder is the actor among them.

Then it stands where a policy of the run's own would: the training library itself says what
it answers on 256 rows, it is calibrated and judged on bars that it did not see, and the
verdict of its training gate goes into its passport beside the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import msgspec
import numpy as np

from stairway.app.accepted import SEEN, Accepted, first_judged
from stairway.app.folder import RunFolder, load_bars
from stairway.app.rl import rules as rl_rules
from stairway.app.rl.disk import Disk
from stairway.base.errors import DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Pass, passed
from stairway.features.pipeline import PipelineRules
from stairway.market.bars import PairBars
from stairway.market.instrument import Instrument
from stairway.models.actor import Actor
from stairway.models.manifest import GateEvidence
from stairway.models.normaliser import fit
from stairway.models.observation import ACTIONS, OBSERVATION
from stairway.models.policy_form import to_bytes
from stairway.models.sealed import Bundle
from stairway.simulation.course import first_known, raw_rows
from stairway.training.candidate import Candidate, CandidateRules
from stairway.training.material import Observed
from stairway.training.policy_craft import Taught, judged_from
from stairway.training.ppo.export import parity_of, policy_from, rebuilt
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.pupil_state import parameters_of

TRAINING_GATE = "training_gate"
"""Name of the evidence that it brings from its own training. It binds nobody here."""


def verified(
    policy: Accepted, observed: Observed, pipeline: PipelineRules, seed: int
) -> Taught:
    """Make sure that a policy is what was accepted; ask the training library what it says.

    Raises
    ------
    DataError
        Naming what is not what it was.
    """
    _require_its_bars(policy, pipeline)
    frozen = _accepted_parameters(policy)
    told = rebuilt(frozen.layout, frozen.flat)
    rng = np.random.Generator(np.random.PCG64(seed))
    parity = parity_of(told, observed.features, policy.actor.normaliser, rng)
    return Taught(policy.actor, parity)


def later(rules: CandidateRules, policy: Accepted, bars: PairBars) -> CandidateRules:
    """Rules by which it is judged on bars that it did not see, in as many blocks as others.

    Raises
    ------
    ConfigError
        If too few are left.
    """
    least = rules.evidence.min_sharpe_bars
    first = first_judged(policy, bars.time_ns, rules.splits, least)
    return msgspec.structs.replace(rules, splits=judged_from(first, len(bars), rules.splits))


def endorsed(made: Candidate, policy: Accepted) -> Candidate:
    """Put the verdict of its training gate, and what it was given for, into its passport."""
    result = policy.result
    detail = (
        f"seed {result.chosen_seed} of {len(result.seeds)}, cycle {policy.cycle.cycle}, of the "
        f"training run {policy.run.sha256[:16]}; parameters {str(result.policy_digest)[:16]}"
    )
    source = passed("practice.accepted", detail, n=len(result.cycles))
    own = Pass((*source.findings, *policy.cycle.gate.findings))
    passport = made.bundle.passport
    evidence = (*passport.evidence, GateEvidence(TRAINING_GATE, own))
    said = msgspec.structs.replace(passport, evidence=evidence)
    return replace(made, bundle=Bundle(said, made.bundle.body))


def _require_its_bars(policy: Accepted, pipeline: PipelineRules) -> None:
    """Hold bars, split and normaliser against what the checkpoints are sealed with."""
    bars, normaliser = _bars_of(policy), policy.actor.normaliser
    spans = {span.name: span for span in policy.result.spans}
    ends = np.cumsum([spans[name].bars for name in SEEN]).tolist()
    data = content_hash((bars.fingerprint, tuple(ends), normaliser.fingerprint))
    last = [int(bars.time_ns[end - 1]) for end in ends]
    if data != policy.result.frozen.data or last != [spans[n].last_ns for n in SEEN]:
        _refuse(policy, "bars, split and normaliser are not those that it was trained with")
    rows = raw_rows(bars, pipeline)
    again = fit(rows[first_known(rows) : ends[0]], normaliser.clip)
    if again.fingerprint != normaliser.fingerprint:
        _refuse(policy, "its features are computed otherwise here than when it was trained")


def _bars_of(policy: Accepted) -> PairBars:
    first, second = (msgspec.convert(one, Instrument) for one in policy.ask.instruments)
    bars = load_bars(RunFolder(policy.folder.root), (first, second))
    if bars.fingerprint != policy.ask.bars_fingerprint:
        _refuse(policy, "bars.npz does not hold the bars that its practice.json speaks of")
    return bars


def _accepted_parameters(policy: Accepted) -> FrozenPolicy:
    result, kind = policy.result, policy.ask.policy["session"]["kind"]
    hidden = rl_rules.decode(policy.ask.practice, kind, policy.ask.practice_name).learner.hidden
    read = Disk(policy.folder, result.frozen).read()
    chosen = result.chosen_seed
    good = None if read is None or chosen is None else read[0].goods.get(chosen)
    if good is None:
        _refuse(policy, "its last checkpoint is gone, which holds what was accepted")
    frozen = FrozenPolicy(Layout(OBSERVATION, hidden, hidden, ACTIONS), good.weights)
    if parameters_of(frozen.layout, frozen.flat).digest != result.policy_digest:
        _refuse(policy, "its last checkpoint does not hold the parameters that were accepted")
    actor = Actor(policy_from(frozen.layout, frozen.flat), policy.actor.normaliser)
    if to_bytes(actor) != policy.written:
        _refuse(policy, f"{policy.folder.policy} does not hold the policy that was accepted")
    return frozen


def _refuse(policy: Accepted, why: str) -> NoReturn:
    msg = f"the policy of {policy.folder.root} is refused: {why}; restore it, or train again"
    raise DataError(msg)
