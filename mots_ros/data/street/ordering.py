"""Who hides whom: the order in which things that stand on the ground are painted."""

from __future__ import annotations

import numpy as np

from mots_ros.data.street.camera import Floats


def back_to_front(footprints: Floats, eye: Floats) -> list[int]:
    """Indices of footprints [N, 4, 2], corners in order, the first to be painted first.

    eye: [2], where the camera stands. One thing is in front of another when it lies wholly beyond
    an edge of the other that faces the camera. Distances alone get long cars wrong: who stands
    beside a car's bonnet, on its far side, is nearer than the car's middle and yet behind it.
    """
    count = len(footprints)
    if count == 0:
        return []
    sides = np.roll(footprints, -1, axis=1) - footprints
    normals = np.stack([sides[..., 1], -sides[..., 0]], axis=-1)
    middles = footprints.mean(axis=1)
    outward = np.sum((footprints - middles[:, None]) * normals, axis=-1, keepdims=True)
    normals = normals * np.sign(outward)
    offsets = np.sum(footprints * normals, axis=-1)
    faces_eye = normals @ eye - offsets > 0
    # beyond[a, b, f]: every corner of a lies outside of face f of b
    reach = np.einsum("acx,bfx->abfc", footprints, normals) - offsets[None, :, :, None]
    beyond = (reach > -0.02).all(axis=3)
    in_front = (beyond & faces_eye[None]).any(axis=2)
    distances = np.linalg.norm(middles - eye, axis=1)
    nearer = distances[:, None] < distances[None]
    decided = in_front ^ in_front.T
    hides = np.where(decided, in_front, nearer)
    np.fill_diagonal(hides, False)

    order: list[int] = []
    hidden_left = hides.sum(axis=1)
    for _ in range(count):
        # The farthest of those that hide nothing any more; in a knot, of those that hide least.
        pick = int(np.lexsort((-distances, hidden_left))[0])
        order.append(pick)
        hidden_left = hidden_left - hides[:, pick]
        hidden_left[pick] = 2 * count
    return order
