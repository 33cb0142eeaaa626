"""Pedestrians with moving limbs, in all sorts of clothes, built of hulls around spheres."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Camera, Floats
from mots_ros.data.street.canvas import FRACTION_BITS, Canvas
from mots_ros.data.street.light import Light
from mots_ros.data.street.solid import hull_shadow, turned
from mots_ros.data.street.textures import layered

Generator = np.random.Generator

SKIN = np.array([(224, 182, 154), (208, 160, 130), (186, 138, 108), (132, 92, 68), (84, 58, 44)])
HAIR = np.array([(36, 28, 24), (62, 44, 32), (96, 70, 44), (158, 128, 84), (140, 138, 136),
                 (22, 20, 20)])  # fmt: skip
CLOTH = np.array([
    (24, 25, 30), (40, 42, 50), (70, 72, 76), (120, 122, 124), (196, 196, 192), (228, 226, 220),
    (32, 42, 78), (52, 78, 124), (112, 140, 170), (128, 28, 32), (178, 60, 52), (84, 62, 46),
    (150, 122, 88), (196, 176, 138), (52, 74, 50), (98, 108, 72), (120, 60, 100), (204, 160, 60),
    (210, 120, 130),
], np.float64)  # fmt: skip
TROUSERS = np.array([
    (30, 36, 58), (46, 58, 86), (74, 92, 122), (26, 26, 28), (44, 44, 46), (92, 82, 68),
    (138, 124, 100), (66, 62, 58), (180, 172, 156),
], np.float64)  # fmt: skip
CIRCLE = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 13)[:-1]), np.sin(a)], axis=1)
FOLDS = np.clip(1 + 0.20 * layered((256, 256), (40, 18, 9), np.random.default_rng(3)), 0.5, 1.5)


@dataclass(frozen=True)
class Look:
    """What somebody wears and is; colours RGB, lengths relative to the body's height."""

    height: float
    girth: float
    skin: Floats
    hair: Floats
    top: Floats
    bottom: Floats
    shoes: Floats
    bag_colour: Floats
    coat: float
    skirt: float
    bare_legs: bool
    bare_arms: bool
    hair_long: bool
    hat: Floats | None
    bag: str

    @classmethod
    def sample(cls, rng: Generator) -> Look:
        child = rng.random() < 0.1
        woman = rng.random() < 0.5
        height = rng.uniform(1.05, 1.45) if child else rng.normal(1.68 if woman else 1.79, 0.07)
        warm = rng.random() < 0.4

        def one_of(colours: Floats) -> Floats:
            mixed = colours[rng.integers(len(colours))] * rng.uniform(0.7, 1.2)
            return np.clip(mixed + rng.normal(0, 8, 3), 8, 240)

        skirt = rng.uniform(0.14, 0.34) if woman and rng.random() < 0.25 else 0.0
        return cls(
            height=float(height),
            girth=float(np.clip(rng.normal(1.0, 0.1), 0.82, 1.3)),
            skin=SKIN[rng.choice(5, p=(0.3, 0.3, 0.2, 0.12, 0.08))],
            hair=one_of(HAIR),
            top=one_of(CLOTH),
            bottom=one_of(CLOTH if skirt else TROUSERS),
            shoes=one_of(CLOTH[:6]) * 0.8,
            bag_colour=one_of(CLOTH),
            coat=float(rng.choice([0.02, 0.05, 0.12, 0.22], p=(0.35, 0.35, 0.2, 0.1))),
            skirt=float(skirt),
            bare_legs=bool(skirt or (warm and rng.random() < 0.4)),
            bare_arms=bool(warm and rng.random() < 0.7),
            hair_long=bool(woman and rng.random() < 0.7),
            hat=one_of(CLOTH) if rng.random() < 0.15 else None,
            bag=str(rng.choice(["", "back", "shoulder", "hand"], p=(0.5, 0.2, 0.2, 0.1))),
        )


@dataclass
class _Body:
    """Convex pieces in the making, each the hull around some spheres."""

    centres: list[Floats]
    radii: list[float]
    counts: list[int]
    colours: list[Floats]

    def add(self, colour: Floats, *spheres: tuple[Floats, float]) -> None:
        for centre, radius in spheres:
            self.centres.append(centre)
            self.radii.append(radius)
        self.counts.append(len(spheres))
        self.colours.append(colour)


class Person:
    """One pedestrian, seen from any side.

    height: metres.
    """

    def __init__(self, rng: Generator) -> None:
        self.look = Look.sample(rng)
        self.height = self.look.height
        self.width = 0.5 * self.look.girth
        self.stride = float(rng.uniform(0.72, 0.86)) * self.height
        self._offset = float(rng.uniform(0, 2 * np.pi))
        self._swing = float(rng.uniform(0.5, 1.1))
        self._fold_at = rng.integers(0, 128, 2)

    def footprint(self, place: Floats, heading: float) -> Floats:
        """Corners [4, 2] on the ground, X and Z."""
        reach = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.2
        return place[[0, 2]] + reach

    def shade_ground(
        self, canvas: Canvas, camera: Camera, light: Light, place: Floats, heading: float
    ) -> None:
        """Darken the ground at the feet and where the body keeps off the sun."""
        square = np.array([[-0.2, 0, -0.15], [0.2, 0, -0.15], [0.2, 0, 0.15], [-0.2, 0, 0.15]])
        high = square * 0.6 + (0, self.height, 0)
        middle = square * 1.1 + (0, self.height * 0.7, 0)
        body = np.concatenate([square * 0.7, middle, high]) + place
        canvas.shadow(camera, hull_shadow(body, light), 0.55 * (1 - light.overcast), 0.05)
        canvas.shadow(camera, square * 1.3 + place, 0.45, 0.12)

    def paint(
        self,
        canvas: Canvas,
        camera: Camera,
        light: Light,
        place: Floats,
        heading: float,
        value: int,
        walked: float = 0.0,
        speed: float = 0.0,
    ) -> None:
        """Paint it over what is behind it; its visible pixels take ``value``.

        walked: metres so far, which set the legs; speed: metres per second, zero to stand.
        """
        body = self._pose(walked, speed)
        centres = np.stack(body.centres) @ turned(heading).T + place
        seen = camera.to_camera(centres)
        if seen[:, 2].min() < 1.0:
            return
        pixels = camera.to_image(seen)
        radii = np.array(body.radii) * camera.focal / seen[:, 2]
        rims = pixels[:, None] + CIRCLE * radii[:, None, None]
        patch = canvas.patch(rims.reshape(-1, 2))
        if patch is None:
            return
        ends = np.cumsum(body.counts)
        starts = ends - body.counts
        depth = np.add.reduceat(seen[:, 2], starts) / body.counts
        towards = camera.rotation @ light.sun
        shift = np.array([np.clip(towards[0], -0.8, 0.8), -0.25])
        lit_share = np.clip(0.5 - 0.6 * towards[2], 0.1, 1.0) * (1 - light.overcast)
        ambient = light.skylight * 0.78 + light.sunlight * 0.12
        direct = light.sunlight * 0.8 * lit_share + light.skylight * 0.16
        inner = pixels[:, None] + (CIRCLE * 0.62 + shift * 0.36) * radii[:, None, None]
        rims_fixed, inner_fixed = patch.to_fixed(rims), patch.to_fixed(inner)
        far = float(seen[:, 2].mean())
        for k in np.argsort(-depth):
            some = slice(starts[k], ends[k])
            dark = light.through_haze(body.colours[k] * ambient, far)
            _fill_hull(patch.pixels, rims_fixed[some], dark)
            bright = light.through_haze(body.colours[k] * (ambient + direct), far)
            _fill_hull(patch.pixels, rims_fixed[some] * 0.22 + inner_fixed[some] * 0.78,
                       (dark + bright) / 2)  # fmt: skip
            _fill_hull(patch.pixels, inner_fixed[some], bright)
        self._fold(patch.pixels)
        canvas.lay(patch, value)

    def _fold(self, pixels: NDArray[np.uint8]) -> None:
        """Lay folds over the clothes."""
        if pixels.shape[0] < 60:
            return
        y, x = self._fold_at
        folds = cv2.resize(FOLDS[y : y + 128, x : x + 64], pixels.shape[1::-1])
        four = cv2.merge([folds, folds, folds, np.ones_like(folds)])
        cv2.multiply(pixels, four.astype(np.float32), dst=pixels, dtype=cv2.CV_8U)

    def _pose(self, walked: float, speed: float) -> _Body:
        """The pieces at this moment, in metres: x right, y up, z forward, feet at 0."""
        look, h = self.look, self.height
        body = _Body([], [], [], [])
        phase = walked / (2 * self.stride) * 2 * np.pi + self._offset
        reach = min(speed / 1.3, 1.3) * 0.42
        g = look.girth
        hip_y, shoulder_y = 0.52 * h, 0.815 * h
        bob = 0.012 * h * np.cos(2 * phase) * (reach > 0.05)

        def at(x: float, y: float, z: float) -> Floats:
            return np.array([x, y + bob, z])

        for side in (-1, 1):
            self._leg(body, side, phase + (np.pi if side > 0 else 0), reach, hip_y, at)
            self._arm(body, side, phase + (0 if side > 0 else np.pi), reach, shoulder_y, at)
        wide, deep = 0.098 * h * g, 0.055 * h * g
        lean = 0.02 * h * min(speed, 1.5)
        torso = [
            (at(side * wide, shoulder_y - 0.02 * h, lean), deep * 0.95) for side in (-1, 1)
        ] + [
            (at(side * wide * 0.78, hip_y - look.coat * h * 0.3, 0), deep * 1.12)
            for side in (-1, 1)
        ]
        body.add(look.bottom, *[(at(s * 0.055 * h, hip_y, 0), 0.062 * h * g) for s in (-1, 1)])
        if look.skirt:
            hem = hip_y - look.skirt * h
            body.add(
                look.bottom,
                *[(at(s * 0.05 * h, hip_y + 0.03 * h, 0), 0.055 * h * g) for s in (-1, 1)],
                *[(at(s * 0.07 * h, hem, 0), 0.05 * h * g) for s in (-1, 1)],
            )
        body.add(look.top, *torso)
        if look.coat > 0.1:
            hem = hip_y - look.coat * h
            body.add(
                look.top * 0.96,
                *[(at(s * 0.07 * h, hip_y + 0.06 * h, 0), 0.06 * h * g) for s in (-1, 1)],
                *[(at(s * 0.08 * h, hem, 0), 0.055 * h * g) for s in (-1, 1)],
            )
        self._head(body, shoulder_y, lean, at)
        self._bag(body, shoulder_y, hip_y, lean, at)
        return body

    def _leg(self, body, side, phase, reach, hip_y, at) -> None:  # type: ignore[no-untyped-def]
        look, h, g = self.look, self.height, self.look.girth
        swing = reach * np.sin(phase)
        bend = reach * 1.5 * max(np.cos(phase), 0) + 0.05
        hip = at(side * 0.052 * h, hip_y, 0)
        thigh, shin = 0.245 * h, 0.245 * h
        knee = hip + np.array([0, -np.cos(swing), np.sin(swing)]) * thigh
        low = swing - bend
        ankle = knee + np.array([0, -np.cos(low), np.sin(low)]) * shin
        ankle[1] = max(ankle[1], 0.04 * h)
        cloth = look.skin if look.bare_legs else look.bottom
        upper = look.bottom if look.bare_legs and not look.skirt else cloth
        body.add(upper, (hip, 0.052 * h * g), (knee, 0.036 * h * g))
        body.add(cloth * 0.97, (knee, 0.036 * h * g), (ankle, (0.024 if look.bare_legs else 0.03) * h))
        toe = ankle + np.array([0, -0.012 * h, 0.085 * h])
        body.add(look.shoes, (ankle + np.array([0, -0.018 * h, -0.012 * h]), 0.026 * h), (toe, 0.017 * h))

    def _arm(self, body, side, phase, reach, shoulder_y, at) -> None:  # type: ignore[no-untyped-def]
        look, h, g = self.look, self.height, self.look.girth
        swing = reach * self._swing * np.sin(phase + np.pi)
        shoulder = at(side * (0.108 * h * g + 0.02 * h), shoulder_y - 0.025 * h, 0.0)
        elbow = shoulder + np.array([side * 0.07, -np.cos(swing), np.sin(swing)]) * 0.165 * h
        low = swing + 0.25 + 0.5 * reach
        wrist = elbow + np.array([0, -np.cos(low), np.sin(low)]) * 0.15 * h
        upper = look.top * 0.95
        body.add(upper, (shoulder, 0.037 * h * g), (elbow, 0.028 * h * g))
        body.add(look.skin if look.bare_arms else upper, (elbow, 0.027 * h * g), (wrist, 0.02 * h))
        body.add(look.skin, (wrist, 0.021 * h), (wrist + np.array([0, -0.035 * h, 0.01 * h]), 0.019 * h))

    def _head(self, body, shoulder_y, lean, at) -> None:  # type: ignore[no-untyped-def]
        look, h = self.look, self.height
        body.add(look.skin * 0.85, (at(0, shoulder_y, lean), 0.034 * h),
                 (at(0, shoulder_y + 0.06 * h, lean), 0.032 * h))  # fmt: skip
        centre = at(0, 0.925 * h, lean + 0.012 * h)
        body.add(look.skin, (centre + np.array([0, 0.022 * h, 0]), 0.05 * h),
                 (centre + np.array([0, -0.028 * h, 0.012 * h]), 0.036 * h))  # fmt: skip
        crown = centre + np.array([0, 0.032 * h, -0.014 * h])
        hair = [(crown, 0.052 * h), (crown + np.array([0, -0.035 * h, -0.012 * h]), 0.04 * h)]
        if look.hair_long:
            hair.append((crown + np.array([0, -0.10 * h, -0.02 * h]), 0.042 * h))
        body.add(look.hair, *hair)
        if look.hat is not None:
            body.add(look.hat, (crown + np.array([0, 0.012 * h, 0.004 * h]), 0.057 * h),
                     (crown + np.array([0, -0.01 * h, 0.01 * h]), 0.055 * h))  # fmt: skip

    def _bag(self, body, shoulder_y, hip_y, lean, at) -> None:  # type: ignore[no-untyped-def]
        look, h = self.look, self.height
        if look.bag == "back":
            body.add(look.bag_colour, *[
                (at(s * 0.06 * h, y, lean - 0.10 * h), 0.05 * h)
                for s in (-1, 1) for y in (shoulder_y - 0.04 * h, hip_y + 0.08 * h)
            ])  # fmt: skip
        elif look.bag == "shoulder":
            body.add(look.bag_colour, *[
                (at(0.15 * h, y, z * h), 0.03 * h)
                for y in (hip_y + 0.05 * h, hip_y - 0.03 * h) for z in (-0.07, 0.07)
            ])  # fmt: skip
        elif look.bag == "hand":
            body.add(look.bag_colour, *[
                (at(-0.17 * h, y, z * h), 0.025 * h)
                for y in (0.36 * h, 0.22 * h) for z in (-0.07, 0.09)
            ])  # fmt: skip


def _fill_hull(pixels: NDArray[np.uint8], rims: NDArray[np.floating], colour: Floats) -> None:
    """Fill the convex hull of fixed-point rims [K, 12, 2]."""
    outline = cv2.convexHull(np.asarray(rims, np.int32).reshape(-1, 1, 2))
    tone = (*colour.tolist(), 255)
    cv2.fillConvexPoly(pixels, outline, tone, cv2.LINE_8, FRACTION_BITS)
