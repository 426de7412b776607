from __future__ import annotations

from pathlib import Path

import pytest

from stairway.app.gate.cutover import cutover
from stairway.app.gate.deployments import record
from stairway.app.gate.instants import said
from stairway.base.errors import ConfigError

AT_NS = 1_772_449_200_000_000_000
NOW_NS = AT_NS + 3_600 * 10**9


def found(asked: str, **more: Path) -> int:
    return cutover(asked, NOW_NS, **more).at_ns


@pytest.mark.parametrize(
    "asked",
    [
        "2026-03-02T11:00:00Z", "2026-03-02 11:00+00:00", "2026-03-02T13:00:00+02:00",
        "1772449200", "1772449200000", "1772449200000000", "1772449200000000000",
        " 2026-03-02T11:00:00.000000000Z ",
    ],
)  # fmt: skip
def test_one_instant_in_every_way_of_saying_it(asked: str) -> None:
    assert found(asked) == AT_NS


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("yesterday", "no instant"),
        ("", "no instant"),
        ("17724492", "no instant"),
        ("2026-03-02T11:00:00", "no zone"),
        ("2026-03-02", "no zone"),
        ("2026-03-02T13:00:00Z", "future"),
        ("systemd:", "systemd:NAME"),
        ("docker:--all", "docker:NAME"),
        ("systemd:a;rm -rf", "systemd:NAME"),
    ],
)
def test_what_is_no_instant_of_the_past_is_refused_in_a_sentence(
    asked: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        found(asked)


def test_now_is_not_the_future() -> None:
    assert cutover(str(AT_NS), AT_NS).at_ns == AT_NS


def test_the_newest_deployment_on_record_is_found_with_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "deployments.jsonl"
    path.write_text(
        '{"at": "2026-03-01T00:00:00Z"}\n'
        '{"at": "2026-03-02T11:00:00Z", "commit": "4f1c2d", "notes": "no cap"}\n\n'
    )
    cut = cutover("last-deploy", NOW_NS, path)
    assert (cut.at_ns, cut.origin) == (AT_NS, "deployed then: 4f1c2d no cap")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "not there"),
        ("", "empty"),
        ("{}", "line 1 of"),
        ("nonsense", "line 1 of"),
        ('{"at": "2026-03-02T11:00:00"}', "no zone"),
    ],
)
def test_a_deployment_that_is_not_on_record_is_no_guess(
    text: str | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "deployments.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        cutover("last-deploy", NOW_NS, path)


def test_a_deployment_is_read_where_it_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops").mkdir()
    record(AT_NS, NOW_NS, "4f1c2d", "no cap", Path("ops/bot.jsonl"))
    cut = cutover("last-deploy:ops/bot.jsonl", NOW_NS)
    assert (cut.at_ns, cut.origin) == (AT_NS, "deployed then: 4f1c2d no cap")
    with pytest.raises(ConfigError) as caught:
        cutover("last-deploy", NOW_NS)
    said = str(caught.value)
    assert f"{tmp_path}/deployments.jsonl is not there" in said, "the folder is named"
    assert "--after last-deploy:FILE" in said


def command(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of that name first on the path."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_systemd_says_when_a_unit_became_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = "echo 'ActiveEnterTimestamp=Mon 2026-03-02 11:00:00.000000 UTC'"
    command(tmp_path, "systemctl", answer, monkeypatch)
    assert found("systemd:bot.service") == AT_NS
    command(tmp_path, "systemctl", "echo ActiveEnterTimestamp=", monkeypatch)
    with pytest.raises(ConfigError, match="systemctl status"):
        found("systemd:bot.service")


def test_docker_says_when_a_container_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(tmp_path, "docker", "echo 2026-03-02T11:00:00.123456789Z", monkeypatch)
    assert found("docker:bot") == AT_NS + 123_456_000
    command(tmp_path, "docker", "echo 0001-01-01T00:00:00Z", monkeypatch)
    with pytest.raises(ConfigError, match="never started"):
        found("docker:bot")
    command(tmp_path, "docker", "echo 'no such container' >&2; exit 1", monkeypatch)
    with pytest.raises(ConfigError, match="no such container"):
        found("docker:bot")


def test_a_program_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="docker is not installed"):
        found("docker:bot")


def test_an_instant_is_written_with_its_zone_and_no_fraction_it_does_not_have() -> None:
    assert (said(AT_NS), said(AT_NS + 5_000)) == (
        "2026-03-02T11:00:00Z", "2026-03-02T11:00:00.000005Z",
    )  # fmt: skip
