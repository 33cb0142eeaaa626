"""The measuring commands compare trackers on one observation, and count as one counts by hand."""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from box_worlds import paint
from mots_ros.config import DetectorConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation, TrackedDetections
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.data.kitti_mots import objects_of
from mots_ros.evaluation.scores import ClassScores
from mots_ros.evaluation.table import cell, table
from mots_ros.nets.dynamic import COORDINATE_SCALE, dynamic_network, parameter_count
from mots_ros.nets.search import SearchFeatures, search
from mots_ros.trackers.searchtrack import SearchTracker

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import ablations
import accuracy
import real_frames

SIZE = (64, 128)
LETTERBOX = Letterbox.contain(SIZE, SIZE)


def observe(number: int, *boxes: tuple[int, int, int, int]) -> Observation[SearchFeatures]:
    """Cars with exact masks; searches find nothing."""
    masks = np.zeros((len(boxes), 16, 32), np.float32)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top // 4 : bottom // 4, left // 4 : right // 4] = 1
    detections = Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.6, len(boxes), dtype=np.float32),
        np.zeros(len(boxes), np.int64),
        masks,
    )
    kernels = torch.zeros(len(boxes), parameter_count(16))
    kernels[:, -1] = -10
    features = SearchFeatures(
        torch.zeros(16, 16, 32), torch.zeros(2, 16, 32), None, lambda: kernels, search
    )
    frame = Frame(number * 10**8, "camera", np.zeros((*SIZE, 3), np.uint8))
    return Observation(frame, LETTERBOX, lambda: detections, features)


class Parade:
    """A drive with one car that moves on, and the detector that sees all of it."""

    name = "parade"
    class_names = ("car", "pedestrian")
    device = "cpu"
    config = DetectorConfig()
    head = None

    def __init__(self, length: int) -> None:
        self.looks = 0
        places = [(8 + 4 * number, 16, 32 + 4 * number, 32) for number in range(length)]
        self.seen = [observe(number, place) for number, place in enumerate(places)]
        self.truth = [paint(SIZE, {1001: place}) for place in places]

    def __len__(self) -> int:
        return len(self.seen)

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        for observation, instances in zip(self.seen, self.truth, strict=True):
            yield AnnotatedFrame(observation.frame, instances)

    def __call__(self, frame: Frame) -> list[Observation[SearchFeatures]]:
        self.looks += 1
        return [self.seen[frame.stamp_ns // 10**8]]


class Witness:
    """Reports every detection, under ids that it keeps or never keeps."""

    config = TrackerConfig()

    def __init__(self, faithful: bool) -> None:
        self.faithful = faithful
        self.observations: list[Observation[Any]] = []

    def step(self, observation: Observation[Any]) -> TrackedDetections:
        self.observations.append(observation)
        first = 1 if self.faithful else len(self.observations)
        detections = observation.detections
        return TrackedDetections(np.arange(first, first + len(detections)), detections)

    def reset(self) -> None:
        pass


def test_all_trackers_get_the_same_observations() -> None:
    drive = Parade(length=4)
    witnesses = {"faithful": Witness(True), "forgetful": Witness(False)}
    scores = accuracy.measure(drive, drive, witnesses)
    assert drive.looks == 4
    for witness in witnesses.values():
        assert all(a is b for a, b in zip(witness.observations, drive.seen, strict=True))
    faithful, forgetful = scores["faithful"]["car"], scores["forgetful"]["car"]
    assert (faithful.hota, faithful.id_switches) == (pytest.approx(100), 0)
    assert (forgetful.det_a, forgetful.id_switches) == (pytest.approx(100), 3)
    assert forgetful.ass_a == pytest.approx(25)
    assert math.isnan(scores["faithful"]["pedestrian"].hota)


def test_means_leave_out_drives_without_the_class() -> None:
    nothing = ClassScores(*[math.nan] * 8, *[0] * 12)
    first = replace(nothing, hota=60.0, id_switches=3, truth_masks=10)
    second = replace(nothing, hota=81.0, id_switches=0, truth_masks=90)
    found = accuracy.means([first, nothing, second])
    assert (found["hota"], found["id_switches"]) == (70.5, 1.5)
    assert math.isnan(accuracy.means([nothing])["id_switches"])


def test_the_command_prints_and_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    arguments = ["--streets", "0", "--length", "2", "--set", "detector.input_width=128"]
    accuracy.main([*arguments, "--ablations", "--out", str(out)])
    printed = capsys.readouterr().out
    for row in ("street_0000  car", "streets  without motion map", "streets  without Kalman"):
        assert row in printed
    values = json.loads(out.read_text())
    assert values["parameters"]["detector.input_width"] == 128
    assert set(values["means"]["streets"]) == set(values["drives"][0]["scores"])

    with pytest.raises(SystemExit):
        accuracy.main([*arguments, "--out", str(out)])
    assert "not overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--weights=missing.safetensors", "missing.safetensors"),
        ("--set=detector.input_widht=128", "did you mean 'detector.input_width'"),
        ("--set=tracker.name=sort", "changes nothing"),
        ("--replicas=missing.txt", "missing.txt"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(
    argument: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        accuracy.main([argument])
    printed = capsys.readouterr().err
    assert exit_.value.code == 2
    assert said in printed and printed.count("\n") == 1


def test_without_the_motion_map_the_expected_place_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    kernels = torch.randn(3, parameter_count(16), generator=generator)
    features = torch.randn(16, 8, 8, generator=generator)
    here, there = torch.zeros(3, 2), torch.full((3, 2), 100.0)
    stripped = ablations.without_coordinates(kernels, 16)
    assert torch.equal(
        dynamic_network(features, stripped, here), dynamic_network(features, stripped, there)
    )
    weights = kernels.clone()[:, : 16 * 18].view(3, 16, 18)
    weights[:, :, :2] = 0
    assert torch.equal(stripped[:, : 16 * 18], weights.flatten(1))
    assert torch.equal(stripped[:, 16 * 18 :], kernels[:, 16 * 18 :])


def test_a_search_without_the_motion_map_is_not_led_astray() -> None:
    """A kernel that answers only ten cells right of where its standing car is expected."""
    w1, w2, w3, b1 = torch.zeros(16, 18), torch.eye(16), torch.zeros(16), torch.zeros(16)
    w1[0, 0], b1[0], w3[0] = -COORDINATE_SCALE, -9, 20
    kernel = torch.cat([w1.flatten(), w2.flatten(), w3, b1, torch.zeros(16), torch.tensor([-10.0])])
    ids = {}
    for kind in (SearchTracker, ablations.WithoutMotionMap):
        # Else the filter's box would count beside what misleads the search.
        tracker = kind(TrackerConfig(candidate_boxes="released"))
        for number in range(2):
            seen = observe(number, (8, 16, 32, 32))
            features = replace(seen.features, find=lambda: kernel.unsqueeze(0))
            ids[kind] = tracker.step(replace(seen, features=features)).ids.tolist()
    assert ids == {SearchTracker: [2], ablations.WithoutMotionMap: [1]}


@pytest.mark.parametrize(
    ("returns", "ids"),
    [((56, 16, 80, 32), {"with": 1, "without": 2}), ((24, 16, 48, 32), {"with": 2, "without": 1})],
    ids=["where motion leads", "where it was last seen"],
)
def test_without_kalman_objects_stand_where_they_were_last_seen(
    returns: tuple[int, int, int, int], ids: dict[str, int]
) -> None:
    """A car drives 8 pixels a frame, is hidden for three and returns."""
    config = TrackerConfig(min_affinity=0.2)
    trackers = {"with": SearchTracker(config), "without": ablations.WithoutKalman(config)}
    for name, tracker in trackers.items():
        for number in range(3):
            tracker.step(observe(number, (8 + 8 * number, 16, 32 + 8 * number, 32)))
        for number in range(3, 6):
            tracker.step(observe(number))
        assert tracker.step(observe(6, returns)).ids.tolist() == [ids[name]], name


def test_ap50_counts_as_by_hand() -> None:
    """Hit, miss, hit of two objects: precision 1 up to recall 0.5, then 2/3."""
    expected = 100 * (51 + 50 * 2 / 3) / 101
    overlaps = np.array([[0.8, 0, 0], [0.7, 0, 0], [0, 0.6, 0.9], [0, 0.4, 0.5]])
    case = real_frames.Case(np.array([0.9, 0.8, 0.7, 0.6]), overlaps, overlaps)
    found = real_frames.found([case], threshold=0.75)
    assert found.box_ap50 == found.mask_ap50 == pytest.approx(expected)
    assert (found.found, found.missed, found.wrong) == (1, 1, 1)
    assert found.mask_iou == pytest.approx(80)
    assert real_frames.found([case], threshold=0.5).mask_iou == pytest.approx(70)


def test_without_objects_there_is_no_precision() -> None:
    wrong = real_frames.Case(np.array([0.9]), np.zeros((1, 1)), np.zeros((1, 1)))
    nothing = real_frames.Case(np.zeros(0), np.zeros((0, 1)), np.zeros((0, 1)))
    found = real_frames.found([wrong, nothing], threshold=0.3)
    assert math.isnan(found.box_ap50)
    assert (found.found, found.missed, found.wrong) == (0, 0, 1)


def test_detections_between_ignored_corners_are_wrong() -> None:
    """The box around both corners is the whole image, but only what lies in one is ignored."""
    car, in_corner, between = (40, 16, 64, 32), (0, 0, 16, 16), (80, 32, 104, 48)
    instances = paint(SIZE, {1001: car}) + 10000 * (
        paint(SIZE, {1: (0, 0, 20, 20)}) + paint(SIZE, {1: (108, 44, 128, 64)})
    ).astype(np.uint16)
    observation = observe(0, in_corner, between, car)
    case = real_frames.case_of(observation, 0, objects_of(instances), "car")
    assert case.boxes == pytest.approx(np.array([[0, 1], [0, 0], [1, 0]]))
    assert case.masks == pytest.approx(case.boxes, abs=0.02)  # corners are rounded
    found = real_frames.found([case], threshold=0.3)
    assert (found.found, found.missed, found.wrong) == (1, 0, 1)
    assert found.box_ap50 == pytest.approx(50)


def test_tables_align_text_left_and_numbers_right() -> None:
    rows = [["drive", "HOTA"], ["a", cell(7.25)], ["b", cell(math.nan)]]
    assert table(rows, names=1) == ("drive  HOTA\n-----  ----\na       7.2\nb         -")
