"""A stream in a real Redis: judged by a user who may only read, and what fails is one sentence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stairway.testing.redis_server import PrivateRedis, private_redis
from stairway.testing.telemetry import messages, telemetry

MADE = telemetry("one_dead")
MAY_READ = ("on", ">secret", "resetkeys", "~bot", "~nobody", "~word", "+type", "+xinfo|stream", "+xrange")  # fmt: skip
COMMANDS = ("gate", "diagnose", "constants")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        with server.client() as client:
            pipe = client.pipeline()
            for message in messages(MADE):
                pipe.xadd("bot", message)
            pipe.execute()
            client.set("word", "no stream")
            client.execute_command("ACL", "SETUSER", "gate", "reset", *MAY_READ)
        yield server


def at(server: PrivateRedis, stream: str = "bot", user: str = "gate:secret") -> str:
    return f"redis://{user}@127.0.0.1:{server.port}/0?stream={stream}"


def state(server: PrivateRedis) -> Any:
    with server.client() as client:
        about = client.xinfo_stream("bot")
        return {k: about[k] for k in ("length", "first-entry", "last-entry", "entries-added")}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_user_who_may_only_read_is_enough_and_the_stream_stays_as_it_was(
    command: str, server: PrivateRedis, stairway: Callable[..., Any]
) -> None:
    before = state(server)
    said = stairway(command, "--source", at(server))
    assert said.code == 2
    assert "mlp" in said.out
    assert state(server) == before
    assert "secret" not in said.out + said.err


def test_no_password_is_kept_with_the_verdict(
    server: PrivateRedis, stairway: Callable[..., Any]
) -> None:
    stairway("gate", "--source", at(server))
    kept = [path for path in Path("reports/safety").rglob("*") if path.is_file()]
    assert len(kept) == 3
    assert all("secret" not in path.read_text() for path in kept)
    (report,) = [path for path in kept if path.suffix == ".json"]
    first, last = json.loads(report.read_text())["marks"]
    assert first == last


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("stream", "user", "words"),
    [
        ("word", "gate:secret", "stream"),
        ("bot", "gate:wrong", "password"),
        ("other", "gate:secret", "does not let this user read"),
    ],
)
def test_a_key_that_is_no_stream_and_a_stranger_are_one_sentence(
    stream: str,
    user: str,
    words: str,
    command: str,
    server: PrivateRedis,
    refused: Callable[..., str],
) -> None:
    sentence = refused(command, "--source", at(server, stream, user))
    assert words in sentence
    assert "secret" not in sentence
    assert "wrong" not in sentence.replace("wrong password", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_stream_that_does_not_exist_is_missing_evidence_or_an_error_but_never_a_pass(
    command: str, server: PrivateRedis, stairway: Callable[..., Any]
) -> None:
    said = stairway(command, "--source", at(server, "nobody"))
    assert said.code in {1, 2}
    assert "nobody" in said.out + said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_while_it_waits_leaves_the_stream_and_no_half_report(
    number: signal.Signals, server: PrivateRedis, tmp_path: Path
) -> None:
    before = state(server)
    few = telemetry("few_after")
    program = "from stairway.cli.main import main; main()"
    with server.client() as client:
        client.delete("few")
        for message in messages(few):
            client.xadd("few", message)
        client.execute_command("ACL", "SETUSER", "gate", "~few")
    asked = ("gate", "--wait", "--after", few.cutover, "--source", at(server, "few"))
    child = subprocess.Popen(
        [sys.executable, "-c", program, *asked],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    assert "waiting: 41 events" in child.stderr.readline()
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert child.returncode == (-9 if number is signal.SIGKILL else 130)
    assert out == ""
    assert "Traceback" not in err
    assert not (tmp_path / "reports").exists()
    assert state(server) == before
