"""The motion filter (paper, section 3.2): SORT's constant-velocity box.

The state [7] is centre x, centre y, area and aspect (width over height) in image pixels, then the
velocities of the first three per frame; aspect has none. Mean and covariance go in and come out:
nothing is kept here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from filterpy import kalman as filterpy
from numpy.typing import NDArray

from mots_ros.core import boxes

Mean = NDArray[np.float64]
Covariance = NDArray[np.float64]

_AREA, _AREA_VELOCITY = 2, 6
_VELOCITY_OF = ((0, 4), (1, 5), (_AREA, _AREA_VELOCITY))

_PROCESS_NOISE = np.diag([1.0, 1.0, 1.0, 1.0, 1e-2, 1e-2, 1e-4])
_MEASUREMENT_NOISE = np.diag([1.0, 1.0, 10.0, 10.0])
_INITIAL_COVARIANCE = np.diag([10.0, 10.0, 10.0, 10.0, 1e4, 1e4, 1e4])
_MEASUREMENT = np.eye(4, 7)


def initiate(box: NDArray[Any]) -> tuple[Mean, Covariance]:
    """The state of an object at rest, first seen at ``box`` [4]; its velocity is unknown."""
    return np.concatenate([_measured(box), np.zeros(3)]), _INITIAL_COVARIANCE.copy()


def predict(mean: Mean, covariance: Covariance, dt: float) -> tuple[Mean, Covariance]:
    """The state ``dt`` frames later; process noise grows in proportion to ``dt``.

    An area that would shrink to nothing stays as it is and loses its velocity.
    """
    if mean[_AREA] + dt * mean[_AREA_VELOCITY] <= 0:
        mean = mean.copy()
        mean[_AREA_VELOCITY] = 0
    transition = np.eye(7)
    for position, velocity in _VELOCITY_OF:
        transition[position, velocity] = dt
    predicted: tuple[Mean, Covariance] = filterpy.predict(
        mean, covariance, transition, dt * _PROCESS_NOISE
    )
    return predicted


def update(mean: Mean, covariance: Covariance, box: NDArray[Any]) -> tuple[Mean, Covariance]:
    """The state after the object was seen at ``box`` [4]."""
    updated: tuple[Mean, Covariance] = filterpy.update(
        mean, covariance, _measured(box), _MEASUREMENT_NOISE, _MEASUREMENT
    )
    return updated


def box_of(mean: Mean) -> NDArray[np.float64]:
    """The box [..., 4] of a state [..., 7]; its centre alone where the area is not positive."""
    return boxes.from_cxsr(mean[..., :4])


def _measured(box: NDArray[Any]) -> NDArray[np.float64]:
    return boxes.to_cxsr(np.asarray(box, np.float64))
