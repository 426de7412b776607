"""The rule, made ready to be sealed like any other model.

Nothing is fitted and nothing is judged: its numbers stand in the policy, and it is what
trades where no evidence carries anybody else. Its parity rows are drawn, not taken from
bars, so that sealing it depends on no market.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from stairway.features.spec import FEATURE_NAMES
from stairway.models import baseline
from stairway.models.baseline import BASELINE, EMA_DISTANCE, VOLATILITY, BaselineRules
from stairway.models.bodies.rule import RuleBody
from stairway.models.manifest import Family, GateEvidence, Passport
from stairway.models.parity import MIN_ROWS
from stairway.models.sealed import Bundle
from stairway.training.origin import Origin
from stairway.training.parity_rows import parity_of

_VOLATILITY, _DISTANCE_SIGMAS = 0.01, 2.0
_FLAT_ROWS = 8


def rule_bundle(rules: BaselineRules, origin: Origin) -> Bundle:
    """Return the rule with its passport; the evidence is that of the features it reads."""
    rng = np.random.Generator(np.random.PCG64(origin.seed))
    passport = Passport(
        model=BASELINE,
        family=Family.RULE,
        last_data_ns=origin.last_data_ns,
        feature_names=FEATURE_NAMES,
        schema_hash=origin.schema_hash,
        data_fingerprint=origin.data_fingerprint,
        code_fingerprint=origin.code_fingerprint,
        libraries=origin.libraries,
        trials=1,
        metrics={},
        evidence=(GateEvidence("causality", origin.causality),),
    )
    return Bundle(passport, rule_body(rules, rng))


def rule_body(rules: BaselineRules, rng: np.random.Generator) -> RuleBody:
    """Ask the rule about 256 drawn rows: calm and wild, flat, with holes.

    Examples
    --------
    >>> rules = BaselineRules(max_edge=0.1, scale_sigmas=2.0)
    >>> body = rule_body(rules, np.random.Generator(np.random.PCG64(7)))
    >>> body.parity.rows.shape, body.replay(0.0).findings[0].value
    ((256, 12), 0.0)
    """
    rows = rng.standard_normal((MIN_ROWS, len(FEATURE_NAMES)))
    rows[:, VOLATILITY] = _VOLATILITY * np.abs(rows[:, VOLATILITY])
    rows[:_FLAT_ROWS, VOLATILITY] = 0.0
    rows[:, EMA_DISTANCE] *= _DISTANCE_SIGMAS * rows[:, VOLATILITY]
    return RuleBody(rules, parity_of(rows, partial(baseline.margins, rules), rng))
