"""Rendered drives in a cache on disk: what training reads over and over."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mots_ros.core.types import FloatArray, Image, IntArray, LabelImage
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.kitti_mots import IGNORE_ID

MAX_WIDTH = 1120
"""Stored width in pixels: a little more than the light network's input, for random scales."""


@dataclass(frozen=True)
class Clip:
    """A drive at training size.

    images: uint8 [T, h, w, 3] RGB; instances: uint16 [T, h, w]; both memory-mapped.
    boxes: per frame the box of every visible object by its id, xyxy in stored pixels.
    scale: stored pixels per pixel of the drive's own images.
    """

    images: Image
    instances: LabelImage
    boxes: list[dict[int, FloatArray]]
    scale: float

    def __len__(self) -> int:
        return len(self.images)


def load_clips(drives: Sequence[AnnotatedDrive], cache: Path, workers: int) -> list[Clip]:
    """The drives as clips, rendered by ``workers`` processes where the cache lacks them.

    A drive's name must tell its content: it is the key in the cache.
    """
    cache.mkdir(parents=True, exist_ok=True)
    tasks = [(drive, folder_of(drive, cache)) for drive in drives]
    missing = [task for task in tasks if not task[1].exists()]
    if missing:
        with multiprocessing.get_context("spawn").Pool(max(1, workers)) as pool:
            rendered = pool.imap_unordered(_render, missing)
            for _ in tqdm(rendered, "render drives", len(missing), unit="drive", disable=None):
                pass
    return [_open(folder) for _, folder in tasks]


def folder_of(drive: AnnotatedDrive, cache: Path) -> Path:
    """Where the cache keeps a drive."""
    digest = hashlib.sha256(f"{drive.name} {len(drive)} {MAX_WIDTH}".encode()).hexdigest()
    return cache / digest[:16]


def random_instance(boxes: Mapping[int, FloatArray], rng: np.random.Generator) -> int:
    """One of the objects, of either class alike; there must be one."""
    class_id = rng.choice(sorted({instance // 1000 for instance in boxes}))
    return int(rng.choice([instance for instance in boxes if instance // 1000 == class_id]))


def _render(task: tuple[AnnotatedDrive, Path]) -> None:
    drive, folder = task
    cv2.setNumThreads(1)
    images: list[Image] = []
    instances: list[LabelImage] = []
    for item in drive:
        height, width = item.instances.shape
        scale = min(1.0, MAX_WIDTH / width)
        size = (round(width * scale), round(height * scale))
        images.append(cv2.resize(item.frame.image, size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
        instances.append(cv2.resize(item.instances, size, interpolation=cv2.INTER_NEAREST_EXACT))  # type: ignore[arg-type]
    partial = folder.with_suffix(".partial")
    partial.mkdir(exist_ok=True)
    np.save(partial / "images.npy", np.stack(images))
    np.save(partial / "instances.npy", np.stack(instances))
    np.save(partial / "boxes.npy", np.concatenate([_boxes(t, m) for t, m in enumerate(instances)]))
    np.save(partial / "scale.npy", scale)
    partial.rename(folder)


def _open(folder: Path) -> Clip:
    images = np.load(folder / "images.npy", mmap_mode="r")
    instances = np.load(folder / "instances.npy", mmap_mode="r")
    boxes: list[dict[int, FloatArray]] = [{} for _ in images]
    for frame, instance, *box in np.load(folder / "boxes.npy"):
        boxes[frame][int(instance)] = np.array(box, np.float32)
    return Clip(images, instances, boxes, float(np.load(folder / "scale.npy")))


def _boxes(frame: int, instances: LabelImage) -> IntArray:
    """Rows of frame, instance, x1, y1, x2, y2, one per visible object."""
    rows = []
    for instance in np.unique(instances):
        if 0 < instance < IGNORE_ID:
            x, y, w, h = cv2.boundingRect((instances == instance).view(np.uint8))
            rows.append((frame, instance, x, y, x + w, y + h))
    return np.array(rows, np.int64).reshape(-1, 6)
