"""What an engine elsewhere is told comes from a file, and from nowhere else."""

from __future__ import annotations

import msgspec
import pytest

from stairway.adapters.ledger.settings import LedgerSettings
from stairway.adapters.outbox.settings import OutboxSettings
from stairway.app.record.wiring import VARIABLE, wired
from stairway.app.settings import shipped
from stairway.app.tables import read
from stairway.base.errors import ConfigError
from stairway.testing.log import small_settings

LOG = small_settings()


@pytest.mark.parametrize(
    ("engine", "kind"), [("redis", OutboxSettings), ("postgresql", LedgerSettings)]
)
def test_the_shipped_file_says_all_that_an_engine_needs_and_code_says_nothing(engine, kind):
    _, config = wired(engine, LOG)
    assert isinstance(config, kind)
    own = {field.name for field in msgspec.structs.fields(kind)} - set(LOG)
    assert own == set(read("record file", "record", ["record"])[engine])
    with pytest.raises(TypeError, match="Missing required argument"):
        kind(**LOG)


def test_how_to_reach_a_server_is_no_policy():
    assert "record" not in shipped()


def test_a_copy_of_ones_own_is_taken_instead(tmp_path, monkeypatch):
    text = "".join(f"{k} = {v}\n" for k, v in read("", "record", ["record"])["redis"].items())
    mine = tmp_path / "mine.toml"
    mine.write_text("[redis]\n" + text.replace("batch_events = 500", "batch_events = 7"))
    monkeypatch.setenv(VARIABLE, str(mine))
    assert wired("redis", LOG)[1].batch_events == 7
    assert wired("sqlite", LOG)[1].commit_events == LOG["commit_events"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[redis]\nbatch_events = 0\n", r"\[redis\].*policies/record.toml"),
        ("[redis]\nlinger = 0\n", r"\[redis\].*policies/record.toml"),
        ("[kafka]\n", "no engine of that name: .*redis"),
        ("[redis\n", "is not TOML"),
    ],
)
def test_a_copy_that_is_wrong_is_refused_with_where(tmp_path, monkeypatch, text, said):
    (tmp_path / "mine.toml").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.toml"))
    with pytest.raises(ConfigError, match=said):
        wired("redis", LOG)


def test_a_copy_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "nowhere.toml")
    with pytest.raises(ConfigError, match=r"no record file named 'nowhere\.toml'"):
        wired("redis", LOG)
