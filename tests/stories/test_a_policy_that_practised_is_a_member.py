"""A policy that the training gate accepted is taken into a run, and climbs like anybody.

The gate is the shipped one, on bars with a planted edge: see ``stairway.testing.planted``.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from stairway.events.fold import in_order
from stairway.adapters.artifacts.directory import open_sealed
from stairway.adapters.logs.sqlite import open_log
from stairway.app.accepted import opened
from stairway.app.catalog import CODEC
from stairway.app.folder import RunFolder, open_existing, read_bars
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.request import Request, resumed
from stairway.app.rl import rules as rl_rules
from stairway.app.run import finish, prepare, run
from stairway.app.settings import decode
from stairway.app.shelf import given
from stairway.app.train import read_report
from stairway.app.trainer import Job, train
from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass
from stairway.features import engine
from stairway.lifecycle.facts import GateGiven, ModelRegistered
from stairway.lifecycle.stage import Stage
from stairway.models.actor import believe
from stairway.models.bodies.policy import PolicyBody, replayed
from stairway.models.calibration import apply
from stairway.models.manifest import Family
from stairway.models.prediction import Prediction
from stairway.models.sealed import SealedModel
from stairway.testing import planted
from stairway.testing.runs import MOVES, quickly, write_source
from stairway.training.candidate import BINDING_GATES, Backtest
from stairway.training.material import Observed


class Told(NamedTuple):
    """A run with a policy that practised: its folder, its hash, and the sealed policy."""

    root: Path
    run_hash: str | None
    model: SealedModel
    body: PolicyBody


def asked(home: Path, practised: Path) -> Request:
    return Request(
        source=str(write_source(home / "bars", planted.planted())),
        policy="intraday",
        out=home / "run",
        practised=practised,
    )


@pytest.fixture(scope="module")
def told(accepted_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    home = tmp_path_factory.mktemp("practised")
    with quickly(**planted.SETTINGS):
        done = run(asked(home, accepted_run), Silent())
    folder = RunFolder(home / "run")
    (digest,) = (c.digest for c in read_report(folder).candidates if c.model == "policy")
    sealed = open_sealed(folder.models, str(digest), folder.trust.read_bytes())
    assert isinstance(sealed, SealedModel)
    assert isinstance(sealed.body, PolicyBody)
    return Told(folder.root, done.run_hash, sealed, sealed.body)


def nothing_earned(confidence: np.ndarray) -> np.ndarray:
    return np.zeros(confidence.shape[0])


def nothing_traded(job: Job, observed: Observed) -> Backtest:
    del job, observed
    return Backtest(nothing_earned, nothing_earned, 252.0)


def facts(root: Path, stream: str | tuple[str, ...]) -> list[Any]:
    folder, ask = open_existing(root)
    log = open_log(folder.log, decode(ask.policy, "kept").log, read_only=True)
    try:
        return [
            CODEC.decode(event.payload)
            for event in in_order(log, (stream,) if isinstance(stream, str) else stream)
        ]
    finally:
        log.close()


def test_the_gate_that_accepted_it_is_the_shipped_one(accepted_run: Path) -> None:
    policy = opened(accepted_run)
    shipped, _ = rl_rules.load(rl_rules.SHIPPED, "intraday")
    used = rl_rules.decode(policy.ask.practice, "intraday", "used")
    assert used.training_gate == shipped.training_gate
    assert used.divergence == shipped.divergence
    assert isinstance(policy.cycle.gate, Pass)


def test_what_is_sealed_is_the_policy_that_was_accepted(told: Told, accepted_run: Path) -> None:
    policy = opened(accepted_run)
    blobs = told.body.blobs()
    assert tuple(blobs.values())[:2] == tuple(policy.written)
    assert len(told.body.parity.logits) == 256
    assert isinstance(replayed(told.body.actor, told.body.parity, 1e-5), Pass)


def test_its_passport_has_the_verdicts_of_both_trainings(
    told: Told, accepted_run: Path
) -> None:
    passport = told.model.manifest.passport
    verdicts = {item.gate: item.verdict for item in passport.evidence}
    assert all(isinstance(verdicts[gate], Pass) for gate in (*BINDING_GATES, "training_gate"))
    assert opened(accepted_run).run.sha256[:16] in verdicts["training_gate"].findings[0].detail
    # Two trees and itself, in two cycles of one seed.
    assert passport.trials == 4


def test_nothing_that_it_was_judged_on_was_seen_by_it(told: Told, accepted_run: Path) -> None:
    with np.load(told.root / "oof" / "policy.npz") as kept:
        judged = np.isfinite(kept["margin"]).all(axis=1)
        first_ns = int(kept["time_ns"][judged][0])
    assert first_ns > opened(accepted_run).seen_ns
    assert judged.sum() > 2_500


def test_it_is_registered_with_its_evidence_and_climbs(told: Told) -> None:
    digest = told.model.digest
    climbed = [f for f in facts(told.root, MOVES) if f.digest == digest]
    registered, *moves = climbed
    assert isinstance(registered, ModelRegistered)
    assert (registered.model, registered.stage) == ("policy", Stage.CANDIDATE)
    assert moves[0].after is Stage.SHADOW
    given_ = [f for f in facts(told.root, "gate.verdict") if isinstance(f, GateGiven)]
    assert {f.gate for f in given_ if f.model == "policy"} > {"training_gate", *BINDING_GATES}


def test_every_answer_on_record_is_what_it_believes(told: Told) -> None:
    folder, ask = open_existing(told.root)
    bars = read_bars(folder, ask)
    settings = decode(ask.policy, "kept")
    rows = dict(zip(bars.time_ns.tolist(), engine.batch(bars, settings.features), strict=True))
    own = [f for f in facts(told.root, "model.answer") if f.digest == told.model.digest]
    assert ask.first_index is not None
    assert len(own) == 2 * (len(bars) - ask.first_index)
    assert all(isinstance(fact, Prediction) for fact in own)
    for fact in own[:100]:
        belief = believe(told.body.actor, rows[fact.as_of_ns])[bars.symbols.index(fact.symbol)]
        assert fact.raw == pytest.approx(belief.raw, rel=1e-9)
        assert fact.confidence == apply(told.body.calibration, fact.raw, fact.regime)


def test_its_book_trades(told: Told) -> None:
    trades = [
        trade
        for trade in facts(told.root, "trade.closed")
        if trade.book == f"shadow:{told.model.digest}"
    ]
    assert len(trades) > 10


def test_the_replay_is_identical_and_resuming_finds_the_same(told: Told) -> None:
    again = replay(told.root, Silent())
    assert (again.identical, again.finished, again.run_hash) == (True, True, told.run_hash)
    assert run(resumed(told.root), Silent()).run_hash == told.run_hash


def test_its_models_may_climb_elsewhere(told: Told) -> None:
    folder, ask = open_existing(told.root)
    bars = read_bars(folder, ask)
    shelf = given(folder.models, folder.trust, decode(ask.policy, "kept"), bars)
    assert told.model.digest in {model.digest for model in shelf.sealed}
    assert shelf.first_index == ask.first_index


def test_run_json_says_which_training_run_and_no_other_is_taken(
    accepted_run: Path, tmp_path: Path
) -> None:
    """Stopped before it was trained, and the training run was changed meanwhile."""
    shutil.copytree(accepted_run, tmp_path / "practised")
    with quickly(**planted.SETTINGS):
        prepared = prepare(asked(tmp_path, tmp_path / "practised"), Silent())
    member = open_existing(tmp_path / "run")[1].practised
    assert member == opened(tmp_path / "practised").run == prepared.ask.practised
    assert prepared.ask.practice is None

    path = tmp_path / "practised" / "result.json"
    path.write_bytes(path.read_bytes() + b"\n")
    request = resumed(tmp_path / "run")
    with pytest.raises(DataError, match="not what it was when this run was asked for"):
        finish(prepare(request, Silent()), request, Silent())
    assert not (tmp_path / "run" / "job.json").exists()


def test_once_trained_a_run_needs_its_training_run_no_more(told: Told, tmp_path: Path) -> None:
    shutil.copytree(told.root, tmp_path / "run")
    told_json = tmp_path / "run" / "run.json"
    content = msgspec.json.decode(told_json.read_bytes())
    job_json = tmp_path / "run" / "job.json"
    job = msgspec.json.decode(job_json.read_bytes())
    assert content["practised"] == job["practised"]
    for value in (content, job):
        value["practised"]["root"] = str(tmp_path / "gone")
    told_json.write_bytes(msgspec.json.encode(content))
    job_json.write_bytes(msgspec.json.encode(job))
    assert run(resumed(tmp_path / "run"), Silent()).run_hash == told.run_hash

    content["practised"]["sha256"] = "0" * 64
    told_json.write_bytes(msgspec.json.encode(content))
    with pytest.raises(DataError, match="asks for other practised"):
        run(resumed(tmp_path / "run"), Silent())


def test_where_too_little_is_left_to_calibrate_it_with_it_is_refused_and_the_run_goes_on(
    accepted_run: Path, tmp_path: Path
) -> None:
    """Its bars of evidence are enough, and the labels on them overlap too much."""
    with quickly(**planted.SETTINGS, STAIRWAY__CALIBRATION__MIN_SAMPLES="1000"):
        prepared = prepare(asked(tmp_path, accepted_run), Silent())
    ask = prepared.ask
    job = Job(
        root=str(prepared.folder.root),
        n_bars=ask.first_index,
        instruments=prepared.bars.instruments,
        policy=ask.policy,
        families=(Family.POLICY,),
        drill=False,
        seed=ask.seed,
        practised=ask.practised,
    )

    (found,) = train(job, nothing_traded, lambda *_: None).candidates

    assert (found.model, found.digest) == ("policy", None)
    assert isinstance(found.verdict, Inconclusive)
    told = found.verdict.findings[0]
    assert told.bound == 1_000
    assert told.value is not None
    assert told.value < 1_000
    called = f"the policy of {accepted_run.name} (training run {ask.practised.sha256[:16]}): "
    assert told.detail.startswith(f"{called}calibration needs 1000 independent samples")
    assert told.detail.endswith(
        "train it on a source that ends earlier, give this run later bars, or raise [run] "
        "train_frac"
    )
