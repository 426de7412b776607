"""Where a log lies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.record.place import Place, archive_named, find, opened, scheme, shown
from stairway.base.errors import ConfigError, RecordError

CANARY = "s3cr3t-canary"


def test_a_log_is_found_by_its_own_folder_and_by_that_of_its_run(folder):
    assert find(str(folder)) == Place(folder)
    assert find(str(folder.parent)) == Place(folder)


def test_a_log_whose_database_is_gone_is_found_all_the_same(folder):
    for path in folder.glob("*.db"):
        path.unlink()
    assert find(str(folder)) == Place(folder)


@pytest.mark.parametrize("name", [".", "nowhere", ""])
def test_a_folder_without_a_log_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="there is no log in"):
        find(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "://", "http://u:p@h/x?password=s3cr3t-canary"]
)
def test_a_url_of_no_engine_is_refused_with_those_that_there_are(url):
    with pytest.raises(ConfigError, match="sqlite://") as refused:
        find(url)
    assert CANARY not in str(refused.value)


@given(
    user=st.sampled_from(["", "app"]),
    query=st.sampled_from(["", f"?password={CANARY}", f"?sslpassword={CANARY}#x"]),
    host=st.sampled_from(["localhost", "127.0.0.1:6379", "[::1]:5432"]),
    engine=st.sampled_from(["redis", "postgresql"]),
)
def test_no_secret_of_a_url_is_ever_shown(user, query, host, engine):
    url = f"{engine}://{user}:{CANARY}@{host}/0{query}"
    for text in (shown(url), str(Place(None, url)), repr(Place(None, url))):
        assert CANARY not in text
        assert host in text


def test_the_engine_is_a_file_in_the_folder_of_plug_ins(folder):
    assert Place(folder).engine == scheme("sqlite:///x") == "sqlite"


def test_what_is_opened_to_be_looked_at_cannot_be_written(folder):
    with closing(opened(find(str(folder)))) as log:
        assert log.head("run").position == 5
        with pytest.raises(RecordError, match="read_only"):
            log.append("run", [b"x"])


def test_looking_at_a_log_changes_nothing_that_is_recorded(folder):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with closing(opened(find(str(folder)))) as log:
        for stream in log.streams():
            assert list(log.read(stream))
    after = {
        p.name: p.read_bytes()
        for p in folder.iterdir()
        if not Path(p).name.endswith(("-wal", "-shm"))
    }
    assert after == before


@pytest.mark.parametrize(
    "url",
    [
        f"redis://app:{CANARY}@host\u2100/0",
        f"redis://[app:{CANARY}@h",
        f"postgres://app:{CANARY}@[::1",
        f"redis:/app:{CANARY}@127.0.0.1:1/0",
        f"redis:app:{CANARY}@h",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url):
    with pytest.raises(ConfigError, match="write redis://USER") as refused:
        find(url)
    assert CANARY not in str(refused.value)


def test_the_embedded_log_has_an_address_too(folder):
    assert find(f"sqlite://{folder}") == Place(folder)


@given(
    before=st.sampled_from(["", "pa", "p@", "12"]),
    mark=st.sampled_from("/#?"),
    after=st.sampled_from(["", "w@"]),
    engine=st.sampled_from(["redis", "rediss", "postgresql", "http"]),
)
def test_a_password_with_an_unescaped_mark_is_never_repeated(before, mark, after, engine):
    url = f"{engine}://app:{before}{mark}{CANARY}{after}@h.example/0?log=x"
    for act in (find, shown, scheme, lambda u: str(Place(None, u))):
        with pytest.raises(ConfigError) as refused:
            act(url)
        assert CANARY not in str(refused.value)


@pytest.mark.parametrize("url", [f"redis://app:{CANARY}", f"redis://app:{CANARY}/0?log=x"])
def test_what_stands_where_the_port_should_is_not_repeated(url):
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        find(url)
    assert CANARY not in str(refused.value)


def test_a_mark_that_is_escaped_may_be_part_of_a_password_or_a_folder():
    url = f"redis://app:%2F%23%3F%40{CANARY}@h:1/0?log=x&archive=/a%40b"
    assert shown(url) == "redis://app@h:1/0?log=x&archive=/a%40b"
    assert find(url).url == url
    assert archive_named(Place(None, url)) == Path("/a@b/x")
