"""Put together what speaks for a candidate and against it, once all candidates are made.

1. All candidates of a training, at the bars that they have in common.
2. Beside them at the same bars the static rule, which is in charge until somebody else is,
   and the same probabilities traded without costs.
3. What a sceptic asks of each (:mod:`stairway.evaluation.proof_of_returns`).
4. All of it, with every gate's verdict, as one proof that is sealed with the model.

``stairway validate`` does 1 to 3 again, by the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import InvariantError
from stairway.base.verdict import Refuse
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.proof import SCHEMA_VERSION, Account, Proof, from_bytes, to_bytes
from stairway.evaluation.proof_of_returns import ReturnsProof, Rules, proof_of_returns
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.skill import Forecasts
from stairway.models import baseline
from stairway.models.baseline import BaselineRules
from stairway.models.manifest import Passport
from stairway.training.origin import Origin
from stairway.training.trading import Backtest, Returns

S = TypeVar("S", bound=msgspec.Struct)


class Heard(NamedTuple):
    """What a candidate said out of fold, and what its account came to.

    Attributes
    ----------
    model
        Its name.
    confidence : (n, 2) float64
        NaN where it said nothing.
    returns : (n,) float64
        After costs; NaN before its evidence begins.
    """

    model: str
    confidence: FloatArray
    returns: FloatArray


@dataclass(frozen=True, slots=True)
class Contest:
    """Candidates of one training, and the rule, at the bars that all have in common.

    Attributes
    ----------
    heard
        The candidates.
    first
        First bar from which the evidence of each is complete.
    rule : (n - first,) float64
        What the static rule came to there, after costs.
    """

    heard: tuple[Heard, ...]
    first: int
    rule: FloatArray


def contest(
    heard: Sequence[Heard], features: FloatArray, rules: BaselineRules, backtest: Backtest
) -> Contest:
    """Hold candidates against the static rule, traded over the same bars.

    Parameters
    ----------
    features : (n, 2, k) float64
        That the rule answers.
    """
    first = max((_begin(one.returns) for one in heard), default=0)
    rows = np.ascontiguousarray(features.reshape(features.shape[0] * 2, -1))
    said = np.array([baseline.confidence(rules, row) for row in rows])
    rule = traded(backtest.returns_of, said.reshape(features.shape[0], 2), first)
    return Contest(tuple(heard), first, rule)


def record_of(among: Contest, model: str, trials: int, backtest: Backtest) -> Record:
    """Return the record of one candidate beside the others, the rule, and no costs.

    Parameters
    ----------
    trials
        As the registry counts them; fewer than there are candidates cannot be.
    """
    names = tuple(one.model for one in among.heard)
    chosen = names.index(model)
    confidence = among.heard[chosen].confidence
    return Record(
        net=np.column_stack([one.returns[among.first :] for one in among.heard]),
        names=names,
        chosen=chosen,
        n_trials=max(trials, len(names)),
        periods_per_year=backtest.periods_per_year,
        baseline=among.rule,
        champion=among.rule,
        gross=traded(backtest.gross_of, confidence, among.first),
    )


def shown(
    record: Record, said: Forecasts, rules: Rules, rng: np.random.Generator
) -> ReturnsProof:
    """Ask a sceptic's questions; figures that cannot be read back are left out.

    Their reasons stand in the answers.
    """
    found = proof_of_returns(record, said, rules, rng)
    honest = tuple(_sound(one) for one in found.figures.honesty)
    figures = _sound(msgspec.structs.replace(found.figures, honesty=honest))
    return ReturnsProof(figures, found.answers)


class Told(NamedTuple):
    """What was found out about the whole training, and what about one candidate."""

    battery: BatteryReport
    account: Account
    shown: ReturnsProof


def proof_of(passport: Passport, origin: Origin, told: Told) -> bytes:
    """Write the proof of one candidate.

    Raises
    ------
    InvariantError
        If what was written cannot be read: a figure that is not finite slipped in.
    """
    written = to_bytes(
        Proof(
            schema_version=SCHEMA_VERSION,
            model=passport.model,
            schema_hash=passport.schema_hash,
            data_fingerprint=passport.data_fingerprint,
            code_fingerprint=passport.code_fingerprint,
            trials=passport.trials,
            causality=origin.causality,
            battery=told.battery,
            evidence=passport.evidence,
            account=told.account,
            shown=told.shown,
        )
    )
    match from_bytes(written):
        case Refuse(findings):
            msg = f"the proof of {passport.model} does not read back: {findings[0].detail}"
            raise InvariantError(msg)
        case _:
            return written


def traded(returns_of: Returns, confidence: FloatArray, first: int) -> FloatArray:
    """Trade probabilities from one bar on; returns from there."""
    said = confidence.copy()
    said[:first] = np.nan
    return returns_of(said)[first:]


def _begin(returns: FloatArray) -> int:
    rows = np.flatnonzero(np.isfinite(returns))
    return int(rows[0]) if rows.size else returns.size


def _sound(found: S) -> S:
    """Leave out what does not read back as it is written: JSON has no infinity and no NaN."""
    if _reads_back(found, type(found)):
        return found
    kinds = {field.name: field.type for field in msgspec.structs.fields(type(found))}
    bad: dict[str, Any] = {
        name: None
        for name, kind in kinds.items()
        if not _reads_back(getattr(found, name), kind)
    }
    return msgspec.structs.replace(found, **bad)


def _reads_back(value: object, kind: Any) -> bool:
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=kind) == value
    except msgspec.ValidationError:
        return False
