from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from stairway.app.gate.report import GateReport, Spike
from stairway.dashboard.gate.picture import histograms, matrix, symbols

Reports = Callable[[str], GateReport]


def test_both_sides_are_drawn_on_one_scale_and_the_spike_is_cut(report: Reports) -> None:
    one = report("patched").models[0]
    before, after = histograms(one)
    assert before is not None
    mark = before.marks[0]
    assert (mark.at, mark.label, mark.cut) == (0.75, "0.75: 73.0 %", True)
    assert after.marks == ()
    assert max(bar.height for bar in after.bars) == pytest.approx(1 / 1.35)
    assert max(bar.height for bar in before.bars) < max(bar.height for bar in after.bars)


def test_ordinary_bars_and_spikes_hold_every_answer_once(report: Reports) -> None:
    _, drawn = histograms(report("fallback").models[0])
    mark = drawn.marks[0]
    half = next(bar.height for bar in drawn.bars if bar.at == 0.5)
    assert mark.base == half, "the spike stands on what is ordinary in its bin"
    assert 0 < mark.height <= 1 - mark.base


def test_a_model_that_says_one_thing_is_one_bar_in_the_picture(report: Reports) -> None:
    dead = next(m for m in report("one_dead").models if m.model.startswith("mlp"))
    _, drawn = histograms(dead)
    assert drawn.bars == ()
    assert [(mark.at, mark.height) for mark in drawn.marks] == [(0.65, 1.0)]


def test_labels_of_neighbours_stand_on_lines_of_their_own(report: Reports) -> None:
    one = report("healthy").models[0]
    near = tuple(Spike(v, 100, 0.1, 1.0, 0.0) for v in (0.5, 0.52, 0.95, 1.0, 0.0))
    _, drawn = histograms(
        msgspec.structs.replace(one, after=msgspec.structs.replace(one.after, spikes=near))
    )
    labelled = [mark for mark in drawn.marks if mark.label]
    assert len(labelled) == 3, "the largest have labels, all are marked"
    assert len(drawn.marks) == 5
    assert len({mark.row for mark in labelled if abs(mark.at - 0.5) < 0.1}) == 2
    assert all(0 <= mark.base + mark.height <= 1 for mark in drawn.marks)
    assert next(m for m in drawn.marks if m.at == 1.0).side == "left"


def test_rows_of_the_matrix_and_mixes_of_instruments_are_shares(report: Reports) -> None:
    side = report("healthy").models[0].after
    assert all(sum(cell.frac for cell in row) == pytest.approx(1.0) for row in matrix(side))
    mixes = symbols(side)
    assert sum(one.answers for one in mixes) == side.counted.events
    assert [one.answers for one in mixes] == sorted((m.answers for m in mixes), reverse=True)
