"""Photographs become short drives: the window stays inside, and its frames fit together."""

from __future__ import annotations

import functools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mots_ros.core.types import Image, LabelImage
from mots_ros.data.filmed import FilmedPhoto


def load(height: int, width: int) -> tuple[Image, LabelImage]:
    """A photo whose colours tell the place, wholly covered by objects that tell the row."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows % 256, columns % 256, np.full_like(rows, 200)], axis=2).astype(np.uint8)
    return image, (1001 + rows).astype(np.uint16)


def film(height: int, width: int, name: str = "photo", **options: float) -> FilmedPhoto:
    return FilmedPhoto(name, functools.partial(load, height, width), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("photo", "frame"),
    [
        ((360, 480), (216, 480)),
        ((480, 640), (288, 640)),
        ((640, 480), (216, 480)),
        ((100, 400), (100, 400)),
        ((1, 1), (1, 1)),
    ],
)
def test_frames_are_as_wide_as_the_photo(photo: tuple[int, int], frame: tuple[int, int]) -> None:
    shown = next(iter(film(*photo)))
    assert shown.frame.image.shape == (*frame, 3)
    assert shown.instances.shape == frame
    assert (shown.frame.image.dtype, shown.instances.dtype) == (np.uint8, np.uint16)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.text(max_size=3), st.floats(0, 1))
def test_the_window_never_leaves_the_photo(
    height: int, width: int, name: str, centre: float
) -> None:
    for shown in film(height, width, name, centre=centre):
        # Outside of the photo there would be 0, which the last row and column may have a share of.
        assert (shown.instances >= 1001).all()
        assert (shown.frame.image[:-1, :-1, 2] == 200).all()


def test_image_and_objects_show_the_same_place() -> None:
    for shown in film(200, 240):
        rows = shown.instances.astype(int) - 1001
        assert np.abs(rows - shown.frame.image[..., 0]).max() <= 1


def test_the_window_is_around_its_centre_and_moves() -> None:
    def top_of(centre: float, frame: int) -> float:
        drives = [list(film(960, 480, f"{k}", centre=centre)) for k in range(8)]
        return float(np.median([d[frame].instances.astype(int).mean() - 1001 for d in drives]))

    assert abs(top_of(0.3, 0) - 0.3 * 960) < 20
    assert abs(top_of(0.7, 0) - 0.7 * 960) < 20
    first, *_, last = film(200, 240)
    assert (first.frame.image != last.frame.image).mean() > 0.1


def test_the_way_grows_with_the_photo() -> None:
    def middles(width: int) -> np.ndarray:
        drive = film(width, width)
        return np.array([item.instances.astype(float).mean() - 1000.5 for item in drive])

    np.testing.assert_allclose(middles(480), 3 * middles(160), atol=6)


def test_a_name_is_a_drive() -> None:
    once, again, other = (list(film(90, 120, name)) for name in ("one", "one", "two"))
    assert len(once) == len(film(90, 120)) == 6
    assert [item.frame.stamp_ns for item in once] == [k * 10**8 for k in range(6)]
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a.frame.image, b.frame.image)
        np.testing.assert_array_equal(a.instances, b.instances)
    assert (once[0].frame.image != other[0].frame.image).any()
    assert len(list(film(90, 120, length=2))) == 2


def test_drives_travel_light() -> None:
    drive = film(900, 1200)
    sent = pickle.dumps(drive)
    assert len(sent) < 1000
    assert next(iter(pickle.loads(sent))).frame.size == (540, 1200)
    assert drive.class_names == ("car", "pedestrian")
