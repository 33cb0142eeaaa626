"""What a track looked like: the embeddings of its first five and its latest five detections.

A gallery is an array [K, D] of unit vectors with K from 1 to 10 (DIOR, section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mots_ros.core.types import FloatArray

FIRST = LATEST = 5


def extended(gallery: FloatArray, embedding: FloatArray) -> FloatArray:
    """The gallery after one more detection with this ``embedding`` [D]."""
    kept = gallery if len(gallery) < FIRST + LATEST else np.delete(gallery, FIRST, axis=0)
    return np.concatenate([kept, embedding[None]])


def similarity(galleries: Sequence[FloatArray], embeddings: FloatArray) -> FloatArray:
    """The largest cosine between an embedding of each gallery and each of ``embeddings`` [N, D].

    Returns [T, N] for T galleries.
    """
    if not galleries:
        return np.zeros((0, len(embeddings)), np.float32)
    starts = np.cumsum([0, *(len(gallery) for gallery in galleries[:-1])])
    cosine = np.concatenate(galleries) @ embeddings.T
    largest: FloatArray = np.maximum.reduceat(cosine, starts, axis=0)
    return largest
