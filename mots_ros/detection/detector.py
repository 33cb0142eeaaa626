"""CenterNet detection with CondInst masks (paper, section 3.1)."""

from __future__ import annotations

import weakref

import numpy as np
import torch
from torch import Tensor

from mots_ros.config import DetectorConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets.dynamic import dynamic_network
from mots_ros.nets.peaks import top_peaks
from mots_ros.nets.search import SearchFeatures, boxes_at

NETWORK_STRIDE = 32


class CenterNetDetector:
    """Finds objects in one camera's frames and reads their kernels at their centres.

    One network pass per frame, which it may share with other cameras' detectors.
    """

    def __init__(self, runner: NetworkRunner, config: DetectorConfig) -> None:
        cuda = runner.device.type == "cuda"
        self.config = config
        self.device = torch.cuda.get_device_name(runner.device) if cuda else "cpu"
        self.class_names = runner.net.spec.class_names
        self._runner = runner
        self._join()

    @torch.inference_mode()
    def __call__(self, frame: Frame) -> Observation[SearchFeatures]:
        """Detect in one frame; what scores below the threshold is dropped."""
        net = self._runner.net
        letterbox = letterbox_of(frame.size, self.config)
        features, maps = self._runner(letterbox.warp(frame.image))
        scores, labels, x, y = self._peaks(maps.heat[0].sigmoid())
        size, offset = maps.size[0], None if maps.offset is None else maps.offset[0]
        if maps.amodal is None:
            boxes = boxes_at(size, offset, x, y)
        else:
            boxes = torch.stack((x, y, x, y), dim=1) + maps.amodal[0, :, y, x].T
        first = torch.zeros_like(x)
        masks = None
        if maps.mask is not None:
            kernels = net.mask_kernels(features, first, y, x)
            centres = torch.stack((x, y), dim=1).to(features.dtype)
            masks = dynamic_network(maps.mask[0], kernels, centres).sigmoid().cpu().numpy()
        detections = Detections(
            letterbox.map_to_image(boxes.cpu().numpy()),
            scores.cpu().numpy(),
            labels.cpu().numpy(),
            masks,
        )
        kernels = net.search_kernels(features, first, y, x)
        search_features = SearchFeatures(maps.search[0], size, offset, kernels)
        return Observation(frame, letterbox, detections, search_features)

    def sleep(self) -> None:
        """Need the network no longer, for a while."""
        self._leave()

    def wake(self) -> None:
        """Need the network again, and send a black image through it: its first pass takes several
        times as long as any later one, and a camera would not wait.
        """
        if not self._leave.alive:
            self._join()
        width = self.config.input_width
        height = self.config.input_height or width // 3
        self(Frame(0, "", np.zeros((height, width, 3), np.uint8)))

    def _join(self) -> None:
        self._runner.join()
        # Nobody waits for the frames of a detector that is gone.
        self._leave = weakref.finalize(self, self._runner.leave)

    def _peaks(self, heat: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Scores, labels, x and y of the peaks above the threshold, over all classes."""
        count = self.config.max_detections
        scores, x, y = top_peaks(heat, self.config.peak_window, count)
        labels = torch.arange(len(heat), device=heat.device).view(-1, 1).expand_as(scores)
        best, index = scores.flatten().topk(min(count, scores.numel()))
        index = index[best > self.config.score_threshold]
        return tuple(values.flatten()[index] for values in (scores, labels, x, y))  # type: ignore[return-value]


def letterbox_of(image_size: tuple[int, int], config: DetectorConfig) -> Letterbox:
    """Where an image of this height and width lies in the network's input.

    An ``input_height`` of 0 follows the image's shape.
    """
    height, width = config.input_height, config.input_width
    if config.fit == "keep_small" and image_size[0] <= height:
        return Letterbox.centred(image_size, _padded(image_size), 1.0)
    if height == 0:
        steps = image_size[0] * width / image_size[1] / NETWORK_STRIDE
        height = NETWORK_STRIDE * max(1, int(np.rint(steps)))
    fit = Letterbox.longer_side if config.fit == "longer_side" else Letterbox.contain
    return fit(image_size, (height, width))


def _padded(size: tuple[int, int]) -> tuple[int, int]:
    height, width = (-(-side // NETWORK_STRIDE) * NETWORK_STRIDE for side in size)
    return height, width
