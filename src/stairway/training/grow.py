"""From trees of any library to a forest: arrays, every parent before its children.

The nodes of each tree are numbered anew from its root, left before right, so that children
follow their parents and pruned nodes fall away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from stairway.models.forest import Forest

LEAF: tuple[int, ...] = (-1, -1, -1, 0)
LEFT, RIGHT = 1, 2
NodeT = TypeVar("NodeT")


class Split(NamedTuple, Generic[NodeT]):
    """A branch: values at most ``threshold`` go left."""

    feature: int
    threshold: float
    missing_left: bool
    left: NodeT
    right: NodeT


def grow(
    roots: Iterable[NodeT], read: Callable[[NodeT], Split[NodeT] | float], base: float
) -> Forest:
    """Lay trees out as arrays, each from its root, every parent before its children.

    Parameters
    ----------
    read
        Says what a node is: a split with two further nodes, or the value of a leaf.

    Examples
    --------
    >>> tree = Split(0, 0.5, True, left=-1.0, right=2.0)
    >>> forest = grow([tree], lambda node: node, base=0.25)
    >>> forest.margin(np.array([0.6]))
    2.25
    """
    branch: list[list[int]] = []
    number: list[float] = []
    starts: list[int] = []
    for root in roots:
        starts.append(len(number))
        _plant(root, read, branch, number)
    table = np.array(branch, np.int32).reshape(-1, len(LEAF))
    return Forest(table, np.array(number, np.float64), np.array(starts, np.int32), base)


def _plant(
    root: NodeT,
    read: Callable[[NodeT], Split[NodeT] | float],
    branch: list[list[int]],
    number: list[float],
) -> None:
    """Append one tree, left before right; each child writes its place into its parent."""
    waiting: list[tuple[NodeT, list[int], int]] = [(root, list(LEAF), LEFT)]
    while waiting:
        node, parent, side = waiting.pop()
        parent[side] = len(number)
        match read(node):
            case Split() as split:
                row = [split.feature, -1, -1, int(split.missing_left)]
                waiting.append((split.right, row, RIGHT))
                waiting.append((split.left, row, LEFT))
                number.append(split.threshold)
            case leaf:
                row = list(LEAF)
                number.append(leaf)
        branch.append(row)
