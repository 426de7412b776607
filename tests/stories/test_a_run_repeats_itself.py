"""Same bars, settings and seed: the same hashes. And a record says where it was changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from stairway.testing.log import write_again
from stairway.adapters.logs.sqlite import open_log
from stairway.app.catalog import CODEC
from stairway.app.folder import RunFolder, open_existing
from stairway.app.progress import Silent
from stairway.app.recorder import run_hash
from stairway.app.replay import replay
from stairway.app.request import Request
from stairway.app.run import run
from stairway.app.settings import decode
from stairway.decision.intent import Enter
from stairway.events.ports import EventLog
from stairway.market.bars import PairBar
from stairway.testing.runs import quickly
from stairway.trader.facts import Decided


def opened(root: Path, *, read_only: bool = True) -> EventLog:
    folder, ask = open_existing(root)
    settings = decode(ask.policy, ask.policy_name)
    return open_log(folder.log, settings.log, read_only=read_only)


def hash_of(root: Path) -> str:
    log = opened(root)
    try:
        return run_hash(log)
    finally:
        log.close()


def retold(source: Path, target: Path, change: object) -> Path:
    """Write the record of a run again, with each fact as ``change`` has it."""
    target.mkdir()
    shutil.copy2(RunFolder(source).ask, RunFolder(target).ask)
    old, new = opened(source), opened(target, read_only=False)
    try:
        write_again(old, new, change)
    finally:
        new.close()
        old.close()
    return target


def as_told(stream: str, payloads: list[bytes]) -> list[bytes]:
    del stream
    return payloads


def first_wish(payloads: list[bytes]) -> tuple[int, Decided]:
    for place, payload in enumerate(payloads):
        fact = CODEC.decode(payload)
        if isinstance(fact, Decided) and isinstance(fact.intents[0], Enter):
            return place, fact
    pytest.fail("nobody ever wished for anything")


@pytest.mark.parametrize(("seed", "same"), [(7, True), (8, False)])
def test_the_seed_and_nothing_else_decides_the_hash(
    *, seed: int, same: bool, finished_run: Path, walk_source: Path, tmp_path: Path
) -> None:
    with quickly():
        again = run(
            Request(source=str(walk_source), out=tmp_path / "other name", seed=seed), Silent()
        )
    assert (again.run_hash == hash_of(finished_run)) is same
    trained = RunFolder(tmp_path / "other name").training.read_bytes()
    assert (trained == RunFolder(finished_run).training.read_bytes()) is same


def test_a_replay_decides_all_of_it_again(finished_run: Path) -> None:
    answer = replay(finished_run, Silent())
    assert (answer.identical, answer.finished, answer.difference) == (True, True, None)
    assert answer.exit_code == 0
    assert answer.run_hash == hash_of(finished_run)
    assert answer.bars == 1_100
    assert answer.compared > answer.bars, "more than the bars themselves was compared"


def test_a_record_that_is_only_written_again_is_identical(
    finished_run: Path, tmp_path: Path
) -> None:
    answer = replay(retold(finished_run, tmp_path / "copy", as_told), Silent())
    assert (answer.identical, answer.run_hash) == (True, hash_of(finished_run))


def test_one_changed_decision_is_found_and_named(finished_run: Path, tmp_path: Path) -> None:
    changed: list[int] = []

    def turned(stream: str, payloads: list[bytes]) -> list[bytes]:
        if stream != "trade.intent":
            return payloads
        place, fact = first_wish(payloads)
        changed.append(place + 1)
        wish = fact.intents[0]
        wish = msgspec.structs.replace(wish, probability=wish.probability + 1e-12)
        fact = msgspec.structs.replace(fact, intents=(wish, *fact.intents[1:]))
        return [*payloads[:place], CODEC.encode(fact), *payloads[place + 1 :]]

    answer = replay(retold(finished_run, tmp_path / "turned", turned), Silent())
    assert not answer.identical
    assert answer.exit_code == 2
    assert f"trade.intent #{changed[0]}" in (answer.difference or "")


@pytest.mark.parametrize(
    ("stream", "keep", "words"),
    [
        ("trade.intent", slice(None, -1), "decided now, but not recorded: 1 facts"),
        ("book.marked", slice(None, -1), "part ways at run #"),
        ("market.bar", slice(None, -1), "1099 recorded bars are not those"),
        ("market.bar", slice(1, None), "1099 recorded bars are not those"),
        ("model.answer", slice(1, None), "the next recorded answer is of"),
    ],
)
def test_a_record_with_a_fact_missing_differs(
    stream: str, keep: slice, words: str, finished_run: Path, tmp_path: Path
) -> None:
    def without(name: str, payloads: list[bytes]) -> list[bytes]:
        return payloads[keep] if name == stream else payloads

    answer = replay(retold(finished_run, tmp_path / "short", without), Silent())
    assert not answer.identical
    assert words in (answer.difference or "")


def test_a_record_with_a_fact_too_many_differs(finished_run: Path, tmp_path: Path) -> None:
    def twice(stream: str, payloads: list[bytes]) -> list[bytes]:
        return [*payloads, payloads[-1]] if stream == "trade.intent" else payloads

    answer = replay(retold(finished_run, tmp_path / "long", twice), Silent())
    assert answer.difference == "recorded, but not decided again: {'trade.intent': 1}"


def test_one_changed_digit_of_a_bar_is_found(finished_run: Path, tmp_path: Path) -> None:
    def touched(stream: str, payloads: list[bytes]) -> list[bytes]:
        if stream != "market.bar":
            return payloads
        bar = CODEC.decode(payloads[0])
        assert isinstance(bar, PairBar)
        first = msgspec.structs.replace(bar.bars[0], volume=bar.bars[0].volume + 1.0)
        bar = msgspec.structs.replace(bar, bars=(first, bar.bars[1]))
        return [CODEC.encode(bar), *payloads[1:]]

    answer = replay(retold(finished_run, tmp_path / "touched", touched), Silent())
    assert "1100 recorded bars are not those" in (answer.difference or "")


def test_measured_time_is_no_part_of_the_comparison(finished_run: Path, tmp_path: Path) -> None:
    def untimed(stream: str, payloads: list[bytes]) -> list[bytes]:
        return payloads[::-1] if stream == "timing" else payloads

    answer = replay(retold(finished_run, tmp_path / "untimed", untimed), Silent())
    assert (answer.identical, answer.run_hash) == (True, hash_of(finished_run))
