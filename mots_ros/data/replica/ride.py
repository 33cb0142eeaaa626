"""A smooth ride down the right lane of the street."""

from __future__ import annotations

import numpy as np

from mots_ros.data.replica.sheet import Floats, Generator
from mots_ros.data.street.camera import KITTI_HEIGHT_ABOVE_ROAD, Camera

_SPEED = (2.0, 12.0)
_START = (0.0, 1000.0)
_SPEED_CHANGE, _ACROSS = 0.4, 0.3
_YAW, _PITCH, _ROLL = 0.03, 0.004, 0.006


def ride(
    rng: Generator, length: int, rate: float, size: tuple[int, int], lane: float
) -> list[Camera]:
    """The camera of every frame, at ``rate`` frames a second, around X = ``lane`` in metres."""
    seconds = np.arange(length) / rate
    speed = rng.uniform(*_SPEED) * (1 + _SPEED_CHANGE * _wander(rng, seconds, 6.0))
    along = rng.uniform(*_START) + np.cumsum(speed) / rate
    across = lane + _ACROSS * _wander(rng, seconds, 8.0)
    yaw = _YAW * _wander(rng, seconds, 5.0)
    pitch = _PITCH * _wander(rng, seconds, 0.7)
    roll = _ROLL * _wander(rng, seconds, 1.5)
    return [
        Camera(size, np.array([x, KITTI_HEIGHT_ABOVE_ROAD, z]), *map(float, turns))
        for x, z, *turns in zip(across, along, yaw, pitch, roll, strict=True)
    ]


def _wander(rng: Generator, seconds: Floats, period: float) -> Floats:
    """A smooth random curve, mostly within [-1, 1]."""
    frequencies = rng.uniform(0.5, 1.5, 4) / period
    phases = rng.uniform(0, 2 * np.pi, 4)
    waves: Floats = np.sin(2 * np.pi * frequencies * seconds[:, None] + phases)
    return waves.sum(axis=1) / 2.5
