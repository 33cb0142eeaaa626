"""What stands on the pavement and can hide somebody: trees, lamps, signs, boxes, bins, bushes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import NEAR, Camera, Floats
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.foliage import Plant, bush, tree
from mots_ros.data.street.ground import Layout
from mots_ros.data.street.light import Light

Generator = np.random.Generator

SIGHT = 85.0
SMALLEST = 0.5
"""Faces smaller than this many pixels are left out."""
BOARDS = np.array([(30, 80, 170), (200, 36, 40), (235, 235, 230), (240, 200, 40), (40, 110, 70)])
GREY = np.array([112.0, 114, 112])


_NORMALS = np.array([(-1.0, 0, 0), (1.0, 0, 0), (0, 1.0, 0), (0, 0, -1.0)])
_CORNERS = np.array([
    (-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (-1, 1, -1),
    (1, -1, -1), (1, -1, 1), (1, 1, 1), (1, 1, -1),
    (-1, 1, -1), (1, 1, -1), (1, 1, 1), (-1, 1, 1),
    (-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1),
], np.float64)  # fmt: skip
"""The four corners of each face of a box, in the order of the normals."""


class Boxes:
    """Something built of boxes that are aligned with the street, painted in their order.

    Each box is (centre [3] above the foot, full size [3], colour [3]).
    """

    def __init__(self, *boxes: tuple[Floats, Floats, Floats]) -> None:
        centres, sizes, colours = (np.stack(part)[:, None] for part in zip(*boxes, strict=True))
        self._corners = (centres + _CORNERS * sizes / 2).reshape(-1, 3)
        self._faces = (centres + _NORMALS * sizes / 2).reshape(-1, 3)
        self._normals = np.tile(_NORMALS, (len(boxes), 1))
        self._colours = np.repeat(colours[:, 0], 4, axis=0)

    def paint(self, canvas: Canvas, camera: Camera, light: Light, foot: Floats) -> None:
        """Paint it standing at ``foot`` [3]."""
        seen = camera.to_camera(self._corners + foot)
        if seen[:, 2].min() < 2 * NEAR:
            return
        pixels = camera.to_image(seen)
        patch = canvas.patch(pixels)
        if patch is None:
            return
        towards = np.sum((camera.position - foot - self._faces) * self._normals, axis=1)
        faces = pixels.reshape(-1, 4, 2)
        extents = np.ptp(faces, axis=1).max(axis=1)
        lit = self._colours * light.shade(self._normals)
        tones = light.through_haze(lit, float(seen[:, 2].mean())).tolist()
        fixed = patch.to_fixed(faces)
        for k in np.flatnonzero((towards > 0) & (extents > SMALLEST)):
            patch.convex(fixed[k], tones[k])
        canvas.lay(patch)


@dataclass(frozen=True)
class Prop:
    """One thing with its foot at ``foot`` [3]."""

    foot: Floats
    form: Plant | Boxes

    def footprint(self) -> Floats:
        """Corners [4, 2] on the ground, X and Z, of what stands there."""
        reach = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.15
        return self.foot[[0, 2]] + reach

    def paint(self, canvas: Canvas, camera: Camera, light: Light) -> None:
        """Paint it over what is behind it."""
        if isinstance(self.form, Plant):
            self.form.paint(canvas, camera, self.foot)
        else:
            self.form.paint(canvas, camera, light, self.foot)


def _box(x: float, y: float, z: float, wide: float, tall: float, deep: float,
         colour: Floats) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    return np.array([x, y, z]), np.array([wide, tall, deep]), colour


class Props:
    """Stands things along the pavements; what stands where depends on the seed and block only."""

    def __init__(self, layout: Layout, light: Light, rng: Generator) -> None:
        self.layout = layout
        self._seed = int(rng.integers(2**31))
        self._trees = [tree(light, rng) for _ in range(3)]
        self._bushes = [bush(light, rng) for _ in range(3)]
        self._avenue = bool(rng.random() < 0.6)
        self._spacing = rng.uniform(8, 20)
        self._lamp_tall = rng.uniform(4.5, 8)
        self._blocks: dict[int, list[Prop]] = {}

    def near(self, camera: Camera) -> list[Prop]:
        """Everything in sight, in no order."""
        z, block = camera.position[2], self.layout.block
        found: list[Prop] = []
        for index in range(int(z // block), int((z + SIGHT) // block) + 1):
            if index not in self._blocks:
                self._blocks[index] = self._build(index)
            found += self._blocks[index]
        x = camera.position[0]
        return [
            prop
            for prop in found
            if 1.5 < (ahead := prop.foot[2] - z) < SIGHT and abs(prop.foot[0] - x) < ahead + 3
        ]

    def _build(self, index: int) -> list[Prop]:
        layout, props = self.layout, []
        begin, length = index * layout.block, layout.block - layout.junction
        for side in (-1, 1):
            rng = np.random.default_rng((self._seed, index & 0xFFFF, side + 1))
            edge = side * (layout.kerb + 0.55)
            back = side * (layout.wall - 0.6)
            if self._avenue:
                for z in np.arange(rng.uniform(2, 6), length - 4, self._spacing):
                    plant = self._trees[rng.integers(len(self._trees))]
                    place = np.array([edge, 0, begin + z + rng.uniform(-1, 1)])
                    props.append(Prop(place, plant))
            for z in (length * rng.uniform(0.1, 0.4), length * rng.uniform(0.6, 0.9)):
                props.append(Prop(np.array([edge, 0, begin + z]), self._lamp(side)))
            for _ in range(rng.integers(1, 5)):
                place = np.array([edge, 0, begin + rng.uniform(1, length)])
                props.append(Prop(place, _sign(rng)))
            for _ in range(rng.integers(0, 4)):
                place = np.array([back, 0, begin + rng.uniform(1, length)])
                props.append(Prop(place, _street_box(rng)))
            for _ in range(rng.integers(0, 5)):
                plant = self._bushes[rng.integers(len(self._bushes))]
                place = np.array([side * (layout.wall + 0.2), 0, begin + rng.uniform(1, length)])
                props.append(Prop(place, plant))
            for _ in range(rng.integers(0, 4)):
                plant = self._trees[rng.integers(len(self._trees))]
                out = side * (layout.wall + rng.uniform(0.6, 3))
                place = np.array([out, 0, begin + layout.block - rng.uniform(0, 2)])
                props.append(Prop(place, plant))
            props.append(Prop(np.array([edge, 0, begin + length + 0.6]), _traffic_light()))
        return props

    def _lamp(self, side: int) -> Boxes:
        tall = self._lamp_tall
        return Boxes(
            _box(0, tall / 2, 0, 0.13, tall, 0.13, GREY),
            _box(-side * 0.7, tall, 0, 1.5, 0.1, 0.1, GREY),
            _box(-side * 1.4, tall - 0.05, 0, 0.7, 0.16, 0.25, GREY * 1.3),
        )


def _sign(rng: Generator) -> Boxes:
    colour, tall = BOARDS[rng.integers(len(BOARDS))].astype(float), rng.uniform(2.1, 3.0)
    wide, high = rng.choice([0.42, 0.6, 0.6, 1.1]), rng.choice([0.42, 0.6, 0.6, 0.9])
    return Boxes(
        _box(0, tall / 2, 0, 0.07, tall, 0.07, GREY),
        _box(0, tall - high / 2, -0.06, wide, high, 0.03, np.array([225.0, 225, 225])),
        _box(0, tall - high / 2, -0.09, wide * 0.86, high * 0.86, 0.01, colour),
    )


def _street_box(rng: Generator) -> Boxes:
    """A waste bin, a switch cabinet, a letter box or an advertising column."""
    colour = np.array([(60, 66, 60), (150, 150, 140), (214, 176, 40), (44, 74, 52)])
    tone = colour[rng.integers(len(colour))] * rng.uniform(0.7, 1.2)
    wide, tall = rng.uniform(0.45, 1.2), rng.choice([0.9, 1.1, 1.4, 2.4])
    return Boxes(
        _box(0, tall / 2, 0, wide, tall, 0.45, tone),
        _box(0, tall, 0, wide + 0.06, 0.08, 0.5, tone * 0.6),
    )


def _traffic_light() -> Boxes:
    dark = np.array([38.0, 42, 40])
    return Boxes(
        _box(0, 1.7, 0, 0.12, 3.4, 0.12, GREY),
        _box(0, 2.9, -0.12, 0.3, 0.9, 0.2, dark),
        _box(0, 3.18, -0.23, 0.18, 0.18, 0.02, np.array([255.0, 50, 40])),
        _box(0, 2.9, -0.23, 0.18, 0.18, 0.02, np.array([84.0, 66, 20])),
        _box(0, 2.62, -0.23, 0.18, 0.18, 0.02, np.array([24.0, 70, 50])),
    )
