"""The data report survives being written down."""

from __future__ import annotations

from stairway.events.codec import Codec
from stairway.market.align import align
from stairway.market.facts import DataReport
from stairway.testing.bars import random_walk
from stairway.testing.source import as_raw, daily_rules


def report(seed: int) -> DataReport:
    return align(as_raw(random_walk(30, seed=seed)), *daily_rules())[1]


def test_a_report_comes_back_from_the_log_as_it_went_in() -> None:
    codec = Codec[DataReport](DataReport)
    assert codec.decode(codec.encode(report(1))) == report(1)


def test_a_report_names_the_exact_bars() -> None:
    assert report(1) == report(1)
    assert report(1).fingerprint != report(2).fingerprint
