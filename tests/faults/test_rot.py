"""Bits rot and files are cut short: what is handed out is what was written, or nothing.

A log is copied as a kill would leave it, part of it in the databases and part in their
write-ahead logs. Then one bit of one file is changed, or its end cut off, hundreds of
times. Every time the log must either be refused, or be the same as before.
"""

from __future__ import annotations

import gc
import zlib
from collections import Counter

import apsw
import numpy as np
import pytest

from stairway.adapters.journal import journal, store
from stairway.adapters.logs.redis import Config as RedisConfig
from stairway.adapters.logs.redis import open_log as open_redis
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.base.verdict import Pass
from stairway.events.envelope import Envelope
from stairway.testing.groups import NOW_NS, group_rules
from stairway.testing.log import small_settings
from stairway.testing.redis_load import in_redis
from stairway.testing.redis_server import private_redis, redis_settings

CONFIG = Config(**small_settings())
DURABLE = ("fill", "gate.verdict", "trade.closed")
STREAMS = (*DURABLE, "timing")
FILES = (
    "durable.db", "durable.db-wal", "durable.mark",
    "telemetry.db", "telemetry.db-wal", "telemetry.mark",
)  # fmt: skip


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Files of a log whose writer was killed, by name."""
    folder, rng = tmp_path_factory.mktemp("image"), np.random.default_rng(4)
    log = open_log(folder, CONFIG)
    for round_ in range(2):
        for _ in range(450 if round_ == 0 else 50):
            log.append(
                STREAMS[rng.integers(len(STREAMS))], [rng.bytes(int(rng.integers(20, 800)))]
            )
        if round_ == 0:
            log.close()
            log = open_log(folder, CONFIG)
    log.flush()
    files = {name: (folder / name).read_bytes() for name in FILES}
    log.close()
    assert all(files.values())
    return files


def lay_out(folder, files):
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def contents(folder):
    log = open_log(folder, CONFIG, read_only=True)
    try:
        return {s: [(e.payload, e.recorded_ns) for e in log.read(s)] for s in log.streams()}
    finally:
        log.close()


def is_same(found, wanted, *, ends=False):
    """Equal; or, where telemetry ``ends`` early, the beginning of it and all of the rest."""
    for stream in STREAMS:
        mine, all_ = found.get(stream, []), wanted[stream]
        if mine != (all_[: len(mine)] if ends and stream == "timing" else all_):
            return False
    return set(found) <= set(STREAMS)


def outcome(folder, files, wanted, name):
    """Say what became of a log one of whose files was hurt, and whether the way out was told."""
    lay_out(folder, files)
    if not isinstance(verify(folder), Pass):
        return "refused", way_out_told(folder)
    found = contents(folder)
    if is_same(found, wanted):
        return "harmless", None
    # A power cut may take the last moments of telemetry, so nobody can tell this from one.
    ends = name == "telemetry.db-wal" and is_same(found, wanted, ends=True)
    return "tail_of_telemetry_gone" if ends else "altered", None


def way_out_told(folder):
    """Whether starting is refused too, with the command that saves what is whole."""
    try:
        open_log(folder, CONFIG).close()
    except (DamagedLogError, ConfigError, RecordError) as error:
        gc.collect()
        return f"`stairway log export {folder} FILE`" in str(error)
    return False


def flipped(content, rng):
    content = bytearray(content)
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return bytes(content)


def cut(content, rng):
    return content[: rng.integers(len(content))]


def unlike(content, hurt, rng, times):
    """Yield so many hurt contents that are like neither the content nor each other."""
    seen = {hash(content)}
    for _ in range(2 * times):
        bad = hurt(content, rng)
        if hash(bad) not in seen:
            seen.add(hash(bad))
            yield bad
        if len(seen) > times:
            return


@pytest.mark.parametrize(("hurt", "ways"), [(flipped, 16), (cut, 2)])
def test_no_two_contents_are_hurt_alike(hurt, ways):
    found = list(unlike(b"ab", hurt, np.random.default_rng(1), ways))
    assert len(found) <= len(set(found)) == len({*found} - {b"ab"})
    assert len(list(unlike(b"ab", hurt, np.random.default_rng(1), 3 * ways))) <= ways


def rot(ram, image, name, hurt, times):
    """Hurt one file in so many ways, no two the same; count what came of it."""
    rng, count = np.random.default_rng(zlib.crc32(name.encode())), Counter()
    lay_out(ram, image)
    wanted = contents(ram)
    assert sum(map(len, wanted.values())) == 500
    for content in unlike(image[name], hurt, rng, times):
        what, is_told = outcome(ram, image | {name: content}, wanted, name)
        count[what] += 1
        count["way_out_told"] += bool(is_told)
    return count


# Of a hundred so many may be harmless, on pages that the write-ahead log has newer copies of.
# What a mark says beyond the record is not believed, and telemetry may lose its end.
MOST_HARMLESS = {"durable.db": 60, "durable.db-wal": 60, "telemetry.db": 70}


OUTCOMES = ("refused", "harmless", "tail_of_telemetry_gone", "older", "altered")


def keep(figures, fault, name, count):
    assert count["altered"] == 0
    assert count["way_out_told"] == count["refused"]
    seen = {what: count[what] for what in OUTCOMES if count[what] or what not in RARE}
    figures(7, f"{fault}: {name}", tries=sum(seen.values()), **seen,
            way_out_told=count["way_out_told"])  # fmt: skip


RARE = ("tail_of_telemetry_gone", "older")


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_or_harmless_and_never_handed_out(
    ram, image, name, figures, demanded
):
    times = demanded(7, f"a flipped bit: {name}")["tries"]
    count = rot(ram, image, name, flipped, times)
    assert count["harmless"] <= MOST_HARMLESS.get(name, 100) / 100 * times
    keep(figures, "a flipped bit", name, count)


# A database may lose pages of which its write-ahead log holds a newer copy.
MAY_END_EARLY = {"durable.db", "telemetry.db", "telemetry.db-wal"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_refused_or_harmless_and_never_handed_out(
    ram, image, name, figures, demanded
):
    times = demanded(7, f"cut short: {name}")["tries"]
    count = rot(ram, image, name, cut, times)
    if name not in MAY_END_EARLY:
        assert count["refused"] == times
    keep(figures, "cut short", name, count)


def believe(_store, stream, _previous, page):
    """The planted bug: what lies there is what was written."""
    return [
        Envelope(stream, at, content, linked.hex(), ns) for at, ns, _, linked, content in page
    ]


@pytest.mark.long
def test_a_store_that_checks_nothing_is_seen_to_hand_out_what_was_not_written(
    ram, image, figures, monkeypatch
):
    monkeypatch.setattr(store.Store, "checked", believe)
    count = rot(ram, image, "durable.db", flipped, 200)
    assert count["altered"] > 0
    figures(7, "planted: neither checksum nor chain is looked at", noticed=count["altered"])


@pytest.mark.long
def test_a_log_without_its_mark_is_seen_to_lose_its_tail(ram, image, figures, monkeypatch):
    monkeypatch.setattr(journal, "read_mark", lambda _path: {})
    count = rot(ram, image, "durable.db-wal", flipped, 100)
    assert count["altered"] > 50
    figures(7, "planted: the high-water mark is not looked at", noticed=count["altered"])


def without_tails(wal, tries):
    """Return at least so many contents, no two the same, that end early or in zeros."""
    found = {}
    for cut_at in range(32, len(wal), 2 * len(wal) // (tries + tries // 4 + 3)):
        for hurt in (wal[:cut_at], wal[:cut_at] + bytes(len(wal) - cut_at)):
            found[hurt] = None
    # The room that a page leaves is zeros already.
    found.pop(wal, None)
    return found


def test_no_two_tails_are_lost_alike(image):
    found = without_tails(image["durable.db-wal"], 500)
    assert len(found) >= 500
    assert image["durable.db-wal"] not in found
    assert without_tails(bytes(40), 60) == {bytes(n): None for n in range(32, 40)}


def test_the_end_of_the_durable_write_ahead_log_cannot_go_unseen(ram, image, figures, demanded):
    """SQLite itself takes a damaged frame for the end, and says nothing."""
    wal, count = image["durable.db-wal"], Counter()
    for hurt in without_tails(
        wal, demanded(7, "the tail of the write-ahead log is gone")["tries"]
    ):
        lay_out(ram, image | {"durable.db-wal": hurt})
        count["tries"] += 1
        for read_only in (True, False):
            with pytest.raises(DamagedLogError, match="high-water mark") as caught:
                open_log(ram, CONFIG, read_only=read_only)
            assert f"`stairway log export {ram} FILE` saves what is whole" in str(caught.value)
            gc.collect()
            # What is left of the evidence is left alone.
            assert (ram / "durable.db-wal").read_bytes() == hurt
            assert (ram / "durable.db").read_bytes() == image["durable.db"]
        count["refused"] += 1
    figures(7, "the tail of the write-ahead log is gone", **count)


def test_a_write_ahead_log_that_is_gone_cannot_go_unseen(ram, image):
    files = {name: content for name, content in image.items() if name != "durable.db-wal"}
    lay_out(ram, files)
    with pytest.raises(DamagedLogError, match="high-water mark"):
        open_log(ram, CONFIG)


@pytest.mark.parametrize("name", ["durable.mark", "telemetry.mark"])
def test_a_log_whose_mark_is_gone_is_refused_and_left_alone(ram, image, name):
    files = {n: content for n, content in image.items() if n != name}
    lay_out(ram, files)
    with pytest.raises(DamagedLogError, match=r"high-water mark of .* is gone"):
        open_log(ram, CONFIG)
    gc.collect()
    left = {n: (ram / n).read_bytes() for n in FILES if n.startswith(name[:4]) and n != name}
    assert left == {n: content for n, content in files.items() if n in left}
    assert len(left) == 2


def test_files_of_two_logs_do_not_mix(ram, image, tmp_path):
    log = open_log(tmp_path, CONFIG)
    for n in range(300):
        log.append(STREAMS[n % 4], [b"another log"])
    log.close()
    for name in ("durable.db", "durable.mark", "telemetry.db"):
        files = {n: c for n, c in image.items() if not n.startswith(name)}
        lay_out(ram, files | {name: (tmp_path / name).read_bytes()})
        with pytest.raises(DamagedLogError):
            open_log(ram, CONFIG)


def test_what_verify_refuses_is_not_written_to(ram, image):
    rng, refused = np.random.default_rng(8), 0
    for _ in range(40):
        lay_out(ram, image | {"durable.db": flipped(image["durable.db"], rng)})
        verdict = verify(ram)
        # Where only SQLite's own check of its pages complains, every event is whole.
        if isinstance(verdict, Pass) or all(
            "SQLite says" in f.detail or "what was written can be read" in f.detail
            for f in verdict.findings
        ):
            continue
        refused += 1
        lay_out(ram, {p.name: p.read_bytes() for p in ram.iterdir() if "-shm" not in p.name})
        with pytest.raises((DamagedLogError, ConfigError, RecordError)):
            open_log(ram, CONFIG)
    assert refused > 10


def look_at_group(folder):
    log = open_log(folder, CONFIG, read_only=True)
    try:
        group = log.group("desk", group_rules(tries=1))
        try:
            return group.pending(), group.dead_letters(), group.take("b", 99, NOW_NS)
        finally:
            group.close()
    finally:
        log.close()


GROUP = ("groups/desk.db", "groups/desk.db-wal")


def put_group(folder, files):
    for name in (*GROUP, "groups/desk.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def group_files(folder):
    """What a kill would leave of a group at this moment."""
    return {name: (folder / name).read_bytes() for name in GROUP if (folder / name).exists()}


@pytest.fixture
def group_image(ram):
    """Files of a group whose consumer was killed, and all that it ever was, the last one last."""
    log = open_log(ram, CONFIG)
    log.append("fill", [b"%d" % n for n in range(30)])
    group, moments = log.group("desk", group_rules(tries=1)), []
    moments.append(group_files(ram))
    for _ in range(3):
        taken = group.take("a", 5, NOW_NS)
        moments.append(group_files(ram))
        group.ack(taken[:2])
        moments.append(group_files(ram))
        group.fail(taken[2], "poison", NOW_NS)
        moments.append(group_files(ram))
    group.close()
    log.close()
    seen = []
    for files in moments:
        put_group(ram, files)
        seen.append(look_at_group(ram))
    put_group(ram, moments[-1])
    return {GROUP[0]: moved(ram), GROUP[1]: moments[-1]}, seen


def moved(folder):
    """The same group, all of it in its database."""
    connection = apsw.Connection(str(folder / GROUP[0]))
    connection.execute("select count(*) from state").fetchall()
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    return {GROUP[0]: (folder / GROUP[0]).read_bytes()}


@pytest.mark.parametrize("name", GROUP)
@pytest.mark.parametrize("hurt", [flipped, cut])
def test_a_group_whose_file_rots_is_refused_or_is_what_it_was_and_skips_nothing(
    ram, group_image, figures, demanded, name, hurt
):
    """It may forget its last steps: then events are delivered again, which inboxes notice."""
    images, seen = group_image
    files = images[name]
    rng, count = np.random.default_rng(3), Counter()
    fault = f"{'a flipped bit' if hurt is flipped else 'cut short'}: {name}"
    for content in unlike(files[name], hurt, rng, demanded(7, fault)["tries"]):
        put_group(ram, files | {name: content})
        try:
            found = look_at_group(ram)
        except (DamagedLogError, ConfigError, RecordError) as error:
            count["refused"] += 1
            # Nothing is lost with it, so this is its way out.
            said = str(error)
            count["way_out_told"] += "move the file away" in said or "log export" in said
            continue
        known = "harmless" if found == seen[-1] else "older" if found in seen else "altered"
        count[known] += 1
    # A write-ahead log that was hurt is one that ends before: SQLite says nothing.
    assert count["refused" if name == GROUP[0] else "older"] > 0
    assert name == GROUP[1] or count["older"] == 0
    keep(figures, *fault.split(": "), count)


def hurt_outbox(folder, image, name, server, tries):
    """Hurt an outbox that Redis has nothing of; count what Redis was given of it."""
    settings = small_settings(), redis_settings(linger_ms=0)
    config, count = RedisConfig(**settings[0], **settings[1]), Counter()
    lay_out(folder, image)
    wanted = contents(folder)
    with server.client() as client:
        for number, content in enumerate(
            unlike(image[name], flipped, np.random.default_rng(5), tries)
        ):
            lay_out(folder, image | {name: content})
            url = server.url(f"bus-{number}")
            try:
                log = open_redis(folder, config, url=url)
            except (DamagedLogError, ConfigError, RecordError) as error:
                gc.collect()
                count["refused"] += 1
                count["way_out_told"] += "`stairway log export" in str(error)
            else:
                whole = log.catch_up(5.0)
                log.close()
                count["harmless" if whole else "stopped"] += 1
            for stream in STREAMS:
                found = in_redis(client, f"bus-{number}", stream)
                mine = [e and (e.payload, e.recorded_ns) for e in found]
                count["altered"] += mine != wanted[stream][: len(mine)]
            client.flushall()
    return count


@pytest.mark.parametrize("name", ["durable.db", "durable.db-wal"])
def test_of_an_outbox_that_rots_redis_is_given_what_was_written_or_nothing(
    ram, image, figures, demanded, name
):
    fault = f"a flipped bit of an outbox: {name}"
    with private_redis("--appendonly", "no", "--save", "") as server:
        count = hurt_outbox(ram, image, name, server, demanded(7, fault)["tries"])
    assert count["refused"] > 0
    keep(figures, *fault.split(": "), count)


@pytest.mark.long
def test_an_outbox_that_checks_nothing_is_seen_to_send_what_was_not_written(
    ram, image, figures, monkeypatch
):
    monkeypatch.setattr(store.Store, "checked", believe)
    monkeypatch.setattr(store.Store, "integrity", lambda _store: "ok")
    with private_redis("--appendonly", "no", "--save", "") as server:
        count = hurt_outbox(ram, image, "durable.db", server, 60)
    assert count["altered"] > 0
    figures(7, "planted: an outbox is believed as it is", noticed=count["altered"])
