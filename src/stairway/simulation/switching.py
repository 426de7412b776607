"""A market with two moods, calm and stormy, that last a while: a hidden Markov chain.

In each mood the returns of both instruments are jointly normal, with a mean and covariance
of that mood. So a drift is kept, unlike in :mod:`stairway.simulation.garch`: a mood that
rose when it was fitted rises when it is drawn. Fitted by expectation and maximisation
(Baum-Welch); a *sequence* is a run of bars without a break: a session, or about a year of
daily bars.

1. Guess: the moods are the larger and the smaller moves.
2. Given the moods' parameters, how likely is each mood at each bar (forwards, backwards)?
3. Given these, what are the parameters? Back to 2, until the likelihood stands still.

``statsmodels`` has ``MarkovRegression``, but for one series at a time, while the mood is one
of the pair; and it took 2.8 s on the minutes that are fitted here in a fraction of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.verdict import Refuse, refuse

_TWO_PI = 2.0 * np.pi
_LARGE_FRAC = 0.3
_FLAT = 1e-9
_FARTHEST = 600.0
_FIRST_MOVES: FloatArray = np.array([[0.95, 0.05], [0.05, 0.95]])
_SEQUENCE_BARS = 250


class SwitchingRules(Config, frozen=True, kw_only=True):
    """How the chain is fitted, and which fits are believed (``[scenarios.switching]``).

    Attributes
    ----------
    min_bars
        Returns below which nothing is fitted.
    rounds
        Most rounds of expectation and maximisation.
    tolerance
        The fit stands still when a round gains less than this, log likelihood a bar.
    min_weight_frac
        Share of the bars that each mood must have; below, there is only one mood.
    """

    min_bars: Annotated[int, Meta(ge=100, le=10_000_000)]
    rounds: Annotated[int, Meta(ge=1, le=10_000)]
    tolerance: Annotated[float, Meta(gt=0.0, le=1.0)]
    min_weight_frac: Annotated[float, Meta(gt=0.0, lt=0.5)]


class Switching(msgspec.Struct, frozen=True):
    """Two moods, the calm one first.

    Attributes
    ----------
    stay
        Probability that a mood lasts one bar more.
    mean
        By mood, of each instrument.
    covariance
        By mood: variance of the first instrument, covariance, variance of the second.
    """

    stay: tuple[float, float]
    mean: tuple[tuple[float, float], tuple[float, float]]
    covariance: tuple[tuple[float, float, float], tuple[float, float, float]]

    @property
    def stormy_frac(self) -> float:
        """Share of the time that the stormy mood has in the long run."""
        calm, stormy = 1.0 - self.stay[0], 1.0 - self.stay[1]
        return calm / (calm + stormy)


@dataclass(frozen=True, slots=True)
class _Chain:
    move: FloatArray  # (from, to)
    mean: FloatArray  # (mood, instrument)
    covariance: FloatArray  # (mood, instrument, instrument)


def fit(returns: FloatArray, per_session: int, rules: SwitchingRules) -> Switching | Refuse:
    """Fit the chain, or say why there is none to be found.

    Parameters
    ----------
    returns : (n, 2) float64
        In deviations, about 1 in size.
    per_session
        Bars of a session; returns begin with the first of one.

    Examples
    --------
    >>> rules = SwitchingRules(min_bars=500, rounds=50, tolerance=1e-5, min_weight_frac=0.02)
    >>> fit(np.zeros((10, 2)), 5, rules).findings[0].detail
    'regime switching needs 500 returns, and there are 10'
    """
    n = len(returns)
    if not n >= rules.min_bars:
        detail = f"regime switching needs {rules.min_bars} returns, and there are {n}"
        return refuse("scenario.switching_too_few", detail, n, rules.min_bars, n)
    if not bool(np.isfinite(returns).all() and (returns.std(axis=0) > 0.0).all()):
        detail = "regime switching needs returns that are finite and move; some do not"
        return refuse("scenario.switching_no_returns", detail, n=n)
    sequences = _sequences(returns, per_session)
    weight = _first_guess(sequences)
    chain = _maximise(sequences, weight, _FIRST_MOVES)
    before = -np.inf
    for _ in range(rules.rounds):
        weak = _weakness(weight, chain, rules, n)
        if weak is not None:
            return weak
        weight, moved, likelihood = _expect(sequences, chain)
        if likelihood - before < rules.tolerance:
            return _named(chain)
        before = likelihood
        chain = _maximise(sequences, weight, moved)
    detail = f"regime switching did not come to rest in {rules.rounds} rounds; allow more"
    return refuse("scenario.switching_unfit", detail, rules.rounds, rules.rounds, n)


def simulate(model: Switching, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw returns of shape (n, 2), in the unit of those that were fitted.

    Examples
    --------
    >>> model = Switching((0.99, 0.95), ((0, 0), (0, 0)), ((0.5, 0.2, 0.5), (4, 2, 4)))
    >>> drawn = simulate(model, 50_000, np.random.Generator(np.random.PCG64(7)))
    >>> bool(np.allclose(drawn.var(axis=0), 0.5 + model.stormy_frac * 3.5, rtol=0.1))
    True
    """
    mood = _moods(model, rng.random(n))
    noise = rng.standard_normal((n, 2))
    made = np.empty((n, 2))
    for k in (0, 1):
        rows = mood == k
        root = np.linalg.cholesky(_matrix(model.covariance[k]))
        made[rows] = np.array(model.mean[k]) + noise[rows] @ root.T
    return made


def _weakness(
    weight: FloatArray, chain: _Chain, rules: SwitchingRules, n: int
) -> Refuse | None:
    """Say what is wrong with a fit on its way: a mood that hardly is, or has no width."""
    least = float(weight.mean(axis=(0, 1)).min())
    if not least >= rules.min_weight_frac:
        detail = f"a mood has only {least:.2%} of the bars: regimes cannot be told apart"
        return refuse("scenario.one_mood", detail, least, rules.min_weight_frac, n)
    width = float(np.linalg.det(chain.covariance).min())
    if not width > _FLAT:
        detail = "both instruments move as one, so a mood of the pair has no width"
        return refuse("scenario.switching_flat", detail, width, _FLAT, n)
    return None


def _sequences(returns: FloatArray, per_session: int) -> FloatArray:
    """Cut into sequences of equal length, (sequences, bars, 2); the oldest rest is left out."""
    bars = max(1, round(_SEQUENCE_BARS / per_session)) * per_session
    bars = min(bars, len(returns))
    return returns[len(returns) % bars :].reshape(-1, bars, 2)


def _first_guess(sequences: FloatArray) -> FloatArray:
    size = np.square(sequences).sum(axis=2)
    stormy = size > np.quantile(size, 1.0 - _LARGE_FRAC)
    return np.stack((~stormy, stormy), axis=2).astype(np.float64)


def _maximise(sequences: FloatArray, weight: FloatArray, moved: FloatArray) -> _Chain:
    """Parameters, given the weight of each mood at each bar and the moves between moods."""
    total = weight.sum(axis=(0, 1))
    mean = np.einsum("stm,stk->mk", weight, sequences) / total[:, None]
    apart = sequences[:, :, None, :] - mean
    covariance = np.einsum("stm,stmk,stml->mkl", weight, apart, apart) / total[:, None, None]
    return _Chain(moved / moved.sum(axis=1, keepdims=True), mean, covariance)


def _expect(sequences: FloatArray, chain: _Chain) -> tuple[FloatArray, FloatArray, float]:
    """Weight of each mood at each bar, expected moves, and log likelihood a bar."""
    density = _density(sequences, chain)
    bars = density.shape[1]
    leave: FloatArray = 1.0 - np.diag(chain.move)
    forward, scale = np.empty_like(density), np.empty(density.shape[:2])
    ahead = np.broadcast_to(leave[::-1] / leave.sum(), density[:, 0].shape)
    for t in range(bars):
        joint = ahead * density[:, t]
        scale[:, t] = joint.sum(axis=1)
        forward[:, t] = joint / scale[:, t, None]
        ahead = forward[:, t] @ chain.move
    backward = np.ones_like(density)
    told: FloatArray = density / scale[:, :, None]
    for t in range(bars - 2, -1, -1):
        backward[:, t] = (told[:, t + 1] * backward[:, t + 1]) @ chain.move.T
    come = np.einsum("stm,stn->mn", forward[:, :-1], told[:, 1:] * backward[:, 1:])
    return forward * backward, chain.move * come, float(np.log(scale).mean())


def _density(sequences: FloatArray, chain: _Chain) -> FloatArray:
    """Likelihood of each bar in each mood, (sequences, bars, 2)."""
    apart = sequences[:, :, None, :] - chain.mean
    narrow = np.linalg.inv(chain.covariance)
    far = np.einsum("stmk,mkl,stml->stm", apart, narrow, apart)
    # A floor keeps one wild bar from being impossible in both moods.
    bulk = np.exp(-0.5 * np.minimum(far, _FARTHEST))
    return bulk / (_TWO_PI * np.sqrt(np.linalg.det(chain.covariance)))


def _named(chain: _Chain) -> Switching:
    """Write the chain down, the calm mood first."""
    calm, stormy = np.argsort([np.trace(c) for c in chain.covariance]).tolist()
    stay, mean, spread = np.diag(chain.move), chain.mean, chain.covariance

    def covariance(mood: int) -> tuple[float, float, float]:
        (first, both), (_, second) = spread[mood].tolist()
        return first, both, second

    def means(mood: int) -> tuple[float, float]:
        first, second = mean[mood].tolist()
        return first, second

    return Switching(
        (float(stay[calm]), float(stay[stormy])),
        (means(calm), means(stormy)),
        (covariance(calm), covariance(stormy)),
    )


def _matrix(covariance: tuple[float, float, float]) -> FloatArray:
    first, both, second = covariance
    return np.array([[first, both], [both, second]])


def _moods(model: Switching, chance: FloatArray) -> IntArray:
    mood = int(chance[0] < model.stormy_frac) if chance.size else 0
    path: list[int] = []
    for one in chance.tolist():
        path.append(mood)
        mood = mood if one < model.stay[mood] else 1 - mood
    return np.array(path, dtype=np.int64)
