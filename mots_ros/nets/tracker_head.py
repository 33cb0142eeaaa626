"""What a tracker adds to the network, beside the detector that all trackers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from mots_ros.core.types import CompactMasks, FloatArray, IntArray
from mots_ros.nets.searchtrack import HeadMaps

MasksAt = Callable[[IntArray, FloatArray], FloatArray | CompactMasks]


@dataclass(frozen=True)
class Objects:
    """The N objects that were detected in one frame.

    x, y: int64 [N] the map pixel in which each was found.
    boxes: [N, 4] xyxy in continuous map coordinates.
    search_kernels: [N, 593] the search network of each.
    """

    x: Tensor
    y: Tensor
    boxes: Tensor
    search_kernels: Tensor


@dataclass(frozen=True)
class Seen:
    """What the network made of one frame.

    shared: [1, C, h, w] the features at stride 4 that the dense heads saw; raw: the same before the
        head's context changed them.
    ladder: the neck's maps [1, C_i, h_i, w_i] at strides 8, 16 and 32, in its precision; none for a
        head without context.
    maps: the dense heads, a batch of one.
    find: tells the objects; until somebody asks they may still be in work.
    masks_at: mask probabilities [M, h, w] of whatever is centred in the map pixels x, y
        (int64 [M, 2]) and has the given boxes [M, 4] in image pixels, outside which they may be 0;
        None for a network without masks.
    """

    shared: Tensor
    raw: Tensor
    ladder: tuple[Tensor, ...]
    maps: HeadMaps
    find: Callable[[], Objects]
    masks_at: MasksAt | None


class Context(Protocol):
    """Changes the shared features before any dense head sees them, by the frames around.

    ``past`` and ``future`` say how many frames it looks at on either side; what lies in the future
    must be waited for. ``signed`` says whether its features may well be negative: the network's own
    are not, and a network in eight bits takes that for granted.
    """

    past: int
    future: int
    signed: bool

    def __call__(self, window: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """The features [1, C, h, w] of a frame, and what the next call shall remember.

        Args:
            window: [past + 1 + future, C, h, w] in the order of time, zero where there is no frame.
            memory: from the call for the frame before; None at the beginning of a drive.
        """


class TrackerHead(Protocol):
    """The part of the network that is one tracker's own."""

    context: Context | None

    def read(self, seen: Seen) -> Any:
        """What the tracker needs of a frame beside the detections, in their order."""
