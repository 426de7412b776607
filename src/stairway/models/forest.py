"""Boosted trees of any library, as flat arrays that cannot run code.

One form for LightGBM and XGBoost alike: a table of branches, a column of numbers, the
roots. It is written as safetensors and read back by :mod:`stairway.models.tensors`,
so no parser of a training library ever runs in the trading process.

The form is canonical: every child lies after its parent and every node hangs on exactly
one parent or is a root. That makes "no cycle, and one path from a root to each leaf" a
matter of three vectorised comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from safetensors.numpy import save

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Pass, Refuse, Verdict, refuse
from stairway.models import kernels, tensors
from stairway.models.kernels import FEATURE, LEFT, MISSING_LEFT, RIGHT, BranchArray, RootArray

LAYOUT: dict[str, tensors.Shape] = {
    "branch": tensors.Shape("I32", 2),
    "number": tensors.Shape("F64", 1),
    "roots": tensors.Shape("I32", 1),
    "base": tensors.Shape("F64", 1),
}
"""Tensors of a forest's file; exactly these, nothing else."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees as arrays. Compare forests by their bytes, not by ``==``.

    Attributes
    ----------
    branch : (n_nodes, 4) int32
        Feature, left child, right child, 1 where missing goes left; a leaf is
        ``(-1, -1, -1, 0)``.
    number : (n_nodes,) float64
        Threshold of a branch (values at most this go left), value of a leaf.
    roots : (n_trees,) int32
        Where each tree starts, increasing.
    base : float
        Margin before any tree.
    """

    branch: BranchArray
    number: FloatArray
    roots: RootArray
    base: float

    def margin(self, row: FloatArray) -> float:
        """Margin of one (n_features,) float64 row; NaN follows the trees' missing rule."""
        return kernels.margin(row, self.branch, self.number, self.roots, self.base)

    def whole_margin(self, row: FloatArray) -> float:
        """Margin of one row, or NaN where the row has a hole or an infinity."""
        return kernels.whole_margin(row, self.branch, self.number, self.roots, self.base)

    def margins(self, rows: FloatArray) -> FloatArray:
        """Margins of an (n, n_features) float64 table, as (n,) float64."""
        return kernels.margins(rows, self.branch, self.number, self.roots, self.base)


def stump(feature: int, threshold: float, below: float, above: float) -> Forest:
    """Return the smallest forest: one question, two answers. Missing goes left.

    Examples
    --------
    >>> forest = stump(feature=0, threshold=0.5, below=-1.0, above=2.0)
    >>> forest.margin(np.array([0.5])), forest.margin(np.array([0.6]))
    (-1.0, 2.0)
    """
    return Forest(
        branch=np.array([[feature, 1, 2, 1], [-1, -1, -1, 0], [-1, -1, -1, 0]], np.int32),
        number=np.array([threshold, below, above]),
        roots=np.array([0], np.int32),
        base=0.0,
    )


def to_bytes(forest: Forest) -> bytes:
    """Write a forest as safetensors. Equal forests give equal bytes.

    Examples
    --------
    >>> read = from_bytes(to_bytes(stump(0, 0.5, -1.0, 2.0)), n_features=1)
    >>> read.margin(np.array([0.6]))
    2.0
    """
    return save(
        {
            "branch": np.ascontiguousarray(forest.branch),
            "number": np.ascontiguousarray(forest.number),
            "roots": np.ascontiguousarray(forest.roots),
            "base": np.array([forest.base]),
        }
    )


def from_bytes(content: bytes, n_features: int) -> Forest | Refuse:
    """Read and validate a forest; anything but a sound one is refused, never repaired.

    Examples
    --------
    >>> from_bytes(b"no forest", n_features=1).findings[0].code
    'tensors.header'
    """
    read = tensors.parse(content, LAYOUT)
    if isinstance(read, Refuse):
        return read
    if read["base"].size != 1:
        return refuse("forest.base", "a forest has one base margin", read["base"].size, 1)
    forest = Forest(
        branch=read["branch"],
        number=read["number"],
        roots=read["roots"],
        base=float(read["base"][0]),
    )
    verdict = validate(forest, n_features)
    return forest if isinstance(verdict, Pass) else Refuse(verdict.findings)


def validate(forest: Forest, n_features: int) -> Verdict:
    """Say whether the kernel may walk these arrays without looking where it steps.

    Checks, in an order in which each may rely on those before it: lengths agree, numbers
    are finite, leaves are leaves, features exist, children lie ahead and in range, and
    every node hangs on exactly one parent or is a root.

    Examples
    --------
    >>> validate(stump(0, 0.5, -1.0, 2.0), n_features=1)
    Pass(findings=())
    >>> validate(stump(7, 0.5, -1.0, 2.0), n_features=2).findings[0].code
    'forest.feature'
    """
    exists = partial(_features, n_features=n_features)
    for check in (_lengths, _finite, _leaves, exists, _children, _parents):
        bad = check(forest)
        if bad is not None:
            return bad
    return Pass()


def _lengths(forest: Forest) -> Refuse | None:
    n, trees = forest.number.size, forest.roots.size
    if forest.branch.shape != (n, 4):
        detail = f"branches are {forest.branch.shape}, numbers ask for ({n}, 4)"
        return refuse("forest.lengths", detail, forest.branch.shape[0], n)
    if not 1 <= trees <= n:
        return refuse("forest.lengths", "a forest needs a tree, and a node per tree", trees, n)
    return None


def _finite(forest: Forest) -> Refuse | None:
    bad = int(np.count_nonzero(~np.isfinite(forest.number))) + int(not np.isfinite(forest.base))
    return refuse("forest.finite", "numbers that are not finite", bad, 0) if bad else None


def _leaves(forest: Forest) -> Refuse | None:
    leaf = forest.branch[:, FEATURE] == -1
    sound = np.all(forest.branch[leaf] == (-1, -1, -1, 0))
    rules = forest.branch[:, MISSING_LEFT]
    if not (sound and np.all((rules == 0) | (rules == 1))):
        detail = "a leaf is (-1, -1, -1, 0) and a missing rule is 0 or 1"
        return refuse("forest.leaf", detail)
    return None


def _features(forest: Forest, n_features: int) -> Refuse | None:
    feature = forest.branch[:, FEATURE]
    if not np.all((feature >= -1) & (feature < n_features)):
        worst = int(feature.max()) if feature.max() >= n_features else int(feature.min())
        detail = f"a branch asks for feature {worst} of {n_features}"
        return refuse("forest.feature", detail, worst, n_features - 1)
    return None


def _children(forest: Forest) -> Refuse | None:
    n = forest.number.size
    inner = np.flatnonzero(forest.branch[:, FEATURE] >= 0)
    children = forest.branch[inner][:, LEFT : RIGHT + 1]
    if not np.all((children > inner[:, None]) & (children < n)):
        return refuse("forest.children", "a child must lie after its parent and in range")
    if not np.all((forest.roots >= 0) & (forest.roots < n)):
        return refuse("forest.roots", "a root lies outside the nodes")
    return None


def _parents(forest: Forest) -> Refuse | None:
    inner = forest.branch[:, FEATURE] >= 0
    hung = forest.branch[inner][:, LEFT : RIGHT + 1].ravel()
    parents = np.bincount(np.concatenate([hung, forest.roots]), minlength=forest.number.size)
    if not np.all(parents == 1):
        wrong = int(np.flatnonzero(parents != 1)[0])
        detail = (
            f"node {wrong} is reached {int(parents[wrong])} times; each must be reached once"
        )
        return refuse("forest.path", detail, float(parents[wrong]), 1)
    return None
