"""Scores against numbers worked out by hand from the metrics' definitions."""

import math
from collections import Counter

import numpy as np
import pytest

from box_worlds import annotation
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import Annotation, instance_map, objects_of
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.matching import id_switches, match
from mots_ros.evaluation.scores import measure, score, score_values
from mots_ros.evaluation.summary import Document, Summary, scored
from mots_ros.evaluation.table import score_csv, score_table
from shared import SHARED

SIZE = (40, 120)
CAR = (10, 10, 60, 20)
PERFECT = annotation(SIZE, [{1001: CAR}] * 10)


def real(sequence: str) -> Annotation:
    path = SHARED / "data" / "kitti_mots" / "instances_txt" / f"{sequence}.txt"
    if not path.exists():
        pytest.skip(f"KITTI MOTS annotations are missing: {path}; MOTS_SHARED names their folder")
    return kitti_mots.read(path)


def document(results: Annotation) -> Document:
    """What is said of a sequence ``street`` whose truth is PERFECT."""
    of_classes = scored(measure(PERFECT, results, 10))
    street: Summary = {
        "sequence": "street",
        "frames": 10,
        "frames_without_result": [],
        "frames_without_image": [],
        **of_classes,
        "step_ms": None,
        "live": None,
    }
    return {
        "kind": "masks",
        "parameters": None,
        "sequences": {"street": street},
        "combined": of_classes,
    }


def test_the_truth_itself_scores_100():
    scores = score(PERFECT, PERFECT, 10)["car"]
    assert (scores.hota, scores.det_a, scores.ass_a) == (100, 100, 100)
    assert (scores.smotsa, scores.motsa, scores.motsp, scores.idf1) == (100, 100, 100, 100)
    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == (10, 0, 0)


def test_an_id_switch_halfway():
    results = annotation(SIZE, [{1001: CAR}] * 5 + [{1002: CAR}] * 5)
    scores = score(PERFECT, results, 10)["car"]
    assert scores.id_switches == 1
    assert scores.det_a == pytest.approx(100)
    assert scores.ass_a == pytest.approx(50)  # every match: 5 shared frames of 10 in either track
    assert scores.hota == pytest.approx(100 * math.sqrt(0.5))
    assert scores.motsa == pytest.approx(90)  # (10 - 0 - 1) / 10
    assert scores.smotsa == pytest.approx(90)
    assert scores.idf1 == pytest.approx(50)  # one id counts, 5 frames of 10
    assert scores.result_tracks == 2


def test_misses_a_false_alarm_and_imperfect_masks():
    narrow = (10, 10, 49, 20)  # 39 of 50 columns: IoU 0.78
    alarm = (80, 10, 90, 20)
    results = annotation(SIZE, [{1001: narrow}] * 7 + [{1001: narrow, 1002: alarm}] + [{}] * 2)
    scores = score(PERFECT, results, 10)["car"]
    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == (8, 1, 2)
    assert scores.motsp == pytest.approx(78)
    assert scores.motsa == pytest.approx(70)  # (8 - 1) / 10
    assert scores.smotsa == pytest.approx(52.4)  # (8 * 0.78 - 1) / 10
    assert scores.idf1 == pytest.approx(100 * 16 / 19)  # 2 * 8 / (2 * 8 + 1 + 2)
    share = 15 / 19  # of the thresholds 0.05 to 0.95, those up to 0.75 see matches
    assert scores.det_a == pytest.approx(100 * share * 8 / 11)
    assert scores.ass_a == pytest.approx(100 * share * 8 / 10)
    assert scores.hota == pytest.approx(100 * share * math.sqrt(8 / 11 * 8 / 10))


def test_false_alarms_in_ignore_regions_do_not_count():
    truth = annotation(SIZE, [{1001: CAR, 10000: (70, 0, 120, 40)}] * 10)
    results = annotation(SIZE, [{1001: CAR, 1002: (80, 10, 90, 20)}] * 10)
    assert score(truth, results, 10)["car"].motsa == 100
    assert score(PERFECT, results, 10)["car"].motsa == 0


def test_classes_are_scored_apart():
    results = annotation(SIZE, [{2001: CAR}] * 10)
    scores = score(PERFECT, results, 10)
    assert scores["car"].false_negatives == 10
    assert scores["car"].hota == 0
    assert scores["pedestrian"].false_positives == 10


def test_a_class_without_truth_has_no_score():
    scores = score(PERFECT, PERFECT, 10)
    assert math.isnan(scores["pedestrian"].hota)
    assert score_values(scores)["pedestrian"]["HOTA"] is None
    table = score_table(score_values(scores))
    assert table.splitlines()[-1].split()[:3] == ["pedestrian", "-", "-"]
    assert score_csv(document(PERFECT)).splitlines()[-1].startswith("combined,pedestrian,,,")


def test_no_results_at_all():
    scores = score(PERFECT, Annotation(SIZE, {}), 10)["car"]
    assert (scores.hota, scores.motsa, scores.false_negatives) == (0, 0, 10)


def test_frames_beyond_the_last_object_still_count():
    results = annotation(SIZE, [{1001: CAR}] * 10 + [{1001: CAR}])
    assert score(PERFECT, results, 11)["car"].false_positives == 1


def test_sizes_must_agree():
    with pytest.raises(EvaluationError, match=r"the ground truth: .* 60 x 40 .* found 120 x 40"):
        score(PERFECT, annotation((40, 60), [{1001: (0, 0, 5, 5)}]), 10)


def test_objects_must_lie_within_the_sequence():
    with pytest.raises(EvaluationError, match=r"the ground truth: .*frames 0 to 8 .* frame 9"):
        score(PERFECT, PERFECT, 9)


def test_scoring_is_silent(capfd):
    score(PERFECT, PERFECT, 10)
    assert capfd.readouterr() == ("", "")


def test_the_table_fits_a_terminal():
    table = score_table(score_values(score(PERFECT, PERFECT, 10)))
    header, _, car, _ = table.splitlines()
    cells = dict(zip(header.split(), car.split(), strict=True))
    assert max(map(len, table.splitlines())) <= 80
    wanted = {"HOTA": "100.0", "sMOTSA": "100.0", "IDSW": "0", "TP": "10"}
    assert {title: cells[title] for title in wanted} == wanted


def test_the_csv_has_the_values():
    header, car, *_ = score_csv(document(PERFECT)).splitlines()
    cells = dict(zip(header.split(","), car.split(","), strict=True))
    assert float(cells["HOTA"]) == pytest.approx(100)
    assert (cells["class"], cells["GT_Dets"], cells["IDs"]) == ("car", "10", "1")


@pytest.mark.parametrize("sequence", ["0005", "0017"])
def test_real_annotations_score_100_against_themselves(sequence):
    truth = real(sequence)
    for scores in score(truth, truth.without_ignored(), max(truth.frames) + 1).values():
        if scores.truth_masks:
            assert scores.hota == pytest.approx(100)
            assert scores.smotsa == pytest.approx(100)
            assert scores.idf1 == pytest.approx(100)


def test_pictures_and_scores_agree_on_matches():
    truth = real("0017")
    length = max(truth.frames) + 1
    results = _perturbed(truth, np.random.default_rng(3))
    matches = match(truth, results, length)
    scores = score(truth, results, length)
    assert len(id_switches(matches)) == sum(entry.id_switches for entry in scores.values()) > 0
    for name, count in {
        "true_positives": sum(len(found.pairs) for found in matches),
        "false_negatives": sum(len(found.missed) for found in matches),
        "false_positives": sum(len(found.false_alarms) for found in matches),
    }.items():
        assert sum(getattr(entry, name) for entry in scores.values()) == count > 0, name


def _perturbed(truth: Annotation, random: np.random.Generator) -> Annotation:
    """Shifted masks, some dropped, and ids that change now and then."""
    frames = {}
    changes: Counter[int] = Counter()
    for frame, objects in truth.without_ignored().frames.items():
        kept = [item for item in objects if random.random() > 0.1]
        instances = np.roll(instance_map(kept, truth.size), (2, 4), axis=(0, 1))
        for item in kept:
            changes[item.object_id] += int(random.random() < 0.05)
            instances[instances == item.object_id] += 100 * changes[item.object_id]
        frames[frame] = objects_of(instances)
    return Annotation(truth.size, {frame: found for frame, found in frames.items() if found})
