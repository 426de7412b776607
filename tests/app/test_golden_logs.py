"""Logs that earlier versions wrote stay readable, fact for fact.

``tests/golden/log-N`` was written by the code of its time, and is never written again. A
new one is added where the form of a fact changes in a way that an old record does not fit.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from stairway.app.catalog import CODEC, UPCASTS
from stairway.app.facts import RunFinished
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.place import find, opened

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("log-*"))
EVENTS = {"log-1": 61}
EARLIER = {"log-1": {"run.finished"}}
"""Facts in each that today's form does not fit."""


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def old(request, tmp_path):
    """Copy one: reading leaves SQLite's own files beside it."""
    return shutil.copytree(request.param, tmp_path / request.param.name)


def payloads(folder):
    with closing(opened(find(str(folder)))) as log:
        return [e.payload for stream in log.streams() for e in log.read(stream)]


def holds(now, then):
    """Say whether everything in ``then`` is in ``now``, which may know more."""
    if isinstance(then, dict):
        return all(name in now and holds(now[name], value) for name, value in then.items())
    if isinstance(then, list):
        return len(now) == len(then) and all(map(holds, now, then))
    return now == then


def test_there_is_one():
    assert [path.name for path in GOLDEN] == sorted(EVENTS) == sorted(EARLIER)


def test_an_old_log_is_intact_and_every_fact_of_it_is_read(old):
    answer = check(find(str(old)), Silent())
    assert (answer.complaints, answer.events) == ((), EVENTS[old.name])


def test_what_today_no_longer_fits_is_read_in_its_earlier_form(old):
    plain = msgspec.msgpack.Decoder(CODEC.union)
    earlier = set()
    for payload in payloads(old):
        try:
            plain.decode(payload)
        except msgspec.ValidationError:
            earlier.add(msgspec.msgpack.decode(payload)["type"])
    assert earlier == EARLIER[old.name]
    assert earlier <= set(UPCASTS)


def test_nothing_that_was_recorded_is_lost_in_reading(old):
    for payload in payloads(old):
        said = msgspec.msgpack.decode(CODEC.encode(CODEC.decode(payload)))
        assert holds(said, msgspec.msgpack.decode(payload)), said


def test_a_run_that_ended_before_telemetry_was_hashed_claims_no_hash():
    said = msgspec.msgpack.encode({"type": "run.finished", "index": 3, "time_ns": 4})
    assert CODEC.decode(said) == RunFinished(index=3, time_ns=4, telemetry="")
