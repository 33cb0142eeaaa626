"""Scores against numbers worked out by hand from the metrics' definitions."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from box_worlds import annotation
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import Annotation, instance_map, objects_of
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.matching import id_switches, match
from mots_ros.evaluation.scores import (
    class_scores,
    combine,
    curves,
    measure,
    score,
    score_values,
)
from mots_ros.evaluation.summary import Document, Summary, from_plain, plain, scored
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


def test_the_paper_s_equations():
    """Voigtlaender et al., MOTS, equations 1 to 3, with |M| = 20 masks of two cars.

    The first car's masks have IoU 0.8 in 6 frames and 1 in 2; it is missed in 2. The second's are
    whole, and change their id once. Five results are false alarms.
    """
    narrow = (10, 10, 50, 20)  # 40 of 50 columns
    other, alarm = (10, 25, 60, 35), (80, 10, 90, 20)
    truth = annotation(SIZE, [{1001: CAR, 1002: other}] * 10)
    results = annotation(
        SIZE,
        [
            *[{1001: narrow, 1002: other, 1009: alarm}] * 5,
            {1001: narrow, 1003: other},
            *[{1001: CAR, 1003: other}] * 2,
            *[{1003: other}] * 2,
        ],
    )
    scores = score(truth, results, 10)["car"]
    true_positives, soft = 8 + 10, 6 * 0.8 + 2 + 10
    assert (scores.true_positives, scores.false_positives) == (true_positives, 5)
    assert (scores.false_negatives, scores.id_switches) == (2, 1)
    assert scores.motsa == pytest.approx(100 * (true_positives - 5 - 1) / 20)
    assert scores.motsp == pytest.approx(100 * soft / true_positives)
    assert scores.smotsa == pytest.approx(100 * (soft - 5 - 1) / 20)
    # LocA at threshold alpha is the mean IoU of the matches with at least that.
    below, above = 16 * soft / true_positives, 3 * 1.0
    assert scores.loc_a == pytest.approx(100 * (below + above) / 19)


def test_what_matches_nothing_has_no_localisation():
    truth, elsewhere = (annotation(SIZE, [{1001: box}] * 3) for box in (CAR, (80, 10, 90, 20)))
    scores = score(truth, elsewhere, 3)["car"]
    assert (scores.hota, scores.motsa) == (0, -100)
    assert np.isnan([scores.loc_a, scores.motsp]).all()


def test_fragments_and_how_much_of_an_object_is_tracked():
    """Of ten frames each: nine with one gap, eight, two with a gap, and one."""
    places = {1001 + i: (30 * i, 10, 30 * i + 20, 20) for i in range(4)}
    seen = {1001: {0, 1, 2, 3, 5, 6, 7, 8, 9}, 1002: set(range(8)), 1003: {2, 5}, 1004: {3}}
    results = annotation(
        SIZE, [{i: box for i, box in places.items() if frame in seen[i]} for frame in range(10)]
    )
    scores = score(annotation(SIZE, [places] * 10), results, 10)["car"]
    # Mostly is more than 80 %, lost is less than 20 %.
    tracked = (scores.mostly_tracked, scores.partly_tracked, scores.mostly_lost)
    assert tracked == (1, 2, 1)
    assert (scores.fragmentations, scores.id_switches) == (2, 0)


def test_an_id_switch_across_a_gap_is_a_switch_and_a_fragment():
    other = (10, 25, 60, 35)
    truth = annotation(SIZE, [{1001: CAR, 1002: other}] * 10)
    seen = [{1001: CAR}] * 4 + [{}] * 2 + [{1003: CAR}] * 4
    scores = score(truth, annotation(SIZE, [{**found, 1002: other} for found in seen]), 10)["car"]
    assert (scores.id_switches, scores.fragmentations, scores.false_negatives) == (1, 1, 2)
    assert scores.motsa == pytest.approx(100 * (18 - 0 - 1) / 20)
    # TrackEval passes over frames without any result, and sees no gap in them.
    scores = score(PERFECT, annotation(SIZE, seen), 10)["car"]
    assert (scores.id_switches, scores.fragmentations, scores.false_negatives) == (1, 0, 2)


def test_curves_fall_where_matches_are_no_longer_good_enough():
    results = annotation(SIZE, [{1001: (10, 10, 49, 20)}] * 10)  # IoU 0.78
    of_class = curves(measure(PERFECT, results, 10)["car"])
    assert of_class["alpha"] == pytest.approx([0.05 * step for step in range(1, 20)])
    assert of_class["HOTA"] == pytest.approx([100] * 15 + [0] * 4)
    assert of_class["LocA"][:15] == pytest.approx([78] * 15)


def test_sequences_combine_by_their_matches_and_not_by_their_scores():
    half = annotation(SIZE, [{1001: CAR}] * 5)
    sequences = {
        "long": measure(PERFECT, PERFECT, 10),
        "short": measure(annotation(SIZE, [{1001: CAR}] * 10), half, 10),
        "empty": measure(Annotation(SIZE, {}), Annotation(SIZE, {}), 10),
    }
    combined = {name: class_scores(of) for name, of in combine(sequences).items()}
    car = combined["car"]
    assert (car.true_positives, car.false_negatives, car.truth_masks) == (15, 5, 20)
    assert car.motsa == pytest.approx(75)
    assert car.det_a == pytest.approx(75)
    # Association is averaged over matches: 10 of 1 and 5 of a half.
    assert car.ass_a == pytest.approx(100 * (10 * 1 + 5 * 0.5) / 15)
    assert (car.mostly_tracked, car.partly_tracked) == (1, 1)
    assert math.isnan(combined["pedestrian"].hota)
    assert combine({}) == {}


def test_what_trackeval_says_survives_a_file():
    measures = measure(PERFECT, annotation(SIZE, [{1001: CAR}] * 7), 10)
    read = from_plain(json.loads(json.dumps(plain(measures))))
    assert score_values({n: class_scores(of) for n, of in combine({"a": read}).items()}) == (
        score_values({n: class_scores(of) for n, of in combine({"a": measures}).items()})
    )


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
