"""Register ``stairway/PairTrading-v0``, and bring the bars to practise on.

Gymnasium ignores entry points of packages, so a user names this module::

    gymnasium.make("stairway.app.practice:stairway/PairTrading-v0")

Without arguments that is one account on the embedded sample, under ``daily.toml`` and the
environment's own rules for daily bars in ``practice.toml``: on the bars that training sees
and no others, so that the rest stays unseen. ``course``, ``rules``, ``terms`` and ``seed``
may be given instead; ``gymnasium.make_vec`` makes N accounts over one kernel call.
"""

from __future__ import annotations

from functools import cache

import gymnasium

from stairway.app import plugins
from stairway.app.rl import rules as rl_rules
from stairway.app.rules import watch_rules
from stairway.app.settings import Settings, load
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.models.normaliser import fit
from stairway.simulation.batch import PLAIN
from stairway.simulation.course import Course, course, first_known, raw_rows
from stairway.simulation.env import ENV_ID, PairTradingEnv
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.terms import Terms
from stairway.simulation.vector import PairTradingVecEnv
from stairway.training.practice_ground import quiet


def shipped_rules(kind: rl_rules.Kind) -> EnvRules:
    """Rules of the environment for bars of this kind, from the shipped ``practice.toml``.

    Raises
    ------
    ConfigError
        If the file lacks them, or a key is unknown, missing or out of range.

    Examples
    --------
    >>> shipped_rules("intraday").max_session_drawdown_frac
    0.02
    """
    return rl_rules.load(rl_rules.SHIPPED, kind)[0].environment


def practice_course(bars: PairBars, settings: Settings, clip: float) -> Course:
    """Make the training bars of a run ready to be walked.

    Parameters
    ----------
    bars
        Of the whole run; the share ``[run] train_frac`` of them is taken, from the front.
    clip
        Where a feature is cut, in deviations of those very bars.

    Raises
    ------
    DataError
        If they cannot be walked.
    """
    part = bars.part(0, int(settings.run.train_frac * len(bars)))
    watch = watch_rules(settings)
    rows = raw_rows(part, watch)
    normaliser = fit(rows[first_known(rows) :], clip)
    return course(part, watch, settings.session, normaliser)


@cache
def sample_course() -> Course:
    """Return the training bars of the embedded sample, ready to be walked; made once."""
    settings = load("daily")
    source = plugins.load("sources", "sample")
    bars, _ = align(source.read(source.Config()), settings.bars, settings.session)
    return practice_course(bars, settings, shipped_rules("daily").feature_clip)


def practice_env(
    course: Course | None = None,
    rules: EnvRules | None = None,
    terms: Terms = PLAIN,
    seed: int = 0,
) -> PairTradingEnv:
    """Make one account; on the embedded sample where no course is given.

    Raises
    ------
    DataError
        If the course is too short for an episode.
    """
    return PairTradingEnv(*_given(course, rules), terms, seed)


def practice_vec_env(
    num_envs: int = 1,
    course: Course | None = None,
    rules: EnvRules | None = None,
    terms: Terms = PLAIN,
    seed: int = 0,
) -> PairTradingVecEnv:
    """Make ``num_envs`` accounts; on the embedded sample where no course is given.

    Raises
    ------
    DataError
        If the course is too short for an episode.
    """
    where, by = _given(course, rules)
    return PairTradingVecEnv(where, by, num_envs, terms, seed)


def _given(course: Course | None, rules: EnvRules | None) -> tuple[Course, EnvRules]:
    where = sample_course() if course is None else course
    if rules is not None:
        return where, rules
    shipped = shipped_rules("daily" if where.bars_per_session == 1 else "intraday")
    # Noise is for training roll-outs; who makes an environment is shown what there is.
    return where, quiet(shipped)


if ENV_ID not in gymnasium.registry:
    gymnasium.register(  # pyright: ignore[reportUnknownMemberType]
        id=ENV_ID,
        entry_point=f"{__name__}:practice_env",
        vector_entry_point=f"{__name__}:practice_vec_env",
    )
