"""Galleries of embeddings, by hand."""

from __future__ import annotations

import numpy as np

from mots_ros.core.galleries import extended, similarity


def test_the_first_five_and_the_latest_five_remain() -> None:
    gallery = np.full((1, 2), 0, np.float32)
    for number in range(1, 13):
        gallery = extended(gallery, np.full(2, number, np.float32))
    assert gallery[:, 0].tolist() == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]


def test_until_there_are_ten_all_remain() -> None:
    gallery = np.full((1, 2), 0, np.float32)
    for number in range(1, 10):
        gallery = extended(gallery, np.full(2, number, np.float32))
    assert gallery[:, 1].tolist() == list(range(10))


def test_similarity_is_the_largest_cosine_within_a_gallery() -> None:
    galleries = [np.array([[1, 0], [0.6, 0.8]], np.float32), np.array([[0, -1]], np.float32)]
    embeddings = np.array([[0, 1], [1, 0], [-1, 0]], np.float32)
    expected = [[0.8, 1, -0.6], [-1, 0, 0]]
    np.testing.assert_allclose(similarity(galleries, embeddings), expected)


def test_nobody() -> None:
    one = np.ones((1, 3), np.float32)
    assert similarity([], one).shape == (0, 1)
    assert similarity([one, one], one[:0]).shape == (2, 0)
