"""Where the image lies in the network's input; the only place that converts between the two.

Coordinates are continuous: pixel column i covers [i, i + 1) in the image, in the input and on the
maps alike, so the half pixel appears only where pixels are sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MAP_STRIDE = 4
"""Input pixels per cell of the network's output maps."""
INPUT_SIZE = (320, 1056)
"""Height and width of the input for KITTI's images, where nothing else is said. Those of other
shapes get as many pixels: they take the same time."""


@dataclass(frozen=True)
class Letterbox:
    """A uniform scale and a shift: ``input = scale * image + offset``.

    image_size, input_size: height and width in pixels.
    offset_x, offset_y: where the image's top left corner lies, in input pixels.

    The conversions take and return [..., 2] points x, y or [..., 4] boxes x1, y1, x2, y2 and keep
    a floating type.
    """

    image_size: tuple[int, int]
    input_size: tuple[int, int]
    scale: float
    offset_x: float
    offset_y: float

    @classmethod
    def centred(
        cls, image_size: tuple[int, int], input_size: tuple[int, int], scale: float
    ) -> Letterbox:
        """The image's centre in the input's centre; what is larger than the input is cut off.

        Raises:
            ValueError: a size is not positive, or the input is no multiple of the map stride.
        """
        if min(*image_size, *input_size) <= 0:
            raise ValueError(f"sizes must be positive, not image {image_size}, input {input_size}")
        if input_size[0] % MAP_STRIDE or input_size[1] % MAP_STRIDE:
            raise ValueError(f"input size must be a multiple of {MAP_STRIDE}, not {input_size}")
        return cls(
            image_size,
            input_size,
            scale,
            offset_x=(input_size[1] - scale * image_size[1]) / 2,
            offset_y=(input_size[0] - scale * image_size[0]) / 2,
        )

    @classmethod
    def contain(cls, image_size: tuple[int, int], input_size: tuple[int, int]) -> Letterbox:
        """The largest letterbox that shows the whole image, from a whole input pixel on; raises as
        ``centred``."""
        height, width = (max(1, side) for side in image_size)
        box = cls.centred(
            image_size, input_size, min(input_size[0] / height, input_size[1] / width)
        )
        return replace(box, offset_x=float(int(box.offset_x)), offset_y=float(int(box.offset_y)))

    @classmethod
    def longer_side(cls, image_size: tuple[int, int], input_size: tuple[int, int]) -> Letterbox:
        """The image's longer side takes the input's width; raises as ``centred``.

        So SearchTrack's released program sees images. Of KITTI's it cuts a pixel above and below.
        """
        return cls.centred(image_size, input_size, input_size[1] / max(1, *image_size))

    def reduced(self, factor: int) -> Letterbox:
        """The same view in an input that is smaller by this factor."""
        height, width = self.input_size
        return Letterbox(
            self.image_size,
            (height // factor, width // factor),
            self.scale / factor,
            self.offset_x / factor,
            self.offset_y / factor,
        )

    @property
    def map_size(self) -> tuple[int, int]:
        """Height and width of the network's output maps."""
        return self.input_size[0] // MAP_STRIDE, self.input_size[1] // MAP_STRIDE

    def image_to_input(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        """Image pixels to input pixels."""
        in_input: NDArray[Any] = coordinates * self.scale + self._offsets_like(coordinates)
        return in_input

    def input_to_image(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        """Input pixels to image pixels."""
        in_image: NDArray[Any] = (coordinates - self._offsets_like(coordinates)) / self.scale
        return in_image

    def image_to_map(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        """Image pixels to map cells."""
        return self.image_to_input(coordinates) / MAP_STRIDE

    def map_to_image(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        """Map cells to image pixels."""
        return self.input_to_image(coordinates * MAP_STRIDE)

    def warp(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The network's input, uint8 [h, w, 3], from an image [H, W, 3]; black around the image.

        One channel, [H, W], gives one channel.

        Raises:
            ValueError: the image does not have this letterbox's size.
        """
        if image.shape[:2] != self.image_size:
            raise ValueError(f"expected an image of {self.image_size}, not {image.shape[:2]}")
        height, width = image.shape[:2]
        # Bilinear sampling reads two pixels each way and would skip some below half size.
        if self.scale < 0.5:
            factor = math.ceil(0.5 / self.scale)
            width, height = math.ceil(width / factor), math.ceil(height / factor)
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        scale_x = self.scale * self.image_size[1] / width
        scale_y = self.scale * self.image_size[0] / height
        borders = self._borders(round(scale_y * height), round(scale_x * width))
        if borders is not None:
            # The same pixels in less than half the time.
            shown = cv2.resize(image, None, fx=scale_x, fy=scale_y, interpolation=cv2.INTER_LINEAR)
            framed: NDArray[np.uint8] = cv2.copyMakeBorder(shown, *borders, cv2.BORDER_CONSTANT)
            return framed
        # warpAffine's coordinates are 0 in the middle of the first pixel.
        matrix = np.array(
            [
                [scale_x, 0, self.offset_x + 0.5 * scale_x - 0.5],
                [0, scale_y, self.offset_y + 0.5 * scale_y - 0.5],
            ]
        )
        size = self.input_size[::-1]
        warped: NDArray[np.uint8] = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
        return warped

    def _borders(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """Black pixels above, below, left and right of an image that is shown in so many; None
        where it does not begin at a whole pixel of the input, or leaves it."""
        top, left = int(self.offset_y), int(self.offset_x)
        bottom, right = self.input_size[0] - top - height, self.input_size[1] - left - width
        whole = (top, left) == (self.offset_y, self.offset_x) and min(height, width) > 0
        return (top, bottom, left, right) if whole and min(top, bottom, left, right) >= 0 else None

    def _offsets_like(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        offsets = (self.offset_x, self.offset_y) * (coordinates.shape[-1] // 2)
        return np.array(offsets, dtype=np.result_type(coordinates, np.float32))
