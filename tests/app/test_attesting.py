"""An operator signs what a run has decided, once, with a key that the run believes."""

from __future__ import annotations

import shutil
from contextlib import closing

import apsw
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from stairway.app.authority import keys_of
from stairway.app.folder import open_existing
from stairway.app.notary import handovers
from stairway.app.policy_store import STREAM, PolicyStore
from stairway.app.progress import Silent
from stairway.app.attesting import read_key, sign_changes, would_sign
from stairway.app.record.place import find, opened
from stairway.app.replay import replay
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.lifecycle import generation
from stairway.testing.policy import OTHER_KEY, public


def pem(key, lock=None):
    lock = NoEncryption() if lock is None else BestAvailableEncryption(lock)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def written(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.fixture
def key(tmp_path):
    return written(tmp_path / "operator.pem", pem(OTHER_KEY))


@pytest.fixture
def run(finished_run, tmp_path):
    root = shutil.copytree(finished_run, tmp_path / "run")
    (root / "operator.pub").write_bytes(public(OTHER_KEY))
    return root


def generations(root):
    keys = keys_of(open_existing(root)[0])
    with closing(opened(find(str(root)))) as log:
        shown = PolicyStore(log).observe()
        assert shown.alarms == ()
        said = [generation.opened(one, keys) for one in shown.statements]
        return said, [dict(one.champions) for one in handovers(log)]


def test_every_change_on_record_is_signed_once_and_the_run_is_the_same(run, key):
    before = replay(run, Silent())
    would = would_sign(run, key)
    assert (would.done, generations(run)[0][1:]) == (False, [])
    done = sign_changes(run, key)
    said, line = generations(run)
    assert [one.champions for one in said[1:]] == line
    assert [c.champions for c in done.changes] == [c.champions for c in would.changes] == line
    assert [c.number for c in done.changes] == [*range(2, len(line) + 2)]
    assert sign_changes(run, key).changes == would_sign(run, key).changes == ()
    after = replay(run, Silent())
    assert (after.identical, after.run_hash) == (True, before.run_hash)


def test_events_that_repeat_others_are_named(run, key):
    with closing(opened(find(str(run)))) as log:
        payload = next(log.read(STREAM)).payload
    folder, ask = open_existing(run)
    from stairway.app.attesting import _log  # noqa: PLC0415

    with closing(_log(folder, ask, read_only=False)) as log:
        log.append(STREAM, [payload])
    assert "repeats event 1" in sign_changes(run, key).as_text()


def test_a_key_that_the_run_does_not_believe_signs_nothing(run, tmp_path):
    stranger = written(tmp_path / "x.pem", pem(Ed25519PrivateKey.generate()))
    with pytest.raises(
        ConfigError, match=r"does not believe .*operator\.pub \(stairway log key wrote .*x\.pub"
    ):
        sign_changes(run, stranger)


def test_nothing_is_signed_on_a_record_that_is_damaged(run, key):
    with closing(apsw.Connection(str(run / "log" / "durable.db"))) as database:
        database.execute("update event set payload = x'00' where position = 5")
    with pytest.raises(DamagedLogError, match="position 5"):
        would_sign(run, key)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (pem(OTHER_KEY), 0o640, "chmod 600"),
        (pem(OTHER_KEY, b"word"), 0o600, "no Ed25519 key"),
        (pem(generate_private_key(SECP256R1())), 0o600, "no Ed25519 key"),
        (b"\x01" * 32, 0o600, "no Ed25519 key"),
        (b"\x01" * 32, 0o644, "no Ed25519 key"),
        (b"", 0o600, "no Ed25519 key"),
    ],
    ids=["readable", "locked", "another kind", "raw", "public", "empty"],
)
def test_what_is_no_key_of_an_operator_is_refused(tmp_path, content, mode, said):
    with pytest.raises(ConfigError, match=said):
        read_key(written(tmp_path / "key", content, mode))
    with pytest.raises(ConfigError, match=r"stairway log key operator\.pem"):
        read_key(tmp_path / "nowhere")
