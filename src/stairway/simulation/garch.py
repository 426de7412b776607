"""Volatility that feeds on itself: GARCH(1,1) with fat tails, and one correlation.

Each instrument's returns follow ``h_t = omega + alpha r_{t-1}^2 + beta h_{t-1}`` with
Student's t, fitted by maximum likelihood with the ``arch`` package (which is imported here
and nowhere else); what is left after dividing by ``sqrt(h)`` is tied together by a constant
correlation (Bollerslev 1990). There is no drift here: this market must not pay for being
long. The moods of :mod:`stairway.simulation.switching` do keep theirs, the mean return of
each as it was fitted. Both instruments share the shock that makes a tail, and the fatter of
both tails.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec
import numpy as np
from arch import arch_model

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Refuse, refuse
from stairway.simulation.scenarios import GarchRules

_SQUARE_HAS_MEAN = 2.0


class Leg(msgspec.Struct, frozen=True):
    """One instrument's variance: ``omega + alpha r^2 + beta h``."""

    omega: float
    alpha: float
    beta: float

    @property
    def persistence(self) -> float:
        """Share of a shock to the variance that is left one bar later."""
        return self.alpha + self.beta

    @property
    def level(self) -> float:
        """Variance that it returns to."""
        return self.omega / (1.0 - self.persistence)


class Garch(msgspec.Struct, frozen=True):
    """What was fitted: a variance for each instrument, tails, and correlation."""

    first: Leg
    second: Leg
    freedom: float
    correlation: float


def fit(returns: FloatArray, rules: GarchRules) -> Garch | Refuse:
    """Fit both instruments, or say why that cannot be done.

    Parameters
    ----------
    returns : (n, 2) float64
        In deviations, about 1 in size: the likelihood is ill-scaled for raw returns.

    Examples
    --------
    >>> rules = GarchRules(min_bars=500, max_persistence=0.999)
    >>> fit(np.zeros((10, 2)), rules).findings[0].detail
    'GARCH needs 500 returns, and there are 10'
    """
    n = len(returns)
    if not n >= rules.min_bars:
        detail = f"GARCH needs {rules.min_bars} returns, and there are {n}"
        return refuse("scenario.garch_too_few", detail, n, rules.min_bars, n)
    if not bool(np.isfinite(returns).all() and (returns.std(axis=0) > 0.0).all()):
        detail = "GARCH needs returns that are finite and move; some do not"
        return refuse("scenario.garch_no_returns", detail, n=n)
    fitted = [_one(np.ascontiguousarray(returns[:, k])) for k in (0, 1)]
    for k, (leg, _, _, converged) in enumerate(fitted):
        if not (converged and leg.persistence <= rules.max_persistence):
            detail = (
                f"GARCH of instrument {k}: alpha + beta is {leg.persistence:.4f}"
                f"{'' if converged else ', and the fit did not converge'}; it must come to at "
                f"most {rules.max_persistence:g}: give a longer history, or leave garch out"
            )
            return refuse(
                "scenario.garch_unfit", detail, leg.persistence, rules.max_persistence, n
            )
    (first, freedom_1, left_1, _), (second, freedom_2, left_2, _) = fitted
    correlation = float(np.corrcoef(left_1, left_2)[0, 1])
    return Garch(first, second, min(freedom_1, freedom_2), correlation)


def simulate(model: Garch, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw returns of shape (n, 2), in the unit of those that were fitted.

    Examples
    --------
    >>> model = Garch(Leg(0.1, 0.05, 0.85), Leg(0.1, 0.05, 0.85), 8.0, 0.6)
    >>> drawn = simulate(model, 20_000, np.random.Generator(np.random.PCG64(7)))
    >>> bool(np.allclose(drawn.std(axis=0), 1.0, atol=0.05))
    True
    """
    shocks = rng.standard_normal((n, 2))
    rho = model.correlation
    shocks[:, 1] = rho * shocks[:, 0] + np.sqrt(1.0 - rho**2) * shocks[:, 1]
    tail = (model.freedom - _SQUARE_HAS_MEAN) / rng.chisquare(model.freedom, n)
    shocks *= np.sqrt(tail)[:, None]
    first = _deviations(model.first, shocks[:, 0])
    second = _deviations(model.second, shocks[:, 1])
    return shocks * np.column_stack((first, second))


def _one(returns: FloatArray) -> tuple[Leg, float, FloatArray, bool]:
    """Fit one instrument: its leg, degrees of freedom, what is left, and if it converged."""
    model = cast("Any", arch_model(returns, mean="Zero", dist="t", rescale=False))
    found = model.fit(disp="off", show_warning=False)
    omega, alpha, beta, freedom = (float(value) for value in found.params)
    left: FloatArray = np.asarray(found.std_resid, np.float64)
    return Leg(omega, alpha, beta), freedom, left, int(found.convergence_flag) == 0


def _deviations(leg: Leg, shocks: FloatArray) -> FloatArray:
    variance = leg.level
    path: list[float] = []
    for squared in np.square(shocks).tolist():
        path.append(variance)
        variance = leg.omega + (leg.alpha * squared + leg.beta) * variance
    return np.sqrt(np.array(path))
