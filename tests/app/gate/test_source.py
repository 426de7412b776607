from __future__ import annotations

from pathlib import Path

import pytest

from stairway.app.gate.asked import Asked
from stairway.app.gate.source import kind, opened
from stairway.base.errors import ConfigError
from stairway.supervision.field_map import Opening


@pytest.mark.parametrize(
    ("source", "feed"),
    [
        ("a.jsonl", "jsonl"), ("a.ndjson.zst", "jsonl"), ("a.CSV.gz", "csv"), ("a.parquet", "parquet"),
        ("jsonl:a.txt", "jsonl"), ("sqlite:runs/a", "sqlite"), ("-", "stdin"),
        ("redis://h/0?stream=a", "redis"), ("rediss://h/0?stream=a", "redis"), ("file:///a.csv", "csv"),
    ],
)  # fmt: skip
def test_a_source_says_what_reads_it(source: str, feed: str) -> None:
    assert kind(source) == feed


def test_a_folder_is_a_log_of_our_own(tmp_path: Path) -> None:
    assert kind(str(tmp_path)) == "sqlite"


@pytest.mark.parametrize("source", ["bot.log", "kafka://h/topic", "", "http://h/a.csv"])
def test_what_nothing_reads_is_said_so_with_what_there_is(source: str) -> None:
    with pytest.raises(ConfigError, match="redis://HOST"):
        kind(source)


def test_a_scheme_before_a_path_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "bot.txt"
    path.write_text("{}\n")
    opened(f"jsonl:{path}", Opening()).close()
    opened(f"file://{path.rename(tmp_path / 'bot.jsonl')}", Opening()).close()


def test_no_password_is_ever_shown() -> None:
    asked = Asked("redis://bot:s3cret@h:6379/0?stream=a:b&password=s3cret", after="last-deploy")
    assert "s3cret" not in asked.shown + asked.command() + asked.command("diagnose")
    assert "stream=a:b" in asked.command()
