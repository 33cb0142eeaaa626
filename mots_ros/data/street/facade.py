"""What stands along the pavement, as flat textures: houses, shops, walls and hedges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Floats
from mots_ros.data.street.textures import layered

Generator = np.random.Generator

PIXELS_PER_METRE = 32
PLASTER = np.array(
    [
        (214, 206, 188), (226, 222, 214), (196, 178, 146), (188, 160, 128), (176, 176, 172),
        (206, 186, 160), (168, 120, 100), (150, 92, 72), (222, 208, 170), (146, 150, 150),
    ],
    np.float32,
)  # fmt: skip
ROOF = np.array([(128, 66, 46), (104, 62, 50), (78, 76, 76), (92, 84, 78)], np.float32)
SIGNS = np.array([(190, 30, 34), (30, 70, 150), (235, 190, 40), (36, 110, 60), (40, 40, 44)])


class Facade:
    """A texture in the making; positions are metres from its lower left corner.

    albedo: float32 [h, w, 3] surface colours with the foot of the wall in the last row;
    opacity: float32 [h, w].
    """

    def __init__(self, length: float, height: float, rng: Generator) -> None:
        shape = (int(height * PIXELS_PER_METRE), int(length * PIXELS_PER_METRE))
        self.length, self.height, self.rng = length, height, rng
        self.albedo: NDArray[np.float32] = np.zeros((*shape, 3), np.float32)
        self.opacity: NDArray[np.float32] = np.ones(shape, np.float32)
        self.stains = layered(shape, (80, 30, 8), rng)

    def area(self, left: float, low: float, right: float, high: float) -> tuple[slice, slice]:
        """The rows and columns of a rectangle in metres."""
        rows, columns = self.opacity.shape
        scale = PIXELS_PER_METRE
        top, bottom = rows - int(high * scale), rows - int(low * scale)
        return (
            slice(max(top, 0), max(bottom, 0)),
            slice(max(int(left * scale), 0), min(int(right * scale), columns)),
        )

    def fill(self, left: float, low: float, right: float, high: float, colour: Floats) -> None:
        """Paint a rectangle in one colour."""
        self.albedo[self.area(left, low, right, high)] = colour

    def window(self, left: float, low: float, right: float, high: float, frame: Floats) -> None:
        """A glass pane with its frame and the sky or a curtain in it."""
        rng = self.rng
        self.fill(left - 0.09, low - 0.09, right + 0.09, high + 0.09, frame)
        self.fill(left - 0.16, low - 0.2, right + 0.16, low - 0.09, frame * 0.8)
        place = self.area(left, low, right, high)
        rows = place[0].stop - place[0].start
        dark = rng.uniform(18, 60)
        mirror = np.linspace(rng.uniform(30, 110), 0, max(rows, 1), dtype=np.float32)[:, None, None]
        self.albedo[place] = dark + mirror[:rows] * np.array([0.9, 1.0, 1.1], np.float32)
        if rng.random() < 0.4:
            hung = high - (high - low) * rng.uniform(0.2, 0.9)
            self.fill(left, hung, right, high, rng.uniform(110, 190) * np.ones(3))
        middle = (left + right) / 2
        if right - left > 0.8:
            self.fill(middle - 0.04, low, middle + 0.04, high, frame)


def house(rng: Generator) -> Facade:
    """A house of two to five floors with windows, doors, shops and a roof."""
    floors, floor = int(rng.integers(2, 6)), rng.uniform(2.7, 3.3)
    length, roof = rng.uniform(8, 16), rng.choice([0.4, 2.0, 3.2])
    eaves = floors * floor + 0.4
    wall = Facade(length, eaves + roof, rng)
    colour = PLASTER[rng.integers(len(PLASTER))] * rng.uniform(0.6, 1.05)
    wall.albedo[:] = colour * (1 + 0.07 * wall.stains[..., None])
    if colour[0] > 1.3 * colour[2]:
        _brick(wall)
    wall.fill(0, 0, length, rng.uniform(0.3, 1.0), colour * rng.uniform(0.5, 0.9))
    frame = np.full(3, rng.choice([60.0, 215.0, 235.0]))
    count = max(int(length / rng.uniform(1.7, 2.8)), 2)
    pitch, wide, tall = length / count, rng.uniform(0.8, 1.25), rng.uniform(1.2, 1.7)
    for level in range(1, floors):
        low = level * floor + 0.9
        for k in range(count):
            centre = (k + 0.5) * pitch
            wall.window(centre - wide / 2, low, centre + wide / 2, low + tall, frame)
    _ground_floor(wall, floor, count, pitch, frame)
    tiles = ROOF[rng.integers(len(ROOF))] * rng.uniform(0.8, 1.2)
    place = wall.area(0, eaves, length, eaves + roof)
    wall.albedo[place] = tiles * (1 + 0.12 * wall.stains[place][..., None])
    if roof > 1:
        wall.albedo[place][::10] *= 0.8
    wall.fill(0, eaves - 0.15, length, eaves + 0.05, colour * 0.55)
    wall.fill(0, 0, 0.1, eaves, colour * 0.6)
    return wall


def _brick(wall: Facade) -> None:
    """Courses of brick."""
    wall.albedo[::3] *= 0.86
    rows, columns = wall.opacity.shape
    each = wall.rng.normal(1, 0.08, (rows // 3 + 1, columns // 8 + 1)).astype(np.float32)
    wall.albedo *= np.kron(each, np.ones((3, 8), np.float32))[:rows, :columns, None]


def _ground_floor(wall: Facade, floor: float, count: int, pitch: float, frame: Floats) -> None:
    """Shop windows under a sign, or doors, gates and windows."""
    rng = wall.rng
    if rng.random() < 0.35:
        sign = SIGNS[rng.integers(len(SIGNS))] * rng.uniform(0.7, 1.1)
        wall.fill(0.3, floor - 0.5, wall.length - 0.3, floor + 0.1, sign)
        for left in np.arange(wall.length * 0.2, wall.length * 0.75, 0.3):
            if rng.random() < 0.75:
                wall.fill(left, floor - 0.35, left + 0.17, floor - 0.05, 255 - sign * 0.6)
        for left in np.arange(0.4, wall.length - 2, 2.4):
            wall.window(left, 0.4, left + 2.1, floor - 0.7, frame * 0.5)
        return
    for k in range(count):
        centre = (k + 0.5) * pitch
        kind = rng.random()
        colour = rng.uniform(30, 150, 3)
        if kind < 0.15:
            wall.fill(centre - 0.5, 0, centre + 0.5, 2.15, colour)
            wall.fill(centre - 0.3, 1.3, centre + 0.3, 1.9, np.full(3, 40.0))
        elif kind < 0.22:
            wall.fill(centre - pitch / 2 + 0.1, 0, centre + pitch / 2 - 0.1, 2.3, colour * 0.7)
        elif kind < 0.9:
            wall.window(centre - 0.55, 1.0, centre + 0.55, 2.3, frame)


def garden(rng: Generator) -> Facade:
    """A low wall, a fence or a hedge."""
    length, height = rng.uniform(8, 18), rng.uniform(1.0, 2.6)
    wall = Facade(length, height + 0.3, rng)
    kind = rng.random()
    if kind < 0.55:
        rows, columns = wall.opacity.shape
        leaves = layered((rows, columns), (14, 7, 4, 2), rng)
        green = np.array([74, 92, 46]) * rng.uniform(0.7, 1.3)
        wall.albedo[:] = green * np.clip(1 + 0.8 * leaves, 0.3, 2)[..., None]
        crest = height * PIXELS_PER_METRE + 12 * leaves
        wall.opacity[:] = np.arange(rows, 0, -1)[:, None] < crest
    else:
        colour = PLASTER[rng.integers(len(PLASTER))] * rng.uniform(0.45, 0.9)
        wall.albedo[:] = colour * (1 + 0.1 * wall.stains[..., None])
        wall.opacity[wall.area(0, height, length, height + 0.4)] = 0
        wall.fill(0, height - 0.12, length, height, colour * 0.7)
        if kind > 0.8:
            gaps = (np.arange(wall.opacity.shape[1]) % 6) > 1
            rows_open = wall.area(0, 0.6, length, height - 0.15)[0]
            wall.opacity[rows_open, :] *= ~gaps
    return wall


def blank(rng: Generator) -> Facade:
    """A gable wall with few windows, as seen at the corner of a block."""
    height, length = rng.uniform(5, 13), 14.0
    wall = Facade(length, height, rng)
    colour = PLASTER[rng.integers(len(PLASTER))] * rng.uniform(0.55, 1.0)
    wall.albedo[:] = colour * (1 + 0.1 * wall.stains[..., None])
    frame = np.full(3, 215.0)
    for low in np.arange(1.0, height - 2.2, 3.0):
        for left in np.arange(1.5, length - 2, rng.uniform(2.5, 5)):
            if rng.random() < 0.7:
                wall.window(left, low, left + 1.0, low + 1.4, frame)
    return wall
