"""A stream nobody thought of must not lose a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stairway.events.streams import MEASURED, TELEMETRY, is_durable


@given(st.text())
def test_a_stream_is_durable_unless_it_is_listed(stream):
    assert is_durable(stream) == (stream not in TELEMETRY)


def test_what_money_depends_on_is_durable():
    for stream in (
        "trade.intent", "order.sent", "order.clamped", "fill", "trade.closed",
        "model.promoted", "model.rolled_back", "gate.verdict", "policy.limits",
    ):  # fmt: skip
        assert is_durable(stream)


def test_measured_durations_are_telemetry():
    assert MEASURED < TELEMETRY
