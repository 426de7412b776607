from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stairway.adapters.sources import csv, parquet
from stairway.app import plugins
from stairway.app.folder import open_existing, write_json
from stairway.app.request import Request, next_folder, read_source, resumed, source_name
from stairway.base.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_a_request_for_nothing_is_for_the_sample_under_the_daily_policy() -> None:
    asked = Request()
    assert (asked.source, asked.policy, asked.seed, asked.hand) == ("sample", "daily", 7, ())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": -1}, "--seed is -1"),
        ({"models": Path("m")}, "needs --trust"),
        ({"trust": Path("k")}, "goes with --models"),
        ({"models": Path("m"), "trust": Path("k"), "drill": True}, "leave out --models"),
        ({"practised": Path("p"), "models": Path("m"), "trust": Path("k")}, "--models does"),
        ({"practised": Path("p"), "drill": True}, "--practised .* --drill does otherwise"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_touched(
    wrong: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        Request(**wrong)


def test_resuming_asks_for_what_was_asked_for(finished_run: Path) -> None:
    asked = resumed(finished_run)
    assert asked == Request(out=finished_run, seed=7, resume=finished_run)


def test_a_drill_is_resumed_as_a_drill(finished_run: Path, tmp_path: Path) -> None:
    folder, ask = open_existing(finished_run)
    plan = dict.fromkeys(
        ("edge_dies_index", "collapse_index", "freeze_index", "freeze_bars", "kill_index"), 1
    )
    told = msgspec.to_builtins(ask) | {"plan": {**plan, "collapse_model": "xgboost"}}
    write_json(tmp_path / folder.ask.name, told)
    assert resumed(tmp_path).drill


def test_given_models_are_asked_for_again(finished_run: Path, tmp_path: Path) -> None:
    folder, ask = open_existing(finished_run)
    write_json(tmp_path / folder.ask.name, msgspec.structs.replace(ask, models="m"))
    with pytest.raises(ConfigError, match="--models m: say --models and --trust again") as said:
        resumed(tmp_path)
    assert f"stairway run --resume {tmp_path} --models m --trust KEY.pub" in str(said.value)
    models, trust = Path("elsewhere"), Path("k")
    assert resumed(tmp_path, models, trust).models == models
    with pytest.raises(ConfigError, match="trains models of its own"):
        resumed(finished_run, models, trust)


def test_a_store_that_this_run_has_not_is_taken_back_as_it_was_given(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://h/d?log=policies"
    with pytest.raises(ConfigError, match="is its own record; leave out --policy-store"):
        resumed(finished_run, policy_store=url)
    monkeypatch.setenv("STAIRWAY_POLICY_STORE", url)
    with pytest.raises(ConfigError, match="is its own record; unset STAIRWAY_POLICY_STORE"):
        resumed(finished_run, policy_store=url)


def test_the_next_folder_is_the_first_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sample-1", "sample-2", "mine-1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert next_folder("sample") == Path("runs/sample-3")
    assert next_folder("some/where/mine.toml") == Path("runs/mine-2")
    assert next_folder("other.toml") == Path("runs/other-1")


def test_a_source_is_named_after_its_file() -> None:
    assert [source_name(s) for s in ("sample", "a/b.toml", "b.toml")] == ["sample", "b", "b"]


def test_a_source_file_names_a_plug_in_and_its_options(walk_source: Path) -> None:
    raw, options = read_source(str(walk_source))
    symbols = [table.instrument.symbol for table in (raw.first, raw.second)]
    assert symbols == ["ALPHA", "BETA"]
    assert (options["kind"], options["bar_seconds"]) == ("csv", 86_400)


def test_the_options_may_stand_without_a_section(walk_source: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.toml"
    text = walk_source.read_text("utf-8").replace("[source]\n", "")
    bare.write_text(text.replace("[[source.files]]", "[[files]]"), "utf-8")
    assert read_source(str(bare))[1] == read_source(str(walk_source))[1]


@pytest.mark.parametrize("source", ["csv", "parquet"])
def test_a_source_that_needs_options_says_which(source: str) -> None:
    with pytest.raises(ConfigError, match=r"missing required field.*see examples/"):
        read_source(source)


@pytest.mark.parametrize("source", ["yahoo", "../sample", ""])
def test_an_unknown_source_is_refused_by_name(source: str) -> None:
    with pytest.raises(ConfigError, match="say `sample`, or the path of a TOML file"):
        read_source(source)


def test_an_unknown_option_is_refused(walk_source: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(
        walk_source.read_text("utf-8").replace("[source]", "[source]\nzt = 1"), "utf-8"
    )
    with pytest.raises(ConfigError, match=r"zt.*see examples/"):
        read_source(str(wrong))


def test_a_folder_is_no_source_file(tmp_path: Path) -> None:
    folder = tmp_path / "x.toml"
    folder.mkdir()
    with pytest.raises(ConfigError, match="no source file"):
        read_source(str(folder))


@pytest.mark.parametrize(("name", "kind"), [("nvda_msft_minutes", csv), ("parquet", parquet)])
def test_the_examples_are_what_their_plug_in_takes(name: str, kind: object) -> None:
    import tomllib  # noqa: PLC0415

    options = tomllib.loads((ROOT / "examples" / f"{name}.toml").read_text("utf-8"))["source"]
    assert plugins.load("sources", options.pop("kind")) is kind
    config = msgspec.convert(options, kind.Config)
    assert len(config.files) == 2


@pytest.mark.parametrize("symbol", ["", "../ALPHA", "AL\\u0000PHA", "AL PHA"])
def test_an_odd_symbol_is_refused_in_a_sentence(
    walk_source: Path, tmp_path: Path, symbol: str
) -> None:
    source = tmp_path / "odd.toml"
    text = walk_source.read_text(encoding="utf-8")
    source.write_text(text.replace('symbol = "ALPHA"', f'symbol = "{symbol}"'), "utf-8")
    with pytest.raises(ConfigError, match=r"^symbol .* cannot be used; .*choose another name"):
        read_source(str(source))


def test_a_tick_of_nothing_is_refused_by_its_place(walk_source: Path, tmp_path: Path) -> None:
    source = tmp_path / "odd.toml"
    text = walk_source.read_text(encoding="utf-8")
    source.write_text(text.replace("tick_usd = 0.01", "tick_usd = 0.0"), "utf-8")
    with pytest.raises(ConfigError, match=r"files.*tick_usd"):
        read_source(str(source))
