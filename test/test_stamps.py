"""Times of frames: the ways to write one down."""

from pathlib import Path

import pytest

from mots_ros.data.drives import DriveError
from mots_ros.data.stamps import read_stamps

STAMP = 1317042145_964389445


@pytest.mark.parametrize(
    "line",
    [
        "2011-09-26 13:02:25.964389445",
        "1317042145.964389445",
        "1317042145964389445",
        "1317042145 964389445",
        " 1317042145, 964389445 ",
    ],
)
def test_every_way_gives_the_same_nanoseconds(tmp_path: Path, line: str) -> None:
    (tmp_path / "times.txt").write_text(f"0\n{line}\n")
    assert read_stamps(tmp_path / "times.txt") == [0, STAMP]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5\nsoon\n", "times.txt:2: expected a time like 2011-09-26"),
        ("5\n\n", "times.txt:2: expected a time like"),
        ("5\n5\n", "times.txt:2: expected a later time"),
        ("5\n4\n", "times.txt:2: expected a later time"),
        ("1e9\n", "times.txt:1: expected a time like"),
        ("", "times.txt: expected a line for every frame"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "times.txt").write_text(text)
    with pytest.raises(DriveError, match=message):
        read_stamps(tmp_path / "times.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DriveError, match="nothing.txt: cannot read it"):
        read_stamps(tmp_path / "nothing.txt")
