"""Rendered drives in a cache on disk: what training reads over and over."""

from __future__ import annotations

import functools
import hashlib
import math
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mots_ros.core.letterbox import INPUT_SIZE
from mots_ros.core.types import FloatArray, Image, IntArray, LabelImage
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.kitti_mots import IGNORE_ID

SHARPNESS = 1.12
"""Stored pixels for each of the network's input: views show objects larger, too."""


class Stored:
    """An array in a file, which is open only while a part of it is in use: there may be more drives
    than a process may have files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.shape = self._opened().shape

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(self._opened())

    def __getitem__(self, index: Any) -> NDArray[Any]:
        part: NDArray[Any] = self._opened()[index]
        return part

    def _opened(self) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self._path, mmap_mode="r")
        return array


@dataclass(frozen=True)
class Clip:
    """A drive at training size.

    images: uint8 [T, h, w, 3] RGB; instances: uint16 [T, h, w].
    boxes: per frame the box of every visible object by its id, xyxy in stored pixels.
    scale: stored pixels per pixel of the drive's own images.
    shown: pixels of the network's input per stored one, for images that fill it as KITTI's do.
    annotated: which classes are; of others there may be objects that nobody marked.
    """

    images: Stored | Image
    instances: Stored | LabelImage
    boxes: list[dict[int, FloatArray]]
    scale: float
    shown: float = 1.0
    annotated: tuple[bool, ...] = (True, True)

    def __len__(self) -> int:
        return len(self.images)


def load_clips(
    drives: Sequence[AnnotatedDrive],
    cache: Path,
    workers: int,
    pixels: int = math.prod(INPUT_SIZE),
) -> list[Clip]:
    """The drives as clips, rendered by ``workers`` processes where the cache lacks them.

    A drive's name must tell its content: it is the key in the cache.

    Args:
        pixels: of the network's input.
    """
    cache.mkdir(parents=True, exist_ok=True)
    stored = round(SHARPNESS * pixels)
    tasks = [(drive, folder_of(drive, cache, stored), stored) for drive in drives]
    missing = [task for task in tasks if not task[1].exists()]
    if missing:
        with multiprocessing.get_context("spawn").Pool(max(1, workers)) as pool:
            rendered = pool.imap_unordered(_render, missing)
            for _ in tqdm(rendered, "render drives", len(missing), unit="drive", disable=None):
                pass
    return [_open(folder, pixels) for _, folder, _ in tasks]


def folder_of(drive: AnnotatedDrive, cache: Path, pixels: int) -> Path:
    """Where the cache keeps a drive with at most so many pixels a frame."""
    digest = hashlib.sha256(f"{drive.name} {len(drive)} {pixels}".encode()).hexdigest()
    return cache / digest[:16]


def random_instance(boxes: Mapping[int, FloatArray], rng: np.random.Generator) -> int:
    """One of the objects, of either class alike; there must be one."""
    class_id = rng.choice(sorted({instance // 1000 for instance in boxes}))
    return int(rng.choice([instance for instance in boxes if instance // 1000 == class_id]))


def _render(task: tuple[AnnotatedDrive, Path, int]) -> None:
    drive, folder, pixels = task
    cv2.setNumThreads(1)
    # Another run may render the same drive.
    partial = folder.with_suffix(f".{os.getpid()}.partial")
    partial.mkdir(exist_ok=True)
    store = functools.partial(np.lib.format.open_memmap, mode="w+")
    images: Any = None
    instances: Any = None
    boxes = []
    for t, item in enumerate(drive):
        if images is None:
            shape = item.instances.shape
            scale = min(1.0, math.sqrt(pixels / math.prod(shape)))
            height, width = (round(side * scale) for side in shape)
            frames = len(drive), height, width
            images = store(partial / "images.npy", dtype=np.uint8, shape=(*frames, 3))
            instances = store(partial / "instances.npy", dtype=np.uint16, shape=frames)
        if item.instances.shape != shape:
            raise ValueError(
                f"{drive.name}: expected frames of {shape} pixels, found {item.instances.shape}"
            )
        size = (width, height)
        images[t] = cv2.resize(item.frame.image, size, interpolation=cv2.INTER_AREA)
        instances[t] = cv2.resize(item.instances, size, interpolation=cv2.INTER_NEAREST_EXACT)
        boxes.append(_boxes(t, instances[t]))
    np.save(partial / "boxes.npy", np.concatenate(boxes))
    np.save(partial / "scale.npy", scale)
    try:
        partial.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(partial)


def _open(folder: Path, pixels: int) -> Clip:
    images, instances = Stored(folder / "images.npy"), Stored(folder / "instances.npy")
    boxes: list[dict[int, FloatArray]] = [{} for _ in range(len(images))]
    for frame, instance, *box in np.load(folder / "boxes.npy"):
        boxes[frame][int(instance)] = np.array(box, np.float32)
    shown = math.sqrt(pixels / math.prod(instances.shape[1:]))
    return Clip(images, instances, boxes, float(np.load(folder / "scale.npy")), shown)


def _boxes(frame: int, instances: LabelImage) -> IntArray:
    """Rows of frame, instance, x1, y1, x2, y2, one per visible object."""
    rows = []
    for instance in np.unique(instances):
        if 0 < instance < IGNORE_ID:
            x, y, w, h = cv2.boundingRect((instances == instance).view(np.uint8))
            rows.append((frame, instance, x, y, x + w, y + h))
    return np.array(rows, np.int64).reshape(-1, 6)
