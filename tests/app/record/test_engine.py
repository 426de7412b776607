"""The log of a run, wherever it is kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from stairway.adapters.journal.settings import Settings
from stairway.app.record.engine import (
    chosen,
    is_named,
    left_behind,
    open_run,
    require_usable,
    require_whole,
    send_rest,
    watched,
)
from stairway.app.record.place import VARIABLE, Place, find, opened, whole
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.base.verdict import Pass, refuse
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis

SETTINGS = msgspec.convert(small_settings(), Settings)
SECRET = "s3cr3t-canary"  # noqa: S105 -- looked for where it must not be


@pytest.fixture(autouse=True)
def no_url(monkeypatch):
    """Forget what another test put into the environment."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv(VARIABLE, "")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        (f"redis://app:{SECRET}@h:1/0", "redis://app@h:1/0?log=pair-1"),
        ("redis://h:1/0?log=mine", "redis://h:1/0?log=mine"),
        (f"postgresql://u:{SECRET}@h/d", "postgresql://u@h/d?log=pair-1&writers=one"),
        ("postgresql://u@h/d?writers=many", "postgresql://u@h/d?writers=many&log=pair-1"),
    ],
)
def test_a_log_is_named_after_its_run_and_shown_without_its_secret(url, expected):
    assert chosen(url, Path("runs/Pair_1")) == expected


def test_the_secret_comes_back_from_the_environment_only():
    shown = chosen(f"redis://app:{SECRET}@h:1/0", Path("pair-1"))
    assert SECRET not in shown
    assert whole(shown) == f"redis://app:{SECRET}@h:1/0?log=pair-1"


def test_the_environment_may_leave_out_which_log_it_is(monkeypatch):
    monkeypatch.setenv(VARIABLE, f"redis://app:{SECRET}@h:1/0")
    assert whole("redis://app@h:1/0?log=x") == f"redis://app:{SECRET}@h:1/0?log=x"
    assert whole("redis://app@other:1/0?log=x") == "redis://app@other:1/0?log=x"


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (f"redis://app:{SECRET}@h:1/0", True),
        (f"redis://app:{SECRET}@h:1/0?log=x", True),
        (f"redis://app:{SECRET}@h:1/0?log=y", False),
        (f"redis://app:{SECRET}@h:2/0", False),
        (f"redis://bob:{SECRET}@h:1/0", False),
        ("postgresql://app@h:1/0?log=x", False),
    ],
)
def test_a_run_is_resumed_with_its_own_log_or_not_at_all(url, answer):
    assert is_named(url, "redis://app@h:1/0?log=x") is answer
    assert (whole("redis://app@h:1/0?log=x") != "redis://app@h:1/0?log=x") is answer


def test_a_url_of_no_engine_is_refused():
    with pytest.raises(ConfigError, match="names no engine"):
        chosen("kafka://h", Path("x"))


def written(folder, url):
    with closing(open_run(folder, SETTINGS, url)) as log:
        log.append("run", [b"one", b"two"])


def read(folder, url):
    with closing(open_run(folder, SETTINGS, url, read_only=True)) as log:
        return [e.payload for e in log.read("run")]


def test_an_embedded_log_lies_in_the_folder(tmp_path):
    written(tmp_path / "log", None)
    assert read(tmp_path / "log", None) == [b"one", b"two"]
    require_whole_of_bytes(tmp_path / "log", None)


def require_whole_of_bytes(folder, url):
    """These payloads are no facts, and that is all that may be wrong with them."""
    with pytest.raises(DamagedLogError, match="it is what was written, but"):
        require_whole(folder, url)


def test_a_log_in_redis_is_read_from_its_outbox_while_redis_is_away(tmp_path):
    with private_redis("--maxmemory-policy", "noeviction") as server:
        url = chosen(server.url("unused").partition("?")[0], tmp_path / "run-1")
        written(tmp_path / "run-1" / "log", url)
    assert read(tmp_path / "run-1" / "log", url) == [b"one", b"two"]
    assert find(str(tmp_path / "run-1")).folder == tmp_path / "run-1" / "log"


def test_a_log_in_postgresql_is_found_through_its_run(tmp_path, postgresql):
    url = chosen(postgresql.url("unused").partition("?")[0], tmp_path / "run-1")
    assert url is not None
    written(tmp_path / "run-1" / "log", url)
    assert read(tmp_path / "run-1" / "log", url) == [b"one", b"two"]
    (tmp_path / "run-1").mkdir(exist_ok=True)
    (tmp_path / "run-1" / "run.json").write_bytes(msgspec.json.encode({"log": url}))
    place = find(str(tmp_path / "run-1"))
    assert (place.engine, str(place)) == ("postgresql", url)
    assert postgresql.password not in repr(place)
    require_whole_of_bytes(tmp_path / "run-1" / "log", url)


class Sick:
    """A log that refuses after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def health(self):
        self.looks -= 1
        return (
            Pass() if self.looks > 0 else refuse("log.redis_trimmed", "entries were taken out")
        )


def test_a_run_stops_where_its_record_refuses_new_risk():
    seen = []
    with pytest.raises(RecordError, match=r"entries were taken out.*--resume"):
        seen.extend(watched(range(500), Sick(looks=3)))  # pyright: ignore[reportArgumentType]
    assert seen == list(range(100))


def test_a_log_that_cannot_say_how_it_is_is_not_asked():
    assert list(watched(range(3), object())) == [0, 1, 2]  # pyright: ignore[reportArgumentType]


def test_what_redis_did_not_get_is_said_and_sent_by_the_next_resume(tmp_path):
    folder = tmp_path / "log"
    with private_redis("--maxmemory-policy", "noeviction") as server:
        url = chosen(server.url("unused").partition("?")[0], tmp_path)
        server.kill()
        with closing(open_run(folder, SETTINGS, url)) as log:
            log.append("run", [b"one"])
            log.flush()
            (sentence,) = left_behind(log)
        assert "not all of it was sent on" in sentence
        server.start("--maxmemory-policy", "noeviction")
        assert send_rest(folder, SETTINGS, url) == ()
        with closing(opened(Place(None, whole(url)))) as log:
            assert [e.payload for e in log.read("run")] == [b"one"]
    assert send_rest(folder, SETTINGS, None) == ()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///x", "leave out --log"),
        ("redis://h:1/5", "no address of a log in Redis"),
        ("postgresql://u@127.0.0.1:1/d", "cannot be opened"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_before_any_work(tmp_path, url, why):
    with pytest.raises(ConfigError, match=why):
        require_usable(url, tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_log_that_holds_another_run_is_refused_before_any_work_with_a_way_out(
    tmp_path, postgresql
):
    with private_redis("--maxmemory-policy", "noeviction") as server:
        for url in (server.url("taken"), postgresql.url("taken") + "&writers=one"):
            require_usable(url, tmp_path / "run-2", SETTINGS)
            written(tmp_path / url.partition(":")[0], url)
            with pytest.raises(ConfigError) as caught:
                require_usable(url, tmp_path / "run-2", SETTINGS)
            said = str(caught.value)
            assert "log=taken" in said
            assert "holds a run that was begun at 20" in said
            assert "?log=NAME" in said
            assert "stairway run --resume FOLDER" in said
            assert postgresql.password not in said


def test_a_redis_that_is_out_of_reach_is_no_reason_to_refuse(tmp_path):
    require_usable("redis://127.0.0.1:1/0", tmp_path / "run-1", SETTINGS)


def test_a_wrong_password_is_said_to_be_one(tmp_path):
    with private_redis("--requirepass", "right", user="default:right") as server:
        for user in ("default:wrong", ""):
            url = server.url("x", user=user)
            for act in (
                lambda url=url: opened(find(url)),
                lambda url=url: require_usable(url, tmp_path, SETTINGS),
            ):
                with pytest.raises(ConfigError, match="refuses the user or the password"):
                    act()
