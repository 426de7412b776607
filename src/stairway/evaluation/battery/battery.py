"""All stages of the leak battery, and one verdict that names which of them fired.

1. *Causality*: do features know their future? From the prover, where it was run, and from
   the study itself (:mod:`.futures`).
2. *Purge*: are label spans as declared, and do the folds keep apart by them?
3. *Surrogates*: does it earn where nothing can be earned?
4. *Sentinel*: does it earn when it is taught nonsense?

The second, third and first rest on other markets, so it is asked first whether the study
gives any (:mod:`.redraw`).

No stage sees everything, which is why there are four. All run, whatever the others say. A
stage that raises has refused: what could not be judged is not sound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stairway.base.attempted import Raised, attempted
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict, all_of, refuse
from stairway.evaluation.battery.apart import Apart
from stairway.evaluation.battery.futures import Foresight, foresight
from stairway.evaluation.battery.purge_oracle import doubly_tested, judged, touches
from stairway.evaluation.battery.redraw import really_redrawn
from stairway.evaluation.battery.sentinel import Sentinel, sentinel
from stairway.evaluation.battery.study import BatteryReport, BatteryRules, FoldTouch, Study
from stairway.evaluation.battery.surrogates import Surrogates, surrogates
from stairway.features.function import Listen, unheard

M = TypeVar("M")
T = TypeVar("T")


def battery(
    study: Study[M],
    market: M,
    rules: BatteryRules,
    seed: int,
    causality: Verdict | None = None,
    progress: Listen = unheard,
) -> BatteryReport:
    """Try to catch a study earning what nobody can earn.

    Parameters
    ----------
    study
        Everything from a market to profit, asked with copies. What it raises is a refusal
        of that stage.
    causality
        Answer of the causality prover on the features, where it was run.
    progress
        Told how many rebuilds are done, and of how many.

    Returns
    -------
    BatteryReport
        Only a ``Pass`` of its ``verdict`` advances; ``fired`` names what refused.

    Examples
    --------
    >>> from stairway.testing.studies import Leak, garch_moves, study
    >>> rules = BatteryRules()
    >>> moves = garch_moves(1_600, seed=1)
    >>> battery(study(), moves, rules, seed=1).fired
    ()
    >>> battery(study(Leak.SHUFFLED_FOLDS), moves, rules, seed=1).fired
    ('purge', 'surrogates')
    """
    study = Apart(study)
    heard = _counter(rules.cuts + rules.surrogates + rules.shuffles, progress)
    future = _guarded("futures", lambda: foresight(study, market, rules, seed, heard))
    if isinstance(future, Refuse):
        future = Foresight(future, future)
    drawn = _guarded("redrawn", lambda: really_redrawn(study, market, seed))
    # What was compared with a market that is the same shows nothing; a refusal stays one.
    other = [] if isinstance(drawn, Pass) else [Inconclusive(drawn.findings)]
    touched = _guarded("purge", lambda: _touched(study, market, rules))
    folds, doubles = ((), 0) if isinstance(touched, Refuse) else touched
    touching = touched if isinstance(touched, Refuse) else judged(folds)
    random = _guarded("surrogates", lambda: surrogates(study, market, rules, seed, heard))
    random = Surrogates(random) if isinstance(random, Refuse) else random
    taught = _guarded("sentinel", lambda: sentinel(study, market, rules, seed, heard))
    taught = Sentinel(taught) if isinstance(taught, Refuse) else taught
    stages: dict[str, Verdict] = {
        "causality": all_of(
            [*([] if causality is None else [causality]), future.features, *other]
        ),
        "purge": all_of([future.spans, touching, *other]),
        "surrogates": all_of([random.verdict, *other]),
        "sentinel": taught.verdict,
    }
    return BatteryReport(
        **stages,
        fired=tuple(name for name, verdict in stages.items() if isinstance(verdict, Refuse)),
        verdict=all_of(stages.values()),
        folds=folds,
        doubly_tested=doubles,
        surrogate_figures=random.figures,
        sentinel_figures=taught.figures,
    )


def _touched(
    study: Study[M], market: M, rules: BatteryRules
) -> tuple[tuple[FoldTouch, ...], int]:
    labels = study.labels(market)
    folds = study.folds(labels)
    found = touches(labels, folds, rules.gap_rows, rules.embargo_rows)
    return found, doubly_tested(labels.value.size, folds)


def _guarded(stage: str, ask: Callable[[], T]) -> T | Refuse:
    """Run a stage, and turn whatever the study raises into a refusal that names the stage."""
    got = attempted(ask)
    if not isinstance(got, Raised):
        return got
    return refuse("leak.raised", f"{stage} could not be judged: {got.name}: {got.said}")


def _counter(total: int, progress: Listen) -> Callable[[], None]:
    done = 0

    def heard() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return heard
