"""Who covers whom, in cases that can be seen at a glance."""

from box_worlds import annotation
from mots_ros.evaluation.matching import FrameMatches, IdSwitch, id_switches, match, object_name

SIZE = (40, 100)
CAR = (10, 10, 30, 20)


def matches_of(truth, results):
    (found,) = match(annotation(SIZE, [truth]), annotation(SIZE, [results]), 1)
    return found


def test_more_than_half_of_the_union_covers():
    # 10 rows: 20 against 14 columns is an IoU of 0.7, against 10 columns of 0.5.
    assert matches_of({1001: CAR}, {1007: (10, 10, 24, 20)}).pairs == {1001: 1007}
    half = matches_of({1001: CAR}, {1007: (10, 10, 20, 20)})
    assert half == FrameMatches({}, (1001,), (1007,))


def test_classes_do_not_match_each_other():
    assert matches_of({1001: CAR}, {2001: CAR}) == FrameMatches({}, (1001,), (2001,))


def test_results_in_ignore_regions_are_no_false_alarms():
    truth = {10000: (50, 0, 100, 40)}
    assert matches_of(truth, {1001: (60, 5, 80, 15)}).false_alarms == ()
    mostly_outside = (30, 5, 60, 15)
    assert matches_of(truth, {1001: mostly_outside}).false_alarms == (1001,)


def test_ignore_regions_are_no_objects():
    assert matches_of({10000: CAR}, {}) == FrameMatches({}, (), ())


def test_empty_frames():
    assert matches_of({1001: CAR}, {}) == FrameMatches({}, (1001,), ())
    assert matches_of({}, {1001: CAR}) == FrameMatches({}, (), (1001,))
    assert (
        match(annotation(SIZE, [{1001: CAR}]), annotation(SIZE, [{}]), 3)[1:]
        == [FrameMatches({}, (), ())] * 2
    )


def test_a_switch_is_counted_over_a_gap_and_back():
    found = [
        FrameMatches({1001: 1001}, (), ()),
        FrameMatches({}, (1001,), ()),
        FrameMatches({1001: 1002}, (), ()),
        FrameMatches({1001: 1002}, (), ()),
        FrameMatches({1001: 1001}, (), ()),
    ]
    assert id_switches(found) == [IdSwitch(2, 1001, 1001, 1002), IdSwitch(4, 1001, 1002, 1001)]


def test_an_id_that_changes_its_object_is_no_switch_of_a_new_object():
    found = [FrameMatches({1001: 1005}, (), ()), FrameMatches({1002: 1005}, (), ())]
    assert id_switches(found) == []


def test_names():
    assert object_name(1003) == "car 3"
    assert object_name(2000) == "pedestrian 0"
