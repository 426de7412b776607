"""Every file in adapters/logs meets the contract, or CI fails."""

from __future__ import annotations

import pkgutil
import time
from functools import partial

import pytest

from stairway.adapters import logs
from stairway.app.plugins import load
from stairway.testing.log import EventLogContract, small_settings

NAMES = sorted(m.name for m in pkgutil.iter_modules(logs.__path__))
SETTINGS = {"sqlite": small_settings()}


def test_every_log_has_settings_to_be_tested_with():
    assert sorted(SETTINGS) == NAMES


@pytest.fixture(params=NAMES)
def open_log(request):
    plugin = load("logs", request.param)

    def opened(folder, *, read_only=False, clock_ns=time.time_ns):
        config = plugin.Config(**SETTINGS[request.param])
        return plugin.open_log(folder, config, read_only=read_only, clock_ns=clock_ns)

    return opened


class TestLogs(EventLogContract):
    """See ``stairway.testing.log`` for what is asked."""


def test_the_contract_notices_a_log_that_breaks_it(tmp_path):
    plugin = load("logs", "sqlite")
    made = partial(plugin.open_log, config=plugin.Config(**small_settings()))

    def forgetful(folder, **options):
        log = made(folder, **options)
        log.read = lambda _stream, _after=0: iter(())
        return log

    with pytest.raises(AssertionError):
        EventLogContract().test_streams_do_not_see_each_other(forgetful, tmp_path)
