"""Rules, trades and answers to test supervision and the stairs with.

The rules hold the numbers of ``intraday.toml``.
"""

from __future__ import annotations

from stairway.base.units import NS_PER_DAY, NS_PER_HOUR, Lots, Micros, UtcNs
from stairway.decision.intent import Route, Vote
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.execution.facts import TradeClosed
from stairway.features.labels import LabelRules
from stairway.lifecycle.canary import CanaryRules, SharpeTest
from stairway.lifecycle.preflight import PreflightRules
from stairway.lifecycle.probation import ProbationRules
from stairway.lifecycle.promotion import PromotionRules
from stairway.lifecycle.rollback import RollbackRules
from stairway.lifecycle.state import ClimbRules
from stairway.models.prediction import Action, Prediction
from stairway.supervision.drift import DriftRules
from stairway.supervision.eprocess import BettingRules
from stairway.supervision.quality_gate import QualityRules
from stairway.supervision.supervisor import SupervisionRules
from stairway.supervision.tracking import TrackingRules
from stairway.supervision.weights import WeightRules

_BETS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
_RISK_MICROS = 1_000_000


def betting_rules(bound_r: float = 2.0, clip_r: float = 1.5) -> BettingRules:
    """Return the usual mixture of bets."""
    return BettingRules(bets=_BETS, bound_r=bound_r, clip_r=clip_r)


def drift_rules() -> DriftRules:
    """Return the drift rules of SPEC.md."""
    return DriftRules(
        loss_run=3,
        reference_win_rate=0.55,
        alternative_loss_rates=(0.55, 0.6, 0.7, 0.8),
        run_length_trades=1000,
        approved_trades=30,
        approved_z=1.2816,
    )


def weight_rules() -> WeightRules:
    """Return weight rules with the floor and cap of SPEC.md."""
    return WeightRules(
        window_trades=20,
        prior_trades=10,
        gain_r=3.0,
        gain_win=2.0,
        floor=0.05,
        cap=0.40,
        cap_spread=1.5,
    )


def tracking_rules(every_bars: int = 5, block_outcomes: int = 4) -> TrackingRules:
    """Return how calibration is tracked, over blocks that a short test can fill."""
    return TrackingRules(
        every_bars=every_bars,
        n_bins=10,
        eps=1e-6,
        prior_n=20.0,
        block_outcomes=block_outcomes,
        min_blocks=10,
        level=0.95,
    )


def label_rules(horizon_bars: int = 5, *, within_session: bool = False) -> LabelRules:
    """Return labels of a short horizon."""
    return LabelRules(
        horizon_bars=horizon_bars, stop_vol=2.0, target_vol=2.0, within_session=within_session
    )


def supervision_rules() -> SupervisionRules:
    """Return what the supervisor works by."""
    return SupervisionRules(
        recent_trades=10,
        telemetry_window_events=500,
        late_hours=24,
        drift=drift_rules(),
        weights=weight_rules(),
    )


def quality_rules() -> QualityRules:
    """Return the quality gate of SPEC.md."""
    return QualityRules(
        min_events=200,
        min_effective_events=20,
        min_span_hours=1,
        min_symbols=2,
        max_majority_pct=70,
        max_hold_pct=85,
        min_std=0.05,
        min_width=0.12,
        constant_std=0.01,
        min_distinct=10,
        max_single_pct=50,
        holds_by_design=(),
        require_go=False,
    )


def climb_rules() -> ClimbRules:
    """Return the stairs of SPEC.md, as for one-minute bars."""
    return ClimbRules(
        promotion=PromotionRules(
            evidence_gates=EVIDENCE_GATES,
            live_gates=("quality_gate",),
            quarantine_gates=("causality", "artifact"),
            shadow_hours=24,
            shadow_trades=50,
            canary_hours=24,
            canary_trades=50,
            e_needed=20,
            tolerance_r=0.05,
            betting=betting_rules(bound_r=3.0, clip_r=3.0),
            preflight=PreflightRules(
                paths=500,
                trades=30,
                block_trades=5,
                min_trades=50,
                max_false_rollback=0.5,
                seed=7,
            ),
            keep_trades=400,
            late_hours=24,
        ),
        canary=CanaryRules(
            share=0.01,
            ramp_shares=(0.05, 0.25, 1.0),
            ramp_hours=24,
            ramp_trades=10,
            max_latency_p999_ms=10,
            max_error_rate=0.001,
            max_drawdown_frac=0.02,
            max_sharpe_degradation=0.20,
            sharpe_test=SharpeTest.PAIRED,
            sharpe_trades=30,
            e_degraded=20,
            silent_clocks=30,
        ),
        probation=ProbationRules(
            window_hours=24,
            min_trades=10,
            trades_to_pass=10,
            min_average_r=-0.3,
            min_win_rate=0.35,
            e_likely=5,
            e_confirmed=20,
            betting=betting_rules(),
        ),
        rollback=RollbackRules(
            cooldown_hours=24,
            likely_factor=2,
            max_rollbacks=3,
            window_hours=24,
            freeze_hours=72,
        ),
    )


def closed_trade(
    digest: str,
    r: float,
    *,
    day: float = 0.0,
    book: str = "capital",
    stage: str = "champion",
    model: str = "lightgbm",
) -> TradeClosed:
    """Return a trade of one model that made ``r``; opened an hour before it closed.

    Parameters
    ----------
    day
        When it closed, in days; also what makes its id.

    Examples
    --------
    >>> closed_trade("d1", 0.5).pnl_micros
    500000
    """
    closed_ns = UtcNs(round(day * NS_PER_DAY))
    readable = r if abs(r) < 1e6 else 0.0  # noqa: PLR2004 - money cannot hold NaN or infinity
    return TradeClosed(
        trade_id=f"{book}/{digest}/{day}",
        book=book,
        symbol="A",
        model=model,
        route=Route.MEMBER,
        votes=(Vote(model, digest, stage, 1.0, 0.6),),
        side=1,
        lots=Lots(10),
        opened_ns=UtcNs(closed_ns - NS_PER_HOUR),
        closed_ns=closed_ns,
        entry_usd=100.0,
        exit_usd=100.0 + readable,
        pnl_micros=Micros(round(readable * _RISK_MICROS)),
        fees_micros=Micros(0),
        risk_micros=Micros(_RISK_MICROS),
        r_multiple=r,
        pnl_frac=readable / 100,
        exit="target" if readable > 0 else "stop",
    )


def predicted(
    digest: str,
    confidence: float,
    *,
    at_ns: int = 0,
    symbol: str = "A",
    action: Action = Action.BUY,
    model: str = "lightgbm",
) -> Prediction:
    """Return an answer of one model.

    Examples
    --------
    >>> predicted("d1", 0.6).honours_contract
    True
    """
    return Prediction(
        model, "v1", digest, symbol, UtcNs(at_ns), "range", 0.0, confidence, action
    )
