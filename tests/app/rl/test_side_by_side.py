"""Seeds side by side: results in their order, and the first error of any ends all of them."""

from __future__ import annotations

import os
from threading import Event

import pytest

from stairway.app.rl.live import Stopped
from stairway.app.rl.train import side_by_side
from stairway.base.errors import DataError

FOREVER_S = 10.0


@pytest.fixture(autouse=True)
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_results_come_in_the_order_of_the_seeds_however_they_end() -> None:
    second, stop = Event(), Event()

    def work(seed: int) -> int:
        if seed == 1:
            assert second.wait(FOREVER_S)
        second.set()
        return 10 * seed

    assert side_by_side(work, (1, 2, 3), stop) == [10, 20, 30]
    assert not stop.is_set()


def test_the_first_error_of_any_seed_ends_those_that_were_asked_before_it() -> None:
    stop, begun = Event(), []

    def work(seed: int) -> None:
        begun.append(seed)
        if seed == 2:
            msg = "seed 2 cannot go on"
            raise DataError(msg)
        if stop.wait(FOREVER_S):
            raise Stopped

    with pytest.raises(DataError, match="seed 2 cannot go on"):
        side_by_side(work, (1, 2, 3, 4), stop)
    assert stop.is_set()
    assert {1, 2} <= set(begun)
    assert 4 not in begun
    assert len(begun) <= 3


def test_an_interrupt_ends_all_of_them_too() -> None:
    stop = Event()

    def work(seed: int) -> None:
        if seed == 2:
            raise KeyboardInterrupt
        assert stop.wait(FOREVER_S)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, (1, 2), stop)
