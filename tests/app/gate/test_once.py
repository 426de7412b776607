from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app.gate import gate
from stairway.app.gate.report import STATEMENT
from stairway.base.errors import ConfigError, DataError
from stairway.testing.telemetry import FIXTURES, iso, telemetry, write

AT_NS = 1_772_449_200_000_000_000


@pytest.mark.parametrize("end", ["csv", "parquet", "jsonl.gz"])
@pytest.mark.parametrize("name", ["patched", "one_dead", "duplicated"])
def test_every_form_of_the_same_telemetry_is_judged_alike(
    name: str, end: str, bots: Path, tmp_path: Path
) -> None:
    made = telemetry(name)
    whole = gate(bots / f"{name}.jsonl", after=made.cutover)
    other = gate(write(made, tmp_path / f"a.{end}"), after=made.cutover)
    assert other.codes == whole.codes
    for one, two in zip(whole.models, other.models, strict=True):
        assert one.after.counted == two.after.counted
        assert one.before == two.before


def test_an_event_at_the_cutover_belongs_to_after(bots: Path) -> None:
    made = telemetry("few_after")
    later = iso((made.cutover_ns or 0) + 10**9)
    at, past = (gate(bots / "few_after.jsonl", after=a) for a in (made.cutover, later))
    assert [m.after.counted.events for m in at.models] == [41] * 3
    assert [m.after.counted.events for m in past.models] == [40] * 3


def test_only_after_decides_and_before_is_shown(bots: Path) -> None:
    made = telemetry("patched")
    report = gate(bots / "patched.jsonl", after=made.cutover)
    assert report.passed
    one = report.models[0]
    assert one.before is not None
    assert [spike.value for spike in one.before.spikes] == [0.75]
    assert one.after.spikes == ()
    assert {test.what for test in one.tests} >= {"confidence", "actions"}
    assert report.warnings, "other hours of the day"


def test_the_same_telemetry_has_the_same_report_but_for_the_clock(bots: Path) -> None:
    made = telemetry("patched")
    one, two = (gate(bots / "patched.jsonl", after=made.cutover) for _ in range(2))
    assert msgspec.structs.replace(one, at="") == msgspec.structs.replace(two, at="")


def test_a_cutover_before_the_first_event_leaves_nothing_to_compare_with(bots: Path) -> None:
    report = gate(bots / "healthy.jsonl", after="2026-03-01T00:00:00Z")
    assert (report.exit_code, report.codes) == (2, ("gate.no_before",))
    assert "lies before the first event" in report.missing[0].detail


def test_a_cutover_at_the_first_event_is_said_to_be_there(bots: Path) -> None:
    first = gate(bots / "healthy.jsonl").rate.first
    report = gate(bots / "healthy.jsonl", after=first)
    assert report.codes == ("gate.no_before",)
    detail = report.missing[0].detail
    assert detail.startswith(f"the first event is that of the cutover, {first}, and belongs")


def test_nothing_after_the_cutover_is_not_enough(bots: Path) -> None:
    report = gate(bots / "healthy.jsonl", after="2026-03-03T00:00:00Z")
    assert report.exit_code == 2
    assert "gate.too_few" in report.codes


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_source_is_missing_evidence_and_no_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(text)
    report = gate(path)
    assert (report.exit_code, report.codes) == (2, ("gate.no_answers",))


def test_records_without_answers_never_pass(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"event_type": "heartbeat", "payload": "{}"}\n' * 500)
    report = gate(path)
    assert (report.exit_code, report.codes) == (2, ("gate.no_answers",))


def test_a_violation_is_counted_shown_and_kept_as_it_was(bots: Path) -> None:
    report = gate(bots / "violation.jsonl")
    bad = next(m for m in report.models if m.model.startswith("mlp"))
    assert bad.after.counted.outside == 1
    assert [(e.confidence, e.what) for e in bad.after.examples] == [
        (1.05, "confidence outside [0, 1]")
    ]
    assert bad.after.examples[0].at.startswith("line 401,")


def test_the_source_is_the_same_afterwards(bots: Path) -> None:
    path = bots / "capped.jsonl"
    before = path.read_bytes()
    report = gate(path)
    assert report.untouched
    assert report.statement == STATEMENT
    assert path.read_bytes() == before


def test_json_says_everything_and_can_be_read_again(bots: Path) -> None:
    said = json.loads(gate(bots / "one_dead.jsonl").as_json())
    assert said["verdict"]["type"] == "refuse"
    assert all("mlp" in f["detail"] for f in said["verdict"]["findings"])
    assert said["rules"]["min_events"] == 200
    assert len(said["marks"][0]["sha256"]) == 64
    assert [line.partition(",")[0] for line in said["diagnosis"]] == [
        "mlp/mlp-v1 dies at calibrated: alive before it (std 0.165)"
    ]


def test_members_that_agree_as_alive_ones_do_go(bots: Path) -> None:
    agreement = gate(bots / "healthy.jsonl").agreement
    assert agreement is not None
    assert agreement.word == "GO", agreement.detail


@pytest.mark.parametrize("name", FIXTURES)
def test_only_a_report_that_passes_exits_with_0(name: str, bots: Path) -> None:
    report = gate(bots / f"{name}.jsonl")
    assert report.passed == (report.exit_code == 0) == (report.reasons == ())
    assert all(finding.detail in report.why() for finding in report.reasons)


def test_what_is_not_there_or_cut_short_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        gate(tmp_path / "none.jsonl")
    cut = write(telemetry("healthy"), tmp_path / "cut.jsonl.gz")
    cut.write_bytes(cut.read_bytes()[:-500])
    with pytest.raises(DataError, match="cut short"):
        gate(cut)


def test_a_field_map_that_names_a_missing_field_is_an_error(tmp_path: Path) -> None:
    made = write(telemetry("healthy"), tmp_path / "a.csv")
    wrong = tmp_path / "map.toml"
    wrong.write_text('[fields]\ntime = "when"\nsymbol = "symbol"\nmodel = "model"\n')
    with pytest.raises(ConfigError, match="'when'"):
        gate(made, field_map=wrong)
    with pytest.raises(ConfigError, match="cannot be read"):
        gate(made, field_map=tmp_path / "none.toml")


def requiring_go(tmp_path: Path) -> str:
    """The shipped bounds, with the word on agreement binding."""
    text = files("stairway").joinpath("policies", "intraday.toml").read_text("utf-8")
    section = "[quality_gate]" + text.split("[quality_gate]")[1].split("\n[")[0]
    path = tmp_path / "go.toml"
    path.write_text(section.replace("require_go = false", "require_go = true"))
    return str(path)


def fighting(tmp_path: Path, opposed: int) -> Path:
    """A bot of two members who oppose each other on so many of 400 events."""
    rng = np.random.default_rng(3)
    path = tmp_path / "bot.jsonl"
    with path.open("w") as file:
        for i in range(400):
            first = ("BUY", "HOLD", "SELL")[i % 3]
            other = {"BUY": "SELL", "SELL": "BUY"}.get(first, "BUY") if i < opposed else first
            votes = {
                name: {"action": action, "confidence": round(float(rng.uniform(0.3, 0.7)), 6)}
                for name, action in (("forest", first), ("mlp", other))
            }
            payload = {
                "symbol": ("BTC", "ETH")[i % 2],
                "ts": iso(AT_NS + i * 60 * 10**9),
                "model_breakdown": votes,
            }
            line = {"event_type": "trade.intent", "payload": json.dumps(payload)}
            file.write(json.dumps(line) + "\n")
    return path


@pytest.mark.parametrize(
    ("opposed", "code"), [(200, "gate.disagreement"), (0, "gate.agreement")]
)
def test_the_word_on_agreement_binds_where_the_policy_says_so(
    opposed: int, code: str, tmp_path: Path
) -> None:
    bot = fighting(tmp_path, opposed)
    told = gate(bot)
    bound = gate(bot, policy=requiring_go(tmp_path))
    assert told.passed
    assert (told.agreement, told.models) == (bound.agreement, bound.models)
    assert (bound.exit_code, bound.codes) == (2, (code,))


def test_where_go_is_required_and_said_it_passes(bots: Path, tmp_path: Path) -> None:
    report = gate(bots / "healthy.jsonl", policy=requiring_go(tmp_path))
    assert report.agreement is not None
    assert (report.agreement.word, report.passed) == ("GO", True)
