"""CenterNet detection with CondInst masks (paper, section 3.1)."""

from __future__ import annotations

import math
import weakref
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mots_ros.config import DetectorConfig
from mots_ros.core.boxes import strongest
from mots_ros.core.later import Later
from mots_ros.core.letterbox import INPUT_SIZE, Letterbox
from mots_ros.core.masks import (
    CORNER,
    DeferredMasks,
    WindowedMasks,
    cells_around,
    shifted,
    view_of,
)
from mots_ros.core.types import CompactMasks, Detections, FloatArray, Frame, IntArray, Observation
from mots_ros.detection.gpu_masks import GpuMasks
from mots_ros.detection.runner import Decoded, NetworkRunner
from mots_ros.detection.window import Glance, Window
from mots_ros.nets.dynamic import dynamic_network, layers_of, masks_inside
from mots_ros.nets.searchtrack import Features, HeadMaps
from mots_ros.nets.tracker_head import Objects, Seen, TrackerHead

NETWORK_STRIDE = 32
LONGEST_SIDE = 4096
"""Of an input that follows the image's shape: a strip of a picture is no reason to run out of
memory."""


class CenterNetDetector:
    """Finds objects in one camera's frames.

    One network pass per frame, which it may share with other cameras' detectors; then what the
    tracker's head reads of it.
    """

    def __init__(
        self, runner: NetworkRunner, config: DetectorConfig, head: TrackerHead | None = None
    ) -> None:
        cuda = runner.device.type == "cuda"
        self.config = config
        device = torch.cuda.get_device_name(runner.device) if cuda else "cpu"
        self.device = f"{device} in {runner.precision}"
        self.class_names = runner.net.spec.class_names
        self.runner = runner
        self.head = head
        self._leave: weakref.finalize[..., CenterNetDetector] | None = None

    @property
    def head(self) -> TrackerHead | None:
        """What the tracker reads, if anything; another one begins a drive."""
        return self._head

    @head.setter
    def head(self, head: TrackerHead | None) -> None:
        self._head = head
        self._window = Window(head.context) if head and head.context else None

    @torch.inference_mode()
    def __call__(self, frame: Frame) -> list[Observation[Any]]:
        """Detect in one frame; what scores below the threshold is dropped.

        Where the tracker's head looks ahead, what comes back is of an earlier frame, or nothing.
        """
        self._join()
        letterbox = letterbox_of(frame.size, self.config)
        if self._window is None:
            shared, maps = self.runner.look(frame.image, letterbox)
            features = Features(shared, detail=None, ladder=())
            return [self._observed(Glance(frame, letterbox, shared, features), maps)]
        features = self.runner.features(frame.image, letterbox)
        return self._seen(self._window.push(Glance(frame, letterbox, features.shared, features)))

    @torch.inference_mode()
    def finish(self) -> list[Observation[Any]]:
        """The frames that still waited for later ones; a drive ends here."""
        return self._seen(self._window.finish()) if self._window else []

    def forget(self) -> None:
        """A drive ends here, and nobody wants the frames that waited."""
        if self._window:
            self._window.forget()

    def _seen(self, glances: list[Glance]) -> list[Observation[Any]]:
        assert self._head is not None and self._head.context is not None
        signed = self._head.context.signed
        return [
            self._observed(glance, self.runner.heads(glance.features, signed)) for glance in glances
        ]

    def _observed(self, glance: Glance, maps: HeadMaps) -> Observation[Any]:
        shared, ladder = glance.features.shared, glance.features.ladder
        decoded = self.runner.decode(
            shared, maps, self.config.peak_window, self.config.max_detections
        )
        found = Later(partial(self._found, glance, maps, decoded, self.config))
        features = None
        if self._head:
            masks_at = partial(self._masks_at, glance, maps) if maps.mask is not None else None
            features = self._head.read(
                Seen(shared, glance.raw, ladder, maps, lambda: found.value[1], masks_at)
            )
        return Observation(glance.frame, glance.letterbox, lambda: found.value[0], features)

    @torch.inference_mode()
    def _found(
        self, glance: Glance, maps: HeadMaps, decoded: Decoded, config: DetectorConfig
    ) -> tuple[Detections, Objects]:
        """What remains of a frame's peaks, which come in one piece, best first."""
        peaks, search, masks = decoded()
        found = peaks.cpu().numpy()
        found = found[found[:, 4] > config.score_threshold]
        scores, labels = found[:, 4], found[:, 5].astype(np.int64)
        boxes, drawn = glance.letterbox.map_to_image(found[:, :4]), None
        if masks is not None:
            drawn = self._masks(glance.letterbox, maps, masks, found[:, 6:], boxes)
        remain = np.flatnonzero(strongest(boxes, scores, labels, config.nms_overlap))
        index = torch.from_numpy(remain).to(peaks.device, non_blocking=True)
        there = peaks[index]
        x, y = there[:, 6:].long().unbind(1)
        return (
            Detections(boxes, scores, labels, drawn).take(remain),
            Objects(x, y, there[:, :4], search[index]),
        )

    @torch.inference_mode()
    def _masks_at(
        self, glance: Glance, maps: HeadMaps, pixels: IntArray, boxes: FloatArray
    ) -> CompactMasks:
        """See ``Seen.masks_at``."""
        shared = glance.features.shared
        x, y = torch.from_numpy(pixels).to(shared.device).unbind(1)
        kernels = self.runner.net.mask_kernels(shared, torch.zeros_like(x), y, x)
        return self._masks(glance.letterbox, maps, kernels, pixels.astype(np.float32), boxes)

    def _masks(
        self,
        letterbox: Letterbox,
        maps: HeadMaps,
        kernels: Tensor,
        pixels: FloatArray,
        boxes: FloatArray,
    ) -> CompactMasks:
        """The masks of objects in map pixels [N, 2] (x, y), drawn when somebody looks at them."""
        assert maps.mask is not None
        spec, (mask_map,) = self.runner.net.spec, maps.mask
        centres = self.runner.net.mask_centres(pixels)
        shift = CORNER if spec.corner_masks else 0.0
        map_size = tuple(mask_map.shape[1:])

        if mask_map.is_cpu:
            view = shifted(view_of(map_size, letterbox), shift)

            def look(chosen: IntArray) -> CompactMasks:
                windows = cells_around(boxes[chosen], view)
                layers = layers_of(kernels.numpy()[chosen], centres[chosen], len(mask_map))
                masks = masks_inside(mask_map.numpy(), layers, windows)
                return WindowedMasks(masks, windows[:, :2], map_size, shift)
        else:

            @torch.inference_mode()
            def look(chosen: IntArray) -> CompactMasks:
                index, origins = (
                    torch.from_numpy(each).to(kernels.device, non_blocking=True)
                    for each in (chosen, centres[chosen])
                )
                responses = dynamic_network(mask_map, kernels[index], origins)
                return GpuMasks(responses.sigmoid(), shift)

        return DeferredMasks(look, len(boxes), map_size)

    def sleep(self) -> None:
        """Need the network no longer, until the next frame."""
        if self._leave is not None:
            self._leave()

    def wake(self) -> None:
        """Need the network again, and send a black image through it: its first pass takes several
        times as long as any later one, and a camera would not wait.
        """
        for observation in self(Frame(0, "", np.zeros((*INPUT_SIZE, 3), np.uint8))):
            observation.find()  # Nor for what is only done when somebody asks.
        self.forget()

    def _join(self) -> None:
        if self._leave is not None and self._leave.alive:
            return
        self.runner.join()
        # Nobody waits for the frames of a detector that is gone.
        self._leave = weakref.finalize(self, self.runner.leave)


def letterbox_of(image_size: tuple[int, int], config: DetectorConfig) -> Letterbox:
    """Where an image of this height and width lies in the network's input.

    An ``input_height`` of 0 follows the image's shape. So does an ``input_width`` of 0, for inputs
    of about as many pixels as ``INPUT_SIZE`` has, or fewer where the image has fewer.
    """
    height, width = config.input_height, config.input_width
    if config.fit == "keep_small" and image_size[0] <= height:
        # As released: sides that are multiples already grow, too.
        height, width = ((side // NETWORK_STRIDE + 1) * NETWORK_STRIDE for side in image_size)
        return Letterbox.centred(image_size, (height, width), 1.0)
    if width == 0:
        suggested = _steps(math.sqrt(math.prod(INPUT_SIZE) * image_size[1] / image_size[0]))
        width = min(suggested, _padded(image_size)[1], LONGEST_SIDE)
    if height == 0:
        height = min(_steps(image_size[0] * width / image_size[1]), LONGEST_SIDE)
    fit = Letterbox.longer_side if config.fit == "longer_side" else Letterbox.contain
    return fit(image_size, (height, width))


def _steps(side: float) -> int:
    """The nearest side that the network can have."""
    return NETWORK_STRIDE * max(1, round(side / NETWORK_STRIDE))


def _padded(size: tuple[int, int]) -> tuple[int, int]:
    height, width = (-(-side // NETWORK_STRIDE) * NETWORK_STRIDE for side in size)
    return height, width
