"""A street without anybody in it: sky, ground, houses, trees and street furniture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Camera
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.ground import Ground, Layout
from mots_ros.data.street.houses import Houses
from mots_ros.data.street.light import Light
from mots_ros.data.street.props import Prop, Props
from mots_ros.data.street.sky import Sky

Generator = np.random.Generator


class Scenery:
    """The street of one seed, without end in Z; the same camera always sees the same picture.

    The street's middle is X = 0, the ground Y = 0. The camera's own lane is the right one:
    X = layout.road / 2. Colours are those of the scene; `light.Sensor` adds what a real camera
    does to them.
    """

    def __init__(self, rng: Generator, size: tuple[int, int] = (375, 1242)) -> None:
        self.size = size
        self.light = Light.sample(rng)
        self.layout = Layout.sample(rng)
        self._sky = Sky(size, self.light, rng)
        self._ground = Ground(self.layout, self.light, rng)
        self._houses = Houses(self.layout, self.light, rng)
        self._props = Props(self.layout, self.light, rng)

    def backdrop(self, camera: Camera) -> Canvas:
        """What nobody can walk behind: sky, ground and houses."""
        canvas = Canvas(np.empty((*self.size, 3), np.uint8))
        self._sky.paint(canvas.image, camera)
        self._ground.paint(canvas.image, camera)
        self._houses.paint(canvas, camera)
        return canvas

    def props(self, camera: Camera) -> list[Prop]:
        """What stands in sight on the pavements, in no order."""
        return self._props.near(camera)

    def paint(self, camera: Camera) -> NDArray[np.uint8]:
        """The empty street, RGB [H, W, 3]."""
        canvas = self.backdrop(camera)
        for prop in sorted(self.props(camera), key=lambda prop: -prop.foot[2]):
            prop.paint(canvas, camera, self.light)
        return canvas.image
