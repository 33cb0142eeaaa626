"""The evaluate command on small bags: what it writes, and what it says about bad inputs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from box_worlds import annotation, tracked_frame
from mots_ros.commands import evaluate
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data import kitti_mots
from mots_ros.data.bag_files import BagWriter
from mots_ros.data.bags import write_drive
from mots_ros.evaluation.collect import match_by_stamp, track
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.palette import colour_of
from mots_ros.pipeline import Pipeline
from step_pipeline import StepPipeline
from test_tracked_bags import Recording

SIZE = (48, 96)
LENGTH = 6
START_S = 100


def car(frame: int) -> tuple[int, int, int, int]:
    return 10 + 5 * frame, 20, 40 + 5 * frame, 40


def frames(length: int = LENGTH) -> list[Frame]:
    image = np.full((*SIZE, 3), 100, np.uint8)
    return [Frame((START_S + i) * 10**9 + 7, "camera", image) for i in range(length)]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    write_drive(tmp_path / "drive", frames())
    return tmp_path / "drive"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "drive.txt"
    kitti_mots.write(path, annotation(SIZE, [{1004: car(i)} for i in range(LENGTH)]))
    return path


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Makes a pipeline that sees the car as track 8, from frame 3 on as track 9.

    The list holds the configurations that pipelines were built from.
    """
    configs: list[object] = []

    def step(frame: Frame) -> TrackedFrame:
        number = frame.stamp_ns // 10**9 - START_S
        return tracked_frame(SIZE, {8 if number < 3 else 9: car(number)}, frame.stamp_ns)

    def build(config: object) -> StepPipeline:
        configs.append(config)
        return StepPipeline(step)

    monkeypatch.setattr("mots_ros.build.build_pipeline", build)
    return configs


def run(*arguments: object) -> None:
    evaluate.main([str(argument) for argument in arguments])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which the command ends."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_scored_report(bag, truth, pipeline, tmp_path, capsys):
    out = tmp_path / "out"
    run(bag, "--gt", truth, "--out", out, "--set", "detector.score_threshold=0.25")

    document = json.loads((out / "scores.json").read_text())
    assert document["parameters"]["detector.score_threshold"] == 0.25
    scores = document["sequences"]["drive"]
    assert scores["frames"] == LENGTH
    assert scores["frames_without_result"] == scores["frames_without_image"] == []
    assert len(scores["step_ms"]) == LENGTH
    assert scores["live"] is None
    assert scores["scores"]["car"]["IDSW"] == 1
    assert scores["scores"]["car"]["MOTSA"] == pytest.approx(100 * 5 / 6)
    assert scores["scores"]["car"]["AssA"] == pytest.approx(50)
    assert scores["scores"]["pedestrian"]["HOTA"] is None
    assert document["combined"]["scores"] == scores["scores"]
    header, row, *_ = (out / "scores.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["IDSW"] == "1"

    results = kitti_mots.read(out / "results" / "drive.txt")
    ids = [[item.object_id for item in results.frames[i]] for i in range(LENGTH)]
    assert ids == [[1001]] * 3 + [[1002]] * 3
    assert (results.instances(0) != 0).sum() == 30 * 20

    pictures = out / "sequences" / "drive"
    sheet = cv2.cvtColor(cv2.imread(str(pictures / "contact_sheet.png")), cv2.COLOR_BGR2RGB)
    for track_id in (8, 9):
        assert (sheet == colour_of(track_id)).all(axis=2).any()
    assert (pictures / "tracks.png").stat().st_size > 0
    (switch,) = (pictures / "switches").iterdir()
    assert switch.name == "1_frame000003_car_4.jpg"

    printed = capsys.readouterr().out
    assert f"drive: {LENGTH} frames, a result for every one" in printed
    assert "IDSW" in printed
    assert str(out / "scores.json") in printed


def test_the_truth_may_be_a_folder(bag, truth, pipeline, tmp_path):
    run(bag, "--gt", truth.parent, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "scores.json").exists()


def test_without_truth_there_are_results_and_pictures_only(bag, pipeline, tmp_path, capsys):
    out = tmp_path / "out"
    run(bag, "--out", out)
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == [
        *("boxes/car/drive.txt", "results/drive.txt", "run.json", "scores.json"),
        *("sequences/drive/contact_sheet.png", "sequences/drive/summary.json"),
    ]
    first = (out / "boxes" / "car" / "drive.txt").read_text().splitlines()[0]
    assert first.startswith("1,8,11.00,21.00,30.00,20.00,")
    assert "HOTA" not in capsys.readouterr().out


def test_the_folder_has_the_drive_s_name(bag, pipeline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(bag)
    assert (tmp_path / "drive_evaluation" / "results" / "drive.txt").exists()


def test_parameters_come_from_the_file_then_from_the_command(bag, pipeline, tmp_path):
    file = tmp_path / "tracker.yaml"
    file.write_text("mots_tracker:\n  ros__parameters:\n    tracker: {name: sort, max_misses: 3}\n")
    run(bag, "--config", file, "--set", "tracker.max_misses=5", "--out", tmp_path / "out")
    (config,) = pipeline
    assert (config.tracker.name, config.tracker.max_misses) == ("sort", 5)


def test_a_real_network_tracks_the_bag(bag, truth, tmp_path):
    torch = pytest.importorskip("torch")
    from mots_ros.nets import checkpoint
    from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet

    torch.manual_seed(0)
    weights = tmp_path / "random.safetensors"
    checkpoint.save(SearchTrackNet(LIGHT), weights)
    out = tmp_path / "out"
    settings = [f"detector.weights={weights}", "detector.input_width=64", "detector.threads=1"]
    run(bag, "--gt", truth, "--out", out, *(f"--set={setting}" for setting in settings))
    scores = json.loads((out / "scores.json").read_text())["combined"]["scores"]["car"]
    assert scores["TP"] + scores["FN"] == LENGTH


def test_a_recording_of_the_live_node(bag, truth, tmp_path, capsys):
    recorded = tmp_path / "recorded"
    recording = Recording(recorded)
    with recording.bag:
        recording.label_info("car")
        for i in (0, 1, 3, 5):  # the node dropped frames 2 and 4
            tracked = tracked_frame(SIZE, {8: car(i)})
            recording.masks(START_S + i, tracked.label_image)
            recording.detections(START_S + i, ("8", "car", 0.75, car(i)))
    out = tmp_path / "out"
    run(bag, "--gt", truth, "--results", recorded, "--out", out)
    document = json.loads((out / "scores.json").read_text())
    assert document["parameters"] is None
    scores = document["sequences"]["drive"]
    assert scores["frames_without_result"] == [2, 4]
    assert scores["scores"]["car"]["TP"] == 4
    assert scores["scores"]["car"]["FN"] == 2
    assert scores["scores"]["car"]["IDSW"] == 0
    assert f"{LENGTH} frames, 2 of them (2, 4) without a result" in capsys.readouterr().out


def test_a_recording_of_something_else_is_refused(bag, tmp_path, capsys):
    out = tmp_path / "out"
    assert f"{bag}: expected one topic" in refusal(capsys, bag, "--results", bag, "--out", out)
    assert not out.exists()


def test_recorded_results_take_no_parameters(bag, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run(bag, "--results", tmp_path, "--set", "tracker.max_misses=5")
    assert ended.value.code == 2
    assert "--set" in capsys.readouterr().err


def test_a_folder_with_files_is_not_overwritten(bag, pipeline, tmp_path, capsys):
    out = tmp_path / "out"
    run(bag, "--out", out)
    capsys.readouterr()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert f"{out}: expected a new or empty folder" in refusal(capsys, bag, "--out", out)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_file_in_the_folder_s_place(bag, pipeline, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert f"{tmp_path / 'out'}" in refusal(capsys, bag, "--out", tmp_path / "out")


def test_a_missing_bag(tmp_path, capsys):
    assert f"{tmp_path / 'nothing'}" in refusal(capsys, tmp_path / "nothing")


def test_a_bag_without_images(tmp_path, capsys):
    with BagWriter(tmp_path / "empty") as writer:
        writer.add_topic("/imu", "sensor_msgs/msg/Imu")
    assert "expected images" in refusal(capsys, tmp_path / "empty")


def test_a_missing_annotation_for_the_drive(bag, tmp_path, capsys):
    (tmp_path / "truth").mkdir()
    line = refusal(capsys, bag, "--gt", tmp_path / "truth")
    assert f"{tmp_path / 'truth'}: expected a text file" in line
    (tmp_path / "truth" / "other.txt").touch()
    line = refusal(capsys, bag, "--gt", tmp_path / "truth")
    assert f"{tmp_path / 'truth' / 'drive.txt'}: expected this file" in line
    assert line.endswith("there are: other")


def test_a_malformed_annotation_line(bag, truth, capsys):
    lines = truth.read_text().splitlines()
    lines[2] = "2 1004 1 48"
    truth.write_text("\n".join(lines) + "\n")
    assert f"{truth}:3: expected 6 fields" in refusal(capsys, bag, "--gt", truth)


def test_an_annotation_of_other_images(bag, tmp_path, capsys):
    path = tmp_path / "small.txt"
    kitti_mots.write(path, annotation((10, 20), [{1001: (0, 0, 5, 5)}]))
    line = refusal(capsys, bag, "--gt", path)
    assert f"{path}:1: expected the image size (48, 96) of the sequence, found (10, 20)" in line


def test_an_annotation_of_a_longer_drive(bag, tmp_path, capsys):
    path = tmp_path / "long.txt"
    kitti_mots.write(path, annotation(SIZE, [{1001: (0, 0, 5, 5)}] * (LENGTH + 2)))
    line = refusal(capsys, bag, "--gt", path)
    assert f"{path}:{LENGTH + 1}: expected frames 0 to {LENGTH - 1} of the sequence" in line


def test_a_misspelt_key(bag, tmp_path, capsys):
    file = tmp_path / "tracker.yaml"
    file.write_text("mots_tracker:\n  ros__parameters:\n    tracker: {max_mises: 3}\n")
    line = refusal(capsys, bag, "--config", file)
    assert f"{file}: unknown parameter 'tracker.max_mises'" in line


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("tracker.max_mises=3", "'tracker.max_mises'"),
        ("tracker.max_misses=three", "'tracker.max_misses' must be int"),
        ("tracker.max_misses", "expected NAME=VALUE"),
        ("tracker.name=[", "--set tracker.name=["),
    ],
)
def test_a_wrong_setting(bag, capsys, setting, said):
    assert said in refusal(capsys, bag, "--set", setting)


def test_missing_weights(bag, tmp_path, capsys):
    weights = tmp_path / "nothing.safetensors"
    line = refusal(capsys, bag, "--out", tmp_path / "out", "--set", f"detector.weights={weights}")
    assert f"{weights}: no such weights file" in line
    assert not (tmp_path / "out").exists()


def test_results_of_another_drive_are_refused():
    late = tracked_frame(SIZE, {}, stamp_ns=5)
    with pytest.raises(EvaluationError, match=r"stamp 0\.000000005 s, which no image"):
        match_by_stamp(enumerate(frames()), [late], ("car",))


def test_frames_without_stamps_cannot_be_matched():
    still = [Frame(0, "camera", frame.image) for frame in frames()]
    with pytest.raises(EvaluationError, match=r"frames 0 and 1 both have 0\.000000000 s"):
        match_by_stamp(enumerate(still), [], ("car",))


def test_a_drive_without_frames_has_no_results():
    with pytest.raises(EvaluationError, match="found none"):
        track([], Pipeline(None, None), ("car",))  # type: ignore[arg-type]


def test_boxes_remain_where_the_masks_format_has_too_few_ids(
    bag, truth, tmp_path, monkeypatch, capsys
):
    def step(frame: Frame) -> TrackedFrame:
        first = (frame.stamp_ns // 10**9 - START_S) * 200 + 1
        found = {first + i: (i % 96, i // 96, i % 96 + 1, i // 96 + 1) for i in range(200)}
        return tracked_frame(SIZE, found, frame.stamp_ns)

    built = StepPipeline(step)
    monkeypatch.setattr("mots_ros.build.build_pipeline", lambda config: built)
    for given in ((), ("--gt", truth)):
        out = tmp_path / f"out{len(given)}"
        if given:
            with pytest.raises(SystemExit):
                run(bag, *given, "--out", out)
            assert "more than 999 tracks" in capsys.readouterr().err
        else:
            run(bag, "--out", out)
            assert (out / "sequences" / "drive" / "contact_sheet.png").exists()
        assert not (out / "results").exists()
        assert len((out / "boxes" / "car" / "drive.txt").read_text().splitlines()) == 200 * LENGTH


def test_public_detections_reach_their_frames(bag, tmp_path, monkeypatch):
    seen = []

    def step(frame: Frame) -> TrackedFrame:
        seen.append(frame.public.tolist())
        return tracked_frame(SIZE, {}, frame.stamp_ns)

    built = StepPipeline(step)
    monkeypatch.setattr("mots_ros.build.build_pipeline", lambda config: built)
    public = tmp_path / "det.txt"
    public.write_text("3,-1,1,1,50,40,1\n")
    run(bag, "--public-detections", public, "--out", tmp_path / "out")
    assert seen == [[], [], [[0, 0, 50, 40]], [], [], []]


def test_public_detections_that_are_none(bag, pipeline, tmp_path, capsys):
    public = tmp_path / "det.txt"
    public.write_text("something\n")
    said = refusal(capsys, bag, "--public-detections", public, "--out", tmp_path / "out")
    assert "det.txt, line 1: expected frame,id,left" in said
