"""The last answers of each model, kept for the quality gate.

A window of the last answers, not a total: a member that collapses after a thousand good
answers must be seen within one window. Warming up is no answer. An answer for the same
instrument at the same or an earlier instant is a repeat, and counts once.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from stairway.models.prediction import Action, Answer, Exclusion, ExclusionCode, Prediction
from stairway.supervision.quality_gate import PPM, Sample

_BROKEN = frozenset({ExclusionCode.CONTRACT, ExclusionCode.NOT_FINITE})


class Telemetry(msgspec.Struct, frozen=True):
    """What one model said lately.

    Attributes
    ----------
    window
        Its last answers, oldest first.
    last_ns
        Instant of the last answer about each instrument.
    answers, failures, repeats
        Ever: what counts as an answer, those of them that failed to come (an error, a
        time-out, a wrong schema, a broken contract), and repeats that were ignored.
    """

    window: tuple[Sample, ...] = ()
    last_ns: dict[str, int] = {}
    answers: int = 0
    failures: int = 0
    repeats: int = 0


def hear(telemetry: Telemetry, answer: Answer, keep: int) -> Telemetry:
    """Take one answer into account, keeping the last ``keep``.

    Examples
    --------
    >>> from stairway.testing.climbing import predicted
    >>> hear(Telemetry(), predicted("d1", 0.6), keep=10).window[0].confidence_ppm
    600000
    """
    if isinstance(answer, Exclusion) and answer.code is ExclusionCode.WARMING_UP:
        return telemetry
    if answer.as_of_ns <= telemetry.last_ns.get(answer.symbol, -1):
        return msgspec.structs.replace(telemetry, repeats=telemetry.repeats + 1)
    sample, failed = _read(answer)
    return Telemetry(
        window=(*telemetry.window, sample)[-keep:] if sample else telemetry.window,
        last_ns=telemetry.last_ns | {answer.symbol: answer.as_of_ns},
        answers=telemetry.answers + 1,
        failures=telemetry.failures + failed,
        repeats=telemetry.repeats,
    )


def _read(answer: Answer) -> tuple[Sample | None, bool]:
    """Return what the gate will see of an answer, and whether the answer failed."""
    at, symbol = answer.as_of_ns, answer.symbol
    match answer:
        case Prediction():
            kept = answer.honours_contract
            ppm = round(answer.confidence * PPM) if kept else None
            return Sample(at, symbol, answer.action, ppm), not kept
        case Exclusion():
            if answer.code in _BROKEN:
                return Sample(at, symbol, Action.HOLD, None), True
            return None, True
        case _:
            assert_never(answer)
