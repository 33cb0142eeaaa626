"""Colours: distinct, stable, and readable under text."""

import itertools

import numpy as np
import pytest

from mots_ros.evaluation.palette import PALETTE, colour_of, ink_on


def test_all_colours_differ_visibly():
    for first, second in itertools.combinations(PALETTE.astype(int), 2):
        assert np.abs(first - second).max() >= 30


def test_neighbouring_ids_differ_in_hue():
    for track_id in range(1, len(PALETTE)):
        first, second = np.array(colour_of(track_id)), np.array(colour_of(track_id + 1))
        assert np.abs(first - second).max() >= 60


def test_a_colour_stays_with_its_id():
    assert colour_of(1) == (230, 159, 0)
    assert colour_of(1) == colour_of(1 + len(PALETTE))


def test_ids_beyond_the_label_image_share_the_colour_of_their_pixel():
    assert colour_of(65535 + 1) == colour_of(1)
    assert colour_of(65535 + 5) == colour_of(5)


@pytest.mark.parametrize("track_id", range(1, len(PALETTE) + 1))
def test_text_can_be_read_on_every_colour(track_id):
    background = colour_of(track_id)
    lighter, darker = sorted((_luminance(background), _luminance(ink_on(background))), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def _luminance(colour: tuple[int, int, int]) -> float:
    """WCAG's relative luminance."""
    channels = np.array(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
