"""What once passed in silence, and what once was said untruly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stairway.app.gate import gate
from stairway.app.gate.asked import Asked
from stairway.app.gate.explain import explained
from stairway.app.gate.listen import Heard
from stairway.app.gate.models import rate
from stairway.app.gate.report import GateReport
from stairway.app.gate.rules import policy
from stairway.app.gate.vocabulary import WAY_OUT
from stairway.base.errors import DataError
from stairway.dashboard.gate import account, markdown, page, terminal
from stairway.supervision.answers import Names, columns
from stairway.supervision.tally import Tally

START_S = 1_763_628_000
Row = dict[str, Any]


def alive(n: int = 1_000, every_s: int = 12) -> list[Row]:
    rng = np.random.default_rng(5)
    return [
        {
            "ts": START_S + every_s * i,
            "symbol": "AB"[i % 2],
            "model": "m",
            "action": str(rng.choice(["BUY", "HOLD", "SELL"])),
            "confidence": float(np.clip(rng.normal(0.5, 0.16), 0, 1)),
        }
        for i in range(n)
    ]


def judged(
    rows: list[Row], tmp_path: Path, dump: Callable[[Row], str] = json.dumps
) -> GateReport:
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(f"{dump(row)}\n" for row in rows))
    return gate(path)


def test_what_is_alive_passes(tmp_path: Path) -> None:
    assert judged(alive(), tmp_path).passed


@pytest.mark.parametrize("dump", [json.dumps, repr])
@pytest.mark.parametrize("at", [0, 500, 999])
def test_truth_is_no_confidence_wherever_it_stands(dump, at: int, tmp_path: Path) -> None:
    rows = alive()
    rows[at]["confidence"] = True
    report = judged(rows, tmp_path, dump)
    assert report.codes == ("gate.contract",)
    assert f'"true" is no number (line {at + 1},' in report.reasons[0].detail


@pytest.mark.parametrize(
    ("said", "quoted"), [(True, "true"), (False, "false"), ([0.5], "[0.5]"), ("high", "high")]
)
@pytest.mark.parametrize("dump", [json.dumps, repr])
def test_what_a_breakdown_says_for_a_confidence_is_quoted_too(
    said: object, quoted: str, dump: Callable[[Row], str], tmp_path: Path
) -> None:
    rows = alive()
    rows[700]["confidence"] = said
    report = judged([in_payload(row, dump) for row in rows], tmp_path)
    assert report.codes == ("gate.contract",)
    assert f'confidence "{quoted}" is no number (line 701,' in report.reasons[0].detail


def test_a_raw_score_that_is_no_number_is_none(tmp_path: Path) -> None:
    rows = [row | {"raw_confidence": row["confidence"]} for row in alive()]
    rows[700]["raw_confidence"] = True
    assert judged([in_payload(row) for row in rows], tmp_path).passed, "no score is judged"


def in_payload(row: Row, dump: Callable[[Row], str] = json.dumps) -> Row:
    """Put an answer where a bot of several models puts it."""
    entry = {k: v for k, v in row.items() if k in {"action", "confidence", "raw_confidence"}}
    event = {k: v for k, v in row.items() if k in {"ts", "symbol", "event_id"}}
    event["model_breakdown"] = {row["model"]: entry}
    return {"event_type": "trade.intent", "payload": dump(event)}


@pytest.mark.parametrize("name", ["bot.json", "bot.jsonl"])
def test_an_array_in_one_line_is_complete_and_the_wrong_layout(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(alive(3)))
    with pytest.raises(DataError, match=r"begins a JSON array.*jq -c"):
        gate(path)


@pytest.mark.parametrize("model", [None, "", ["m"], True, {"a": 1}])
def test_an_answer_of_no_model_is_a_fault(model: object, tmp_path: Path) -> None:
    rows = alive()
    rows[6]["model"] = model
    report = judged(rows, tmp_path)
    assert "gate.contract" in report.codes
    assert "no model (line 7," in report.reasons[0].detail


@pytest.mark.parametrize("symbol", [True, ["A"], {"a": 1}])
def test_what_is_no_name_is_no_instrument(symbol: object, tmp_path: Path) -> None:
    rows = alive()
    rows[6]["symbol"] = symbol
    report = judged(rows, tmp_path)
    assert report.codes == ("gate.contract",)
    assert "no instrument (line 7," in report.reasons[0].detail


def test_what_is_sent_again_without_an_id_counts_once(tmp_path: Path) -> None:
    report = judged(7 * alive(150, every_s=60), tmp_path)
    assert report.models[0].after.counted.events == 150
    assert report.codes == ("gate.too_few",)
    assert "900 of 1,050 answers were repeats, counted once" in report.warnings
    for said in (terminal.draw(report), markdown.draw(report), page.page(report)):
        assert "were repeats, counted once" in " ".join(said.split())


def test_other_answers_of_one_instant_count_and_are_said(tmp_path: Path) -> None:
    rows = alive()
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        other["ts"], other["symbol"] = one["ts"], one["symbol"] = (
            one["ts"],
            "AB"[one["ts"] // 24 % 2],
        )
    report = judged(rows, tmp_path)
    assert report.passed
    assert report.models[0].after.counted.events == 1_000
    assert any(line.startswith("500 of 1,000 answers contradict") for line in report.warnings)


def test_repeats_among_contradictions_cannot_be_told_apart(tmp_path: Path) -> None:
    rows = alive()
    for i, row in enumerate(rows):
        row["ts"] = START_S + 600 * (i // 50)
        if i % 10 < 7:
            row["action"], row["confidence"] = "BUY", 0.75
    report = judged(rows, tmp_path)
    assert not report.passed
    assert "gate.repeats" in report.codes


def test_a_number_beyond_all_is_a_violation_and_no_fault_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    lines = [json.dumps(row) for row in alive()]
    lines[3] = lines[3].replace('"confidence": 0', '"confidence": 1' + 5_000 * "0")
    path.write_text("\n".join(lines) + "\n")
    report = gate(path)
    assert report.codes == ("gate.contract",)
    assert report.models[0].after.counted.outside == 1
    assert not any("Python" in line for line in report.understood)
    lines[5] = lines[5].replace('"ts": 1', '"ts": 1' + 5_000 * "0")
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="line 6"):
        gate(path)


def test_words_that_are_no_action_are_quoted_with_their_counts(tmp_path: Path) -> None:
    rows = alive()
    for row in rows[10:50]:
        row["action"] = "-"
    rows[60]["action"] = "LONG"
    report = judged(rows, tmp_path)
    assert 'the action "-" (40 times), "LONG" (1 time)' in report.reasons[0].detail
    assert "&#34;-&#34; (40 times)" in page.page(report)


def test_words_are_those_of_the_side_that_they_are_told_of(tmp_path: Path) -> None:
    rows = alive(2_000)
    for row in rows[:100]:
        row["action"] = "LONG"
    rows[1_500]["action"] = "SHORTZ"
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    report = gate(path, after=str(START_S + 12_000))
    assert report.reasons[0].detail.startswith("m: 1 of 1000 answers have an action")
    assert 'the first: the action "SHORTZ" (1 time) is not known' in report.reasons[0].detail
    before = report.models[0].before
    assert before is not None
    assert 'the action "LONG" (100 times)' in before.verdict.findings[0].detail


@pytest.mark.parametrize("layout", ["flat", "payload"])
def test_a_word_that_was_sent_again_is_counted_once(layout: str, tmp_path: Path) -> None:
    rows = [row | {"event_id": f"e{i}"} for i, row in enumerate(alive())]
    rows[500]["action"] = "LONG"
    rows += [rows[500]] * 40
    report = judged(rows if layout == "flat" else [*map(in_payload, rows)], tmp_path)
    assert report.reasons[0].detail.startswith("m: 1 of 1000 answers have an action")
    assert '"LONG" (1 time)' in report.reasons[0].detail


def test_an_answer_that_lacks_more_is_not_counted_with_its_word(tmp_path: Path) -> None:
    rows = alive()
    rows[10]["action"] = rows[11]["action"] = "LONG"
    rows[11]["confidence"] = None
    report = judged(rows, tmp_path)
    assert [one.detail.partition(" answers")[0] for one in report.reasons] == [
        "m: 1 of 1000"
    ] * 2
    assert '"LONG" (1 time)' in report.reasons[1].detail


@pytest.mark.parametrize("stray", [-5, 0, 1_763_628_000_000])
def test_a_stamp_of_another_unit_is_named_by_its_line(stray: int, tmp_path: Path) -> None:
    rows = alive()
    rows[41]["ts"] = stray
    with pytest.raises(DataError, match=f"line 42: {stray} is no instant"):
        judged(rows, tmp_path)


def test_a_time_that_is_not_understood_is_quoted_at_its_line(tmp_path: Path) -> None:
    rows = alive()
    rows[41]["ts"] = "soon"
    report = judged(rows, tmp_path)
    assert report.models[0].after.counted.absent == 1
    assert 'time "soon" is not understood (line 42,' in report.reasons[0].detail


def test_ids_that_begin_anew_at_a_cutover_are_named_and_the_answers_count(
    tmp_path: Path,
) -> None:
    rows = [row | {"event_id": str(i)} for i, row in enumerate(alive(500))]
    again = [row | {"ts": START_S + 6_000 + i} for i, row in enumerate(rows)]
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, *again]))
    report = gate(path, after=str(START_S + 6_000))
    assert report.codes == ("gate.event_id",), report.why()
    assert report.models[0].after.counted.events == report.models[0].after.counted.reused == 500
    assert "(line 501, " in report.why()


def test_one_stray_row_is_no_second_instrument(tmp_path: Path) -> None:
    rows = alive()
    for row in rows:
        row["symbol"] = "A"
    rows[500]["symbol"] = "B"
    assert judged(rows, tmp_path).codes == ("gate.symbols",)


def test_refusals_at_the_bound_are_said_in_counts(tmp_path: Path) -> None:
    rows = alive(1_001)
    for i, row in enumerate(rows):
        row["action"] = "BUY" if i * 701 % 1_001 < 701 else ("SELL", "HOLD")[i % 2]
    said = terminal.draw(judged(rows, tmp_path), 100)
    assert "BUY in 701 of 1,001 answers, at most 700 may be (gate.majority)" in said


def test_what_decided_on_the_whole_is_in_the_headline(tmp_path: Path) -> None:
    rows = alive()
    rows[999]["ts"] = 4_000_000_000
    report = judged(rows, tmp_path)
    assert account.headline(report).startswith("Refused: answers are dated after now.")
    assert "(line 1000)" in report.missing[0].detail


def test_silence_is_in_the_headline(tmp_path: Path) -> None:
    said = account.headline(judged(alive(), tmp_path))
    assert said.startswith("Was alive: it passes up to 2025-11-20; silent for ")
    for row in (rows := alive()):
        row["confidence"] = 0.5
    assert "Refused: m. Silent for " in account.headline(judged(rows, tmp_path))


def test_what_is_fresh_is_alive(tmp_path: Path) -> None:
    rows = alive()
    late_s = int(time.time()) - rows[-1]["ts"]
    for row in rows:
        row["ts"] += late_s
    report = judged(rows, tmp_path)
    assert account.headline(report) == "Alive: it passes."


def test_silence_up_to_now_is_an_alert_of_what_goes_on_and_not_of_a_record(
    tmp_path: Path,
) -> None:
    assert judged(alive(), tmp_path).rate.alert == ""
    path = tmp_path / "bot.jsonl"
    (tmp_path / "deployments.jsonl").write_text('{"at": "2025-11-20T09:30:00Z"}\n')
    since = gate(path, after=f"last-deploy:{tmp_path / 'deployments.jsonl'}")
    assert since.rate.alert.startswith("no event for ")
    assert since.rate.alert.endswith(" minutes, where 2 a minute should come")
    assert gate(path, after="2025-11-20T09:30:00Z").rate.alert == ""
    assert gate(path, after=since.cutover.asked, policy="daily").rate.alert == ""


def test_markdown_holds_the_mark_what_followed_what_and_the_instruments(
    tmp_path: Path,
) -> None:
    report = judged(alive(), tmp_path)
    said = markdown.draw(report)
    assert "{" not in said
    assert f"sha256 `{report.marks[0]['sha256']}`" in said
    assert "\n- and after: the same\n" in said
    assert "\n| | SELL | HOLD | BUY |\n|---|---:|---:|---:|\n| SELL | " in said
    mix = report.models[0].after.symbols["A"]
    assert f"\n| A | {' | '.join(map(str, mix))} |\n" in said


def test_a_name_moves_no_cursor_in_any_form(tmp_path: Path) -> None:
    rows = alive()
    for row in rows:
        row["model"] = "\x1b[31mred"
    report = judged(rows, tmp_path)
    for said in (terminal.draw(report), markdown.draw(report), page.page(report)):
        assert "\x1b" not in said


def test_ten_minutes_of_silence_exactly_are_an_alert() -> None:
    names = Names()
    tally = Tally(names)
    at = [START_S * 10**9 + 10**9 * second for second in range(0, 3_600, 20)]
    n = len(at)
    tally.add(
        columns(
            time_ns=at,
            model=names.models.codes(["m"] * n),
            symbol=names.symbols.codes(["A"] * n),
            action=[2] * n,
            confidence=[0.5] * n,
        )
    )
    heard = Heard(tally, None, None, ({}, {}), (), n)
    rules = policy().rules
    until_ns = at[-1] + 600 * 10**9
    told = rate(heard, (), rules, until_ns).alert
    assert told == "no event for 10 minutes, where 2 a minute should come"
    assert rate(heard, (), rules, until_ns - 1).alert == ""


def test_the_longer_a_model_is_silent_the_longer_it_is_waited_for(tmp_path: Path) -> None:
    """A hundred answers in half of the time of two hundred events are half as many an hour."""
    rows = alive(199, every_s=36)
    both = [*rows, *(row | {"model": "b"} for row in rows[:100])]
    both.sort(key=lambda row: row["ts"])
    eta = judged(both, tmp_path).rate.eta_minutes
    assert eta == pytest.approx(100 * 198 * 36 / 60 / 100, rel=0.05)


def test_words_of_ones_own_are_told_the_way_out(tmp_path: Path) -> None:
    rows = alive()
    own = {"BUY": "LONG", "HOLD": "FLAT", "SELL": "SHORT"}
    for row in rows:
        row["action"] = own[row["action"]]
    (detail,) = (one.detail for one in judged(rows, tmp_path).reasons)
    assert detail.endswith(WAY_OUT)
    assert '[actions] buy = ["LONG"] hold = ["FLAT"] sell = ["SHORT"]' in detail


@pytest.mark.parametrize("layout", ["flat", "payload", "bare"])
def test_the_map_that_is_shown_to_fill_in_is_understood(layout: str, tmp_path: Path) -> None:
    rows = alive()
    own = {"BUY": "LONG", "HOLD": "FLAT", "SELL": "SHORT"}
    for row in rows:
        row["action"] = own[row["action"]]
    told = [row if layout == "flat" else in_payload(row) for row in rows]
    if layout == "bare":
        told = [json.loads(row["payload"]) for row in told]
    path, mapped = tmp_path / "bot.jsonl", tmp_path / "map.toml"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in told))
    said = explained(Asked(str(path)))
    assert 'unknown action "' in said
    shown = said.partition("(--field-map map.toml) says what they mean\n")[2]
    for action, word in own.items():
        shown = shown.replace(f"{action.lower()} = []", f'{action.lower()} = ["{word}"]')
    mapped.write_text(shown.replace("NAME", "m"))
    assert gate(path, field_map=mapped).passed
    assert "what they mean" not in explained(Asked(str(path), field_map=mapped))
