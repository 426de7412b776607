"""A bad model is promoted by hand, loses, and is taken down; the old champion trades on.

The bars carry a planted edge: a high volume betrays that the next bars will rise. One
model reads it rightly, the newer version of the same slot reads it upside down, and a
third, in a slot of its own, reads it rightly but dares nothing. A fourth has no proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.adapters.logs.sqlite import open_log
from stairway.app.notary import attest
from stairway.app.policy_store import Change, PolicyStore, Signer
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.request import Request
from stairway.app.run import run
from stairway.app.settings import Settings, load, plain
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.base.verdict import Inconclusive, Pass
from stairway.dashboard.views import RunView, view
from stairway.app.environment import overrides
from stairway.app.terms import terms_hash
from stairway.features.spec import FEATURE_NAMES
from stairway.lifecycle.facts import OperatorMoved
from stairway.lifecycle.probation import Status
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBars
from stairway.models.bodies.forest import ForestBody
from stairway.models.calibration import REGIMES, Calibration, CalibrationForm, RegimeMap
from stairway.models.parity import MIN_ROWS
from stairway.models.sealed import Bundle
from stairway.simulation.misfortune import EdgeRules, plant_edge
from stairway.supervision.facts import DriftLevel
from stairway.testing.bars import random_walk
from stairway.testing.models import rule_under, toy_passport
from stairway.testing.policy import KEY
from stairway.testing.proofs import proved
from stairway.testing.runs import quickly, write_source
from stairway.training.grow import Split, grow
from stairway.training.parity_rows import parity_of

BARS, FIRST = 420, 300
BY_HAND = 304
"""Early: a proved model shadows from the first bar, and its own book would betray it."""
EDGE = EdgeRules(
    block_bars=12, training_drift_sigmas=1.0, climb_drift_sigmas=1.0, volume_log_shift=1.5
)
BOLD, TIMID = 0.2, 0.01
VOLUME = FEATURE_NAMES.index("volume_z")


@dataclass(frozen=True)
class Story:
    """What happened, and who is who."""

    root: Path
    seen: RunView
    steady: str
    old: str
    bad: str
    bare: str

    def index(self, time_ns: int) -> int:
        return next(bar.index for bar in self.seen.bars if bar.time_ns == time_ns)


def policy() -> Settings:
    with quickly():
        return load("daily", overrides())


def terms(settings: Settings) -> str:
    return terms_hash(plain(settings), random_walk(2, seed=11).instruments, planted=False)


def the_rule(last_data_ns: int) -> Bundle:
    """What trades where nobody else may."""
    return rule_under(policy().baseline, terms(policy()), last_data_ns)


def one_question(model: str, sign: float, boldness: float, last_data_ns: int) -> Bundle:
    """A model of one split: does high volume mean up (+1) or down (-1)?"""
    tree = Split(VOLUME, 0.0, missing_left=True, left=-sign, right=sign)
    forest = grow([tree], lambda node: node, base=0.0)
    table = RegimeMap(
        form=CalibrationForm.PLATT,
        n=600,
        n_effective=100.0,
        x=(-1.0, 1.0),
        y=(0.5 - boldness, 0.5 + boldness),
    )
    rng = np.random.Generator(np.random.PCG64(1))
    rows = rng.standard_normal((MIN_ROWS, len(FEATURE_NAMES)))
    passport = msgspec.structs.replace(
        toy_passport(model, terms(policy())), last_data_ns=last_data_ns
    )
    calibration = Calibration(dict.fromkeys(REGIMES, table))
    parity = parity_of(rows, forest.margins, rng)
    return Bundle(passport, ForestBody(forest, calibration, parity))


@pytest.fixture(scope="module")
def bars() -> PairBars:
    return plant_edge(random_walk(BARS, seed=11), EDGE, 7, FIRST, BARS)


@pytest.fixture(scope="module")
def story(bars: PairBars, tmp_path_factory: pytest.TempPathFactory) -> Story:
    root, key = tmp_path_factory.mktemp("story"), new_key()
    last = int(bars.time_ns[FIRST - 1])
    bundles = (
        proved(one_question("lightgbm", 1.0, TIMID, last)),
        proved(one_question("xgboost", 1.0, BOLD, last - 1)),
        proved(one_question("xgboost", -1.0, BOLD, last)),
        one_question("xgboost", 1.0, BOLD, last - 2 * NS_PER_SECOND),
        the_rule(last),
    )
    steady, old, bad, bare, _ = (seal(root / "models", one, key) for one in bundles)
    (root / "trust.pub").write_bytes(public_bytes(key))

    def promote(digest: str, index: int) -> OperatorMoved:
        why = "she likes it"
        return OperatorMoved(bars.time_ns[index].item(), digest, Stage.CHAMPION, "ann", why)

    request = Request(
        source=str(write_source(root, bars)),
        out=root / "run",
        models=root / "models",
        trust=root / "trust.pub",
        hand=(
            promote(steady, FIRST + 1),
            promote(old, FIRST + 1),
            promote(bare, BY_HAND - 1),
            promote(bad, BY_HAND),
        ),
    )
    with quickly(STAIRWAY__BARS__MIN_BARS="300"):
        run(request, Silent())
    return Story(root / "run", view(root / "run"), steady, old, bad, bare)


def test_the_bad_model_is_champion_because_a_person_said_so(story: Story) -> None:
    move = next(m for m in story.seen.moves if m.digest == story.bad and m.after == "champion")
    assert story.index(move.time_ns) == BY_HAND
    assert move.cause == "operator"
    assert not isinstance(move.verdict, Pass), "the evidence against it is kept with the move"
    assert "ann: she likes it" in [f.detail for f in move.verdict.findings]
    gone = next(m for m in story.seen.moves if m.cause == "superseded")
    assert (gone.digest, gone.after, gone.time_ns) == (story.old, "retired", move.time_ns)


def test_who_has_a_proof_shadows_from_the_first_bar_and_who_has_none_never(
    story: Story,
) -> None:
    begun = {m.digest: m.time_ns for m in story.seen.moves if m.before == "candidate"}
    first = story.seen.bars[story.seen.first_index].time_ns
    assert begun == dict.fromkeys((story.steady, story.old, story.bad), first)
    assert not [m for m in story.seen.moves if m.digest == story.bare]
    (asked,) = (g for g in story.seen.gates if g.gate == "operator")
    assert (asked.digest, type(asked.verdict)) == (story.bare, Inconclusive)
    assert "no proof is attached" in asked.verdict.findings[0].detail


def test_each_training_counts_its_tries_on_top_of_those_before(story: Story) -> None:
    tries = {r.digest: r.trials for r in story.seen.registered}
    assert [tries[d] for d in (story.bare, story.old, story.bad, story.steady)] == [1, 2, 3, 3]


def test_three_losses_in_a_row_raise_the_signal(story: Story) -> None:
    signal = next(d for d in story.seen.drifts if d.digest == story.bad)
    assert signal.level is DriftLevel.SIGNAL
    lost = [
        trade
        for trade in story.seen.trades
        if trade.book == "capital" and story.bad in {v.digest for v in trade.votes}
    ]
    assert [trade.r_multiple < 0.0 for trade in lost[:3]] == [True] * 3
    assert signal.time_ns == lost[2].closed_ns
    after = [m for m in story.seen.moves if m.time_ns == signal.time_ns]
    assert after == [], "a signal moves nobody"


def test_its_weight_is_cut_to_the_floor_of_two(story: Story) -> None:
    weights = [w.overall[story.bad] for w in story.seen.weights if story.bad in w.overall]
    begun = [0.41, 0.50, 0.42, 0.36, 0.30, 0.26, 0.25]
    assert weights[:7] == pytest.approx(begun, abs=0.006), "its shadow lost once and won once"
    falling = weights[1:]
    floor = pytest.approx(0.25)
    assert all(after < before or after == floor for before, after in pairwise(falling))
    assert min(weights) == weights[-1] == floor
    assert all(sum(w.overall.values()) == pytest.approx(1.0) for w in story.seen.weights)


def test_the_breaker_trips_at_the_tenth_trade_and_not_before(story: Story) -> None:
    told = [p.probation for p in story.seen.probations if p.probation.new_version == story.bad]
    counts = [p.trades_count for p in told if p.status is Status.MONITORING]
    assert counts == list(range(11))
    assert told[9].total_r / 9 < -0.3, "it was bad enough before, but nine trades are too few"
    assert told[-1].status is Status.ROLLED_BACK
    fall = next(m for m in story.seen.moves if m.cause.startswith("rollback.breaker"))
    assert (fall.digest, fall.before, fall.after) == (story.bad, "champion", "shadow")
    assert (fall.grade, fall.verdict.findings[0].n) == ("suspected", 10)


def test_the_old_champion_trades_the_next_bar(story: Story) -> None:
    back = next(m for m in story.seen.moves if m.cause == "rollback.restored")
    assert (back.digest, back.after) == (story.old, "champion")
    at = story.index(back.time_ns)
    mine = [
        t
        for t in story.seen.trades
        if t.book == "capital"
        and story.index(t.opened_ns) > at
        and story.old in {v.digest for v in t.votes}
    ]
    first = min(mine, key=lambda t: t.opened_ns)
    assert story.index(first.opened_ns) == at + 1
    later = [t for t in story.seen.trades if story.index(t.opened_ns) > at + 1]
    assert story.bad not in {v.digest for t in later for v in t.votes if t.book == "capital"}


def test_nobody_but_the_bad_model_pays_for_its_trades(story: Story) -> None:
    losses = [
        t
        for t in story.seen.trades
        if t.book == "capital"
        and t.r_multiple < 0.0
        and story.bad in {v.digest for v in t.votes}
    ]
    assert len(losses) >= 9
    assert all({v.digest for v in t.votes} == {story.bad} for t in losses)


def test_the_hand_is_on_record_so_the_replay_needs_nobody(story: Story) -> None:
    assert [h.digest for h in story.seen.by_hand] == [
        story.steady,
        story.old,
        story.bare,
        story.bad,
    ]
    answer = replay(story.root, Silent())
    assert (answer.identical, answer.finished, answer.difference) == (True, True, None)


def test_each_that_takes_the_slot_is_opened_again_and_the_rule_only_if_it_falls_to_it(
    story: Story,
) -> None:
    opened = [g.digest for g in story.seen.gates if g.gate == "artifact"]
    assert opened[:4] == [story.steady, story.old, story.bad, story.old]
    assert story.seen.started.baseline not in opened[:4], "superseded is not left to nobody"
    assert story.seen.rule is not None
    assert story.seen.rule.digest == story.seen.started.baseline


def test_whoever_holds_a_key_signs_each_change_of_champions_once(
    story: Story, tmp_path: Path
) -> None:
    rules = policy().log
    log = open_log(story.root / "log", rules, read_only=True)
    own = open_log(tmp_path / "policies", rules)
    try:
        store, models = PolicyStore(own), story.root.parent
        signer = Signer(KEY, models / "models", (models / "trust.pub").read_bytes())
        first = Change(policy="ab" * 32, stage=Stage.SHADOW, why="begin")
        signer.issue(store, first, UtcNs(7))
        line = [g.champions for g in attest(log, store, signer, UtcNs(7))]
        assert attest(log, store, signer, UtcNs(8)) == ()
    finally:
        own.close()
        log.close()
    steady, old, bad = story.steady, story.old, story.bad
    assert line[:3] == [
        {"lightgbm": steady, "xgboost": old},
        {"lightgbm": steady, "xgboost": bad},
        {"lightgbm": steady, "xgboost": old},
    ]
