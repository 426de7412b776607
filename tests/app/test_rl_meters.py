"""The figures of every seed go to a meter of its own."""

from __future__ import annotations

import pytest

from stairway.adapters.telemetry.silent import Silent
from stairway.app.rl_meters import GATE, Metered, meters_of
from stairway.base.errors import ConfigError
from stairway.testing.journal import practice_result, rollout
from stairway.testing.meter import some_health
from stairway.training.ear import Deaf


class Heard:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def record(self, batch) -> None:
        self.said.append(("batch", batch.steps))

    def feel(self, health) -> None:
        self.said.append(("health", health))

    def judge(self, gate, verdict) -> None:
        self.said.append((gate, verdict))

    def close(self) -> None:
        self.said.append(("closed", None))


def test_each_seed_has_a_meter_of_its_own() -> None:
    meters = {1: Heard(), 2: Heard()}
    metered = Metered(Deaf(), meters, 2_000, 390)
    metered.rollout(rollout(1, 0, health=None))
    metered.rollout(rollout(2, 0, health=some_health()))
    assert meters[1].said == [("batch", 2_000)]
    assert meters[2].said == [("batch", 2_000), ("health", some_health())]


def test_the_gate_is_counted_and_all_meters_are_closed() -> None:
    result = practice_result()
    shown = next(s for s in result.seed_cycles if s.cycle == 1)
    meters = {seed: Heard() for seed in result.seeds}
    metered = Metered(Deaf(), meters, 2_000, 390)
    metered.seed_cycle(shown)
    metered.close()
    assert meters[shown.seed].said == [(GATE, shown.gate), ("closed", None)]
    assert all(meter.said[-1] == ("closed", None) for meter in meters.values())


def test_everything_is_passed_on() -> None:
    class Loud(Deaf):
        def __init__(self) -> None:
            self.count = 0

        def begin(self, *_) -> None:
            self.count += 1

        advance = rollout = seed_cycle = cycle = begin

    result, ear = practice_result(), Loud()
    metered = Metered(ear, {seed: Heard() for seed in result.seeds}, 2_000, 390)
    metered.begin("x", 3)
    metered.advance(1)
    metered.rollout(result.rollouts[0])
    metered.seed_cycle(result.seed_cycles[-1])
    metered.cycle(result.cycles[0])
    assert ear.count == 5


def test_a_file_without_telemetry_wants_none() -> None:
    meters = meters_of({}, "run", (1, 2))
    assert set(meters) == {1, 2}
    assert all(isinstance(meter, Silent) for meter in meters.values())
    assert all(
        isinstance(m, Silent)
        for m in meters_of({"telemetry": {"kind": "silent"}}, "r", (1,)).values()
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "has no kind"),
        ({"kind": 3}, "has no kind"),
        ({"kind": "telegraph"}, "no telemetry plug-in named 'telegraph'"),
        ({"kind": "pushgateway", "pushgateway": {}}, r"\[telemetry.pushgateway\]: .*url"),
    ],
)
def test_telemetry_that_cannot_be_used_is_refused(table: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        meters_of({"telemetry": table}, "run", (1,))
