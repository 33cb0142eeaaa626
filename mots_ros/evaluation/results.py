"""What a tracker reported for a drive, kept small and given back in the KITTI MOTS format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mots_ros.core.masks import pixel_values
from mots_ros.core.types import Detections, FloatArray, LabelImage, TrackedFrame
from mots_ros.data.kitti_mots import (
    CLASS_NAMES,
    IGNORE_CLASS,
    Annotation,
    MaskObject,
    ObjectIds,
)
from mots_ros.data.rle import box_of, decode, encode
from mots_ros.evaluation.errors import EvaluationError


@dataclass(frozen=True)
class _Report:
    """One tracked frame with its label image taken apart into run-length masks."""

    tracked: TrackedFrame
    rles: tuple[bytes | None, ...]  # by detection, None where it got no pixel


class Results:
    """The tracked frames of one drive, by frame number.

    Masks are kept as run lengths, so that an hour of driving fits into memory.
    """

    def __init__(self, class_names: Sequence[str], size: tuple[int, int]) -> None:
        """Expect frames of ``size`` (H, W) whose labels are indexes into ``class_names``.

        Raises EvaluationError where no class is one of KITTI MOTS: there is nothing to write then.
        """
        self.class_names = tuple(class_names)
        self.size = size
        self._class_ids = {
            label: CLASS_NAMES.index(name) + 1
            for label, name in enumerate(class_names)
            if name in CLASS_NAMES
        }
        if not self._class_ids:
            raise EvaluationError(
                f"KITTI MOTS knows the classes {', '.join(CLASS_NAMES)}; the tracker reports "
                f"{', '.join(class_names) or 'none'}"
            )
        self._reports: dict[int, _Report] = {}

    def __len__(self) -> int:
        """The number of frames that were added."""
        return len(self._reports)

    def __contains__(self, frame: int) -> bool:
        return frame in self._reports

    def add(self, frame: int, tracked: TrackedFrame) -> None:
        """Keep the result of a frame.

        Raises EvaluationError where it has another size or the frame has a result already.
        """
        if frame in self._reports:
            raise EvaluationError(f"frame {frame} has two results; expected one")
        if tracked.label_image.shape != self.size:
            raise EvaluationError(
                f"frame {frame}: expected a label image of {self.size[0]} x {self.size[1]} pixels "
                f"(height x width), found {' x '.join(map(str, tracked.label_image.shape))}"
            )
        # Run lengths go down the columns: one transposition here saves one for every object.
        label_image = np.asfortranarray(tracked.label_image)
        present = set(np.unique(label_image).tolist())
        pixels = pixel_values(tracked.ids).tolist()
        rles = tuple(encode(label_image == value) if value in present else None for value in pixels)
        boxes_only = replace(tracked.detections, masks=None)
        paint = partial(self._drawn, frame)
        self._reports[frame] = _Report(
            replace(tracked, detections=boxes_only, paint=paint, embeddings=None), rles
        )

    def renumbered(self, ids: Mapping[int, int]) -> Results:
        """The same, with tracks under other ids; those that ``ids`` lacks keep theirs.

        No two tracks of one frame may get the same.
        """
        results = Results(self.class_names, self.size)
        for frame, report in self._reports.items():
            new = [ids.get(track_id, track_id) for track_id in report.tracked.ids.tolist()]
            paint = partial(results._drawn, frame)
            tracked = replace(report.tracked, ids=np.array(new, np.int64), paint=paint)
            results._reports[frame] = replace(report, tracked=tracked)
        return results

    def tracked(self, frame: int) -> TrackedFrame:
        """The frame as it was added, without network-size masks; empty where none was."""
        report = self._reports.get(frame)
        if report is None:
            ids = np.zeros(0, np.int64)
            return TrackedFrame(0, "", ids, _nothing(), lambda: np.zeros(self.size, np.uint16))
        # A copy: what is kept here shall not keep the label image that somebody looks at.
        return replace(report.tracked)

    def _drawn(self, frame: int) -> LabelImage:
        label_image: LabelImage = np.zeros(self.size, np.uint16)
        report = self._reports[frame]
        for value, rle in zip(pixel_values(report.tracked.ids), report.rles, strict=True):
            if rle is not None:
                label_image[decode(rle, self.size)] = value
        return label_image

    def boxes(self, label: int) -> Iterator[tuple[int, int, FloatArray, float]]:
        """Frame number, track id, box [4] and score of every result of a class, by frame."""
        for frame, report in sorted(self._reports.items()):
            found = report.tracked.detections
            for index in np.flatnonzero(found.labels == label):
                track_id = int(report.tracked.ids[index])
                yield frame, track_id, found.boxes[index], float(found.scores[index])

    def annotation(self) -> tuple[Annotation, dict[int, int]]:
        """The results in the KITTI MOTS format, and the track id behind each of its object ids.

        Objects without a pixel and of classes that KITTI MOTS lacks are left out.

        Raises EvaluationError where a class has more tracks than the format has ids.
        """
        object_ids = ObjectIds()
        track_ids: dict[int, int] = {}
        frames: dict[int, tuple[MaskObject, ...]] = {}
        for frame, report in sorted(self._reports.items()):
            objects = []
            labels = report.tracked.detections.labels.tolist()
            ids = report.tracked.ids.tolist()
            for track_id, label, rle in zip(ids, labels, report.rles, strict=True):
                class_id = self._class_ids.get(label)
                if class_id is None or rle is None:
                    continue
                try:
                    object_id = object_ids.of(class_id, track_id)
                except ValueError as error:
                    raise EvaluationError(str(error)) from error
                track_ids[object_id] = track_id
                objects.append(MaskObject(object_id, class_id, rle))
            if objects:
                frames[frame] = tuple(objects)
        return Annotation(self.size, frames), track_ids


class TextResults:
    """Masks that another program wrote, as Results gives back its own."""

    class_names = CLASS_NAMES

    def __init__(self, annotation: Annotation) -> None:
        self.size = annotation.size
        self._annotation = annotation

    def __contains__(self, frame: int) -> bool:
        """Whether the frame has an object; the text says nothing of others."""
        return frame in self._annotation.frames

    def tracked(self, frame: int) -> TrackedFrame:
        """The frame's objects, each a track with the object's id."""
        placed = [
            (item, box)
            for item in self._annotation.frames.get(frame, ())
            if item.class_id != IGNORE_CLASS and (box := box_of(item.rle, self.size)) is not None
        ]
        detections = Detections(
            np.array([box for _, box in placed], np.float32).reshape(-1, 4),
            np.ones(len(placed), np.float32),
            np.array([item.class_id - 1 for item, _ in placed], np.int64),
        )
        ids = np.array([item.object_id for item, _ in placed], np.int64)
        paint = partial(self._annotation.instances, frame)
        return TrackedFrame(0, "", ids, detections, paint)

    def annotation(self) -> tuple[Annotation, dict[int, int]]:
        """The masks as they are, and every object id as that of its track."""
        objects = [item for found in self._annotation.frames.values() for item in found]
        return self._annotation, {item.object_id: item.object_id for item in objects}


def _nothing() -> Detections:
    none = np.zeros(0, np.float32)
    return Detections(np.zeros((0, 4), np.float32), none, np.zeros(0, np.int64))
