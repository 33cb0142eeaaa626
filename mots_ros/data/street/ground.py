"""The road, its markings and pavements: one block of street, repeated along the drive."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Camera, Floats
from mots_ros.data.street.light import Light
from mots_ros.data.street.textures import layered, noise, to_bytes

Generator = np.random.Generator

HALF_SPAN = 20.0
"""Metres of ground painted to each side of the street's middle."""
PIXELS_PER_METRE_ACROSS = 32
PIXELS_PER_METRE_ALONG = 20
BAND_EDGES = (0.0, 8.5, 11.5, 16.0, 23.0, 34.0, 55.0, 1e4)
"""Distances in metres between which the ground is painted at one resolution."""


@dataclass(frozen=True)
class Layout:
    """The street's cross-section and block length in metres; the street's middle is X = 0.

    Every block ends with a junction: the cross street fills its last ``junction`` metres.
    """

    road: float
    parking: float
    pavement: float
    block: float
    junction: float

    @classmethod
    def sample(cls, rng: Generator) -> Layout:
        return cls(
            road=rng.uniform(3.1, 4.4),
            parking=rng.uniform(2.0, 2.4),
            pavement=rng.uniform(2.5, 5.5),
            block=rng.uniform(55, 80),
            junction=rng.uniform(9, 12),
        )

    @property
    def kerb(self) -> float:
        """Where the pavement begins."""
        return self.road + self.parking

    @property
    def wall(self) -> float:
        """Where the houses begin."""
        return self.kerb + self.pavement


class Ground:
    """Paints the lower half of the image."""

    def __init__(self, layout: Layout, light: Light, rng: Generator) -> None:
        self.layout = layout
        surface = _paint_block(layout, light, rng)
        self._levels = []
        for near, far in itertools.pairwise(BAND_EDGES):
            # A band's texture is as coarse as the image is there: it neither shimmers nor blurs.
            depth = np.sqrt(max(near, 6.0) * min(far, 120.0))
            along = min(1.0, 1200 / depth**2 / PIXELS_PER_METRE_ALONG)
            across = min(1.0, 721 / depth / PIXELS_PER_METRE_ACROSS)
            size = (
                max(int(surface.shape[1] * across), 8),
                max(int(surface.shape[0] * along), 8),
            )
            level = cv2.resize(surface, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            level = light.through_haze(level, depth)
            self._levels.append(np.ascontiguousarray(to_bytes(level)))

    def paint(self, image: NDArray[np.uint8], camera: Camera) -> None:
        """Paint the ground into the image, from the horizon down."""
        height, width = camera.size
        block = self.layout.block
        base = np.floor(camera.position[2] / block) * block
        to_pixels = camera.plane_homography(
            np.array([0.0, 0.0, base]), np.array([1.0, 0, 0]), np.array([0.0, 0, 1])
        )
        horizon = camera.horizon
        drop = camera.focal * camera.position[1]
        # Yaw and roll bend a band's true edge; nobody sees where the resolution changes.
        rows = [int(np.ceil(horizon + drop / max(depth, 0.1))) for depth in BAND_EDGES]
        for level, bottom, top in zip(self._levels, rows, rows[1:], strict=False):
            top, bottom = max(top - 2 * (level is self._levels[-1]), 0), min(bottom, height)
            if bottom <= top:
                continue
            texels = np.array(
                [
                    [level.shape[1] / (2 * HALF_SPAN), 0, level.shape[1] / 2 - 0.5],
                    [0, level.shape[0] / block, -0.5],
                    [0, 0, 1],
                ]
            )
            shift = np.array([[1, 0, 0.5], [0, 1, top + 0.5], [0, 0, 1]])
            inverse = texels @ np.linalg.inv(to_pixels) @ shift
            cv2.warpPerspective(
                level,
                inverse,
                (width, bottom - top),
                dst=image[top:bottom],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_WRAP,
            )


def _paint_block(layout: Layout, light: Light, rng: Generator) -> NDArray[np.uint8]:
    """One block of street from above: uint8 [along, across, 3], Z and X ascending."""
    shape = (
        int(layout.block * PIXELS_PER_METRE_ALONG),
        int(2 * HALF_SPAN * PIXELS_PER_METRE_ACROSS),
    )
    z = ((np.arange(shape[0]) + 0.5) / PIXELS_PER_METRE_ALONG).astype(np.float32)[:, None]
    x = ((np.arange(shape[1]) + 0.5) / PIXELS_PER_METRE_ACROSS - HALF_SPAN).astype(np.float32)
    x = x[None]
    side = np.abs(x)
    grain = rng.normal(0, 1, shape).astype(np.float32)
    stains = layered(shape, (90, 40, 16, 7), rng)

    tone = rng.uniform(78, 118)
    asphalt = tone + 7 * grain + 9 * stains
    asphalt -= 8 * np.exp(-((np.abs(side - layout.road / 2) - 0.75) ** 2) / 0.08)
    colour = asphalt[..., None] * rng.normal(1.0, 0.012, 3).astype(np.float32)

    in_junction = z > layout.block - layout.junction
    parking = (side > layout.road) & ~in_junction
    colour[np.broadcast_to(parking, shape)] *= rng.uniform(0.85, 1.12)

    paving = _paving(shape, tone, grain, stains, rng)
    pavement = np.broadcast_to((side > layout.kerb) & ~in_junction, shape)
    colour[pavement] = paving[pavement]
    kerb = np.broadcast_to((np.abs(side - layout.kerb) < 0.09) & ~in_junction, shape)
    colour[kerb] = tone * 1.35 + 8 * grain[kerb][:, None]
    gutter = np.broadcast_to((np.abs(side - layout.kerb + 0.2) < 0.1) & ~in_junction, shape)
    colour[gutter] *= 0.7

    if rng.random() < 0.5:
        verge = np.broadcast_to(
            (side > layout.kerb + 0.3) & (side < layout.kerb + 1.3) & ~in_junction, shape
        ) & (noise(shape, 300, rng) > -0.1)
        lawn = np.array([62, 84, 38], np.float32) + (12 * grain + 18 * stains)[..., None]
        colour[verge] = lawn[verge]

    _mark(colour, layout, z, x, in_junction, stains, rng)
    shade = light.shade(np.array([0.0, 1, 0]))
    lit = colour * shade.astype(np.float32)
    return to_bytes(lit * (1 - _patches_of_shadow(shape, layout, light, side, rng))[..., None])


def _paving(
    shape: tuple[int, int], tone: float, grain: Floats, stains: Floats, rng: Generator
) -> Floats:
    """Paving slabs or cobbles [h, w, 3]."""
    length = int(rng.choice([6, 10, 16]))
    width = int(length * PIXELS_PER_METRE_ACROSS / PIXELS_PER_METRE_ALONG)
    rows, columns = shape[0] // length + 1, shape[1] // width + 1
    each = rng.normal(0, 6, (rows, columns)).astype(np.float32)
    slabs = np.kron(each, np.ones((length, width), np.float32))[: shape[0], : shape[1]]
    slabs = slabs + tone * rng.uniform(1.1, 1.5) + 6 * grain + 7 * stains
    slabs[::length] -= 22
    slabs[:, ::width] -= 22
    tint = np.array([1.0, rng.uniform(0.93, 1.0), rng.uniform(0.84, 0.98)], np.float32)
    return slabs[..., None] * tint


def _mark(
    colour: Floats,
    layout: Layout,
    z: Floats,
    x: Floats,
    in_junction: NDArray[np.bool_],
    stains: Floats,
    rng: Generator,
) -> None:
    """Paint the lane markings, worn in places."""
    shape = stains.shape
    half = rng.uniform(0.06, 0.09)
    dash, gap = rng.uniform(2.0, 4.0), rng.uniform(3.0, 6.0)
    lines = (np.abs(x) < half) & (z % (dash + gap) < dash) & ~in_junction
    if rng.random() < 0.6:
        lines = lines | ((np.abs(np.abs(x) - layout.road) < half) & ~in_junction)
    before = layout.block - layout.junction
    lines = lines | ((x > 0) & (x < layout.road) & (np.abs(z - before + 5.6) < 0.2))
    if rng.random() < 0.7:
        zebra = (np.abs(x) < layout.kerb) & ((x + 40) % 1.0 < 0.5)
        lines = lines | (zebra & (np.abs(z - before + 3.0) < 1.5))
    worn = np.clip(0.85 + 0.6 * stains, 0.1, 1)[..., None] * rng.uniform(0.55, 1.0)
    white = np.broadcast_to(lines, shape)
    colour[white] = colour[white] * (1 - worn[white]) + 225 * worn[white]


def _patches_of_shadow(
    shape: tuple[int, int], layout: Layout, light: Light, side: Floats, rng: Generator
) -> Floats:
    """The share of light [h, w] that houses and crowns of trees keep off the ground."""
    if light.overcast > 0.85:
        return np.zeros(shape, np.float32)
    depth = 0.62 * (1 - light.overcast)
    leaves = layered(shape, (60, 22, 9), rng)
    place = noise(shape, 260, rng) + 0.12 * (side - layout.road)
    shadow = np.clip((leaves * 0.9 + place - rng.uniform(0.2, 1.0)) * 3.0, 0, 1)
    if rng.random() < 0.6:
        reach = rng.uniform(-1.0, 1.1) * layout.wall
        x = np.linspace(-HALF_SPAN, HALF_SPAN, shape[1], dtype=np.float32)[None]
        facade = np.clip(((x - reach) if light.sun[0] > 0 else (-x - reach)) / 0.3, 0, 1)
        shadow = np.maximum(shadow, facade * (noise(shape, 500, rng) > -0.6))
    return (shadow * depth).astype(np.float32)
