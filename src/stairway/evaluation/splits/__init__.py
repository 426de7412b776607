"""Cut rows into training and test so that no label reaches from one into the other.

``spans`` says where each label ends, in rows; ``walk_forward`` (anchored and rolling),
``k_fold`` and ``combinatorial`` (with paths) are the splitters that scikit-learn takes;
``purge`` is what they have in common.
"""

from __future__ import annotations

from stairway.evaluation.splits.combinatorial import CombinatorialRules, PurgedCombinatorial
from stairway.evaluation.splits.k_fold import FoldRules, PurgedKFold
from stairway.evaluation.splits.purge import embargo_rows, rows_before
from stairway.evaluation.splits.spans import ends_in_rows, ends_of
from stairway.evaluation.splits.walk_forward import PurgedWalkForward, SplitRules

__all__ = [
    "CombinatorialRules",
    "FoldRules",
    "PurgedCombinatorial",
    "PurgedKFold",
    "PurgedWalkForward",
    "SplitRules",
    "embargo_rows",
    "ends_in_rows",
    "ends_of",
    "rows_before",
]
