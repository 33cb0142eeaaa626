"""How well a model finds what is annotated in a few real photographs; nothing is tracked.

AP50 is COCO's: the average precision of all detections that score at least 0.05, at an overlap of
0.5. Masks are those that would be published: disjoint, the higher score first. Found are the
objects whose box a detection above the model's own threshold (detector.score_threshold) matches,
and mask IoU is the mean over those; wrong are such detections that match none. What lies to half or
more in an ignore region (id 10000) and matches no object counts nowhere.

.venv/bin/python bench/real_frames.py IMAGES_FOLDER --gt instances.txt --weights W.safetensors
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from terminal import command, config_of, network_of, plain, run

from mots_ros.build import build_detector
from mots_ros.core import boxes
from mots_ros.core.masks import compose_label_image
from mots_ros.core.types import Observation
from mots_ros.data import kitti, kitti_mots
from mots_ros.data.kitti_mots import CLASS_NAMES, IGNORE_CLASS, Annotation, MaskObject
from mots_ros.data.rle import box_of, covered, decode, encode, iou
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import check_fits
from mots_ros.evaluation.table import cell, table
from mots_ros.pipeline import Detector
from mots_ros.progress import progress

LEAST_SCORE = 0.05
MIN_OVERLAP = 0.5

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Case:
    """One class in one photograph: D detections by falling score and G objects.

    scores: [D].
    boxes, masks: [D, G + 1] intersection over union with every object; in the last column the share
        that lies in ignore regions.
    """

    scores: Floats
    boxes: Floats
    masks: Floats


@dataclass(frozen=True)
class Found:
    """The scores of one class, in percent; NaN where there is nothing to find."""

    box_ap50: float
    mask_ap50: float
    mask_iou: float
    found: int
    missed: int
    wrong: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = command(__doc__ or "")
    parser.add_argument(
        "images", type=Path, help="folder of images, the frame number last in their names"
    )
    parser.add_argument("--gt", type=Path, required=True, help="ground truth as KITTI MOTS text")
    run(parser, measure_photographs, arguments)


def measure_photographs(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """What the options ask for, as text and as plain values."""
    config = config_of(options, unused=("node.", "tracker."))
    truth = kitti_mots.read(options.gt)
    drive = kitti.open_folder(options.images)
    if not truth.frames.keys() & set(drive.numbers):
        raise EvaluationError(f"{options.gt}: expected objects in an image of {options.images}")
    threshold = config.detector.score_threshold
    everything = replace(config.detector, score_threshold=min(LEAST_SCORE, threshold))
    detector = build_detector(everything)
    scores = measure(drive, truth, detector, threshold)
    titles = ["class", "box AP50", "mask AP50", "mask IoU", "found", "missed", "wrong"]
    rows = [[name, *map(cell, asdict(entry).values())] for name, entry in scores.items()]
    head = network_of(config)
    text = f"{head}, {len(drive)} images\n\n{table([titles, *rows], names=1)}"
    values = {name: plain(asdict(entry)) for name, entry in scores.items()}
    return text, {"parameters": config.values(), "images": len(drive), "scores": values}


def measure(
    drive: kitti.FolderDrive,
    truth: Annotation,
    detector: Detector,
    threshold: float,
) -> dict[str, Found]:
    """The scores of each class that the detector knows.

    Raises EvaluationError where the images do not have the annotation's size.
    """
    cases: dict[str, list[Case]] = {
        name: [] for name in CLASS_NAMES if name in detector.class_names
    }
    for number, frame in zip(drive.numbers, progress(drive, len(drive), drive.name), strict=True):
        check_fits("the ground truth", truth, frame.size, max(truth.frames) + 1)
        (observation,) = detector(frame)
        for name, seen in cases.items():
            label = detector.class_names.index(name)
            seen.append(case_of(observation, label, truth.frames.get(number, ()), name))
    return {name: found(seen, threshold) for name, seen in cases.items()}


def case_of(
    observation: Observation[Any], label: int, objects: Sequence[MaskObject], class_name: str
) -> Case:
    """How the detections with ``label`` overlap the objects of a class."""
    size, detections = observation.frame.size, observation.detections
    order = np.argsort(-detections.scores, kind="stable")
    detections = detections.take(order)
    ids = np.arange(1, len(detections) + 1)
    label_image = compose_label_image(detections, ids, observation.letterbox, size)
    chosen = np.flatnonzero(detections.labels == label)
    class_id = CLASS_NAMES.index(class_name) + 1
    # Nobody sees a mask without pixels, which has no box.
    truth = [item.rle for item in objects if item.class_id == class_id and box_of(item.rle, size)]
    regions = [item.rle for item in objects if item.class_id == IGNORE_CLASS]
    truth_boxes = np.array([box_of(rle, size) for rle in truth], np.float32).reshape(-1, 4)
    ignored = np.zeros(size, bool)
    for rle in regions:
        ignored |= decode(rle, size)
    found_boxes = detections.boxes[chosen]
    masks = [encode(label_image == ids[index]) for index in chosen]
    return Case(
        detections.scores[chosen],
        np.column_stack([boxes.iou(found_boxes, truth_boxes), _shares(found_boxes, ignored)]),
        np.column_stack([iou(masks, truth, size), covered(masks, regions, size).sum(axis=1)]),
    )


def found(cases: Sequence[Case], threshold: float) -> Found:
    """The scores of one class over all photographs."""
    box_ap, matches = match([case.scores for case in cases], [case.boxes for case in cases])
    mask_ap, _ = match([case.scores for case in cases], [case.masks for case in cases])
    objects = sum(case.boxes.shape[1] - 1 for case in cases)
    overlaps: list[float] = []
    wrong = 0
    for case, columns in zip(cases, matches, strict=True):
        region = case.boxes.shape[1] - 1
        for row in np.flatnonzero(case.scores > threshold).tolist():
            if columns[row] is None:
                wrong += 1
            elif columns[row] != region:
                overlaps.append(float(case.masks[row, columns[row]]))
    return Found(
        box_ap,
        mask_ap,
        100 * float(np.mean(overlaps)) if overlaps else math.nan,
        found=len(overlaps),
        missed=objects - len(overlaps),
        wrong=wrong,
    )


def match(
    scores: Sequence[Floats], overlaps: Sequence[Floats]
) -> tuple[float, list[list[int | None]]]:
    """COCO's average precision in percent, and the column that each image's detections match.

    overlaps: [D, G + 1] of each image, as in Case.
    """
    judge = _Judge(scores, overlaps)
    with contextlib.redirect_stdout(io.StringIO()):
        judge.evaluate()
        judge.accumulate()
    matches: list[list[int | None]] = []
    for judged in judge.evalImgs:
        matches.append([judge.column_of.get(int(truth)) for truth in judged["dtMatches"][0]])
    precision = judge.eval["precision"]
    return 100 * float(precision.mean()) if (precision >= 0).all() else math.nan, matches


class _Judge(COCOeval):
    """COCO's matching and precision on overlaps that are given.

    Left to itself, COCO takes the one box around all ignored pixels for the region, and that may be
    the whole image.
    """

    def __init__(self, scores: Sequence[Floats], overlaps: Sequence[Floats]) -> None:
        self._overlaps = overlaps
        self.column_of: dict[int, int] = {}
        numbers = itertools.count(1)  # to COCO, 0 is no annotation
        truth, detections = [], []
        for image, (image_scores, shares) in enumerate(zip(scores, overlaps, strict=True)):
            about = {"image_id": image, "category_id": 1, "area": 1.0}
            for column in range(shares.shape[1]):
                number = next(numbers)
                self.column_of[number] = column
                crowd = int(column == shares.shape[1] - 1)
                truth.append({**about, "id": number, "iscrowd": crowd})
            for value in image_scores.tolist():
                detections.append({**about, "id": next(numbers), "score": value})
        super().__init__(_coco(truth, len(scores)), _coco(detections, len(scores)), "bbox")
        self.params.iouThrs = np.array([MIN_OVERLAP])
        self.params.areaRng, self.params.areaRngLbl = [[0, math.inf]], ["all"]
        self.params.maxDets = [max(1, *map(len, scores))]

    def computeIoU(self, imgId: int, catId: int) -> Floats:
        """See COCOeval; rows by falling score."""
        return self._overlaps[imgId]


def _coco(annotations: list[dict[str, Any]], images: int) -> Any:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": 1}],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _shares(found: Floats, region: NDArray[np.bool_]) -> Floats:
    """The share [D] of each box [D, 4], up to whole pixels, that lies in a region [H, W]."""
    inside = boxes.clip(found, region.shape)
    corners = np.column_stack([np.floor(inside[:, :2]), np.ceil(inside[:, 2:])]).astype(int)
    parts = [region[top:bottom, left:right] for left, top, right, bottom in corners.tolist()]
    return np.array([part.mean() if part.size else 0.0 for part in parts], np.float64)


if __name__ == "__main__":
    main()
