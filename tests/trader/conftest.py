"""Rules to trade by: those of the shipped policies."""

from __future__ import annotations

import pytest

from stairway.app import rules, settings
from stairway.testing.bars import INSTRUMENTS
from stairway.trader.act import TraderRules


@pytest.fixture(scope="session")
def daily() -> TraderRules:
    return rules.trader_rules(settings.load("daily"), INSTRUMENTS)


@pytest.fixture(scope="session")
def minutes() -> TraderRules:
    """One-minute bars on the clock of the made-up exchange, which closes at 16:00."""
    environment = {
        "STAIRWAY__SESSION__CLOSE": '"16:00"',
        "STAIRWAY__SESSION__BARS_PER_SESSION": "390",
    }
    return rules.trader_rules(settings.load("intraday", environment), INSTRUMENTS)
