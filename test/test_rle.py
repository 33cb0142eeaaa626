"""Run-length strings: what they say is what the mask shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mots_ros.data.rle import (
    RleError,
    box_of,
    covered,
    decode,
    encode,
    iou,
    run_lengths,
    spans,
)

SIZE = (4, 6)

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))
pairs_of_masks = arrays.arrays(
    np.bool_, st.tuples(st.just(2), st.integers(1, 9), st.integers(1, 9))
)


def rectangle(x1: int, y1: int, x2: int, y2: int) -> bytes:
    mask = np.zeros(SIZE, bool)
    mask[y1:y2, x1:x2] = True
    return encode(mask)


@given(masks)
def test_runs_are_those_of_the_mask(mask: np.ndarray) -> None:
    runs = run_lengths(encode(mask), mask.size)
    values = np.arange(len(runs)) % 2 == 1
    np.testing.assert_array_equal(np.repeat(values, runs), mask.ravel("F"))


@given(st.binary(max_size=12) | st.lists(st.integers(48, 111), max_size=12).map(bytes))
def test_a_string_that_passes_decodes_to_its_runs(rle: bytes) -> None:
    try:
        runs = run_lengths(rle, 144)
    except RleError:
        return
    decoded = decode(rle, (12, 12))
    np.testing.assert_array_equal(np.repeat(np.arange(len(runs)) % 2, runs), decoded.ravel("F"))


def test_overlaps_by_hand() -> None:
    # 2 x 3 and 3 x 2 pixels, which share 2 of 10; the third touches neither.
    a, b, apart = rectangle(0, 0, 3, 2), rectangle(2, 0, 4, 3), rectangle(4, 3, 6, 4)
    np.testing.assert_allclose(iou([a, apart], [a, b], SIZE), [[1, 0.2], [0, 0]])
    inside = rectangle(1, 0, 3, 1)
    np.testing.assert_allclose(covered([a, inside], [a, b], SIZE), [[1, 1 / 3], [1, 0.5]])


def test_overlaps_of_nothing() -> None:
    some, empty, also_empty = rectangle(0, 0, 3, 2), rectangle(0, 0, 0, 0), b"h00"
    for overlap in (iou, covered):
        assert overlap([], [some, some], SIZE).shape == (0, 2)
        assert overlap([some], [], SIZE).shape == (1, 0)
        assert not overlap([some, empty, also_empty], [empty, also_empty], SIZE).any()
        assert not overlap([empty, also_empty], [some], SIZE).any()


@given(pairs_of_masks)
def test_overlaps_are_those_of_the_masks(pair: np.ndarray) -> None:
    a, b = pair
    rles, size = ([encode(a)], [encode(b)]), a.shape
    shared = np.count_nonzero(a & b)
    assert iou(*rles, size) == pytest.approx(shared / max(np.count_nonzero(a | b), 1))
    assert covered(*rles, size) == pytest.approx(shared / max(np.count_nonzero(a), 1))


def test_spans_by_hand() -> None:
    starts, ends = spans(rectangle(1, 1, 3, 3), 24)
    assert starts.tolist() == [5, 9]
    assert ends.tolist() == [7, 11]


@pytest.mark.parametrize(
    ("rle", "box"),
    [
        (rectangle(1, 2, 5, 3), (1, 2, 5, 3)),
        (rectangle(0, 0, 6, 4), (0, 0, 6, 4)),
        (rectangle(2, 0, 3, 4), (2, 0, 3, 4)),
        (rectangle(0, 0, 0, 0), None),
        (b"h00", None),  # runs 24, 0
        (b"00h0", None),  # runs 0, 0, 24
        (b"3022?", (1, 1, 2, 3)),  # runs 3, 0, 2, 2, 17
    ],
)
def test_boxes_by_hand(rle: bytes, box: tuple[int, int, int, int] | None) -> None:
    assert box_of(rle, SIZE) == box


@given(masks)
def test_the_box_is_tight(mask: np.ndarray) -> None:
    box = box_of(encode(mask), mask.shape)
    if box is None:
        assert not mask.any()
    else:
        rows, columns = np.nonzero(mask)
        assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_the_box_of_a_wrong_size_is_refused() -> None:
    with pytest.raises(RleError, match="fill 20 pixels, found 24"):
        box_of(rectangle(0, 0, 1, 1), (4, 5))
