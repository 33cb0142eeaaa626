"""The evaluate command on several drives, on folders of images, and going on after a stop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from box_worlds import annotation, tracked_frame
from mots_ros.commands import evaluate
from mots_ros.config import Config
from mots_ros.core.types import Frame
from mots_ros.data import kitti_mots
from mots_ros.data.bags import write_drive
from step_pipeline import StepPipeline
from test_evaluate import LENGTH, SIZE, START_S, car, frames, refusal, run
from test_kitti import add_images
from test_tracked_bags import Recording

CARS = [{1004: car(i)} for i in range(LENGTH)]


@pytest.fixture(autouse=True)
def tracker(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Makes pipelines that see the car in every image, where it is in the next of six places.

    ``steps`` counts; before step ``fails_at`` they raise ``fault``.
    """
    state = SimpleNamespace(steps=0, fails_at=None, fault=KeyboardInterrupt())

    def build(config: object) -> StepPipeline:
        def step(frame: Frame) -> Any:
            if state.steps == state.fails_at:
                raise state.fault
            state.steps += 1
            number = frame.stamp_ns // 10**9 % START_S
            return tracked_frame(SIZE, {8: car(number)}, frame.stamp_ns)

        return StepPipeline(step)

    monkeypatch.setattr("mots_ros.build.build_pipeline", build)
    monkeypatch.setattr("mots_ros.build.build_detector", lambda config: None)
    return state


@pytest.fixture
def drives(tmp_path: Path) -> list[Path]:
    """Two bags; the second one's truth has the car in its first three frames only."""
    (tmp_path / "truth").mkdir()
    for name, cars in (("one", CARS), ("two", CARS[:3])):
        write_drive(tmp_path / name, frames())
        kitti_mots.write(tmp_path / "truth" / f"{name}.txt", annotation(SIZE, cars))
    return [tmp_path / "one", tmp_path / "two"]


def scores_in(out: Path) -> Any:
    return json.loads((out / "scores.json").read_text())


def files_in(out: Path) -> dict[str, bytes]:
    """Everything that does not say how long it took."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in ("summary.json", "scores.json")
    }


def test_several_drives_and_all_as_one(drives, tmp_path, capsys):
    out = tmp_path / "out"
    run(*drives, "--gt", tmp_path / "truth", "--out", out, "--jobs", "1")
    document = scores_in(out)
    assert list(document["sequences"]) == ["one", "two"]
    motsa = {name: s["scores"]["car"]["MOTSA"] for name, s in document["sequences"].items()}
    assert motsa == {"one": pytest.approx(100), "two": pytest.approx(0)}
    combined = document["combined"]["scores"]["car"]
    assert (combined["TP"], combined["FP"], combined["GT_IDs"]) == (9, 3, 2)
    assert combined["MOTSA"] == pytest.approx(100 * (9 - 3) / 9)
    assert document["combined"]["curves"]["car"]["DetA"][0] == pytest.approx(100 * 9 / 12)
    rows = [line.split(",")[:2] for line in (out / "scores.csv").read_text().splitlines()]
    assert [row for row in rows if row[1] == "car"] == [
        ["one", "car"],
        ["two", "car"],
        ["combined", "car"],
    ]
    table = capsys.readouterr().out
    assert "combined  car" in table
    assert max(map(len, table.split("\n\n")[1].splitlines())) <= 80


def test_drives_must_be_told_apart(drives, tmp_path, capsys):
    (tmp_path / "more").mkdir()
    write_drive(tmp_path / "more" / "one", frames())
    same = refusal(capsys, drives[0], tmp_path / "more" / "one")
    assert "expected drives of different names" in same
    truth = tmp_path / "truth" / "one.txt"
    assert f"{truth}: expected a folder" in refusal(capsys, *drives, "--gt", truth)


def test_a_bad_drive_is_told_before_another_is_tracked(drives, tracker, tmp_path, capsys):
    kitti_mots.write(tmp_path / "truth" / "two.txt", annotation(SIZE, CARS + CARS))
    out = tmp_path / "out"
    line = refusal(capsys, *drives, "--gt", tmp_path / "truth", "--out", out)
    assert "two.txt:7: expected frames 0 to 5" in line
    assert tracker.steps == 0
    assert not out.exists()


def test_a_stopped_evaluation_goes_on(drives, tracker, tmp_path, capsys):
    arguments = (*drives, "--gt", tmp_path / "truth", "--jobs", "1")
    run(*arguments, "--out", tmp_path / "whole")
    out = tmp_path / "out"
    tracker.steps, tracker.fails_at = 0, LENGTH + 2
    with pytest.raises(SystemExit) as ended:
        run(*arguments, "--out", out)
    assert ended.value.code == 130
    assert "--resume" in capsys.readouterr().err
    assert not (out / "scores.json").exists()

    tracker.fails_at = None
    assert "expected a new or empty folder" in refusal(capsys, *arguments, "--out", out)
    changed = (*arguments, "--out", out, "--resume", "--set", "tracker.max_misses=3")
    line = refusal(capsys, *changed)
    assert "other settings: tracker.max_misses was 15 and is 3 now" in line

    tracker.steps = 0
    run(*arguments, "--out", out, "--resume")
    assert tracker.steps == LENGTH
    assert "1 of 2 sequences were finished before" in capsys.readouterr().out
    assert files_in(out) == files_in(tmp_path / "whole")
    run(*arguments, "--out", out, "--resume")
    assert tracker.steps == LENGTH


def test_a_sequence_whose_files_changed_is_done_again(drives, tracker, tmp_path):
    out, truth = tmp_path / "out", tmp_path / "truth"
    arguments = (*drives, "--gt", truth, "--out", out, "--resume", "--jobs", "1")
    run(*arguments)
    kitti_mots.write(truth / "two.txt", annotation(SIZE, CARS))
    tracker.steps = 0
    run(*arguments)
    assert tracker.steps == LENGTH
    assert scores_in(out)["combined"]["scores"]["car"]["MOTSA"] == pytest.approx(100)


def test_a_folder_whose_images_changed_is_done_again(tmp_path, monkeypatch):
    """Its switches of before are gone with it."""
    add_images(tmp_path / "0007", *(f"{number:06d}.png" for number in range(LENGTH)), size=SIZE)
    seen = []

    def build(config: object) -> StepPipeline:
        def step(frame: Frame) -> Any:
            seen.append(frame.stamp_ns)
            track = 8 if len(seen) in (1, 2, 3) else 9
            return tracked_frame(SIZE, {track: car(frame.stamp_ns // 10**8)}, frame.stamp_ns)

        return StepPipeline(step)

    monkeypatch.setattr("mots_ros.build.build_pipeline", build)
    kitti_mots.write(tmp_path / "0007.txt", annotation(SIZE, CARS))
    arguments = (tmp_path / "0007", "--gt", tmp_path / "0007.txt", "--out", tmp_path / "out")
    run(*arguments)
    switches = tmp_path / "out" / "sequences" / "0007" / "switches"
    assert len(list(switches.iterdir())) == 1
    run(*arguments, "--resume")
    assert len(seen) == LENGTH
    changed = tmp_path / "0007" / "000003.png"
    changed.write_bytes(changed.read_bytes())
    run(*arguments, "--resume")
    assert len(seen) == 2 * LENGTH
    assert not switches.exists()


def test_a_picture_that_cannot_be_written_ends_it(drives, tracker, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mots_ros.evaluation.pictures.cv2.imwrite", lambda *_: False)
    out = tmp_path / "out"
    line = refusal(capsys, *drives, "--gt", tmp_path / "truth", "--out", out, "--jobs", "1")
    assert "contact_sheet.png: cannot write it" in line
    assert not list(out.rglob("summary.json"))


def test_another_head_is_another_setting(tmp_path):
    head = tmp_path / "dior.safetensors"
    config = Config().with_values({"tracker.name": "dior", "tracker.head": str(head)})
    seen = set()
    for content in (b"one", b"another", b"one"):
        head.write_bytes(content)
        seen.add(evaluate._checksum(config))
    assert len(seen) == 2


def test_another_truth_is_another_setting(drives, tmp_path, capsys):
    out = tmp_path / "out"
    run(*drives, "--gt", tmp_path / "truth", "--out", out, "--jobs", "1")
    line = refusal(capsys, *drives, "--out", out, "--resume")
    assert f'--gt was "{tmp_path / "truth"}" and is null now' in line


def test_a_folder_that_is_no_evaluation_is_not_resumed(drives, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").touch()
    line = refusal(capsys, *drives, "--out", out, "--resume")
    assert f"{out / 'run.json'}: cannot read it" in line


def test_images_are_found_by_their_numbers(tmp_path, monkeypatch, capsys):
    """Frames 1 and 4 are lost; stamps are tenths of seconds."""
    present = (0, 2, 3, 5)
    add_images(tmp_path / "0007", *(f"{number:06d}.png" for number in present), size=SIZE)

    def build(config: object) -> StepPipeline:
        def step(frame: Frame) -> Any:
            return tracked_frame(SIZE, {8: car(frame.stamp_ns // 10**8)}, frame.stamp_ns)

        return StepPipeline(step)

    monkeypatch.setattr("mots_ros.build.build_pipeline", build)
    kitti_mots.write(tmp_path / "0007.txt", annotation(SIZE, [*CARS, {1004: car(0)}]))
    out = tmp_path / "out"
    run(tmp_path / "0007", "--gt", tmp_path / "0007.txt", "--out", out)
    summary = scores_in(out)["sequences"]["0007"]
    assert (summary["frames"], summary["frames_without_image"]) == (7, [1, 4, 6])
    scores = summary["scores"]["car"]
    assert (scores["TP"], scores["FN"], scores["FP"]) == (4, 3, 0)
    assert list(kitti_mots.read(out / "results" / "0007.txt").frames) == [0, 2, 3, 5]
    assert "3 of them (1, 4, 6) without an image, a result for every other" in (
        capsys.readouterr().out
    )


def test_images_are_found_by_their_stamps(tmp_path, capsys):
    """Of six frames, the recording lost the third and the fourth."""
    kept = [frame for number, frame in enumerate(frames()) if number not in (2, 3)]
    write_drive(tmp_path / "lossy", kept)
    kitti_mots.write(tmp_path / "truth.txt", annotation(SIZE, CARS))
    stamps = "".join(f"{START_S + i}.000000007\n" for i in range(LENGTH))
    (tmp_path / "timestamps.txt").write_text(stamps)
    out, arguments = tmp_path / "out", (tmp_path / "lossy", "--gt", tmp_path / "truth.txt")
    run(*arguments, "--gt-stamps", tmp_path / "timestamps.txt", "--out", out)
    summary = scores_in(out)["sequences"]["lossy"]
    assert summary["frames_without_image"] == [2, 3]
    assert (summary["scores"]["car"]["TP"], summary["scores"]["car"]["FN"]) == (4, 2)

    assert "expected frames 0 to 3 of the sequence" in refusal(capsys, *arguments)
    (tmp_path / "timestamps.txt").write_text("".join(stamps.splitlines(True)[:-1]))
    line = refusal(capsys, *arguments, "--gt-stamps", tmp_path / "timestamps.txt")
    assert "image 3 was taken at 105000000007 ns, 1000000000 ns after frame 4" in line


@pytest.mark.parametrize("bare", [False, True])
def test_recordings_of_several_drives(drives, tmp_path, bare):
    """As folders with metadata, or as the files alone."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    for name, seen in (("one", (0, 1, 2)), ("two", (2,))):
        recording = Recording(recorded / name)
        with recording.bag:
            recording.label_info("car")
            for i in seen:
                recording.masks(START_S + i, tracked_frame(SIZE, {8: car(i)}).label_image)
                recording.detections(START_S + i, ("8", "car", 0.75, car(i)))
        if bare:
            (recorded / name / f"{name}.mcap").rename(recorded / f"{name}.mcap")
            shutil.rmtree(recorded / name)
    out = tmp_path / "out"
    run(*drives, "--gt", tmp_path / "truth", "--results", recorded, "--out", out, "--jobs", "1")
    sequences = scores_in(out)["sequences"]
    assert sequences["one"]["frames_without_result"] == [3, 4, 5]
    assert sequences["two"]["scores"]["car"]["TP"] == 1


def test_text_of_others_beside_images(drives, tmp_path):
    kitti_mots.write(tmp_path / "one.txt", annotation(SIZE, [{1007: car(i)} for i in range(4)]))
    out = tmp_path / "out"
    arguments = ("--gt", tmp_path / "truth", "--results", tmp_path / "one.txt", "--out", out)
    run(drives[0], *arguments)
    document = scores_in(out)
    assert document["parameters"] is None
    summary = document["sequences"]["one"]
    assert summary["scores"]["car"]["TP"] == 4
    assert summary["frames_without_result"] == [4, 5]
    assert (out / "sequences" / "one" / "contact_sheet.png").exists()
    assert (out / "results" / "one.txt").read_text() == (tmp_path / "one.txt").read_text()


def test_text_alone(tmp_path, capsys):
    for folder in ("gt", "theirs"):
        (tmp_path / folder).mkdir()
        for name in ("0001", "0002"):
            kitti_mots.write(tmp_path / folder / f"{name}.txt", annotation(SIZE, CARS))
    kitti_mots.write(tmp_path / "gt" / "0003.txt", annotation(SIZE, CARS))
    (tmp_path / "theirs" / "0002.txt").write_text("")
    out = tmp_path / "out"
    arguments = ("--gt", tmp_path / "gt", "--results", tmp_path / "theirs", "--jobs", "1")
    run(*arguments, "--out", out)
    document = scores_in(out)
    assert list(document["sequences"]) == ["0001", "0002"]
    combined = document["combined"]["scores"]["car"]
    assert (combined["TP"], combined["FN"]) == (LENGTH, LENGTH)
    assert "no results, and therefore no scores, of 0003" in capsys.readouterr().out

    lines = (tmp_path / "gt" / "0001.txt").read_text().splitlines(True)
    (tmp_path / "theirs" / "0001.txt").write_text("".join([*lines[:2], lines[1]]))
    line = refusal(capsys, *arguments, "--out", tmp_path / "other")
    assert "0001.txt:3: expected every id once a frame" in line


def test_scores_do_not_depend_on_how_many_sequences_run_at_once(tmp_path):
    (tmp_path / "gt").mkdir()
    for name, cars in (("0001", CARS), ("0002", CARS[:3]), ("0003", CARS[2:])):
        kitti_mots.write(tmp_path / "gt" / f"{name}.txt", annotation(SIZE, cars))
    written = []
    for jobs in ("1", "2"):
        out = tmp_path / jobs
        run("--gt", tmp_path / "gt", "--results", tmp_path / "gt", "--out", out, "--jobs", jobs)
        written.append({**files_in(out), "scores": scores_in(out)})
    assert written[0] == written[1]


def test_text_needs_both_sides(tmp_path, capsys):
    for arguments in ((), ("--gt", tmp_path), ("--results", tmp_path)):
        with pytest.raises(SystemExit) as ended:
            run(*arguments)
        assert ended.value.code == 2
        assert "name drives, or --gt and --results" in capsys.readouterr().err


def test_the_format_may_be_said(tmp_path, capsys):
    pedestrians = annotation(SIZE, [{2004: car(i)} for i in range(LENGTH)])
    kitti_mots.write(tmp_path / "a.txt", pedestrians, first_frame=1)
    arguments = ("--gt", tmp_path / "a.txt", "--results", tmp_path / "a.txt")
    assert "say --format" in refusal(capsys, *arguments)
    run(*arguments, "--format", "mots_challenge", "--out", tmp_path / "out")
    summary = scores_in(tmp_path / "out")["sequences"]["a"]
    assert summary["frames"] == LENGTH
    assert list(summary["scores"]) == ["pedestrian"]


def test_our_boxes_are_scored_against_boxes(drives, tmp_path):
    """Kitti's text; in frame 5 the true box is elsewhere."""
    nowhere = "-1 -1 -1 -1000 -1000 -1000 -10"
    boxes = [car(i) for i in range(5)] + [(0, 0, 20, 30)]
    lines = [
        f"{frame} 1 Car 0 0 -10 {' '.join(map(str, box))} {nowhere}\n"
        for frame, box in enumerate(boxes)
    ]
    (tmp_path / "label.txt").write_text("".join(lines))
    out = tmp_path / "out"
    run(drives[0], "--gt", tmp_path / "label.txt", "--out", out)
    document = scores_in(out)
    assert document["kind"] == "boxes"
    scores = document["combined"]["scores"]["car"]
    # The box of frame 5 is no taller than 25 pixels: KITTI counts no such false alarm.
    assert (scores["TP"], scores["FN"], scores["FP"]) == (5, 1, 0)
    assert scores["MOTA"] == pytest.approx(100 * 5 / 6)
    assert scores["MOTP"] == pytest.approx(100)
    assert "MOTSA" not in scores


def test_our_boxes_are_scored_as_mot_challenge_does(tmp_path, monkeypatch):
    """A sequence in its own folder, with images, truth and length; tracks are of pedestrians."""

    def build(config: object) -> StepPipeline:
        def step(frame: Frame) -> Any:
            # Files count from 1 at ten a second.
            return tracked_frame(SIZE, {8: car(frame.stamp_ns // 10**8 - 1)}, frame.stamp_ns)

        return StepPipeline(step, "pedestrian")

    monkeypatch.setattr("mots_ros.build.build_pipeline", build)
    sequence = tmp_path / "MOT17-02"
    add_images(sequence / "img1", *(f"{number:06d}.jpg" for number in range(1, 5)), size=SIZE)
    lines = [
        f"{i + 1},1,{x1 + 1},{y1 + 1},{x2 - x1},{y2 - y1},1,1,1\n"
        for i, (x1, y1, x2, y2) in enumerate(map(car, range(5)))
    ]
    (sequence / "gt").mkdir()
    (sequence / "gt" / "gt.txt").write_text("".join(lines))
    (sequence / "seqinfo.ini").write_text("[Sequence]\nseqLength=5\nimWidth=96\nimHeight=48\n")
    run(sequence, "--gt", sequence, "--out", tmp_path / "out")
    summary = scores_in(tmp_path / "out")["sequences"]["MOT17-02"]
    assert (summary["frames"], summary["frames_without_image"]) == (5, [4])
    scores = summary["scores"]["pedestrian"]
    assert (scores["TP"], scores["FP"], scores["FN"]) == (4, 0, 1)
    assert scores["MOTP"] == pytest.approx(100)


def test_public_detections_of_several_drives(drives, tmp_path, monkeypatch):
    seen: list[list[float]] = []

    def build(config: object) -> StepPipeline:
        def step(frame: Frame) -> Any:
            assert frame.public is not None
            seen.extend(np.asarray(frame.public).tolist())
            return tracked_frame(SIZE, {}, frame.stamp_ns)

        return StepPipeline(step)

    monkeypatch.setattr("mots_ros.build.build_pipeline", build)
    for name in ("one", "two"):
        (tmp_path / "public" / name / "det").mkdir(parents=True)
        text = f"3,-1,1,1,{len(name)},40,1\n" if name == "one" else "1,-1,1,1,9,40,1\n"
        (tmp_path / "public" / name / "det" / "det.txt").write_text(text)
    run(
        *(*drives, "--public-detections", tmp_path / "public"),
        *("--out", tmp_path / "out", "--jobs", "1"),
    )
    assert seen == [[0, 0, 3, 40], [0, 0, 9, 40]]
