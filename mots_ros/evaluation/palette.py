"""Colours that stay with a track, the same in every picture and plot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.masks import pixel_values

Colour = tuple[int, int, int]

# Okabe and Ito's colours without black: all pairs differ for every common colour blindness.
_HUES = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (240, 228, 66),  # yellow
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermillion
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
)
# Each further round through the hues changes the luminance, which everybody can tell apart.
_TONES = (0.0, 0.5, -0.4)


def _toned(hue: Colour, tone: float) -> Colour:
    """``hue`` moved towards white (tone > 0) or black (tone < 0)."""
    target = 255 if tone > 0 else 0
    red, green, blue = (round(channel + abs(tone) * (target - channel)) for channel in hue)
    return red, green, blue


# uint8 [21, 3] RGB
PALETTE: NDArray[np.uint8] = np.array(
    [_toned(hue, tone) for tone in _TONES for hue in _HUES], dtype=np.uint8
)
PALETTE.setflags(write=False)


def colour_of(track_id: int) -> Colour:
    """The RGB colour of a track, or of its pixel in a label image; neighbours differ in hue."""
    # By its pixel, whose value wraps: so a mask and its box agree.
    pixel = int(pixel_values(np.array(track_id)))
    red, green, blue = PALETTE[(pixel - 1) % len(PALETTE)].tolist()
    return red, green, blue


def ink_on(background: Colour) -> Colour:
    """Black or white, whichever has more contrast on ``background`` by WCAG's definition."""
    red, green, blue = ((channel / 255) ** 2.2 for channel in background)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)
