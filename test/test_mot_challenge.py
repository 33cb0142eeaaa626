"""MOT Challenge text: what is written comes back, and a wrong line is named."""

from pathlib import Path

import numpy as np
import pytest

from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.data.mot_challenge import read_boxes, write_tracks


def test_boxes_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "det.txt"
    file.write_text("1,-1,1,1,10,20,0.9\n3,-1,5.5,7,2,3,1,-1,-1,-1\n\n1,-1,4,4,1,1\n")
    boxes = read_boxes(file)
    assert sorted(boxes) == [0, 2]
    np.testing.assert_array_equal(boxes[0], [[0, 0, 10, 20], [3, 3, 4, 4]])
    np.testing.assert_array_equal(boxes[2], [[4.5, 6, 6.5, 9]])


def test_tracks_come_back(tmp_path: Path) -> None:
    file = tmp_path / "tracks.txt"
    box = np.array([-3.25, 8.5, 40, 100.75], np.float32)
    flat = np.array([5, 8.5, 5.004, 100], np.float32)
    write_tracks(file, [(0, 7, box, 0.5), (0, 8, flat, 0.5)])
    assert file.read_text() == "1,7,-2.25,9.50,43.25,92.25,0.5000,-1,-1,-1\n"
    np.testing.assert_allclose(read_boxes(file)[0], [box])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,-1,2,3", "expected frame,id,left,top,width,height"),
        ("1 -1 2 3 4 5", "expected frame,id,left,top,width,height"),
        ("0,-1,2,3,4,5", "a whole frame number from 1 on"),
        ("1.5,-1,2,3,4,5", "a whole frame number from 1 on"),
        ("1,-1,nan,3,4,5", "finite"),
        ("1,-1,2,3,0,5", "width and height above 0, found 0 and 5"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "det.txt"
    file.write_text(f"1,-1,1,1,10,20,0.9\n{line}\n")
    with pytest.raises(AnnotationError, match=rf"det\.txt, line 2: .*{message}"):
        read_boxes(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"none\.txt: cannot be read"):
        read_boxes(tmp_path / "none.txt")
