"""The figures of every seed go to a meter of its own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from stairway.adapters.telemetry import silent
from stairway.adapters.telemetry.pushgateway import Pushgateway, rehearsal
from stairway.adapters.telemetry.silent import Silent
from stairway.app.rl.meters import GATE, Metered, meters_of, run_name
from stairway.base.errors import ConfigError
from stairway.testing.journal import practice_result, rollout
from stairway.testing.meter import some_health
from stairway.testing.ears import Deaf
from stairway.training.meter import Unsent

RUN = Path("runs/run")


class Heard:
    """A meter that remembers."""

    def __init__(self, missed: Unsent | None = None) -> None:
        self.missed = missed
        self.said: list[tuple[str, object]] = []

    def record(self, batch) -> None:
        self.said.append(("batch", batch.steps))

    def feel(self, health) -> None:
        self.said.append(("health", health))

    def judge(self, gate, verdict) -> None:
        self.said.append((gate, verdict))

    def ask_to_close(self) -> None:
        self.said.append(("asked", None))

    def close(self) -> None:
        self.said.append(("closed", None))

    def unsent(self) -> Unsent | None:
        assert self.said[-1] == ("closed", None), "only then is it known"
        return self.missed


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
    ended = [("asked", None), ("closed", None)]
    assert meters[shown.seed].said == [(GATE, shown.gate), *ended]
    assert all(meter.said[-1] == ("closed", None) for meter in meters.values())


class Rung(Pushgateway):
    """The real thing, which also says in a list of its own kind when it was asked and waited."""

    order: ClassVar[list[str]]

    def ask_to_close(self) -> None:
        self.order.append("asked")
        super().ask_to_close()

    def close(self) -> None:
        asked = self._closing.is_set()
        self.order.append("waited for" if asked else "waited for unasked")
        super().close()


def test_all_are_asked_to_close_before_any_is_waited_for() -> None:
    Rung.order = []
    with socket.create_server(("127.0.0.1", 0)) as hung:
        # Connections are taken by the system, and never answered by anybody.
        port = hung.getsockname()[1]
        settings = replace(rehearsal(), url=f"http://127.0.0.1:{port}", close_s=0.2)
        meters = {seed: Rung(settings, f"run-{seed}") for seed in (1, 2)}
        metered = Metered(Deaf(), meters, 2_000, 390)
        for seed in meters:
            metered.rollout(rollout(seed, 0, health=None))
        metered.close()
        assert [one for one in Rung.order if one == "waited for unasked"] == []
        assert Rung.order[:3] == ["asked", "asked", "waited for"]
        first, second = (meter._deadline for meter in meters.values())
        assert second - first < settings.close_s, "the second's time ran beside the first's"
    for meter in meters.values():
        meter._thread.join(60.0)
        assert (meter._thread.is_alive(), meter.pushes) == (False, 0)


class Noted(Deaf):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)


def test_what_no_gateway_took_is_said_once_for_all_seeds() -> None:
    ear = Noted()
    refused = Unsent(40, "http://gone:9091", "connection refused")
    Metered(ear, {1: Heard(), 2: Heard(refused), 3: Heard(refused)}, 2_000, 390).close()
    failed = "telemetry: 80 pushes to http://gone:9091 failed (connection refused)"
    assert ear.notes == [f"{failed}; training did not wait"]


def test_where_everything_was_sent_nothing_is_said() -> None:
    ear = Noted()
    Metered(ear, {1: Heard(), 2: Heard()}, 2_000, 390).close()
    assert ear.notes == []


def test_a_gateway_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    ear = Noted()
    meter = Pushgateway(replace(rehearsal(), url=f"http://127.0.0.1:{port}"), "run-1")
    metered = Metered(ear, {1: meter}, 2_000, 390)
    metered.rollout(rollout(1, 0, health=None))
    metered.close()
    failed = f"telemetry: 1 push to http://127.0.0.1:{port} failed (connection refused)"
    assert ear.notes == [f"{failed}; training did not wait"]


def test_two_runs_of_one_name_are_told_apart(tmp_path: Path, monkeypatch) -> None:
    here, there = tmp_path / "a" / "run", tmp_path / "b" / "run"
    names: list[str] = []

    def connect(_config, instance: str) -> Silent:
        names.append(instance)
        return Silent()

    monkeypatch.setattr(silent, "connect", connect)
    for folder in (here, there):
        meters_of({}, folder, (1, 2))
    assert len(set(names)) == 4
    assert names == [f"{run_name(f)}-{seed}" for f in (here, there) for seed in (1, 2)]
    assert all(name.startswith("run-") for name in names)
    monkeypatch.chdir(tmp_path)
    assert run_name(Path("a/run")) == run_name(here), "from wherever it is named"


def test_everything_is_passed_on() -> None:
    class Loud(Deaf):
        def __init__(self) -> None:
            self.count = 0

        def begin(self, *_) -> None:
            self.count += 1

        advance = rollout = seed_cycle = cycle = note = begin

    result, ear = practice_result(), Loud()
    metered = Metered(ear, {seed: Heard() for seed in result.seeds}, 2_000, 390)
    metered.begin("x", 3)
    metered.advance(1)
    metered.rollout(result.rollouts[0])
    metered.seed_cycle(result.seed_cycles[-1])
    metered.cycle(result.cycles[0])
    metered.note("x")
    assert ear.count == 6


def test_a_file_without_telemetry_wants_none() -> None:
    meters = meters_of({}, RUN, (1, 2))
    assert set(meters) == {1, 2}
    assert all(isinstance(meter, Silent) for meter in meters.values())
    assert all(
        isinstance(m, Silent)
        for m in meters_of({"telemetry": {"kind": "silent"}}, RUN, (1,)).values()
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "kind is None; allowed are pushgateway, silent"),
        ({"kind": "telegraph"}, "kind is 'telegraph'; allowed are"),
        ({"kind": "pushgateway", "pushgateway": {}}, "`url` in telemetry.pushgateway"),
    ],
)
def test_telemetry_that_cannot_be_used_is_refused(table: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        meters_of({"telemetry": table}, RUN, (1,))
