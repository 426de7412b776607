"""What returns cannot tell: the answers of the causality prover and of the leak battery."""

from __future__ import annotations

from stairway.base.verdict import Pass, Verdict, inconclusive
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.sceptic.answer import Answer, Question, answer


def foreseen(
    causality: Verdict | None,
    battered: BatteryReport | None,
    ties: dict[str, Verdict] | None = None,
) -> tuple[Answer, ...]:
    """Answer what returns cannot: whether it saw the future, and whether splits touch.

    Parameters
    ----------
    ties
        Whether what was tried is what earned the returns, where these came apart from it.

    Examples
    --------
    >>> foreseen(None, None)
    ()
    """
    ties = ties or {}
    # The answer comes first, and what ties it to the returns behind it.
    future = {} if causality is None else {"causality": causality}
    if battered is None:
        return (answer(Question.FUTURE, future | ties),) if future or ties else ()
    if battered.causality is not None:
        future["causality"] = battered.causality
    future |= {"surrogates": battered.surrogates, "sentinel": battered.sentinel}
    return (
        answer(Question.FUTURE, future | ties),
        answer(Question.SPLITS, {"purge": battered.purge} | _of_splits(ties)),
    )


def _of_splits(ties: dict[str, Verdict]) -> dict[str, Verdict]:
    """Say once more, in other words, what keeps both questions open."""
    if all(isinstance(one, Pass) for one in ties.values()):
        return {}
    said = "not shown: these are not shown to be the splits that earned these returns"
    return {"tied": inconclusive("proof.untied", said)}
