"""Solids made of flat glossy faces, painted as one object."""

from __future__ import annotations

import cv2
import numpy as np

from mots_ros.data.street.camera import NEAR, Camera, Floats
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.light import Light
from mots_ros.data.street.pose import Pose

GROUND_COLOUR = np.array([70.0, 69, 67])
SMALLEST = 0.3
"""Faces with both sides below this many image pixels are left out."""


class Solid:
    """Convex faces in the solid's own axes: x right, y up, z forward, origin on the ground.

    Faces are painted layer by layer and, within a layer, the farthest first; faces that look away
    from the camera are not painted.
    """

    def __init__(self) -> None:
        self._polygons: list[Floats] = []
        self._colours: list[Floats] = []
        self._gloss: list[float] = []
        self._layers: list[int] = []

    def add(self, polygon: Floats, colour: Floats, gloss: float, layer: int) -> None:
        """Add a convex face [N, 3]; it looks away from the solid's long axis.

        gloss: the share of the surroundings that it mirrors, 0 to 1.
        """
        self._polygons.append(np.asarray(polygon, np.float64))
        self._colours.append(np.asarray(colour, np.float64))
        self._gloss.append(gloss)
        self._layers.append(layer)

    def mirrored(self, polygon: Floats, colour: Floats, gloss: float, layer: int) -> None:
        """Add a face on the right side and its mirror image on the left."""
        self.add(polygon, colour, gloss, layer)
        self.add(polygon * (-1, 1, 1), colour, gloss, layer)

    def freeze(self) -> FrozenSolid:
        """The solid, ready to be painted."""
        return FrozenSolid(self._polygons, self._colours, self._gloss, self._layers)


class FrozenSolid:
    """A `Solid` whose faces are arrays."""

    def __init__(
        self,
        polygons: list[Floats],
        colours: list[Floats],
        gloss: list[float],
        layers: list[int],
    ) -> None:
        self._vertices = np.concatenate(polygons)
        counts = [len(polygon) for polygon in polygons]
        self._starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self._ends = np.cumsum(counts)
        sums = np.add.reduceat(self._vertices, self._starts)
        self._centres = sums / np.array(counts)[:, None]
        following = np.arange(1, len(self._vertices) + 1)
        following[self._ends - 1] = self._starts
        products = np.cross(self._vertices, self._vertices[following])
        normals = np.add.reduceat(products, self._starts)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        axis = self._centres * (0, 0, 0.8) + (0, 0.6, 0)
        inward = np.sum(normals * (self._centres - axis), axis=1) < 0
        normals[inward] *= -1
        self._normals = normals
        self._colours = np.stack(colours)
        self._gloss = np.array(gloss)[:, None]
        self._layers = np.array(layers)

    def paint(self, canvas: Canvas, camera: Camera, light: Light, pose: Pose, value: int) -> None:
        """Paint it over what is behind it; its visible pixels take ``value``."""
        points = camera.to_camera(pose.to_street(self._vertices))
        if points[:, 2].max() < 2 * NEAR:
            return
        # Corners behind the camera are moved to NEAR by `to_image`, which keeps edges along the
        # street, such as those of a car that is being passed, on their lines.
        pixels = camera.to_image(points)
        patch = canvas.patch(pixels)
        if patch is None:
            return
        normals = self._normals @ pose.rotation.T
        away = pose.to_street(self._centres) - camera.position
        distances = np.linalg.norm(away, axis=1)
        facing = -np.sum(normals * away, axis=1) / distances
        extents = np.maximum.reduceat(pixels, self._starts) - np.minimum.reduceat(
            pixels, self._starts
        )
        seen = np.flatnonzero((facing > 0) & (extents.max(axis=1) > SMALLEST))
        order = seen[np.lexsort((-distances[seen], self._layers[seen]))]
        colours = self._lit(normals, away / distances[:, None], facing, light)
        depth = float(camera.to_camera(pose.place)[2])
        hazy = light.through_haze(colours, depth).tolist()
        fixed = patch.to_fixed(pixels)
        for k in order:
            patch.convex(fixed[self._starts[k] : self._ends[k]], hazy[k])
        canvas.lay(patch, value)

    def _lit(self, normals: Floats, away: Floats, facing: Floats, light: Light) -> Floats:
        """The colours [F, 3] of the faces: their own in this light, and what they mirror."""
        own = self._colours * light.shade(normals)
        mirror = away + 2 * facing[:, None] * normals
        up = np.clip(mirror[:, 1:2] * 4, -1, 1)
        sky = light.haze * (0.75 + 0.35 * light.skylight)
        around = GROUND_COLOUR * light.shade(np.array([0.0, 1, 0]))
        trees = 0.35 * sky
        seen = np.where(up > 0, trees + (sky - trees) * up, trees + (around - trees) * -up)
        fresnel = self._gloss * (0.25 + 0.75 * (1 - np.clip(facing, 0, 1))[:, None] ** 3)
        glint = np.clip(mirror @ light.sun, 0, 1)[:, None] ** 40 * light.sunlight * 160
        return np.clip(own * (1 - 0.6 * fresnel) + seen * fresnel + glint * self._gloss, 0, 255)


def hull_shadow(corners: Floats, light: Light) -> Floats:
    """The outline [N, 3] of the shadow that points [K, 3] above the ground cast on it."""
    sun = light.sun
    flat = corners - corners[:, 1:2] / max(float(sun[1]), 0.3) * sun
    outline = cv2.convexHull(flat[:, [0, 2]].astype(np.float32))[:, 0]
    return np.stack([outline[:, 0], np.zeros(len(outline)), outline[:, 1]], axis=1)
