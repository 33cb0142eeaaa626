"""Overlaps of masks, counted by hand."""

from __future__ import annotations

import numpy as np

from mots_ros.core import mask_overlap


def strip(*pixels: int) -> list[list[bool]]:
    return [[column in pixels for column in range(6)]]


A = np.array([strip(0, 1, 2, 3), strip(4), strip()])
B = np.array([strip(2, 3, 4), strip(0, 1, 2, 3, 4, 5)])


def test_iou_by_hand() -> None:
    np.testing.assert_allclose(mask_overlap.iou(A, B), [[2 / 5, 4 / 6], [1 / 3, 1 / 6], [0, 0]])
    assert mask_overlap.iou(A, A)[2, 2] == 0


def test_iom_by_hand() -> None:
    np.testing.assert_allclose(mask_overlap.iom(A, B), [[2 / 3, 1], [1, 1], [0, 0]])


def test_nobody() -> None:
    assert mask_overlap.iom(A, B[:0]).shape == (3, 0)
    assert mask_overlap.iou(A[:0], B).shape == (0, 2)


def test_many_masks_as_counted_one_by_one() -> None:
    masks = np.random.default_rng(0).random((9, 7, 11)) > 0.6
    shared = (masks[:, None] & masks[None]).sum(axis=(2, 3))
    union = (masks[:, None] | masks[None]).sum(axis=(2, 3))
    np.testing.assert_allclose(mask_overlap.iou(masks, masks), shared / union)


def test_masks_move_and_leave_the_map() -> None:
    masks = np.array([[[1, 1, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 1]]], bool)
    there = mask_overlap.moved(masks, np.array([[1, 0], [-1, -1]]))
    np.testing.assert_array_equal(there[0], [[0, 1, 1], [0, 0, 1]])
    np.testing.assert_array_equal(there[1], [[0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(mask_overlap.moved(masks, np.zeros((2, 2), np.int64)), masks)
    assert mask_overlap.moved(masks[:0], np.zeros((0, 2), np.int64)).shape == (0, 2, 3)
