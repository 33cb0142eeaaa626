"""Pedestrians with moving limbs, in all sorts of clothes, built of hulls around spheres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Camera, Floats
from mots_ros.data.street.canvas import Canvas, Patch
from mots_ros.data.street.light import Light
from mots_ros.data.street.looks import Look
from mots_ros.data.street.pose import Pose
from mots_ros.data.street.solid import hull_shadow
from mots_ros.data.street.textures import layered, to_bytes

Generator = np.random.Generator

CIRCLE = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 11)[:-1]), np.sin(a)], axis=1)
FOLDS = cv2.cvtColor(
    to_bytes(128 + 26 * layered((256, 256), (40, 18, 9), np.random.default_rng(3))),
    cv2.COLOR_GRAY2RGB,
)
"""Light and shade of cloth; 128 leaves a colour as it is."""


Sphere = tuple[Any, float]
"""Centre [3] and radius."""


@dataclass
class _Body:
    """Pieces in the making: hulls around spheres, those of one piece in one colour.

    pieces: hulls per piece; counts: spheres per hull.
    """

    centres: list[Floats] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    colours: list[Floats] = field(default_factory=list)
    nearer: list[float] = field(default_factory=list)

    def add(self, colour: Floats, *hulls: Sequence[Sphere], nearer: float = 0.0) -> None:
        """Add a piece; its hulls melt into each other.

        nearer: metres by which it is painted as if it were closer, as a jacket is to the hip in it.
        """
        for spheres in hulls:
            for centre, radius in spheres:
                self.centres.append(centre)
                self.radii.append(radius)
            self.counts.append(len(spheres))
        self.nearer.append(nearer)
        self.pieces.append(len(hulls))
        self.colours.append(colour)


class Person:
    """One pedestrian, seen from any side.

    height: metres.
    """

    def __init__(self, rng: Generator) -> None:
        self.look = Look.sample(rng)
        self.height = self.look.height
        self.stride = float(rng.uniform(0.72, 0.86)) * self.height
        self._offset = float(rng.uniform(0, 2 * np.pi))
        self._swing = float(rng.uniform(0.5, 1.1))
        self._fold_at = rng.integers(0, 128, 2)

    def footprint(self, pose: Pose) -> Floats:
        """Corners [4, 2] on the ground, X and Z."""
        reach = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.2
        return pose.place[[0, 2]] + reach

    def shade_ground(self, canvas: Canvas, camera: Camera, light: Light, pose: Pose) -> None:
        """Darken the ground at the feet and where the body keeps off the sun."""
        square = np.array([[-0.2, 0, -0.15], [0.2, 0, -0.15], [0.2, 0, 0.15], [-0.2, 0, 0.15]])
        high = square * 0.6 + (0, self.height, 0)
        middle = square * 1.1 + (0, self.height * 0.7, 0)
        body = np.concatenate([square * 0.7, middle, high]) + pose.place
        canvas.shadow(camera, hull_shadow(body, light), 0.55 * (1 - light.overcast), 0.05)
        canvas.shadow(camera, square * 1.3 + pose.place, 0.45, 0.12)

    def paint(self, canvas: Canvas, camera: Camera, light: Light, pose: Pose, value: int) -> None:
        """Paint it over what is behind it; its visible pixels take ``value``."""
        body = self._body(pose.walked, pose.speed)
        centres = pose.to_street(np.stack(body.centres))
        seen = camera.to_camera(centres)
        if seen[:, 2].min() < 1.0:
            return
        pixels = camera.to_image(seen)
        radii = np.array(body.radii) * camera.focal / seen[:, 2]
        rims = pixels[:, None] + CIRCLE * radii[:, None, None]
        patch = canvas.patch(rims.reshape(-1, 2))
        if patch is None:
            return
        tall = float(np.ptp(rims[..., 1]))
        own, far = np.stack(body.colours), float(seen[:, 2].mean())
        towards = camera.rotation @ light.sun
        shift = np.array([np.clip(towards[0], -0.8, 0.8), -0.25]) * 0.36
        inner = pixels[:, None] + (CIRCLE * 0.6 + shift) * radii[:, None, None]
        count = next(n for size, n in ((90, 4), (50, 3), (28, 2), (0, 1)) if tall >= size)
        sheets = []
        for share in np.linspace(0, 1, count):
            rings = patch.to_fixed(rims + (inner - rims) * share)
            lit = share if count > 1 else 0.6
            sheets.append((rings, _tones(own, lit, camera, light, far)))
        ends = np.cumsum(body.counts)
        starts = ends - body.counts
        last = np.cumsum(body.pieces)
        first = last - np.array(body.pieces)
        spheres = np.add.reduceat(ends - starts, first)
        depths = np.add.reduceat(seen[:, 2], starts[first]) / spheres
        for k in np.argsort(np.array(body.nearer) - depths):
            for rings, colours in sheets:
                for j in range(first[k], last[k]):
                    _fill_hull(patch, rings[starts[j] : ends[j]], colours[k])
        self._fold(patch.pixels)
        canvas.lay(patch, value)

    def _fold(self, pixels: NDArray[np.uint8]) -> None:
        """Lay folds over the clothes."""
        if pixels.shape[0] < 60:
            return
        y, x = self._fold_at
        folds = cv2.resize(FOLDS[y : y + 128, x : x + 64], pixels.shape[1::-1])
        cv2.multiply(pixels, cv2.cvtColor(folds, cv2.COLOR_RGB2RGBA), dst=pixels, scale=1 / 128)

    def _body(self, walked: float, speed: float) -> _Body:
        """The pieces at this moment, in metres: x right, y up, z forward, feet at 0."""
        look, h, g = self.look, self.height, self.look.girth
        body = _Body()
        phase = walked / self.stride * np.pi + self._offset
        reach = min(speed / 1.3, 1.3) * 0.42
        hip_y, shoulder_y = 0.52 * h, 0.815 * h
        lean = 0.02 * h * min(speed, 1.5)
        for side in (-1, 1):
            step = phase + (np.pi if side > 0 else 0)
            self._leg(body, side, step, reach, np.array([side * 0.05 * h, hip_y, 0]))
            shoulder = np.array([side * 0.112 * h * g, shoulder_y - 0.03 * h, lean])
            self._arm(body, side, step, reach, shoulder)

        def pair(x: float, y: float, z: float, radius: float) -> list[Sphere]:
            return [(np.array([s * x * h * g, y, z]), radius * h * g) for s in (-1, 1)]

        hem = hip_y - look.coat * h * (0.3 if look.coat < 0.1 else 1.0)
        hips = pair(0.05, hip_y, 0, 0.062)
        if look.skirt:
            skirt = hips + pair(0.07, hip_y - look.skirt * h, 0, 0.05)
            body.add(look.bottom, hips, skirt, nearer=0.1)
        else:
            body.add(look.bottom, hips, nearer=0.04)
        waist = pair(0.056, hip_y + 0.09 * h, lean / 2, 0.058)
        chest = pair(0.078, shoulder_y - 0.035 * h, lean, 0.054)
        body.add(look.top, chest + waist, waist + pair(0.06, hem, 0, 0.062), nearer=0.12)
        self._head(body, shoulder_y, lean)
        self._bag(body, shoulder_y, hip_y, lean)
        return body

    def _leg(self, body: _Body, side: int, phase: float, reach: float, hip: Floats) -> None:
        look, h, g = self.look, self.height, self.look.girth
        swing = reach * np.sin(phase)
        low = swing - reach * 1.5 * max(np.cos(phase), 0) - 0.05
        knee = hip + np.array([0, -np.cos(swing), np.sin(swing)]) * 0.245 * h
        ankle = knee + np.array([0, -np.cos(low), np.sin(low)]) * 0.245 * h
        ankle[1] = max(ankle[1], 0.04 * h)
        thigh: Sequence[Sphere] = ((hip, 0.054 * h * g), (knee, 0.038 * h * g))
        shin = ((knee, 0.037 * h * g), (ankle, (0.024 if look.bare_legs else 0.031) * h))
        heel, toe = ankle + (0, -0.018 * h, -0.012 * h), ankle + (0, -0.012 * h, 0.085 * h)
        body.add(look.shoes, ((heel, 0.026 * h), (toe, 0.017 * h)))
        if look.bare_legs:
            body.add(look.skin, shin)
            body.add(look.skin if look.skirt else look.bottom, thigh)
        else:
            body.add(look.bottom, thigh, shin)

    def _arm(self, body: _Body, side: int, phase: float, reach: float, shoulder: Floats) -> None:
        look, h, g = self.look, self.height, self.look.girth
        swing = -reach * self._swing * np.sin(phase)
        low = swing + 0.25 + 0.5 * reach
        elbow = shoulder + np.array([side * 0.1, -np.cos(swing), np.sin(swing)]) * 0.16 * h
        wrist = elbow + np.array([0, -np.cos(low), np.sin(low)]) * 0.145 * h
        upper = ((shoulder, 0.037 * h * g), (elbow, 0.029 * h * g))
        lower = ((elbow, 0.028 * h * g), (wrist, 0.021 * h))
        body.add(look.skin, ((wrist, 0.021 * h), (wrist + (0, -0.035 * h, 0.01 * h), 0.019 * h)))
        if look.bare_arms:
            body.add(look.skin, lower)
            body.add(look.top, upper)
        else:
            body.add(look.top * 0.96, upper, lower)

    def _head(self, body: _Body, shoulder_y: float, lean: float) -> None:
        look, h = self.look, self.height
        neck = np.array([0, shoulder_y, lean])
        body.add(look.skin * 0.85, ((neck, 0.034 * h), (neck + (0, 0.06 * h, 0), 0.032 * h)))
        centre = np.array([0, 0.925 * h, lean + 0.012 * h])
        chin = centre + (0, -0.028 * h, 0.012 * h)
        body.add(look.skin, ((centre + (0, 0.016 * h, 0.006 * h), 0.048 * h), (chin, 0.036 * h)))
        crown = centre + (0, 0.034 * h, -0.014 * h)
        hair = [(crown, 0.052 * h), (crown + (0, -0.035 * h, -0.012 * h), 0.042 * h)]
        if look.hair_long:
            hair.append((crown + (0, -0.1 * h, -0.02 * h), 0.044 * h))
        body.add(look.hair, hair)
        fringe = crown + (0, 0.016 * h, 0.03 * h)
        body.add(look.hair, ((crown + (0, 0.012 * h, 0), 0.046 * h), (fringe, 0.03 * h)))
        if look.hat is not None:
            brim = crown + (0, 0.0, 0.03 * h)
            body.add(look.hat, ((crown + (0, 0.016 * h, 0.004 * h), 0.056 * h), (brim, 0.05 * h)))

    def _bag(self, body: _Body, shoulder_y: float, hip_y: float, lean: float) -> None:
        look, h = self.look, self.height
        if look.bag == "back":
            spots = [
                (s * 0.06, y, lean / h - 0.10, 0.05)
                for s in (-1, 1)
                for y in (shoulder_y / h - 0.04, hip_y / h + 0.08)
            ]
        elif look.bag == "shoulder":
            spots = [(0.15, hip_y / h + y, z, 0.03) for y in (0.05, -0.03) for z in (-0.06, 0.06)]
        elif look.bag == "hand":
            spots = [(-0.17, y, z, 0.02) for y in (0.33, 0.23) for z in (-0.05, 0.07)]
        else:
            return
        body.add(look.bag_colour, [(np.array([x, y, z]) * h, r * h) for x, y, z, r in spots])


def _tones(colours: Floats, share: float, camera: Camera, light: Light, depth: float) -> Floats:
    """The colours [P, 3] of what is round, from its rim (share 0) to its middle (share 1)."""
    towards = camera.rotation @ light.sun
    lit = np.clip(0.5 - 0.6 * towards[2], 0.1, 1.0)
    ambient = light.skylight * 0.9 + light.sunlight * (0.12 + 0.2 * lit)
    direct = light.sunlight * 0.55 * lit + light.skylight * 0.12
    return light.through_haze(colours * (ambient + share * direct), depth)


def _fill_hull(patch: Patch, rings: NDArray[np.int32], colour: Floats) -> None:
    """Fill the convex hull of fixed-point rings [K, 10, 2]."""
    outline = cv2.convexHull(rings.reshape(-1, 1, 2))
    patch.convex(outline, colour.tolist())
