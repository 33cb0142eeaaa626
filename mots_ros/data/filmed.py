"""Still photographs as short drives: a photo, filmed by a moving window.

The window is as wide as the photo, or narrower by its zoom, and has the shape of a street camera's
image. It starts near the photo's middle and moves evenly.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Frame, Image, LabelImage
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.data.kitti_mots import CLASS_NAMES

FRAME_NS = 10**8
ASPECT = 0.45
"""Height of a frame over its width, unless the photo is flatter."""
STREET_HORIZON = 0.57
"""Where in the height of a photo from a car the street is: below the sky, above the bonnet."""

_START = (15, 8)
_VELOCITY = (4, 0.7)
_MOTION_WIDTH = 480
"""Standard deviations of the window's first place and of its step from frame to frame, to the right
and down, in pixels of a photo of this width."""


@dataclass(frozen=True)
class FilmedPhoto:
    """One photograph as a drive of a few frames at 10 Hz, the same for the same name and photo.

    name: of the drive; it also seeds the window's way.
    load: the RGB image [H, W, 3] and the instance map [H, W]. It is called for every iteration,
        and pickled with the drive.
    length: frames.
    centre: where in the photo's height the window is on average, 0 at the top, 1 at the bottom.
    """

    name: str
    load: Callable[[], tuple[Image, LabelImage]]
    length: int = 6
    centre: float = 0.5

    class_names = CLASS_NAMES

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        """Raises what ``load`` does."""
        image, instances = self.load()
        height, width = instances.shape
        shape = (width, max(min(height, round(ASPECT * width)), 1))
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        zoom, zoom_rate = rng.uniform(1.0, 1.4), rng.normal(0, 0.02)
        pixels = width / _MOTION_WIDTH
        start = np.array([0.5 * width, self.centre * height]) + pixels * rng.normal(0, _START)
        velocity = pixels * rng.normal(0, _VELOCITY)
        for t in range(self.length):
            scale = max(1.0, zoom * np.exp(zoom_rate * t))
            view = _window(start + velocity * t, scale, shape, (width, height))
            frame = cv2.warpAffine(image, view, shape, flags=cv2.INTER_LINEAR)
            shown = cv2.warpAffine(instances, view, shape, flags=cv2.INTER_NEAREST)
            yield AnnotatedFrame(
                Frame(t * FRAME_NS, "camera", frame),  # type: ignore[arg-type]
                shown,  # type: ignore[arg-type]
            )


def _window(
    centre: NDArray[np.floating], scale: float, shape: tuple[int, int], photo: tuple[int, int]
) -> NDArray[np.floating]:
    """The 2x3 matrix that shows the photo around ``centre``, moved inside where it sticks out.

    ``shape`` of the frame and size of the ``photo`` are width and height.
    """
    half = np.array(shape) / 2 / scale
    centre = np.clip(centre, half, np.array(photo) - half)
    shift = np.array(shape) / 2 - scale * centre
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
