"""A sheet of overlays that shows a drive at a glance: some frames of all its parts, and the ones
worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from mots_ros.core.types import Image, LabelImage, TrackedFrame
from mots_ros.data.kitti_mots import Annotation
from mots_ros.evaluation import overlay
from mots_ros.evaluation.matching import FrameMatches, id_switches, object_name

_COLUMNS = 2
_TILE = (480, 828)  # at most, height and width
_GAP = 8
_PAPER = (24, 24, 24)
_MISSED = (255, 255, 255)
_MAX_SWITCHES = 3  # in one caption


@dataclass(frozen=True)
class Tile:
    """A frame of the sheet.

    missed: uint16 [H, W], not 0 where objects of the ground truth are that nothing covers.
    """

    caption: str
    image: Image
    tracked: TrackedFrame
    missed: LabelImage | None = None


def choose_frames(
    counts: Sequence[int],
    matches: Sequence[FrameMatches] = (),
    track_ids: Mapping[int, int] | None = None,
    tiles: int = 12,
) -> dict[int, str]:
    """The frames to show and what there is to say of each, by ascending frame.

    At most half of them are events: the frames with most objects, most misses and most id
    switches. The others are the first, the last, and some evenly between those.

    Args:
        counts: objects reported in every frame of the drive, at least one frame.
        matches: of every frame, where there is ground truth.
        track_ids: the tracker's own id behind every result id of the matches.
    """
    remarks = _events(counts, matches, track_ids or {}, tiles // 2)
    anchors = sorted({0, *remarks, len(counts) - 1})
    between = _fill(anchors, tiles - len(anchors))
    return {frame: remarks.get(frame, "") for frame in sorted((*anchors, *between))}


def missed_objects(truth: Annotation, matches: FrameMatches, frame: int) -> LabelImage:
    """The instance map of a frame, of the missed objects alone."""
    instances = truth.instances(frame)
    instances[~np.isin(instances, matches.missed)] = 0
    return instances


def compose(title: str, tiles: Sequence[Tile], class_names: Sequence[str]) -> Image:
    """The sheet, uint8 RGB; objects that are missed have a white outline."""
    pictures = [_picture(tile, class_names) for tile in tiles]
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    rows = -(-len(pictures) // _COLUMNS)
    head = overlay.caption_size(title)[1] + 2 * _GAP
    sheet = np.empty(
        (head + rows * (height + _GAP), _GAP + _COLUMNS * (width + _GAP), 3), dtype=np.uint8
    )
    sheet[:] = _PAPER
    overlay.put_caption(sheet, title, (_GAP, _GAP), _PAPER)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, _COLUMNS)
        y, x = head + row * (height + _GAP), _GAP + column * (width + _GAP)
        sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet


def _fill(anchors: Sequence[int], most: int) -> list[int]:
    """Frames that divide the widest gaps between ``anchors`` evenly."""
    gaps = list(pairwise(anchors))
    parts = [1] * len(gaps)
    for _ in range(most):
        widths = [(end - start) / part for (start, end), part in zip(gaps, parts, strict=True)]
        widest = max(range(len(gaps)), key=widths.__getitem__, default=None)
        if widest is None or gaps[widest][1] - gaps[widest][0] <= parts[widest]:
            break
        parts[widest] += 1
    return [
        start + (end - start) * place // part
        for (start, end), part in zip(gaps, parts, strict=True)
        for place in range(1, part)
    ]


def _events(
    counts: Sequence[int],
    matches: Sequence[FrameMatches],
    track_ids: Mapping[int, int],
    most: int,
) -> dict[int, str]:
    switches: dict[int, list[str]] = {}
    for switch in id_switches(matches):
        name = object_name(switch.object_id)
        change = f"{name}: {track_ids[switch.before]} -> {track_ids[switch.after]}"
        switches.setdefault(switch.frame, []).append(change)
    remarks: dict[int, list[str]] = {}
    if max(counts, default=0) > 0:
        frame = int(np.argmax(counts))
        remarks.setdefault(frame, []).append(f"most objects ({counts[frame]})")
    misses = [len(found.missed) for found in matches]
    if max(misses, default=0) > 0:
        frame = int(np.argmax(misses))
        remarks.setdefault(frame, []).append(f"most misses ({misses[frame]})")
    for frame in sorted(switches, key=lambda frame: (-len(switches[frame]), frame)):
        if frame in remarks or len(remarks) < most:
            remarks.setdefault(frame, []).append(_switch_remark(switches[frame]))
    return {frame: ", ".join(said) for frame, said in remarks.items()}


def _switch_remark(changes: Sequence[str]) -> str:
    shown = ", ".join(changes[:_MAX_SWITCHES])
    more = len(changes) - _MAX_SWITCHES
    return f"id switch {shown}" + (f" and {more} more" if more > 0 else "")


def _picture(tile: Tile, class_names: Sequence[str]) -> Image:
    """The overlay at the tile's size, under its caption."""
    height, width = tile.image.shape[:2]
    scale = min(1.0, _TILE[0] / height, _TILE[1] / width)
    # Shrunk before anything is drawn on it, so that text stays readable.
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    image = np.asarray(cv2.resize(tile.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    drawn = overlay.draw(image, _shrunk(tile.tracked, size, scale), class_names)
    if tile.missed is not None:
        missed = _resized_labels(tile.missed, size)
        drawn[overlay.contours(missed)] = _MISSED
    strip = np.empty((overlay.caption_size(tile.caption)[1], size[0], 3), dtype=np.uint8)
    strip[:] = _PAPER
    overlay.put_caption(strip, tile.caption, (0, 0), _PAPER)
    return np.concatenate([strip, drawn])


def _shrunk(tracked: TrackedFrame, size: tuple[int, int], scale: float) -> TrackedFrame:
    boxes = (tracked.detections.boxes * scale).astype(np.float32)
    return replace(
        tracked,
        detections=replace(tracked.detections, boxes=boxes),
        paint=partial(_resized_labels, tracked.label_image, size),
    )


def _resized_labels(labels: LabelImage, size: tuple[int, int]) -> LabelImage:
    return np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint16)
