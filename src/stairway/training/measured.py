"""What is measured while a policy is practised: roll-outs, walks, episodes, divergence.

Money is in basis points of equity or in fractions of it, time in bars; nothing here is a
duration, so two runs of the same job leave the same bytes.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stairway.base.verdict import Verdict
from stairway.simulation.health import Health


class Learner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one update of the policy looked like; ``None`` where the trainer did not say.

    Attributes
    ----------
    policy_loss, value_loss, entropy, kl, clip_frac, explained_variance
        Means over the update, as Stable-Baselines3 defines them.
    """

    policy_loss: float | None = None
    value_loss: float | None = None
    entropy: float | None = None
    kl: float | None = None
    clip_frac: float | None = None
    explained_variance: float | None = None


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One roll-out of one seed: measured under the terms that were in force for it.

    Attributes
    ----------
    seed, cycle
        Whose it is; cycle 0 is the making of the reference.
    steps
        Environment steps of this policy at its end, the reference's included.
    hold_rate
        Share of steps whose action was 4 (hold both).
    fills_per_session
        Position changes of both instruments per session.
    no_fill_share
        Share of steps without a position change.
    action_share
        Share of each of the nine actions.
    reward, reward_variance
        Mean and variance of one step's reward, all terms.
    profit_bps, rms_profit_bps
        Mean and root mean square of one step's profit, basis points of equity.
    scale_bps, bonus, ticket, downside
        Terms of the reward that were in force. Under the literal law (and the plan's) they
        move at every step; these are those of the roll-out's first step.
    target_hold, target_fills
        What the controller was after: hold rate, and fills per session.
    score
        Mean regime score over the roll-out, in [-3, 3].
    episodes, episode_bars, terminated
        Episodes that ended, their mean length (``None`` where none did), and how many of
        them were ended early by their drawdown.
    drawdown_frac
        Deepest fall from a peak of its session that any account went through inside the
        roll-out, lost episodes included.
    positions
        Mean position of each instrument at the end, in [-1, 1].
    health
        Of the controller; ``None`` under fixed terms, and in the first roll-outs.
    learner
        The update that followed.
    regime_share
        Share of steps in each regime, in the order of ``features.regime.LABELS``; ``None``
        in what was written down before it was counted.
    """

    seed: int
    cycle: int
    steps: int
    hold_rate: float
    fills_per_session: float
    no_fill_share: float
    action_share: tuple[float, ...]
    reward: float
    reward_variance: float
    profit_bps: float
    rms_profit_bps: float
    scale_bps: float
    bonus: float
    ticket: float
    downside: float
    target_hold: float | None
    target_fills: float | None
    score: float
    episodes: int
    episode_bars: float | None
    terminated: int
    drawdown_frac: float
    positions: tuple[float, float]
    health: Health | None
    learner: Learner
    regime_share: tuple[float, float, float] | None = None


class Walked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen policy, walked over a span of bars once.

    Attributes
    ----------
    bars, sessions
        Decisions made, and sessions they lie in.
    return_frac
        Compounded return net of all costs.
    drawdown_frac
        Deepest fall from a peak of equity, as a positive fraction; the start is a peak.
    sharpe
        Annual Sharpe ratio of the bars' returns in excess of the risk-free rate; ``None``
        where equity never moved.
    periods_per_year
        Bars of a year that ``sharpe`` was annualised with.
    fills_per_session
        Position changes of both instruments per session, forced closes not counted.
    round_trips, win_rate
        Positions opened and closed again, and the share of them that made money after
        costs; ``None`` where there were none.
    hold_rate, no_fill_share, action_share
        As in :class:`Rollout`.
    forced_closes
        Positions closed because the session ended.
    rms_profit_bps
        Root mean square of one bar's profit, basis points of equity.
    time_ns, equity
        The way of equity (1 at the start), at most a few hundred points of it.
    """

    bars: int
    sessions: int
    return_frac: float
    drawdown_frac: float
    sharpe: float | None
    periods_per_year: float
    fills_per_session: float
    round_trips: int
    win_rate: float | None
    hold_rate: float
    no_fill_share: float
    action_share: tuple[float, ...]
    forced_closes: int
    rms_profit_bps: float
    time_ns: tuple[int, ...]
    equity: tuple[float, ...]


class Episodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Many episodes of a frozen policy in one scenario.

    Attributes
    ----------
    scenario, provenance
        Its name, and how its bars were made.
    n
        Episodes.
    length_bars
        Their mean length.
    early_frac
        Share of them that were ended early by their drawdown.
    return_frac, worst_return_frac
        Mean return of an episode, and the worst one.
    drawdown_frac, worst_drawdown_frac
        Mean of the episodes' deepest falls, and the deepest of all.
    fills_per_session, hold_rate, no_fill_share
        Over all their steps.
    """

    scenario: str
    provenance: str
    n: int
    length_bars: float
    early_frac: float
    return_frac: float
    worst_return_frac: float
    drawdown_frac: float
    worst_drawdown_frac: float
    fills_per_session: float
    hold_rate: float
    no_fill_share: float


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bound of the training gate, whether it held or not.

    Attributes
    ----------
    code, what
        Dotted name, and what was measured, in words.
    value
        As measured; ``None`` where it could not be.
    low, high
        Where it must lie; ``None`` where there is no such bound.
    n
        Samples that it rests on.
    holds
        Whether it lies there.
    attainment
        1 where it holds, less the further outside it lies, 0 where it is not a number.
    """

    code: str
    what: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    holds: bool
    attainment: float


class ScenarioReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario: what was measured in it, and the answer of its own criteria."""

    episodes: Episodes
    verdict: Verdict


class DivergenceLevel(StrEnum):
    """How far a policy has gone from its reference."""

    NEAR = "near"
    MOVED = "moved"
    FAR = "far"
    DIVERGED = "diverged"


class DivergenceReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a policy is from the one it started from.

    Attributes
    ----------
    norm_frac
        ``||theta - reference|| / ||reference||`` over the parameters that the limit is held
        against; ``None`` where it could not be computed, which counts as diverged.
    whole_frac
        The same over all parameters, the value net's included.
    level
        Where that lies.
    since_accepted_frac
        As ``norm_frac``, against the last accepted policy.
    layers
        The same for each tensor by its name; ``None`` where the reference's is all zeros, of
        which nothing is a share.
    kl
        Mean of KL(reference, policy) over the probe set, nats.
    probes
        Observations in the probe set.
    verdict
        Refuse where diverged.
    """

    norm_frac: float | None
    whole_frac: float | None
    level: DivergenceLevel
    since_accepted_frac: float | None
    layers: dict[str, float | None]
    kl: float | None
    probes: int
    verdict: Verdict
