"""Deformable convolution: what a loop over its definition gives, by either kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mots_ros.nets import deformable
from mots_ros.nets.deformable import plain_convolution, torchvision_convolution


def _by_definition(x, offset, mask, weight, bias):  # type: ignore[no-untyped-def]
    _, channels, height, width = x.shape

    def sample(c: int, y: float, column: float) -> float:
        top, left = math.floor(y), math.floor(column)
        value = 0.0
        for row in (top, top + 1):
            for col in (left, left + 1):
                if 0 <= row < height and 0 <= col < width:
                    value += x[0, c, row, col] * (1 - abs(y - row)) * (1 - abs(column - col))
        return value

    out = np.tile(bias.reshape(-1, 1, 1), (1, height, width))
    for y, column, tap, c in np.ndindex(height, width, 9, channels):
        dy, dx = offset[0, 2 * tap : 2 * tap + 2, y, column]
        value = sample(c, y + tap // 3 - 1 + dy, column + tap % 3 - 1 + dx)
        out[:, y, column] += weight[:, c, tap // 3, tap % 3] * mask[0, tap, y, column] * value
    return out[None]


@pytest.mark.parametrize("convolution", [plain_convolution, torchvision_convolution])
def test_both_kernels_follow_the_definition(convolution) -> None:  # type: ignore[no-untyped-def]
    if convolution is torchvision_convolution and deformable.deform_conv2d is None:
        pytest.skip("torchvision is not installed, or not for this torch")
    rng = np.random.default_rng(0)
    arguments = (
        rng.normal(size=(1, 3, 5, 6)),
        rng.normal(0, 3, (1, 18, 5, 6)),  # many taps leave the map
        rng.uniform(size=(1, 9, 5, 6)),
        rng.normal(size=(2, 3, 3, 3)),
        rng.normal(size=2),
    )
    expected = _by_definition(*arguments)
    found = convolution(*map(torch.from_numpy, arguments))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
