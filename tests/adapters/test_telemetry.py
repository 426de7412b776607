"""Every file in adapters/telemetry meets the meter contract, or CI fails."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

from stairway.adapters import telemetry
from stairway.adapters.telemetry import silent
from stairway.testing.meter import MeterContract, some_batch
from stairway.training.meter import Meter

NAMES = sorted(m.name for m in pkgutil.iter_modules(telemetry.__path__))


def test_the_gateway_and_silence_are_among_them() -> None:
    assert {"pushgateway", "silent"} <= set(NAMES)


@pytest.fixture(params=NAMES)
def meter(request: pytest.FixtureRequest) -> Iterator[Meter]:
    plugin = import_module(f"stairway.adapters.telemetry.{request.param}")
    made: Meter = plugin.connect(plugin.rehearsal(), "seed-1")
    yield made
    made.close()


class TestMeters(MeterContract):
    pass


def test_a_contract_that_is_broken_is_noticed() -> None:
    class Proud(silent.Silent):
        def record(self, batch) -> None:
            raise OSError(batch.steps)

    with pytest.raises(OSError, match="2000"):
        MeterContract().test_it_takes_everything_in_while_nobody_listens(Proud())


def test_nothing_is_heard_by_nobody() -> None:
    meter = silent.connect(silent.Config(), "seed-1")
    before = vars(meter)
    meter.record(some_batch())
    assert vars(meter) == before == {}
