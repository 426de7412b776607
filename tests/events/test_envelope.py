"""A fact cannot be changed, dropped, moved or renamed without its hash giving it away."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stairway.events.envelope import GENESIS, Envelope, Head, chain

names = st.text("abcdefgh.:_-0123456789", min_size=1, max_size=12)
links = st.tuples(names, st.integers(1, 2**62), st.binary(max_size=40))


@given(links, links)
def test_what_differs_hashes_differently(one, two):
    assume(one != two)
    assert chain(GENESIS, *one) != chain(GENESIS, *two)


@given(links, st.binary(min_size=32, max_size=32))
def test_the_hash_before_enters(link, before):
    assume(before.hex() != GENESIS)
    assert chain(before.hex(), *link) != chain(GENESIS, *link)


def test_the_format_of_a_link_never_changes():
    # Written out by hand: logs that are on disks depend on it.
    content = bytes(32) + b"\0fill\0" + b"7" + b"\0" + b"payload"
    assert chain(GENESIS, "fill", 7, b"payload") == hashlib.sha256(content).hexdigest()


def test_an_empty_stream_ends_at_genesis():
    assert Head() == Head(0, GENESIS)
    assert len(GENESIS) == 64


def test_an_envelope_cannot_be_changed():
    envelope = Envelope("fill", 1, b"x", GENESIS, 5)
    with pytest.raises(AttributeError):
        envelope.payload = b"y"
    assert msgspec.structs.replace(envelope, position=2) != envelope
