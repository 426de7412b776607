"""What sources hand over, and the words that two files must agree on."""

from __future__ import annotations

import numpy as np
import pytest

from stairway.app.plugins import load
from stairway.base.errors import ConfigError
from stairway.market import kernels, quality
from stairway.market.ports import NO_TIME
from stairway.testing.bars import random_walk
from stairway.testing.source import as_raw


def test_no_time_is_what_the_kernel_takes_for_no_time() -> None:
    ohlcv = np.ones((1, 5))
    unseen = np.zeros(1, dtype=np.bool_)
    found = kernels.first_fault(np.array([NO_TIME]), ohlcv, unseen, 0.5)
    assert found.tolist() == [kernels.NO_TIME]


def test_every_reason_is_explained() -> None:
    assert set(quality._MEANING) == set(quality.REASONS.values())


def test_a_table_is_as_long_as_its_times() -> None:
    assert len(as_raw(random_walk(7, seed=1)).second) == 7


@pytest.mark.parametrize("name", ["no_such_source", "../brokers/paper", "", "os"])
def test_a_source_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="no sources plug-in named"):
        load("sources", name)
