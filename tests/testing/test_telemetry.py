from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stairway.base.errors import InvariantError
from stairway.testing.telemetry import (
    EVENTS,
    FIXTURES,
    HOLD,
    SYMBOLS,
    messages,
    rows,
    telemetry,
    write,
)


@pytest.mark.parametrize("name", FIXTURES)
def test_the_same_seed_makes_the_same_telemetry(name: str) -> None:
    one, same, other = telemetry(name), telemetry(name), telemetry(name, seed=8)
    assert rows(one).equals(rows(same))
    if name != "duplicated":
        assert one.time_ns.size == EVENTS
    assert not rows(one).equals(rows(other))


def test_shares_are_exact() -> None:
    assert ((telemetry("fallback").confidence == 0.5).sum(axis=0) == 96).all(), "8 %"
    assert ((telemetry("capped").confidence == 0.75).sum(axis=0) == 876).all(), "73 %"
    assert ((telemetry("holding").action == HOLD).sum(axis=0) == 1032).all(), "86 %"


def test_what_pins_a_confidence_leaves_the_score_alive() -> None:
    made = telemetry("capped")
    assert made.raw.std() > 0.1
    assert (made.raw != 0.75).all()
    assert telemetry("frozen").raw.std() == telemetry("frozen").confidence.std()


def test_the_cap_ends_at_the_cutover_and_41_events_follow_another() -> None:
    made = telemetry("patched")
    later = made.time_ns >= (made.cutover_ns or 0)
    assert (made.confidence[later] != 0.75).all()
    assert (made.confidence[~later] == 0.75).mean() == pytest.approx(0.73)
    few = telemetry("few_after")
    assert (few.time_ns >= (few.cutover_ns or 0)).sum() == 41


def test_a_frozen_feed_says_one_thing_about_each_instrument() -> None:
    made = telemetry("frozen")
    for symbol in range(len(SYMBOLS)):
        assert (np.ptp(made.confidence[made.symbol == symbol], axis=0) == 0).all()


def test_a_message_has_the_layout_of_a_bot() -> None:
    message = next(messages(telemetry("healthy")))
    payload = json.loads(message["payload"])
    assert message["event_type"] == "trade.intent"
    assert payload["ts"] == "2026-03-02T09:00:00Z"
    assert payload["model_breakdown"]["mlp"].keys() >= {"action", "confidence", "model"}


def test_every_form_holds_the_same_answers(tmp_path: Path) -> None:
    made = telemetry("violation")
    csv, parquet = (write(made, tmp_path / f"a.{end}") for end in ("csv", "parquet"))
    assert pl.read_csv(csv).equals(pl.read_parquet(parquet))
    assert pl.read_csv(csv)["confidence"].max() == 1.05, "raw is kept"
    lines = write(made, tmp_path / "a.jsonl.gz").stat().st_size
    assert 0 < lines < write(made, tmp_path / "a.jsonl").stat().st_size


def test_an_unknown_fixture_or_form_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvariantError, match="healthy"):
        telemetry("alive")
    with pytest.raises(InvariantError, match=r"\.txt"):
        write(telemetry("healthy"), tmp_path / "a.txt")
