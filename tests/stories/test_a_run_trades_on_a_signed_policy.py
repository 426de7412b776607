"""The trainer signs the policy of a run; the run trades on that, says so, and repeats it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stairway.adapters.logs.sqlite import open_log
from stairway.app.authority import HELD, keys_of
from stairway.app.catalog import CODEC
from stairway.app.folder import open_existing
from stairway.app.policy_store import STREAM, Change, PolicyStore, Signer
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.settings import decode
from stairway.base.hashing import content_hash
from stairway.base.units import UtcNs
from stairway.dashboard.conclude import result_of
from stairway.app.run import Outcome
from stairway.dashboard.views import view
from stairway.lifecycle.generation import opened
from stairway.lifecycle.stage import Stage
from stairway.testing.policy import OTHER_KEY, public

Call = Callable[..., Any]


@pytest.fixture
def copy(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def facts(root: Path, stream: str) -> list[Any]:
    folder, ask = open_existing(root)
    rules = decode(ask.policy, ask.policy_name).log
    with closing(open_log(folder.log, rules, read_only=True)) as log:
        return [CODEC.decode(e.payload) for e in log.read(stream)]


def test_one_generation_is_in_force_from_the_first_bar_to_the_last(finished_run: Path) -> None:
    folder, ask = open_existing(finished_run)
    (signed,) = facts(finished_run, STREAM)
    (held,) = facts(finished_run, HELD)
    says = opened(signed, keys_of(folder))
    assert says.policy == content_hash(ask.policy)
    assert (held.number, held.identity, held.leash.cause) == (
        1,
        signed.identity,
        "policy.fresh",
    )
    seen = view(finished_run)
    assert held.time_ns == seen.bars[seen.first_index].time_ns
    told = result_of(Outcome(folder, 0, seen.run_hash), seen).policy
    assert (told.generation, told.identity) == (1, signed.identity)
    assert (told.stale, told.frozen, told.alarms) == (False, False, 0)


def test_a_run_without_its_signed_policy_is_not_begun(copy: Path, stairway: Call) -> None:
    shutil.rmtree(copy / "log")
    (copy / "perf.json").unlink()
    (copy / "generation.1").unlink()
    done = stairway("run", "--resume", copy)
    assert done.returncode == 1
    assert "generation.1, the signed policy of this run, cannot be believed" in done.stderr
    assert not (copy / "log").exists()


def test_with_models_that_were_given_nobody_signed_and_that_is_said(
    finished_run: Path, walk_source: Path, tmp_path: Path, stairway: Call
) -> None:
    models = shutil.copytree(finished_run / "models", tmp_path / "models")
    out = tmp_path / "run"
    arguments = ("--models", models, "--trust", finished_run / "trust.pub", "--out", out)
    done = stairway("run", "--source", walk_source, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert "nobody signed the policy of this run" in done.stderr
    told = json.loads(done.stdout)["policy"]
    assert (told["generation"], told["sentence"]) == (None, "not signed: the models were given")
    assert facts(out, HELD) == facts(out, STREAM) == []
    assert replay(out, Silent()).identical


def test_what_an_operator_signs_later_is_on_record_and_the_run_is_the_same(
    copy: Path,
) -> None:
    """His key lies beside that of the trainer, which is gone."""
    before = replay(copy, Silent())
    (copy / "operator.pub").write_bytes(public(OTHER_KEY))
    folder, ask = open_existing(copy)
    signer = Signer(OTHER_KEY, folder.models, folder.trust.read_bytes(), keys_of(folder))
    with closing(open_log(folder.log, decode(ask.policy, ask.policy_name).log)) as log:
        later = signer.issue(PolicyStore(log), Change(stage=Stage.CANARY, why="on"), UtcNs(7))
    assert (later.number, later.policy) == (2, content_hash(ask.policy))
    after = replay(copy, Silent())
    assert (after.identical, after.run_hash) == (True, before.run_hash)
    assert after.compared == before.compared + 1


def test_a_record_that_names_another_generation_than_was_signed_is_different(
    copy: Path,
) -> None:
    (copy / "trust.pub").write_bytes(public(OTHER_KEY))
    answer = replay(copy, Silent())
    assert not answer.identical
    assert "no key that this run trusts signed it" in (answer.difference or "")
