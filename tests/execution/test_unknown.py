"""Jitter and back-off of questions: spread, bounded, and the same in every run."""

from __future__ import annotations

from hypothesis import given, strategies as st
from msgspec.structs import replace

from stairway.execution.gateway import Gateway, GatewayRules, plan, release
from stairway.execution.orders import Leg, OrderKind, Submit
from stairway.execution.unknown import overdue

RULES = GatewayRules(
    answer_max_ns=0,
    settle_ns=0,
    retry_base_ns=1_000,
    retry_max_ns=64_000,
    max_sends=1,
    remember_ns=0,
)


def waiting(order_id: str, asks: int, seed: int = 7) -> Gateway:
    command = Submit(order_id, "AAA", Leg.STOP, OrderKind.STOP, -1, 5, 95, reduce_only=True)
    out = plan(Gateway(RULES, seed), "capital", [command], 0, 1)
    gateway = release(out.gateway, out.record, 1).gateway
    line = replace(gateway.lines[order_id], asks=asks, unknown=True)
    return replace(gateway, lines={order_id: line})


def pause(order_id: str, asks: int, seed: int = 7) -> int:
    gateway, _ = overdue(waiting(order_id, asks, seed), 100)
    return gateway.lines[order_id].ask_again_ns - 100


@given(st.text(min_size=1, max_size=8), st.integers(0, 500))
def test_a_pause_lies_between_half_and_all_of_its_step(order_id, asks) -> None:
    whole = min(64_000, 1_000 * 2 ** min(asks, 32))
    assert whole // 2 <= pause(order_id, asks) <= whole


def test_two_orders_do_not_ask_at_the_same_instant() -> None:
    assert len({pause(f"o{k}", 3) for k in range(20)}) > 10


def test_the_same_run_asks_at_the_same_instants() -> None:
    assert pause("a", 3) == pause("a", 3)
    assert pause("a", 3) != pause("a", 3, seed=8)
