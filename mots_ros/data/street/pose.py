"""Where somebody is at one moment, and how they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import Floats


@dataclass(frozen=True)
class Pose:
    """Somebody at one moment.

    place: [3] metres, on the ground. heading: radians to the right of forward. walked: metres so
    far. speed: metres per second, 0 for who stands.
    """

    place: Floats
    heading: float
    walked: float
    speed: float

    @property
    def rotation(self) -> Floats:
        """[3, 3] from somebody's own axes (x right, y up, z forward) to the street's."""
        c, s = np.cos(self.heading), np.sin(self.heading)
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])

    def to_street(self, points: Floats) -> Floats:
        """Points [..., 3] in somebody's own axes as points in the street."""
        return points @ self.rotation.T + self.place
