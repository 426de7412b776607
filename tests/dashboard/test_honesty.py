"""What is shown of live probabilities is what the record said last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stairway.base.units import UtcNs
from stairway.dashboard import report
from stairway.dashboard.honesty import Honesty, banded, honesty, pictures, said
from stairway.dashboard.stairs import stairs
from stairway.dashboard.views import view
from stairway.evaluation import calibration_state as tallies
from stairway.evaluation.calibration import Estimate
from stairway.evaluation.calibration_state import CalibrationState, Outcome
from stairway.supervision import tracking
from stairway.supervision.facts import CalibrationTracked
from stairway.testing.climbing import label_rules, tracking_rules


def read(n: int, *, upside_down: bool, digest: str = "a" * 64) -> CalibrationTracked:
    """A reading after ``n`` outcomes of a model that knows them, or their opposite."""
    up = np.random.default_rng(n).random(n) < 0.5
    state = tallies.empty(tracking_rules())
    for one in up.tolist():
        p = 0.7 if one is not upside_down else 0.3
        grown = tallies.add(state, Outcome("trend", p, 0.5, int(one)))
        assert isinstance(grown, CalibrationState)
        state = grown
    begun = tracking.start(tracking_rules(), label_rules(), ("ALPHA", "BETA"))
    known = msgspec.structs.replace(begun, models={digest: state}, names={digest: "lightgbm"})
    (fact,) = tracking.readings(known, UtcNs(n))[1]
    return fact


class Seen:
    """The one part of a run that is looked at."""

    def __init__(self, *facts: CalibrationTracked) -> None:
        self.calibration = list(facts)


def test_an_alarm_is_shown_with_its_figures() -> None:
    (row,) = honesty(Seen(read(80, upside_down=True)))  # type: ignore[arg-type]
    assert (row.model, row.regime, row.outcomes, row.verdict) == (
        "lightgbm",
        "trend",
        80,
        "refuse",
    )
    assert row.skill is not None
    assert row.skill.high < 0.0
    assert row.why.startswith("skill -0.9")


def test_only_the_last_word_on_a_model_and_regime_is_shown() -> None:
    facts = (read(60, upside_down=True), read(80, upside_down=False))
    (row,) = honesty(Seen(*facts))  # type: ignore[arg-type]
    assert (row.outcomes, row.verdict) == (80, "pass")


def test_too_few_outcomes_are_a_row_without_figures_and_no_diagram() -> None:
    seen = Seen(read(9, upside_down=False))
    (row,) = honesty(seen)  # type: ignore[arg-type]
    assert (row.skill, row.brier, row.ece_corrected) == (None, None, None)
    assert (row.verdict, row.why) == ("inconclusive", "9 of 40 outcomes")
    assert pictures(seen) == ()  # type: ignore[arg-type]


def test_each_model_has_the_diagrams_of_its_own() -> None:
    seen = Seen(read(80, upside_down=False), read(80, upside_down=True, digest="b" * 64))
    found = pictures(seen)  # type: ignore[arg-type]
    assert [one.model for one in found] == ["lightgbm aaaaaaaa", "lightgbm bbbbbbbb"]
    assert [d.regime for one in found for d in one.diagrams] == ["trend", "trend"]


def test_rows_are_plain_enough_to_be_written_and_read() -> None:
    rows = honesty(Seen(read(80, upside_down=False)))  # type: ignore[arg-type]
    assert msgspec.json.decode(msgspec.json.encode(rows), type=tuple[Honesty, ...]) == rows


def test_a_band_is_written_beside_its_number() -> None:
    assert banded(Estimate(0.5, 0.25, 0.75)) == "0.500 (0.250 to 0.750)"
    assert banded(None) == ""


def test_what_a_row_shows_is_not_said_again_in_it() -> None:
    facts = (
        read(80, upside_down=True),
        read(80, upside_down=False, digest="b" * 64),
        read(9, upside_down=False, digest="c" * 64),
    )
    rows = honesty(Seen(*facts))  # type: ignore[arg-type]

    assert [said(row) for row in rows] == ["alarm", "skilled", "9 of 40"]
    odd = msgspec.structs.replace(rows[1], verdict="inconclusive")
    assert said(odd) == "unproven"


def test_too_few_are_counted_as_everywhere_else() -> None:
    (row,) = honesty(Seen(read(9, upside_down=False)))  # type: ignore[arg-type]
    few = msgspec.structs.replace(row, why="142 of 1000 outcomes")

    assert said(few) == "142 of 1,000"


def test_the_page_shows_a_row_of_figures_and_a_word(teller: Any, tmp_path: Path) -> None:
    fact = read(80, upside_down=True)
    folder = (
        teller.model().marks("capital", [1.0] * 60).tell(fact).finish().write(tmp_path / "r")
    )
    seen = view(folder.root)

    page = report.page(folder, seen, stairs(seen), ())

    rows = (
        page.split('aria-label="Live calibration"')[1].split("<tbody>")[1].split("</tbody>")[0]
    )
    (row,) = honesty(seen)
    assert f'title="{row.why}"' in rows
    assert rows.count(row.why) == 1
    assert rows.rstrip().endswith("</span> alarm</td></tr>")


def test_words_behind_figures_stand_apart_from_them() -> None:
    css = Path(report.__file__).with_name("templates") / "report.css"
    (apart,) = re.findall(
        r"^\.num \+ :not\(\.num\) \{ padding-left: ([\d.]+)rem; \}$",
        css.read_text("utf-8"),
        re.MULTILINE,
    )
    assert float(apart) >= 1.0
