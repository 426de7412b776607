"""Small models that need no training: for tests of whatever stands around a model.

They are sound in every way that sealing asks for and know nothing about markets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.base.units import NS_PER_DAY, UtcNs
from stairway.base.verdict import Refuse, passed
from stairway.features.spec import FEATURE_NAMES
from stairway.models.actor import Actor
from stairway.models.baseline import BASELINE, BaselineRules
from stairway.models.bodies.forest import ForestBody
from stairway.models.bodies.policy import PolicyBody, PolicyParity
from stairway.models.bodies.rule import RuleBody
from stairway.models.calibration import REGIMES, Calibration, CalibrationForm, RegimeMap
from stairway.models.families import Body
from stairway.models.forest import Forest
from stairway.models.manifest import Family, GateEvidence, Passport
from stairway.models.normaliser import Normaliser
from stairway.models.observation import ACTIONS, OBSERVATION
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import Policy, observations
from stairway.models.sealed import Bundle, SealedModel, pack, unpack
from stairway.training.grow import Split, grow
from stairway.training.parity_rows import parity_of
from stairway.training.rule import rule_body

Tree: TypeAlias = "Split[Tree] | float"
TREES = 5
DEPTH = 3
LAST_DATA_NS = UtcNs(17_533 * NS_PER_DAY)


def toy_tree(rng: np.random.Generator, n_features: int, depth: int) -> Tree:
    """Grow a full random tree as nested splits; leaves lie in [-1, 1)."""
    if depth == 0:
        return float(rng.uniform(-1.0, 1.0))
    return Split(
        feature=int(rng.integers(n_features)),
        threshold=float(rng.standard_normal()),
        missing_left=bool(rng.integers(2)),
        left=toy_tree(rng, n_features, depth - 1),
        right=toy_tree(rng, n_features, depth - 1),
    )


def toy_forest(seed: int = 7, n_features: int = len(FEATURE_NAMES)) -> Forest:
    """Return five random trees of depth three.

    Examples
    --------
    >>> toy_forest(seed=1).roots.tolist()
    [0, 15, 30, 45, 60]
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    trees = [toy_tree(rng, n_features, DEPTH) for _ in range(TREES)]
    return grow(trees, lambda node: node, base=0.125)


def toy_calibration() -> Calibration:
    """Return straight maps, a little different in each regime.

    Examples
    --------
    >>> from stairway.models.calibration import apply
    >>> [round(apply(toy_calibration(), 5.0, regime), 2) for regime in ("range", "trend")]
    [0.68, 0.69]
    """
    return Calibration(
        {
            regime: RegimeMap(
                form=CalibrationForm.SHRUNK_PLATT,
                n=600,
                n_effective=120.0,
                x=(-5.0, 0.0, 5.0),
                y=(0.32 - 0.01 * i, 0.5, 0.68 + 0.01 * i),
            )
            for i, regime in enumerate(REGIMES)
        }
    )


def toy_passport(
    model: str = "lightgbm",
    schema_hash: str = "5" * 64,
    family: Family = Family.LIGHTGBM,
) -> Passport:
    """Return the passport of a model that passed one gate.

    Examples
    --------
    >>> toy_passport().evidence[0].gate
    'causality'
    """
    return Passport(
        model=model,
        family=family,
        last_data_ns=LAST_DATA_NS,
        feature_names=FEATURE_NAMES,
        schema_hash=schema_hash,
        data_fingerprint="d" * 64,
        code_fingerprint="c" * 64,
        libraries={"numpy": np.__version__},
        trials=1,
        metrics={"brier": 0.25},
        evidence=(GateEvidence("causality", passed("causality.clean", "nothing moved")),),
    )


def toy_rule(schema_hash: str = "5" * 64) -> Passport:
    """Return the passport of a rule, which has a slot of its own.

    Examples
    --------
    >>> toy_rule().model
    'baseline'
    """
    return toy_passport(BASELINE, schema_hash, Family.RULE)


def toy_forest_body(seed: int) -> ForestBody:
    """Return a forest with its calibration, and parity rows that it answers itself."""
    forest, rng = toy_forest(seed), np.random.Generator(np.random.PCG64(seed))
    rows = rng.standard_normal((MIN_ROWS, len(FEATURE_NAMES)))
    return ForestBody(forest, toy_calibration(), parity_of(rows, forest.margins, rng))


def toy_rule_body(seed: int) -> RuleBody:
    """Return a rule that believes more for a greater seed; 7 is that of ``daily.toml``."""
    rules = BaselineRules(max_edge=0.01 * (3 + seed % 40), scale_sigmas=2.0)
    return rule_body(rules, np.random.Generator(np.random.PCG64(seed)))


def toy_policy(schema_hash: str = "5" * 64) -> Passport:
    """Return the passport of a policy.

    Examples
    --------
    >>> toy_policy().family.value
    'policy'
    """
    return toy_passport("policy", schema_hash, Family.POLICY)


def toy_actor(seed: int, hidden: tuple[int, ...] = (16, 16)) -> Actor:
    """Return a policy with random layers, behind a normaliser that shrinks a little.

    Examples
    --------
    >>> toy_actor(7).policy.hidden
    (16, 16)
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    widths = (OBSERVATION, *hidden, ACTIONS)
    weights = [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in pairwise(widths)]
    biases = [0.1 * rng.standard_normal(b) for b in widths[1:]]
    policy = Policy(
        tuple(weight.astype(np.float32) for weight in weights),
        tuple(bias.astype(np.float32) for bias in biases),
    )
    normaliser = Normaliser(0.1 * rng.standard_normal(24), rng.uniform(0.5, 2.0, 24), clip=5.0)
    return Actor(policy, normaliser)


def toy_policy_body(seed: int) -> PolicyBody:
    """Return a policy with its calibration, and vectors that it answers itself."""
    actor, rng = toy_actor(seed), np.random.Generator(np.random.PCG64(seed))
    rows = rng.standard_normal((MIN_ROWS, 2, len(FEATURE_NAMES)))
    positions = rng.integers(-1, 2, (MIN_ROWS, 2)).astype(np.int32)
    logits = actor.policy.logits(observations(rows, positions, actor.normaliser))
    return PolicyBody(actor, toy_calibration(), PolicyParity(rows, positions, logits))


TOYS: Mapping[Family, Callable[[int], Body]] = {
    Family.LIGHTGBM: toy_forest_body,
    Family.XGBOOST: toy_forest_body,
    Family.RULE: toy_rule_body,
    Family.POLICY: toy_policy_body,
}
"""A body of every family, by seed."""


def toy_bundle(seed: int = 7, passport: Passport | None = None) -> Bundle:
    """Return everything that can be sealed; each seed is another model.

    Examples
    --------
    >>> pack(toy_bundle(1)).digest == pack(toy_bundle(2)).digest
    False
    """
    passport = passport or toy_passport()
    return Bundle(passport, TOYS[passport.family](seed))


def rule_under(
    rules: BaselineRules, schema_hash: str, last_data_ns: int = LAST_DATA_NS
) -> Bundle:
    """Return the rule of a policy, for a folder of models that climb under it.

    Examples
    --------
    >>> rules = BaselineRules(max_edge=0.2, scale_sigmas=2.0)
    >>> rule_under(rules, "5" * 64).passport.model
    'baseline'
    """
    passport = replace(toy_rule(schema_hash), last_data_ns=UtcNs(last_data_ns))
    return Bundle(passport, rule_body(rules, np.random.Generator(np.random.PCG64(7))))


def toy_sealed(seed: int = 7, passport: Passport | None = None) -> SealedModel:
    """Return a model that was packed and opened again, without a disk between.

    Examples
    --------
    >>> toy_sealed(passport=toy_rule()).manifest.passport.family.value
    'rule'
    """
    packed = pack(toy_bundle(seed, passport))
    opened = unpack(packed.manifest, packed.blobs)
    if isinstance(opened, Refuse):
        raise InvariantError(opened.findings[0].detail)
    return opened
