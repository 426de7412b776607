from __future__ import annotations

import os
from pathlib import Path

from stairway.app.request import read_source
from stairway.app.settings import load
from stairway.market.align import align
from stairway.testing.bars import random_walk
from stairway.testing.runs import QUICK, quickly, write_source


def test_bars_that_are_written_are_the_bars_that_are_read(tmp_path: Path) -> None:
    walk = random_walk(1_020, seed=4)
    raw, _ = read_source(str(write_source(tmp_path / "new", walk)))
    rules = load("daily")
    bars, report = align(raw, rules.bars, rules.session)
    assert bars.fingerprint == walk.fingerprint
    assert bars.instruments == walk.instruments
    assert report.bars == len(walk)


def test_the_environment_is_as_before_when_the_block_is_left() -> None:
    before = dict(os.environ)
    with quickly(STAIRWAY__ACCOUNT__EQUITY_USD="1e5"):
        assert os.environ["STAIRWAY__ACCOUNT__EQUITY_USD"] == "1e5"
        assert QUICK.items() <= os.environ.items()
    assert dict(os.environ) == before


def test_what_is_quick_is_allowed_by_every_rule() -> None:
    changed = load("daily", QUICK)
    assert changed != load("daily")
    assert changed.limits == load("daily").limits
