"""How the car with the camera drives: it cruises, slows, waits at crossings and goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import KITTI_HEIGHT_ABOVE_ROAD, Camera, Floats
from mots_ros.data.street.ground import Layout

Generator = np.random.Generator

STOP_BEFORE_JUNCTION = 10.5
"""Metres from where the camera waits to the junction; the crossing lies between."""


@dataclass(frozen=True)
class Stop:
    """The camera stands from ``begin`` to ``end`` seconds before the junction of ``block``."""

    block: int
    begin: float
    end: float


class EgoMotion:
    """The camera's way through the street.

    times: seconds of the frames; z, speed: metres and metres per second at those times.
    """

    def __init__(self, layout: Layout, length: int, rate: float, rng: Generator) -> None:
        self.times = np.arange(max(length, 1)) / rate
        self._x = layout.road / 2 + rng.uniform(-0.2, 0.2)
        self._height = KITTI_HEIGHT_ABOVE_ROAD * rng.uniform(0.97, 1.04)
        self._waves = [
            (rng.uniform(0.15, 0.5), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.012)),
            (rng.uniform(0.5, 1.0), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.004)),
        ]
        self._tilt = rng.normal(0, 0.006)
        self._lean = rng.normal(0, 0.003)
        self._bounce = rng.uniform(0, 2 * np.pi)
        self.stops: list[Stop] = []
        self.z, self.speed = self._drive(layout, rate, rng)

    def _drive(self, layout: Layout, rate: float, rng: Generator) -> tuple[Floats, Floats]:
        cruise = rng.uniform(4.0, 9.5)
        ahead = rng.uniform(2, 45) if rng.random() < 0.75 else layout.block - 20
        line = layout.block - layout.junction - STOP_BEFORE_JUNCTION
        z, block, step = line - ahead, 0, 1 / rate
        speed = 0.0 if ahead < 5 else min(cruise, np.sqrt(2 * 2.2 * ahead))
        stops_here, wait = bool(rng.random() < 0.7), rng.uniform(4.0, 9.0)
        places, speeds, stood_since = [], [], None
        for k in range(len(self.times)):
            places.append(z)
            speeds.append(speed)
            wanted = cruise * (1 + 0.2 * np.sin(0.6 * self.times[k] + self._bounce))
            left = block * layout.block + line - z
            if stops_here and left > -1:
                wanted = min(wanted, np.sqrt(2 * 2.0 * max(left - 0.3, 0.0)))
                if wanted < 0.3:
                    wanted = 0.0
                    stood_since = self.times[k] if stood_since is None else stood_since
                    if self.times[k] - stood_since > wait:
                        self.stops.append(Stop(block, stood_since, self.times[k]))
                        stops_here, stood_since = False, None
            if left < -layout.junction - STOP_BEFORE_JUNCTION:
                block += 1
                stops_here, wait = bool(rng.random() < 0.6), rng.uniform(4.0, 9.0)
                cruise = rng.uniform(4.0, 9.5)
            speed += float(np.clip(wanted - speed, -4.0 * step, 1.8 * step))
            speed = max(speed, 0.0)
            z += speed * step
        if stood_since is not None:
            self.stops.append(Stop(block, stood_since, float(self.times[-1]) + 1))
        return np.array(places), np.array(speeds)

    def camera(self, index: int, size: tuple[int, int]) -> Camera:
        """The camera at one frame."""
        time, speed = self.times[index], self.speed[index]
        moving = min(speed / 4, 1.0)
        before = self.speed[max(index - 1, 0)]
        brake = (before - speed) * 0.03
        sway = sum(a * np.sin(2 * np.pi * f * time + p) for f, p, a in self._waves)
        shake = np.sin(2 * np.pi * 1.7 * time + self._bounce)
        return Camera(
            size,
            np.array([self._x + 6 * sway * moving, self._height + 0.012 * shake * moving,
                      self.z[index]]),
            yaw=float(sway * moving),
            pitch=float(self._tilt + brake + 0.003 * shake * moving),
            roll=float(self._lean + 0.002 * shake * moving),
        )  # fmt: skip
