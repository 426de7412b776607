"""A stream nobody thought of must not lose a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.events.streams import (
    LAST_NS,
    MAX_PAYLOAD_BYTES,
    MEASURED,
    TELEMETRY,
    is_durable,
    require_known,
    require_payloads,
    require_recordable,
)


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


def test_an_unknown_stream_is_named_beside_those_that_are_there():
    with pytest.raises(DataError, match="no stream 'timng' in this log: did you mean 'timing'"):
        require_known("timng", ["fill", "timing"])
    with pytest.raises(DataError, match=r"no stream 'x' in this log: It holds fill, timing"):
        require_known("x", ["fill", "timing"])
    with pytest.raises(DataError, match="It holds nothing"):
        require_known("fill", [])
    require_known("fill", ["fill"])


def test_every_strange_kind_of_payload_is_named():
    with pytest.raises(DataError, match="is int and str, and an event is bytes"):
        require_payloads("fill", [b"x", "y", 1])
    require_payloads("fill", [])
    with pytest.raises(DataError, match="at most 1048576"):
        require_payloads("fill", [b"", bytes(MAX_PAYLOAD_BYTES + 1)])


def test_the_last_instant_that_fits_is_recorded_and_none_behind_it():
    require_recordable(LAST_NS)
    with pytest.raises(DataError, match="April 2262"):
        require_recordable(LAST_NS + 1)
