"""Which track takes which detection: one to one, at low cost, never a forbidden pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """An assignment between the rows and the columns of a cost matrix; all arrays int64.

    pairs: [M, 2] row and column, by ascending row.
    unmatched_rows, unmatched_cols: the others, ascending.
    """

    pairs: IntArray
    unmatched_rows: IntArray
    unmatched_cols: IntArray


def greedy(cost: NDArray[Any]) -> Matches:
    """Take the cheapest pair that is left until there is none.

    ``cost`` is [R, C], infinite where a pair is forbidden; of equal costs the first in row order
    is taken.
    """
    rows, columns = np.nonzero(np.isfinite(cost))
    cheapest_first = np.argsort(cost[rows, columns], kind="stable")
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for row, column in zip(
        rows[cheapest_first].tolist(), columns[cheapest_first].tolist(), strict=True
    ):
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return _matches(sorted(pairs.items()), cost.shape)


def hungarian(cost: NDArray[Any]) -> Matches:
    """The most pairs that are possible, and among those choices the smallest sum of costs.

    ``cost`` is [R, C], infinite where a pair is forbidden.
    """
    allowed = np.isfinite(cost)
    if not allowed.any():
        return _matches([], cost.shape)
    low, high = cost[allowed].min(), cost[allowed].max()
    # Just enough that no saving elsewhere pays for a forbidden pair; a huge number would swallow
    # the digits of the true costs.
    forbidden = high + (high - low) * min(cost.shape) + 1
    rows, columns = linear_sum_assignment(np.where(allowed, cost, forbidden))
    real = allowed[rows, columns]
    return _matches(np.stack([rows[real], columns[real]], axis=1), cost.shape)


def continued(
    first: Matches, cost: NDArray[Any], method: Callable[[NDArray[Any]], Matches]
) -> Matches:
    """A cascade goes on: ``first``, and how ``method`` pairs what it left by another ``cost``.

    ``cost`` is [R, C] as before; only rows and columns that have no partner yet count.
    """
    rows, columns = first.unmatched_rows, first.unmatched_cols
    rest = method(cost[np.ix_(rows, columns)])
    pairs = np.stack([rows[rest.pairs[:, 0]], columns[rest.pairs[:, 1]]], axis=1)
    pairs = np.concatenate([first.pairs, pairs])
    return _matches(pairs[np.argsort(pairs[:, 0])], cost.shape)


METHODS: dict[str, Callable[[NDArray[Any]], Matches]] = {"greedy": greedy, "hungarian": hungarian}
"""The choices of the ``tracker.assignment`` parameter."""


def _matches(pairs: Any, shape: tuple[int, ...]) -> Matches:
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    left = [np.ones(length, bool) for length in shape]
    for side, taken in zip(left, pairs.T, strict=True):
        side[taken] = False
    return Matches(pairs, *map(np.flatnonzero, left))
