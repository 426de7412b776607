"""Every file in adapters/brokers meets the broker contract, or CI fails."""

from __future__ import annotations

import pkgutil

import msgspec
import pytest

from stairway.adapters import brokers
from stairway.adapters.brokers import paper
from stairway.app.plugins import load
from stairway.base.units import Lots
from stairway.execution.orders import Filled, Leg, OrderKind, Submit
from stairway.execution.ports import Broker
from stairway.market.bars import Bar, PairBar
from stairway.testing.broker import BrokerContract

NAMES = sorted(m.name for m in pkgutil.iter_modules(brokers.__path__))


def test_the_paper_broker_is_among_them() -> None:
    assert "paper" in NAMES


@pytest.fixture(params=NAMES)
def broker(request: pytest.FixtureRequest) -> Broker:
    plugin = load("brokers", request.param)
    return plugin.connect(plugin.rehearsal())


@pytest.fixture
def symbol() -> str:
    return "AAA"


class TestBrokers(BrokerContract):
    pass


# -- paper ------------------------------------------------------------------------------


def a_bar(index: int) -> PairBar:
    one = Bar(100.0, 101.0, 99.0, 100.5, 1e6)
    return PairBar(index, 1_000 + index, 0, last_of_session=False, bars=(one, one))


def entry(order_id: str) -> Submit:
    kind = OrderKind.MARKET
    return Submit(order_id, "AAA", Leg.ENTRY, kind, 1, Lots(5), None, reduce_only=False)


def test_a_paper_account_trades_the_bars_that_it_is_shown() -> None:
    account = paper.connect(paper.rehearsal())
    account.submit(entry("a"))
    account.open(a_bar(0))
    account.range(a_bar(0))
    assert any(isinstance(e, Filled) for e in account.drain())
    assert account.positions == {"AAA": 5, "BBB": 0}


def test_a_paper_account_can_be_put_down_and_taken_up_again() -> None:
    account = paper.connect(paper.rehearsal())
    account.submit(entry("a"))
    raw = msgspec.msgpack.encode(account.state)
    memory = msgspec.msgpack.decode(raw, type=paper.VenueState)
    again = paper.connect(paper.rehearsal(), memory)
    for one in (account, again):
        one.open(a_bar(0))
    assert list(account.drain()) == list(again.drain())


def test_a_contract_that_is_broken_is_noticed() -> None:
    class Forgetful(paper.PaperBroker):
        def submit(self, command) -> None:
            super().submit(command)
            if isinstance(command, Submit) and command.order_id == "a":
                super().submit(msgspec.structs.replace(command, order_id="a2"))

    with pytest.raises(AssertionError):
        BrokerContract().test_a_new_order_is_answered(Forgetful(paper.rehearsal()), "AAA")
