"""The four benchmarks by hand: what each scores, what it passes over, and that TrackEval agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trackeval")

import trackeval

from box_worlds import annotation
from mots_ros.commands import evaluate
from mots_ros.data import kitti_mots
from mots_ros.data.track_text import KITTI, MOT_CHALLENGE, MOTS_CHALLENGE, TextFormat
from mots_ros.evaluation.scores import ClassScores, class_scores, measure
from trackeval_runs import link, run, values

SIZE = (40, 120)
PERSON = (10, 10, 30, 30)
NOWHERE = "-1 -1 -1 -1000 -1000 -1000 -10"


def kitti(frame: int, track: int, kind: str, x: float, truncated: int = 0, height: int = 40) -> str:
    """A box 80 pixels wide whose top is at row 50."""
    box = f"{x} 50 {x + 80} {50 + height}"
    return f"{frame} {track} {kind} {truncated} 0 -10 {box} {NOWHERE}\n"


def mot(frame: int, track: int, x: float, rest: str) -> str:
    """A box of 40 x 80 pixels; rest is the confidence and what follows."""
    return f"{frame},{track},{x},51,40,80,{rest}\n"


def scored(
    folder: Path, form: TextFormat, truth: str, results: str, length: int, name: str = ""
) -> dict[str, ClassScores]:
    read = []
    for role, text in (("gt", truth), ("results", results)):
        path = folder / f"{role}.txt"
        path.write_text(text)
        read.append(form.read(path, is_truth=role == "gt", length=length))
    measures = measure(read[0], read[1], length, form, name)
    return {class_name: class_scores(of) for class_name, of in measures.items()}


def test_kitti_boxes(tmp_path: Path) -> None:
    """Ten frames of a car: found in eight with IoU 2/3, from the fifth on with another id."""
    truth = "".join(kitti(frame, 1, "Car", 100) for frame in range(10))
    results = "".join(kitti(frame, 5 + (frame > 4), "Car", 116) for frame in range(8))
    results += kitti(3, 9, "Car", 400)  # a false alarm
    scores = scored(tmp_path, KITTI, truth, results, 10)["car"]
    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == (8, 1, 2)
    assert (scores.id_switches, scores.mostly_tracked, scores.partly_tracked) == (1, 0, 1)
    assert scores.motsp == pytest.approx(100 * 64 / 96)  # called MOTP on boxes
    assert scores.motsa == pytest.approx(100 * (8 - 1 - 1) / 10)
    assert scores.idf1 == pytest.approx(100 * 2 * 5 / (10 + 9))
    share = 13 / 19  # of the thresholds 0.05 to 0.95, those up to 0.65 see matches
    assert scores.det_a == pytest.approx(100 * share * 8 / 11)


def test_kitti_passes_over_what_it_does_not_care_for(tmp_path: Path) -> None:
    truth = "".join(
        [
            kitti(0, 1, "Car", 100),
            kitti(0, 2, "Van", 200),
            kitti(0, 3, "Car", 300, truncated=1),
            kitti(0, -1, "DontCare", 400),
            kitti(0, 4, "Person", 500),
            kitti(0, 5, "Cyclist", 600),
        ]
    )
    found = [100, 200, 300, 400]
    results = "".join(kitti(0, 10 + i, "Car", x) for i, x in enumerate(found))
    results += kitti(0, 20, "Car", 700, height=25)  # too small to count
    results += kitti(0, 21, "Pedestrian", 500)
    scores = scored(tmp_path, KITTI, truth, results, 1)
    assert (scores["car"].truth_masks, scores["car"].result_masks) == (1, 1)
    assert scores["car"].motsa == 100
    assert scores["pedestrian"].result_masks == 0
    alarm = scored(tmp_path, KITTI, truth, results + kitti(0, 22, "Car", 700), 1)["car"]
    assert alarm.false_positives == 1


def test_mot_boxes(tmp_path: Path) -> None:
    """Five frames of two people; a result on the static one is neither right nor wrong."""
    truth = "".join(
        mot(frame, 1, 100, "1,1,1") + mot(frame, 2, 300, "1,7,1") + mot(frame, 3, 500, "0,1,1")
        for frame in range(1, 6)
    )
    results = "".join(
        mot(frame, 8, 110, "0.9,-1,-1,-1") + mot(frame, 9, 300, "0.9,-1,-1,-1")
        for frame in range(1, 5)
    )
    scores = scored(tmp_path, MOT_CHALLENGE, truth, results, 5)
    assert list(scores) == ["pedestrian"]
    person = scores["pedestrian"]
    assert (person.true_positives, person.false_positives, person.false_negatives) == (4, 0, 1)
    assert person.motsp == pytest.approx(100 * 30 / 50)
    assert person.motsa == pytest.approx(80)


@pytest.mark.parametrize("track_id", [7, 10**13, 2**64 - 1])
def test_ids_may_have_64_bits(tmp_path: Path, track_id: int) -> None:
    """TrackEval alone would take as many bytes, or take neighbours for one."""
    truth = "".join(mot(f, 1, 100, "1,1,1") + mot(f, 2, 300, "1,1,1") for f in (1, 2))
    results = "".join(
        mot(f, track_id, 100, "0.9,-1,-1,-1") + mot(f, track_id - 1, 300, "0.9,-1,-1,-1")
        for f in (1, 2)
    )
    person = scored(tmp_path, MOT_CHALLENGE, truth, results, 2)["pedestrian"]
    assert person.hota == pytest.approx(100) and person.id_switches == 0


def test_mot_years_differ_in_what_is_no_pedestrian(tmp_path: Path) -> None:
    results = mot(1, 8, 100, "0.9,-1,-1,-1") + mot(1, 9, 300, "0.9,-1,-1,-1")
    vehicle = mot(1, 1, 100, "1,1,1") + mot(1, 2, 300, "1,6,1")
    first_year = mot(1, 1, 100, "1,-1,-1,-1") + mot(1, 2, 300, "1,-1,-1,-1")
    counts = {
        name: scored(tmp_path, MOT_CHALLENGE, truth, results, 1, name)["pedestrian"]
        for name, truth in (
            ("MOT17-02", vehicle),
            ("MOT20-01", vehicle),
            ("PETS09-S2L1", first_year),
        )
    }
    assert {name: found.false_positives for name, found in counts.items()} == {
        "MOT17-02": 1,
        "MOT20-01": 0,
        "PETS09-S2L1": 0,
    }
    assert counts["PETS09-S2L1"].true_positives == 2


def test_mots_challenge_masks(tmp_path: Path) -> None:
    truth = annotation(SIZE, [{2001: PERSON, 10000: (70, 0, 120, 40)}] * 4)
    found = annotation(SIZE, [{2007: PERSON, 2008: (80, 10, 90, 20)}] * 3)
    texts = []
    for name, masks in (("truth", truth), ("found", found)):
        kitti_mots.write(tmp_path / name, masks, first_frame=1)
        texts.append((tmp_path / name).read_text())
    scores = scored(tmp_path, MOTS_CHALLENGE, texts[0], texts[1], 4)
    assert list(scores) == ["pedestrian"]
    person = scores["pedestrian"]
    assert (person.true_positives, person.false_positives, person.false_negatives) == (3, 0, 1)
    assert person.smotsa == pytest.approx(75)


def evaluated(out: Path, gt: Path, results: Path, *options: str) -> dict[str, Any]:
    """What the command says of sequences and of all as one, by class."""
    arguments = ["--gt", gt, "--results", results, "--out", out, "--jobs", "1", *options]
    evaluate.main([str(argument) for argument in arguments])
    document = json.loads((out / "scores.json").read_text())
    said = {name: summary["scores"] for name, summary in document["sequences"].items()}
    return {**said, "COMBINED_SEQ": document["combined"]["scores"]}


def check(said: dict[str, Any], direct: dict[str, Any]) -> None:
    assert set(said) == set(direct)
    for sequence, classes in said.items():
        for class_name, found in classes.items():
            expected = values(direct[sequence][class_name])
            assert {name: expected[name] for name in found} == found


def wandering(name: str, row: Any) -> str:
    """Two objects that move, and results that shift by up to half an object."""
    shift = 7 * (name == "b")
    return "".join(
        row(frame, track, 100 * track + 3 * frame + shift * (frame % 3))
        for frame in range(1, 12)
        for track in (1, 2)
        if (frame + track) % 5
    )


def test_kitti_boxes_are_scored_as_trackeval_does(tmp_path: Path) -> None:
    for name in ("0001", "0004"):
        truth = wandering("a", lambda frame, track, x: kitti(frame, track, "Car", x))
        found = wandering("b", lambda frame, track, x: kitti(frame, track + frame // 6, "Car", x))
        found = found.replace("\n", " 0.875\n") if name == "0001" else found
        for folder, text in (("gt/label_02", truth), ("trackers/b/data", found)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / f"{name}.txt").write_text(text)
    seqmap = tmp_path / "gt" / "evaluate_tracking.seqmap.training"
    seqmap.write_text("0001 empty 000000 000014\n0004 empty 000000 000012\n")
    direct = run(
        trackeval.datasets.Kitti2DBox,
        {"GT_FOLDER": str(tmp_path / "gt"), "TRACKERS_FOLDER": str(tmp_path / "trackers")},
    )
    said = evaluated(
        tmp_path / "out", tmp_path / "gt" / "label_02", tmp_path / "trackers" / "b" / "data"
    )
    pedestrians = [classes.pop("pedestrian") for classes in said.values()]
    assert {found["HOTA"] for found in pedestrians} == {None}
    assert 0 < said["COMBINED_SEQ"]["car"]["HOTA"] < 100
    assert said["COMBINED_SEQ"]["car"]["IDSW"] > 0
    check(said, direct)
    document = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert document["kind"] == "boxes"
    assert document["sequences"]["0001"]["frames"] == 14


def test_mot_boxes_are_scored_as_trackeval_does(tmp_path: Path) -> None:
    sequences = {"MOT17-02-DPM": 12, "MOT17-04-DPM": 15}
    for name, length in sequences.items():
        folder = tmp_path / "gt" / name
        (folder / "gt").mkdir(parents=True)
        truth = wandering("a", lambda frame, track, x: mot(frame, track, x, "1,1,1"))
        (folder / "gt" / "gt.txt").write_text(truth)
        info = f"[Sequence]\nseqLength={length}\nimWidth=1920\nimHeight=1080\n"
        (folder / "seqinfo.ini").write_text(info)
        found = wandering("b", lambda frame, track, x: mot(frame, track, x, "1,-1,-1,-1"))
        theirs = tmp_path / "theirs"
        theirs.mkdir(exist_ok=True)
        (theirs / f"{name}.txt").write_text(found)
        link(tmp_path / "trackers", {f"b/data/{name}.txt": theirs / f"{name}.txt"})
    direct = run(
        trackeval.datasets.MotChallenge2DBox,
        {
            "GT_FOLDER": str(tmp_path / "gt"),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": dict.fromkeys(sequences),
        },
    )
    said = evaluated(tmp_path / "out", tmp_path / "gt", tmp_path / "theirs")
    assert 0 < said["COMBINED_SEQ"]["pedestrian"]["HOTA"] < 100
    check(said, direct)
    document = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert document["sequences"]["MOT17-04-DPM"]["frames"] == 15


def test_mots_challenge_is_scored_as_trackeval_does(tmp_path: Path) -> None:
    folder = tmp_path / "gt" / "MOTS20-02"
    (folder / "gt").mkdir(parents=True)
    ini = "[Sequence]\nseqLength=9\nimWidth=120\nimHeight=40\n"
    (folder / "seqinfo.ini").write_text(ini)
    truth = annotation(SIZE, [{2001: PERSON, 2002: (50, 10, 70, 30)}] * 8)
    kitti_mots.write(folder / "gt" / "gt.txt", truth, first_frame=1)
    shifted = [{2001: (13, 10, 33, 30), 2005: (50, 10, 70, 30)}] * 4 + [{2005: PERSON}] * 2
    theirs = tmp_path / "MOTS20-02.txt"
    kitti_mots.write(theirs, annotation(SIZE, shifted), first_frame=1)
    link(tmp_path / "trackers", {"b/data/MOTS20-02.txt": theirs})
    direct = run(
        trackeval.datasets.MOTSChallenge,
        {
            "GT_FOLDER": str(tmp_path / "gt"),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": {"MOTS20-02": None},
        },
    )
    # The folder of a sequence may be named itself.
    said = evaluated(tmp_path / "out", folder, theirs)
    for sequence, classes in direct.items():
        expected = values(classes["pedestrian"])
        for soft, hard in (("sMOTSA", "sMOTA"), ("MOTSA", "MOTA"), ("MOTSP", "MOTP")):
            expected[soft] = expected.pop(hard)
        assert said[sequence]["pedestrian"] == expected
    assert said["MOTS20-02"]["pedestrian"]["IDSW"] == 1
    written = tmp_path / "out" / "results" / "MOTS20-02.txt"
    assert written.read_text() == theirs.read_text()
