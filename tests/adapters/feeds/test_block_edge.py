"""Lines that end at the edge of what is read at once are read as all others are."""

from __future__ import annotations

import json

import pytest

from stairway.adapters.feeds.jsonl import open_feed
from stairway.adapters.records.lines import _BLOCK
from stairway.supervision.answers import Names
from stairway.supervision.field_map import Opening
from stairway.supervision.instants import Clock
from stairway.supervision.notes import Notes
from stairway.supervision.payloads import Payloads
from stairway.supervision.ports import Documents
from stairway.supervision.times import Times

FILLER = 65_536
NEAR = 20 * 1_024
"""Bytes before an edge from which on lines are short."""


def line(number: int, size: int | None = None) -> bytes:
    """Write an event, as long as is asked for."""
    entry = {"action": "BUY", "confidence": 0.2 + number / 1e5, "model": "v1"}
    said = {"event_id": f"e{number}", "ts": "2026-05-15T18:18:14Z", "symbol": "A",
            "model_breakdown": {"m": entry}}  # fmt: skip
    outer = {"event_type": "trade.intent", "note": "", "payload": json.dumps(said)}
    bare = json.dumps(outer) + "\n"
    outer["note"] = "x" * ((size or 300) - len(bare))
    return (json.dumps(outer) + "\n").encode()


def lines_to(edges: list[int]) -> list[bytes]:
    """Write lines of which one ends at each of these places, and a few behind the last."""
    found, at = list[bytes](), 0
    for edge in edges:
        while at < edge:
            left = edge - at
            size = FILLER if left > FILLER + NEAR else 300 if left >= 900 else left
            found.append(line(len(found), size))
            at += len(found[-1])
        assert at == edge
    return found + [line(len(found) + k) for k in range(50)]


def confidences(chunks, *, plain: bool) -> tuple[list[float], list[int]]:
    reader, start = Payloads(Names(), Notes(), Times(Clock("iso")), plain=plain), 0
    said, events = list[float](), list[int]()
    for chunk in chunks:
        found = reader.read(chunk, start, reader.look(chunk))
        said += found.confidence.tolist()
        events += found.event.tolist()
        start += len(chunk)
    return said, events


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_lines_that_end_at_the_edge_of_a_block_are_read_once_and_whole(
    tmp_path, beyond
) -> None:
    texts = lines_to([_BLOCK + beyond, 2 * _BLOCK + beyond])
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(texts))
    feed = open_feed(str(path), Opening())
    chunks = list(feed.chunks(2**17))
    assert [len(chunk) for chunk in chunks] == [
        sum(1 for at in ends(texts) if low < at <= high)
        for low, high in ((0, _BLOCK), (_BLOCK, 2 * _BLOCK), (2 * _BLOCK, 3 * _BLOCK))
    ]
    found = confidences(chunks, plain=True)
    assert found == confidences([Documents(texts, 1)], plain=False)
    assert found[0] == [0.2 + number / 1e5 for number in range(len(texts))]


def ends(texts: list[bytes]) -> list[int]:
    at, found = 0, list[int]()
    for text in texts:
        at += len(text)
        found.append(at)
    return found
