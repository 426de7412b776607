"""What a foreign source may do to its reader, and what is said of it."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stairway.app.gate import gate
from stairway.app.gate.asked import Asked
from stairway.app.gate.listen import listen
from stairway.app.gate.once import reported
from stairway.app.gate.report import GateReport
from stairway.app.gate.rules import policy
from stairway.app.progress import Silent
from stairway.base.errors import ConfigError
from stairway.dashboard.gate import terminal

START_S = 1_772_442_000
HEAD = "ts,symbol,model,action,confidence"


def table(
    path: Path, *, hold: int = 300, model: str = "m", last: str = "", n: int = 1000
) -> Path:
    rng = np.random.default_rng(1)
    rest = n - hold
    actions = rng.permutation(
        ["HOLD"] * hold + ["BUY"] * (rest // 2) + ["SELL"] * (rest - rest // 2)
    )
    rows = [
        f"{START_S + 60 * i},{'AB'[i % 2]},{model},{action},{0.2 + 0.6 * rng.random():.6f}"
        for i, action in enumerate(actions)
    ]
    rows += [last] if last else []
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


def shown(report: GateReport, width: int = 60) -> str:
    return " ".join(terminal.draw(report, width).split())


def test_a_foreign_model_called_policy_has_every_bound(tmp_path: Path) -> None:
    report = gate(table(tmp_path / "a.csv", hold=840, model="policy"))
    assert report.codes == ("gate.majority",)
    assert "holds by design" not in shown(report)


def test_where_a_bound_was_waived_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stairway.app.gate.listen.kind", lambda _: "sqlite")
    report = gate(table(tmp_path / "a.csv", hold=840, model="policy"))
    assert report.passed
    assert "holds by design: 70 % bound waived, 85 % holds" in shown(report)


def test_an_answer_dated_after_now_is_refused_with_the_first(tmp_path: Path) -> None:
    late = int(time.time()) + 3600
    report = gate(table(tmp_path / "a.csv", last=f"{late},A,m,BUY,0.5"))
    assert report.codes == ("gate.future",)
    assert "1 answer is dated after now: the first, of m" in shown(report)
    assert "line 1002" in report.reasons[0].detail


def test_another_clock_may_go_a_little_before_ours(tmp_path: Path) -> None:
    near = int(time.time()) + 30
    assert gate(table(tmp_path / "a.csv", last=f"{near},A,m,BUY,0.5")).passed


def test_a_column_that_is_read_and_there_twice_is_an_error(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{HEAD},confidence", *(f"{x},0.5" for x in lines[1:])]))
    with pytest.raises(ConfigError, match="'confidence' twice"):
        gate(path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1772502000,A,m,BUY,abc", 'confidence "abc" is no number (line 1002, '),
        ("1772502000,A,m,BUY,", "no confidence (line 1002, "),
        ("1772502000,A,m,,0.5", "no action (line 1002, "),
        (",A,m,BUY,0.5", "no time (line 1002, no time)"),
        ("1772502000,A,m,BUY,1.05", "the first: 1.05 (line 1002, "),
    ],
)
def test_a_broken_contract_names_the_part_and_its_line(
    row: str, words: str, tmp_path: Path
) -> None:
    report = gate(table(tmp_path / "a.csv", last=row))
    assert report.codes == ("gate.contract",)
    assert words in report.reasons[0].detail
    assert "(gate.contract)" in shown(report)


def test_times_silence_and_what_was_noticed_are_printed(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    events = [
        {
            "event_type": "trade.intent",
            "payload": {
                "ts": int(ts),
                "symbol": symbol,
                "model_breakdown": {m: {"action": a, "confidence": float(c)}},
            },
        }
        for ts, symbol, m, a, c in rows
    ]
    lines = [json.dumps(one) for one in events]
    lines[3:3] = ['{"event_type": "heartbeat", "payload": "{}"}'] * 2
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(lines) + '\n{"event_type": "tr')
    report = gate(source)
    assert report.passed, report.why()
    said = shown(report)
    assert "2026-03-02T09:00:00Z to 2026-03-03T01:39:00Z, silent since, for" in said
    assert "2 records of heartbeat hold no answers" in said
    assert "the last line is not complete yet and was left out" in said


def test_a_bare_nan_of_python_breaks_the_contract(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    names = HEAD.split(",")
    records = [
        dict(zip(names, row, strict=True)) | {"confidence": float(row[4])} for row in rows
    ]
    records[700]["confidence"] = float("nan")
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in records))
    report = gate(source)
    assert (report.codes, report.exit_code) == (("gate.contract",), 2)
    assert 'confidence "nan" is no number (line 701' in report.reasons[0].detail


def test_a_name_moves_no_cursor(tmp_path: Path) -> None:
    report = gate(table(tmp_path / "a.csv", model="\x1b[31mred\x1b[0m"))
    drawn = terminal.draw(report, 60)
    assert "\x1b[31mred" not in drawn
    assert r"\x1b[31mred" in drawn


def test_what_was_trimmed_while_it_was_read_is_not_enough_to_tell(tmp_path: Path) -> None:
    asked = Asked(str(table(tmp_path / "a.csv")), None, "intraday", None)
    heard = replace(listen(asked, Silent()), unseen=300)
    report = reported(asked, policy(), heard)
    assert (report.codes, report.exit_code) == (("gate.source_changed",), 2)
    assert "trimmed while it was read: 300 entries were not seen" in shown(report)


@pytest.mark.parametrize("name", ["bot.tsv", "bot.TSV", "bot.tsv.gz"])
def test_a_file_of_tabs_is_called_so_and_read_so(name: str, tmp_path: Path) -> None:
    tabs = table(tmp_path / "a.csv").read_text().replace(",", "\t").encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(tabs) if name.endswith(".gz") else tabs)
    assert gate(path).passed


@pytest.mark.parametrize(("separator", "said"), [(";", ";"), ("|", "|"), ("\t", "\\t")])
def test_another_separator_is_named_and_what_is_advised_is_understood(
    separator: str, said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "a.csv")
    path.write_text(path.read_text().replace(",", separator))
    with pytest.raises(ConfigError) as caught:
        gate(path)
    advice = str(caught.value)
    assert f'[source] separator = "{said}"' in advice
    mapped = tmp_path / "map.toml"
    fields = advice.partition("[fields] ")[2].partition(" in a field map")[0]
    mapped.write_text("[fields]\n" + fields.replace('" ', '"\n'))
    with pytest.raises(ConfigError, match="separator"):
        gate(path, field_map=mapped)
    with mapped.open("a") as file:
        file.write(f'\n[source]\nseparator = "{said}"\n')
    assert gate(path, field_map=mapped).passed


@pytest.mark.parametrize("name", ["bot.csv", "bot.csv.gz"])
def test_a_table_whose_last_line_was_cut_is_judged_without_it_and_says_so(
    name: str, tmp_path: Path
) -> None:
    whole = table(tmp_path / "a.csv").read_bytes()
    path = tmp_path / name
    cut = whole[:-5]
    path.write_bytes(gzip.compress(cut) if name.endswith(".gz") else cut)
    report = gate(path)
    assert report.models[0].after.counted.events == 999
    assert "! the last line is not complete yet and was left out" in shown(report, 100)


@pytest.mark.parametrize(("scale", "ends"), [(0, ""), (3, "00:00.125000Z")])
def test_stamps_in_decimals_are_read_as_the_numbers_they_are(
    scale: int, ends: str, tmp_path: Path
) -> None:
    rows = pl.read_csv(table(tmp_path / "a.csv"))
    stamps = rows["ts"] + (0.125 if scale else 0)
    rows = rows.with_columns(ts=stamps.cast(pl.Decimal(20, scale)))
    rows.write_parquet(tmp_path / "a.parquet")
    report = gate(tmp_path / "a.parquet")
    assert report.passed, report.why()
    assert report.rate.first.endswith(ends)
