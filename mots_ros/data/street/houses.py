"""Rows of facades along both sides of the street, without end and without gaps in memory."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import NEAR, Camera, Floats, clip_near
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.facade import PIXELS_PER_METRE, Facade, blank, garden, house
from mots_ros.data.street.ground import Layout
from mots_ros.data.street.light import Light
from mots_ros.data.street.textures import to_bytes

Generator = np.random.Generator

NOWHERE = np.zeros(3)
UP = np.array([0.0, 1.0, 0.0])
DISTANCES = (8.0, 14.0, 24.0, 42.0, 75.0, 130.0)
"""Metres for which a facade is kept ready, filtered as finely as the image is there."""
SIGHT = 190.0
CORNER = 14.0
FOCAL = 721.0


class _Surface:
    """One facade, lit from one side, ready for every distance."""

    def __init__(self, facade: Facade, shade: Floats, light: Light, oblique: bool) -> None:
        self.length, self.height = facade.length, facade.height
        opacity = facade.opacity[..., None]
        lit = np.concatenate(
            [np.clip(facade.albedo * shade, 0, 255) * opacity, opacity * 255], axis=2
        ).astype(np.float32)
        self._levels: list[NDArray[np.uint8]] = []
        for distance in DISTANCES:
            upright = FOCAL / distance / PIXELS_PER_METRE
            along = upright * 7.0 / distance if oblique else upright
            rows, columns = opacity.shape[:2]
            size = (
                max(int(columns * min(along, 1)), 4),
                max(int(rows * min(upright, 1)), 4),
            )
            level = cv2.resize(lit, size, interpolation=cv2.INTER_AREA)
            share = light.veil(distance)
            level[..., :3] = level[..., :3] * (1 - share) + (
                light.haze * share * level[..., 3:] / 255
            )
            self._levels.append(np.ascontiguousarray(to_bytes(level)))

    def at(self, distance: float) -> NDArray[np.uint8]:
        """uint8 [h, w, 4], colours multiplied by opacity."""
        return self._levels[int(np.argmin(np.abs(np.log(np.array(DISTANCES) / distance))))]


@dataclass(frozen=True)
class _Wall:
    """A surface in its place: origin is its lower corner where the texture begins."""

    surface: _Surface
    origin: Floats
    along: Floats
    length: float


class Houses:
    """Paints the facades; which one stands where depends on the seed and the block only."""

    def __init__(self, layout: Layout, light: Light, rng: Generator) -> None:
        self.layout = layout
        self._seed = int(rng.integers(2**31))
        self._open = rng.uniform(0.05, 0.7)
        sides = {-1: np.array([1.0, 0, 0]), 1: np.array([-1.0, 0, 0])}
        buildings, gardens = [house(rng) for _ in range(7)], [garden(rng) for _ in range(4)]
        self._rows = {
            side: [
                [_Surface(each, light.shade(normal), light, True) for each in some]
                for some in (buildings, gardens)
            ]
            for side, normal in sides.items()
        }
        facing = light.shade(np.array([0.0, 0, -1]))
        self._ends = [_Surface(blank(rng), facing, light, False) for _ in range(3)]
        self._blocks: dict[int, list[_Wall]] = {}

    def paint(self, canvas: Canvas, camera: Camera) -> None:
        """Paint every facade in sight, the farthest first."""
        z, block = camera.position[2], self.layout.block
        for index in range(int((z + SIGHT) // block), int(z // block) - 1, -1):
            if index not in self._blocks:
                self._blocks[index] = self._build(index)
            for wall in self._blocks[index]:
                if wall.origin[2] + wall.length > z:
                    _paint_wall(wall, canvas, camera)

    def _build(self, index: int) -> list[_Wall]:
        """The walls of one block, the farthest first."""
        layout, walls = self.layout, []
        begin = index * layout.block
        for side in (-1, 1):
            rng = np.random.default_rng((self._seed, index & 0xFFFF, side + 1))
            z, end, row = begin, begin + layout.block - layout.junction, []
            buildings, gardens = self._rows[side]
            setback = rng.choice([0.0, 0.0, 1.5, 4.0])
            while z < end - 0.5:
                # A corner is always built up: it hides who comes from the cross street.
                last = end - z < CORNER
                some = gardens if rng.random() < self._open and not last else buildings
                surface = some[rng.integers(len(some))]
                length = min(surface.length, end - z)
                if end - z - length < 5:
                    length = end - z
                x = side * (layout.wall + (0 if last or some is gardens else setback))
                along = np.array([0.0, 0, 1])
                if some is gardens and rng.random() < 0.6:
                    far = buildings[rng.integers(len(buildings))]
                    back = side * (layout.wall + rng.uniform(6, 14))
                    row.append(_Wall(far, np.array([back, 0, z]), along, far.length))
                row.append(_Wall(surface, np.array([x, 0, z]), along, length))
                z += length
            walls += row
            if row[0].surface in buildings:
                gable = self._ends[rng.integers(len(self._ends))]
                across = np.array([float(side), 0, 0])
                walls.append(_Wall(gable, row[0].origin, across, gable.length))
        return sorted(walls, key=lambda wall: (-wall.origin[2], -abs(wall.origin[0])))


def _paint_wall(wall: _Wall, canvas: Canvas, camera: Camera) -> None:
    """Warp the wall's texture into the image."""
    height, width = camera.size
    surface = wall.surface
    reach, top = wall.along * wall.length, UP * surface.height
    corners = wall.origin + np.stack([NOWHERE, reach, reach + top, top])
    seen = clip_near(camera.to_camera(corners), 2 * NEAR)
    if len(seen) < 3:
        return
    outline = camera.to_image(seen)
    low, high = np.floor(outline.min(axis=0)), np.ceil(outline.max(axis=0)) + 1
    left, upper = int(max(low[0], 0)), int(max(low[1], 0))
    right, lower = int(min(high[0], width)), int(min(high[1], height))
    if right - left < 2 or lower - upper < 2:
        return
    # What reaches out of the image is seen from its edge on, nearer than that nobody sees it.
    begin = max(float(seen[:, 2].min()), abs(float(seen[0, 0])) * camera.focal / width * 2)
    texture = surface.at(0.65 * begin + 0.35 * max(begin, float(seen[:, 2].max())))
    rows, columns = texture.shape[:2]
    to_pixels = camera.plane_homography(wall.origin + top, wall.along, -UP)
    texels = np.array(
        [
            [columns / wall.length, 0, -0.5],
            [0, rows / surface.height, -0.5],
            [0, 0, 1],
        ]
    )
    shift = np.array([[1, 0, left + 0.5], [0, 1, upper + 0.5], [0, 0, 1]])
    inverse = texels @ np.linalg.inv(to_pixels) @ shift
    patch = cv2.warpPerspective(
        texture,
        inverse,
        (right - left, lower - upper),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    canvas.lay_pixels(left, upper, patch)
