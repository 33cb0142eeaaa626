"""The association benchmark: the same detections for all, a name for each of them, scores."""

import json
import pickle
import sys
from collections.abc import Hashable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from box_worlds import Rectangles, annotation
from mots_ros.config import Config, DetectorConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import IGNORE_ID, Annotation
from mots_ros.evaluation import damage
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import score

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import association
import linkers
import linking
import peers
from given_objects import GivenObjects

SIZE = (64, 128)
LETTERBOX = Letterbox.contain(SIZE, SIZE)
SETTINGS = Config().with_values(linkers.AT_ONCE).tracker


def parade(length: int) -> Annotation:
    """A car and a pedestrian that cross."""
    frames: list[Rectangles] = [
        {1001: (8 + 4 * i, 16, 32 + 4 * i, 32), 2001: (60 - 2 * i, 36, 68 - 2 * i, 60)}
        for i in range(length)
    ]
    return annotation(SIZE, frames)


def observe(frame: Frame, sets: list[Detections]) -> list[Observation[Any]]:
    def seen(detections: Detections) -> Observation[Any]:
        return Observation(frame, LETTERBOX, lambda: detections, None)

    return list(map(seen, sets))


def observation(number: int, *boxes: tuple[int, ...], label: int = 0) -> Observation[Any]:
    detections = Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.full(len(boxes), label, np.int64),
    )
    return observe(frame_of(number), [detections])[0]


def frame_of(number: int) -> Frame:
    return Frame(number * 10**8, "", np.zeros((*SIZE, 3), np.uint8))


class Forgetful:
    """Takes every detection for a new object."""

    def __init__(self) -> None:
        self.seen: list[Detections] = []

    def step(self, observation: Observation[Any]) -> Sequence[Hashable]:
        self.seen.append(observation.detections)
        return [object() for _ in range(len(observation.detections))]


class ByOrder:
    """Takes the first detection always for one object, the second for another."""

    def step(self, observation: Observation[Any]) -> Sequence[Hashable]:
        return list(range(len(observation.detections)))


def test_scores_differ_by_the_linking_alone() -> None:
    truth = parade(length=4)
    forgetful: list[Forgetful] = []

    def make() -> Forgetful:
        forgetful.append(Forgetful())
        return forgetful[-1]

    makers = {"by order": ByOrder, "forgetful": make}
    answers, seconds = linking.link(
        map(frame_of, range(4)), {0.0: truth, 0.5: truth}, makers, observe
    )
    assert set(answers) == set(seconds) == {(r, name) for r in (0.0, 0.5) for name in makers}
    assert len(forgetful) == 2
    np.testing.assert_array_equal(forgetful[0].seen[1].boxes, [[12, 16, 36, 32], [58, 36, 66, 60]])
    assert forgetful[0].seen[1].labels.tolist() == [0, 1]
    good, bad = (score(truth, answers[0.0, name], 4)["pedestrian"] for name in makers)
    assert (good.det_a, good.ass_a, good.id_switches) == (pytest.approx(100),) * 2 + (0,)
    assert (bad.det_a, bad.ass_a, bad.id_switches) == (pytest.approx(100), pytest.approx(25), 3)


def test_more_tracks_than_the_format_has_ids_can_be_scored() -> None:
    truth = annotation(SIZE, [{1001: (8, 16, 32, 32)}] * 1200)
    answers, _ = linking.link(map(frame_of, range(1200)), {0.0: truth}, {"x": Forgetful}, observe)
    assert score(truth, answers[0.0, "x"], 1200)["car"].id_switches == 1199


def test_ignore_regions_are_no_detections() -> None:
    truth = annotation(SIZE, [{1001: (8, 16, 32, 32), IGNORE_ID: (60, 0, 90, 20)}])
    undamaged = linking.Damage(burst=1, false_alarms=0, jitter=0, seed=0)
    detected = undamaged.detections(truth, [0.0, 1.0], length=1)
    assert [item.object_id for item in detected[0.0].frames[0]] == [1001]
    assert detected[1.0].frames == {}


def test_damage_is_what_was_asked_for() -> None:
    truth = parade(length=10)
    asked = linking.Damage(burst=5, false_alarms=1, jitter=0.2, seed=1)
    detected = asked.detections(truth, [0.5], length=10)[0.5]
    left = damage.miss(truth, 0.5, seed=1, burst=5)
    assert left != truth
    ids = [{item.object_id for item in detected.frames.get(i, ())} for i in range(10)]
    for frame in range(10):
        expected = {item.object_id for item in left.frames.get(frame, ())}
        assert ids[frame] & {1001, 2001} == expected
    assert len(set().union(*ids)) > 4
    assert not any(set(left.frames[frame]) & set(detected.frames[frame]) for frame in left.frames)


@pytest.mark.parametrize("name", ["sort", "iou"])
def test_our_trackers_follow_what_they_are_given(name: str) -> None:
    truth = parade(length=8)
    makers = {name: linkers.makers(SETTINGS)[name]}
    answers, _ = linking.link(map(frame_of, range(8)), {0.0: truth}, makers, observe)
    scores = score(truth, answers[0.0, name], 8)
    assert scores["car"].ass_a == scores["pedestrian"].ass_a == pytest.approx(100)


def test_plain_iou_does_not_expect_motion() -> None:
    """A car drives 8 pixels a frame, is hidden for three frames, and returns where SORT waits."""
    names = {}
    for name in ("sort", "iou"):
        linker = linkers.makers(SETTINGS)[name]()
        for number in range(3):
            places = linker.step(observation(number, (8 + 8 * number, 16, 32 + 8 * number, 32)))
        for number in range(3, 6):
            assert list(linker.step(observation(number))) == []
        names[name] = places == linker.step(observation(6, (56, 16, 80, 32)))
    assert names == {"sort": True, "iou": False}


def test_plain_iou_keeps_to_its_settings() -> None:
    box = (8, 16, 32, 32)
    linker = linkers.PlainIou(TrackerConfig(max_misses=2))
    (first,) = linker.step(observation(0, box))
    linker.step(observation(1))
    linker.step(observation(2))
    (again,) = linker.step(observation(3, box))
    for number in range(4, 7):
        linker.step(observation(number))
    (late,) = linker.step(observation(7, box))
    (other,) = linker.step(observation(8, box, label=1))
    assert first == again and len({again, late, other}) == 3


def test_kernels_are_read_where_the_objects_are() -> None:
    config = DetectorConfig(input_width=128)
    look = GivenObjects(config)
    image = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)
    letterbox = Letterbox.contain(SIZE, SIZE)
    boxes = np.array([[11, 19, 35, 35], [120, 56, 140, 90]], np.float32)  # one beyond the corner
    sets = [
        Detections(boxes[chosen], np.full(len(chosen), 0.9, np.float32), np.zeros(len(chosen), int))
        for chosen in ([0, 1], [])
    ]
    both, nothing = look(Frame(0, "", image), sets)
    assert both.letterbox == letterbox and both.detections is sets[0]
    shared, maps = look._runner.look(image, letterbox)
    x, y = torch.tensor([5, 31]), torch.tensor([6, 15])
    expected = look._runner.net.search_kernels(shared, torch.zeros_like(x), y, x)
    torch.testing.assert_close(both.features.kernels, expected)
    torch.testing.assert_close(both.features.search, maps.search[0])
    assert nothing.features.kernels.shape == (0, expected.shape[1])


class Numbered:
    """A peer that counts on."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def step(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Sequence[Hashable]:
        assert len(boxes) == len(scores)
        self.steps.append(len(boxes))
        return [f"at {left:.0f}" for left in boxes[:, 0]]


def test_every_class_has_a_peer_of_its_own() -> None:
    made: list[Numbered] = []

    def make() -> Numbered:
        made.append(Numbered())
        return made[-1]

    linker = peers.PerClass(make, 2)
    detections = Detections(
        np.array([[5, 0, 9, 9], [5, 0, 9, 9], [7, 0, 9, 9]], np.float32),
        np.full(3, 0.9, np.float32),
        np.array([1, 0, 1]),
    )
    seen = observe(frame_of(0), [detections])[0]
    assert list(linker.step(seen)) == [(1, "at 5"), (0, "at 5"), (1, "at 7")]
    linker.step(observation(1, label=0))
    assert [peer.steps for peer in made] == [[1, 0], [2, 0]]


class Disordered:
    """Answers as the package `trackers` does: reordered, new tracks without an id, by width."""

    def __init__(self, frame_rate: float, minimum_consecutive_frames: int) -> None:
        assert (frame_rate, minimum_consecutive_frames) == (10.0, 1)
        self.tracks: list[SimpleNamespace] = []

    def update(self, detections: Any) -> Any:
        widths = detections.xyxy[:, 2] - detections.xyxy[:, 0]
        known = {track.width: track for track in self.tracks}
        order = np.argsort([width not in known for width in widths], kind="stable")
        ids = []
        for width in widths[order]:
            track = known.get(width)
            if track is None:
                self.tracks.append(Track(width))
            elif track.tracker_id == -1:
                track.tracker_id = sum(other.tracker_id != -1 for other in self.tracks)
            ids.append(-1 if track is None else track.tracker_id)
        places = detections.data["place"][order]
        return SimpleNamespace(data={"place": places}, tracker_id=np.array(ids, int))


class Track:
    def __init__(self, width: float) -> None:
        self.width, self.tracker_id = width, -1


def test_the_detection_that_begins_a_track_gets_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    trackers, supervision = ModuleType("trackers"), ModuleType("supervision")
    trackers.SORTTracker = Disordered  # type: ignore[attr-defined]
    supervision.Detections = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trackers", trackers)
    monkeypatch.setitem(sys.modules, "supervision", supervision)
    peer = peers.makers(10.0)["trackers-sort"]()

    def step(*widths: int) -> Sequence[Hashable]:
        boxes = np.array([(0, 0, width, 9) for width in widths], np.float32).reshape(-1, 4)
        return peer.step(boxes, np.full(len(boxes), 0.9, np.float32))

    first = step(4, 7)
    assert len(set(first)) == 2
    assert step() == []
    later = step(9, 7, 5, 4)
    assert [later[3], later[1]] == first
    assert len(set(later)) == 4
    assert [step(5, 9)[place] for place in (0, 1)] == [later[2], later[0]]


@pytest.mark.parametrize("name", peers.PACKAGES)
def test_peers_follow_what_they_are_given(name: str) -> None:
    if name not in peers.versions(None):
        pytest.skip(f"{peers.PACKAGES[name]} is not installed: {peers.INSTALL}")
    truth = parade(length=8)
    make = peers.makers(10.0)[name]
    answers, _ = linking.link(
        map(frame_of, range(8)), {0.0: truth}, {name: lambda: peers.PerClass(make, 2)}, observe
    )
    scores = score(truth, answers[0.0, name], 8)
    assert scores["car"].ass_a == scores["pedestrian"].ass_a == pytest.approx(100)


def test_the_command_prints_and_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("0001", "0002", "0003"):
        kitti_mots.write(tmp_path / f"{name}.txt", parade(length=6))
    arguments = [*map(str, sorted(tmp_path.glob("*.txt"))), "--misses", "0.5", "0"]
    arguments += ["--trackers", "iou", "sort", "--length", "4", "--held-out", "0002"]
    out, plot = tmp_path / "scores.json", tmp_path / "curves.png"
    association.main([*arguments, "--out", str(out), "--plot", str(plot)])
    printed = capsys.readouterr().out
    for text in ("Held out (0002; 4 frames)", "The others (0001, 0003; 8", "All sequences"):
        assert text in printed
    assert "class       tracker  AssA 0%   50%  IDF1 0%   50%" in printed
    assert "car         sort       100.0" in printed
    assert "car         perfect    100.0" in printed
    values = json.loads(out.read_text())
    assert values["damage"] == {"burst": 1, "false_alarms": 0, "jitter": 0, "seed": 0}
    runs = values["combined"]["held out"]
    assert [(run["misses"], run["tracker"]) for run in runs] == [
        *((0, "sort"), (0, "iou"), (0.5, "sort"), (0.5, "iou")),
        *((0, "perfect"), (0.5, "perfect")),
    ]
    assert runs[0]["scores"]["car"]["IDF1"] == 100
    assert values["combined"]["all sequences"][0]["scores"]["car"]["GT_Dets"] == 12
    assert runs[2]["scores"] == values["sequences"]["0002"]["runs"][2]["scores"]
    assert plot.read_bytes().startswith(b"\x89PNG")

    for option in ("--out", "--plot"):
        with pytest.raises(SystemExit):
            association.main([*arguments, option, str(plot)])
        assert "not overwritten" in capsys.readouterr().err
        with pytest.raises(SystemExit):
            association.main([*arguments, option, str(tmp_path / "absent" / "plot.png")])
        assert "absent: expected a folder for plot.png" in capsys.readouterr().err


def test_work_can_be_sent_to_another_process() -> None:
    setup = linking.Setup([0.0], linking.Damage(1, 0, 0, 0), ["iou"], Config())
    work = partial(linking.measure_sequence, setup=setup)
    recorded = linking.Recorded(Path("0001.txt"), parade(length=2))
    sent_work, sent = pickle.loads(pickle.dumps((work, recorded)))
    ticks: list[int] = []
    measured = sent_work(sent, lambda: ticks.append(1))
    assert len(ticks) == 2
    assert pickle.loads(pickle.dumps(measured)).seconds == measured.seconds


def test_searchtrack_sees_replicas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kitti_mots.write(tmp_path / "0001.txt", parade(length=2))
    arguments = ["--trackers", "searchtrack", "--misses", "0", "--set", "detector.input_width=128"]
    association.main([str(tmp_path / "0001.txt"), *arguments])
    printed = capsys.readouterr().out
    assert "car         searchtrack" in printed and "searchtrack_light.safetensors" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.txt"], "missing.txt"),
        (["0001.txt", "0001.txt"], "every sequence once, found 0001 again"),
        (["0001.txt", "--misses", "1.5"], "a share from 0 to 1, found '1.5'"),
        (["0001.txt", "--misses", "some"], "a share from 0 to 1, found 'some'"),
        (["0001.txt", "--jitter", "nan"], "a fraction from 0 to 0.5, found 'nan'"),
        (["0001.txt", "--burst", "0"], "a whole number from 1 on, found '0'"),
        (["0001.txt", "--false-alarms", "-1"], "a number from 0 to 1000, found '-1'"),
        (["0001.txt", "--held-out", "0002"], "expected some of 0001, found 0002"),
        (["0001.txt", "--trackers", "sorta"], "invalid choice: 'sorta'"),
        (["0001.txt", "--set", "tracker.confirm_hits=3"], "changes nothing"),
    ],
)
def test_what_cannot_be_used_is_named(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    kitti_mots.write("0001.txt", parade(length=2))
    with pytest.raises(SystemExit) as exit_:
        association.main(arguments)
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


def test_objects_later_than_the_length_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kitti_mots.write(tmp_path / "0001.txt", annotation(SIZE, [{}, {1001: (8, 16, 32, 32)}]))
    with pytest.raises(SystemExit):
        association.main([str(tmp_path / "0001.txt"), "--length", "1"])
    assert "expected objects in the first 1 frames" in capsys.readouterr().err


def test_peers_that_are_not_installed_are_left_out_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(package: str) -> str:
        if package == "trackers":
            raise peers.metadata.PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(peers.metadata, "version", version)
    assert peers.versions(None) == {"norfair": "1.0"}
    with pytest.raises(EvaluationError, match="trackers-sort needs trackers, which is not inst"):
        peers.versions(["norfair", "trackers-sort"])
