"""Words that are no action: which model said which, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stairway.supervision.answers import Answers, Names
from stairway.supervision.counts import rows_of
from stairway.supervision.faulty.kernels import find_faults
from stairway.supervision.kernels import STRANGE

_LONGEST = 40


def code_of(word: str, names: Names) -> int:
    """Return the code of a word, of which no more is kept than anybody reads."""
    return names.words.code(word.strip()[:_LONGEST])


class Strange:
    """Counts of words, of the answers that are counted as strange and no others.

    Examples
    --------
    >>> from stairway.supervision.answers import UNKNOWN, columns
    >>> names = Names()
    >>> chunk = columns(time_ns=[1], model=names.models.codes(["m"]), symbol=[0],
    ...                 action=[UNKNOWN], confidence=[0.6], word=[code_of(" LONG ", names)])
    >>> strange = Strange()
    >>> strange.add(chunk, np.ones(1, np.uint8))
    >>> strange.said(0, 1, names.words.names)
    [('LONG', 1)]
    """

    def __init__(self) -> None:
        self._said = Counter[tuple[int, int, int]]()

    def add(self, answers: Answers, marked: NDArray[np.uint8]) -> None:
        """Count a chunk; ``marked`` is odd where an answer counts."""
        rows = np.flatnonzero(answers.word >= 0)
        if not len(rows):
            return
        said, faults = answers.where(rows), np.empty(len(rows), np.int8)
        find_faults(rows_of(said, marked[rows]), faults)
        said = said.where(faults == STRANGE)
        who: list[list[int]] = [said.model.tolist(), said.stage.tolist(), said.word.tolist()]
        self._said.update(zip(*who, strict=True))

    def said(self, model: int, stage: int, words: Sequence[str]) -> list[tuple[str, int]]:
        """List the words of a model at a stage, the commonest first."""
        mine = [
            (words[word], n)
            for (who, where, word), n in self._said.items()
            if (who, where) == (model, stage)
        ]
        return sorted(mine, key=lambda one: -one[1])
