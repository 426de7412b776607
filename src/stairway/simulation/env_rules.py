"""What a practice account is worth, what it pays, and when its episode is over."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.execution.costs import BPS, CostRules

Share = Annotated[float, Meta(gt=0.0, le=1.0)]


class EnvRules(Config, frozen=True, kw_only=True):
    """Settings of the environment, under ``[environment.daily]`` or ``.intraday``.

    Attributes
    ----------
    equity_usd
        Money that each episode starts with. Beside what is traded in a bar it decides how
        much of the impact an order feels.
    stake_frac
        Worth of one position when it is opened, as a share of equity; per instrument.
    costs
        As the trader pays them. An order is charged for ``max_participation_frac`` of the
        bar at most and is filled whole, where the trader's would be filled in parts.
    episode_steps, min_episode_steps
        Longest episode, and the shortest one worth starting: it is what a course must have
        room for.
    max_session_drawdown_frac
        Fall of equity from its peak within the session that ends an episode.
    risk_free_frac_per_year
        Interest that a profit is measured against.
    flat_by_close
        True: whatever is held at the close of a session's last bar is sold there, at cost.
    overnight
        ``"hold"``: a decision on a session's last bar is filled at the next session's open.
        ``"refuse_entry"``: it does nothing.
    flips
        ``"at_once"``: sell while long is one order, filled at one open, and short after it.
        The trader does the same in two where it is asked again on its exit's fill; asked
        at closes only, it follows through flat, one bar late.
        ``"through_flat"``: it closes the position and no more, as the trader does, who
        opens nothing before the bracket of the old position is done; both are equal then.
    observation_noise
        Size of the noise on the 24 features, in standard deviations of the training rows,
        drawn anew at each step; positions are seen as they are. 0 wherever a policy is
        judged or trades.
    feature_clip
        Where a feature is cut, in the same deviations, when its normaliser is fitted.

    Raises
    ------
    ConfigError
        If the shortest episode is longer than the longest.
    """

    equity_usd: Annotated[float, Meta(ge=1.0, le=1e8)]
    stake_frac: Share
    costs: CostRules
    episode_steps: Annotated[int, Meta(ge=1, le=10_000_000)]
    min_episode_steps: Annotated[int, Meta(ge=1, le=10_000_000)]
    max_session_drawdown_frac: Share
    risk_free_frac_per_year: Annotated[float, Meta(gt=-1.0, le=10.0)]
    flat_by_close: bool
    overnight: Literal["hold", "refuse_entry"]
    flips: Literal["at_once", "through_flat"]
    observation_noise: Annotated[float, Meta(ge=0.0, le=10.0)]
    feature_clip: Annotated[float, Meta(gt=0.0, le=100.0)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_episode_steps <= self.episode_steps:
            msg = (
                f"[environment] min_episode_steps is {self.min_episode_steps} and "
                f"episode_steps {self.episode_steps}; raise the second or lower the first"
            )
            raise ConfigError(msg)

    def risk_free_bps_per_bar(self, periods_per_year: float) -> float:
        """Interest of one bar in basis points, continuously compounded.

        Examples
        --------
        >>> from stairway.testing.practice import env_rules
        >>> round(env_rules(risk_free_frac_per_year=0.02).risk_free_bps_per_bar(252.0), 4)
        0.7858
        """
        return BPS * math.log1p(self.risk_free_frac_per_year) / periods_per_year
