"""``stairway log``, as it is called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.record import engine, entries
from stairway.app.record.place import find, opened
from stairway.cli import log as command
from stairway.cli import signing
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.policy import OTHER_KEY, public
from stairway.testing.redis_server import private_redis

GOLDEN = Path(__file__).parents[1] / "golden" / "log-1"
COMMANDS = ("tail", "stats", "groups", "verify", "archive", "export")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy a log of 61 events."""
    return shutil.copytree(GOLDEN, tmp_path / "log")


def damage(folder: Path) -> None:
    content = bytearray((folder / "durable.mark").read_bytes())
    content[:] = bytes(len(content))
    (folder / "durable.mark").write_bytes(content)


def test_tail_shows_the_newest_events_a_line_each(folder, stairway: Callable[..., Any]) -> None:
    said = stairway("log", "tail", folder, "-n", "3")
    assert said.code == 0
    assert len(said.out.splitlines()) == 3
    assert "trade.paired #2" in said.out


@pytest.mark.parametrize("columns", [60, 100])
def test_tail_into_a_pipe_is_as_wide_as_columns_says(
    folder, stairway: Callable[..., Any], monkeypatch, columns
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = stairway("log", "tail", folder, "-n", "60").out.splitlines()
    assert len(lines) >= 60
    assert max(map(len, lines)) == columns
    monkeypatch.delenv("COLUMNS")
    assert max(map(len, stairway("log", "tail", folder, "-n", "60").out.splitlines())) > columns


def test_tail_of_one_stream_as_json_lines(folder, stairway: Callable[..., Any]) -> None:
    said = stairway("log", "tail", folder, "--stream", "run", "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [(row["stream"], row["position"]) for row in rows] == [
        ("run", n) for n in range(1, 6)
    ]


def test_a_slow_reader_who_follows_misses_nothing_of_a_busy_writer(
    tmp_path, stairway, monkeypatch
) -> None:
    config = msgspec.convert(small_settings(), Config)
    with closing(open_log(tmp_path / "log", config)) as writer:

        def record() -> None:
            writer.append("fill", [b"more"])
            writer.flush()

        for _ in range(5):
            record()

        def slowly(envelope):
            # While one event is shown, others are recorded.
            if writer.head("fill").position < 12:
                record()
                record()
            return told(envelope)

        def stopped(_bell, _seconds):
            raise KeyboardInterrupt

        told = entries.entry
        monkeypatch.setattr(entries, "entry", slowly)
        monkeypatch.setattr(entries.Doorbell, "wait", stopped)
        said = stairway("log", "tail", tmp_path / "log", "-n", "3", "--follow", "--json")
    shown = [json.loads(line)["position"] for line in said.out.splitlines()]
    assert shown[0] == 3
    assert shown == [*range(3, 3 + len(shown))]
    assert shown[-1] >= 11


def test_following_ends_with_ctrl_c(folder, stairway, monkeypatch) -> None:
    def stopped(_bell, _seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(entries.Doorbell, "wait", stopped)
    said = stairway("log", "tail", folder, "-n", "1", "--follow")
    assert said.code == command.STOPPED
    assert len(said.out.splitlines()) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_stats_fit_the_terminal_and_cut_no_name(folder, stairway, monkeypatch, width) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = stairway("log", "stats", folder)
    rows = said.out.splitlines()[1:17]
    assert said.code == 0
    assert {row.split()[0] for row in rows} >= {"model.drift_detected", "run", "timing"}
    assert all("…" not in row and len(row) <= width for row in rows)
    heading = said.out.splitlines()[0].split()
    assert heading[:2] == ["stream", "events"]
    assert [row.split()[1].isdigit() for row in rows] == [True] * 16
    # As much as fits, and no less.
    assert len(heading) == {40: 2, 60: 4, 80: 4, 120: 7}[width]
    assert "61 events in" in said.out


def test_stats_as_data(folder, stairway: Callable[..., Any]) -> None:
    assert json.loads(stairway("log", "stats", folder, "--json").out)["events"] == 61


def test_stats_of_an_empty_log(tmp_path, stairway: Callable[..., Any]) -> None:
    config = msgspec.convert(small_settings(), Config)
    open_log(tmp_path / "empty", config).close()
    said = stairway("log", "stats", tmp_path / "empty")
    assert said.code == 0
    assert "0 events in" in said.out


def test_verify_ends_with_0_where_the_log_is_intact(folder, stairway) -> None:
    said = stairway("log", "verify", folder)
    assert (said.code, said.out.split()[0]) == (0, "intact")


def test_verify_ends_with_2_where_it_is_damaged_and_names_the_place(folder, stairway) -> None:
    damage(folder)
    said = stairway("log", "verify", folder)
    assert said.code == 2
    assert "DAMAGED" in said.out
    assert "durable.mark cannot be read" in said.out
    assert json.loads(stairway("log", "verify", folder, "--json").out)["intact"] is False


def test_archive_asks_before_it_trims(folder, stairway: Callable[..., Any]) -> None:
    said = stairway("log", "archive", folder, "--keep-events", "1", "--keep-days", "0")
    assert said.code == 1
    assert "nothing was changed; give --yes" in said.sentence
    assert not (folder / "archive").exists()


def test_a_dry_run_of_archive_changes_nothing(folder, stairway: Callable[..., Any]) -> None:
    said = stairway(
        "log", "archive", folder, "--keep-events", "1", "--keep-days", "0", "--dry-run"
    )
    assert said.code == 0
    assert "would be archived" in said.out
    assert not (folder / "archive").exists()


def test_archive_moves_what_is_old_and_nothing_is_missing(folder, stairway) -> None:
    options = ("--keep-events", "1", "--keep-days", "0", "--yes", "--json")
    answer = json.loads(stairway("log", "archive", folder, *options).out)
    assert answer["done"]
    assert answer["events"]["run"] == 4
    assert stairway("log", "verify", folder).code == 0
    assert len(stairway("log", "tail", folder, "--stream", "run").out.splitlines()) == 5


@pytest.mark.parametrize("option", [("--keep-events", "0"), ("--keep-days", "-1")])
def test_archive_always_keeps_something(folder, stairway, option) -> None:
    assert stairway("log", "archive", folder, *option).code == 1


def test_export_writes_a_file_that_is_not_there(folder, tmp_path, stairway) -> None:
    said = stairway("log", "export", folder, tmp_path / "x.parquet", "--json")
    assert json.loads(said.out)["events"] == 61
    again = stairway("log", "export", folder, tmp_path / "x.parquet")
    assert again.code == 1
    assert "exists already" in again.sentence


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_no_log_is_said_in_one_sentence(name, stairway: Callable[..., Any]) -> None:
    more = ("x.jsonl",) if name == "export" else ()
    said = stairway("log", name, "nowhere", *more)
    assert said.code == 1
    assert said.sentence.startswith("there is no log in nowhere: name the folder of a run")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_how_it_is_called(name, stairway: Callable[..., Any]) -> None:
    said = stairway("log", name, "--help")
    assert said.code == 0
    assert f"stairway log {name} " in said.out


def test_there_is_no_command_that_flushes(stairway: Callable[..., Any]) -> None:
    for word in ("flush", "clear", "delete", "trim", "reset", "purge"):
        assert stairway("log", word, "x").code == 1


@pytest.fixture
def consumed(folder: Path) -> Path:
    """Let a group give up the first event of a run."""
    rules = GroupRules(streams=("run",), lease_ms=60_000, tries=1)
    with closing(opened(find(str(folder)))) as log, closing(log.group("desk", rules)) as group:
        (first,) = group.take("me", 1, 0)
        group.fail(first, "no such desk", 0)
    return folder


def test_groups_shows_who_consumes_and_what_was_given_up(consumed, stairway) -> None:
    said = stairway("log", "groups", consumed)
    assert said.code == 0
    assert "dead letter: run #1, 1 tries" in said.out
    assert f"stairway log groups {consumed} --again desk run 1" in said.out
    (group,) = json.loads(stairway("log", "groups", consumed, "--json").out)["groups"]
    assert (group["streams"][0]["lag"], group["dead"][0]["cause"]) == (4, "no such desk")


@pytest.mark.parametrize(("how", "pending"), [("--again", 1), ("--settle", 0)])
def test_a_dead_letter_is_dealt_with_once_that_is_agreed_to(
    consumed, stairway, how, pending
) -> None:
    asked = stairway("log", "groups", consumed, how, "desk", "run", "1")
    assert asked.code == 1
    assert "nothing was changed; give --yes" in asked.sentence
    said = stairway("log", "groups", consumed, how, "desk", "run", "1", "--yes", "--json")
    (group,) = json.loads(said.out)["groups"]
    assert (group["dead"], group["streams"][0]["pending"]) == ([], pending)


def test_a_dead_letter_is_dealt_with_in_one_way_at_a_time(consumed, refused) -> None:
    letter = ("desk", "run", "1")
    said = refused("log", "groups", consumed, "--again", *letter, "--settle", *letter)
    assert "either --again or --settle" in said


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", [*COMMANDS, "attest"])
def test_no_line_of_help_is_broken_in_the_middle(name, width, stairway, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line.rstrip() for line in stairway("log", name, "--help").out.splitlines()]
    text = [line for line in lines if not line.startswith(("\u256d", "\u2502", "\u2570"))]
    examples = [line for line in text if line.startswith("   ")]
    assert all(len(line) <= width for line in lines)
    assert len(examples) == len([line for line in examples if line.strip().startswith(STARTS)])
    paragraphs = "\n".join(text).split("\n\n")
    for said in (p.strip("\n").splitlines() for p in paragraphs):
        for line, after in pairwise(said):
            assert len(line) + 1 + len(after.split()[0]) > width - 2, (line, after)


STARTS = ("stairway log ", "As ", "URL=")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_sizes_under_stats_fit_the_terminal(folder, stairway, monkeypatch, width) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = stairway("log", "stats", folder).out.splitlines()
    sizes = [line for line in lines if " MB" in line]
    assert sizes
    assert max(map(len, sizes)) <= width


@pytest.fixture
def operated(finished_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Copy a run that believes an operator, and his key."""
    run, key = shutil.copytree(finished_run, tmp_path / "run"), tmp_path / "operator.pem"
    key.write_bytes(OTHER_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    (run / "operator.pub").write_bytes(public(OTHER_KEY))
    return run, key


def test_an_operator_signs_once_he_has_agreed(operated, stairway) -> None:
    run, key = operated
    would = json.loads(stairway("log", "attest", run, "--key", key, "--dry-run", "--json").out)
    assert not would["done"]
    if would["changes"]:
        asked = stairway("log", "attest", run, "--key", key)
        assert (asked.code, "give --yes" in asked.err) == (1, True)
    done = stairway("log", "attest", run, "--key", key, "--yes", "--json")
    assert len(json.loads(done.out)["changes"]) == len(would["changes"])
    again = stairway("log", "attest", run, "--key", key)
    assert (again.code, again.out) == (0, f"{run}: 0 changes of champions would be signed\n")


@pytest.fixture
def signs(tmp_path, stairway) -> Callable[..., Any]:
    """Sign with a key of one's own."""
    key = tmp_path / "policies.pem"
    assert stairway("log", "key", key).code == 0
    return lambda url, *words: stairway("log", "sign", url, "--key", key, "--why", "so", *words)


def test_what_was_agreed_to_is_signed_or_nothing(signs, postgresql, monkeypatch) -> None:
    url = postgresql.url("agreed")
    assert signs(url, "--policy", "daily", "--stage", "shadow", "--yes").code == 0

    def colleague(_: str) -> bool:
        return signs(url, "--policy", "intraday", "--yes").code == 0

    monkeypatch.setattr(signing, "agreed_to", colleague)
    said = signs(url, "--stage", "canary")
    assert said.code == 1
    assert "somebody else signed meanwhile; nothing was signed" in said.sentence
    told = json.loads(signs(url, "--stage", "canary", "--dry-run", "--json").out)
    assert (told["number"], told["done"]) == (3, False)


def test_what_did_not_arrive_is_not_called_in_force_and_is_sent_by_the_same_command(
    signs, tmp_path, monkeypatch
) -> None:
    kept = (
        "--maxmemory-policy",
        "noeviction",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    )
    monkeypatch.setattr(engine, "_PATIENCE_S", 0.2)
    with private_redis(*kept) as server:
        url, outbox = server.url("policies"), ("--outbox", tmp_path / "outbox")
        assert signs(url, *outbox, "--policy", "daily", "--stage", "shadow", "--yes").code == 0

        def cut(_: str) -> bool:
            server.kill()
            return True

        with monkeypatch.context() as patched:
            patched.setattr(signing, "agreed_to", cut)
            said = signs(url, *outbox, "--stage", "retired")
        assert (said.code, "NOT IN FORCE" in said.out) == (1, True)
        assert signs(url, *outbox, "--stage", "retired", "--yes").code == 1, "Redis is away"
        server.start(*kept)
        numbers = []
        for _ in range(2):
            told = json.loads(signs(url, *outbox, "--stage", "retired", "--yes", "--json").out)
            numbers.append((told["number"], told["waits"]))
        assert numbers == [(2, None), (3, None)]


def test_without_a_key_an_operator_is_told_how_to_make_one(operated, stairway) -> None:
    said = stairway("log", "attest", operated[0], "--key", "nowhere.pem")
    assert said.code == 1
    assert "stairway log key operator.pem" in said.sentence
