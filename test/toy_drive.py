"""A drive so simple that a network learns it in a minute."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mots_ros.core.types import Frame
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.training.clips import SHARPNESS, Clip, load_clips


class ToyDrive:
    """A red car that drives to the right and a green pedestrian that leaves after ten frames."""

    name = "toy"
    class_names = ("car", "pedestrian")

    def __len__(self) -> int:
        return 16

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        for t in range(len(self)):
            image = np.full((128, 416, 3), 90, np.uint8)
            instances = np.zeros((128, 416), np.uint16)
            instances[48:80, 40 + 12 * t : 104 + 12 * t] = 1001
            if t < 10:
                instances[32:96, 300:324] = 2001
            image[instances == 1001] = (200, 30, 30)
            image[instances == 2001] = (30, 200, 30)
            # Four times as large, so that training halves it.
            image, instances = (a.repeat(4, axis=0).repeat(4, axis=1) for a in (image, instances))
            yield AnnotatedFrame(Frame(t * 10**8, "camera", image), instances)


def toy_clip(cache: Path) -> Clip:
    """The toy drive at half its size."""
    (clip,) = load_clips([ToyDrive()], cache, workers=1, pixels=math.ceil(256 * 832 / SHARPNESS))
    # Views of scale 1 show it as it is stored.
    return dataclasses.replace(clip, shown=1.0)
