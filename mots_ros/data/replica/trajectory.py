"""Where an object is as a whole, also while it is partly hidden or leaves the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from mots_ros.data.kitti_mots import IGNORE_ID, Annotation
from mots_ros.data.rle import box_of, spans

Floats = NDArray[np.float64]

CREST = {1: 0.2, 2: 0.06}
"""The height, as a share of the box from its top, at which a class's roof or head is measured."""

_OUTWARD = np.array([-1.0, -1.0, 1.0, 1.0])
_STIFFNESS = 12.0
_INERTIA = 0.01
_CREST_STIFFNESS = 200.0
_SURE, _LIKELY, _VAGUE, _DOUBTFUL = 1.0, 0.4, 0.02, 1e-4
_ROUNDS = 4
_MIN_EXTENT = 3.0


@dataclass(frozen=True)
class Trajectory:
    """An object's whole extent from its first frame to its last, in image pixels.

    boxes: [T, 4] as x1, y1, x2, y2, smooth in time; they may leave the image.
    crest: [T, 2] left and right end of its roof or head as shares of the box's width.
    """

    first: int
    boxes: Floats
    crest: Floats

    def box(self, frame: int) -> Floats:
        """The box [4] in a frame between the first and the last."""
        box: Floats = self.boxes[frame - self.first]
        return box

    def crest_at(self, frame: int) -> Floats:
        """The crest [2] in a frame between the first and the last."""
        crest: Floats = self.crest[frame - self.first]
        return crest


@dataclass(frozen=True)
class _Sighting:
    """The visible part in one frame: its tight box [4] and the ends [2] of its crest."""

    box: Floats
    crest: Floats


def trajectories(annotation: Annotation, length: int) -> dict[int, Trajectory]:
    """Trajectories by object id, of what is annotated in the first ``length`` frames.

    The visible box says where an object ends only on sides that neither the image's border nor a
    nearer object cuts off. A smooth curve is fitted to each side that trusts those, and never lies
    far inside of what is visible.
    """
    seen: dict[int, dict[int, _Sighting]] = {}
    trust: dict[int, dict[int, Floats]] = {}
    for frame, objects in annotation.frames.items():
        if frame >= length:
            continue
        sightings = {
            item.object_id: sighting
            for item in objects
            if item.object_id != IGNORE_ID
            and (sighting := _sight(item.rle, annotation.size, CREST[item.class_id])) is not None
        }
        for object_id, sighting in sightings.items():
            others = np.array(
                [other.box for key, other in sightings.items() if key != object_id]
            ).reshape(-1, 4)
            seen.setdefault(object_id, {})[frame] = sighting
            trust.setdefault(object_id, {})[frame] = _trust(sighting.box, others, annotation.size)
    return {key: _fit(sightings, trust[key]) for key, sightings in seen.items()}


def _sight(rle: bytes, size: tuple[int, int], crest_share: float) -> _Sighting | None:
    """Measure a mask; None when it is empty."""
    box = box_of(rle, size)
    if box is None:
        return None
    height, width = size
    starts, ends = spans(rle, height * width)
    _, top, _, bottom = box
    row = top + crest_share * (bottom - top)
    columns = starts // height
    at_crest = (starts <= columns * height + row) & (ends > columns * height + row)
    if at_crest.any():
        columns = columns[at_crest]
    return _Sighting(
        np.array(box, np.float64), np.array([columns.min(), columns.max() + 1], np.float64)
    )


def _trust(box: Floats, others: Floats, size: tuple[int, int]) -> Floats:
    """How far each side [4] of a visible box is the object's own end."""
    height, width = size
    at_border = np.array([box[0] <= 1, box[1] <= 1, box[2] >= width - 1, box[3] >= height - 1])
    nearer = others[others[:, 3] > box[3] - 2]
    gap = 3.0
    beside = (nearer[:, 1] < box[3] - gap) & (nearer[:, 3] > box[1] + gap)
    over = (nearer[:, 0] < box[2] - gap) & (nearer[:, 2] > box[0] + gap)
    covered = np.array(
        [
            (beside & (nearer[:, 0] < box[0]) & (nearer[:, 2] > box[0] - gap)).any(),
            (over & (nearer[:, 1] < box[1]) & (nearer[:, 3] > box[1] - gap)).any(),
            (beside & (nearer[:, 2] > box[2]) & (nearer[:, 0] < box[2] + gap)).any(),
            (over & (nearer[:, 3] > box[3]) & (nearer[:, 1] < box[3] + gap)).any(),
        ]
    )
    cut = at_border | covered
    trust = np.where(cut, _DOUBTFUL, _LIKELY)
    if cut[0] or cut[2]:
        # Its highest and lowest points may lie beyond the cut.
        trust[[1, 3]] = np.minimum(trust[[1, 3]], _VAGUE)
    return trust


def _fit(sightings: Mapping[int, _Sighting], trust: Mapping[int, Floats]) -> Trajectory:
    first, last = min(sightings), max(sightings)
    at = np.array(sorted(sightings)) - first
    length = last - first + 1
    visible = np.zeros((length, 4))
    weight = np.zeros((length, 4))
    crest = np.zeros((length, 2))
    for t in at:
        visible[t], weight[t] = sightings[first + t].box, trust[first + t]
        crest[t] = sightings[first + t].crest
    rigid = _bending(length, _STIFFNESS)
    boxes = np.stack(
        [_envelope(visible[:, i], weight[:, i], _OUTWARD[i], rigid) for i in range(4)], axis=1
    )
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    half = np.maximum(half, _MIN_EXTENT / 2)
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    share = (crest - boxes[:, :1]) / (boxes[:, 2:3] - boxes[:, :1])
    # A crest is only as good as the top and the sides that it is measured from.
    certainty = weight[:, :3].min(axis=1)
    rigid = _bending(length, _CREST_STIFFNESS)
    smooth = np.stack([_curve(share[:, i], certainty, rigid) for i in (0, 1)], axis=1)
    return Trajectory(first, boxes, np.clip(smooth, 0, 1))


def _envelope(visible: Floats, trust: Floats, outward: float, bending: Floats) -> Floats:
    """A smooth curve [T] that sightings pull outwards much more than inwards."""
    weight = trust
    for _ in range(_ROUNDS):
        curve = _curve(visible, weight, bending)
        beyond = ((visible - curve) * outward > 0) & (trust > 0)
        weight = np.where(beyond, _SURE, trust)
    return curve


def _curve(values: Floats, weight: Floats, bending: Floats) -> Floats:
    """The curve [T] that trades weighted closeness to ``values`` against bending."""
    system = bending.copy()
    system[0] += weight
    curve: Floats = solveh_banded(system[: len(values)], weight * values, lower=True)
    return curve


def _bending(length: int, stiffness: float) -> Floats:
    """The quadratic form of a curve's slope and, mostly, of its bends, as lower bands [3, T]."""
    bands = np.zeros((3, length))
    for share, stencil in ((_INERTIA, (-1, 1)), (stiffness, (1, -2, 1))):
        places = max(length - len(stencil) + 1, 0)
        for i, a in enumerate(stencil):
            for distance, b in enumerate(stencil[i:]):
                bands[distance, i : i + places] += share * a * b
    return bands
