"""What a meter hears of a roll-out is what the roll-out says."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from stairway.base.verdict import Verdict
from stairway.simulation.health import Health
from stairway.testing.meter import some_batch, some_health
from stairway.training.figures import METRICS, Tally, added, felt, figures
from stairway.training.measured import Rollout
from stairway.training.meter import Batch, tell

ROLLOUT = replace(some_batch().rollout, steps=412_000, health=some_health())


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

    def unsent(self) -> None:
        raise NotImplementedError


def told(rollout: Rollout) -> Listener:
    meter = Listener()
    tell(meter, rollout, 2_000, 390)
    return meter


def test_a_meter_hears_the_roll_out_with_its_own_steps_and_fills() -> None:
    (batch,) = told(ROLLOUT).batches
    assert batch.rollout is ROLLOUT
    assert batch.steps == 2_000
    assert batch.fills == round(18.0 * 2_000 / 390) == 92


def test_fills_are_rounded_and_not_cut() -> None:
    # Of a rate that was made from 93 fills, one bit too low
    rate = np.nextafter(93 * 390 / 2_000, 0.0)
    (batch,) = told(replace(ROLLOUT, fills_per_session=float(rate))).batches
    assert batch.fills == 93


def test_health_is_told_where_it_is_known() -> None:
    assert told(ROLLOUT).healths == [some_health()]
    unknown = told(replace(ROLLOUT, health=None))
    assert (len(unknown.batches), unknown.healths) == (1, [])


def test_a_roll_out_of_old_has_no_shares_of_regimes_to_tell() -> None:
    (old,) = told(replace(ROLLOUT, regime_share=None)).batches
    assert "regime_steps_total" not in {s.name for s in figures(added(Tally(), old))}


def test_all_but_gates_are_told_of_a_roll_out() -> None:
    (batch,) = told(ROLLOUT).batches
    tally = felt(added(Tally(), batch), some_health())
    told_of = {sample.name for sample in figures(tally)}
    assert set(METRICS) - told_of == {"gate_results_total", "gate_passed"}
    steps = [s.value for s in figures(tally) if s.name == "regime_steps_total"]
    assert steps == [1_000, 600, 400]
