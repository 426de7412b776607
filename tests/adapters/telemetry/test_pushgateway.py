"""Figures reach a real HTTP receiver; whatever happens to it, training notices nothing."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from stairway.adapters.telemetry import pushgateway
from stairway.adapters.telemetry.pushgateway import Config, Pushgateway
from stairway.base.verdict import passed
from stairway.testing.meter import some_batch, some_health
from stairway.training.figures import METRICS, PREFIX
from stairway.training.meter import Unsent

SCRIPT = Path(__file__).parent / "receiver.py"
PATIENCE_S = 60.0


@dataclass
class Receiver:
    """One receiver process, and what it wrote down."""

    log: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self, mode: str = "take") -> Receiver:
        self.log.touch()
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), mode, str(self.port), str(self.log)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def kill(self) -> None:
        """Kill -9, and make sure that it is gone."""
        assert self.process is not None
        self.process.kill()
        assert self.process.wait() == -9
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None

    @property
    def notes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def bodies(self) -> list[str]:
        return [note["body"] for note in self.notes if "body" in note]

    @property
    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except ConnectionRefusedError:
            return False
        return True


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    one = Receiver(tmp_path / "received.jsonl")
    yield one
    if one.process is not None:
        one.kill()


def config(port: int, **changes: object) -> Config:
    patient: dict[str, object] = {"timeout_s": 5.0, "close_s": 10.0}
    url = f"http://127.0.0.1:{port}"
    return replace(pushgateway.rehearsal(), url=url, **(patient | changes))


@pytest.fixture
def meter_at() -> Iterator[Callable[..., Pushgateway]]:
    made: list[Pushgateway] = []

    def connect(receiver: Receiver, instance: str = "seed-1", **changes: object) -> Pushgateway:
        made.append(pushgateway.connect(config(receiver.port, **changes), instance))
        return made[-1]

    yield connect
    for meter in made:
        meter.close()


def until(what: Callable[[], object], why: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.02)


def read(body: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (s.name.removeprefix(PREFIX), tuple(s.labels.values())): s.value
        for family in text_string_to_metric_families(body)
        for s in family.samples
    }


Connect = Callable[..., Pushgateway]


# --- a gateway that listens


def test_every_figure_arrives_under_job_and_instance(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start(), "seed-3")
    meter.record(some_batch(2_000))
    meter.feel(some_health())
    meter.judge("training", passed("training.sharpe", "high enough"))
    meter.close()
    (note,) = receiver.notes
    assert note["path"] == "/metrics/job/stairway/instance/seed-3"
    found = read(note["body"])
    assert found["steps_total", ()] == 2_000
    assert (found["reward_count", ()], found["reward_sum", ()]) == (2_000, 1_000.0)
    assert found["hold_ratio", ()] == 0.55
    assert found["gate_results_total", ("training", "pass")] == 1
    assert found["gate_passed", ("training",)] == 1
    names = {name.removesuffix("_count").removesuffix("_sum") for name, _ in found}
    assert names == set(METRICS)
    assert all(name.startswith(PREFIX) for name in _family_names(note["body"]))
    assert (meter.pushes, meter.failures, meter.failure) == (1, 0, "")
    assert meter.unsent() is None


def _family_names(body: str) -> set[str]:
    return {family.name for family in text_string_to_metric_families(body)}


def test_an_instance_with_a_slash_has_a_group_of_its_own(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start(), "run-7/seed 3")
    meter.record(some_batch())
    meter.close()
    assert receiver.notes[0]["path"] == "/metrics/job/stairway/instance@base64/cnVuLTcvc2VlZCAz"


def test_pushes_go_on_while_training_does_and_never_twice_in_a_second(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start())
    while meter.pushes < 3:
        meter.record(some_batch(64))
        time.sleep(0.001)
    at = [note["at"] for note in receiver.notes]
    assert all(later - earlier > 0.9 for earlier, later in pairwise(at))
    steps = [read(body)["steps_total", ()] for body in receiver.bodies]
    assert all(later - earlier >= 64 for earlier, later in pairwise(steps))


def test_fewer_steps_than_a_batch_wait_for_more_or_for_the_end(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start(), batch_steps=100)
    meter.record(some_batch(64))
    meter._push(5.0)
    assert receiver.notes == []
    meter.record(some_batch(35))
    meter._push(5.0)
    assert receiver.notes == []
    meter.record(some_batch(1))
    meter._push(5.0)
    assert read(receiver.bodies[0])["steps_total", ()] == 100
    meter.record(some_batch(7))
    meter.close()
    assert read(receiver.bodies[-1])["steps_total", ()] == 107


def test_what_the_gateway_has_is_not_sent_again(receiver: Receiver, meter_at: Connect) -> None:
    meter = meter_at(receiver.start())
    meter.record(some_batch())
    meter._push(5.0)
    meter._push(5.0)
    meter.close()
    assert len(receiver.notes) == meter.pushes == 1


def test_a_run_that_recorded_nothing_sends_nothing(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter_at(receiver.start()).close()
    assert receiver.notes == []


def test_a_verdict_does_not_wait_for_steps(receiver: Receiver, meter_at: Connect) -> None:
    meter = meter_at(receiver.start())
    meter.judge("scenarios", passed("scenarios.all", "five of five"))
    meter._push(5.0)
    assert read(receiver.bodies[0])["gate_passed", ("scenarios",)] == 1


def test_a_proxy_of_the_environment_is_not_asked(
    receiver: Receiver, meter_at: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    meter = meter_at(receiver.start())
    meter.record(some_batch())
    meter.close()
    assert (meter.pushes, meter.failures) == (1, 0)


def test_nothing_that_comes_after_the_end_is_sent(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start())
    meter.record(some_batch(64))
    meter.close()
    meter.record(some_batch(64))
    meter.close()
    assert [read(body)["steps_total", ()] for body in receiver.bodies] == [64]


# --- a gateway that dies


def test_a_gateway_killed_half_way_loses_pushes_and_no_count(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter, recorded = meter_at(receiver.start()), 0

    def train_until(what: Callable[[], object], why: str) -> int:
        n = 0

        def a_little() -> object:
            nonlocal n
            meter.record(some_batch(64))
            n += 64
            return what()

        until(a_little, why)
        return n

    recorded += train_until(lambda: receiver.notes, "nothing was ever pushed")
    receiver.kill()
    assert not receiver.answers
    before = meter.pushes
    recorded += train_until(lambda: meter.failures >= 2, "no push failed after the kill")
    assert meter.pushes == before
    assert "refused" in meter.failure
    assert meter._thread.is_alive()
    receiver.start()
    recorded += train_until(lambda: meter.pushes > before, "it never came back")
    meter.close()
    last = read(receiver.bodies[-1])
    assert last["steps_total", ()] == last["reward_count", ()] == recorded
    assert last["reward_sum", ()] == 0.5 * recorded
    per_action = sum(v for (name, _), v in last.items() if name == "actions_total")
    assert per_action == pytest.approx(recorded, abs=9)


def test_a_gateway_that_never_was_is_a_count_of_failures_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    meter = pushgateway.connect(config(port), "seed-1")
    for _ in range(200):
        meter.record(some_batch())
    meter.close()
    assert (meter.pushes, meter.failures) == (0, 1)
    assert meter.unsent() == Unsent(1, f"http://127.0.0.1:{port}", "connection refused")
    assert not meter._thread.is_alive()


def test_a_gateway_that_hangs_holds_up_its_own_thread_only(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start("hang"), timeout_s=60.0, close_s=0.2)
    meter.record(some_batch())
    until(lambda: receiver.notes, "nothing was ever pushed")
    assert receiver.notes[0] == {"accepted": 1}
    for _ in range(10_000):
        meter.record(some_batch())
    meter.judge("training", passed("training.sharpe", "high enough"))
    assert (meter.pushes, meter.failures) == (0, 0)
    assert meter._thread.is_alive()
    assert meter._tally.steps == 10_001 * 2_000


def test_closing_does_not_wait_for_a_gateway_that_hangs(receiver: Receiver) -> None:
    receiver.start("hang")
    settings = config(receiver.port, timeout_s=60.0, close_s=0.2)
    meter = pushgateway.connect(settings, "seed-1")
    meter.record(some_batch())
    until(lambda: receiver.notes, "nothing was ever pushed")
    assert meter.unsent() is None, "as far as it is known"
    meter.close()
    assert meter._thread.is_alive()
    assert meter.unsent() == Unsent(1, settings.url, "no answer within 0.2 s")
    receiver.kill()
    meter._thread.join(PATIENCE_S)
    assert not meter._thread.is_alive()
    assert meter.pushes == 0


def test_a_push_that_hangs_is_told_of_though_the_wait_for_it_was_interrupted(
    receiver: Receiver, interrupts: Callable[..., AbstractContextManager[object]]
) -> None:
    receiver.start("hang")
    settings = config(receiver.port, timeout_s=60.0, close_s=20.0)
    meter = pushgateway.connect(settings, "seed-1")
    meter.record(some_batch())
    until(lambda: receiver.notes, "nothing was ever pushed")
    with interrupts("Pushgateway.close"), pytest.raises(KeyboardInterrupt):
        meter.close()
    assert meter.unsent() == Unsent(1, settings.url, "no answer within 20 s")
    receiver.kill()


def test_a_push_into_silence_ends_by_itself(receiver: Receiver, meter_at: Connect) -> None:
    meter = meter_at(receiver.start("hang"), timeout_s=0.2, close_s=0.2)
    meter.record(some_batch())
    until(lambda: meter.failures, "the push never gave up")
    assert receiver.notes
    assert "timed out" in meter.failure


@pytest.mark.parametrize(
    ("mode", "said", "why"),
    [
        ("fail", "500", "answer 500"),
        ("send_away", "302", "answer 302"),
        ("babble", "BadStatusLine", "an answer that is no HTTP"),
    ],
)
def test_an_answer_that_is_no_yes_is_a_failure(
    receiver: Receiver, meter_at: Connect, mode: str, said: str, why: str
) -> None:
    meter = meter_at(receiver.start(mode))
    meter.record(some_batch())
    until(lambda: meter.failures, "no push failed")
    assert receiver.notes
    assert said in meter.failure
    unsent = meter.unsent()
    assert unsent is not None
    assert why in unsent.why
    assert unsent.why.isprintable()
    assert meter.pushes == 0
    receiver.kill()
    receiver.start()
    meter.close()
    assert read(receiver.bodies[-1])["steps_total", ()] == 2_000


def test_a_process_ends_though_its_meter_hangs_and_was_never_closed(
    receiver: Receiver,
) -> None:
    receiver.start("hang")
    program = f"""
import time
from msgspec.structs import replace
from stairway.adapters.telemetry import pushgateway
from stairway.testing.meter import some_batch
config = replace(pushgateway.rehearsal(), url="http://127.0.0.1:{receiver.port}", timeout_s=60.0)
pushgateway.connect(config, "seed-1").record(some_batch())
time.sleep(2)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE_S)
    assert receiver.notes == [{"accepted": 1}]


def test_one_seed_does_not_write_over_another(receiver: Receiver, meter_at: Connect) -> None:
    receiver.start()
    meters = [meter_at(receiver, f"seed-{i}") for i in range(5)]

    def train(meter: Pushgateway, times: int) -> None:
        for _ in range(times):
            meter.record(some_batch(64))
        meter.close()

    threads = [threading.Thread(target=train, args=(m, i + 1)) for i, m in enumerate(meters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {
        n["path"].rsplit("/")[-1]: read(n["body"])["steps_total", ()] for n in receiver.notes
    }
    assert told == {f"seed-{i}": 64.0 * (i + 1) for i in range(5)}


def test_a_number_that_is_none_is_told_as_such_and_spoils_no_count(
    receiver: Receiver, meter_at: Connect
) -> None:
    meter = meter_at(receiver.start())
    meter.record(some_batch(100))
    meter.record(some_batch(100, reward=math.nan, score=math.nan))
    meter.close()
    found = read(receiver.bodies[0])
    assert (found["steps_total", ()], found["reward_count", ()]) == (200, 100)
    assert found["reward_sum", ()] == 50.0
    assert found["spoilt_batches_total", ()] == 1
    assert math.isnan(found["regime_score", ()])


# --- settings


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9091",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@localhost",
        "http://localhost/a b",
        "http://localhost/?x=1",
        "",
    ],
)
def test_an_address_that_is_none_of_a_gateway_is_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(pushgateway.rehearsal(), url=url)


@pytest.mark.parametrize(
    "url", ["http://localhost:9091", "https://push.example.org/prefix", "http://[::1]:9091"]
)
def test_an_address_of_a_gateway_is_taken(url: str) -> None:
    assert replace(pushgateway.rehearsal(), url=url).url == url


@pytest.mark.parametrize(
    "change",
    [
        {"batch_steps": 63},
        {"interval_s": 0.99},
        {"interval_s": math.nan},
        {"timeout_s": 0.0},
        {"timeout_s": math.inf},
        {"close_s": -1.0},
        {"job": ""},
        {"job": "a/b"},
    ],
)
def test_no_setting_makes_it_push_more_often_or_wait_for_ever(
    change: dict[str, object],
) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(pushgateway.rehearsal(), **change)
