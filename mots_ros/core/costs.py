"""How much a track and a detection belong together, and what it costs to pair them.

Affinities and costs are [T, N]: entry (i, j) relates the i-th track to the j-th detection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.core import boxes


def search_affinity(
    candidates: NDArray[Any], scores: NDArray[Any], detected: NDArray[Any]
) -> NDArray[Any]:
    """The affinity [T, N] between what each track's search found and the detections.

    It is the largest product of overlap and search score over the track's candidates (paper,
    section 3.3).

    Args:
        candidates: [T, K, 4] boxes that the search proposes.
        scores: [T, K] in [0, 1].
        detected: [N, 4] boxes.
    """
    tracks, count = scores.shape
    overlap = boxes.iou(candidates.reshape(-1, 4), detected).reshape(tracks, count, len(detected))
    affinity: NDArray[Any] = (overlap * scores[:, :, None]).max(axis=1, initial=0)
    return affinity


def matching_cost(
    affinity: NDArray[Any], track_labels: NDArray[Any], labels: NDArray[Any], min_affinity: float
) -> NDArray[Any]:
    """1 - ``affinity`` [T, N]; infinite, that is forbidden, for two classes or too little affinity.

    Args:
        track_labels: [T], labels: [N] class indexes.
        min_affinity: what the affinity must exceed.
    """
    allowed = (track_labels[:, None] == labels[None, :]) & (affinity > min_affinity)
    return np.where(allowed, 1 - affinity, np.inf)
