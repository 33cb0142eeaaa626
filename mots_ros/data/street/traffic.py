"""Who is in the street: parked and moving cars, people on the pavements and on the road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import Floats
from mots_ros.data.street.cars import Car
from mots_ros.data.street.egomotion import EgoMotion, Stop
from mots_ros.data.street.ground import Layout
from mots_ros.data.street.people import Person
from mots_ros.data.street.pose import Pose

Generator = np.random.Generator

CROSSING_BEFORE_JUNCTION = 3.0
AHEAD, BEHIND = 120.0, 25.0
"""Metres of street beyond the camera's way that are peopled."""


class Way:
    """Where somebody is when.

    times: [K] seconds, ascending; points: [K, 2] metres, X and Z. Before the first and after the
    last time they stand.
    """

    def __init__(self, times: Floats, points: Floats, heading: float) -> None:
        self.times, self.points = np.asarray(times, float), np.asarray(points, float)
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        self._walked = np.concatenate([[0.0], np.cumsum(steps)])
        self._standing_heading = heading

    def at(self, time: float) -> Pose:
        """Where they are and how they move at a time in seconds."""
        place = np.array([
            np.interp(time, self.times, self.points[:, 0]), 0.0,
            np.interp(time, self.times, self.points[:, 1]),
        ])  # fmt: skip
        walked = float(np.interp(time, self.times, self._walked))
        before, after = (
            np.array([np.interp(time + d, self.times, self.points[:, k]) for k in (0, 1)])
            for d in (-0.25, 0.25)
        )
        step = after - before
        speed = float(np.linalg.norm(step)) / 0.5
        heading = self._standing_heading if speed < 0.1 else float(np.arctan2(step[0], step[1]))
        return Pose(place, heading, walked, speed)


@dataclass(frozen=True)
class Actor:
    """Somebody or something with a value in the instance map, class id * 1000 + instance."""

    value: int
    body: Car | Person
    way: Way


class Traffic:
    """Plans one drive: every actor's body and way, for all of it."""

    def __init__(self, layout: Layout, ego: EgoMotion, rng: Generator) -> None:
        self._layout, self._ego, self._rng = layout, ego, rng
        self._duration = float(ego.times[-1])
        self._begin, self._end = float(ego.z[0]) - BEHIND, float(ego.z[-1]) + AHEAD
        self._cars: list[tuple[Car, Way]] = []
        self._people: list[tuple[Person, Way]] = []
        self._park()
        self._oncoming()
        self._ahead()
        for stop in ego.stops:
            self._cross_junction(stop)
            self._cross_road(stop)
        self._dash_across()
        self._stroll()
        self.actors = [Actor(1001 + k, car, way) for k, (car, way) in enumerate(self._cars)]
        self.actors += [Actor(2001 + k, one, way) for k, (one, way) in enumerate(self._people)]

    def _still(self, x: float, z: float, heading: float) -> Way:
        return Way(np.array([0.0]), np.array([[x, z]]), heading)

    def _park(self) -> None:
        """Rows of parked cars with gaps; none near a crossing."""
        layout, rng = self._layout, self._rng
        filled = rng.uniform(0.15, 0.7, 2)
        for side, share in zip((-1, 1), filled, strict=True):
            z = self._begin
            while z < self._end:
                z += rng.uniform(5.6, 6.8)
                in_block = z % layout.block
                if not 4 < in_block < layout.block - layout.junction - 8 or rng.random() > share:
                    continue
                car = Car(rng)
                x = side * (layout.road + layout.parking / 2 + rng.normal(0, 0.08))
                along = side > 0 or rng.random() < 0.1
                turn = rng.normal(0, 0.025)
                self._cars.append((car, self._still(x, z, turn + (0.0 if along else np.pi))))

    def _oncoming(self) -> None:
        """Cars that come towards the camera in the other lane."""
        layout, rng, ego = self._layout, self._rng, self._ego
        interval = rng.uniform(2.0, 7.0)
        meet = rng.uniform(-1, 3)
        waiting = {stop.block: 0 for stop in ego.stops}
        while meet < self._duration + 12:
            speed = rng.uniform(6, 12)
            z = float(np.interp(meet, ego.times, ego.z))
            x = -layout.road / 2 + rng.normal(0, 0.2)
            times, places = [meet - 14.0], [z + 14 * speed]
            for stop in reversed(ego.stops):
                # It waits on the other side of the junction, behind those who came before it.
                line = (stop.block + 1) * layout.block + 3 + 7.5 * waiting[stop.block]
                arrival = times[-1] + (places[-1] - line) / speed
                if times[-1] < arrival - 1 and stop.begin - 3 < arrival < stop.end:
                    waiting[stop.block] += 1
                    leave = stop.end + rng.uniform(0.3, 0.8) + 1.2 * waiting[stop.block]
                    times += [arrival - 1, arrival + 1, leave, leave + 2]
                    places += [line + speed, line, line, line - speed]
            times.append(times[-1] + 28)
            places.append(places[-1] - 28 * speed)
            points = np.stack([np.full(len(times), x), places], axis=1)
            self._cars.append((Car(rng), Way(np.array(times), points, np.pi)))
            meet += interval * rng.uniform(0.5, 1.8) + 1.0

    def _ahead(self) -> None:
        """Cars that drive in front of the camera and wait where it waits."""
        layout, rng, ego = self._layout, self._rng, self._ego
        if rng.random() > 0.55:
            return
        gap = rng.uniform(9, 20)
        times = np.concatenate([ego.times, ego.times[-1:] + 60])
        for _ in range(rng.integers(1, 4)):
            # It crosses the junction before the camera stops there, and drives off meanwhile.
            lead = gap + np.zeros(len(ego.times))
            for stop in ego.stops:
                waited = np.clip(ego.times - stop.begin + 1.5, 0, stop.end - stop.begin)
                lead = lead + waited * rng.uniform(4, 8)
            lead = lead + 1.5 * np.sin(0.35 * ego.times + rng.uniform(0, 6))
            z = np.maximum.accumulate(ego.z + lead)
            x = layout.road / 2 + rng.normal(0, 0.12)
            points = np.stack([np.full(len(times), x), np.append(z, z[-1] + 480)], axis=1)
            self._cars.append((Car(rng), Way(times, points, 0.0)))
            gap += rng.uniform(9, 18)

    def _cross_junction(self, stop: Stop) -> None:
        """Cars that cross while the camera waits, in both directions."""
        layout, rng = self._layout, self._rng
        middle = (stop.block + 1) * layout.block - layout.junction / 2
        for direction in (-1, 1):
            time = stop.begin - rng.uniform(0, 3)
            while time < stop.end - 0.5:
                speed = rng.uniform(5, 10)
                z = middle + direction * layout.junction * 0.22
                points = np.array([[-70.0 * direction, z], [70.0 * direction, z]])
                times = time + np.array([-70.0, 70.0]) / speed
                self._cars.append((Car(rng), Way(times, points, direction * np.pi / 2)))
                time += rng.uniform(1.6, 4.5)

    def _cross_road(self, stop: Stop) -> None:
        """People who use the crossing while the camera waits; some turn back halfway."""
        layout, rng = self._layout, self._rng
        crossing = (stop.block + 1) * layout.block - layout.junction - CROSSING_BEFORE_JUNCTION
        reach = layout.kerb + 1.0
        for _ in range(int(rng.integers(3, 8))):
            direction = rng.choice([-1, 1])
            speed = rng.uniform(0.9, 1.8)
            start = rng.uniform(stop.begin - 2.0, stop.end - 2.5)
            z = crossing + rng.uniform(-1.4, 1.4)
            side = -direction * reach
            from_z = z + rng.choice([-1, 1]) * rng.uniform(3, 15)
            over = start + 2 * reach / speed
            points = [(side, from_z), (side, z), (-side, z)]
            times = [start - abs(from_z - z) / speed, start, over]
            if rng.random() < 0.2:
                points += [(-side, z), (side, z + rng.uniform(-0.6, 0.6))]
                times += [over + rng.uniform(0.6, 2), over + 2 + 2 * reach / speed]
            else:
                on = rng.choice([-1, 1]) * rng.uniform(10, 60)
                points.append((-side * rng.uniform(1.05, 1.2), z + on))
                times.append(over + abs(on) / speed)
            self._group(np.array(times), np.array(points), rng.choice([1, 1, 1, 2, 3]))

    def _dash_across(self) -> None:
        """People who cross far ahead of the moving camera."""
        layout, rng, ego = self._layout, self._rng, self._ego
        for _ in range(rng.poisson(self._duration / 4)):
            time = rng.uniform(0, self._duration)
            speed = rng.uniform(1.2, 2.4)
            reach = layout.kerb + 1.2
            last = time + 2 * reach / speed
            # The camera must not reach them before they have left the road.
            z = float(np.interp(last, ego.times, ego.z)) + rng.uniform(5, 28)
            side = rng.choice([-1, 1]) * reach
            z_out = z + rng.uniform(-2, 2)
            points = [(side, z + rng.uniform(-8, 8)), (side, z), (-side, z_out),
                      (-side, z_out + rng.choice([-30, 30]))]  # fmt: skip
            times = [time - 6, time, last, last + 30 / 1.3]
            self._clear_parking(z)
            self._group(np.array(times), np.array(points), 1)

    def _clear_parking(self, z: float) -> None:
        """Make a gap in the parked cars for somebody to walk through."""
        self._cars = [
            (car, way)
            for car, way in self._cars
            if len(way.times) > 1 or abs(way.points[0, 1] - z) > car.length / 2 + 1.2
        ]

    def _stroll(self) -> None:
        """People on the pavements: alone, in groups, standing, walking to and fro."""
        layout, rng = self._layout, self._rng
        gap = rng.uniform(20, 60)
        for side in (-1, 1):
            z = self._begin - rng.uniform(0, 10)
            while z < self._end:
                z += rng.exponential(gap) + 0.6
                x = side * rng.uniform(layout.kerb + 1.0, layout.wall - 0.7)
                size = int(rng.choice([1, 2, 3], p=(0.68, 0.24, 0.08)))
                if rng.random() < 0.15:
                    for _ in range(size):
                        at = np.array([x, z]) + rng.normal(0, 0.35, 2)
                        heading = rng.uniform(0, 2 * np.pi)
                        self._people.append((Person(rng), self._still(at[0], at[1], heading)))
                    continue
                direction, speed = rng.choice([-1, 1]), rng.uniform(0.8, 1.7)
                times, points, here = [-6.0], [(x, z)], z - direction * 6 * speed
                points = [(x, here)]
                while times[-1] < self._duration + 2:
                    leg = rng.uniform(4, 40)
                    here += direction * leg * speed
                    times.append(times[-1] + leg)
                    points.append((x + rng.normal(0, 0.15), here))
                    if rng.random() < 0.3:
                        times.append(times[-1] + rng.uniform(0.5, 3))
                        points.append(points[-1])
                        direction = -direction if rng.random() < 0.5 else direction
                self._group(np.array(times), np.array(points), size)

    def _group(self, times: Floats, points: Floats, size: int) -> None:
        """People who walk together."""
        rng = self._rng
        for k in range(int(size)):
            beside = np.array([0.62 * k * rng.choice([-1, 1]), rng.normal(0, 0.35) * (k > 0)])
            if abs(points[:, 0]).max() > self._layout.kerb and np.ptp(points[:, 0]) > 3:
                beside = beside[::-1]
            wall = self._layout.wall - 0.4
            moved = (points + beside).clip([-wall, -np.inf], [wall, np.inf])
            way = Way(times + rng.normal(0, 0.1), moved, rng.uniform(0, 2 * np.pi))
            self._people.append((Person(rng), way))
