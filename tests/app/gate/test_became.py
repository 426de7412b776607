"""A deployment gives a model another version: who is gone, who is new, and who is silent."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.app.gate import gate, wait
from stairway.app.gate.asked import Asked
from stairway.app.gate.became import is_short
from stairway.app.gate.follow import followed
from stairway.app.gate.report import GateReport
from stairway.app.gate.wait import waited
from stairway.app.progress import Silent
from stairway.base.verdict import Inconclusive, Refuse, all_of, inconclusive, refuse
from stairway.dashboard.gate import account, markdown, page, terminal

START_S, EVERY_S = 1_763_628_000, 12
Breakdown = dict[str, dict[str, Any]]


def answer(rng: np.random.Generator, version: str | None) -> dict[str, Any]:
    return {
        "action": str(rng.choice(["BUY", "HOLD", "SELL"])),
        "confidence": round(float(np.clip(rng.normal(0.5, 0.16), 0, 1)), 6),
        "model": version,
    }


def lines(*parts: tuple[int, dict[str, str | None]]) -> list[str]:
    """Write so many events of each part, one after the other, every twelve seconds."""
    rng = np.random.default_rng(5)
    said, at = [], 0
    for n, who in parts:
        for _ in range(n):
            payload = {
                "event_id": f"e{at}",
                "ts": START_S + EVERY_S * at,
                "symbol": "AB"[at % 2],
                "model_breakdown": {
                    slot: answer(rng, version) for slot, version in who.items()
                },
            }
            record = {"event_type": "trade.intent", "payload": json.dumps(payload)}
            said.append(json.dumps(record) + "\n")
            at += 1
    return said


def judged(said: list[str], cut: int, tmp_path: Path) -> GateReport:
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(said))
    return gate(path, after=str(START_S + EVERY_S * cut))


def test_a_new_version_is_judged_on_its_own_answers(tmp_path: Path) -> None:
    report = judged(lines((500, {"m": "v1"}), (500, {"m": "v2"})), 500, tmp_path)
    assert report.passed, report.why()
    assert [one.model for one in report.models] == ["m/v2"]
    assert (report.gone, report.new) == (("m/v1",), ("m/v2",))
    assert report.warnings[0] == "m/v1 is gone since the cutover: m/v2 answers in its place"
    assert report.warnings[1].startswith("m/v2 is new since the cutover")
    for said in (terminal.draw(report, 100), markdown.draw(report), page.page(report)):
        assert "is gone since the cutover" in said
        assert "is new since the cutover" in said


def test_a_new_version_with_too_little_is_not_passed_by_the_old_one(tmp_path: Path) -> None:
    report = judged(lines((900, {"m": "v1"}), (100, {"m": "v2"})), 900, tmp_path)
    assert isinstance(report.verdict, Inconclusive)
    assert report.reasons[0].detail.startswith("m/v2: 100 of 200")


def test_a_slot_that_fell_silent_refuses_while_others_answer(tmp_path: Path) -> None:
    said = lines((500, {"m": "v1", "n": None}), (500, {"n": None}))
    report = judged(said, 500, tmp_path)
    assert (report.codes, report.exit_code) == (("gate.silent",), 2)
    assert report.reasons[0].detail.startswith("m/v1: not one answer since the cutover")
    assert report.gone == ()


def test_silence_is_no_refusal_before_anybody_could_have_heard_it(tmp_path: Path) -> None:
    said = lines((500, {"m": "v1", "n": None}), (199, {"n": None}))
    report = judged(said, 500, tmp_path)
    assert isinstance(report.verdict, Inconclusive)
    assert any(one.detail.startswith("m/v1: 0 of 200") for one in report.reasons)


def test_silence_is_a_refusal_from_exactly_as_many_answers_as_are_needed(
    tmp_path: Path,
) -> None:
    """Of 400 events it answered 200, so that it is due with 200 answers after 400 more."""
    both, one = (200, {"m": "v1", "n": None}), (200, {"n": None})
    refused = judged(lines(both, one, (400, {"n": None})), 400, tmp_path)
    assert refused.codes == ("gate.silent",)
    waiting = judged(lines(both, one, (399, {"n": None})), 400, tmp_path)
    assert isinstance(waiting.verdict, Inconclusive)


def test_a_new_version_that_dies_beside_another_is_judged(tmp_path: Path) -> None:
    beside = [(1, {"m": f"v{2 + i % 2}"}) for i in range(20)]
    said = lines((500, {"m": "v1"}), *beside, (500, {"m": "v3"}))
    report = judged(said, 500, tmp_path)
    assert [one.model for one in report.models] == ["m/v2", "m/v3"]
    assert isinstance(report.verdict, Inconclusive)
    assert report.reasons[0].detail.startswith("m/v2: 10 of 200")


def test_one_of_two_that_answered_side_by_side_is_not_replaced_by_the_other(
    tmp_path: Path,
) -> None:
    """Both had spoken all along: the one that stays is no successor of the one that died."""
    said = lines(*((1, {"m": f"v{1 + i % 2}"}) for i in range(1_000)), (500, {"m": "v1"}))
    report = judged(said, 1_000, tmp_path)
    assert report.codes == ("gate.silent",)
    assert report.reasons[0].detail.startswith("m/v2: ")


@pytest.mark.parametrize("beside", [False, True])
def test_what_an_old_version_still_said_while_a_deployment_rolled_holds_up_nobody(
    *,
    beside: bool,
    tmp_path: Path,
) -> None:
    rolled = ({"m": "v2"}, {"m": "v1"}) if beside else ({"m": "v1"}, {"m": "v1"})
    rolling = [(1, who) for _ in range(5) for who in rolled]
    said = lines((500, {"m": "v1"}), *rolling, (500, {"m": "v2"}))
    report = judged(said, 500, tmp_path)
    assert report.passed, report.why()
    n = 5 if beside else 10
    assert f"m/v1 is gone since the cutover, but for {n} answers" in report.warnings[0]


def test_an_old_version_that_goes_on_is_no_ghost(tmp_path: Path) -> None:
    said = lines((500, {"m": "v1"}), (250, {"m": "v2"}), (100, {"m": "v1"}), (250, {"m": "v2"}))
    report = judged(said, 500, tmp_path)
    assert isinstance(report.verdict, Inconclusive), "it was heard less than an hour ago"
    assert report.reasons[0].detail.startswith("m/v1: 100 of 200")


def test_what_a_version_that_is_gone_broke_after_the_cutover_refuses(tmp_path: Path) -> None:
    said = lines((500, {"m": "v1"}), (5, {"m": "v1"}), (500, {"m": "v2"}))
    said[502] = said[502].replace("BUY", "NUKE").replace("SELL", "NUKE").replace("HOLD", "NUKE")
    report = judged(said, 500, tmp_path)
    assert report.codes == ("gate.contract",)
    assert report.reasons[0].detail.startswith("m/v1: 1 of 5 answers")


def test_the_way_back_to_an_older_version_is_a_change_of_version_too(tmp_path: Path) -> None:
    said = lines((300, {"m": "v1"}), (300, {"m": "v2"}), (500, {"m": "v1"}))
    report = judged(said, 600, tmp_path)
    assert report.passed, report.why()
    assert (report.gone, report.new) == (("m/v2",), ())


def test_waiting_ends_once_the_new_version_has_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_MOST_S", 1.0)
    said = lines((500, {"m": "v1"}), (500, {"m": "v2"}))
    path, rest = tmp_path / "bot.jsonl", "".join(said[600:])
    path.write_text("".join(said[:600]))

    class Grows:
        looks = 0

        def say(self, report: GateReport, seconds: float) -> None:
            del seconds
            assert report.rate.eta_minutes is not None, "it is known when there is enough"
            self.looks += 1
            assert self.looks == 1, "nothing else was to be waited for"
            threading.Timer(0.2, self.grow).start()

        def grow(self) -> None:
            with path.open("a") as file:
                file.write(rest)

    asked = Asked(str(path), after=str(START_S + EVERY_S * 500))
    assert waited(asked, Grows()).passed


def test_too_little_is_all_that_may_be_overlooked_of_a_version_that_is_gone() -> None:
    few, opposed = inconclusive("gate.too_few", "few"), inconclusive("gate.repeats", "some")
    assert is_short(few)
    assert not is_short(all_of([few, opposed]))
    assert not is_short(all_of([few, refuse("gate.contract", "one")]))


# -- without a cutover ---------------------------------------------------------------------------


def whole(said: list[str], tmp_path: Path, after: int | None = None) -> GateReport:
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(said))
    return gate(path, after=None if after is None else str(START_S + EVERY_S * after))


def died() -> list[str]:
    return lines((600, {"a": None, "b": None}), (600, {"a": None}))


def test_a_model_that_dies_in_mid_stream_is_refused_with_when_it_last_spoke(
    tmp_path: Path,
) -> None:
    report = whole(died(), tmp_path)
    assert (report.codes, report.exit_code) == (("gate.silent",), 2)
    assert [one.model for one in report.models if isinstance(one.verdict, Refuse)] == ["b"]
    assert report.reasons[0].detail.startswith(
        "b: no answer after 2025-11-20T10:39:48Z: 600 events came since, in which at its own "
        "pace it would have given 600 answers"
    )
    for draw in (terminal.draw, markdown.draw, page.page):
        assert "Refused: b" in draw(report)


@pytest.mark.parametrize("after", [300, 590])
def test_one_that_dies_after_a_cutover_is_refused_however_little_it_said(
    after: int, tmp_path: Path
) -> None:
    report = whole(died(), tmp_path, after)
    assert report.codes == ("gate.silent",)
    assert report.reasons[0].detail.startswith("b: no answer after 2025-11-20T10:39:48Z")


def test_what_else_is_wrong_with_a_dead_model_is_said_beside_it(tmp_path: Path) -> None:
    said = died()
    said[7] = said[7].replace('confidence\\": 0', 'confidence\\": 7', 2)
    (report,) = (one for one in whole(said, tmp_path).models if one.model == "b")
    assert [one.code for one in report.verdict.findings] == ["gate.contract", "gate.silent"]


def test_one_that_is_silent_for_less_passes_and_is_said_to_be(tmp_path: Path) -> None:
    report = whole(lines((600, {"a": None, "b": None}), (150, {"a": None})), tmp_path)
    assert report.passed
    (warning,) = report.warnings
    assert warning == (
        "b last answered at 2025-11-20T10:39:48Z: 150 events came since, in which at its own "
        "pace it would have given 150 answers"
    )
    report = whole(lines((600, {"a": None, "b": None}), (15, {"a": None})), tmp_path)
    assert (report.passed, report.warnings) == (True, ())


def test_who_is_silent_while_nobody_can_tell_is_not_called_alive(tmp_path: Path) -> None:
    said = lines((600, {"a": None, "b": None}), (150, {"a": None}))
    report = whole(said, tmp_path)
    spoke = "2025-11-20T10:39:48Z"
    assert (report.exit_code, [one.last_spoke for one in report.models]) == (0, ["", spoke])
    assert "1 of 2 passes up to 2025-11-20; silent for" in account.headline(report)
    fresh = msgspec.structs.replace(report, at=report.rate.last)
    assert account.headline(fresh) == f"Alive: 1 of 2 passes. b last spoke at {spoke}."
    drawn = terminal.draw(report, 100)
    assert f"? b  last spoke at {spoke}" in drawn
    assert "✓ a" in drawn
    for draw in (markdown.draw, page.page):
        assert f"b last spoke at {spoke}" in draw(report)
    found = followed(Asked(str(tmp_path / "bot.jsonl")), Silent())
    assert (found.alive, found.exit_code) == (("a, calibrated",), 0)
    assert found.last_spoke == (f"b, calibrated, last spoke at {spoke}",)
    assert found.last_spoke[0] in found.as_text()


def test_one_that_is_under_another_name_since_is_refused(tmp_path: Path) -> None:
    said = lines((600, {"xgb-11": None}), (600, {"xgb-12": None}))
    assert whole(said, tmp_path).codes == ("gate.silent",)
    assert whole(said, tmp_path, 600).codes == ("gate.silent",)


def test_all_who_die_while_a_new_fallback_answers_on_are_refused(tmp_path: Path) -> None:
    said = lines((600, {"mlp": None, "xgb": None}), (600, {"fallback": None}))
    report = whole(said, tmp_path)
    refused = [one.model for one in report.models if isinstance(one.verdict, Refuse)]
    assert (report.exit_code, refused) == (2, ["mlp", "xgb"])


def test_a_version_that_was_replaced_without_a_cutover_holds_up_nobody(tmp_path: Path) -> None:
    said = lines((600, {"m": "v1", "a": None}), (600, {"m": "v2", "a": None}))
    report = whole(said, tmp_path)
    assert report.passed
    assert [line.rpartition("; ")[2] for line in report.warnings] == [
        "m/v2 answers in its place"
    ]
    later = whole(said, tmp_path, after=850)
    assert later.passed, later.why()
    assert later.gone == ("m/v1",)
    assert not any("last answered" in line for line in later.warnings)


def test_a_longer_silence_before_is_told_where_it_counts(tmp_path: Path) -> None:
    both: dict[str, str | None] = {"a": None, "b": None}
    report = whole(
        lines((600, both), (300, {"a": None}), (600, both), (450, {"a": None})), tmp_path
    )
    assert report.passed
    assert report.warnings[0].endswith("; its longest silence before that was of 244")


def test_diagnose_never_calls_the_dead_alive(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(died()))
    found = followed(Asked(str(path)), Silent())
    assert (found.alive, found.exit_code) == (("a, calibrated",), 2)
    assert found.silent[0].startswith("b, calibrated, fell silent at 2025-11-20T10:39:48Z: 600")
    assert found.silent[0] in found.as_text()


def test_diagnose_says_that_answers_break_the_contract_and_not_that_they_are_few(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bot.jsonl"
    said = "".join(lines((600, {"a": None}))).replace('confidence\\": 0', 'confidence\\": 1')
    path.write_text(said)
    found = followed(Asked(str(path)), Silent())
    assert (found.alive, found.too_few, found.exit_code) == ((), (), 2)
    (broken,) = found.broken
    assert broken.startswith(
        "a, calibrated: 600 of 600 answers break the contract, and the rest"
    )
    assert broken in found.as_text()
    path.write_text("".join(lines((100, {"a": None}))).replace('\\"BUY', '\\"LONG'))
    few = followed(Asked(str(path)), Silent())
    assert (few.too_few, few.broken) == (("a, calibrated",), ())
