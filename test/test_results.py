"""Results: what goes in comes out, and what the KITTI MOTS format cannot hold is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from box_worlds import annotation, paint, tracked_frame
from mots_ros.data.kitti_mots import instance_map
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.results import Results, pixel_values

SIZE = (20, 40)
NAMES = ("car", "pedestrian")


@st.composite
def rectangles(draw):
    ids = draw(st.lists(st.integers(1, 65535), unique=True, max_size=5))
    found = {}
    for track_id in ids:
        x, y = draw(st.integers(0, 35)), draw(st.integers(0, 15))
        width, height = draw(st.integers(1, 20)), draw(st.integers(1, 10))
        found[track_id] = (x, y, min(x + width, 40), min(y + height, 20))
    return found


@settings(max_examples=50, deadline=None)
@given(rectangles())
def test_a_frame_comes_back(found):
    results = Results(NAMES, SIZE)
    tracked = tracked_frame(SIZE, found, stamp_ns=7)
    results.add(3, tracked)
    back = results.tracked(3)
    assert np.array_equal(back.label_image, tracked.label_image)
    assert back.label_image.dtype == np.uint16
    assert np.array_equal(back.ids, tracked.ids)
    assert np.array_equal(back.detections.boxes, tracked.detections.boxes)
    assert back.stamp_ns == 7


@settings(max_examples=50, deadline=None)
@given(rectangles())
def test_the_annotation_has_the_same_masks(found):
    results = Results(NAMES, SIZE)
    tracked = tracked_frame(SIZE, found)
    results.add(0, tracked)
    reported, track_ids = results.annotation()
    instances = reported.instances(0)
    back = np.zeros_like(instances)
    for object_id, track_id in track_ids.items():
        back[instances == object_id] = track_id
    assert np.array_equal(back, tracked.label_image)


def test_object_ids_count_per_class_in_order_of_appearance():
    results = Results(NAMES, SIZE)
    results.add(0, tracked_frame(SIZE, {70: (0, 0, 5, 5)}, label=0))
    results.add(1, tracked_frame(SIZE, {9: (0, 0, 5, 5)}, label=1))
    results.add(2, tracked_frame(SIZE, {70: (0, 0, 5, 5), 12: (9, 9, 12, 12)}, label=0))
    reported, track_ids = results.annotation()
    assert track_ids == {1001: 70, 2001: 9, 1002: 12}
    assert {f: [item.object_id for item in found] for f, found in reported.frames.items()} == {
        0: [1001],
        1: [2001],
        2: [1001, 1002],
    }


def test_classes_are_found_by_name():
    results = Results(("bicycle", "pedestrian", "car"), SIZE)
    for frame in range(3):
        results.add(frame, tracked_frame(SIZE, {frame + 1: (0, 0, 5, 5)}, label=frame))
    reported, _ = results.annotation()
    assert {f: found[0].class_id for f, found in reported.frames.items()} == {1: 2, 2: 1}


def test_a_tracker_without_known_classes_is_refused():
    with pytest.raises(EvaluationError, match=r"car, pedestrian; .* bicycle, dog"):
        Results(("bicycle", "dog"), SIZE)


def test_objects_without_pixels_are_left_out():
    results = Results(NAMES, SIZE)
    results.add(0, tracked_frame(SIZE, {1: (0, 0, 5, 5), 2: (0, 0, 6, 6)}))
    reported, track_ids = results.annotation()
    assert list(track_ids.values()) == [2]
    assert np.array_equal(instance_map(reported.frames[0], SIZE), paint(SIZE, {1001: (0, 0, 6, 6)}))
    assert results.tracked(0).ids.tolist() == [1, 2]


def test_ids_beyond_the_label_image_find_their_pixels():
    tracked = tracked_frame(SIZE, {65535: (0, 0, 5, 5), 1: (10, 10, 15, 15)})
    tracked.ids[:] = (65535, 65536)
    results = Results(NAMES, SIZE)
    results.add(0, tracked)
    reported, track_ids = results.annotation()
    assert track_ids == {1001: 65535, 1002: 65536}
    assert reported.instances(0)[12, 12] == 1002
    assert np.array_equal(results.tracked(0).label_image, tracked.label_image)


def test_pixel_values_wrap_past_zero():
    assert pixel_values(np.array([1, 65535, 65536, 131071])).tolist() == [1, 65535, 1, 1]


def test_frames_without_result_are_empty():
    results = Results(NAMES, SIZE)
    results.add(4, tracked_frame(SIZE, {1: (0, 0, 5, 5)}))
    assert 4 in results
    assert 3 not in results
    assert len(results) == 1
    assert len(results.tracked(3).ids) == 0
    assert not results.tracked(3).label_image.any()


def test_a_second_result_for_a_frame_is_refused():
    results = Results(NAMES, SIZE)
    results.add(4, tracked_frame(SIZE, {}))
    with pytest.raises(EvaluationError, match="frame 4"):
        results.add(4, tracked_frame(SIZE, {}))


def test_another_size_is_refused():
    with pytest.raises(EvaluationError, match=r"frame 2: .* 20 x 40 .* found 10 x 10"):
        Results(NAMES, SIZE).add(2, tracked_frame((10, 10), {}))


def test_a_class_may_have_999_tracks():
    results = Results(NAMES, SIZE)
    for frame in range(999):
        results.add(frame, tracked_frame(SIZE, {frame + 1: (0, 0, 1, 1)}))
    assert len(results.annotation()[1]) == 999
    results.add(999, tracked_frame(SIZE, {1000: (0, 0, 1, 1)}))
    with pytest.raises(EvaluationError, match="999 tracks"):
        results.annotation()


def test_no_objects_make_an_empty_annotation():
    results = Results(NAMES, SIZE)
    results.add(0, tracked_frame(SIZE, {}))
    assert results.annotation() == (annotation(SIZE, [{}]), {})
