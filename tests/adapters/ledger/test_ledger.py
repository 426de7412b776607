"""Nobody answers for a commit: it is found out, and nothing is appended twice."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest

from stairway.adapters.logs.postgresql import Config, open_log, verify
from stairway.base.errors import RecordError
from stairway.base.verdict import Pass
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings

CONFIG = Config(**small_settings(), **postgresql_settings())
FAULTS = 1_500 if os.environ.get("STAIRWAY_PROFILE") == "long" else 24
SERIAL = itertools.count()


@pytest.mark.parametrize("writers", ["one", "many"])
def test_a_commit_that_nobody_answered_for_is_resolved(postgresql, wire, tmp_path, writers):
    rng = np.random.default_rng(5)
    name = f"wire-{next(SERIAL)}"
    through = postgresql.url(name, more=f"&writers={writers}").replace(
        f":{postgresql.port}/", f":{wire.port}/"
    )
    log = open_log(tmp_path, CONFIG, url=through)
    told = []
    for n in range(FAULTS):
        wire.plan = ("before", "half", "after")[n % 3]
        payloads = [b"%d %d" % (n, k) for k in range(rng.integers(1, 6))]
        told += payloads
        assert log.append("fill", payloads).position == len(told)
        log.flush()
    assert wire.cuts == FAULTS == log._line.reconnects
    assert log.ledger.resolved == FAULTS
    # One more to tell, so that the last one is not merely remembered.
    log.append("fill", [b"end"])
    log.close()
    reader = open_log(tmp_path, CONFIG, url=postgresql.url(name), read_only=True)
    assert [e.payload for e in reader.read("fill")] == [*told, b"end"]
    reader.close()
    assert isinstance(verify(postgresql.url(name), CONFIG), Pass)


def test_equal_content_of_another_writer_is_not_taken_for_ones_own(postgresql, wire, tmp_path):
    name = f"wire-{next(SERIAL)}"
    frozen = {"clock_ns": lambda: 7}
    other = open_log(tmp_path, CONFIG, url=postgresql.url(name), **frozen)
    through = postgresql.url(name).replace(f":{postgresql.port}/", f":{wire.port}/")
    mine = open_log(tmp_path, CONFIG, url=through, **frozen)
    landed = mine.ledger._landed

    def meanwhile(rows):
        other.append("policy.generation", [b"equal"], expected=0)
        return landed(rows)

    mine.ledger._landed = meanwhile
    wire.plan = "before"
    with pytest.raises(Exception, match="ends at 1, not at 0"):
        mine.append("policy.generation", [b"equal"], expected=0)
    assert wire.cuts == 1
    assert other.head("policy.generation").position == 1
    mine.close()
    other.close()


def test_what_cannot_be_found_out_is_said_to_be_unknown(postgresql, wire, tmp_path):
    name = f"wire-{next(SERIAL)}"
    through = postgresql.url(name, more="&wait_ms=50").replace(
        f":{postgresql.port}/", f":{wire.port}/"
    )
    log = open_log(tmp_path, CONFIG, url=through)
    log.append("fill", [b"a"])
    wire.plan = "after"
    wire.close()
    with pytest.raises(RecordError, match="is not known: read the log before you append again"):
        log.append("fill", [b"b"])
    assert wire.cuts == 1
    log.close()
    reader = open_log(tmp_path, CONFIG, url=postgresql.url(name), read_only=True)
    assert reader.head("fill").position in {1, 2}
    reader.close()
