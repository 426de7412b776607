"""Between training and the first fact, nobody changes what a run is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.folder import open_existing, write_json
from stairway.app.progress import Silent
from stairway.app.request import resumed
from stairway.app.run import finish, prepare, stock
from stairway.base.errors import DataError

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def trained(finished_run: Path, tmp_path: Path) -> Path:
    """A run that is trained and has not climbed yet."""
    root = tmp_path / "run"
    shutil.copytree(finished_run, root)
    shutil.rmtree(root / "log")
    (root / "perf.json").unlink()
    return root


def edit(path: Path, change: Change) -> None:
    told = msgspec.json.decode(path.read_bytes())
    change(told)
    write_json(path, told)


def put(*place: str, value: Any) -> Change:
    def change(told: dict[str, Any]) -> None:
        for name in place[:-1]:
            told = told[name]
        assert told[place[-1]] != value, "this changes nothing"
        told[place[-1]] = value

    return change


def stocked(root: Path) -> object:
    request = resumed(root)
    return stock(request, prepare(request, Silent()), Silent())


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        stocked(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_trained_and_not_changed_is_taken(trained: Path) -> None:
    assert stocked(trained) is not None


def test_bars_that_training_saw_cannot_be_climbed_on(trained: Path) -> None:
    """With a smaller share for training the climb would begin earlier."""
    edit(trained / "run.json", put("policy", "run", "train_frac", value=0.3))
    said = refusal(trained)
    assert "n_bars" in said
    assert "bars of training" in said
    assert "[run]" in said


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("costs", "fee_bps", 0.0),  # what the evidence was earned under
        ("labels", "horizon_bars", 5),
        ("evidence", "too_good_skill", 0.5),
        ("limits", "max_drawdown_frac", 1.0),  # what the climb is held to
        ("canary", "share", 1.0),
        ("probation", "min_trades", 1_000),
        ("account", "equity_usd", 5.0),
    ],
)
def test_a_policy_that_was_changed_after_training_is_refused_by_section(
    trained: Path, section: str, key: str, value: float
) -> None:
    edit(trained / "run.json", put("policy", section, key, value=value))
    assert f"[{section}]" in refusal(trained)


@pytest.mark.parametrize(
    ("place", "value", "name"),
    [
        (("seed",), 8, "seed"),
        (("first_index",), 5, "bars of training"),
        (("practised",), {"root": "there", "sha256": "0" * 64}, "practised"),
        (("plan",), {
            "edge_dies_index": 900, "collapse_index": 900, "collapse_model": "xgboost",
            "freeze_index": 900, "freeze_bars": 1, "kill_index": 900,
        }, "drill"),
    ],
)  # fmt: skip
def test_the_rest_of_a_request_may_not_change_either(
    trained: Path, place: tuple[str, ...], value: Any, name: str
) -> None:
    edit(trained / "run.json", put(*place, value=value))
    assert name in refusal(trained)


def test_an_instrument_may_not_change_its_lots(trained: Path) -> None:
    def larger(told: dict[str, Any]) -> None:
        told["instruments"][0]["lot_units"] = 1_000.0

    edit(trained / "run.json", larger)
    with pytest.raises(DataError):  # the bars are another pair's by then
        stocked(trained)


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("n_bars", 5, "bars of training"),
        ("data_fingerprint", "0" * 64, "bars"),
        ("schema_hash", "0" * 64, "terms"),
    ],
)
def test_what_training_found_must_be_of_these_bars_and_terms(
    trained: Path, key: str, value: Any, name: str
) -> None:
    edit(trained / "training.json", put(key, value=value))
    assert f"asks for other {name}" in refusal(trained)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b'{"n_bars": "many"}', b"\xff"])
def test_without_what_the_trainer_was_told_nothing_is_known(
    trained: Path, content: bytes | None
) -> None:
    job = trained / "job.json"
    job.unlink()
    if content is not None:
        job.write_bytes(content)
    assert "nobody can tell what the models of this run were trained for" in refusal(trained)


def test_a_folder_may_be_moved(trained: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "moved" / "here"
    shutil.copytree(trained, elsewhere)
    assert stocked(elsewhere) is not None


def test_a_run_that_was_finished_is_held_to_it_as_well(
    finished_run: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    shutil.copytree(finished_run, root)
    edit(root / "run.json", put("policy", "limits", "max_lots", value=7))
    request = resumed(root)
    with pytest.raises(DataError, match=r"\[limits\]"):
        finish(prepare(request, Silent()), request, Silent())


def test_nothing_is_written_before_it_is_refused(trained: Path) -> None:
    edit(trained / "run.json", put("seed", value=8))
    before = sorted(p.name for p in trained.iterdir())
    refusal(trained)
    assert sorted(p.name for p in trained.iterdir()) == before
    assert open_existing(trained)[1].seed == 8
