"""The KITTI MOTS text format: exact round trips, and a clear error for every malformed line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from box_worlds import annotation as world
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import Annotation, AnnotationError, MaskObject, ObjectIds
from mots_ros.data.rle import encode

SHARED = Path(os.environ.get("MOTS_SHARED", Path(__file__).parents[2] / "shared"))
REAL = SHARED / "data" / "kitti_mots" / "instances_txt"

LEFT = np.zeros((4, 6), bool)
LEFT[1:3, 0:2] = True
RIGHT = np.zeros((4, 6), bool)
RIGHT[:, 4:6] = True
LEFT_RLE = encode(LEFT).decode()
RIGHT_RLE = encode(RIGHT).decode()
GOOD = f"0 1000 1 4 6 {LEFT_RLE}\n0 2003 2 4 6 {RIGHT_RLE}\n7 1000 1 4 6 {LEFT_RLE}\n"


def parse(text: str) -> Annotation:
    return kitti_mots.parse(text.encode("utf-8", "surrogatepass"), "drive.txt")


def test_a_small_file_by_hand() -> None:
    annotation = parse(GOOD)
    assert annotation.size == (4, 6)
    assert list(annotation.frames) == [0, 7]
    assert [(o.object_id, o.class_id) for o in annotation.frames[0]] == [(1000, 1), (2003, 2)]
    expected = np.where(LEFT, 1000, np.where(RIGHT, 2003, 0))
    np.testing.assert_array_equal(annotation.instances(0), expected)
    assert annotation.instances(0).dtype == np.uint16
    assert not annotation.instances(3).any()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"0 1000 1 4 {LEFT_RLE}", "expected 6 fields (frame, id, class, height, width, RLE)"),
        ("", "found 0"),
        (f"0 1000 1 4 6 {LEFT_RLE} 0.9", "found 7"),
        (f"-1 1000 1 4 6 {LEFT_RLE}", "expected frame as an integer of at most nine digits"),
        (f"1.0 1000 1 4 6 {LEFT_RLE}", "found '1.0'"),
        (f"\u0661 1000 1 4 6 {LEFT_RLE}", "expected frame as an integer"),
        (f"{'9' * 5000} 1000 1 4 6 {LEFT_RLE}", "expected frame as an integer"),
        (f"8 1000 2 4 6 {LEFT_RLE}", "expected an id from 2000 to 2999 for class 2"),
        (f"8 2000 1 4 6 {LEFT_RLE}", "expected an id from 1000 to 1999 for class 1"),
        (f"8 10000 1 4 6 {LEFT_RLE}", "expected an id from 1000 to 1999"),
        (f"8 10001 10 4 6 {LEFT_RLE}", "expected an id from 10000 to 10000"),
        (f"8 3000 3 4 6 {LEFT_RLE}", "expected class 1 (car), 2 (pedestrian) or 10 (ignored)"),
        (f"8 7 0 4 6 {LEFT_RLE}", "found 0"),
        (f"8 1000 1 0 6 {LEFT_RLE}", "found 0 x 6"),
        (f"8 1000 1 99999 99999 {LEFT_RLE}", "found 99999 x 99999"),
        (f"8 1000 1 6 4 {LEFT_RLE}", "expected the image size (4, 6) of line 1, found (6, 4)"),
        (f"6 1001 1 4 6 {RIGHT_RLE}", "in ascending order, found frame 6 after frame 7"),
        ("8 1000 1 4 6 1", "expected runs that fill 24 pixels, found 1"),
        ("8 1000 1 4 6 :O", "expected run lengths of at least 0"),
        ("8 1000 1 4 6 PPP", "the last run length is incomplete"),
        ("8 1000 1 4 6 PPPPPPPPP0", "expected run lengths of at most 6 characters"),
        ("8 1000 1 4 6 h~0", "found '~' at position 1"),
        (f"7 1000 1 4 6 {RIGHT_RLE}", "found 1000 again, which line 3 has"),
        (f"7 1001 1 4 6 {LEFT_RLE}", "overlaps the object of line 3 in frame 7"),
    ],
)
def test_a_malformed_line_is_named(line: str, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        parse(GOOD + line + "\n")
    assert str(caught.value).startswith("drive.txt:4: ")
    assert message in str(caught.value)


def test_what_is_known_of_the_sequence_is_checked_line_by_line() -> None:
    text = GOOD.encode()
    assert kitti_mots.parse(text, "drive.txt", size=(4, 6), length=8) == parse(GOOD)
    with pytest.raises(AnnotationError, match=r"drive.txt:1: .*\(4, 7\) of the sequence"):
        kitti_mots.parse(text, "drive.txt", size=(4, 7))
    with pytest.raises(AnnotationError, match=r"drive.txt:3: .*frames 0 to 6 .* found frame 7"):
        kitti_mots.parse(text, "drive.txt", length=7)
    assert kitti_mots.parse(b"", "drive.txt", size=(4, 6)) == Annotation((4, 6), {})


def test_frames_may_count_from_one(tmp_path: Path) -> None:
    text = f"1 2003 2 4 6 {RIGHT_RLE}\n8 2003 2 4 6 {LEFT_RLE}\n".encode()
    annotation = kitti_mots.parse(text, "gt.txt", first_frame=1)
    assert list(annotation.frames) == [0, 7]
    kitti_mots.write(tmp_path / "gt.txt", annotation, first_frame=1)
    assert (tmp_path / "gt.txt").read_bytes() == text
    with pytest.raises(AnnotationError, match="gt.txt:1: .*count from 1, found frame 0"):
        kitti_mots.parse(GOOD.encode(), "gt.txt", first_frame=1)
    with pytest.raises(AnnotationError, match="gt.txt:2: .*frames 1 to 7 .* found frame 8"):
        kitti_mots.parse(text, "gt.txt", first_frame=1, length=7)


def test_an_empty_file_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="expected at least one object"):
        parse("")
    with pytest.raises(AnnotationError, match=r"absent\.txt: cannot read it: No such file"):
        kitti_mots.read(tmp_path / "absent.txt")


printable = st.characters(min_codepoint=0x20, max_codepoint=0x7F)
almost_lines = st.lists(
    st.tuples(
        st.sampled_from(["0", "1", "-1", "x"]),
        st.sampled_from(["1000", "1001", "2000", "10000", "5"]),
        st.sampled_from(["1", "2", "10"]),
        st.sampled_from(["4", "0", "6"]),
        st.sampled_from(["6", "5"]),
        st.sampled_from([LEFT_RLE, RIGHT_RLE, "h0"]) | st.text(printable, max_size=8),
    ).map(" ".join),
    max_size=5,
).map("\n".join)


@given(st.text(max_size=40) | almost_lines)
def test_any_text_parses_or_is_refused_in_words(text: str) -> None:
    try:
        annotation = parse(text)
    except AnnotationError as error:
        assert str(error).startswith("drive.txt:")
    else:
        for frame in annotation.frames:
            annotation.instances(frame)


instance_maps = arrays.arrays(
    np.uint16,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 1000, 1999, 2000, 2345, 10000]),
)


@given(instance_maps)
def test_instance_maps_survive_the_round_trip(instances: np.ndarray) -> None:
    objects = kitti_mots.objects_of(instances)
    np.testing.assert_array_equal(kitti_mots.instance_map(objects, instances.shape), instances)


@given(st.dictionaries(st.integers(0, 99), instance_maps.filter(np.any), min_size=1, max_size=4))
def test_files_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, drive: dict[int, np.ndarray]
) -> None:
    size = next(iter(drive.values())).shape
    frames = {
        number: kitti_mots.objects_of(np.resize(drive[number], size)) for number in sorted(drive)
    }
    frames = {number: objects for number, objects in frames.items() if objects}
    if not frames:
        return
    path = tmp_path_factory.mktemp("round") / "drive.txt"
    annotation = Annotation(size, frames)
    kitti_mots.write(path, annotation)
    assert kitti_mots.read(path) == annotation


def test_an_instance_map_with_a_stray_value_is_refused() -> None:
    with pytest.raises(ValueError, match="found 17"):
        kitti_mots.objects_of(np.full((2, 2), 17, np.uint16))


def test_tracks_are_numbered_densely_until_the_format_runs_out() -> None:
    ids = ObjectIds()
    assert [ids.of(1, 70_000), ids.of(2, 70_000), ids.of(1, 5), ids.of(1, 70_000)] == [
        1001,
        2001,
        1002,
        1001,
    ]
    for track in range(3, 1000):
        ids.of(1, 100_000 + track)
    with pytest.raises(ValueError, match=r"class 1 has more than 999 tracks.*track 42"):
        ids.of(1, 42)
    assert ids.of(2, 43) == 2002


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no KITTI MOTS annotations at {REAL}")
def test_the_real_annotations_survive_the_round_trip(tmp_path: Path) -> None:
    paths = sorted(REAL.glob("*.txt"))
    assert len(paths) == 12
    for path in paths:
        annotation = kitti_mots.read(path)
        kitti_mots.write(tmp_path / path.name, annotation)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        frame = next(iter(annotation.frames))
        objects = sorted(annotation.frames[frame], key=lambda item: item.object_id)
        assert kitti_mots.objects_of(annotation.instances(frame)) == tuple(objects)


def test_an_object_is_what_the_line_says() -> None:
    assert parse(GOOD).frames[7] == (MaskObject(1000, 1, LEFT_RLE.encode()),)


def test_the_objects_of_some_classes() -> None:
    whole = world((20, 30), [{1001: (0, 0, 5, 5), 2001: (9, 0, 12, 9)}, {1001: (0, 0, 5, 5)}])
    people = whole.only(("pedestrian",))
    assert {frame: [one.object_id for one in found] for frame, found in people.frames.items()} == {
        0: [2001]
    }
    assert whole.only(("car", "pedestrian")) == whole
