"""The tune command: what it searches, what it writes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from box_worlds import annotation
from mots_ros.commands import tune
from mots_ros.commands.search_range import SearchRange
from mots_ros.config import load_config
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import DeferredMasks, WindowedMasks
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.data import kitti_mots
from mots_ros.data.bags import write_drive
from mots_ros.parameter import ConfigError

SIZE = (48, 96)
LETTERBOX = Letterbox.contain(SIZE, (64, 96))
LENGTH = 4


class Waiting:
    """Sees one car that never moves, with a score that falls, each frame when the next is there."""

    class_names = ("car", "pedestrian")
    runner = head = None

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._waiting: Frame | None = None

    def __call__(self, frame: Frame) -> list[Observation[None]]:
        finished = self.finish()
        self._waiting = frame
        return finished

    def finish(self) -> list[Observation[None]]:
        if self._waiting is None:
            return []
        frame, self._waiting = self._waiting, None
        self.seen.append(frame.stamp_ns)
        masks = np.zeros((1, *LETTERBOX.map_size), np.float32)
        masks[0, 6:12, 5:15] = 1
        boxes = LETTERBOX.map_to_image(np.array([[5.0, 6, 15, 12]], np.float32))
        score = np.array([0.8 - 0.1 * len(self.seen)], np.float32)
        whole = WindowedMasks.whole(masks)
        deferred = DeferredMasks(lambda chosen: whole[chosen], 1, masks.shape[1:])
        found = Detections(boxes, score, np.zeros(1, np.int64), deferred)
        return [Observation(frame, LETTERBOX, lambda: found, None)]

    def forget(self) -> None:
        self._waiting = None


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    waiting = Waiting()
    monkeypatch.setattr(tune, "build_detector", lambda config: waiting)
    monkeypatch.setattr(tune, "build_head", lambda *_: None)
    return waiting


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    image = np.full((*SIZE, 3), 100, np.uint8)
    write_drive(tmp_path / "drive", [Frame(i * 10**8, "camera", image) for i in range(LENGTH)])
    boxes = [{1004: (20, 16, 60, 40)} for _ in range(LENGTH)]
    kitti_mots.write(tmp_path / "drive.txt", annotation(SIZE, boxes))
    return tmp_path / "drive"


def test_what_was_seen_is_remembered_without_the_maps_that_masks_come_from(
    detector: Waiting, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []
    of = tune.RecordedDrive.of

    def kept(*given: Any) -> Any:
        recorded.append(of(*given))
        return recorded[-1]

    monkeypatch.setattr(tune.RecordedDrive, "of", kept)
    run(drive, tmp_path / "out.yaml", "--search", "tracker.max_misses=1..3", "--trials", "1")
    (known,) = recorded
    assert len(known.observations) == LENGTH
    assert {type(seen.detections.masks) for seen in known.observations} == {WindowedMasks}


def run(drive: Path, out: Path, *more: str) -> None:
    truth = drive.with_suffix(".txt")
    given = [drive, "--gt", truth, "--set", "tracker.name=sort", "--out", out, *more]
    tune.main([str(argument) for argument in given])


def test_every_truth_is_read_before_the_detector_looks(
    drive: Path, tmp_path: Path, detector: Waiting, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "drive.txt").write_bytes(drive.with_suffix(".txt").read_bytes())
    (tmp_path / "gt" / "other.txt").write_text("0 1001 1 nonsense\n")
    drive.with_name("other").mkdir()
    write_drive(tmp_path / "more" / "other", [Frame(0, "camera", np.zeros((*SIZE, 3), np.uint8))])
    given = [drive, tmp_path / "more" / "other", "--gt", tmp_path / "gt", *BIRTH]
    with pytest.raises(SystemExit):
        tune.main([*map(str, given), "--out", str(tmp_path / "out.yaml")])
    assert "other.txt:1" in capsys.readouterr().err
    assert detector.seen == []


@pytest.mark.parametrize("more", [("--seed", "-1"), ("--trials", "0")])
def test_numbers_that_cannot_be(
    drive: Path, tmp_path: Path, more: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(drive, tmp_path / "tuned.yaml", *BIRTH, *more)
    assert "expected a whole number from" in capsys.readouterr().err


BIRTH = ("--search", "tracker.birth_threshold=0.5..0.9")


def test_the_best_of_all_trials_is_written(
    drive: Path, tmp_path: Path, detector: Waiting, capsys: pytest.CaptureFixture[str]
) -> None:
    """The car, whose first score is 0.7, starts a track below that threshold alone."""
    out = tmp_path / "tuned.yaml"
    high = ("--set", "tracker.birth_threshold=0.95")
    run(drive, out, *high, "--search", "tracker.max_misses=2..9", *BIRTH, "--trials", "8")
    assert detector.seen == [i * 10**8 for i in range(LENGTH)]
    config = load_config(out)
    assert config.tracker.name == "sort"
    assert 0.5 <= config.tracker.birth_threshold < 0.7
    assert 2 <= config.tracker.max_misses <= 9
    assert config.detector.threads == 0
    said = out.read_text().splitlines()[0]
    assert said.startswith("# HOTA ") and "on drive, 0.00 before: the best of 8 trials" in said
    assert str(out) in capsys.readouterr().out


def test_a_seed_gives_the_same_trials(drive: Path, tmp_path: Path, detector: Waiting) -> None:
    texts = []
    for number, seed in enumerate(["1", "1", "2"]):
        detector.seen.clear()
        out = tmp_path / f"{number}.yaml"
        run(
            drive,
            out,
            *BIRTH,
            "--set",
            "tracker.birth_threshold=0.95",
            "--seed",
            seed,
            "--trials",
            "3",
        )
        texts.append(out.read_text())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_nothing_better_leaves_what_was(drive: Path, tmp_path: Path, detector: Waiting) -> None:
    run(
        drive,
        tmp_path / "tuned.yaml",
        "--search",
        "tracker.birth_threshold=0.8..1",
        "--trials",
        "3",
    )
    assert load_config(tmp_path / "tuned.yaml").tracker.birth_threshold == 0.45


def test_an_interrupt_ends_with_the_best_so_far(
    drive: Path, tmp_path: Path, detector: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    build: Callable[..., Any] = tune.build_tracker
    trials: Iterator[int] = iter(range(4))

    def interrupted(*arguments: object) -> Any:
        if next(trials, None) is None:
            raise KeyboardInterrupt
        return build(*arguments)

    monkeypatch.setattr(tune, "build_tracker", interrupted)
    run(drive, tmp_path / "tuned.yaml", *BIRTH)
    assert "the best of 3 trials" in (tmp_path / "tuned.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "classes", "kind", "low", "high"),
    [
        ("tracker.min_affinity=0.1..0.9", 2, float, 0.1, 0.9),
        ("tracker.max_misses=3..5", 2, int, 3, 5),
        ("tracker.search_peak_window=3..7", 2, int, 3, 7),
        ("tracker.trackrcnn.mask_threshold=0.25..1", 3, tuple, 0.25, 1),
    ],
)
def test_values_are_drawn_from_the_whole_range(
    text: str, classes: int, kind: type, low: float, high: float
) -> None:
    rng = np.random.default_rng(0)
    drawn = [SearchRange.parse(text).draw(rng, classes) for _ in range(300)]
    assert {type(value) for value in drawn} == {kind}
    if kind is tuple:
        assert {len(value) for value in drawn} == {classes}
        drawn = [number for value in drawn for number in value]
    assert low <= min(drawn) <= low + 0.05 and high - 0.05 <= max(drawn) <= high
    if "window" in text:
        assert set(drawn) == {3, 5, 7}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracker.max_mises=1..2", "did you mean 'tracker.max_misses'?"),
        ("detector.score_threshold=0.1..0.2", "expected a numeric parameter of a tracker"),
        ("tracker.name=1..2", "expected a numeric parameter of a tracker"),
        ("tracker.max_misses=3", "expected NAME=LOW..HIGH"),
        ("tracker.max_misses=1..2.5", "'tracker.max_misses' must be int, not 2.5"),
        ("tracker.min_affinity=0.5..2", r"'tracker.min_affinity' must be in \[0.0, 1.0\], not 2.0"),
        ("tracker.trackrcnn.mask_threshold=..1", "mask_threshold' must be float, not None"),
        ("tracker.min_affinity=0.5..0.5", "expected the smaller value first"),
    ],
)
def test_ranges_that_are_none_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SearchRange.parse(text)


def test_a_file_is_not_overwritten(
    drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tuned.yaml"
    out.write_text("mine")
    with pytest.raises(SystemExit) as ended:
        run(drive, out, *BIRTH)
    assert ended.value.code == 2 and out.read_text() == "mine"
    assert capsys.readouterr().err == f"tune: error: {out} exists; it is not overwritten\n"


def test_boxes_are_no_ground_truth(
    drive: Path, tmp_path: Path, detector: Waiting, capsys: pytest.CaptureFixture[str]
) -> None:
    drive.with_suffix(".txt").write_text("1,1,10,10,20,20,1,-1,-1,-1\n")
    with pytest.raises(SystemExit):
        run(drive, tmp_path / "tuned.yaml", *BIRTH)
    assert "drive: expected images, and masks as ground truth" in capsys.readouterr().err
