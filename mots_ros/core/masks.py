"""From mask probabilities on the network's map to one label image with disjoint objects.

A ``view`` is a letterbox in whose input every pixel is one cell of the masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import CompactMasks, Detections, FloatArray, IntArray, LabelImage

THRESHOLD = 0.5
"""A pixel is an object's where its mask is more probable than this."""
_MARGIN = 0.1
"""How far a mask may leave its box on each side, in parts of the box's size."""

CORNER = 0.375
"""Cells by which the masks of released networks lie further left and up than their maps say: they
were trained and drawn by pixels' indices, so that a cell speaks of the first of its four pixels."""

_SLOPE = -0.75
"""Of bicubic interpolation's weight, one cell away from its middle: OpenCV's choice."""
_REACH = 2
"""Cells to either side that have a weight."""

_TILE = 96
"""Pixels on a side of what is interpolated at once. More would depend on more cells, though every
pixel still does on sixteen; and in large products NumPy's library uses threads of its own, which
wait for each other where other programs keep the processors busy."""

_LARGEST_PIXEL = np.iinfo(np.uint16).max


def pixel_values(ids: NDArray[np.int64]) -> NDArray[np.uint16]:
    """What stands in a label image for each track id: the id, wrapped into 1 to 65535."""
    return ((ids - 1) % _LARGEST_PIXEL + 1).astype(np.uint16)


def compose_label_image(
    detections: Detections,
    ids: NDArray[np.int64],
    letterbox: Letterbox,
    size: tuple[int, int],
    precedence: NDArray[Any] | None = None,
) -> LabelImage:
    """Paint every detection's mask with its id [N].

    Where masks overlap, the one with the larger ``precedence`` [N] takes the pixel: the higher
    score, unless another is given.

    Returns uint16 [H, W] of ``size``, 0 where no object is. Detections without masks leave it
    empty.

    Raises:
        ValueError: the masks are no map of the letterbox's input.
    """
    masks = detections.masks
    if masks is None:
        return np.zeros(size, np.uint16)
    view = view_of(masks.shape[1:], letterbox)
    # From the last to the first, who paints over the others.
    precedence = detections.scores if precedence is None else precedence
    order = np.argsort(-precedence, kind="stable")[::-1]
    windows = _surroundings(detections.boxes, view, size)[order]
    in_order = WindowedMasks.whole(masks[order]) if isinstance(masks, np.ndarray) else masks[order]
    return in_order.painted(view, size, windows, pixel_values(ids)[order])


def view_of(map_size: tuple[int, ...], letterbox: Letterbox) -> Letterbox:
    """The view whose pixels are the cells of masks of this height and width.

    Raises:
        ValueError: they are no map of the letterbox's input.
    """
    height, width = letterbox.input_size
    view = letterbox.reduced(max(1, width // max(1, map_size[-1])))
    if view.input_size != map_size:
        raise ValueError(f"expected masks of an input of {(height, width)}, not {map_size}")
    return view


def shifted(view: Letterbox, cells: float) -> Letterbox:
    """The view of masks that lie so many cells further left and up in the image."""
    return replace(view, offset_x=view.offset_x + cells, offset_y=view.offset_y + cells)


class WindowedMasks:
    """Masks as ``core.types.CompactMasks`` in the processor's memory: each is known in a window of
    the map, and 0 elsewhere.

    parts: the N windows' probabilities [h, w].
    corners: int64 [N, 2] column and row of each window's first cell.
    map_size: height and width of the map.
    shift: see ``shifted``.
    """

    def __init__(
        self,
        parts: Sequence[FloatArray],
        corners: IntArray,
        map_size: tuple[int, ...],
        shift: float = 0.0,
    ) -> None:
        self._parts, self._corners, self._shift = parts, corners, shift
        self.shape: tuple[int, ...] = (len(parts), *map_size)

    @classmethod
    def whole(cls, masks: FloatArray) -> WindowedMasks:
        """Masks [N, h, w] that are known everywhere."""
        return cls(list(masks), np.zeros((len(masks), 2), np.int64), masks.shape[1:])

    def __getitem__(self, index: NDArray[Any]) -> WindowedMasks:
        chosen = np.arange(len(self._parts))[index]
        parts = [self._parts[i] for i in chosen.tolist()]
        return WindowedMasks(parts, self._corners[chosen], self.shape[1:], self._shift)

    def joined(self, others: WindowedMasks) -> WindowedMasks:
        """See ``CompactMasks.joined``."""
        corners = np.concatenate([self._corners, others._corners])
        parts = [*self._parts, *others._parts]
        return WindowedMasks(parts, corners, self.shape[1:], self._shift)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        masks = np.zeros(self.shape, dtype or np.float32)
        for mask, part, (x, y) in zip(masks, self._parts, self._corners.tolist(), strict=True):
            mask[y : y + part.shape[0], x : x + part.shape[1]] = part
        return masks

    def painted(
        self, view: Letterbox, size: tuple[int, int], windows: IntArray, values: LabelImage
    ) -> LabelImage:
        """See ``CompactMasks.painted``."""
        label_image: LabelImage = np.zeros(size, np.uint16)
        view = shifted(view, self._shift)
        rows, columns = enlargement(view, size)
        tiles = [
            (index, x, y, min(x + _TILE, right), min(y + _TILE, bottom))
            for index, (left, top, right, bottom) in enumerate(windows.tolist())
            for y in range(top, bottom, _TILE)
            for x in range(left, right, _TILE)
        ]
        places = np.array(tiles, np.int64).reshape(-1, 5)
        shapes = np.array([part.shape[::-1] for part in self._parts], np.int64).reshape(-1, 2)
        of = places[:, 0]
        known = np.concatenate([self._corners, self._corners + shapes], axis=1)[of]
        cells = _cells_under(places[:, 1:], view)
        cells[:, :2] = np.maximum(cells[:, :2], known[:, :2])
        cells[:, 2:] = np.minimum(cells[:, 2:], known[:, 2:])
        # NumPy's library may look at what lies beside a small matrix, and warn of that (numpy issue
        # 24067).
        with np.errstate(invalid="ignore"):
            for (index, left, top, right, bottom), (x1, y1, x2, y2), (x, y, *_) in zip(
                tiles, cells.tolist(), known.tolist(), strict=True
            ):
                if x1 >= x2 or y1 >= y2:
                    continue
                part = self._parts[index][y1 - y : y2 - y, x1 - x : x2 - x]
                probability = rows[top:bottom, y1:y2] @ part @ columns[x1:x2, left:right]
                label_image[top:bottom, left:right][probability > THRESHOLD] = values[index]
        return label_image


class DeferredMasks:
    """Masks as ``core.types.CompactMasks`` that nobody has looked at so far, and may never: only
    those that remain are computed, when somebody does.
    """

    def __init__(
        self, look: Callable[[IntArray], CompactMasks], count: int, map_size: tuple[int, ...]
    ) -> None:
        """``look`` gives the masks of some of ``count`` objects, on a map of this size."""
        self._look: Callable[[IntArray], CompactMasks] | None = look
        self._chosen = np.arange(count)
        self._map_size = map_size

    @property
    def shape(self) -> tuple[int, ...]:
        """See ``CompactMasks.shape``."""
        return (len(self._chosen), *self._map_size)

    @cached_property
    def looked_at(self) -> CompactMasks:
        """The masks themselves; from then on nothing else is kept for them."""
        assert self._look is not None
        look, self._look = self._look, None
        return look(self._chosen)

    def __getitem__(self, index: NDArray[Any]) -> CompactMasks:
        if self._look is None:
            return self.looked_at[index]
        remaining = copy(self)
        remaining._chosen = self._chosen[index]
        return remaining

    def joined(self, others: CompactMasks) -> CompactMasks:
        """See ``CompactMasks.joined``."""
        return self.looked_at.joined(
            others.looked_at if isinstance(others, DeferredMasks) else others
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        return self.looked_at.__array__(dtype)

    def painted(
        self, view: Letterbox, size: tuple[int, int], windows: IntArray, values: LabelImage
    ) -> LabelImage:
        """See ``CompactMasks.painted``."""
        return self.looked_at.painted(view, size, windows, values)


def cells_around(boxes: NDArray[Any], view: Letterbox) -> NDArray[np.int64]:
    """The part of a view from which an object's mask is composed; the rest is not looked at.

    Returns first column and row, and those after the last [N, 4], of boxes [N, 4] in image pixels.
    """
    return _cells_under(_surroundings(boxes, view, view.image_size), view)


def _surroundings(boxes: NDArray[Any], view: Letterbox, size: tuple[int, int]) -> NDArray[np.int64]:
    """The pixels in which each object's mask may lie [N, 4]: left, top, right, bottom."""
    margin = np.maximum(_MARGIN * (boxes[:, 2:] - boxes[:, :2]), 1 / view.scale)
    around = np.concatenate([np.floor(boxes[:, :2] - margin), np.ceil(boxes[:, 2:] + margin)], 1)
    return np.clip(around, 0, (size[1], size[0]) * 2).astype(np.int64)


def _cells_under(pixels: NDArray[np.int64], view: Letterbox) -> NDArray[np.int64]:
    """The cells from which these parts of the image are interpolated; never none."""
    in_view = view.image_to_input(pixels.astype(float))
    sides = np.array(view.input_size[::-1])
    first = np.clip(np.floor(in_view[:, :2]) - _REACH, 0, sides - 1)
    last = np.clip(np.ceil(in_view[:, 2:]) + _REACH, first + 1, sides)
    return np.concatenate([first, last], axis=1).astype(np.int64)


@lru_cache(maxsize=8)
def enlargement(
    view: Letterbox, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two matrices [H, h] and [w, W] that enlarge what a view [h, w] shows to an image of ``size``,
    from the left and from the right.

    They interpolate between the centres of cells. Bicubic restores the outlines of annotated
    objects clearly better than bilinear.
    """
    height, width = size
    longer = np.arange(max(size)) + 0.5
    in_view = view.image_to_input(np.stack([longer, longer], axis=1))
    rows, columns = view.input_size
    return _bicubic(in_view[:height, 1], rows), _bicubic(in_view[:width, 0], columns).T


def _bicubic(positions: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """The weight [P, cells] of every cell in the value at each of P positions on the map.

    Beyond the border the outermost cell continues.
    """
    from_centre_of_first = np.clip(positions - 0.5, -1, cells)
    distance = np.abs(from_centre_of_first[:, None] - np.arange(-_REACH, cells + _REACH))
    near = ((_SLOPE + 2) * distance - (_SLOPE + 3)) * distance**2 + 1
    far = _SLOPE * (((distance - 5) * distance + 8) * distance - 4)
    weights = np.where(distance < 1, near, np.where(distance < _REACH, far, 0))
    inside = weights[:, _REACH:-_REACH]
    inside[:, 0] += weights[:, :_REACH].sum(axis=1)
    inside[:, -1] += weights[:, -_REACH:].sum(axis=1)
    return inside.astype(np.float32)
