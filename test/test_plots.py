"""The plot of tracks over time."""

import cv2
import numpy as np

from mots_ros.evaluation.matching import FrameMatches
from mots_ros.evaluation.palette import colour_of
from mots_ros.evaluation.plots import Stretch, save_tracks_plot, stretches

COVERED = FrameMatches({1001: 1004}, (), ())
MISSED = FrameMatches({}, (1001,), ())
GONE = FrameMatches({}, (), ())


def test_stretches_split_at_misses_switches_and_absence():
    other = FrameMatches({1001: 1009}, (), ())
    lives = stretches([GONE, COVERED, COVERED, MISSED, COVERED, other, GONE, other])
    assert lives == {
        1001: [
            Stretch(1, 3, 1004),
            Stretch(3, 4, None),
            Stretch(4, 5, 1004),
            Stretch(5, 6, 1009),
            Stretch(7, 8, 1009),
        ]
    }


def test_rows_are_by_class_then_by_first_appearance():
    first = FrameMatches({2001: 2001, 1009: 1001}, (), ())
    second = FrameMatches({1002: 1002}, (2000,), ())
    assert list(stretches([first, second])) == [1009, 1002, 2001, 2000]


def test_no_objects_no_rows():
    assert stretches([GONE]) == {}


def test_bars_have_the_colours_of_their_tracks(tmp_path):
    path = tmp_path / "tracks.png"
    other = FrameMatches({1001: 1005}, (), (1006,))
    save_tracks_plot(path, "a drive", [COVERED] * 10 + [other] * 10, {1004: 3, 1005: 6})
    pixels = _read(path).reshape(-1, 3)
    areas = [(pixels == colour_of(track_id)).all(axis=1).sum() for track_id in (3, 6)]
    assert min(areas) > 1000
    assert abs(areas[0] - areas[1]) < 0.2 * areas[0]  # they cover equally long


def test_misses_and_switches_are_visible(tmp_path):
    plots = []
    for middle in (COVERED, MISSED, FrameMatches({1001: 1005}, (), ())):
        path = tmp_path / "tracks.png"
        save_tracks_plot(path, "a drive", [COVERED, middle, COVERED], {1004: 3, 1005: 3})
        plots.append(_read(path))
    assert (plots[0] != plots[1]).any()
    assert (plots[0] != plots[2]).any()  # by its marks: both ids have one colour here


def test_frames_without_result_are_marked(tmp_path):
    save_tracks_plot(tmp_path / "a.png", "a drive", [MISSED] * 4, {})
    save_tracks_plot(tmp_path / "b.png", "a drive", [MISSED] * 4, {}, unanswered=[2])
    assert (_read(tmp_path / "a.png") != _read(tmp_path / "b.png")).any()


def test_a_name_is_no_formula(tmp_path):
    save_tracks_plot(tmp_path / "tracks.png", r"$\frac$: tracks", [GONE] * 3, {})
    assert _read(tmp_path / "tracks.png").std() > 0


def test_a_drive_without_objects_can_be_plotted(tmp_path):
    save_tracks_plot(tmp_path / "tracks.png", "a drive", [GONE] * 3, {})
    assert _read(tmp_path / "tracks.png").std() > 0


def _read(path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
