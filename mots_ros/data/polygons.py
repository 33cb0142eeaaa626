"""Still photographs with the outlines of their objects, filmed as short drives.

People and cars are objects. Vehicles that are nearly cars, and crowds, become ignore regions: to
call them background would teach what is wrong. Where outlines overlap, the smaller object is in
front.

Photographs without a person or a car are left out. Each would cost as much time and disk as one
with objects, and those are mostly background, too.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from mots_ros.core.types import Image, LabelImage
from mots_ros.data import rle
from mots_ros.data.checksum import checksum
from mots_ros.data.drives import DriveError
from mots_ros.data.filmed import FilmedPhoto
from mots_ros.data.image_files import AS_STORED, read_rgb
from mots_ros.data.kitti_mots import IGNORE_CLASS, IGNORE_ID, MAX_INSTANCES, AnnotationError

_CLASSES = {"person": 2, "car": 1, "bus": IGNORE_CLASS, "truck": IGNORE_CLASS}
"""Class ids of KITTI MOTS by COCO's names."""
_YOLO_NAMES = {0: "person", 2: "car", 5: "bus", 7: "truck"}
_ENDINGS = (".jpg", ".jpeg", ".png")

_LEAST_NUMBERS = 6
"""A polygon has at least three corners."""

_Shape = tuple[int, bytes]
"""Class id of KITTI MOTS and run-length string of one object."""


def polygon_drives(folder: Path) -> list[FilmedPhoto]:
    """The photographs of a YOLO data set that show people or cars.

    Args:
        folder: with ``images/**/NAME.jpg`` (or .png) and ``labels/**/NAME.txt``, whose lines hold
            ``class x1 y1 x2 y2 ...``: COCO's class from 0 on, corners from 0 to 1 of the photo's
            width and height. The photographs choose: labels of others are not read.

    Raises:
        DriveError: there is no such photograph.
        AnnotationError: naming the line that is none of the format.
    """
    images = folder / "images"
    drives = []
    for photo in sorted(images.rglob("*")):
        labels = folder / "labels" / photo.relative_to(images).with_suffix(".txt")
        if photo.suffix.lower() not in _ENDINGS or not labels.is_file():
            continue
        text = _read(labels)
        if _has_objects(class_id for class_id, _ in _parse_labels(text, labels)):
            name = f"polygons_{photo.stem}_{checksum([text], [photo])}"
            drives.append(FilmedPhoto(name, functools.partial(_load_labelled, photo, labels)))
    if not drives:
        raise DriveError(
            f"{folder}: expected photographs images/**/NAME.jpg of people or cars with their "
            "outlines in labels/**/NAME.txt, found none"
        )
    return drives


def coco_drives(images: Path, annotations: Path) -> list[FilmedPhoto]:
    """The photographs of a COCO data set that show people or cars.

    Args:
        images: the folder with the photographs.
        annotations: such as ``instances_train2017.json``.

    Raises:
        DriveError: there is no such photograph, or one is missing that has objects.
        AnnotationError: the annotations cannot be used.
    """
    coco = _open_coco(annotations)
    try:
        class_ids = {
            number: _CLASSES[category["name"]]
            for number, category in coco.cats.items()
            if category["name"] in _CLASSES
        }
        drives = []
        for number, photo in sorted(coco.imgs.items()):
            marked = [item for item in coco.imgToAnns[number] if item["category_id"] in class_ids]
            size = _size_of(photo, annotations)
            shapes = tuple(_coco_shape(item, class_ids, size, annotations) for item in marked)
            if not _has_objects(class_id for class_id, _ in shapes):
                continue
            path = images / photo["file_name"]
            digits = checksum([json.dumps(marked).encode()], [path])
            load = functools.partial(_load_coco, path, annotations, size, shapes)
            drives.append(FilmedPhoto(f"coco_{path.stem}_{digits}", load))
    except (KeyError, TypeError) as error:
        raise _not_coco(annotations, error) from error
    if not drives:
        raise DriveError(f"{annotations}: expected outlines of people or cars, found none")
    return drives


def _size_of(photo: Mapping[str, Any], annotations: Path) -> tuple[int, int]:
    """Height and width as COCO has them."""
    try:
        return int(photo["height"]), int(photo["width"])
    except ValueError as error:
        raise _not_coco(annotations, error) from error


def _load_labelled(photo: Path, labels: Path) -> tuple[Image, LabelImage]:
    image = read_rgb(photo)
    height, width = image.shape[:2]
    shapes = [
        (class_id, _rle_of([corners * (width, height)], (height, width)))
        for class_id, corners in _parse_labels(_read(labels), labels)
    ]
    return image, _paint(shapes, (height, width), photo)


def _load_coco(
    photo: Path, annotations: Path, size: tuple[int, int], shapes: Sequence[_Shape]
) -> tuple[Image, LabelImage]:
    image = read_rgb(photo, AS_STORED)
    if image.shape[:2] != size:
        raise DriveError(
            f"{photo}: expected {size[1]} x {size[0]} pixels (width x height), which {annotations} "
            f"says, found {image.shape[1]} x {image.shape[0]}"
        )
    return image, _paint(shapes, size, photo)


def _paint(shapes: Sequence[_Shape], size: tuple[int, int], photo: Path) -> LabelImage:
    """The instance map [H, W], larger objects first; each class is numbered in the given order."""
    numbers: Counter[int] = Counter()
    painted = []
    for class_id, runs in shapes:
        numbers[class_id] += 1
        if class_id == IGNORE_CLASS:
            value = IGNORE_ID
        elif numbers[class_id] < MAX_INSTANCES:
            value = class_id * MAX_INSTANCES + numbers[class_id]
        else:
            raise AnnotationError(
                f"{photo}: expected at most {MAX_INSTANCES - 1} objects of a class, found more of "
                f"class {class_id}"
            )
        starts, ends = rle.spans(runs, size[0] * size[1])
        painted.append((int((ends - starts).sum()), value, runs))
    instances = np.zeros(size, np.uint16)
    for _, value, runs in sorted(painted, key=lambda item: -item[0]):
        instances[rle.decode(runs, size)] = value
    return instances


def _has_objects(class_ids: Iterable[int]) -> bool:
    return any(class_id != IGNORE_CLASS for class_id in class_ids)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot read it: {error.strerror}") from error


def _parse_labels(text: bytes, path: Path) -> list[tuple[int, NDArray[np.float64]]]:
    """Class id of KITTI MOTS and corners [N, 2] from 0 to 1 of every outline that has one."""
    outlines = []
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        first, *rest = line.split()
        try:
            class_number, corners = int(first), np.array(rest, np.float64)
        except ValueError:
            class_number, corners = -1, np.empty(0)
        enough = len(corners) >= _LEAST_NUMBERS and len(corners) % 2 == 0
        if class_number < 0 or not enough or not ((corners >= 0) & (corners <= 1)).all():
            raise AnnotationError(
                f"{path}:{number}: expected class x1 y1 x2 y2 x3 y3 ..., at least three corners "
                f"with numbers from 0 to 1, found {line[:60]!r}"
            )
        if class_number in _YOLO_NAMES:
            outlines.append((_CLASSES[_YOLO_NAMES[class_number]], corners.reshape(-1, 2)))
    return outlines


def _open_coco(path: Path) -> COCO:
    """COCO's index of its annotations, which it builds aloud."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(path)
        if not (coco.imgs and coco.cats and coco.anns):
            raise ValueError("one of them is missing or empty")
    except OSError as error:
        raise AnnotationError(f"{path}: cannot read it: {error.strerror}") from error
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise _not_coco(path, error) from error
    return coco


def _not_coco(path: Path, error: Exception) -> AnnotationError:
    return AnnotationError(
        f"{path}: expected COCO's instances as JSON with images, categories and annotations, "
        f"found otherwise: {error!r}"
    )


def _coco_shape(
    item: Mapping[str, Any], class_ids: Mapping[int, int], size: tuple[int, int], path: Path
) -> _Shape:
    """An annotation as an object of KITTI MOTS; raises AnnotationError."""
    class_id = IGNORE_CLASS if item.get("iscrowd") else class_ids[item["category_id"]]
    try:
        return class_id, _coco_runs(item["segmentation"], size)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise AnnotationError(
            f"{path}: annotation {item.get('id')}: expected polygons or runs in {size[1]} x "
            f"{size[0]} pixels (width x height): {error!r}"
        ) from error


def _coco_runs(segmentation: Any, size: tuple[int, int]) -> bytes:
    """The run-length string of a list of polygons or of runs; raises what is wrong with them."""
    if isinstance(segmentation, Mapping):
        if tuple(segmentation["size"]) != size:
            raise ValueError(f"found the size {segmentation['size']}")
        counts = segmentation["counts"]
        if isinstance(counts, str):
            runs = counts.encode()
        else:
            runs = bytes(coco_mask.frPyObjects(dict(segmentation), *size)["counts"])
        rle.run_lengths(runs, size[0] * size[1])
        return runs
    polygons = [np.array(numbers, np.float64) for numbers in segmentation]
    for numbers in polygons:
        # Four numbers would be taken for a box.
        if len(numbers) < _LEAST_NUMBERS or len(numbers) % 2 or not np.isfinite(numbers).all():
            raise ValueError(f"found a polygon of {len(numbers)} numbers, or not finite")
    if not polygons:
        raise ValueError("found no polygon")
    return _rle_of([numbers.reshape(-1, 2) for numbers in polygons], size)


def _rle_of(polygons: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> bytes:
    """The run-length string of the union of polygons [N, 2] in pixels, cut off at the image."""
    cut = [np.clip(corners, 0, size[::-1]).ravel().tolist() for corners in polygons]
    runs: bytes = coco_mask.merge(coco_mask.frPyObjects(cut, *size))["counts"]
    return runs
