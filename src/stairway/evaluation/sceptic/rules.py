"""How hard a sceptic asks (``[proof]``). Confidence and samples stand in ``[evidence]``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config


class ProofRules(Config, frozen=True, kw_only=True):
    """Bounds of a proof, beside those of the evidence (``[proof]``).

    Attributes
    ----------
    resamples
        Histories that chance is imitated with.
    resample_rows
        Longer records are put together to at most so many rows before they are resampled:
        sums over neighbouring bars, so that nothing is left out.
    pbo_blocks
        Blocks that a history is cut into, to choose in one half and look at the other.
    max_pbo
        Share of splits in which the best of one half may be no better than the median of
        the other.
    clip
        Probabilities nearer to 0 or 1 are clipped for the log loss, and counted.
    max_usual_move_frac, max_annual_volatility_frac
        Median size of a return that is not 0, and deviation a year, above which a file
        holds something else than simple returns.
    max_unjudged_frac
        Share of the forecasts that may lie, together, in regimes too rare to be judged.
        They are named; more than that keep the question open.
    """

    resamples: Annotated[int, Meta(ge=99, le=100_000)]
    resample_rows: Annotated[int, Meta(ge=1_000, le=10**7)]
    pbo_blocks: Annotated[int, Meta(ge=2, le=20, multiple_of=2)]
    max_pbo: Annotated[float, Meta(gt=0.0, lt=0.5)]
    clip: Annotated[float, Meta(gt=0.0, lt=0.5)]
    max_usual_move_frac: Annotated[float, Meta(gt=0.0, le=10.0)]
    max_annual_volatility_frac: Annotated[float, Meta(gt=0.0, le=1_000.0)]
    max_unjudged_frac: Annotated[float, Meta(ge=0.0, le=0.2)]
