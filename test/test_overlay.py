"""The overlay: what it paints, and what it leaves alone."""

import numpy as np
import pytest

from box_worlds import tracked_frame
from mots_ros.evaluation.overlay import contours, draw, draw_masks
from mots_ros.evaluation.palette import colour_of

SIZE = (100, 200)
BOX = (50, 40, 90, 80)
GREY = np.full((*SIZE, 3), 120, np.uint8)
NAMES = ("car", "pedestrian")


def test_an_empty_frame_is_a_copy():
    drawn = draw(GREY, tracked_frame(SIZE, {}), NAMES)
    assert np.array_equal(drawn, GREY)
    assert drawn is not GREY


def test_the_image_itself_stays_as_it_is():
    image = GREY.copy()
    draw(image, tracked_frame(SIZE, {1: BOX}), NAMES)
    assert np.array_equal(image, GREY)


@pytest.mark.parametrize(
    ("opacity", "expected"),
    [(0.0, (120, 120, 120)), (0.5, (175, 139, 60)), (1.0, (230, 159, 0))],
)
def test_masks_are_blended(opacity, expected):
    drawn = draw(GREY, tracked_frame(SIZE, {1: BOX}), NAMES, opacity)
    assert np.abs(drawn[60, 70].astype(int) - expected).max() <= 1


def test_every_object_has_its_colour():
    canvas = GREY.copy()
    draw_masks(canvas, tracked_frame(SIZE, {7: BOX, 300: (120, 40, 150, 80)}).label_image, 1.0)
    assert tuple(canvas[60, 70]) == colour_of(7)
    assert tuple(canvas[60, 130]) == colour_of(300)


def test_nothing_is_painted_far_from_objects():
    drawn = draw(GREY, tracked_frame(SIZE, {1: BOX}), NAMES)
    changed = np.argwhere((drawn != GREY).any(axis=2))
    # Above the box stands its caption; otherwise paint stays inside.
    assert changed[:, 0].min() >= 40 - 20
    assert changed[:, 0].max() == 79
    assert changed[:, 1].min() == 50


def test_the_box_has_the_track_s_colour():
    tracked = tracked_frame(SIZE, {3: BOX})
    tracked.label_image[:] = 0
    drawn = draw(GREY, tracked, NAMES)
    assert {tuple(pixel) for pixel in drawn[79, 50:90]} == {colour_of(3)}
    assert {tuple(pixel) for pixel in drawn[40:80, 89]} == {colour_of(3)}


def test_contours_are_the_outermost_pixels():
    labels = np.zeros((8, 8), np.uint16)
    labels[2:6, 2:6] = 1
    expected = labels != 0
    expected[3:5, 3:5] = False
    assert np.array_equal(contours(labels), expected)


def test_contours_run_between_touching_objects():
    labels = np.zeros((6, 8), np.uint16)
    labels[:, :4] = 1
    labels[:, 4:] = 2
    assert contours(labels).nonzero()[1].tolist() == [3, 4] * 6


@pytest.mark.parametrize(
    "box", [(0, 0, 20, 20), (180, 0, 200, 100), (-30, -30, 230, 130), (199, 99, 200, 100)]
)
def test_objects_at_the_border_have_a_caption_inside(box):
    tracked = tracked_frame(SIZE, {1: (0, 0, 0, 0)})
    tracked.detections.boxes[:] = box
    drawn = draw(GREY, tracked, NAMES)
    caption = (drawn == colour_of(1)).all(axis=2)
    assert drawn.shape == GREY.shape
    assert caption.sum() > 400


def test_captions_of_neighbours_do_not_cover_each_other():
    boxes = {1: (50, 50, 60, 90), 2: (55, 50, 65, 90)}
    one = draw(GREY, tracked_frame(SIZE, {1: boxes[1]}), NAMES, opacity=0)
    both = draw(GREY, tracked_frame(SIZE, boxes), NAMES, opacity=0)
    visible = [(picture == colour_of(1)).all(axis=2)[:50].sum() for picture in (one, both)]
    assert visible[1] == pytest.approx(visible[0], rel=0.1)


def test_a_caption_names_class_and_id():
    """Other text, other pixels."""
    pictures = [
        draw(GREY, tracked_frame(SIZE, {track_id: BOX}, label=label), NAMES)
        for track_id, label in ((1, 0), (1, 1), (22, 0))
    ]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    assert colour_of(1) == colour_of(22)
