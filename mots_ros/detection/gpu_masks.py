"""Masks that stay on a GPU until they are one label image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import THRESHOLD, enlargement, shifted
from mots_ros.core.types import FloatArray, IntArray, LabelImage


class GpuMasks:
    """Probabilities [N, h, w] as ``core.types.CompactMasks``, on whatever device they are.

    shift: see ``core.masks.shifted``.
    """

    def __init__(self, probability: Tensor, shift: float = 0.0) -> None:
        self._probability, self._shift = probability, shift
        self.shape = tuple(probability.shape)

    def __getitem__(self, index: NDArray[Any]) -> GpuMasks:
        chosen = torch.from_numpy(index.copy()).to(self._probability.device)
        return GpuMasks(self._probability[chosen], self._shift)

    def joined(self, others: GpuMasks) -> GpuMasks:
        """See ``CompactMasks.joined``."""
        return GpuMasks(torch.cat((self._probability, others._probability)), self._shift)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        return np.asarray(self._probability.cpu(), dtype)

    def painted(
        self, view: Letterbox, size: tuple[int, int], windows: IntArray, values: LabelImage
    ) -> LabelImage:
        """See ``CompactMasks.painted``."""
        rows, columns = _enlargement(shifted(view, self._shift), size, self._probability.device)
        # torch has no uint16 to speak of.
        label_image = torch.zeros(size, dtype=torch.int16, device=self._probability.device)
        for mask, (left, top, right, bottom), value in zip(
            self._probability, windows.tolist(), values.view(np.int16).tolist(), strict=True
        ):
            probability = rows[top:bottom] @ mask @ columns[:, left:right]
            label_image[top:bottom, left:right].masked_fill_(probability > THRESHOLD, value)
        painted: LabelImage = label_image.cpu().numpy().view(np.uint16)
        return painted


@lru_cache(maxsize=8)
def _enlargement(
    view: Letterbox, size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    rows, columns = (torch.from_numpy(side).to(device) for side in enlargement(view, size))
    return rows, columns
