"""The motion filter (paper, section 3.2): SORT's constant-velocity box.

The state [7] is centre x, centre y, area and aspect (width over height) in image pixels, then the
velocities of the first three per frame; aspect has none, and area none unless sizes grow. Mean and
covariance go in and come out: nothing is kept here. Every function takes one state or, with leading
axes, many at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.core import boxes

Mean = NDArray[np.float64]
Covariance = NDArray[np.float64]

_AREA, _AREA_VELOCITY = 2, 6
_VELOCITY_OF = ((0, 4), (1, 5), (_AREA, _AREA_VELOCITY))

VELOCITY_NOISE = 1e-2
"""What a frame adds to the variance of the centre's velocity, where nothing else is said: SORT's
choice, in (pixels a frame)²."""


@dataclass(frozen=True)
class SizeModel:
    """How the size of an object's box changes.

    noise: what a frame adds to the variances of area and aspect; of a measurement they are 10.
    growth: the variance of the area's velocity at first; growth_noise: what a frame adds to it.
    """

    noise: float
    growth: float
    growth_noise: float


GROWING = SizeModel(noise=1.0, growth=1e4, growth_noise=1e-4)
"""SORT's: the area goes on growing or shrinking as it did."""
STILL = SizeModel(noise=9.0, growth=0.0, growth_noise=0.0)
"""Sizes have no velocity and follow the measurement: its weight tends to 0.6, and to more where an
object was not seen for a while. What hides an object makes its box smaller, which is no motion; a
growing one would be expected to vanish, and not to come back as large as it was."""

SIZE_MODELS: Mapping[str, SizeModel] = {"still": STILL, "growing": GROWING}

_MEASUREMENT_NOISE = np.diag([1.0, 1.0, 10.0, 10.0])
_MEASUREMENT = np.eye(4, 7)


def initiate(box: NDArray[Any], size: SizeModel = GROWING) -> tuple[Mean, Covariance]:
    """The state of an object at rest, first seen at ``box`` [..., 4]; its velocity is unknown."""
    measured = _measured(box)
    at_rest = np.zeros((*measured.shape[:-1], 3))
    first = np.diag([10.0, 10.0, 10.0, 10.0, 1e4, 1e4, size.growth])
    covariance = np.broadcast_to(first, (*measured.shape[:-1], 7, 7))
    return np.concatenate([measured, at_rest], axis=-1), covariance.copy()


def predict(
    mean: Mean,
    covariance: Covariance,
    dt: float,
    velocity_noise: float = VELOCITY_NOISE,
    size: SizeModel = GROWING,
) -> tuple[Mean, Covariance]:
    """The states [..., 7] ``dt`` frames later; process noise grows in proportion to ``dt``.

    An area that would shrink to nothing stays as it is and loses its velocity.
    """
    transition = np.eye(7)
    for position, velocity in _VELOCITY_OF:
        transition[position, velocity] = dt
    if not size.growth:
        # Nor does it keep a velocity from when sizes grew: the model may change while tracks live.
        transition[:, _AREA_VELOCITY] = 0
    mean = mean.copy()
    mean[mean[..., _AREA] + dt * mean[..., _AREA_VELOCITY] <= 0, _AREA_VELOCITY] = 0
    noise = np.diag(
        [1.0, 1.0, size.noise, size.noise, velocity_noise, velocity_noise, size.growth_noise]
    )
    return mean @ transition.T, _around(transition, covariance) + dt * noise


def update(mean: Mean, covariance: Covariance, box: NDArray[Any]) -> tuple[Mean, Covariance]:
    """The states [..., 7] after the objects were seen at ``box`` [..., 4]."""
    projected = covariance @ _MEASUREMENT.T
    gain = projected @ np.linalg.inv(_MEASUREMENT @ projected + _MEASUREMENT_NOISE)
    residual = _measured(box) - mean @ _MEASUREMENT.T
    kept = np.eye(7) - gain @ _MEASUREMENT
    # Joseph's form: rounding leaves the covariance symmetric and positive.
    covariance = _around(kept, covariance) + _around(gain, _MEASUREMENT_NOISE)
    return mean + (gain @ residual[..., None])[..., 0], covariance


def box_of(mean: Mean) -> NDArray[np.float64]:
    """The box [..., 4] of a state [..., 7]; its centre alone where the area is not positive."""
    return boxes.from_cxsr(mean[..., :4])


def _measured(box: NDArray[Any]) -> NDArray[np.float64]:
    return boxes.to_cxsr(np.asarray(box, np.float64))


def _around(matrix: NDArray[np.float64], covariance: Covariance) -> Covariance:
    """``covariance`` seen through a linear map: A P Aᵀ."""
    seen: Covariance = matrix @ covariance @ np.swapaxes(matrix, -1, -2)
    return seen
