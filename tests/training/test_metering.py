"""What a meter hears of a roll-out is what the roll-out says."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from stairway.base.verdict import Verdict
from stairway.simulation.health import Health
from stairway.simulation.terms import Terms
from stairway.testing.meter import some_health
from stairway.training.figures import METRICS, Tally, added, felt, figures
from stairway.training.measured import Learner, Rollout
from stairway.training.meter import Batch
from stairway.training.metering import batch_of, tell

ROLLOUT = Rollout(
    seed=3,
    cycle=2,
    steps=412_000,
    hold_rate=0.56,
    fills_per_session=18.0,
    no_fill_share=0.95,
    action_share=(0.1, 0.0, 0.1, 0.05, 0.55, 0.1, 0.0, 0.05, 0.05),
    reward=-0.25,
    reward_variance=1.5,
    profit_bps=0.1,
    rms_profit_bps=6.0,
    scale_bps=5.5,
    bonus=-0.3,
    ticket=0.2,
    downside=0.01,
    target_hold=0.55,
    target_fills=20.0,
    score=0.4,
    episodes=4,
    episode_bars=480.0,
    terminated=1,
    drawdown_frac=0.011,
    positions=(0.5, -0.25),
    health=some_health(),
    learner=Learner(),
    regime_share=(0.5, 0.375, 0.125),
)


class Listener:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.healths: list[Health] = []

    def record(self, batch: Batch) -> None:
        self.batches.append(batch)

    def judge(self, gate: str, verdict: Verdict) -> None:
        raise NotImplementedError

    def feel(self, health: Health) -> None:
        self.healths.append(health)

    def ask_to_close(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def test_a_batch_says_what_the_roll_out_said() -> None:
    batch = msgspec.structs.asdict(batch_of(ROLLOUT, 2_000, 390))
    said = msgspec.structs.asdict(ROLLOUT)
    shared = set(batch) & set(said) - {"steps"}
    assert len(shared) == 15
    assert {name: batch[name] for name in shared} == {name: said[name] for name in shared}
    assert batch["terms"] == Terms(5.5, -0.3, 0.2, 0.01)


def test_steps_are_those_of_the_roll_out_and_not_since_the_beginning() -> None:
    assert batch_of(ROLLOUT, 2_000, 390).steps == 2_000


def test_fills_are_counted_again_from_their_rate() -> None:
    assert batch_of(ROLLOUT, 2_000, 390).fills == round(18.0 * 2_000 / 390) == 92


def test_health_is_told_where_it_is_known() -> None:
    meter = Listener()
    tell(meter, ROLLOUT, 2_000, 390)
    tell(meter, replace(ROLLOUT, health=None), 2_000, 390)
    assert len(meter.batches) == 2
    assert meter.healths == [some_health()]


def test_a_roll_out_of_old_has_no_shares_of_regimes_to_tell() -> None:
    old = batch_of(replace(ROLLOUT, regime_share=None), 2_000, 390)
    assert "regime_steps_total" not in {s.name for s in figures(added(Tally(), old))}


def test_all_but_gates_are_told_of_a_roll_out() -> None:
    tally = felt(added(Tally(), batch_of(ROLLOUT, 2_000, 390)), some_health())
    told = {sample.name for sample in figures(tally)}
    assert set(METRICS) - told == {"gate_results_total", "gate_passed"}
    steps = [s.value for s in figures(tally) if s.name == "regime_steps_total"]
    assert steps == [1_000, 750, 250]
