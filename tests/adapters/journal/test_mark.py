"""The mark survives torn writes, notices damage, and never goes back further than one."""

from __future__ import annotations

import hashlib
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.journal.mark import Mark, pack, read_mark, unpack
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Head

HEADS = [{"fill": Head(n, f"{n:064x}")} for n in range(1, 6)]
heads = st.dictionaries(
    st.text(max_size=20), st.builds(Head, st.integers(0, 2**62), st.text("0123456789abcdef"))
)


@given(st.integers(0, 2**63), heads)
def test_a_slot_is_read_as_it_was_written(generation, content):
    assert unpack(pack(generation, content) + b"leftover") == (generation, content)


@given(st.integers(0, 2**63), heads, st.data())
def test_a_slot_with_one_bit_changed_is_no_slot(generation, content, data):
    slot = bytearray(pack(generation, content))
    slot[data.draw(st.integers(0, len(slot) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert unpack(bytes(slot)) is None


@given(heads, st.data())
def test_a_slot_that_is_cut_short_is_no_slot(content, data):
    slot = pack(1, content)
    assert unpack(slot[: data.draw(st.integers(0, len(slot) - 1))]) is None


def test_a_mark_remembers_what_was_written_last(tmp_path):
    path = tmp_path / "mark"
    mark = Mark(path)
    assert read_mark(path) == mark.heads == {}
    for content in HEADS:
        mark.write(content)
        assert read_mark(path) == mark.heads == content
    mark.close()
    again = Mark(path)
    assert again.heads == HEADS[-1]
    again.write(HEADS[0])
    again.close()
    assert read_mark(path) == HEADS[0]


@pytest.mark.parametrize("writes", range(1, 6))
def test_a_torn_write_leaves_the_mark_before_it(tmp_path, writes):
    path = tmp_path / "mark"
    mark = Mark(path)
    for content in HEADS[:writes]:
        before = path.read_bytes()
        mark.write(content)
        mark.sync()
    mark.close()
    after = path.read_bytes()
    changed = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    for torn in (changed[0], changed[len(changed) // 2], changed[-1]):
        path.write_bytes(after[:torn] + before[torn:])
        assert read_mark(path) == ([{}, *HEADS][writes - 1])


def test_writes_that_are_not_synced_leave_the_last_synced_one_alone(tmp_path):
    path = tmp_path / "mark"
    mark = Mark(path)
    mark.write(HEADS[0])
    mark.sync()
    before = path.read_bytes()
    for content in HEADS[1:]:
        mark.write(content)
        assert read_mark(path) == content
        after = path.read_bytes()
        changed = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        half = len(after) // 2
        # All of it lies in one slot: whatever a power cut makes of that, the other is good.
        assert len({n // half for n in changed}) == 1
        torn = bytearray(after)
        for n in changed[::2]:
            torn[n] = 0
        path.write_bytes(torn)
        assert read_mark(path) == HEADS[0]
        path.write_bytes(after)
    mark.close()


def test_a_mark_without_a_readable_slot_is_damage(tmp_path):
    path = tmp_path / "mark"
    Mark(path).close()
    whole = path.read_bytes()
    for content in (
        b"",
        b"short",
        bytes(32_768),
        whole[:-1],
        whole[: len(whole) // 2],
        whole * 3,
    ):
        path.write_bytes(content)
        with pytest.raises(DamagedLogError, match=r"cannot be read.*restore"):
            read_mark(path)
        with pytest.raises(DamagedLogError):
            Mark(path)
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    "body",
    [b"\x93\x01\x02\x03", b"\x81\xa1\xff\x90", b"", b"\x81\xa4fill\x91\x01"],
    ids=["list", "no text", "nothing", "no head"],
)
def test_a_mark_that_is_sealed_and_no_map_of_heads_is_damage(tmp_path, body):
    path = tmp_path / "mark"
    seal = hashlib.sha256((9).to_bytes(8, "big") + body).digest()
    slot = struct.pack(">8sQI32s", b"STAIRMRK", 9, len(body), seal) + body
    path.write_bytes(slot.ljust(16_384, b"\0") * 2)
    for ask in (read_mark, Mark):
        with pytest.raises(DamagedLogError, match=r"cannot be read.*restore"):
            ask(path)


def test_there_may_be_no_mark(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_mark(tmp_path / "mark")


def test_opening_makes_both_slots_good_again(tmp_path):
    path = tmp_path / "mark"
    mark = Mark(path)
    for content in HEADS[:2]:
        mark.write(content)
        mark.sync()
    mark.close()
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(half))
    survivor = read_mark(path)
    Mark(path).close()
    content = path.read_bytes()
    assert unpack(content[:half])[1] == unpack(content[half:])[1] == survivor


def test_a_mark_grows_with_its_streams(tmp_path):
    path = tmp_path / "mark"
    mark = Mark(path)
    small = path.stat().st_size
    for count in (10, 200, 2_000):
        content = {f"stream.{n}": Head(n, "a" * 64) for n in range(count)}
        mark.write(content)
        assert read_mark(path) == mark.heads == content
        mark.write(HEADS[0])
        assert read_mark(path) == HEADS[0]
    mark.close()
    assert path.stat().st_size > small
    assert [p.name for p in tmp_path.iterdir()] == ["mark"]


def test_a_sync_waits_for_the_disk_once_for_all_that_was_written(tmp_path, monkeypatch):
    calls = []
    pwrite, fdatasync = os.pwrite, os.fdatasync
    monkeypatch.setattr(os, "pwrite", lambda *a: calls.append("write") or pwrite(*a))
    monkeypatch.setattr(os, "fdatasync", lambda fd: calls.append("sync") or fdatasync(fd))
    mark = Mark(tmp_path / "mark")
    mark.sync()
    mark.write(HEADS[0])
    mark.write(HEADS[1])
    mark.sync()
    mark.sync()
    mark.close()
    assert calls == ["write", "write", "sync"]


def test_a_write_that_the_disk_took_a_part_of_is_none(tmp_path, monkeypatch):
    path, pwrite = tmp_path / "mark", os.pwrite
    mark = Mark(path)
    mark.write(HEADS[0])
    mark.sync()
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:30], at))
    with pytest.raises(OSError, match="No space left"):
        mark.write(HEADS[1])
    assert read_mark(path) == HEADS[0]
    monkeypatch.setattr(os, "pwrite", pwrite)
    mark.write(HEADS[1])
    assert read_mark(path) == mark.heads == HEADS[1]
    mark.close()


def test_a_mark_whose_growth_was_interrupted_grows_the_next_time(tmp_path, monkeypatch):
    path, opened = tmp_path / "mark", os.open
    mark = Mark(path)
    grown = {f"stream.{n}": Head(n, "a" * 64) for n in range(900)}

    def cut(name, flags, *mode):
        if flags == os.O_RDWR:
            raise KeyboardInterrupt
        return opened(name, flags, *mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", cut)
        with pytest.raises(KeyboardInterrupt):
            mark.write(grown)
    later = {name: Head(head.position + 1, "b" * 64) for name, head in grown.items()}
    mark.write(later)
    assert read_mark(path) == later
    mark.close()
