"""Id switches as strips of pictures: the object before, at and after the switch.

The true object has a white outline. The two results between which it switches are tinted in the
colours of their tracks, wherever they are, and a caption names the id that covers the object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.masks import pixel_values
from mots_ros.core.types import Frame, Image, LabelImage
from mots_ros.data.kitti_mots import Annotation, MaskObject
from mots_ros.data.rle import box_of, decode
from mots_ros.evaluation import overlay
from mots_ros.evaluation.matching import FrameMatches, IdSwitch, object_name
from mots_ros.evaluation.palette import colour_of
from mots_ros.evaluation.pictures import write_picture
from mots_ros.evaluation.switches import RankedSwitch, mask_of, worst_switches

_TILE = (180, 240)  # height and width, 3 to 4
_CONTEXT = 2.0  # a tile shows so many times the object's extent
_MIN_WINDOW = 80  # width of what a tile shows; in fewer pixels nothing could be recognised
_OPACITY = 0.4
_GAP = 4
_PAPER = (24, 24, 24)
_OBJECT = (255, 255, 255)
_NEIGHBOURS = 2  # tiles before the switch, after it, and of misses in between: at most
_JPEG_QUALITY = 82

_Box = tuple[int, int, int, int]  # x1, y1, x2, y2, ends excluded


def save_worst_switches(
    folder: Path,
    frames: Iterable[tuple[int, Frame]],
    truth: Annotation,
    reported: Annotation,
    matches: Sequence[FrameMatches],
    track_ids: Mapping[int, int],
    most: int = 6,
) -> list[Path]:
    """Write ``<rank>_frame<NNNNNN>_<class>_<id>.jpg`` of each of the worst id switches.

    Args:
        folder: made where there is a switch.
        frames: of the drive, by ascending number; read once and not beyond the last that is shown.
        reported: the results that the matches are of.
        track_ids: the tracker's own id behind every object id of ``reported``.
    """
    worst = worst_switches(matches, truth, most)
    strips = [_Strip(item, matches, truth, track_ids) for item in worst]
    last = max((strip.frames[-1] for strip in strips), default=-1)
    for number, frame in frames if strips else ():
        for strip in strips:
            if number in strip.frames:
                strip.add(number, frame.image, reported.frames.get(number, ()))
        if number >= last:
            break
    files = []
    for rank, strip in enumerate((strip for strip in strips if strip.shown), start=1):
        folder.mkdir(parents=True, exist_ok=True)
        files.append(folder / f"{rank}_{strip.file_name}")
        write_picture(files[-1], strip.picture(), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return files


def shown_frames(switch: IdSwitch, matches: Sequence[FrameMatches]) -> list[int]:
    """Frames that tell the story of a switch, in order; in all of them the object can be seen.

    The last ones with the old id, some of the misses after them, the switch, and what follows.
    """
    covering = {
        frame: found.pairs.get(switch.object_id)
        for frame, found in enumerate(matches)
        if switch.object_id in found.pairs or switch.object_id in found.missed
    }
    old = [
        frame
        for frame, found in covering.items()
        if found == switch.before and frame < switch.frame
    ]
    missed = [frame for frame in covering if old[-1] < frame < switch.frame]
    some_missed = missed[:: -(-len(missed) // _NEIGHBOURS) or 1]
    new = [frame for frame in covering if frame >= switch.frame]
    return [*old[-_NEIGHBOURS:], *some_missed, *new[: 1 + _NEIGHBOURS]]


class _Strip:
    """The tiles of one switch, made while the drive goes by."""

    def __init__(
        self,
        ranked: RankedSwitch,
        matches: Sequence[FrameMatches],
        truth: Annotation,
        track_ids: Mapping[int, int],
    ) -> None:
        self._ranked = ranked
        self._matches = matches
        self._ids = track_ids
        self._size = truth.size
        self._tiles: list[Image] = []
        self._masks: dict[int, bytes] = {}
        self._boxes: dict[int, _Box] = {}
        for frame in shown_frames(ranked.switch, matches):
            mask = mask_of(truth, frame, ranked.switch.object_id)
            box = box_of(mask, truth.size)
            if box is not None:
                self._masks[frame], self._boxes[frame] = mask, box
        # One window for all tiles, so that a change of size is one of the object's.
        needed = [max((x2 - x1) / 4, (y2 - y1) / 3) for x1, y1, x2, y2 in self._boxes.values()]
        unit = math.ceil(max(_MIN_WINDOW / 4, _CONTEXT * max(needed)))
        self._window = (3 * unit, 4 * unit)
        self._interpolation = cv2.INTER_AREA if 3 * unit > _TILE[0] else cv2.INTER_CUBIC

    @property
    def frames(self) -> list[int]:
        """Those that tell of it."""
        return list(self._boxes)

    @property
    def shown(self) -> bool:
        """Whether the drive had any of the frames."""
        return bool(self._tiles)

    @property
    def file_name(self) -> str:
        """Without the rank."""
        switch = self._ranked.switch
        return f"frame{switch.frame:06d}_{object_name(switch.object_id).replace(' ', '_')}.jpg"

    def add(self, number: int, image: Image, results: Sequence[MaskObject]) -> None:
        """Take in the frame ``number``, one of those that are shown."""
        rows, columns = _around(self._boxes[number], self._window, self._size)
        tile = self._enlarged(image[rows, columns], self._interpolation)
        labels = self._label_image(results)[rows, columns]
        overlay.draw_masks(tile, self._enlarged(labels, cv2.INTER_NEAREST), _OPACITY)
        true_mask = decode(self._masks[number], self._size)[rows, columns].astype(np.uint16)
        tile[overlay.contours(self._enlarged(true_mask, cv2.INTER_NEAREST))] = _OBJECT
        found = self._matches[number].pairs.get(self._ranked.switch.object_id)
        said = f"frame {number}: " + ("missed" if found is None else f"id {self._ids[found]}")
        plate = _PAPER if found is None else colour_of(self._ids[found])
        overlay.put_caption(tile, said, (0, 0), plate)
        self._tiles.append(tile)

    def picture(self) -> Image:
        """The tiles side by side, below what happens."""
        switch, ids = self._ranked.switch, self._ids
        title = (
            f"{object_name(switch.object_id)}, frame {switch.frame}: id {ids[switch.before]} "
            f"({self._ranked.frames_before} frames) -> id {ids[switch.after]} "
            f"({self._ranked.frames_after} frames)"
        )
        head = overlay.caption_size(title)[1] + _GAP
        height, width = _TILE
        strip = np.empty((head + height, len(self._tiles) * (width + _GAP) - _GAP, 3), np.uint8)
        strip[:] = _PAPER
        overlay.put_caption(strip, title, (0, 0), _PAPER)
        for place, tile in enumerate(self._tiles):
            x = place * (width + _GAP)
            strip[head : head + tile.shape[0], x : x + tile.shape[1]] = tile
        return strip

    def _label_image(self, results: Sequence[MaskObject]) -> LabelImage:
        """The two results between which the object switches, with their tracks' pixels."""
        labels: LabelImage = np.zeros(self._size, np.uint16)
        for item in results:
            if item.object_id in (self._ranked.switch.before, self._ranked.switch.after):
                track_id = np.array(self._ids[item.object_id])
                labels[decode(item.rle, self._size)] = pixel_values(track_id)
        return labels

    def _enlarged(self, part: NDArray[Any], interpolation: int) -> NDArray[Any]:
        """What is seen through the window at the size of a tile; less where the image is less."""
        scale = _TILE[0] / self._window[0]
        size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
        return np.asarray(cv2.resize(part, size, interpolation=interpolation))


def _around(box: _Box, window: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a window (H, W) around a box, moved into the image of ``size`` (H, W)."""
    middles = (box[1] + box[3]) // 2, (box[0] + box[2]) // 2
    starts = [
        max(min(middle - extent // 2, whole - extent), 0)
        for middle, extent, whole in zip(middles, window, size, strict=True)
    ]
    return slice(starts[0], starts[0] + window[0]), slice(starts[1], starts[1] + window[1])
