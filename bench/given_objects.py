"""What the network says of objects that somebody else found."""

from __future__ import annotations

import numpy as np
import torch

from mots_ros.build import build_runner
from mots_ros.config import DetectorConfig
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.detection.detector import letterbox_of
from mots_ros.nets.search import SearchFeatures


class GivenObjects:
    """In the place of a detector: objects are told, and their search kernels are read where they
    are.

    The network looks at each frame once, however many sets of objects there are to it.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self._config = config
        self._runner = build_runner(config)
        self._runner.join()

    @torch.inference_mode()
    def __call__(self, frame: Frame, sets: list[Detections]) -> list[Observation[SearchFeatures]]:
        """An observation of ``frame`` with each of the sets of detections."""
        letterbox = letterbox_of(frame.size, self._config)
        shared, maps = self._runner.look(frame.image, letterbox)
        offset = None if maps.offset is None else maps.offset[0]
        height, width = letterbox.map_size

        def seen(detections: Detections) -> Observation[SearchFeatures]:
            centres = (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2
            cells = np.floor(letterbox.image_to_map(centres)).astype(np.int64)
            x, y = torch.from_numpy(cells.clip(0, (width - 1, height - 1))).to(shared.device).T
            kernels = self._runner.net.search_kernels(shared, torch.zeros_like(x), y, x)
            features = SearchFeatures(
                maps.search[0], maps.size[0], offset, lambda: kernels, self._runner.search
            )
            return Observation(frame, letterbox, lambda: detections, features)

        return list(map(seen, sets))
