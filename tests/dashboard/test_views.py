from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.app.facts import Timing
from stairway.app.folder import RunFolder
from stairway.base.errors import ConfigError, DamagedLogError, DataError
from stairway.dashboard.views import RunView, fold, view


def test_a_written_record_is_seen_as_it_was_told(told: RunFolder, story: RunView) -> None:
    seen = view(told.root)

    assert seen == story


def test_reading_leaves_the_record_as_it_was(told: RunFolder) -> None:
    before = (told.log / "durable.db").read_bytes()

    view(told.root)

    assert (told.log / "durable.db").read_bytes() == before


def test_the_hash_shown_is_the_hash_of_the_record(story: RunView, told: RunFolder) -> None:
    assert len(story.run_hash) == 64
    assert view(told.root).run_hash == story.run_hash


def test_a_run_that_went_to_its_end_is_finished(teller: Any) -> None:
    assert not teller.view().finished
    assert teller.finish().view().finished


def test_a_run_is_a_drill_where_misfortunes_were_announced(teller: Any) -> None:
    assert not teller.view().is_drill
    assert teller.announce(0, "leak", "a leak").view().is_drill


def test_facts_keep_the_order_of_the_record(story: RunView) -> None:
    assert [m.after.value for m in story.moves] == [
        "retired",
        "shadow",
        "canary",
        "champion",
        "shadow",
    ]
    assert [b.index for b in story.bars] == list(range(80))


def test_marks_are_kept_by_book(story: RunView, digests: tuple[str, str, str]) -> None:
    climber = digests[0]

    assert set(story.marks) == {
        "capital",
        "twin:baseline",
        f"shadow:{climber}",
        f"canary:{climber}",
    }
    assert len(story.marks["capital"]) == 60


def test_what_the_clamp_did_is_counted_by_book(story: RunView, digests: Any) -> None:
    assert sum(story.bindings["capital"].values()) == 2
    assert story.refusals[f"shadow:{digests[0]}"] == {"risk.frozen_feed": 1}
    assert story.routes == {"ensemble": 2}


def test_a_wish_that_was_never_made_counts_for_nothing(teller: Any) -> None:
    seen = teller.decide("capital", None).view()

    assert not seen.bindings
    assert not seen.refusals


def test_times_and_closes_are_columns(story: RunView) -> None:
    assert story.time_ns.shape == (80,)
    assert story.close.shape == (80, 2)
    assert np.all(np.diff(story.time_ns) > 0)


def test_an_instant_belongs_to_the_bar_that_closes_at_or_after_it(story: RunView) -> None:
    assert story.index_at(int(story.time_ns[7])) == 7
    assert story.index_at(int(story.time_ns[7]) - 1) == 7
    assert story.index_at(int(story.time_ns[7]) + 1) == 8
    assert story.index_at(int(story.time_ns[-1]) + 1) == 79


def test_names_know_every_model_and_the_static_rule(story: RunView, digests: Any) -> None:
    climber, refused, rule = digests

    assert story.names == {climber: "lightgbm", refused: "xgboost", rule: "baseline"}


def test_without_a_data_report_bars_count_as_daily(teller: Any, minutes: Any) -> None:
    assert minutes.view().bar_seconds == 60
    teller.facts.remove(teller.report)
    assert teller.view().bar_seconds == 86_400


def test_the_climb_begins_within_what_is_on_record(teller: Any) -> None:
    teller.facts = teller.facts[:7]

    assert len(teller.view().bars) == 5
    assert teller.view().first_index == 4


def test_a_record_that_has_not_begun_says_how_to_finish_it() -> None:
    class Empty:
        def read(self, stream: str, after: int = 0) -> Any:
            del stream, after
            return iter(())

    with pytest.raises(DataError, match="--resume runs/x"):
        fold(Empty(), Path("runs/x"))  # type: ignore[arg-type]


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run folder"):
        view(tmp_path)


def test_a_policy_of_another_time_does_not_stand_in_the_way(
    told: RunFolder, tmp_path: Path, story: RunView
) -> None:
    root = tmp_path / "old"
    shutil.copytree(told.root, root)
    ask = msgspec.json.decode((root / "run.json").read_bytes())
    ask["policy"]["drill"] = {"a_key_of_another_time": 1}
    (root / "run.json").write_bytes(msgspec.json.encode(ask))

    assert view(root).run_hash == story.run_hash


def test_a_request_without_log_settings_is_refused_by_name(
    told: RunFolder, tmp_path: Path
) -> None:
    root = tmp_path / "old"
    shutil.copytree(told.root, root)
    ask = msgspec.json.decode((root / "run.json").read_bytes())
    del ask["policy"]["log"]
    (root / "run.json").write_bytes(msgspec.json.encode(ask))

    with pytest.raises(DataError, match=r"\[log\]"):
        view(root)


def test_a_damaged_record_is_not_drawn(told: RunFolder, tmp_path: Path) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(told.root, root)
    path = root / "log" / "durable.db"
    content = bytearray(path.read_bytes())
    at = content.index(b"rollback.drift")
    content[at] ^= 1
    path.write_bytes(content)

    with pytest.raises(DamagedLogError):
        view(root)


def test_the_hash_leaves_measured_time_out(teller: Any) -> None:
    before = teller.view().run_hash

    assert teller.tell(Timing(21, {"decide": 5})).view().run_hash == before
