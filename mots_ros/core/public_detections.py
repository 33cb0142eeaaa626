"""MOT Challenge's fair comparison: tracks start only where a given detector saw something."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.boxes import area, centres
from mots_ros.core.types import IntArray


def beside(public: NDArray[Any], boxes: NDArray[Any], unmatched: IntArray) -> IntArray:
    """Which of the unmatched detections a public one stands beside: those may start tracks.

    Each public detection, in its order, chooses the closest one that is left, if the squared
    distance between the centres is below that one's area (the rule of CenterTrack's program).

    Args:
        public: [P, 4] boxes. boxes: [N, 4] of all detections.
        unmatched: indexes into ``boxes``.

    Returns:
        The chosen indexes, ascending.
    """
    middles = centres(boxes)
    areas = area(boxes)
    left = unmatched.tolist()
    chosen = []
    for centre in centres(public):
        if not left:
            break
        distance = ((middles[left] - centre) ** 2).sum(axis=1)
        closest = left[int(distance.argmin())]
        if distance.min() < areas[closest]:
            chosen.append(closest)
            left.remove(closest)
    return np.array(sorted(chosen), np.int64)
