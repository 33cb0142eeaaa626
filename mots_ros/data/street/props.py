"""What stands on the pavement and can hide somebody: trees, lamps, signs, boxes, bins, bushes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import NEAR, Camera, Floats, clip_near
from mots_ros.data.street.canvas import Canvas, Colour
from mots_ros.data.street.foliage import Plant, bush, tree
from mots_ros.data.street.ground import Layout
from mots_ros.data.street.light import Light

Generator = np.random.Generator

SIGHT = 130.0
BOARDS = np.array([(30, 80, 170), (200, 36, 40), (235, 235, 230), (240, 200, 40), (40, 110, 70)])
GREY = np.array([112.0, 114, 112])


@dataclass(frozen=True)
class Prop:
    """One thing with its foot at ``foot`` [3].

    form: a plant, or the boxes that it is built of, each (centre [3] above the foot, full size
    [3], colour [3]).
    """

    foot: Floats
    form: Plant | tuple[tuple[Floats, Floats, Floats], ...]

    def footprint(self) -> Floats:
        """Corners [4, 2] on the ground, X and Z, of what stands there."""
        reach = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.15
        return self.foot[[0, 2]] + reach

    def paint(self, canvas: Canvas, camera: Camera, light: Light) -> None:
        """Paint it over what is behind it."""
        if isinstance(self.form, Plant):
            self.form.paint(canvas, camera, self.foot)
            return
        for centre, size, colour in self.form:
            paint_box(self.foot + centre, size, colour, canvas, camera, light)


_FACES = (
    (np.array([-1.0, 0, 0]), [(-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (-1, 1, -1)]),
    (np.array([1.0, 0, 0]), [(1, -1, -1), (1, -1, 1), (1, 1, 1), (1, 1, -1)]),
    (np.array([0, 1.0, 0]), [(-1, 1, -1), (1, 1, -1), (1, 1, 1), (-1, 1, 1)]),
    (np.array([0, 0, -1.0]), [(-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1)]),
)


def paint_box(centre: Floats, size: Floats, colour: Colour, canvas: Canvas, camera: Camera,
              light: Light) -> None:  # fmt: skip
    """Paint a box that is aligned with the street."""
    corners = centre + np.array([c for _, face in _FACES for c in face]) * size / 2
    seen = camera.to_camera(corners)
    if seen[:, 2].max() < 2 * NEAR or seen[:, 2].min() > SIGHT:
        return
    whole = clip_near(seen, 2 * NEAR)
    patch = canvas.patch(camera.to_image(whole))
    if patch is None:
        return
    towards = camera.position - centre
    for k, (normal, _) in enumerate(_FACES):
        if (towards - normal * size / 2) @ normal <= 0:
            continue
        face = clip_near(seen[4 * k : 4 * k + 4], 2 * NEAR)
        if len(face) > 2:
            tone = np.clip(np.asarray(colour) * light.shade(normal), 0, 255)
            hazy = light.through_haze(tone, float(seen[:, 2].mean()))
            patch.convex(camera.to_image(face), hazy.tolist())
    canvas.lay(patch)


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
        return [prop for prop in found if 1.5 < prop.foot[2] - z < SIGHT]

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

    def _lamp(self, side: int) -> tuple[tuple[Floats, Floats, Floats], ...]:
        tall = self._lamp_tall
        return (
            _box(0, tall / 2, 0, 0.13, tall, 0.13, GREY),
            _box(-side * 0.7, tall, 0, 1.5, 0.1, 0.1, GREY),
            _box(-side * 1.4, tall - 0.05, 0, 0.7, 0.16, 0.25, GREY * 1.3),
        )


def _sign(rng: Generator) -> tuple[tuple[Floats, Floats, Floats], ...]:
    colour, tall = BOARDS[rng.integers(len(BOARDS))].astype(float), rng.uniform(2.1, 3.0)
    wide, high = rng.choice([0.42, 0.6, 0.6, 1.1]), rng.choice([0.42, 0.6, 0.6, 0.9])
    return (
        _box(0, tall / 2, 0, 0.07, tall, 0.07, GREY),
        _box(0, tall - high / 2, -0.06, wide, high, 0.03, np.array([225.0, 225, 225])),
        _box(0, tall - high / 2, -0.09, wide * 0.86, high * 0.86, 0.01, colour),
    )


def _street_box(rng: Generator) -> tuple[tuple[Floats, Floats, Floats], ...]:
    """A waste bin, a switch cabinet, a letter box or an advertising column."""
    colour = np.array([(60, 66, 60), (150, 150, 140), (214, 176, 40), (44, 74, 52)])
    tone = colour[rng.integers(len(colour))] * rng.uniform(0.7, 1.2)
    wide, tall = rng.uniform(0.45, 1.2), rng.choice([0.9, 1.1, 1.4, 2.4])
    return (
        _box(0, tall / 2, 0, wide, tall, 0.45, tone),
        _box(0, tall, 0, wide + 0.06, 0.08, 0.5, tone * 0.6),
    )


def _traffic_light() -> tuple[tuple[Floats, Floats, Floats], ...]:
    dark = np.array([38.0, 42, 40])
    return (
        _box(0, 1.7, 0, 0.12, 3.4, 0.12, GREY),
        _box(0, 2.9, -0.12, 0.3, 0.9, 0.2, dark),
        _box(0, 3.18, -0.23, 0.18, 0.18, 0.02, np.array([255.0, 50, 40])),
        _box(0, 2.9, -0.23, 0.18, 0.18, 0.02, np.array([84.0, 66, 20])),
        _box(0, 2.62, -0.23, 0.18, 0.18, 0.02, np.array([24.0, 70, 50])),
    )
