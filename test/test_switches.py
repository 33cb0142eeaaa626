"""Which id switches are worst, and the strips of pictures that show them."""

import cv2
import numpy as np

from box_worlds import annotation
from mots_ros.core.types import Frame
from mots_ros.evaluation.matching import FrameMatches, IdSwitch, match
from mots_ros.evaluation.palette import colour_of
from mots_ros.evaluation.switch_pictures import save_worst_switches, shown_frames
from mots_ros.evaluation.switches import worst_switches

SIZE = (120, 320)
LONG, LARGE, SMALL, FLICKER = 1001, 1002, 2003, 2004
WHERE = {
    LONG: (10, 20, 60, 60),
    LARGE: (70, 20, 130, 80),
    SMALL: (150, 20, 160, 40),
    FLICKER: (200, 20, 240, 100),
}
TRUTH = annotation(SIZE, [WHERE] * 20)
TRACKS = {1001: 4, 1002: 5, 1003: 1, 1004: 7, 2001: 8, 2002: 9, 2003: 12, 2004: 13}


def reported_ids(frame: int) -> dict[int, int]:
    """The result on each object: which changes in the middle, near the end, or for one frame."""
    return {
        LONG: 1001 if frame < 9 else 1002,
        LARGE: 1003 if frame < 17 else 1004,
        SMALL: 2001 if frame < 3 else 2002,
        FLICKER: 2004 if frame == 12 else 2003,
    }


REPORTED = annotation(
    SIZE, [{reported_ids(i)[item]: box for item, box in WHERE.items()} for i in range(20)]
)


def drive() -> list[tuple[int, Frame]]:
    image = np.full((*SIZE, 3), 100, np.uint8)
    return [(i, Frame(i * 10**8, "camera", image)) for i in range(20)]


def save(folder, frames, reported=REPORTED, truth=TRUTH, most=6):
    matches = match(truth, reported, 20)
    return save_worst_switches(folder, frames, truth, reported, matches, TRACKS, most)


def read(path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def close_to(picture: np.ndarray, colour) -> int:
    """Pixels of a colour, as far as JPEG keeps it."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < 24).sum())


def test_what_is_broken_in_the_middle_comes_first():
    worst = worst_switches(match(TRUTH, REPORTED, 20), TRUTH, 10)
    found = [(item.switch.object_id, item.frames_before, item.frames_after) for item in worst]
    # Three frames each for LARGE and SMALL; FLICKER switches there and back, and counts once.
    assert found == [(LONG, 9, 11), (LARGE, 17, 3), (SMALL, 3, 17), (FLICKER, 12, 1)]
    assert [item.broken for item in worst] == [9, 3, 3, 1]
    assert worst[1].area == 60 * 60


def test_no_more_than_wanted():
    assert len(worst_switches(match(TRUTH, REPORTED, 20), TRUTH, 2)) == 2


def test_frames_around_a_switch():
    old, new, missed, gone = (
        FrameMatches({1001: 1004}, (), ()),
        FrameMatches({1001: 1005}, (), ()),
        FrameMatches({}, (1001,), ()),
        FrameMatches({}, (), ()),
    )
    matches = [old] * 5 + [gone] + [missed] * 6 + [new] * 6
    assert shown_frames(IdSwitch(12, 1001, 1004, 1005), matches) == [3, 4, 6, 9, 12, 13, 14]
    matches = [old, missed, gone, new]
    assert shown_frames(IdSwitch(3, 1001, 1004, 1005), matches) == [0, 1, 3]


def test_pictures_are_named_by_rank(tmp_path):
    files = save(tmp_path / "switches", drive(), most=3)
    assert [path.name for path in files] == [
        "1_frame000009_car_1.jpg",
        "2_frame000017_car_2.jpg",
        "3_frame000003_pedestrian_3.jpg",
    ]
    assert all(path.is_file() for path in files)


def test_a_strip_shows_the_object_under_both_ids(tmp_path):
    first, *_ = save(tmp_path, drive(), most=1)
    picture = read(first)
    tiles = np.array_split(picture, 5, axis=1)  # two before the switch, two after it
    areas = [[close_to(tile, colour_of(track_id)) for track_id in (4, 5)] for tile in tiles]
    for place, (old, new) in enumerate(areas):
        seen, absent = (old, new) if place < 2 else (new, old)
        assert seen > 300  # the plate of its caption
        assert absent < 50
    assert close_to(picture, (255, 255, 255)) > 5 * 200  # the outline


def test_a_result_that_went_elsewhere_is_tinted_there(tmp_path):
    ids = [{LONG: 1001 if i < 9 else 1002, LARGE: 1003 if i < 9 else 1001} for i in range(20)]
    reported = annotation(
        SIZE, [{found[item]: WHERE[item] for item in (LONG, LARGE)} for found in ids]
    )
    switches = save(tmp_path, drive(), reported, most=2)
    (path,) = [path for path in switches if "car_1" in path.name]
    before, _, _, after, _ = np.array_split(read(path), 5, axis=1)
    tints = [np.array([100, 100, 100]) * 0.6 + 0.4 * np.array(colour_of(i)) for i in (4, 5, 1)]
    taken, new, _ = (close_to(after, tint) for tint in tints)
    assert min(taken, new) > 500  # id 4 has gone to the neighbour
    assert close_to(before, tints[2]) < 50  # whose own id does not matter here


def test_the_drive_is_read_no_further_than_needed(tmp_path):
    read_frames = []

    def frames():
        for number, frame in drive():
            read_frames.append(number)
            yield number, frame

    save(tmp_path, frames(), most=1)
    assert read_frames == list(range(12))  # the switch is in frame 9


def test_a_drive_may_lack_frames(tmp_path):
    whole, cut = (read(save(tmp_path, images, most=1)[0]) for images in (drive(), drive()[:8]))
    assert cut.shape == whole.shape[:1] + (240, 3)  # one tile: frame 7
    assert save(tmp_path, drive()[:7], most=1) == []


def test_without_switches_nothing_is_read_or_written(tmp_path):
    def frames():
        raise AssertionError("read")
        yield

    steady = annotation(SIZE, [{1001: WHERE[LONG]}] * 20)
    assert save(tmp_path / "switches", frames(), steady) == []
    assert not (tmp_path / "switches").exists()


def test_objects_as_large_as_the_image(tmp_path):
    boxes = [{1001: (0, 0, 320, 120)}] * 20
    truth = annotation(SIZE, boxes)
    ids = [1001] * 10 + [1002] * 10
    reported = annotation(SIZE, [{i: (0, 0, 320, 120)} for i in ids])
    (path,) = save(tmp_path, drive(), reported, truth)
    assert close_to(read(path), colour_of(5)) > 300
