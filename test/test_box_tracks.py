"""Boxes as text of KITTI tracking and MOT Challenge: what is read, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mots_ros.data.box_tracks import BoxTracks, is_wanted, kitti_from_mot, read_kitti, read_mot
from mots_ros.data.kitti_mots import AnnotationError

PLACE = "1.5 1.6 3.9 -10.0 1.8 20.5 -1.57"
CAR = f"0 3 Car 0 1 -1.57 100.0 50.5 180.0 110.5 {PLACE}"
REGION = f"0 -1 DontCare -1 -1 -10 500.0 150.0 520.0 160.0 {PLACE}"
GOOD_KITTI = f"{CAR}\n{REGION}\n{REGION}\n2 4 Pedestrian 0 0 0 10 20 30 60 {PLACE}\n"
GOOD_MOT = "2,1,912,484,97,109,0,7,1\n1,1,900,480,97,109,1,1,0.86\n1,2,10,20,30,40,1,1,1\n"


def text_file(folder: Path, text: str) -> Path:
    path = folder / "tracks.txt"
    path.write_text(text)
    return path


def test_kitti_lines_are_kept_by_frame(tmp_path: Path) -> None:
    tracks = read_kitti(text_file(tmp_path, GOOD_KITTI), is_truth=True, length=3)
    assert list(tracks.frames) == [0, 2]
    assert [" ".join(("0", *line)) for line in tracks.frames[0]] == [CAR, REGION, REGION]


def test_kitti_results_may_have_scores_and_the_long_name_of_a_person(tmp_path: Path) -> None:
    line = f"0 3 Person_sitting 0 0 0 10 20 30 60 {PLACE} 0.75"
    (read,) = read_kitti(text_file(tmp_path, line), is_truth=False).frames[0]
    assert (read[1], read[-1]) == ("Person", "0.75")


def test_all_kitti_results_have_a_score_or_none(tmp_path: Path) -> None:
    path = text_file(tmp_path, f"{CAR}\n{CAR.replace('0 3', '1 3', 1)} 0.5\n")
    with pytest.raises(AnnotationError, match=r":2: expected 17 .* all lines\), found 18"):
        read_kitti(path, is_truth=False)


@pytest.mark.parametrize(
    ("line", "is_kitti", "expected"),
    [
        (CAR, True, True),
        (REGION, True, False),
        (CAR.replace("Car", "Cyclist"), True, False),
        ("1,3,4,5,6,7,1,1,0.3", False, True),
        ("1,3,4,5,6,7,0,1,0.3", False, False),
        ("1,3,4,5,6,7,1,7,0.3", False, False),
        ("1,3,4,5,6,7,1,-15.4,-3.4,0", False, True),
    ],
)
def test_what_results_should_have(line: str, is_kitti: bool, expected: bool) -> None:
    fields = tuple(line.split() if is_kitti else line.split(","))
    assert is_wanted(fields[1:], is_kitti) is expected


def test_mot_frames_count_from_one_and_come_in_any_order(tmp_path: Path) -> None:
    tracks = read_mot(text_file(tmp_path, GOOD_MOT), is_truth=True, length=2)
    assert list(tracks.frames) == [0, 1]
    assert tracks.frames[1] == (("1", "912", "484", "97", "109", "0", "7", "1"),)


def test_a_file_without_objects_is_one(tmp_path: Path) -> None:
    assert read_mot(text_file(tmp_path, ""), is_truth=False) == BoxTracks({})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 3 Car 0 0 -1.57 1 2 3 4", "expected 17 fields (frame id type truncated"),
        (f"{CAR} 0.5", "found 18"),
        (CAR.replace("Car", "Boat"), "expected one of Car, Van, Truck, Pedestrian"),
        (CAR.replace("180.0", "nan"), "expected a finite number, found 'nan'"),
        (CAR.replace("180.0", "1e999"), "expected a finite number"),
        (CAR.replace("180.0", "90"), "expected left < right and top < bottom, found 100.0 50.5 90"),
        (CAR.replace("0 3", "0.5 3", 1), "expected frame as a whole number, found '0.5'"),
        (CAR.replace("0 3", "0 x", 1), "expected a finite number, found 'x'"),
        (CAR.replace("0 3", "-1 3", 1), "expected frames 0 to 4 of the sequence, found frame -1"),
        (CAR.replace("0 3", "5 3", 1), "expected frames 0 to 4 of the sequence, found frame 5"),
        (CAR, "expected every id once a frame, found Car 3 again, which line 1 has"),
        ("", "found 0"),
    ],
)
def test_a_wrong_kitti_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = text_file(tmp_path, f"{GOOD_KITTI}{line}\n")
    with pytest.raises(AnnotationError) as caught:
        read_kitti(path, is_truth=True, length=5)
    assert str(caught.value).startswith(f"{path}:5: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,3,4,5,6,7,1,1", "in all lines as many, found 8"),
        ("1,3,4,5,6,7,1,1,1,1", "found 10"),
        ("1,3,4,5,0,7,1,1,1", "expected a width and height above 0, found 0 and 7"),
        ("1,3,4,5,inf,7,1,1,1", "expected a finite number, found 'inf'"),
        ("1,3,4,5,6,7,1,14,1", "expected a class out of 1, 2,"),
        ("0,3,4,5,6,7,1,1,1", "expected frames that count from 1, found frame 0"),
        ("1,-1,4,5,6,7,1,1,1", "expected an id from 0 on, found -1"),
        ("1,2,4,5,6,7,1,3,1", "expected every id once a frame, found 2 again, which line 3 has"),
        ("1 3 4 5 6 7 1 1 1", "found 1"),
    ],
)
def test_a_wrong_mot_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = text_file(tmp_path, f"{GOOD_MOT}{line}\n")
    with pytest.raises(AnnotationError) as caught:
        read_mot(path, is_truth=True)
    assert str(caught.value).startswith(f"{path}:4: ")
    assert message in str(caught.value)


def test_mot_results_are_of_pedestrians_and_have_a_confidence(tmp_path: Path) -> None:
    read_mot(text_file(tmp_path, "1,3,4,5,6,7,0.5,-1,-1,-1\n"), is_truth=False)
    read_mot(text_file(tmp_path, "1.0,3.0,4,5,6,7,0.5\n"), is_truth=False)
    with pytest.raises(AnnotationError, match="expected a class out of -1, 1, found 3"):
        read_mot(text_file(tmp_path, "1,3,4,5,6,7,0.5,3,-1,-1\n"), is_truth=False)
    with pytest.raises(AnnotationError, match="at least 7 fields .*, found 6"):
        read_mot(text_file(tmp_path, "1,3,4,5,6,7\n"), is_truth=False)


def test_the_first_year_had_no_classes(tmp_path: Path) -> None:
    line = "1,3,4,5,6,7,1,-15.4,-3.4,0\n"
    assert len(read_mot(text_file(tmp_path, line), is_truth=True).frames[0]) == 1


def test_mot_results_as_kitti_s(tmp_path: Path) -> None:
    cars = read_mot(text_file(tmp_path, "3,7,11,21,30,40,0.5000,-1,-1,-1\n"), is_truth=False)
    tracks = kitti_from_mot({"car": cars, "elephant": cars})
    line = "7 Car -1 -1 -10 10.00 20.00 40.00 60.00 -1 -1 -1 -1000 -1000 -1000 -10 0.5"
    assert tracks == BoxTracks({2: (tuple(line.split()),)})


@given(st.text(max_size=60) | st.lists(st.sampled_from([CAR, REGION, "1,2,3,4,5,6,7,1,1"])))
def test_any_text_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, text: str | list[str]
) -> None:
    text = text if isinstance(text, str) else "\n".join(text)
    path = tmp_path_factory.mktemp("any") / "tracks.txt"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    for read in (read_kitti, read_mot):
        for is_truth in (False, True):
            try:
                read(path, is_truth=is_truth)
            except AnnotationError as error:
                assert str(path) in str(error)
