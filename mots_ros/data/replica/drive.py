"""A drive made from an annotation alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Frame, LabelImage
from mots_ros.data import kitti_mots
from mots_ros.data.drives import FRAME_ID, AnnotatedFrame
from mots_ros.data.replica.actor import Actor
from mots_ros.data.replica.clutter import Clutter
from mots_ros.data.replica.ride import ride
from mots_ros.data.replica.shadows import Shadows
from mots_ros.data.replica.sheet import Bytes, Crop
from mots_ros.data.replica.trajectory import trajectories
from mots_ros.data.rle import box_of
from mots_ros.data.street.light import Sensor
from mots_ros.data.street.scenery import Scenery

_EDGE_BLUR = 0.6
_EDGE_PIXELS = 5
_SCENERY, _SENSOR, _RIDE, _CLUTTER, _LOOKS, _NOISE = range(6)
"""Independent random streams of a seed."""


class ReplicaDrive:
    """A KITTI MOTS annotation painted over: an `AnnotatedDrive`, the same for the same arguments.

    Every annotated object gets an appearance that stays with its id and follows its real outline,
    motion and occlusions, on a made-up street that does not follow the recorded one. Instance maps
    are exactly those of the annotation. Frames without annotation show the street alone; ignore
    regions hold blurred cars and people.

    annotation_path: text in the format of `kitti_mots`. seed: appearances, street, light and camera
    noise. rate: frames a second of the stamps, which start at 0. length: number of frames; the last
    annotated frame is the last by default. Raises kitti_mots.AnnotationError for an annotation that
    cannot be used, ValueError for a rate or length that is not positive.
    """

    def __init__(
        self,
        annotation_path: Path,
        seed: int = 0,
        rate: float = 10.0,
        length: int | None = None,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"expected a rate above 0 frames a second, found {rate}")
        if length is not None and length < 1:
            raise ValueError(f"expected a length of at least 1 frame, found {length}")
        self._annotation = kitti_mots.read(annotation_path)
        self._length = length if length is not None else max(self._annotation.frames) + 1
        self._name = f"replica_{Path(annotation_path).stem}_{seed}"
        self._seed = seed
        self._rate = rate
        size = self._annotation.size
        self._scenery = Scenery(self._random(_SCENERY), size)
        self._sensor = Sensor(size, self._random(_SENSOR))
        self._cameras = ride(
            self._random(_RIDE), self._length, rate, size, self._scenery.layout.road / 2
        )
        self._clutter = Clutter(self._random(_CLUTTER), self._scenery.light)
        lens = self._cameras[0]
        self._actors = {
            object_id: Actor(
                object_id,
                trajectory,
                self._random(_LOOKS, object_id),
                self._scenery.light,
                lens.focal,
                lens.centre[0],
            )
            for object_id, trajectory in trajectories(self._annotation, self._length).items()
        }

    @property
    def name(self) -> str:
        """A short name for tables and file names."""
        return self._name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Car and pedestrian."""
        return kitti_mots.CLASS_NAMES

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        return map(self.frame, range(self._length))

    def frame(self, index: int) -> AnnotatedFrame:
        """One frame; raises IndexError beyond the drive."""
        if not 0 <= index < self._length:
            raise IndexError(f"expected a frame from 0 to {self._length - 1}, found {index}")
        instances = self._annotation.instances(index)
        camera = self._cameras[index]
        image = self._scenery.paint(camera)
        self._clutter.paint(image, instances == kitti_mots.IGNORE_ID, camera)
        crops = self._crops(index)
        shadows = Shadows(self._annotation.size, self._scenery.light)
        for object_id in crops:
            actor = self._actors[object_id]
            shadows.add(actor.body(index), actor.stance)
        image = shadows.lay(image)
        self._paint_actors(image, instances, crops, index)
        image = self._sensor.expose(image, self._random(_NOISE, index))
        stamp_ns = round(index * 1e9 / self._rate)
        return AnnotatedFrame(Frame(stamp_ns, FRAME_ID, image), instances)

    def _random(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, *stream))

    def _crops(self, index: int) -> dict[int, Crop]:
        """Where in the image every visible object is, with room for its blurred edge."""
        height, width = self._annotation.size
        margin = _EDGE_PIXELS // 2
        crops = {}
        for item in self._annotation.frames.get(index, ()):
            box = box_of(item.rle, (height, width))
            if item.object_id in self._actors and box is not None:
                left, top, right, bottom = box
                crops[item.object_id] = (
                    max(left - margin, 0),
                    max(top - margin, 0),
                    min(right + margin, width),
                    min(bottom + margin, height),
                )
        return crops

    def _paint_actors(
        self, image: Bytes, instances: LabelImage, crops: dict[int, Crop], index: int
    ) -> None:
        """Put objects on the image; where they meet, each has its share of a pixel's light."""
        background = (instances == 0) | (instances == kitti_mots.IGNORE_ID)
        weight = _softened(background.astype(np.float32))
        for object_id, crop in crops.items():
            rows, columns = slice(crop[1], crop[3]), slice(crop[0], crop[2])
            mask = (instances[rows, columns] == object_id).astype(np.float32)
            colours = self._actors[object_id].paint(index, crop, mask)
            share = _softened(mask)
            under = image[rows, columns]
            image[rows, columns] = cv2.blendLinear(under, colours, weight[rows, columns], share)
            weight[rows, columns] += share


def _softened(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    softened: NDArray[np.float32] = cv2.GaussianBlur(mask, (_EDGE_PIXELS, _EDGE_PIXELS), _EDGE_BLUR)
    return softened
