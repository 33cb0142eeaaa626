"""One network in a process, for however many cameras."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Image
from mots_ros.detection.recorded import Recorded, Work
from mots_ros.nets.decode import decode
from mots_ros.nets.normalise import letterboxed, normalised, statistics
from mots_ros.nets.quantised import unrounded
from mots_ros.nets.search import search
from mots_ros.nets.searchtrack import Features, HeadMaps, SearchTrackNet

if TYPE_CHECKING:
    from mots_ros.detection.compiled import Compiled

GATHER_S = 0.004
"""How long the network waits for the frames of other cameras: those that take their pictures at the
same moment do not arrive at quite the same."""

TRACKS_AT_ONCE = 16
"""A GPU searches for a multiple of so many: what it recorded holds for one number alone."""

Decoded = Callable[[], tuple[Tensor, Tensor, Tensor | None]]
"""Waits for what ``nets.decode.decode`` returns, and gives it."""


@dataclass
class _Place:
    """A frame in the queue, and in the end what came of it."""

    repeated: Recorded | Compiled
    image: Image
    letterbox: Letterbox
    found: tuple[Tensor | None, ...] = ()
    error: Exception | None = None

    def goes_with(self, other: _Place) -> bool:
        """Whether both can pass at once."""
        return self.repeated is other.repeated and self.letterbox == other.letterbox


class NetworkRunner:
    """A network on its device; frames that wait for it at the same time pass through together.

    Several threads may call it. It stays on the device as long as somebody uses it: between the
    last ``leave`` and the next ``join`` it keeps no memory of a GPU. So do the trackers' heads that
    live beside it.

    fingerprint: of the network's checkpoint, by which heads know it. precision: in what most of it
    computes. graph_threads: threads of the processor on which its graphs run, 0 where torch does
    the work.
    """

    def __init__(
        self,
        net: SearchTrackNet,
        device: torch.device,
        fingerprint: str = "",
        precision: torch.dtype = torch.float32,
        graph_threads: int = 0,
    ) -> None:
        self.net = net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.fingerprint = fingerprint
        self.precision = str(precision).removeprefix("torch.")
        self.graph_threads = graph_threads
        works = (
            self._all,
            self._before_heads,
            self._after_features,
            self._unrounded_heads,
            partial(decode, self.net),
        )
        self._whole, self._backbone, self._heads, self._exact_heads, self._decode = parts = [
            _compiled(work, graph_threads) if graph_threads else Recorded(work) for work in works
        ]
        # A processor's graph would have to be made anew for each number of tracks.
        self._search = Recorded(search)
        self._parts = [*parts, self._search]
        self._channels = statistics()
        self._tracker_heads: dict[Hashable, nn.Module] = {}
        self._users = 0
        self._waiting: list[_Place] = []
        self._arrival = threading.Condition()
        # Reentrant, for a detector that is forgotten leaves in whichever thread collects garbage.
        self._network = threading.RLock()
        # What is done to one frame does not wait until another camera's has passed the network.
        self._frame = threading.Lock()

    def join(self) -> None:
        """From now on there is one camera more."""
        with self._network:
            self._users += 1
            for module in (self.net, *self._tracker_heads.values()):
                module.to(self.device)
            self._channels = statistics(self.device)

    def leave(self) -> None:
        """There is one camera less."""
        with self._network:
            self._users -= 1
            if self._users == 0:
                for part in self._parts:
                    part.forget()
                for module in (self.net, *self._tracker_heads.values()):
                    module.to("cpu")
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()

    def tracker_head(self, key: Hashable, load: Callable[[], nn.Module]) -> Any:
        """The head of this key, loaded where nobody uses it yet; raises what ``load`` raises."""
        with self._network:
            if key not in self._tracker_heads:
                head = load()
                self._tracker_heads[key] = head.to(self.device) if self._users else head
            return self._tracker_heads[key]

    def look(self, image: Image, letterbox: Letterbox) -> tuple[Tensor, HeadMaps]:
        """The features that every head sees [1, C, h, w], and what the dense heads make of them, of
        an RGB image [H, W, 3] in a letterbox of its size."""
        shared, *maps = self._passed(self._whole, image, letterbox)
        assert shared is not None
        return shared, HeadMaps(*maps)  # type: ignore[arg-type]

    def features(self, image: Image, letterbox: Letterbox) -> Features:
        """Only what comes before all heads, for a tracker that changes it."""
        shared, detail, *ladder = self._passed(self._backbone, image, letterbox)
        return Features(shared, detail, tuple(ladder))  # type: ignore[arg-type]

    @torch.inference_mode()
    def heads(self, features: Features, signed: bool) -> HeadMaps:
        """What the dense heads make of features that a tracker has changed; see ``Context``."""
        with self._network:
            heads = self._exact_heads if signed else self._heads
            return HeadMaps(*heads(features.shared, features.detail))

    @torch.inference_mode()
    def decode(self, shared: Tensor, maps: HeadMaps, window: int, count: int) -> Decoded:
        """See ``nets.decode.decode``, of the features and maps of one frame; goes on while the
        caller does other things, and is waited for where its result is asked for."""
        given = shared, maps.heat, maps.size, maps.offset, maps.amodal
        with self._frame:
            return self._decode.start(*given, window=window, count=count)  # type: ignore[return-value]

    @torch.inference_mode()
    def search(
        self,
        search: Tensor,
        size: Tensor,
        offset: Tensor | None,
        kernels: Tensor,
        centres: Tensor,
        **settings: int,
    ) -> tuple[Tensor, Tensor]:
        """See ``nets.search.search``."""
        count = len(kernels)
        if kernels.is_cuda:
            more = (0, 0, 0, -count % TRACKS_AT_ONCE)
            kernels, centres = F.pad(kernels, more), F.pad(centres, more)
        with self._frame:
            boxes, scores = self._search(search, size, offset, kernels, centres, **settings)
        return boxes[:count], scores[:count]

    def _passed(
        self, repeated: Recorded | Compiled, image: Image, letterbox: Letterbox
    ) -> tuple[Tensor | None, ...]:
        """What this part of the network makes of an image, perhaps beside other cameras'."""
        place = _Place(repeated, image, letterbox)
        with self._arrival:
            self._waiting.append(place)
            self._arrival.notify()
        with self._network:
            # Whoever comes first looks at the others' frames, too.
            if not place.found and place.error is None:
                self._look(self._gathered(place))
        if place.error is not None:
            raise place.error
        return place.found

    def _gathered(self, first: _Place) -> list[_Place]:
        """Take the frames that can pass with this one out of the queue."""
        with self._arrival:
            if self._users > 1:
                self._arrival.wait_for(lambda: len(self._waiting) >= self._users, GATHER_S)
            together = [place for place in self._waiting if place.goes_with(first)]
            self._waiting = [place for place in self._waiting if not place.goes_with(first)]
        return together

    @torch.inference_mode()
    def _look(self, places: list[_Place]) -> None:
        try:
            found = places[0].repeated(self._input(places))
            for i, place in enumerate(places):
                place.found = tuple(None if each is None else each[i : i + 1] for each in found)
        except Exception as error:
            for place in places:
                place.error = error

    def _input(self, places: list[_Place]) -> Tensor:
        """RGB [B, h, w, 3] from 0 to 255 of frames with the same letterbox, on the device."""
        images, letterbox = [place.image for place in places], places[0].letterbox
        if self.device.type == "cpu":
            return _batch([letterbox.warp(image) for image in images])
        # Up they go as they came, once, as bytes, and nobody waits for it.
        return letterboxed(_batch(images).to(self.device, non_blocking=True), letterbox)

    def _all(self, images: Tensor) -> tuple[Tensor | None, ...]:
        features = self.net.features(normalised(images, self._channels))
        return features.shared, *vars(self.net.heads(features)).values()

    def _before_heads(self, images: Tensor) -> tuple[Tensor | None, ...]:
        features = self.net.features(normalised(images, self._channels))
        return features.shared, features.detail, *features.ladder

    def _after_features(self, shared: Tensor, detail: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(vars(self.net.heads(Features(shared, detail, ladder=()))).values())

    def _unrounded_heads(self, shared: Tensor, detail: Tensor | None) -> tuple[Tensor | None, ...]:
        with unrounded():
            return self._after_features(shared, detail)


def _batch(images: list[Image]) -> Tensor:
    """Images of one size [B, H, W, 3]; a single one is copied only where torch may not write."""
    if len(images) == 1:
        return torch.from_numpy(np.require(images[0], requirements="W")[None])
    return torch.from_numpy(np.stack(images))


def _compiled(work: Work, threads: int) -> Compiled:
    # OpenVINO is needed for this alone, and not made for every machine.
    from mots_ros.detection.compiled import Compiled

    return Compiled(work, threads)
