"""Real annotations, damaged by a known amount: our scores are TrackEval's, and what paper says."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("trackeval")

import trackeval

import shared
from mots_ros.commands import evaluate
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import Annotation, MaskObject
from mots_ros.data.rle import decode, encode
from mots_ros.evaluation.damage import jitter, miss
from mots_ros.evaluation.scores import score
from trackeval_runs import link, run, values

SEQUENCE = "0012"


@pytest.fixture(scope="module")
def truth() -> Annotation:
    return kitti_mots.read(annotations() / f"{SEQUENCE}.txt")


def annotations() -> Path:
    return shared.data("kitti_mots") / "instances_txt"


def length_of(truth: Annotation) -> int:
    return max(truth.frames) + 1


def objects(annotation: Annotation, class_id: int) -> list[tuple[int, MaskObject]]:
    return [
        (frame, item)
        for frame, found in annotation.frames.items()
        for item in found
        if item.class_id == class_id
    ]


def with_frames(annotation: Annotation, frames: dict[int, list[MaskObject]]) -> Annotation:
    return Annotation(annotation.size, {f: tuple(found) for f, found in frames.items() if found})


def test_dropped_masks_are_missed(truth):
    """Every fifth mask of either class is gone: FN are those, and nothing else changes."""
    frames: dict[int, list[MaskObject]] = {}
    dropped = {1: 0, 2: 0}
    for class_id in (1, 2):
        for place, (frame, item) in enumerate(objects(truth, class_id)):
            if place % 5 == 0:
                dropped[class_id] += 1
            else:
                frames.setdefault(frame, []).append(item)
    scores = score(truth, with_frames(truth, dict(sorted(frames.items()))), length_of(truth))
    for class_id, name in enumerate(("car", "pedestrian"), start=1):
        masks, lost = len(objects(truth, class_id)), dropped[class_id]
        found = scores[name]
        assert (found.true_positives, found.false_positives) == (masks - lost, 0)
        assert (found.false_negatives, found.id_switches) == (lost, 0)
        assert found.motsa == found.smotsa == pytest.approx(100 * (masks - lost) / masks)
        assert found.motsp == found.loc_a == pytest.approx(100)
        assert found.det_a == pytest.approx(100 * (masks - lost) / masks)


def test_swapped_ids_are_switches(truth):
    """From frame 40 on each pair of objects swaps ids: one switch for each that was seen before."""
    ids = sorted({item.object_id for _, item in objects(truth, 1)})
    partner = dict(zip(ids, reversed(ids), strict=True))
    swapped = with_frames(
        truth,
        {
            frame: [
                MaskObject(partner[item.object_id], 1, item.rle)
                if item.class_id == 1 and frame >= 40
                else item
                for item in found
                if item.class_id != kitti_mots.IGNORE_CLASS
            ]
            for frame, found in truth.frames.items()
        },
    )
    before = {item.object_id for frame, item in objects(truth, 1) if frame < 40}
    after = {item.object_id for frame, item in objects(truth, 1) if frame >= 40}
    switches = sum(partner[item] != item for item in before & after)
    scores = score(truth, swapped, length_of(truth))["car"]
    masks = len(objects(truth, 1))
    assert scores.id_switches == switches > 0
    assert scores.motsa == scores.smotsa == pytest.approx(100 * (masks - switches) / masks)
    assert scores.det_a == pytest.approx(100)
    assert scores.ass_a < 100


def test_eroded_masks_are_less_precise(truth):
    """An eroded mask lies within the true one, so that its IoU is the ratio of their areas."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    frames: dict[int, list[MaskObject]] = {}
    overlaps: list[float] = []
    for frame, item in objects(truth, 1):
        mask = decode(item.rle, truth.size).astype(np.uint8)
        eroded = cv2.erode(mask, kernel)
        if eroded.any():
            overlaps.append(eroded.sum() / mask.sum())
            frames.setdefault(frame, []).append(MaskObject(item.object_id, 1, encode(eroded != 0)))
    matches = [overlap for overlap in overlaps if overlap >= 0.5]
    alarms, masks = len(overlaps) - len(matches), len(objects(truth, 1))
    scores = score(truth, with_frames(truth, frames), length_of(truth))["car"]
    assert (scores.true_positives, scores.false_positives) == (len(matches), alarms)
    assert 0 < alarms < len(matches)
    assert scores.motsp == pytest.approx(100 * np.mean(matches))
    assert scores.motsa == pytest.approx(100 * (len(matches) - alarms) / masks)
    assert scores.smotsa == pytest.approx(100 * (sum(matches) - alarms) / masks)


def test_the_command_says_to_the_last_digit_what_trackeval_says(tmp_path):
    """Of two damaged sequences, one by one and as one."""
    names = (SEQUENCE, "0017")
    theirs, layout = tmp_path / "theirs", tmp_path / "trackeval"
    theirs.mkdir()
    lengths = {}
    for name in names:
        truth = kitti_mots.read(annotations() / f"{name}.txt")
        lengths[name] = length_of(truth)
        damaged = jitter(miss(truth.without_ignored(), 0.2, seed=1), 0.1, seed=2)
        kitti_mots.write(theirs / f"{name}.txt", damaged)
        link(layout, {f"gt/label_02/{name}.txt": annotations() / f"{name}.txt"})
        link(layout, {f"trackers/theirs/data/{name}.txt": theirs / f"{name}.txt"})
    direct = run(
        trackeval.datasets.KittiMOTS,
        {
            "GT_FOLDER": str(layout / "gt"),
            "TRACKERS_FOLDER": str(layout / "trackers"),
            "SEQ_INFO": lengths,
        },
    )

    out = tmp_path / "out"
    evaluate.main(
        ["--gt", str(annotations()), "--results", str(theirs), "--out", str(out), "--jobs", "1"]
    )
    document = json.loads((out / "scores.json").read_text())
    said = {name: document["sequences"][name]["scores"] for name in names}
    said["COMBINED_SEQ"] = document["combined"]["scores"]
    compared = 0
    for name, scores in said.items():
        for class_name, found in scores.items():
            if found["GT_Dets"] == 0:
                continue
            expected = values(direct[name][class_name])
            for soft, hard in (("sMOTSA", "sMOTA"), ("MOTSA", "MOTA"), ("MOTSP", "MOTP")):
                expected[soft] = expected.pop(hard)
            assert found == expected
            compared += 1
    assert compared == 5  # 0017 has no cars
