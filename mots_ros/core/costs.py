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


def cosine_distance(templates: NDArray[Any], embeddings: NDArray[Any]) -> NDArray[Any]:
    """One minus the cosine between every template [T, D] and every embedding [N, D], in [0, 2].

    A vector without length is at a right angle to all others.
    """
    cosine: NDArray[Any] = _unit(templates) @ _unit(embeddings).T
    return 1 - cosine


def gating_distance(
    means: NDArray[Any], covariances: NDArray[Any], detected: NDArray[Any], deviation: float
) -> NDArray[Any]:
    """The squared Mahalanobis distance [T, N] of where boxes are from where filters expect them.

    The motion filter counts a detection's error in pixels, as SORT does, however large the object
    is; what is likely must grow with it. So the error is in the form of DeepSORT's here: a part of
    the expected height in the centre and in the height, which is twice that part of the area, and
    0.1 in the aspect.

    Args:
        means: [T, 7] and covariances [T, 7, 7] of ``core.kalman``, predicted.
        detected: [N, 4] boxes.
        deviation: the part of the height.
    """
    expected = means[:, :4]
    area, aspect = np.maximum(expected[:, 2:], 1e-6).T
    side = deviation * np.sqrt(area / aspect)
    errors = np.stack([side, side, 2 * deviation * area, np.full_like(area, 0.1)], axis=1)
    spread = covariances[:, :4, :4] + errors[:, :, None] ** 2 * np.eye(4)
    residual = boxes.to_cxsr(detected)[None] - expected[:, None]
    distance: NDArray[Any] = (residual @ np.linalg.inv(spread) * residual).sum(axis=2)
    return distance


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    """Vectors [..., D] in length 1; those without length stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
