"""Who covers whom, frame by frame: the matches that the pictures show.

Masks of one frame are disjoint, so at most one result can cover more than half of the union with
an object: no assignment has to be solved. Scores do not come from here but from TrackEval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mots_ros.data.kitti_mots import (
    CLASS_NAMES,
    IGNORE_CLASS,
    MAX_INSTANCES,
    Annotation,
    MaskObject,
)
from mots_ros.data.rle import covered, iou

_MIN_IOU = 0.5
_MAX_IGNORED = 0.5


@dataclass(frozen=True)
class FrameMatches:
    """Object ids of ground truth and results in one frame.

    pairs: the result that covers each object that is covered.
    missed: objects that no result covers.
    false_alarms: results that cover no object, outside ignore regions.
    """

    pairs: dict[int, int]
    missed: tuple[int, ...]
    false_alarms: tuple[int, ...]


@dataclass(frozen=True)
class IdSwitch:
    """An object whose covering result has another id than the last time it was covered."""

    frame: int
    object_id: int
    before: int
    after: int


def match(truth: Annotation, results: Annotation, length: int) -> list[FrameMatches]:
    """The matches of every frame of a sequence, class by class."""
    return [
        _match_frame(truth.frames.get(frame, ()), results.frames.get(frame, ()), truth.size)
        for frame in range(length)
    ]


def id_switches(matches: Sequence[FrameMatches]) -> list[IdSwitch]:
    """Every change of a covered object's id, in order; gaps in between do not matter."""
    last: dict[int, int] = {}
    switches = []
    for frame, found in enumerate(matches):
        for object_id, result_id in found.pairs.items():
            before = last.get(object_id, result_id)
            if before != result_id:
                switches.append(IdSwitch(frame, object_id, before, result_id))
            last[object_id] = result_id
    return switches


def object_name(object_id: int) -> str:
    """What pictures call an object of the ground truth, as in "car 3"."""
    class_id, instance = divmod(object_id, MAX_INSTANCES)
    return f"{CLASS_NAMES[class_id - 1]} {instance}"


def _match_frame(
    truth: Sequence[MaskObject], results: Sequence[MaskObject], size: tuple[int, int]
) -> FrameMatches:
    regions = [item for item in truth if item.class_id == IGNORE_CLASS]
    objects = [item for item in truth if item.class_id != IGNORE_CLASS]
    same_class = np.array(
        [[item.class_id == other.class_id for other in results] for item in objects], dtype=bool
    ).reshape(len(objects), len(results))
    object_masks, result_masks, region_masks = (
        [item.rle for item in items] for items in (objects, results, regions)
    )
    matched = (iou(object_masks, result_masks, size) > _MIN_IOU) & same_class
    pairs = {
        objects[row].object_id: results[column].object_id
        for row, column in np.argwhere(matched).tolist()
    }
    ignored = np.any(covered(result_masks, region_masks, size) > _MAX_IGNORED, axis=1)
    return FrameMatches(
        pairs,
        tuple(item.object_id for item in objects if item.object_id not in pairs),
        tuple(
            item.object_id
            for item, hidden in zip(results, ignored.tolist(), strict=True)
            if not hidden and item.object_id not in pairs.values()
        ),
    )
