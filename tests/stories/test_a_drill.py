"""The drill, end to end: every misfortune is announced, and every one is met."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from stairway.app.climber import CLIMBED
from stairway.app.drill import run_drill, unfortunate
from stairway.app.environment import overrides
from stairway.app.folder import Plan, RunFolder, open_existing, read_bars
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.request import Request, resumed
from stairway.app.run import Outcome
from stairway.app.settings import load
from stairway.app.train import CANDIDATES
from stairway.base.errors import ConfigError
from stairway.base.verdict import Pass, Refuse
from stairway.dashboard.views import RunView, view
from stairway.lifecycle.stage import Stage
from stairway.testing.bars import random_walk
from stairway.testing.runs import quickly, write_source
from stairway.training.leak import LEAKING as PLANTED

BARS, LEAKING = 3_000, "leaking"
STRONG = {
    # An edge that no gate may miss, and trees enough to learn it.
    "STAIRWAY__BOOSTING__ROUNDS": "60",
    "STAIRWAY__DRILL__EDGE__TRAINING_DRIFT_SIGMAS": "0.4",
    "STAIRWAY__DRILL__EDGE__CLIMB_DRIFT_SIGMAS": "0.7",
    "STAIRWAY__DRILL__FREEZE_BARS": "16",
    "STAIRWAY__EVIDENCE__TOO_GOOD_SKILL": "0.5",
    "STAIRWAY__PROMOTION__SHADOW_TRADES": "30",
    "STAIRWAY__PROMOTION__CANARY_TRADES": "20",
    "STAIRWAY__PROMOTION__E_NEEDED": "5",
}


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    root = tmp_path_factory.mktemp("drill")
    source = write_source(root, random_walk(BARS, seed=5))
    with quickly(**STRONG):
        return run_drill(Request(source=str(source), out=root / "run", drill=True), Silent())


@pytest.fixture(scope="module")
def seen(drilled: Outcome) -> RunView:
    return view(drilled.folder.root)


def index_of(seen: RunView, time_ns: int) -> int:
    return next(bar.index for bar in seen.bars if bar.time_ns == time_ns)


def plan_in(drilled: Outcome) -> Plan:
    plan = open_existing(drilled.folder.root)[1].plan
    assert plan is not None
    return plan


def test_every_misfortune_is_announced_before_the_first_bar(seen: RunView) -> None:
    kinds = {said.kind for said in seen.announced}
    assert kinds == {"leak", "edge", "edge_dies", "collapse", "freeze", "kill"}


def test_the_leaking_candidate_is_refused_by_the_name_of_its_column(seen: RunView) -> None:
    (given,) = [g for g in seen.gates if g.model == LEAKING and g.gate == "causality"]
    assert isinstance(given.verdict, Refuse)
    words = [finding.detail for finding in given.verdict.findings]
    assert any(f"column ALPHA.{PLANTED} " in line for line in words), words
    assert any("ahead" in line for line in words)
    assert {m.model for m in seen.moves} == set(CANDIDATES), "it never took a step"


def test_the_killed_run_ends_like_the_undisturbed_one(drilled: Outcome) -> None:
    assert drilled.exit_code == 0
    assert drilled.notes[0].startswith("kill -9 at bar ")
    assert drilled.notes[1].startswith("undisturbed run: same hash ")
    twin = RunFolder(drilled.folder.root / "undisturbed")
    assert json.loads((twin.root / CLIMBED).read_text("utf-8"))["run_hash"] == drilled.run_hash
    assert replay(twin.root, Silent()).run_hash == drilled.run_hash
    assert replay(drilled.folder.root, Silent()).identical


def test_a_feed_that_hangs_is_not_traded_on(drilled: Outcome, seen: RunView) -> None:
    plan = plan_in(drilled)
    same = [now.index for was, now in pairwise(seen.bars) if was.bars == now.bars]
    assert len(same) >= plan.freeze_bars - 1
    assert abs(same[0] - plan.freeze_index) <= 1, "the feed hangs when it was said to"
    assert sum(codes["risk.frozen_feed"] for codes in seen.refusals.values()) > 0
    opened = {index_of(seen, trade.opened_ns) for trade in seen.trades}
    # One repeat is let pass; what is decided at the close of a later one trades a bar later.
    assert not opened & {index + 1 for index in same[1:]}
    assert opened & set(range(same[0] - 30, same[0])), "trading went on before"


def test_a_member_that_answers_a_constant_is_taken_down_for_it(
    drilled: Outcome, seen: RunView
) -> None:
    plan = plan_in(drilled)
    fall = next(
        m
        for m in seen.moves
        if m.model == plan.collapse_model and m.cause.startswith("rollback")
    )
    assert index_of(seen, fall.time_ns) > plan.collapse_index
    assert {f.code for f in fall.verdict.findings} & {"gate.single_value", "gate.majority"}
    before = [
        q.verdict
        for q in seen.quality
        if q.model == plan.collapse_model and index_of(seen, q.time_ns) <= plan.collapse_index
    ]
    assert any(isinstance(verdict, Pass) for verdict in before), "it was sound until then"


def test_a_champion_whose_edge_dies_is_rolled_back(drilled: Outcome, seen: RunView) -> None:
    plan = plan_in(drilled)
    survivor = next(name for name in CANDIDATES if name != plan.collapse_model)
    mine = [m for m in seen.moves if m.model == survivor]
    crowned = next(m for m in mine if m.after is Stage.CHAMPION)
    assert index_of(seen, crowned.time_ns) < plan.edge_dies_index
    fall = next(m for m in mine if m.before is Stage.CHAMPION)
    assert index_of(seen, fall.time_ns) > plan.edge_dies_index
    assert fall.cause.startswith("rollback")


def test_the_misfortunes_of_a_drill_are_in_the_bars_that_it_keeps(drilled: Outcome) -> None:
    folder, ask = open_existing(drilled.folder.root)
    plain = random_walk(BARS, seed=5)
    with quickly(**STRONG):
        plan, spoilt = unfortunate(load("daily", overrides()), plain, ask.seed)
    assert (plan, spoilt.fingerprint) == (ask.plan, read_bars(folder, ask).fingerprint)
    assert spoilt.fingerprint != plain.fingerprint


def test_a_drill_that_is_over_is_not_begun_again(drilled: Outcome) -> None:
    again = run_drill(resumed(drilled.folder.root), Silent())
    assert again.run_hash == drilled.run_hash
    assert again.notes == drilled.notes[1:], "nothing was killed this time"


def test_a_plain_run_is_not_finished_as_a_drill(finished_run: Path) -> None:
    with pytest.raises(ConfigError, match="is no drill"):
        run_drill(resumed(finished_run), Silent())
