"""The street as a drive: every frame's image and exact instance map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Frame
from mots_ros.data.calibration import Calibration
from mots_ros.data.drives import FRAME_ID, AnnotatedFrame
from mots_ros.data.kitti_mots import CLASS_NAMES, IGNORE_ID
from mots_ros.data.street.camera import Camera, Floats
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.egomotion import EgoMotion
from mots_ros.data.street.light import Sensor
from mots_ros.data.street.ordering import back_to_front
from mots_ros.data.street.people import Person
from mots_ros.data.street.scenery import Scenery
from mots_ros.data.street.traffic import Traffic

FIRST_STAMP_NS = 1_000_000_000
SIGHT = 90.0
SMALLEST = {"car": (250, 17), "pedestrian": (180, 28)}
"""Visible pixels and rows below which an object is not asked for: 95 % of the objects that the
annotators of KITTI MOTS marked are larger."""
LARGE = 1500
"""Pixels from which on nothing counts as too small."""
LEAST_VISIBLE = 0.05


class StreetDrive:
    """A drive through a made-up street; the same seed gives the same bytes.

    The instance map is exact: it holds whose paint shows. What is smaller than the objects that
    KITTI MOTS asks for (SMALLEST), or hidden to more than 95 %, is marked as 10000, ignore.
    Objects keep their value whenever they come back, and no two objects share one.

    size: image height and width in pixels. rate: frames per second.
    """

    def __init__(
        self,
        seed: int,
        length: int,
        size: tuple[int, int] = (375, 1242),
        rate: float = 10.0,
    ) -> None:
        if length < 1 or rate <= 0:
            raise ValueError(f"a drive needs length >= 1 and rate > 0, not {length} and {rate}")
        self._seed, self._length, self._size, self._rate = seed, length, size, rate
        layout_rng, ego_rng, traffic_rng, sensor_rng = (
            np.random.default_rng((seed, k)) for k in range(4)
        )
        self._scenery = Scenery(layout_rng, size)
        self._ego = EgoMotion(self._scenery.layout, length, rate, ego_rng)
        self._actors = Traffic(self._scenery.layout, self._ego, traffic_rng).actors
        self._sensor = Sensor(size, sensor_rng)
        people = sum(isinstance(actor.body, Person) for actor in self._actors)
        counts = (people, len(self._actors) - people)
        if max(counts) > 999:
            raise ValueError(
                f"a drive of {length} frames needs {max(counts)} objects of one class; KITTI MOTS "
                "has numbers for 999: make several shorter drives"
            )

    @property
    def name(self) -> str:
        """``street_`` and the seed."""
        return f"street_{self._seed:04d}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their ids."""
        return CLASS_NAMES

    @property
    def calibration(self) -> Calibration:
        """The camera's, which has no distortion."""
        intrinsics = self._ego.camera(0, self._size).intrinsics
        return Calibration.rectified(self._size, np.column_stack((intrinsics, np.zeros(3))))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        for index in range(self._length):
            yield self.frame(index)

    def frame(self, index: int) -> AnnotatedFrame:
        """One frame; frames can be taken in any order."""
        canvas = self.paint(index)
        noise = np.random.default_rng((self._seed, 4, index))
        image = self._sensor.expose(canvas.image, noise)
        stamp = FIRST_STAMP_NS + round(index * 1e9 / self._rate)
        frame = Frame(stamp, FRAME_ID, image)
        return AnnotatedFrame(frame, _annotate(canvas))

    def paint(self, index: int) -> Canvas:
        """The scene of one frame before the sensor, with every object's paint."""
        camera = self._ego.camera(index, self._size)
        light = self._scenery.light
        canvas = self._scenery.backdrop(camera)
        poses = [(actor, actor.way.at(self._ego.times[index])) for actor in self._actors]
        present = [(actor, pose) for actor, pose in poses if _in_sight(pose.place, camera)]
        for actor, pose in present:
            canvas.columns = self._columns(pose.place, camera)
            actor.body.shade_ground(canvas, camera, light, pose)
        props = self._scenery.props(camera)
        footprints = [actor.body.footprint(pose) for actor, pose in present]
        footprints += [prop.footprint() for prop in props]
        eye = camera.position[[0, 2]]
        for k in back_to_front(np.array(footprints).reshape(-1, 4, 2), eye):
            if k >= len(present):
                canvas.columns = (0, self._size[1])
                props[k - len(present)].paint(canvas, camera, light)
                continue
            actor, pose = present[k]
            canvas.columns = self._columns(pose.place, camera)
            actor.body.paint(canvas, camera, light, pose, actor.value)
        return canvas

    def _columns(self, place: Floats, camera: Camera) -> tuple[int, int]:
        """The columns in which somebody at ``place`` can be seen past the corner of a house."""
        layout, width = self._scenery.layout, self._size[1]
        if abs(place[0]) < layout.wall + 0.5:
            return 0, width
        end = np.floor(place[2] / layout.block + 1) * layout.block - layout.junction
        corner = camera.to_camera(np.array([np.sign(place[0]) * layout.wall, 1.0, end]))
        if corner[2] < 0.5:
            return 0, width
        column = int(np.clip(camera.to_image(corner)[0], 0, width))
        return (column, width) if place[0] < 0 else (0, column)


def _in_sight(place: Floats, camera: Camera) -> bool:
    across, _, depth = camera.to_camera(place)
    return -2.5 < depth < SIGHT and abs(across) < 0.9 * max(depth, 0) + 5


def _annotate(canvas: Canvas) -> NDArray[np.uint16]:
    """The instance map with what is too small or too hidden turned to ignore."""
    instances = canvas.instances
    areas = np.bincount(instances.ravel())
    for value, painted in canvas.painted.items():
        area = int(areas[value]) if value < len(areas) else 0
        if area == 0 or area > max(LARGE, LEAST_VISIBLE * painted):
            continue
        visible = instances == value
        rows = int(np.count_nonzero(visible.any(axis=1)))
        least_area, least_rows = SMALLEST[CLASS_NAMES[value // 1000 - 1]]
        if area < least_area or rows < least_rows or area < LEAST_VISIBLE * painted:
            instances[visible] = IGNORE_ID
    return instances
