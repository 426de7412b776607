from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, passed, refuse
from stairway.evaluation.metrics import reliability
from stairway.models.manifest import GateEvidence
from stairway.training.report import CandidateReport, TrainingReport


def candidate(**changes: object) -> CandidateReport:
    diagram = reliability(np.linspace(0.3, 0.7, 50), np.arange(50) % 2.0, 5)
    plain = CandidateReport(
        model="lightgbm",
        digest="0" * 64,
        version="v20180102_000000",
        verdict=refuse("evidence.skill", "no skill", -0.01, 0.0, 300),
        evidence=(
            GateEvidence("causality", passed("causality.clean", "nothing moved")),
            GateEvidence("calibration_skill", refuse("evidence.skill", "no skill")),
            GateEvidence("measured.skill.crisis", inconclusive("evidence.too_few", "3 of 30")),
        ),
        metrics={"brier": 0.25},
        reliability={"all": diagram},
        oof="oof/lightgbm.npz",
        proof="9" * 64,
    )
    return msgspec.structs.replace(plain, **changes)


def report(*candidates: CandidateReport) -> TrainingReport:
    return TrainingReport(
        n_bars=3_000,
        data_fingerprint="bars",
        code_fingerprint="code",
        schema_hash="schema",
        causality=passed("causality.clean", "nothing moved"),
        candidates=candidates,
        baseline="b" * 64,
    )


def test_it_reads_back_as_it_was_written_verdicts_and_diagrams_included() -> None:
    written = report(candidate(), candidate(digest=None, version=None, oof=None))

    read = msgspec.json.decode(msgspec.json.encode(written), type=TrainingReport)

    assert read == written
    kinds = [type(item.verdict) for item in read.candidates[0].evidence]
    assert kinds == [Pass, Refuse, Inconclusive]


def test_a_verdict_cannot_be_changed_into_a_pass_by_leaving_its_kind_out() -> None:
    plain = msgspec.to_builtins(report(candidate()))
    del plain["candidates"][0]["verdict"]["type"]

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(plain, TrainingReport)


def test_a_refusal_without_a_reason_is_not_a_refusal() -> None:
    plain = msgspec.to_builtins(report(candidate()))
    plain["candidates"][0]["verdict"]["findings"] = []

    with pytest.raises(msgspec.ValidationError, match="must say why"):
        msgspec.convert(plain, TrainingReport)


@pytest.mark.parametrize("key", CandidateReport.__struct_fields__)
def test_nothing_may_be_left_out(key: str) -> None:
    plain = msgspec.to_builtins(report(candidate()))
    del plain["candidates"][0][key]

    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(plain, TrainingReport)


def test_a_key_that_nobody_knows_is_refused() -> None:
    plain = msgspec.to_builtins(report(candidate()))
    plain["candidates"][0]["approved"] = True

    with pytest.raises(msgspec.ValidationError, match="approved"):
        msgspec.convert(plain, TrainingReport)


def test_a_figure_that_is_not_a_number_cannot_pass_through_the_file() -> None:
    written = msgspec.json.encode(report(candidate(metrics={"brier": math.nan})))

    with pytest.raises(msgspec.ValidationError, match="float"):
        msgspec.json.decode(written, type=TrainingReport)
