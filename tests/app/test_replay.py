"""What ``stories/test_a_run_repeats_itself.py`` does not tell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from stairway.adapters.logs.sqlite import open_log
from stairway.app.authority import HELD
from stairway.app.catalog import CODEC
from stairway.app.folder import open_existing
from stairway.app.policy_store import STREAM
from stairway.app.progress import Silent
from stairway.app.replay import Replayed, replay
from stairway.app.settings import decode
from stairway.base.errors import ConfigError, DataError
from stairway.lifecycle.facts import PolicyHeld
from stairway.lifecycle.generation import sign
from stairway.lifecycle.stage import Stage
from stairway.testing.log import write_again
from stairway.testing.policy import OTHER_KEY, STRANGER, generation, public

WHOLE = Replayed(
    run="runs/x",
    identical=True,
    finished=True,
    bars=9,
    compared=99,
    run_hash="ab",
    difference=None,
)


def cut(source: Path, target: Path, lengths: dict[str, int]) -> Path:
    """Copy a run as a crash would leave it: only the beginning of some streams."""
    target.mkdir()
    shutil.copy2(source / "run.json", target / "run.json")
    folder, ask = open_existing(source)
    rules = decode(ask.policy, "kept").log
    old = open_log(folder.log, rules, read_only=True)
    new = open_log(target / "log", rules)
    try:
        write_again(old, new, lambda s, payloads: payloads[: lengths.get(s, len(payloads))])
    finally:
        new.close()
        old.close()
    return target


def unfinished(finished_run: Path, target: Path, **lengths: int) -> Path:
    named = {name.replace("_", "."): n for name, n in lengths.items()}
    return cut(finished_run, target, {"run": 2, **named})


def test_the_exit_code_says_whether_all_of_it_is_sure() -> None:
    assert WHOLE.exit_code == 0
    assert msgspec.structs.replace(WHOLE, finished=False).exit_code == 2
    assert msgspec.structs.replace(WHOLE, identical=False, difference="x").exit_code == 2


def test_it_is_said_in_words_and_as_data() -> None:
    assert WHOLE.as_text() == (
        "identical  runs/x\n  99 facts of 9 bars compared, finished\n  ab\n"
    )
    half = msgspec.structs.replace(WHOLE, finished=False)
    assert "not finished: stairway run --resume runs/x" in half.as_text()
    other = msgspec.structs.replace(WHOLE, identical=False, difference="at order #3")
    assert other.as_text() == "DIFFERENT  runs/x\nat order #3\n"
    assert json.loads(other.as_json())["difference"] == "at order #3"
    assert json.loads(other.as_json())["identical"] is False


@pytest.mark.parametrize(
    ("lengths", "bars"),
    [
        ({"market_bar": 800}, 799),
        ({"model_answer": 100}, 709),
        ({"trade_intent": 100}, None),
        ({"market_bar": 900, "model_answer": 60}, 689),
        ({"market_bar": 300}, None),
    ],
)
def test_of_a_run_that_is_not_finished_the_whole_bars_are_compared(
    lengths: dict[str, int], bars: int | None, finished_run: Path, tmp_path: Path
) -> None:
    answer = replay(unfinished(finished_run, tmp_path / "half", **lengths), Silent())
    assert (answer.identical, answer.finished, answer.difference) == (True, False, None)
    assert bars is None or abs(answer.bars - bars) <= 1
    assert answer.exit_code == 2


def test_a_run_without_a_record_is_told_how_to_go_on(
    finished_run: Path, tmp_path: Path
) -> None:
    shutil.copy2(finished_run / "run.json", tmp_path / "run.json")
    with pytest.raises(ConfigError, match=f"has no record yet.*--resume {tmp_path}"):
        replay(tmp_path, Silent())


def test_a_record_that_has_not_begun_is_told_how_to_go_on(
    finished_run: Path, tmp_path: Path
) -> None:
    run = cut(finished_run, tmp_path / "run", {"run": 0})
    with pytest.raises(DataError, match=f"has not begun.*--resume {run}"):
        replay(run, Silent())


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no run folder"):
        replay(tmp_path, Silent())


def test_a_replay_writes_nothing(finished_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)

    def content() -> dict[str, bytes]:
        files = (p for p in run.rglob("*") if p.is_file() and not p.name.endswith("-shm"))
        return {str(p): p.read_bytes() for p in files if p.stat().st_size}

    before = content()
    assert replay(run, Silent()).identical
    assert content() == before


def test_neither_bars_nor_models_of_the_folder_are_needed(
    finished_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy2(finished_run / "run.json", run)
    shutil.copytree(finished_run / "log", run / "log")
    assert replay(run, Silent()).identical


def shared(finished_run: Path, target: Path) -> Path:
    """Copy a run as if it had traded on a store that several machines share.

    Its operator is ``OTHER_KEY``; the key of its own trainer is ``STRANGER``.
    """
    signed = sign(generation(1, stage=Stage.SHADOW), OTHER_KEY)

    def told(stream: str, payloads: list[bytes]) -> list[bytes]:
        if stream != HELD:
            return [] if stream == STREAM else payloads
        held = CODEC.decode(payloads[0])
        assert isinstance(held, PolicyHeld)
        changed = msgspec.structs.replace(held, identity=signed.identity, signed=signed)
        return [CODEC.encode(changed), *payloads[1:]]

    target.mkdir()
    asked = json.loads((finished_run / "run.json").read_text("utf-8"))
    asked["policy_store"] = "postgresql://h/d?log=x"
    (target / "run.json").write_text(json.dumps(asked), "utf-8")
    (target / "trust.pub").write_bytes(public(STRANGER))
    folder, ask = open_existing(target)
    rules = decode(ask.policy, "kept").log
    old = open_log(finished_run / "log", rules, read_only=True)
    new = open_log(folder.log, rules)
    try:
        write_again(old, new, told)
    finally:
        new.close()
        old.close()
    return target


def test_of_a_shared_store_the_key_of_its_operator_alone_is_believed(
    finished_run: Path, tmp_path: Path
) -> None:
    run = shared(finished_run, tmp_path / "run")
    (run / "operator.pub").write_bytes(public(OTHER_KEY))
    assert replay(run, Silent()).difference is None
    (run / "operator.pub").write_bytes(public(STRANGER))
    assert "no key that this run trusts signed it" in (replay(run, Silent()).difference or "")
    (run / "trust.pub").write_bytes(public(OTHER_KEY))
    answer = replay(run, Silent())
    assert not answer.identical, "its trainer may not speak for a store of several"
