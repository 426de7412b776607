"""All settings of a run, from one policy file.

File < environment ``STAIRWAY__SECTION__KEY`` < flag. The file is one of those shipped in
``stairway/policies`` or a copy that the operator edited. Every key must be there and none
may be there that nobody knows: a limit that was left out is refused, since the program
has no opinion of its own about what may be lost.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stairway.adapters.logs.sqlite import Config as LogConfig
from stairway.app.steward import StewardRules
from stairway.app.tables import numbers, read
from stairway.app.vitals import VitalRules
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Refuse
from stairway.decision.cadence import CadenceRules
from stairway.decision.ensemble import EnsembleRules
from stairway.decision.weights import WeightChecks
from stairway.evaluation.evidence import EVIDENCE_GATES, EvidenceRules
from stairway.evaluation.replay import ReplayRules
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.splits import SplitRules
from stairway.execution.costs import CostRules
from stairway.execution.rules import ExecutionRules
from stairway.features.causality import ProverRules
from stairway.features.labels import LabelRules
from stairway.features.regime import RegimeRules
from stairway.features.spec import FeatureRules
from stairway.lifecycle.canary import CanaryRules
from stairway.lifecycle.leash import StaleRules
from stairway.lifecycle.probation import ProbationRules
from stairway.lifecycle.promotion import PromotionRules
from stairway.lifecycle.rollback import RollbackRules
from stairway.lifecycle.state import ClimbRules
from stairway.market.calendar import SessionRules
from stairway.market.quality import BarRules
from stairway.models.baseline import BaselineRules
from stairway.models.calibration_fit import CalibrationRules
from stairway.risk.limits import RiskLimits, tightened
from stairway.risk.sizing import SizingRules
from stairway.simulation.misfortune import EdgeRules
from stairway.simulation.venue import PaperRules
from stairway.supervision.quality_gate import QualityRules
from stairway.supervision.supervisor import SupervisionRules
from stairway.supervision.tracking import TrackingRules
from stairway.training.boosting import BoostingRules
from stairway.training.rebuild_rules import RebuildRules

PREFIX = "STAIRWAY__"
LIVE_GATES = ("quality_gate",)
QUARANTINE_GATES = ("causality", "artifact")

_MOST, _MOST_HOURS = 1e18, 1e6
"""No number of a policy is larger; in nanoseconds, more would not fit its clock."""

Share = Annotated[float, Meta(gt=0.0, lt=1.0)]


class AccountRules(Config, frozen=True, kw_only=True):
    """Money that a run starts with: ``equity_usd``."""

    equity_usd: Annotated[float, Meta(ge=1.0, le=1e9)]


class BrokerRules(Config, frozen=True, kw_only=True):
    """Who fills the orders: ``kind`` is a file in ``adapters/brokers``."""

    kind: str


class RunRules(Config, frozen=True, kw_only=True):
    """How the bars of a run are divided.

    ``train_frac`` is the share of the bars that training sees; the models climb on the
    rest. ``expected_participation_frac`` is the share of a bar's volume that an order is
    expected to be, when costs are set against an edge before its size is known.
    """

    train_frac: Annotated[float, Meta(gt=0.0, lt=1.0)]
    expected_participation_frac: Annotated[float, Meta(gt=0.0, le=1.0)]


class DrillRules(Config, frozen=True, kw_only=True):
    """Misfortunes of ``--drill``; places are shares of the climb.

    Attributes
    ----------
    edge
        The planted edge.
    edge_dies_at, collapse_at, freeze_at, kill_at
        Where the edge is switched off, a member turns into a constant, the feed hangs, and
        the process is killed.
    freeze_bars
        For how long the feed hangs.
    """

    edge: EdgeRules
    edge_dies_at: Share
    collapse_at: Share
    freeze_at: Share
    kill_at: Share
    freeze_bars: Annotated[int, Meta(ge=1, le=100_000)]


class Settings(Config, frozen=True, kw_only=True):
    """Every section of a policy file."""

    account: AccountRules
    run: RunRules
    bars: BarRules
    session: SessionRules
    features: FeatureRules
    regime: RegimeRules
    labels: LabelRules
    prover: ProverRules
    splits: SplitRules
    boosting: BoostingRules
    calibration: CalibrationRules
    evidence: EvidenceRules
    proof: ProofRules
    battery: RebuildRules
    baseline: BaselineRules
    ensemble: EnsembleRules
    cadence: CadenceRules
    weight_checks: WeightChecks
    sizing: SizingRules
    limits: RiskLimits
    execution: ExecutionRules
    costs: CostRules
    paper: PaperRules
    broker: BrokerRules
    supervision: SupervisionRules
    tracking: TrackingRules
    quality_gate: QualityRules
    steward: StewardRules
    shadow_replay: ReplayRules
    vitals: VitalRules
    promotion: PromotionRules
    canary: CanaryRules
    probation: ProbationRules
    rollback: RollbackRules
    policy_store: StaleRules
    log: LogConfig
    drill: DrillRules

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_gates()
        self._require_bound()

    def _require_gates(self) -> None:
        """Refuse a policy that leaves out a gate which nobody may climb without."""
        for section, given, needed in (
            ("evidence_gates", self.promotion.evidence_gates, EVIDENCE_GATES),
            ("live_gates", self.promotion.live_gates, LIVE_GATES),
            ("quarantine_gates", self.promotion.quarantine_gates, QUARANTINE_GATES),
        ):
            missing = [gate for gate in needed if gate not in given]
            if missing:
                msg = (
                    f"[promotion] {section} lacks {', '.join(missing)}; gates may only be added"
                )
                raise ConfigError(msg)

    def _require_bound(self) -> None:
        """Refuse a bound on R that a trade can exceed: evidence would prove nothing."""
        stop, target = self.labels.stop_vol, self.labels.target_vol
        # A short is stopped where a long takes its profit, and the other way round.
        largest_r = max(target / stop, stop / target)
        for section, bound_r, needed_r in (
            ("probation", self.probation.betting.bound_r, largest_r),
            # Here one side may win that much while the other loses its one R.
            ("promotion", self.promotion.betting.bound_r, 1.0 + largest_r),
        ):
            if not bound_r >= needed_r:
                msg = (
                    f"[{section}.betting] bound_r is {bound_r:g} R, but [labels] target_vol "
                    f"{target:g} and stop_vol {stop:g} let one trade win {largest_r:g} R; "
                    f"raise bound_r to at least {needed_r:g}"
                )
                raise ConfigError(msg)

    @property
    def climb(self) -> ClimbRules:
        """The four sections that decide who stands where."""
        return ClimbRules(
            promotion=self.promotion,
            canary=self.canary,
            probation=self.probation,
            rollback=self.rollback,
        )


_BESIDE = frozenset({"practice", "record"})
"""Files beside the policies; ``app/rl/rules.py`` and ``app/record/wiring.py`` read them."""


def shipped() -> tuple[str, ...]:
    """Names of the policies that come with the package; not all that lies there is one."""
    names = (f.name for f in files("stairway").joinpath("policies").iterdir())
    found = {n.removesuffix(".toml") for n in names if n.endswith(".toml")}
    return tuple(sorted(found - _BESIDE))


def load(policy: str, environment: Mapping[str, str] | None = None) -> Settings:
    """Read ``policy``: a shipped name, or the path of a TOML file.

    Raises
    ------
    ConfigError
        If there is no such policy, a key is unknown, missing or out of range, or the
        environment would widen a limit.
    """
    tables = read("policy", policy, shipped())
    wishes = {n: t for n, t in (environment or {}).items() if n.startswith(PREFIX)}
    if not wishes:
        return decode(tables, policy)
    written = decode(tables, policy)
    for name, text in wishes.items():
        _override(tables, name, text)
    wished = decode(tables, policy)
    match tightened(written.limits, wished.limits):
        case Refuse(findings):
            msg = (
                f"{', '.join(wishes)}: {findings[0].detail}; edit a copy of the policy instead"
            )
            raise ConfigError(msg)
        case _:
            return wished


def decode(tables: Mapping[str, Any], origin: str) -> Settings:
    """Turn plain tables into settings, strictly.

    Raises
    ------
    ConfigError
        If a key is unknown, missing, out of range, or no finite number.
    """
    for key, number in numbers(tables):
        if not math.isfinite(number):
            msg = f"policy {origin!r}: {key} is {number}; every limit is a finite number"
            raise ConfigError(msg)
        most = _MOST_HOURS if key.endswith("_hours") else _MOST
        if not abs(number) <= most:
            msg = f"policy {origin!r}: {key} is {number}; nothing here is larger than {most:g}"
            raise ConfigError(msg)
    try:
        return msgspec.convert(tables, Settings)
    except msgspec.ValidationError as error:
        msg = f"policy {origin!r}: {_explain(str(error), tables)}"
        raise ConfigError(msg) from error
    except ConfigError as error:
        msg = f"policy {origin!r}: {error}"
        raise ConfigError(msg) from error


def plain(settings: Settings) -> dict[str, Any]:
    """Return settings as plain data, as they are put on record."""
    return msgspec.to_builtins(settings)


def fingerprint(settings: Settings) -> str:
    """Hash of every setting."""
    return content_hash(plain(settings))


def _override(tables: dict[str, Any], name: str, text: str) -> None:
    *sections, key = name.removeprefix(PREFIX).lower().split("__")
    table = tables
    for section in sections:
        if not isinstance(table.get(section), dict):
            msg = f"{name}: no section {section!r} in the policy; it has {sorted(table)}"
            raise ConfigError(msg)
        table = table[section]
    if key not in table:
        msg = f"{name}: no key {key!r} there; it has {sorted(table)}"
        raise ConfigError(msg)
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    table[key] = parsed["value"] if parsed.keys() == {"value"} else text


def _explain(error: str, tables: Mapping[str, Any]) -> str:
    """Say where it is and what would be right, in the words of the file."""
    what, _, where = error.partition(" - at `$")
    place = where.rstrip("`").strip(".") or "the top level"
    hint = "see the shipped policies for every key with its unit"
    if "unknown field" in what:
        hint = "remove the key or correct its spelling"
    elif "missing required field" in what:
        hint = "every limit must be said; copy the line from a shipped policy"
    elif not tables:
        hint = "the file is empty; copy a shipped policy and edit it"
    return f"{what[:1].lower()}{what[1:]} in {place}; {hint}"
